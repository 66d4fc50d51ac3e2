// The document: one plane of rows, the table they are rows of, and history.

import { packRuns, unpackRuns } from "./frame.js";
import { History, TILE } from "./history.js";

/**
 * One object. Rows are never changed but for what the server decides.
 * @typedef {{label: number, instance: number|null, style: number|number[]|null}} Row
 * @typedef {{x: number, y: number, w: number, h: number}} Rect
 */

/** A scene that is edited. In one of pictures (kind "picture") pixels hold levels. */
export class Doc {
  /**
   * @param {any} header of a scene's frame
   * @param {Uint8Array} payload
   */
  constructor(header, payload) {
    Object.assign(this, { id: header.id, name: header.name, kind: header.kind });
    this.w = header.w;
    this.h = header.h;
    this.seed = header.seed || 0;
    this.plane = new (this.kind === "picture" ? Uint32Array : Uint16Array)(this.w * this.h);
    unpackRuns(payload, this.plane);
    /** @type {Row[]} */
    this.table = header.table;
    /** @type {Record<string, number>} row that a brush of a class without objects paints into */
    this.regions = header.regions || {};
    this.history = new History();
    this.version = 0;
    this.step = null;
  }

  /** Row (or level) at a pixel, -1 outside. */
  at(x, y) {
    if (x < 0 || y < 0 || x >= this.w || y >= this.h) return -1;
    return this.plane[Math.floor(y) * this.w + Math.floor(x)];
  }

  /** Starts a step of the history. @param {string} title */
  begin(title) {
    this.step = { title, tiles: new Map(), table: this.table, regions: this.regions };
  }

  /**
   * Writes a value where a mask covers.
   * @param {import("./raster.js").Mask} mask
   * @param {number} value
   * @returns {Rect | null} what may have changed
   */
  write(mask, value) {
    const x0 = Math.max(0, mask.x), y0 = Math.max(0, mask.y);
    const x1 = Math.min(this.w, mask.x + mask.w), y1 = Math.min(this.h, mask.y + mask.h);
    if (x0 >= x1 || y0 >= y1) return null;
    this.keep(x0, y0, x1, y1);
    for (let y = y0; y < y1; y++) {
      const from = (y - mask.y) * mask.w - mask.x, row = y * this.w;
      for (let x = x0; x < x1; x++) if (mask.bits[from + x]) this.plane[row + x] = value;
    }
    return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
  }

  /** Keeps the tiles of a window as they are, for undo. */
  keep(x0, y0, x1, y1) {
    const across = Math.ceil(this.w / TILE);
    for (let v = Math.floor(y0 / TILE); v * TILE < y1; v++) {
      for (let u = Math.floor(x0 / TILE); u * TILE < x1; u++) {
        if (!this.step.tiles.has(v * across + u)) this.step.tiles.set(v * across + u, this.tile(v * across + u));
      }
    }
  }

  /** A copy of a tile's pixels. @param {number} index */
  tile(index) {
    const { x, y, w, h } = this.tileRect(index), copy = new this.plane.constructor(w * h);
    for (let j = 0; j < h; j++) copy.set(this.plane.subarray((y + j) * this.w + x, (y + j) * this.w + x + w), j * w);
    return copy;
  }

  /** @param {number} index @returns {Rect} */
  tileRect(index) {
    const across = Math.ceil(this.w / TILE);
    const x = (index % across) * TILE, y = Math.floor(index / across) * TILE;
    return { x, y, w: Math.min(TILE, this.w - x), h: Math.min(TILE, this.h - y) };
  }

  /** Adds a row. @param {Row} row @returns {number} */
  addRow(row) {
    this.table = [...this.table, row];
    return this.table.length - 1;
  }

  /** Changes fields of a row. */
  setRow(i, changes) {
    this.table = this.table.with(i, { ...this.table[i], ...changes });
  }

  /** Ends the step. @returns {boolean} whether anything changed */
  commit() {
    const step = this.step;
    this.step = null;
    this.history.push(step);
    this.version++;
    return true;
  }

  /** Takes back a step. @returns {Rect|null} */
  undo() {
    if (!this.history.position) return null;
    this.swap(this.history.steps[--this.history.position]);
    return { x: 0, y: 0, w: this.w, h: this.h };
  }

  redo() {
    if (this.history.position === this.history.steps.length) return null;
    this.swap(this.history.steps[this.history.position++]);
    return { x: 0, y: 0, w: this.w, h: this.h };
  }

  /** Exchanges what a step holds with what is there. */
  swap(step) {
    for (const [index, pixels] of step.tiles) {
      step.tiles.set(index, this.tile(index));
      const { x, y, w, h } = this.tileRect(index);
      for (let j = 0; j < h; j++) this.plane.set(pixels.subarray(j * w, (j + 1) * w), (y + j) * this.w + x);
    }
    [this.table, step.table] = [step.table, this.table];
    [this.regions, step.regions] = [step.regions, this.regions];
    this.version++;
  }

  /** What is sent of it. */
  header() {
    return { kind: this.kind, name: this.name, w: this.w, h: this.h, table: this.table, seed: this.seed };
  }

  /** @returns {Uint8Array} */
  runs() {
    return packRuns(this.plane);
  }
}
