// Tools that change pixels. Each is pressed, dragged and let go at places of the map, or
// cancelled; `press` says whether a drag may follow.

import { edgePath, maskImage, pixelOf } from "./colours.js";
import { nameOf } from "./deeds.js";
import { disc, flood, hull, place, scaled, stroke } from "./raster.js";

/** @typedef {import("./selecting.js").Point} Point @typedef {import("./selecting.js").Keys} Keys */

/** What is painted at a point: a level, or a row of the table, new where it must be. */
function valueFor(app, at) {
  const { doc, ui, meta } = app;
  if (doc.kind === "picture") return ui.level;
  const thing = meta.classes[ui.label].has_instances;
  if (thing && !ui.fresh && at >= 0 && doc.table[at].label === ui.label) return at;
  return doc.rowFor(ui.label, ui.style, thing);
}

/** Whether the table takes another object; says so where not. */
function hasRoom(app) {
  const most = app.meta.largest ? app.meta.largest.objects : 65535;
  if (app.doc.kind === "picture" || app.doc.table.length < most) return true;
  app.announce(`A map holds at most ${most} objects.`);
  return false;
}

/** Ends the step that is open and tells it. */
function finish(app, rows) {
  if (!app.doc.commit()) return;
  app.changed(null);
  if (rows) app.set({ selection: new Set(rows) });
}

/** Takes back the step that is open. */
function takeBack(app) {
  const rect = app.doc.cancel();
  if (rect) app.emit("pixels", rect);
  app.emit("table");
}

/** The ring of brush and eraser. */
class Ring {
  constructor() {
    this.size = 0;
  }

  ghost(p, size) {
    const mask = disc(p.x, p.y, size);
    if (size !== this.size) Object.assign(this, { size, path: edgePath(mask) });
    return { x: mask.x, y: mask.y, path: this.path };
  }
}

/** Paints discs along the way. */
export class Brush {
  constructor(app) {
    Object.assign(this, { app, ring: new Ring(), last: null });
  }

  /** The object that a stroke from here would go on with. */
  hover(at) {
    const { doc, ui, meta } = this.app;
    if (at < 0 || ui.fresh || !meta.classes[ui.label].has_instances) return -1;
    return doc.table[at].label === ui.label ? at : -1;
  }

  ghosts(p) {
    return [this.ring.ghost(p, this.app.ui.size)];
  }

  press(p, keys) {
    const { app } = this, { doc } = app;
    if (!hasRoom(app)) return false;
    doc.begin(doc.kind === "picture" ? "Draw" : `Paint ${nameOf(app, app.ui.label)}`);
    const from = keys.shift && this.last ? this.last : p, before = doc.table;
    this.value = this.valueAt(from);
    this.made = doc.table !== before;
    this.put(from, p);
    return true;
  }

  valueAt(p) {
    return valueFor(this.app, this.app.doc.at(p.x, p.y));
  }

  put(from, to) {
    const { app } = this, mask = stroke(from.x, from.y, to.x, to.y, app.ui.size);
    const rect = app.doc.write(mask, this.value);
    if (rect) app.emit("pixels", rect);
    this.last = to;
  }

  drag(p) {
    this.put(this.last, p);
  }

  release() {
    const made = this.made && this.app.meta.classes[this.app.ui.label].has_instances;
    finish(this.app, made ? [this.value] : null);
  }

  cancel() {
    this.last = null;
    takeBack(this.app);
  }
}

/** Collects what it covers, and lets the server fill the hole. In pictures a brush. */
export class Eraser extends Brush {
  constructor(app, stage) {
    super(app);
    this.stage = stage;
  }

  hover() {
    return -1;
  }

  valueAt() {
    return this.app.ui.paper;
  }

  press(p, keys) {
    const { doc } = this.app;
    if (doc.kind === "picture") return super.press(p, keys);
    this.stage.erased = new Uint8Array(doc.w * doc.h);
    this.box = null;
    this.cover(keys.shift && this.last ? this.last : p, p);
    return true;
  }

  cover(from, to) {
    const { doc, ui } = this.app, mask = stroke(from.x, from.y, to.x, to.y, ui.size);
    const { erased } = this.stage;
    const x0 = Math.max(0, mask.x), x1 = Math.min(doc.w, mask.x + mask.w);
    const y0 = Math.max(0, mask.y), y1 = Math.min(doc.h, mask.y + mask.h);
    this.last = to;
    if (x0 >= x1 || y0 >= y1) return;
    for (let y = y0; y < y1; y++) {
      const from = (y - mask.y) * mask.w - mask.x;
      for (let x = x0; x < x1; x++) erased[y * doc.w + x] |= mask.bits[from + x];
    }
    const rect = { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
    this.box = hull(this.box, rect);
    this.stage.redraw(rect);
  }

  drag(p) {
    if (this.app.doc.kind === "picture") super.drag(p);
    else this.cover(this.last, p);
  }

  /** What it covered stays hatched until the server has answered. */
  async release() {
    const { app, stage, box } = this, { doc, ui } = app;
    if (doc.kind === "picture") return finish(app, null);
    const { erased } = stage;
    if (box) {
      const edit = ui.fill === null ? { op: "erase" } : { op: "erase", fill: ui.fill };
      const mask = { x: 0, y: 0, w: doc.w, h: doc.h, bits: erased };
      await app.edit([edit], "Erase", mask);
    }
    if (stage.erased === erased) this.clear();
  }

  clear() {
    this.stage.erased = null;
    this.stage.redraw();
  }

  cancel() {
    if (this.app.doc.kind === "picture") super.cancel();
    else this.clear();
  }
}

/** Paints all that hangs together inside one object. */
export class Fill {
  constructor(app) {
    this.app = app;
  }

  hover(at) {
    return at;
  }

  press(p) {
    const { app } = this, { doc, ui } = app, at = doc.at(p.x, p.y);
    if (at < 0 || !hasRoom(app)) return false;
    const mask = flood(doc, p.x, p.y), picture = doc.kind === "picture";
    doc.begin(picture ? "Fill" : `Fill with ${nameOf(app, ui.label)}`);
    const rect = doc.write(mask, valueFor(app, at));
    if (!doc.commit()) app.emit("table");
    else app.changed(rect);
    return false;
  }
}

/** Drops the shape of another object, as a new one. */
export class Stamp {
  constructor(app) {
    this.app = app;
  }

  hover() {
    return -1;
  }

  mask() {
    const { stamp, stampScale, stampMirror } = this.app.ui;
    const made = [stamp, stampScale, stampMirror];
    if (!this.made || made.some((one, i) => one !== this.made[i])) {
      this.shape = scaled(stamp.mask, stampScale, stampMirror);
      this.path = edgePath(this.shape);
      const { color } = this.app.meta.classes[stamp.label];
      this.image = maskImage(this.shape, pixelOf(color, 0.7));
      this.made = made;
    }
    return this.shape;
  }

  ghosts(p) {
    if (!this.app.ui.stamp) return [];
    const { x, y } = place(this.mask(), p.x, p.y);
    return [{ x, y, path: this.path, image: this.image }];
  }

  press(p) {
    const { app } = this, { doc, ui } = app;
    if (!ui.stamp || doc.kind === "picture" || !hasRoom(app)) return false;
    const { label, style } = ui.stamp;
    doc.begin(`Add ${nameOf(app, label)}`);
    const row = doc.addRow({ label, instance: null, style: style ?? null });
    const rect = doc.write(place(this.mask(), p.x, p.y), row);
    if (!rect) {
      takeBack(app);
      return false;
    }
    if (doc.commit()) app.changed(rect);
    app.set({ selection: new Set([row]) });
    return false;
  }
}
