"""What the page does on commands, and how it asks for photos; run by node."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from studio.scripts import NODE
from studio.stand_in import ROAD

from hdgan.studio.page import files

EXPORTS = (
  "App, Doc, Link, COMMANDS, keyName, keyText, canRun, isFor, pause, sideFault,"
  " packFrame, unpackFrame, packRuns, setStyle, setSeed, setClass, duplicate,"
  " escape, walk, openAnswer, removeSelection, takePaper,"
  " goTo"
)
# A page without a browser: a server that answers when it is told to, a clock
# that goes on when it is told to, bitmaps that are the bytes.
WORLD = """
globalThis.document = { createElement: () => ({}) };
const root = { replaceChildren() {} };
const META = {
  kind: "classes", state: "ready", seconds: { full: 0.1, draft: 0.05 }, unit: 8,
  stage_size: [2, 4], largest: { pixels: 4096, side: 256 },
  classes: [
    { id: 0, name: "sky", has_instances: false, styles: 2, color: [0, 0, 9] },
    { id: 1, name: "car", has_instances: true, styles: 3, color: [0, 9, 0] },
  ],
};
const SCENE = {
  kind: "classes", name: "street", w: 4, h: 2, seed: 0, regions: { 0: 0 },
  table: [
    { label: 0, instance: 0, style: null },
    { label: 1, instance: 1000, style: 2 },
    { label: 1, instance: 1001, style: null },
  ],
};
const PLANE = Uint16Array.from([0, 0, 1, 1, 0, 0, 2, 2]);

/** An app whose calls wait in `sent` as {name, header, answer, refuse}. */
function world(meta = {}) {
  const sent = [], shown = [], said = [], clock = { time: 0, due: [] };
  const send = (name, body) => new Promise((answer, refuse) => sent.push({
    name, header: unpackFrame(body).header, refuse,
    answer: (header, payload) => answer(packFrame(header, payload)),
  }));
  const app = new App(root, send);
  app.meta = { ...META, ...meta };
  app.on("status", (status) => said.push(status));
  app.on("photo", () => shown.push([app.photo.version, app.photo.scale]));
  const link = new Link(app, {
    now: () => clock.time, decode: async () => ({ close() {} }),
    later: (f, ms) => {
      const timer = { f, at: clock.time + ms };
      clock.due.push(timer);
      return timer;
    },
    forget: (timer) => (clock.due = clock.due.filter((one) => one !== timer)),
  });
  const photo = (call) => call.answer({
    seq: call.header.seq, scale: call.header.scale, resolved: [],
  });
  const pass = async (ms) => {
    const end = clock.time + ms;
    for (;;) {
      const [next] = clock.due.sort((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      clock.due.shift();
      clock.time = next.at;
      next.f();
      await settle();
    }
    clock.time = end;
  };
  const open = () => app.open(new Doc(structuredClone(SCENE), packRuns(PLANE)));
  const paint = (value = 1) => {
    const { doc } = app, at = doc.version % 8;
    const now = doc.plane[at];
    doc.begin("dab");
    const mask = { x: at % 4, y: at >> 2, w: 1, h: 1, bits: Uint8Array.of(1) };
    const rect = doc.write(mask, now === value ? 0 : value);
    if (doc.commit()) app.changed(rect);
  };
  const state = () => said.at(-1).state;
  return { app, link, sent, shown, said, clock, pass, photo, open, paint,
    state };
}
const settle = () => new Promise((done) => setImmediate(done));
"""


# Runs each line of its input, a script as JSON, and answers by a line.
LOOP = """
const Script = (async () => null).constructor, names = Object.keys(page);
for await (const line of createInterface({ input: process.stdin })) {
  let told = null;
  const script = new Script(...names, "done", WORLD + JSON.parse(line));
  try {
    await script(...Object.values(page), (x) => (told = x));
    console.log(JSON.stringify({ told }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error.stack || error) }));
  }
}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Iterator[subprocess.Popen]:
  """One process for all scripts, as each start of one takes a while."""
  folder = tmp_path_factory.mktemp("page")
  text = files.editor_module() + f"export {{ {EXPORTS} }};\n"
  (folder / "editor.mjs").write_text(text, "utf-8")
  (folder / "loop.mjs").write_text(
    'import * as page from "./editor.mjs";\n'
    'import { createInterface } from "node:readline";\n'
    f"const WORLD = {json.dumps(WORLD)};\n{LOOP}",
    "utf-8",
  )
  with subprocess.Popen(
    [NODE, str(folder / "loop.mjs")], stdin=subprocess.PIPE,
    stdout=subprocess.PIPE, text=True,
  ) as process:  # fmt: skip
    yield process
    assert process.stdin is not None
    process.stdin.close()


@pytest.fixture
def run(node) -> Callable[[str], Any]:
  """Runs a script in the world above; gives what it hands to `done`."""

  def call(script: str) -> Any:
    node.stdin.write(json.dumps(script) + "\n")
    node.stdin.flush()
    answer = json.loads(node.stdout.readline())
    assert "error" not in answer, answer["error"]
    return answer["told"]

  return call


def test_commands_are_whole(run):
  commands = run("""
    done(COMMANDS.map(({ run, id, title, icon, help, keys, group, only }) => (
      { id, title, icon, help, keys, group, only, run: typeof run })));
  """)
  assert len({one["id"] for one in commands}) == len(commands) >= 60
  for one in commands:
    for field in ("title", "icon", "help", "group"):
      assert one[field], one
    assert one["run"] == "function"
  for kind in ("classes", "picture"):
    keys = [
      key for one in commands
      if one.get("only") in (None, kind) for key in one["keys"]
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    # Without a key are the two that a message offers.
  assert {one["id"] for one in commands if not one["keys"]} == {
    "retry", "reconnect",
  }  # fmt: skip


# Pressed -> as COMMANDS has it: US, Shift with digits, German AltGr, French
# digits, the Mac's command key, and a keypad.
@pytest.mark.parametrize(
  ("event", "name"),
  [
    ({"key": "b", "code": "KeyB"}, "b"),
    ({"key": "C", "code": "KeyC", "shiftKey": True}, "shift+c"),
    ({"key": "z", "code": "KeyZ", "metaKey": True}, "ctrl+z"),
    (
      {"key": "Z", "code": "KeyZ", "ctrlKey": True, "shiftKey": True},
      "ctrl+shift+z",
    ),
    ({"key": "!", "code": "Digit1", "shiftKey": True}, "shift+1"),
    ({"key": "&", "code": "Digit1"}, "1"),
    ({"key": "0", "code": "Numpad0"}, "0"),
    ({"key": "End", "code": "Numpad1"}, "end"),
    ({"key": "[", "code": "Digit8", "ctrlKey": True, "altKey": True,
      "graph": True}, "["),
    ({"key": "{", "code": "BracketLeft", "shiftKey": True}, "{"),
    ({"key": "?", "code": "Slash", "shiftKey": True}, "?"),
    ({"key": "Delete", "code": "Delete"}, "delete"),
    ({"key": "+", "code": "BracketRight"}, "+"),
  ],
)  # fmt: skip
def test_key_name(run, event, name):
  got = run(f"""
    const event = {json.dumps(event)};
    done(keyName({{ ...event, getModifierState: () => !!event.graph }}));
  """)
  assert got == name


def test_key_text(run):
  assert run("""
    done(["ctrl+shift+z", "escape", "+", "?", "shift+1", "["].map(keyText));
  """) == ["Ctrl+Shift+Z", "Esc", "+", "?", "Shift+1", "["]


def test_the_latest_wins(run):
  """20 edits at once: two photos, the first and the last, never an older."""
  got = run("""
    const w = world();
    w.open();
    for (let i = 0; i < 20; i++) w.paint();
    const waiting = w.sent.length;
    w.photo(w.sent[0]);
    await settle();
    w.photo(w.sent[1]);
    await settle();
    done({ waiting, sent: w.sent.length, shown: w.shown, said: w.state(),
      seqs: w.sent.map((one) => one.header.seq), version: w.app.doc.version });
  """)
  assert got["waiting"] == 1
  assert got["sent"] == 2 and got["seqs"] == [1, 2]
  assert got["shown"] == [[0, 1], [20, 1]]
  assert got["version"] == 20 and got["said"] == "ready"


def test_an_answer_that_was_given_up_is_not_shown(run):
  """Stopped, asked anew, and answered in the wrong order."""
  got = run("""
    const w = world();
    w.open();
    for (let i = 0; i < 20; i++) {
      w.paint();
      w.app.emit("stop");
      w.app.emit("render");
    }
    const renders = w.sent.filter((one) => one.name === "render");
    const seqs = renders.map((one) => one.header.seq);
    for (const one of renders.reverse()) {
      w.photo(one);
      await settle();
    }
    const cancels = w.sent.filter((one) => one.name === "cancel").length;
    done({ seqs, shown: w.shown, cancels });
  """)
  assert got["seqs"] == list(range(1, 22))
  assert got["shown"] == [[20, 1]]
  assert got["cancels"] == 20


def test_drafts_where_a_photo_takes_long(run):
  """A quarter at once, the full one after a second without an edit."""
  got = run("""
    const w = world({ seconds: { full: 9, draft: 0.5 } }), log = [];
    const renders = () => w.sent.filter((one) => one.name === "render").length;
    w.open();
    w.photo(w.sent[0]);
    await settle();
    log.push([w.sent[0].header.scale, w.said.at(-1).state]);
    w.paint();
    w.photo(w.sent[1]);
    await settle();
    await w.pass(999);
    log.push([w.sent[1].header.scale, renders()]);
    await w.pass(1);
    log.push([w.sent[2].header.scale, renders()]);
    await w.pass(9000);
    const seconds = w.said.at(-1).seconds;
    w.photo(w.sent[2]);
    await settle();
    done({ log, seconds, shown: w.shown, said: w.state(), last: w.app.last });
  """)
  assert got["log"] == [[4, "draft"], [4, 2], [1, 3]]
  assert got["seconds"] == 9 and got["last"] == 9
  assert got["shown"] == [[0, 4], [1, 4], [1, 1]] and got["said"] == "ready"


def test_a_slow_link_has_drafts_too(run):
  """The model is quick, but the photo took two seconds to come."""
  got = run("""
    const w = world();
    w.open();
    w.clock.time = 2000;
    w.photo(w.sent[0]);
    await settle();
    w.paint();
    done([w.sent[0].header.scale, w.sent[1].header.scale]);
  """)
  assert got == [1, 4]


def test_held_back(run):
  got = run("""
    const w = world();
    w.open();
    w.photo(w.sent[0]);
    await settle();
    w.app.set({ hold: true });
    for (let i = 0; i < 5; i++) w.paint();
    const held = [w.sent.length, w.said.at(-1).state];
    w.app.set({ hold: false });
    const released = w.sent.length;
    w.photo(w.sent[1]);
    await settle();
    w.app.set({ byHand: true });
    w.paint();
    const byHand = w.sent.length;
    w.app.emit("render");
    done({ held, released, byHand, forced: w.sent.length });
  """)
  assert got == {
    "held": [1, "waiting"],
    "released": 2,
    "byHand": 2,
    "forced": 3,
  }


def test_offline_retries(run):
  """1, 2, 4 .. 30 seconds; edits go on, the newest is rendered at last."""
  got = run("""
    const w = world(), tries = [], away = { code: "offline", message: "away" };
    w.open();
    w.sent[0].refuse(away);
    await settle();
    let before = 0;
    for (let i = 0; i < 7; i++) {
      const known = w.sent.length;
      while (w.sent.length === known) await w.pass(1000);
      tries.push((w.clock.time - before) / 1000);
      before = w.clock.time;
      w.paint();
      const states = w.said.at(-1).state;
      if (states !== "offline") throw new Error(states);
      if (i < 6) w.sent.at(-1).refuse(away);
      else w.sent.at(-1).answer(META);
      await settle();
    }
    const names = w.sent.map((one) => one.name);
    w.photo(w.sent.at(-1));
    await settle();
    done({ tries, names, shown: w.shown, state: w.state(),
      version: w.app.doc.version });
  """)
  assert got["tries"] == [1, 2, 4, 8, 16, 30, 30]
  assert got["names"] == ["render", *["meta"] * 7, "render"]
  assert got["version"] == 7 and got["shown"] == [[7, 1]]
  assert got["state"] == "ready"


def test_another_model_makes_no_photo(run):
  """What comes back is not what the document is for, until it is again."""
  got = run("""
    const w = world(), away = { code: "offline", message: "away" };
    w.open();
    w.sent[0].refuse(away);
    await settle();
    await w.pass(1000);
    w.sent[1].answer({ ...META, run: "other" });
    await settle();
    const said = w.said.at(-1);
    w.paint();
    const early = w.sent.length;
    w.app.emit("render");
    w.link.look();
    w.sent.at(-1).answer(META);
    await settle();
    done({ said, early, names: w.sent.map((one) => one.name) });
  """)
  assert got["said"]["state"] == "error"
  assert got["said"]["text"] == "Another model is at this address now."
  assert got["early"] == 2
  assert got["names"] == ["render", "meta", "meta", "render"]


def test_warming_up(run):
  got = run("""
    const w = world();
    w.app.meta = null;
    const met = w.link.meet();
    w.sent[0].answer({ ...META, state: "warming", elapsed: 3.2, eta: 20 });
    await met;
    const first = w.said.at(-1);
    w.open();
    const early = w.sent.length;
    await w.pass(1000);
    w.sent[1].answer(META);
    await settle();
    done({ first, early, names: w.sent.map((one) => one.name) });
  """)
  assert got["first"]["state"] == "warming"
  assert got["first"]["seconds"] == 3 and got["first"]["eta"] == 20
  assert got["early"] == 1 and got["names"] == ["meta", "meta", "render"]


def test_an_error_selects_its_object_and_is_not_repeated(run):
  got = run("""
    const w = world();
    w.open();
    w.sent[0].refuse({ code: "style", message: "no such style",
      field: "table[2].style", hint: "choose one" });
    await settle();
    await w.pass(60000);
    const once = w.sent.length;
    w.app.emit("render");
    const said = w.said.find((one) => one.state === "error");
    done({ once, again: w.sent.length, said, chosen: [...w.app.ui.selection] });
  """)
  assert got["once"] == 1 and got["again"] == 2
  assert got["chosen"] == [2]
  assert got["said"] == {
    "state": "error", "text": "no such style", "hint": "choose one",
    "rows": [2], "actions": ["retry"],
  }  # fmt: skip


def test_resolved_rows_and_the_first_photo(run):
  """Ids and styles of the answer go into the table; a chosen style stays."""
  got = run("""
    const w = world();
    w.open();
    w.sent[0].answer({ seq: 1, scale: 1, type: "image/jpeg",
      resolved: [[0, 0, 1], [1, 1000, 2], [2, 1001, 0]] });
    await settle();
    const { first } = w.app;
    w.paint();
    w.photo(w.sent[1]);
    await settle();
    done({ table: w.app.doc.table, same: first === w.app.first,
      photo: w.app.photo.version, first: first.version });
  """)
  assert [row["style"] for row in got["table"]] == [1, 2, 0]
  assert got["same"] and got["first"] == 0 and got["photo"] == 1


def test_styles_by_keys(run):
  """Style 3 for one car; of all cars, and then for new ones too."""
  got = run("""
    const w = world(), { app } = w;
    w.open();
    const styles = () => app.doc.table.map((row) => row.style);
    app.set({ selection: new Set([2]), label: 1 });
    setStyle(app, 1);
    const one = styles(), kept = app.ui.styles;
    setStyle(app, 0, true);
    const all = styles(), now = app.ui.style;
    setStyle(app, 7);
    const titles = app.doc.history.titles();
    app.set({ label: 0 });
    done({ one, all, kept, now, other: app.ui.style, titles });
  """)
  assert got["one"] == [None, 2, 1] and got["kept"] == {}
  assert got["all"] == [None, 0, 0] and got["now"] == 0
  assert got["other"] is None
  assert got["titles"] == ["Style 2: car", "Style 1: 2 × car"]


def test_random_looks_by_a_seed(run):
  got = run("""
    const w = world(), { app } = w;
    w.open();
    app.set({ selection: new Set([1]) });
    setSeed(app, 77);
    const after = [app.doc.seed, app.doc.table[1].style];
    app.changed(app.doc.undo());
    done({ after, before: [app.doc.seed, app.doc.table[1].style] });
  """)
  assert got == {"after": [77, None], "before": [0, 2]}


def test_an_edit_is_one_step_and_strokes_wait(run):
  got = run("""
    const w = world(), { app } = w;
    w.open();
    app.set({ selection: new Set([1]), label: 0 });
    const over = setClass(app, 0);
    const call = w.sent.find((one) => one.name === "edit");
    const during = !!app.busy;
    const undo = COMMANDS.find((one) => one.id === "undo");
    const after = Uint16Array.from([0, 0, 0, 0, 0, 0, 2, 2]);
    call.answer(SCENE, packRuns(after));
    await over;
    done({ edits: call.header.edits, during, after: app.busy,
      plane: [...app.doc.plane], steps: app.doc.history.titles(),
      can: canRun(undo, app) });
  """)
  assert got["edits"] == [{"op": "change_class", "rows": [1], "to": 0}]
  assert got["during"] and got["after"] is None
  assert got["plane"] == [0, 0, 0, 0, 0, 0, 2, 2]
  assert got["steps"] == ["car → sky"] and got["can"]


def test_a_refused_edit_changes_nothing(run):
  got = run("""
    const w = world(), { app } = w;
    w.open();
    app.set({ selection: new Set([1]) });
    const over = removeSelection(app);
    const call = w.sent.find((one) => one.name === "edit");
    call.refuse({ code: "input", message: "no", field: "" });
    await over;
    done({ plane: [...app.doc.plane], steps: app.doc.history.steps.length,
      busy: app.busy, said: w.said.at(-1).text,
      chosen: [...app.ui.selection] });
  """)
  assert got == {
    "plane": [0, 0, 1, 1, 0, 0, 2, 2], "steps": 0, "busy": None, "said": "no",
    "chosen": [1],
  }  # fmt: skip


def test_duplicate_lands_beside(run):
  """A car two pixels wide at the right edge: its copy lies to the left."""
  got = run("""
    const w = world(), { app } = w;
    w.open();
    // Row 0 is a region: it stays one.
    app.set({ selection: new Set([0, 1]) });
    duplicate(app);
    const titles = app.doc.history.titles(), row = app.doc.table[3] ?? null;
    const plane = [...app.doc.plane], chosen = [...app.ui.selection];
    goTo(app, 0);
    done({ titles, row, plane, chosen, after: app.ui.selection.size });
  """)
  assert got["plane"] == [3, 3, 1, 1, 0, 0, 2, 2]
  assert got["row"] == {"label": 1, "instance": None, "style": 2}
  assert got["titles"] == ["Duplicate car"] and got["chosen"] == [3]
  assert got["after"] == 0


def test_escape_ends_the_nearest_first(run):
  got = run("""
    const w = world(), { app } = w, log = [];
    w.open();
    const look = ({ tool, fresh, selection }) => (
      log.push([tool, fresh, selection.size]));
    app.set({ tool: "stamp", stamp: {}, fresh: true, selection: new Set([1]) });
    const off = app.on("escape", (stroke) => (stroke.ended = true));
    escape(app);
    look(app.ui);
    off();
    for (let i = 0; i < 3; i++) {
      escape(app);
      look(app.ui);
    }
    done(log);
  """)
  assert got == [
    ["stamp", True, 1],
    ["select", True, 1],
    ["select", False, 1],
    ["select", False, 0],
  ]


def test_walk_goes_round(run):
  got = run("""
    const w = world(), { app } = w, rows = [];
    w.open();
    for (const n of [1, 1, 1, 1, -1]) {
      walk(app, n);
      rows.push([...app.ui.selection][0]);
    }
    done(rows);
  """)
  assert got == [0, 1, 2, 0, 2]


@pytest.mark.parametrize(
  ("side", "fault"),
  [
    (64, ""),
    (0, "A whole number of pixels."),
    (8.5, "A whole number of pixels."),
    (264, "At most 256."),
    (20, "A multiple of 8: 16 or 24."),
    (3, "A multiple of 8: 8."),
  ],
)
def test_sides_of_a_blank_scene(run, side, fault):
  assert run(f"done(sideFault({side}, META));") == fault


def test_the_paper_of_a_picture(run):
  """Black on white, white on black; one channel, three of them."""
  got = run("""
    const paper = (levels, channels, level) => {
      const { app } = world({ kind: "picture", label_channels: channels });
      app.set({ level });
      const plane = Uint32Array.from(levels);
      app.open(new Doc({ kind: "picture", w: 4, h: 1 }, packRuns(plane)));
      takePaper(app);
      return [app.ui.paper, app.ui.level];
    };
    done([
      paper([255, 255, 0, 255], 1, 0), paper([0, 255, 0, 0], 1, 0),
      paper([0xffffff, 7, 0xffffff, 7 << 16], 3, 0x123456),
      paper([9, 9, 9, 1], 1, 0x123456),
    ]);
  """)
  assert got == [[255, 0], [0, 255], [0xFFFFFF, 0x123456], [9, 255]]


def test_disposed_leaves_nothing(run):
  got = run("""
    const w = world(), { app } = w, target = new EventTarget();
    let heard = 0;
    app.listen(target, "ping", () => heard++);
    target.dispatchEvent(new Event("ping"));
    w.open();
    app.dispose();
    target.dispatchEvent(new Event("ping"));
    w.paint();
    done({ heard, timers: w.clock.due.length, sent: w.sent.length });
  """)
  assert got == {"heard": 1, "timers": 0, "sent": 1}


@pytest.mark.slow
def test_dialogs(browse):
  """A size that cannot be, a file that is no map, an export that goes on."""
  visit = browse()
  page = visit.page
  visit.allowed.append("400")
  dialog = page.get_by_role("dialog")

  visit.press("Shift+n")
  dialog.get_by_label("Size").select_option(label="Another size")
  unit = visit.app("app.meta.unit")
  # In a field keys write, and choose no tool.
  visit.app("app.set({tool: 'erase'})")
  dialog.get_by_label("Width").fill(str(3 * unit + 1))
  dialog.get_by_label("Width").press("b")
  assert visit.app("app.ui.tool") == "erase"
  dialog.get_by_role("button", name="Create").click()
  dialog.get_by_text(
    f"A multiple of {unit}: {3 * unit} or {4 * unit}."
  ).wait_for()
  dialog.get_by_label("Width").fill(str(4 * unit))
  dialog.get_by_label("Filled with").select_option(label="road")
  dialog.get_by_role("button", name="Create").click()
  dialog.wait_for(state="detached")
  visit.ready()
  made = visit.doc()
  assert made.plane.shape == (64, 4 * unit)
  assert [row["label"] for row in made.table] == [ROAD]
  # The focus is where it was, and so are the keys.
  assert page.evaluate("document.activeElement.className").startswith("stage")

  visit.press("Control+s")
  with page.expect_download() as download:
    dialog.get_by_role("button", name="Download").click()
  page.get_by_text("byte for byte").wait_for()
  page.keyboard.press("Escape")

  visit.press("Control+o")
  label = dialog.get_by_label("Map of classes")
  label.set_input_files(
    {"name": "x.png", "mimeType": "image/png", "buffer": b"none"}
  )
  dialog.get_by_role("button", name="Open").click()
  field = dialog.locator("label", has_text="Map of classes")
  field.get_by_role("alert").filter(has_text="x.png").wait_for()
  label.set_input_files([])
  dialog.get_by_label("Or an export").set_input_files(download.value.path())
  dialog.get_by_role("button", name="Open").click()
  dialog.wait_for(state="detached")
  visit.ready()
  assert (visit.doc().plane == made.plane).all()


@pytest.mark.slow
def test_files_are_dropped_and_two_editors_live_apart(browse):
  visit = browse()
  page = visit.page
  page.evaluate("""() => {
    const data = new DataTransfer();
    for (const name of ["a_inst.png", "a.png", "a.zip"]) {
      data.items.add(new File(["x"], name));
    }
    const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true });
    document.querySelector("canvas.stage").dispatchEvent(drop);
  }""")
  names = page.get_by_role("dialog").locator("input").evaluate_all(
    "(all) => all.map((one) => one.files[0]?.name ?? null)"
  )  # fmt: skip
  assert names == ["a.png", "a_inst.png", None, "a.zip"]
  page.keyboard.press("Escape")

  page.evaluate("""async () => {
    const { mount } = await import("./editor.js");
    const root = document.createElement("div");
    root.className = "hdgan-studio";
    root.style.height = "300px";
    const cell = document.createElement("main");
    cell.append(root);
    document.body.append(cell);
    const first = document.querySelector(".hdgan-studio").studio;
    globalThis.second = mount(root, first.send);
    globalThis.outside = 0;
    addEventListener("keydown", () => globalThis.outside++);
    // Without a map there are no tools.
    await new Promise((done) => globalThis.second.on("open", done));
  }""")
  stages = page.locator("canvas.stage")
  stages.nth(1).press("e")
  assert page.evaluate("globalThis.second.ui.tool") == "erase"
  assert visit.app("app.ui.tool") == "brush"
  assert page.evaluate("globalThis.outside") == 0
  page.evaluate("globalThis.second.dispose()")
  assert stages.count() == 1
  visit.press("v")
  assert visit.app("app.ui.tool") == "select"
