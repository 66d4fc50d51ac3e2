// Tools that look at objects and take hold of them.

import { edgePath, maskImage, pixelOf } from "./colours.js";
import { isThing, nameOf } from "./deeds.js";
import { maskOf } from "./raster.js";

const STILL = 4; // CSS pixels that a pressed pointer may stray without moving an object.

/**
 * A place on the map, in its pixels, and the keys that are held there.
 * @typedef {{x: number, y: number}} Point
 * @typedef {{shift?: boolean, alt?: boolean}} Keys
 */

/** What lies at a point, in words. */
export function described(app, { x, y }) {
  const { doc } = app, at = doc.at(x, y), where = `at ${Math.floor(x)}, ${Math.floor(y)}`;
  if (at < 0) return `outside the map, ${where}`;
  if (doc.kind === "picture") return `level ${at.toString(16).padStart(2, "0")} ${where}`;
  const { label, instance } = doc.table[at];
  return `${nameOf(app, label)}${instance === null ? ", new" : ` ${instance}`}, ${where}`;
}

/** Takes class and style from the map. */
export class Pick {
  constructor(app) {
    this.app = app;
  }

  hover(at) {
    return at;
  }

  press(p) {
    const { app } = this, at = app.doc.at(p.x, p.y);
    if (at < 0) return false;
    if (app.ui.tool === "pick") app.set({ tool: "brush" });
    if (app.doc.kind === "picture") app.set({ level: at });
    else {
      const { label, style } = app.doc.table[at];
      if (!app.meta.classes[label]) return false;
      app.set({ label, style });
      app.announce(`Picked ${nameOf(app, label)}`);
    }
    return false;
  }
}

/** Selects, and moves what is selected. */
export class Select {
  constructor(app, stage) {
    Object.assign(this, { app, stage, start: null, moves: null });
  }

  hover(at) {
    return this.moves ? -1 : at;
  }

  ghosts() {
    return this.moves ? this.moves.ghosts.map(({ x, y, ...rest }) => (
      { ...rest, x: x + this.moves.dx, y: y + this.moves.dy })) : [];
  }

  press(p, keys) {
    const { app } = this, { selection } = app.ui, row = app.doc.at(p.x, p.y);
    this.start = null;
    if (app.doc.kind === "picture") return false;
    if (row < 0) app.set({ selection: new Set() });
    else if (keys.shift) app.set({ selection: toggled(selection, row) });
    else if (!selection.has(row)) app.set({ selection: new Set([row]) });
    else {
      this.start = p;
      this.row = row;
      return true;
    }
    return false;
  }

  drag(p) {
    if (!this.start) return;
    const dx = Math.round(p.x - this.start.x), dy = Math.round(p.y - this.start.y);
    const far = Math.hypot(p.x - this.start.x, p.y - this.start.y) * this.stage.view.scale;
    if (!this.moves && (far > STILL || p.exact)) this.moves = this.grab();
    if (this.moves) Object.assign(this.moves, { dx, dy });
  }

  /** The selected objects as ghosts; regions of the background stay. */
  grab() {
    const { doc, ui, meta } = this.app;
    const rows = [...ui.selection].filter((row) => isThing(this.app, row));
    const ghosts = rows.map((row) => [row, maskOf(doc, row)]).filter(([, mask]) => mask).map(
      ([row, mask]) => {
        const image = maskImage(mask, pixelOf(meta.classes[doc.table[row].label].color, 0.7));
        return { x: mask.x, y: mask.y, path: edgePath(mask), image };
      });
    return { rows, ghosts, dx: 0, dy: 0 };
  }

  release() {
    const { app, moves, row } = this;
    this.start = this.moves = null;
    if (!moves) {
      if (row !== undefined) app.set({ selection: new Set([row]) });
    } else if (!moves.rows.length) app.announce("The background stays where it is.");
    else if (moves.dx || moves.dy) {
      const { rows, dx, dy } = moves;
      const one = nameOf(app, app.doc.table[rows[0]].label);
      const title = `Move ${rows.length > 1 ? `${rows.length} objects` : one}`;
      app.edit([{ op: "move", rows, dy, dx }], title);
    }
  }

  cancel() {
    this.start = this.moves = null;
  }

  /** All objects of a class. */
  double(p) {
    const { doc } = this.app, at = doc.at(p.x, p.y);
    if (at < 0 || doc.kind === "picture") return;
    this.app.set({ selection: new Set(doc.rowsOf(doc.table[at].label)) });
  }
}

function toggled(selection, row) {
  const next = new Set(selection);
  if (!next.delete(row)) next.add(row);
  return next;
}
