// Which tool is at work, what it shows at the pointer, and what is said of it.

import { Brush, Eraser, Fill, Stamp } from "./painting.js";
import { Pointers } from "./pointers.js";
import { Pick, Select, described } from "./selecting.js";

/** @typedef {import("./selecting.js").Point} Point @typedef {import("./selecting.js").Keys} Keys */

/** Leads presses to the tool that is chosen; places are in pixels of the map. */
export class Tools {
  /** @param {import("./app.js").App} app @param {import("./stage.js").Stage} stage */
  constructor(app, stage) {
    Object.assign(this, { app, stage, open: null, at: null, cross: false });
    this.tools = {
      select: new Select(app, stage), brush: new Brush(app), erase: new Eraser(app, stage),
      fill: new Fill(app), pick: new Pick(app), stamp: new Stamp(app),
    };
    this.pointers = new Pointers(app, stage, this);
    app.on("open", () => this.reset());
    app.on("escape", (stroke) => this.escape(stroke));
    app.on("ui", (names) => names.some((name) => name !== "hover") && this.show());
    app.on("table", () => this.hover(this.at));
    app.on("busy", () => this.show());
  }

  /** The tool of a press, or none where only the view moves. @param {Keys} keys */
  chosen(keys = {}) {
    if (keys.alt) return this.tools.pick;
    return this.tools[keys.rubber ? "erase" : this.app.ui.tool] || null;
  }

  /** @param {Point} p @param {Keys} keys @returns {boolean} whether a drag may follow */
  press(p, keys) {
    const { app } = this, tool = this.chosen(keys);
    if (!app.doc || !tool) return false;
    if (app.busy || app.doc.step) {
      if (app.busy) app.announce(`Wait: ${app.busy.title}`);
      return false;
    }
    this.at = p;
    this.open = tool.press(p, keys) ? tool : null;
    this.show();
    return Boolean(this.open);
  }

  /** @param {Point} p */
  drag(p) {
    this.at = p;
    if (this.open) this.open.drag(p);
    this.show();
  }

  release() {
    const tool = this.open;
    this.open = null;
    if (tool) tool.release();
    this.hover(this.at);
  }

  cancel() {
    const tool = this.open;
    this.open = null;
    if (tool) tool.cancel();
    this.show();
  }

  /** Another document: what was begun is gone. */
  reset() {
    this.open = this.at = null;
    for (const tool of Object.values(this.tools)) Object.assign(tool, { last: null, start: null });
    this.show();
  }

  /** Takes back what is being drawn, and says so. @param {{ended: boolean}} stroke */
  escape(stroke) {
    if (!this.open) return;
    this.cancel();
    stroke.ended = true;
  }

  /** The pointer is over a place, or gone. @param {Point|null} p */
  hover(p, keys = {}) {
    const { app } = this, tool = this.chosen(keys);
    this.at = p;
    this.keys = keys;
    const known = p && tool && app.doc && app.doc.kind !== "picture" && !this.open;
    const row = known ? tool.hover(app.doc.at(p.x, p.y)) : -1;
    if (row !== app.ui.hover) app.set({ hover: row });
    this.show();
  }

  /** What follows the pointer: the ring, the stamp, what is moved, the pointer of the keys. */
  show() {
    const { app, stage, at } = this, tool = this.open || this.chosen(this.keys);
    const ghosts = at && app.doc && tool && tool.ghosts ? tool.ghosts(at) : [];
    if (this.cross && at) ghosts.push({ x: at.x, y: at.y, cross: true });
    stage.ghosts = ghosts;
    stage.redrawFront();
  }

  /** Says what lies at the keyboard's pointer. */
  tell() {
    const name = this.open ? "Drawing. " : "";
    this.app.announce(name + described(this.app, this.at));
  }
}
