// All that a person can do besides pointing: one table for buttons, keys, help.

import { classOf, escape, goTo, isThing, likeSelected, present, setSeed, walk } from "./deeds.js";
import { duplicate, makeStamp, removeSelection, setClass, setStyle } from "./deeds.js";
import { hasReal } from "./real.js";

/**
 * One thing to do. `keys` as `keyName` gives them, with Shift mostly the same for
 * all of a class. `release` ends what lasts while a key is held.
 * `by: "stage"`: its keys are taken by the stage itself. `only`: a kind of scene.
 * `sheet`: how the list of keys has it and those up to `last`; null: not at all.
 * @typedef {{id: string, title: string, icon: string, keys: string[], group: string,
 *   help: string, run: (app: import("./app.js").App) => void,
 *   release?: (app: import("./app.js").App) => void,
 *   pressed?: (app: import("./app.js").App) => boolean,
 *   enabled?: (app: import("./app.js").App) => boolean,
 *   by?: "stage", only?: "classes" | "picture",
 *   sheet?: {title: string, last: string} | null}} Command
 */

const open = (app) => !!app.doc && !app.busy;
const chosen = (app) => open(app) && app.ui.selection.size > 0;
const one = (app) => chosen(app) && isThing(app, [...app.ui.selection][0]);
const some = (app) => open(app) && [...app.ui.selection].some((row) => isThing(app, row));
const stamping = (app) => open(app) && !!app.ui.stamp;
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

const tool = (id, title, key, help, only) => ({
  id, title, icon: id, keys: [key], group: "Tools", help, only,
  run: (app) => app.set({ tool: id }), pressed: (app) => app.ui.tool === id,
});

const size = (id, title, icon, keys, by) => ({
  id, title, icon, keys, group: "Brush", help: `by ${Math.abs(by)}`,
  run: (app) => app.set({ size: clamp(app.ui.size + by, 1, 512) }),
});

const toggle = (id, title, icon, key, group, help, field) => ({
  id, title, icon, keys: key ? [key] : [], group, help,
  run: (app) => app.set({ [field]: !app.ui[field] }), pressed: (app) => app.ui[field],
});

const view = (id, title, icon, keys, help) => ({
  id, title, icon, keys, group: "View", help, run: (app) => app.emit("view", id), enabled: open,
});

const dialogFor = (id, title, icon, keys, help, more = {}) => ({
  id, title, icon, keys, group: "Scene", help, run: (app) => app.emit("dialog", id), ...more,
});

const styleKey = (n) => {
  const key = String((n + 1) % 10);
  const able = (app) => open(app) && app.meta.classes.some((kind) => kind.styles > n);
  return [false, true].map((all) => ({
    id: `style${n + 1}${all ? "all" : ""}`,
    title: `Style ${n + 1}${all ? " for all of the class" : ""}`,
    icon: "style", keys: [all ? `shift+${key}` : key], group: "Looks", only: "classes",
    // One line of the sheet for all ten.
    sheet: n ? null : {
      title: all ? "Style for all of the class" : "Style", last: all ? "shift+0" : "0",
    },
    help: all ? "all of the class, and new objects" : "the selected; else new objects",
    run: (app) => setStyle(app, n, all), enabled: able,
  }));
};

/** @type {Command[]} */
const TOOLS = [
  tool("select", "Select", "v", "Shift adds; a double click takes all of the class", "classes"),
  tool("brush", "Brush", "b", "paints the active class; Shift-click draws a line"),
  tool("erase", "Eraser", "e", "the hole takes what is near, or the class chosen for holes"),
  tool("fill", "Fill", "g", "floods the area under the pointer"),
  tool("pick", "Pick", "i", "takes class and style of what is under the pointer; or hold Alt"),
  tool("stamp", "Stamp", "s", "drops an object of the library", "classes"),
  size("smaller", "Smaller brush", "minus", ["["], -1),
  size("larger", "Larger brush", "plus", ["]"], 1),
  size("smaller10", "Much smaller brush", "minus", ["{", "shift+["], -10),
  size("larger10", "Much larger brush", "plus", ["}", "shift+]"], 10),
  {
    id: "fresh", title: "New object", icon: "fresh", keys: ["n"], group: "Brush", only: "classes",
    help: "the next stroke begins a new object", pressed: (app) => app.ui.fresh,
    run: (app) => app.set({ fresh: !app.ui.fresh, tool: "brush" }),
    enabled: (app) => open(app) && !!classOf(app, app.ui.label)?.has_instances,
  },
];

/** @type {Command[]} */
const OBJECTS = [
  {
    id: "next", title: "Next object", icon: "next", keys: ["j"], group: "Objects", only: "classes",
    help: "selects it", run: (app) => walk(app, 1), enabled: open,
  },
  {
    id: "previous", title: "Previous object", icon: "previous", keys: ["k"], group: "Objects",
    help: "selects it", run: (app) => walk(app, -1), enabled: open, only: "classes",
  },
  {
    id: "alike", title: "Select all of the class", icon: "alike", keys: ["a"], group: "Objects",
    help: "of the selected; else of the active class", enabled: open, only: "classes",
    run: (app) => app.set({ selection: new Set(likeSelected(app)), tool: "select" }),
  },
  {
    id: "all", title: "Select everything", icon: "all", keys: ["ctrl+a"], group: "Objects",
    help: "every object and region", enabled: open, only: "classes",
    run: (app) => app.set({ selection: new Set(present(app.doc)), tool: "select" }),
  },
  {
    id: "class", title: "Change class", icon: "class", keys: ["c"], group: "Objects",
    help: "of the selected, to the active class", enabled: chosen, only: "classes",
    run: (app) => setClass(app, app.ui.label),
  },
  {
    id: "classall", title: "Change class of all", icon: "class", keys: ["shift+c"],
    group: "Objects", help: "every object of the selected ones' classes, to the active class",
    enabled: chosen, only: "classes", run: (app) => setClass(app, app.ui.label, true),
  },
  {
    id: "remove", title: "Remove", icon: "remove", keys: ["delete", "backspace"], group: "Objects",
    help: "the selected; the hole takes what is near", enabled: chosen, only: "classes",
    run: removeSelection,
  },
  {
    id: "duplicate", title: "Duplicate", icon: "duplicate", keys: ["ctrl+d"], group: "Objects",
    help: "a copy beside each selected object", enabled: some, only: "classes", run: duplicate,
  },
  {
    id: "makestamp", title: "Make stamp", icon: "makestamp", keys: ["shift+s"], group: "Objects",
    help: "of the selected object", enabled: one, only: "classes", run: makeStamp,
  },
  {
    id: "stampsmaller", title: "Smaller stamp", icon: "minus", keys: [","], group: "Objects",
    help: "by a tenth", enabled: stamping, only: "classes", run: (app) => scaleStamp(app, 1 / 1.1),
  },
  {
    id: "stamplarger", title: "Larger stamp", icon: "plus", keys: ["."], group: "Objects",
    help: "by a tenth", enabled: stamping, only: "classes", run: (app) => scaleStamp(app, 1.1),
  },
  {
    ...toggle("mirror", "Mirror stamp", "mirror", "x", "Objects", "left to right", "stampMirror"),
    enabled: stamping, only: "classes",
  },
  {
    id: "escape", title: "Leave", icon: "close", keys: ["escape"], group: "Objects",
    help: "ends what is under way, the stamp, the selection", run: escape,
  },
];

/** @param {import("./app.js").App} app */
function scaleStamp(app, factor) {
  app.set({ stampScale: clamp(app.ui.stampScale * factor, 1 / 8, 8) });
}

/** @type {Command[]} */
const LOOKS = [
  ...Array.from({ length: 10 }, (_, n) => styleKey(n)).flat(),
  {
    id: "random", title: "Random looks", icon: "random", keys: ["d"], group: "Looks",
    help: "of the selected; else of all; the seed is shown", enabled: open, only: "classes",
    run: (app) => setSeed(app),
  },
  {
    id: "randomall", title: "Random looks for all", icon: "random", keys: ["shift+d"],
    group: "Looks", help: "of every object", enabled: open, only: "classes",
    run: (app) => setSeed(app, undefined, true),
  },
  {
    id: "render", title: "Render again", icon: "render", keys: ["r"], group: "Photo",
    help: "a full photo now", enabled: open, run: (app) => app.emit("render"),
  },
  {
    id: "stop", title: "Stop rendering", icon: "stop", keys: ["q"], group: "Photo",
    help: "the photo stays as it is until the next edit", run: (app) => app.emit("stop"),
    enabled: (app) => ["rendering", "draft"].includes(app.status.state),
  },
  {
    id: "retry", title: "Try again", icon: "render", keys: [], group: "Photo",
    help: "asks the server again", run: (app) => app.emit("render"),
  },
  {
    ...toggle("hold", "Hold the photo back", "hold", "h", "Photo", "while it is held", "hold"),
    release: (app) => app.set({ hold: false }),
  },
  toggle("byhand", "Photo by hand", "byhand", "shift+h", "Photo", "no photo until R", "byHand"),
];

/** @type {Command[]} */
const VIEWS = [
  view("fit", "Fit", "fit", ["f"], "the whole map"),
  view("actual", "Pixel by pixel", "actual", ["z"], "one pixel of the map is one of the screen"),
  view("in", "Zoom in", "zoomin", ["+", "="], "or the wheel"),
  view("out", "Zoom out", "zoomout", ["-"], "or the wheel"),
  toggle("outlines", "Outlines", "outlines", "o", "View", "edges of objects", "outlines"),
  {
    id: "layout", title: "Side by side", icon: "layout", keys: ["l"], group: "View",
    help: "map and photo beside each other, or one over the other",
    run: (app) => app.set({ layout: app.ui.layout === "split" ? "single" : "split" }),
    pressed: (app) => app.ui.layout === "split",
  },
  {
    id: "overlaymore", title: "More map over the photo", icon: "overlay", keys: ["m"],
    group: "View", help: "by a tenth", run: (app) => overlay(app, 0.1),
  },
  {
    id: "overlayless", title: "Less map over the photo", icon: "overlay", keys: ["shift+m"],
    group: "View", help: "by a tenth", run: (app) => overlay(app, -0.1),
  },
  toggle("compare", "Before and after", "compare", "y", "View", "on the photo", "compare"),
  {
    ...toggle("original", "First photo", "original", "\\", "View", "while it is held", "original"),
    by: "stage",
  },
  {
    ...toggle("real", "Real photo", "real", "w", "View", "to compare with", "real"),
    enabled: (app) => open(app) && hasReal(app),
    run: (app) => app.set({ real: !app.ui.real, compare: !app.ui.real }),
  },
];

/** @param {import("./app.js").App} app */
function overlay(app, by) {
  app.set({ overlay: clamp(Math.round((app.ui.overlay + by) * 10) / 10, 0, 1) });
}

/** @type {Command[]} */
const SCENE = [
  {
    id: "undo", title: "Undo", icon: "undo", keys: ["ctrl+z"], group: "History",
    help: "one step back", run: (app) => goTo(app, app.doc.history.position - 1),
    enabled: (app) => open(app) && app.doc.history.position > 0,
  },
  {
    id: "redo", title: "Redo", icon: "redo", keys: ["ctrl+shift+z", "ctrl+y"], group: "History",
    help: "one step on", run: (app) => goTo(app, app.doc.history.position + 1),
    enabled: (app) => open(app) && app.doc.history.position < app.doc.history.steps.length,
  },
  dialogFor("scenes", "Scenes", "scenes", ["p"], "maps on offer and templates"),
  dialogFor("new", "New blank scene", "new", ["shift+n"], "of a size and a class"),
  dialogFor("open", "Open files", "open", ["ctrl+o"], "maps of your own, or an export"),
  dialogFor("export", "Export", "export", ["ctrl+s"], "all as one zip", {
    enabled: (app) => !!app.doc,
  }),
  dialogFor("reconnect", "Connect again", "connect", [], "gives the studio's new address"),
  dialogFor("keys", "Keys", "help", ["?"], "this list", { group: "Help" }),
];

/** @type {Command[]} */
export const COMMANDS = [...TOOLS, ...SCENE, ...OBJECTS, ...LOOKS, ...VIEWS];

/** A command by its id. @param {string} id @returns {Command} */
export function commandOf(id) {
  return COMMANDS.find((command) => command.id === id);
}

/** Whether a command is for this kind of scene. @param {Command} command */
export function isFor(command, app) {
  return !command.only || !app.meta || command.only === app.meta.kind;
}

/** Whether a command can be run now. @param {Command} command */
export function canRun(command, app) {
  return isFor(command, app) && (!command.enabled || !!command.enabled(app));
}

/** Runs a command where it can be. @param {string} id */
export function runCommand(app, id) {
  const command = commandOf(id);
  if (canRun(command, app)) command.run(app);
}
