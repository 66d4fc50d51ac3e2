// The other dialogs: export, keys, the server's new address; and who opens which.

import { COMMANDS, isFor } from "./commands.js";
import { Field, action, actions, askDialog, showDialog } from "./dialog.js";
import { h } from "./dom.js";
import { keyText } from "./keys.js";
import { newDialog, openDialog, scenesDialog } from "./opening.js";

const DIALOGS = {
  new: newDialog, open: openDialog, scenes: scenesDialog, export: exportDialog,
  keys: keysDialog, reconnect: reconnectDialog,
};

/** Shows dialogs when they are asked for. */
export class Dialogs {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    app.on("dialog", (name) => {
      if (app.meta || name === "reconnect") DIALOGS[name](app);
    });
    app.on("files", (files) => app.meta && openDialog(app, files));
    // Shown once where the server was started anew, then by its button; another window
    // may have been given the address meanwhile.
    app.on("status", ({ state }) => {
      if (state !== "token") this.reconnect?.close();
      else if (this.state !== "token") this.reconnect = reconnectDialog(app);
      this.state = state;
    });
  }
}

// What an export holds, and of which models.
const HELD = [
  ["label/", "the map"],
  ["inst/", "its objects", (meta) => meta.kind === "classes"],
  ["photo.png", "the photo, lossless"],
  ["styles.json", "the look of each object", (meta) => meta.style_channels > 0],
  ["session.json", "what Open files needs to go on with it"],
];

/** Everything as one zip. */
function exportDialog(app) {
  const rows = HELD.filter(([, , of]) => !of || of(app.meta));
  const list = rows.map(([name, text]) => [h("dt", {}, h("code", {}, name)), h("dd", {}, text)]);
  askDialog(app, {
    title: "Export", verb: "Download", fields: [], check: () => true,
    body: [
      h("p", {}, `“${app.doc.name}” as one zip:`), h("dl", { class: "held" }, ...list.flat()),
    ],
    run: async (signal) => {
      await idle(app);
      const { doc } = app, { state } = doc;
      const answer = await app.call("export", doc.header(), doc.runs(), signal);
      save(answer.header.name, new Blob([answer.payload], { type: "application/zip" }));
      doc.exported(state);
      app.store.later();
      app.announce(`Saved ${answer.header.name}`);
      replayDialog(app, answer.header);
      return true;
    },
  });
}

/** Waits for what is being changed. */
function idle(app) {
  return new Promise((resolve) => {
    if (!app.busy) return resolve();
    const end = app.on("busy", (busy) => {
      if (busy) return;
      end();
      resolve();
    });
  });
}

/** Lets the browser save a file. */
function save(name, blob) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/** How an export is made into photos again. */
function replayDialog(app, { name, command }) {
  const unzip = `unzip ${quoted(name)} -d ${quoted(name.replace(/\.zip$/, ""))}`;
  const lines = h("pre", { tabindex: 0 }, `${unzip}\n${command}`);
  const copy = action("Copy", async () => {
    try {
      await navigator.clipboard.writeText(lines.textContent);
      copy.textContent = "Copied";
    } catch {
      // Not every page may: then a person does it.
      getSelection().selectAllChildren(lines);
    }
  });
  const dialog = showDialog(app, `Saved ${name}`,
    h("p", {}, "Unpacked, it makes the same photo again, byte for byte:"),
    lines, actions(copy, action("Close", () => dialog.close(), "primary")),
  );
}

/** A name as a shell takes it. */
function quoted(name) {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

// What pointers do, and the keys that the stage takes itself.
const GESTURES = [
  ["Drag with Space or the middle button", "moves the view"],
  ["Wheel, pinch", "zooms at the pointer"],
  ["Arrows, Shift+Arrows", "move the crosshair, by 1 or 10 pixels"],
  ["Enter", "does what a click does"], ["Alt", "picks while it is held"],
];

/** All keys, by group; what there are no objects for is left out. */
function keysDialog(app) {
  const shown = COMMANDS.filter((one) => one.keys.length && one.sheet !== null && isFor(one, app));
  const row = ({ keys, title, help, sheet }) => (sheet
    ? keyRow([keyText(keys[0]), "…", keyText(sheet.last)], sheet.title, help)
    : keyRow(keys.map(keyText), title, help));
  const groups = [...Map.groupBy(shown, (one) => one.group)];
  const rows = groups.flatMap(([group, all]) => [heading(group), ...all.map(row)]);
  const gestures = GESTURES.map(([what, text]) => keyRow([what], text, ""));
  const all = [...rows, heading("Pointer and stage"), ...gestures];
  const table = h("table", { class: "keys" }, h("tbody", {}, ...all));
  const dialog = showDialog(app, "Keys", h("p", {}, aboutKind(app)), table);
  dialog.classList.add("wide");
}

function heading(text) {
  return h("tr", {}, h("th", { colspan: 3, scope: "colgroup" }, text));
}

function keyRow(keys, title, help) {
  const names = keys.map((key) => h("kbd", {}, key));
  return h("tr", {}, h("td", {}, ...names), h("td", {}, title), h("td", {}, help));
}

/** What one edits here, in a sentence. */
function aboutKind(app) {
  const what = app.meta.kind === "picture"
    ? "This model makes photos from a picture: brush and eraser draw in its levels."
    : "Paint classes, change objects, choose their looks: the photo follows.";
  return `${what} Keys act while the stage has the focus.`;
}

/** Takes the address of a server that was started anew. */
function reconnectDialog(app) {
  if (!app.send.connect) return null;
  const why = app.doc
    ? "The studio was started anew. Nothing is lost: your scene is in this page."
    : "It answers only who has the address that it printed when it was started.";
  const address = new Field("Address that the studio printed", h("input", {
    type: "text", inputmode: "url", autocomplete: "off", placeholder: `${location.origin}/#token=…`,
  }), { hint: `To go on in this page, start it with --port=${location.port || 80}.` });
  return askDialog(app, {
    title: "Connect to the studio", verb: "Connect", fields: [address],
    body: [h("p", {}, why), address.element],
    check: () => {
      const taken = app.send.connect(address.input.value.trim());
      return address.fail(taken ? "" : "There is no token in it.");
    },
    run: async () => {
      app.emit("render");
      return true;
    },
  });
}
