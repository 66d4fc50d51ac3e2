// One number per pixel: rows of a table, or levels; and how many have which.

import { unpackRuns } from "./frame.js";
import { hull, overlap } from "./raster.js";

const TILE = 64;

/** @typedef {{x: number, y: number, w: number, h: number}} Rect */
/** @typedef {Uint16Array | Uint32Array} Pixels */

/** A plane that can be painted, and set back tile by tile. */
export class Plane {
  /**
   * @param {number} w
   * @param {number} h
   * @param {boolean} deep whether pixels are levels, which are not counted
   */
  constructor(w, h, deep) {
    Object.assign(this, { w, h, deep });
    this.plane = this.empty();
    /** @type {Uint32Array | null} pixels per row, with room for more rows */
    this.counts = deep ? null : new Uint32Array(0);
    /** @type {Rect[] | null} */
    this.boxes = null;
  }

  /** A plane of this size and kind. @returns {Pixels} */
  empty() {
    return new (this.deep ? Uint32Array : Uint16Array)(this.w * this.h);
  }

  /** @returns {Rect} */
  get whole() {
    return { x: 0, y: 0, w: this.w, h: this.h };
  }

  /** Row (or level) at a pixel, -1 outside. */
  at(x, y) {
    if (!(x >= 0 && y >= 0 && x < this.w && y < this.h)) return -1;
    return this.plane[Math.floor(y) * this.w + Math.floor(x)];
  }

  /**
   * Paints where a mask covers.
   * @param {import("./raster.js").Mask} mask
   * @param {number} value
   * @param {Map<number, Pixels>} kept takes tiles as they were
   * @returns {Rect | null} around the pixels that changed
   */
  paint(mask, value, kept) {
    const window = overlap(mask, this.whole);
    let changed = null;
    for (const index of window ? tilesOf(window, this) : []) {
      changed = hull(changed, this.paintTile(index, window, mask, value, kept));
    }
    if (changed) this.boxes = null;
    return changed;
  }

  /** Paints the part of a mask that lies in a tile. */
  paintTile(index, window, mask, value, kept) {
    const { plane } = this, bits = mask.bits;
    const { x, y, w, h } = overlap(tileRect(index, this), window);
    let x0 = x + w, x1 = x, y0 = y + h, y1 = y, old = -1, run = 0;
    for (let v = y; v < y + h; v++) {
      const row = v * this.w, from = (v - mask.y) * mask.w - mask.x;
      for (let u = x; u < x + w; u++) {
        const now = plane[row + u];
        if (!bits[from + u] || now === value) continue;
        if (y1 === y && !kept.has(index)) kept.set(index, this.tile(index));
        if (now !== old) {
          this.recount(old, value, run);
          old = now;
          run = 0;
        }
        run++;
        plane[row + u] = value;
        if (u < x0) x0 = u;
        if (u >= x1) x1 = u + 1;
        if (v < y0) y0 = v;
        y1 = v + 1;
      }
    }
    this.recount(old, value, run);
    return y1 > y ? { x: x0, y: y0, w: x1 - x0, h: y1 - y0 } : null;
  }

  /** So many pixels have gone from one value to another. */
  recount(from, to, pixels) {
    if (!pixels || !this.counts) return;
    this.counts[from] -= pixels;
    this.counts[to] += pixels;
  }

  /** A copy of a tile's pixels. @param {number} index */
  tile(index, plane = this.plane) {
    const { x, y, w, h } = tileRect(index, this), copy = plane.slice(0, w * h);
    for (let j = 0; j < h; j++) {
      const from = (y + j) * this.w + x;
      copy.set(plane.subarray(from, from + w), j * w);
    }
    return copy;
  }

  /** Whether a tile is the same in another plane. @param {number} index @param {Pixels} other */
  sameTile(index, other) {
    const { plane } = this, { x, y, w, h } = tileRect(index, this);
    for (let v = y; v < y + h; v++) {
      const end = v * this.w + x + w;
      for (let k = end - w; k < end; k++) if (plane[k] !== other[k]) return false;
    }
    return true;
  }

  /** Whether a tile has these pixels. @param {number} index @param {Pixels} pixels */
  hasTile(index, pixels) {
    const { plane } = this, { x, y, w } = tileRect(index, this);
    for (let m = 0, k = y * this.w + x; m < pixels.length; k += this.w - w) {
      for (const end = m + w; m < end; m++, k++) if (plane[k] !== pixels[m]) return false;
    }
    return true;
  }

  /**
   * Exchanges the pixels of tiles with those given.
   * @param {Map<number, Pixels>} tiles
   * @returns {Rect | null} around the pixels that changed
   */
  exchangeTiles(tiles) {
    let changed = null;
    for (const [index, pixels] of tiles) changed = hull(changed, this.exchange(index, pixels));
    this.boxes = null;
    return changed;
  }

  /** Exchanges pixels of a tile with those given. @returns {Rect | null} what changed */
  exchange(index, pixels) {
    const { plane } = this, { x, y, w, h } = tileRect(index, this);
    let x0 = w, x1 = 0, y0 = h, y1 = 0, from = -1, to = -1, run = 0;
    for (let j = 0; j < h; j++) {
      const row = (y + j) * this.w + x;
      for (let i = 0; i < w; i++) {
        const old = plane[row + i], now = pixels[j * w + i];
        if (old === now) continue;
        if (old !== from || now !== to) {
          this.recount(from, to, run);
          from = old;
          to = now;
          run = 0;
        }
        run++;
        plane[row + i] = now;
        pixels[j * w + i] = old;
        if (i < x0) x0 = i;
        if (i >= x1) x1 = i + 1;
        if (j < y0) y0 = j;
        y1 = j + 1;
      }
    }
    this.recount(from, to, run);
    return y1 ? { x: x + x0, y: y + y0, w: x1 - x0, h: y1 - y0 } : null;
  }

  /** Makes room to count the pixels of so many rows. @param {number} rows */
  makeRoom(rows) {
    if (!this.counts || this.counts.length >= rows) return;
    const more = new Uint32Array(2 * rows);
    more.set(this.counts);
    this.counts = more;
  }

  /** Fills the plane from runs. @param {Uint8Array} payload @param {number} rows of the table */
  fill(payload, rows) {
    const { plane } = this;
    unpackRuns(payload, plane);
    this.boxes = null;
    this.makeRoom(rows);
    if (this.counts) for (let k = 0; k < plane.length; k++) this.counts[plane[k]]++;
  }

  /** Where a row has pixels. @param {number} row @returns {Rect | null} */
  box(row) {
    if (this.deep) return this.whole;
    this.boxes ||= boxesOf(this);
    return this.boxes[row] || null;
  }
}

/**
 * The tiles of a plane that a window touches.
 * @param {Rect} window within the plane
 * @param {{w: number, h: number}} plane
 * @returns {Generator<number>}
 */
export function* tilesOf({ x, y, w, h }, plane) {
  const across = Math.ceil(plane.w / TILE);
  for (let v = Math.floor(y / TILE); v * TILE < y + h; v++) {
    for (let u = Math.floor(x / TILE); u * TILE < x + w; u++) yield v * across + u;
  }
}

/**
 * Where a tile lies.
 * @param {number} index
 * @param {{w: number, h: number}} plane
 * @returns {Rect}
 */
function tileRect(index, plane) {
  const across = Math.ceil(plane.w / TILE);
  const x = (index % across) * TILE, y = Math.floor(index / across) * TILE;
  return { x, y, w: Math.min(TILE, plane.w - x), h: Math.min(TILE, plane.h - y) };
}

/** Windows around the pixels of every row. @param {Plane} plane @returns {Rect[]} */
function boxesOf({ plane, w, h }) {
  const boxes = [];
  for (let y = 0, k = 0; y < h; y++) {
    for (let x = 0; x < w; ) {
      const row = plane[k], start = x;
      while (x < w && plane[k] === row) x++, k++;
      const box = (boxes[row] ||= { x: start, y, w: 0, h: 0 });
      const right = Math.max(box.x + box.w, x);
      box.x = Math.min(box.x, start);
      box.w = right - box.x;
      box.h = y + 1 - box.y;
    }
  }
  return boxes;
}
