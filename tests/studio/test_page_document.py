"""The page's document against twins in numpy that keep whole copies."""

import base64
import copy
import functools
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from studio.scripts import run_script

from hdgan.studio import frame

MODULES = ("frame", "raster", "plane", "history", "doc")
EDGE = 150  # Strokes reach so far out.
H, W = 150, 200  # Neither is a multiple of a tile's 64.
STUFF, THINGS = (0, 1, 2), (3, 4)
NEW = 5  # A class without objects that has no region yet.
# What the scripts below have in common.
HELPERS = """
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const text = (bytes) => {
  let all = "";
  for (const one of bytes) all += String.fromCharCode(one);
  return btoa(all);
};
const runsOf = (mask) => (mask ? text(packMask(mask, data.w, data.h)) : null);
"""


@pytest.fixture
def run():
  """Runs the body of a script with `data`."""
  return lambda body, data: run_script(MODULES, HELPERS + body, data)


def coded(plane: np.ndarray) -> str:
  return base64.b64encode(frame.pack_runs(plane)).decode()


def decoded(text: str, shape: tuple[int, int] = (H, W)) -> np.ndarray:
  return frame.unpack_runs(base64.b64decode(text), shape, 2**32 - 1)


def middle(x: float, d: int) -> int:
  return int(np.floor(x) if d % 2 else np.floor(x + 0.5))


@functools.cache
def disc(d: int) -> np.ndarray:
  """[d, d] bool: pixels whose middles lie within d / 2 of the square's."""
  v, u = np.mgrid[:d, :d] + 0.5 - d / 2
  return u * u + v * v <= d * d / 4


def stroke(points: tuple[float, ...], d: int) -> np.ndarray:
  """[H, W] bool of the discs on a line of pixels."""
  ax, ay, bx, by = (middle(x, d) for x in points)
  n = max(abs(bx - ax), abs(by - ay))
  covered = np.zeros((H + 2 * EDGE, W + 2 * EDGE), bool)
  for k in range(n + 1):
    x, y = ax + EDGE - d // 2, ay + EDGE - d // 2
    if n:
      x += (2 * k * (bx - ax) + n) // (2 * n)
      y += (2 * k * (by - ay) + n) // (2 * n)
    covered[y : y + d, x : x + d] |= disc(d)
  return covered[EDGE:-EDGE, EDGE:-EDGE]


def scene(rng: np.random.Generator, rows: int = 5) -> np.ndarray:
  """[H, W] of smooth patches of rows, all of which occur."""
  noise = ndimage.gaussian_filter(rng.normal(size=(rows, H, W)), (0, 6, 6))
  plane = noise.argmax(0)
  plane[0, :rows] = range(rows)
  return plane


def table(rows: int = 5) -> list[dict[str, Any]]:
  return [{"label": i, "instance": i, "style": None} for i in range(rows)]


def header(rows: int = 5) -> dict[str, Any]:
  return {
    "kind": "classes", "name": "a", "w": W, "h": H, "seed": 7,
    "table": table(rows), "regions": {str(i): i for i in STUFF},
  }  # fmt: skip


def random_lines(rng: np.random.Generator, count: int) -> list[list[float]]:
  """x0, y0, x1, y1, d; some reach out of the map, some are points."""
  ends = rng.uniform(-30, 230, (count, 4)).round(2)
  ends[::5, 2:] = ends[::5, :2]
  ends[1::7] = ends[1::7].round()
  sizes = rng.choice([1, 2, 3, 4, 5, 8, 16, 31, 64, 101], count)
  return [[*a, int(d)] for a, d in zip(ends.tolist(), sizes, strict=True)]


def test_strokes(run):
  lines = random_lines(np.random.default_rng(0), 60)
  body = "return data.lines.map((line) => runsOf(stroke(...line)));"
  told = run(body, {"w": W, "h": H, "lines": lines})
  for (*points, d), runs in zip(lines, told, strict=True):
    np.testing.assert_array_equal(decoded(runs), stroke(tuple(points), d))


def test_a_disc_has_no_empty_border(run):
  told = run(
    "return data.map((d) => { const { x, y, w, h, bits } = disc(9.4, 9.5, d);"
    " return [x, y, w, h, Array.from(bits)]; });",
    [1, 2, 3, 4],
  )
  assert told[0] == [9, 9, 1, 1, [1]]
  assert told[1] == [8, 9, 2, 2, [1] * 4]
  assert told[2] == [8, 8, 3, 3, [1] * 9]
  rim, whole = [0, 1, 1, 0], [1] * 4
  assert told[3] == [7, 8, 4, 4, rim + whole * 2 + rim]


def test_floods_are_connected_regions(run):
  rng = np.random.default_rng(1)
  plane = scene(rng)
  points = rng.uniform((0, 0), (W, H), (40, 2)).tolist()
  told = run(
    "const doc = new Doc(data, bytes(data.runs));"
    "return data.points.map(([x, y]) => runsOf(flood(doc, x, y)));",
    {**header(), "runs": coded(plane), "points": points},
  )
  for (x, y), runs in zip(points, told, strict=True):
    value = plane[int(y), int(x)]
    parts, _ = ndimage.label(plane == value)
    want = parts == parts[int(y), int(x)]
    np.testing.assert_array_equal(decoded(runs), want)


def test_a_flood_finds_its_way_through_a_maze(run):
  plane = np.zeros((H, W), int)
  plane[1::4, :-1] = plane[3::4, 1:] = 1  # One path, back and forth.
  (runs,) = run(
    "const doc = new Doc(data, bytes(data.runs));"
    "return [runsOf(flood(doc, 0, 0))];",
    {**header(), "runs": coded(plane)},
  )
  np.testing.assert_array_equal(decoded(runs), plane == 0)


def test_scaled_masks(run):
  rng = np.random.default_rng(2)
  bits = (rng.random((7, 10)) < 0.5).astype(int)
  told = run(
    "const mask = { x: 40, y: 50, w: 10, h: 7, bits: Uint8Array.from(data) };"
    "return [[1, false], [2, true], [0.5, false], [1.37, true], [0.01, false]]"
    ".map(([factor, mirror]) => scaled(mask, factor, mirror))"
    ".map(({ x, y, w, h, bits }) => [x, y, w, h, Array.from(bits)]);",
    bits.ravel().tolist(),
  )
  boxes = [one[:4] for one in told]
  assert boxes == [
    [40, 50, 10, 7], [35, 47, 20, 14], [43, 52, 5, 4], [38, 49, 14, 10],
    [45, 53, 1, 1],
  ]  # fmt: skip
  for (*_, w, h, got), mirror in zip(told, [0, 1, 0, 1, 0], strict=True):
    rows = [int((j + 0.5) * 7 / h) for j in range(h)]
    columns = [int((i + 0.5) * 10 / w) for i in range(w)]
    want = bits[np.ix_(rows, columns)]
    want = want[:, ::-1] if mirror else want
    np.testing.assert_array_equal(np.reshape(got, (h, w)), want)


def test_masks_join(run):
  a, b = [20, 20, 80, 60, 9], [60, 30, 190, 149, 20]
  told = run(
    "const [a, b] = data.lines.map((line) => stroke(...line));"
    "return [union(a, b), union(null, b), union(a, null)].map(runsOf);",
    {"w": W, "h": H, "lines": [a, b]},
  )
  masks = [stroke(tuple(points), d) for *points, d in (a, b)]
  for runs, want in zip(told, [masks[0] | masks[1], *masks[::-1]], strict=True):
    np.testing.assert_array_equal(decoded(runs), want)


def test_frames_are_the_servers(run):
  plane = scene(np.random.default_rng(3))
  data = frame.pack({"name": "Straße", "n": 1}, frame.pack_runs(plane))
  told = run(
    "const { header, payload } = unpackFrame(bytes(data.frame).buffer);"
    "const plane = new Uint16Array(data.w * data.h);"
    "unpackRuns(payload, plane);"
    "const again = packFrame(header, packRuns(plane));"
    "return text(new Uint8Array(again));",
    {"w": W, "h": H, "frame": base64.b64encode(data).decode()},
  )
  got, payload = frame.unpack(base64.b64decode(told))
  assert got == {"name": "Straße", "n": 1}
  assert payload == frame.pack_runs(plane)


def test_runs_that_do_not_fill_the_plane_are_refused(run):
  short = base64.b64encode(np.array([0, W * H - 1], "<u4").tobytes()).decode()
  told = run(
    "try { new Doc(data, bytes(data.runs)); } catch (error) {"
    " return error.message; }",
    {**header(), "runs": short},
  )
  assert told == "runs of 29999 pixels for a plane of 30000"


class Twin:
  """What `Doc` must do, with a whole copy per step."""

  def __init__(self, plane: np.ndarray):
    self.plane, self.table = plane.copy(), table()
    self.regions = {str(i): i for i in STUFF}
    self.past = [self.state()]
    self.position = 0

  def state(self) -> tuple:
    return self.plane.copy(), copy.deepcopy((self.table, self.regions))

  def show(self, position: int) -> None:
    self.position = min(max(position, 0), len(self.past) - 1)
    plane, rest = self.past[self.position]
    self.plane = plane.copy()
    self.table, self.regions = copy.deepcopy(rest)

  def row_for(self, label: int, style: Any) -> int:
    row = self.regions.get(str(label))
    if row is None or label in THINGS:
      row = len(self.table)
      self.table.append({"label": label, "instance": None, "style": style})
      if label not in THINGS:
        self.regions[str(label)] = row
    elif style is not None and not (self.plane == row).any():
      self.table[row]["style"] = style
    return row

  def paint(self, lines: list, label: int, style: Any) -> None:
    row = self.row_for(label, style)
    for *points, d in lines:
      self.plane[stroke(tuple(points), d)] = row
    fresh = len(self.table) > len(self.past[self.position][1][0])
    if fresh and not (self.plane == row).any():
      self.table.pop()
      self.regions = dict(self.past[self.position][1][1])

  def commit(self) -> bool:
    plane, (rows, _) = self.past[self.position]
    if (plane == self.plane).all() and rows == self.table:
      return False
    del self.past[self.position + 1 :]
    self.past.append(self.state())
    self.position += 1
    return True


EDITS = """
const doc = new Doc(data, bytes(data.runs)), deeds = {
  paint({ lines, label, style, thing }) {
    doc.begin("Paint");
    const row = doc.rowFor(label, style, thing);
    const rects = lines.map((line) => doc.write(stroke(...line), row));
    return [doc.commit(), rects.reduce(hull, null)];
  },
  fill({ x, y, row }) {
    doc.begin("Fill");
    const rect = doc.write(flood(doc, x, y), row);
    return [doc.commit(), rect];
  },
  style({ rows, style }) {
    doc.begin("Style");
    doc.setRows(rows, { style });
    return [doc.commit(), null];
  },
  answer({ runs, table, regions }) {
    doc.begin("Move");
    const rect = doc.replace({ table, regions }, bytes(runs));
    return [doc.commit(), rect];
  },
  cancel({ lines, label }) {
    doc.begin("Paint");
    const row = doc.rowFor(label, 5, true);
    const rects = lines.map((line) => doc.write(stroke(...line), row));
    return [true, hull(rects.reduce(hull, null), doc.cancel())];
  },
  undo: () => [true, doc.undo()],
  redo: () => [true, doc.redo()],
  goto: ({ position }) => [true, doc.goto(position)],
};
return data.edits.map(([name, what]) => {
  const version = doc.version, [done, rect] = deeds[name](what);
  const boxes = doc.table.map((_, row) => doc.box(row));
  return {
    done, rect, boxes, runs: text(doc.runs()), table: doc.table,
    regions: doc.regions, areas: Array.from(doc.areas()),
    position: doc.history.position, steps: doc.history.steps.length,
    dirty: doc.dirty, grown: doc.version > version,
  };
});
"""


def random_edits(
  rng: np.random.Generator, twin: Twin, count: int
) -> list[tuple[list, dict]]:
  """Edits, each with what must be there after it."""
  edits = []
  names = ["paint"] * 5 + ["fill", "style", "answer", "cancel", "goto"]
  names += ["undo"] * 4 + ["redo"] * 3
  for name in rng.choice(names, count):
    before = twin.plane.copy()
    edit, done = random_edit(rng, twin, str(name))
    want = {
      "done": done, "plane": twin.plane.copy(),
      "changed": before != twin.plane, "table": copy.deepcopy(twin.table),
      "regions": dict(twin.regions), "position": twin.position,
      "steps": len(twin.past) - 1,
    }  # fmt: skip
    edits.append(([str(name), edit], want))
  return edits


def random_edit(rng, twin: Twin, name: str) -> tuple[dict, bool]:
  label = int(rng.choice([*STUFF, *THINGS, NEW]))
  style = [None, 3, [0.5, -1.0]][rng.integers(3)]
  lines = random_lines(rng, 3)
  if name == "paint":
    twin.paint(lines, label, style)
    thing = label in THINGS
    edit = {"lines": lines, "label": label, "style": style, "thing": thing}
    return edit, twin.commit()
  if name == "fill":
    x, y = int(rng.integers(W)), int(rng.integers(H))
    row = int(rng.integers(len(twin.table)))
    parts, _ = ndimage.label(twin.plane == twin.plane[y, x])
    twin.plane[parts == parts[y, x]] = row
    return {"x": x, "y": y, "row": row}, twin.commit()
  if name == "style":
    rows = rng.choice(len(twin.table), 2).tolist()
    for row in rows:
      twin.table[row]["style"] = style
    return {"rows": rows, "style": style}, twin.commit()
  if name == "answer":
    twin.plane = np.roll(twin.plane, int(rng.integers(3)), 1)
    edit = {"runs": coded(twin.plane), "table": copy.deepcopy(twin.table)}
    return {**edit, "regions": dict(twin.regions)}, twin.commit()
  if name == "cancel":
    return {"lines": lines, "label": label}, True
  position = int(rng.integers(len(twin.past)))
  step = {"undo": twin.position - 1, "redo": twin.position + 1}
  twin.show(step.get(name, position))
  return {"position": position}, True


def box_of(pixels: np.ndarray) -> dict[str, int] | None:
  rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
  if not len(rows):
    return None
  x, y = int(columns[0]), int(rows[0])
  w, h = int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y
  return {"x": x, "y": y, "w": w, "h": h}


def holds(outer: dict[str, int], inner: dict[str, int]) -> bool:
  return all(
    outer[a] <= inner[a] and inner[a] + inner[b] <= outer[a] + outer[b]
    for a, b in ("xw", "yh")
  )


def test_500_edits_with_undo_and_redo(run):
  rng = np.random.default_rng(4)
  plane = scene(rng)
  edits = random_edits(rng, Twin(plane), 500)
  told = run(
    EDITS,
    {**header(), "runs": coded(plane), "edits": [edit for edit, _ in edits]},
  )
  assert sum(want["done"] for _, want in edits) > 400
  old = 0
  for ((name, _), want), got in zip(edits, told, strict=True):
    np.testing.assert_array_equal(decoded(got["runs"]), want["plane"])
    for key in ("table", "regions", "position", "steps", "done"):
      assert got[key] == want[key], (name, key)
    assert got["dirty"] == (want["position"] > 0)
    assert got["grown"] == (want["position"] != old)
    old = want["position"]
    rows = len(want["table"])
    counts = np.bincount(want["plane"].ravel(), minlength=rows)
    assert got["areas"] == counts.tolist()
    for row in rng.choice(rows, 2):
      assert got["boxes"][row] == box_of(want["plane"] == row)
    if name not in ("goto", "cancel"):  # These may lead there and back.
      assert got["rect"] == box_of(want["changed"]), name
    elif want["changed"].any():
      assert holds(got["rect"], box_of(want["changed"]))


def test_a_history_is_bounded_by_bytes(run):
  rng = np.random.default_rng(5)
  told = run(
    """
    const doc = new Doc(data, bytes(data.runs));
    doc.history.limit = 400000;
    const states = [text(doc.runs())], bytesHeld = [];
    for (const line of data.lines) {
      doc.begin(String(states.length));
      doc.write(stroke(...line), doc.rowFor(3, null, true));
      if (doc.commit()) states.push(text(doc.runs()));
      if (bytesHeld.length % 9 === 8 && doc.undo()) states.pop();
      let held = 0;
      for (const { tiles } of doc.history.steps) {
        for (const tile of tiles.values()) held += tile.byteLength;
      }
      bytesHeld.push(held);
    }
    const titles = doc.history.titles();
    while (doc.undo());
    const back = text(doc.runs()) === states[Number(titles[0]) - 1];
    const { position } = doc.history;
    return { states: states.length, titles, bytesHeld, position, back };
    """,
    {**header(), "runs": coded(scene(rng)), "lines": random_lines(rng, 150)},
  )
  assert max(told["bytesHeld"]) <= 400_000
  assert told["bytesHeld"][-1] > 300_000  # Also after steps that were undone.
  last = told["states"] - 1
  count = len(told["titles"])
  assert count < 100
  assert told["titles"] == [str(i) for i in range(last - count + 1, last + 1)]
  assert told["position"] == 0
  assert told["back"]


def test_one_step_larger_than_the_bound_can_be_undone(run):
  told = run(
    "const doc = new Doc(data, bytes(data.runs));"
    "doc.history.limit = 1000;"
    "for (const x of [9, 90]) {"
    "  doc.begin('big'); doc.write(disc(x, 70, 200), 1); doc.commit(); }"
    "const before = doc.history.steps.length;"
    "doc.undo();"
    "return [before, doc.undo(), runsOf(maskOf(doc, 1))];",
    {**header(), "runs": coded(np.zeros((H, W), int))},
  )
  assert told[:2] == [1, None]
  np.testing.assert_array_equal(decoded(told[2]), stroke((9, 70, 9, 70), 200))


def test_what_the_server_decides_holds_in_the_whole_history(run):
  told = run(
    """
    const doc = new Doc(data, bytes(data.runs)), step = (f) => {
      doc.begin("step");
      f();
      doc.commit();
    };
    let row;
    step(() => doc.write(disc(50, 50, 20), (row = doc.rowFor(3, null, true))));
    const sent = doc.table;
    // Meanwhile a style is chosen for it, and one more painted.
    step(() => doc.setRow(row, { style: 8 }));
    step(() => doc.write(disc(150, 50, 20), doc.rowFor(3, null, true)));
    const first = doc.resolve([[0, 0, 4], [row, 3001, 6]], sent);
    const again = doc.resolve([[0, 0, 5], [row, 3001, 5]], sent);
    const seen = [doc.table];
    while (doc.history.position) {
      doc.undo();
      seen.push(doc.table);
    }
    return { first, again, seen: JSON.parse(JSON.stringify(seen)) };
    """,
    {**header(), "runs": coded(np.zeros((H, W), int))},
  )
  assert told["first"]
  assert not told["again"]
  third, second, first, opened = told["seen"]
  assert third[5] == second[5] == {"label": 3, "instance": 3001, "style": 8}
  assert third[6] == {"label": 3, "instance": None, "style": None}
  assert first[5] == {"label": 3, "instance": 3001, "style": 6}
  assert [one[0]["style"] for one in told["seen"]] == [4] * 4
  assert len(opened) == 5


def test_an_answer_by_the_old_seed_is_not_taken(run):
  told = run(
    """
    const doc = new Doc(data, bytes(data.runs)), sent = doc.table;
    doc.begin("seed");
    doc.setSeed(9);
    doc.commit();
    doc.resolve([[3, 3, 6]], sent);
    const after = { seed: doc.seed, row: doc.table[3] };
    doc.undo();
    return [after, { seed: doc.seed, row: doc.table[3] }];
    """,
    {**header(), "runs": coded(np.zeros((H, W), int))},
  )
  row = table()[3]
  assert told == [
    {"seed": 9, "row": row}, {"seed": 7, "row": {**row, "style": 6}},
  ]  # fmt: skip


def test_an_answer_for_a_row_that_is_gone_is_not_taken(run):
  """One that was undone and painted over, and one of another class since."""
  told = run(
    """
    const doc = new Doc(data, bytes(data.runs)), paint = () => {
      doc.begin("paint");
      doc.write(disc(50, 50, 20), doc.rowFor(3, null, true));
      doc.commit();
    };
    paint();
    const gone = doc.table;
    doc.undo();
    paint();
    const first = doc.resolve([[5, 3001, 6]], gone), sent = doc.table;
    doc.begin("class");
    doc.setRow(5, { label: 4 });
    doc.commit();
    const second = doc.resolve([[5, 3001, 6]], sent);
    return [first, second, doc.table[5], sent[5]];
    """,
    {**header(), "runs": coded(np.zeros((H, W), int))},
  )
  assert told[:2] == [False, True]
  assert told[2] == {"label": 4, "instance": None, "style": None}
  assert told[3] == {"label": 3, "instance": 3001, "style": 6}


def test_an_edits_answer_gives_ids_to_the_rows_as_they_were(run):
  told = run(
    """
    const doc = new Doc(data, bytes(data.runs));
    doc.begin("paint");
    doc.write(disc(50, 50, 20), doc.rowFor(3, 2, true));
    doc.commit();
    const table = JSON.parse(JSON.stringify(doc.table));
    table[5].instance = 3001;
    table[0].label = 2;
    const same = doc.table[1];
    doc.replace({ table, regions: {} }, doc.runs(), "Change class");
    const kept = doc.table[1] === same, titles = doc.history.titles();
    const after = doc.table, regions = doc.regions;
    doc.undo();
    return { kept, titles, after, regions, before: doc.table };
    """,
    {**header(), "runs": coded(np.zeros((H, W), int))},
  )
  assert told["kept"]
  assert told["titles"] == ["paint", "Change class"]
  assert told["regions"] == {}
  assert told["after"][0]["label"] == 2
  assert told["before"][0]["label"] == 0
  for rows in (told["before"], told["after"]):
    assert rows[5] == {"label": 3, "instance": 3001, "style": 2}


def test_steps_that_change_nothing(run):
  told = run(
    """
    const doc = new Doc(data, bytes(data.runs)), before = doc.table;
    const tries = [
      () => doc.write(disc(50, 50, 20), 0),
      () => doc.write(disc(-50, 50, 20), doc.rowFor(3, null, true)),
      () => { doc.write(disc(50, 50, 20), 1); doc.write(disc(50, 50, 20), 0); },
      () => doc.setRow(0, { style: null }),
    ];
    const done = tries.map((f) => (doc.begin("x"), f(), doc.commit()));
    let refused = "";
    try {
      doc.setRow(0, { style: 1 });
    } catch (error) {
      refused = error.message;
    }
    doc.begin("kept");
    doc.write(disc(150, 50, 20), 1);
    doc.commit();
    doc.begin("stroke");
    doc.write(disc(50, 50, 20), 1);
    const undone = doc.undo();
    const late = [doc.write(disc(9, 9, 9), 1), doc.commit()];
    const { version, history } = doc, same = before === doc.table;
    const steps = history.steps.length, runs = text(doc.runs());
    return { done, refused, undone, late, version, same, steps, runs };
    """,
    {**header(), "runs": coded(np.zeros((H, W), int))},
  )
  assert told["done"] == [False] * 4
  assert told["refused"] == "no step has begun"
  assert told["undone"] == {"x": 40, "y": 40, "w": 20, "h": 20}
  assert told["late"] == [None, False]
  assert (told["version"], told["steps"], told["same"]) == (1, 1, True)
  np.testing.assert_array_equal(
    decoded(told["runs"]), stroke((150, 50) * 2, 20)
  )


def test_pictures(run):
  """Levels of three channels in a pixel, and the style of the one object."""
  plane = np.full((H, W), 0xFFFFFF)
  told = run(
    """
    const doc = new Doc(data, bytes(data.runs));
    doc.begin("draw");
    const rect = doc.write(stroke(20, 30, 90, 80, 5), 0x102030);
    doc.commit();
    doc.resolve([[0, 0, 4]]);
    const runs = text(doc.runs());
    doc.undo();
    return { rect, runs, header: doc.header(), area: doc.areas()[0],
      back: text(doc.runs()), rows: doc.rowsOf(0), at: doc.at(3, 3) };
    """,
    {"kind": "picture", "name": "e", "w": W, "h": H, "runs": coded(plane)},
  )
  line = stroke((20, 30, 90, 80), 5)
  want = np.where(line, 0x102030, plane)
  np.testing.assert_array_equal(decoded(told["runs"]), want)
  np.testing.assert_array_equal(decoded(told["back"]), plane)
  assert told["rect"] == box_of(line)
  assert told["header"] == {
    "kind": "picture", "name": "e", "w": W, "h": H, "seed": 0, "style": 4,
  }  # fmt: skip
  assert (told["area"], told["rows"], told["at"]) == (W * H, [0], 0xFFFFFF)
