// Masks: what tools cover, as pixels. Pure functions.

/**
 * A mask.
 * @typedef {{x: number, y: number, w: number, h: number, bits: Uint8Array}} Mask
 * x, y: its top left pixel, may lie outside; bits: 1 where it covers.
 */

/**
 * The first column of every row of a disc of d pixels; the last mirrors it.
 * @param {number} d
 * @returns {Int32Array}
 */
function discEdges(d) {
  const edges = new Int32Array(d);
  // In doubled units all are integers.
  for (let j = 0; j < d; j++) {
    const v = 2 * j + 1 - d;
    let i = 0;
    while ((2 * i + 1 - d) ** 2 + v * v > d * d) i++;
    edges[j] = i;
  }
  return edges;
}

/** The pixel that a disc is centred on: its own for odd d, else the nearest corner. */
function discCentre(x, d) {
  return d % 2 ? Math.floor(x) : Math.round(x);
}

/**
 * A hard disc: the pixels whose centres lie within d / 2 of its centre. Odd
 * discs are centred on the pixel that holds (x, y), even ones on the nearest
 * corner.
 * @param {number} x
 * @param {number} y
 * @param {number} d in pixels
 * @returns {Mask}
 */
export function disc(x, y, d) {
  return stroke(x, y, x, y, d);
}

/**
 * A straight stroke: the union of the discs on a line of pixels. Its ends are
 * the centres (ax, ay), (bx, by) of `disc` at both points; with n the longer of
 * |bx - ax|, |by - ay|, disc k of 0..n has its centre at
 * (ax + floor((2 k (bx - ax) + n) / 2n), ay + floor((2 k (by - ay) + n) / 2n)).
 * @param {number} x0
 * @param {number} y0
 * @param {number} x1
 * @param {number} y1
 * @param {number} d in pixels
 * @returns {Mask}
 */
export function stroke(x0, y0, x1, y1, d) {
  const ax = discCentre(x0, d), ay = discCentre(y0, d);
  const dx = discCentre(x1, d) - ax, dy = discCentre(y1, d) - ay;
  const n = Math.max(Math.abs(dx), Math.abs(dy)), half = Math.floor(d / 2);
  const w = Math.abs(dx) + d, h = Math.abs(dy) + d, left = Math.min(0, dx), top = Math.min(0, dy);
  // In a row the discs that reach it follow one another, each a pixel or none
  // aside of the one before: what they cover has no gap.
  const from = new Int32Array(h).fill(w), to = new Int32Array(h), edges = discEdges(d);
  for (let k = 0; k <= n; k++) {
    const u = (n && Math.floor((2 * k * dx + n) / (2 * n))) - left;
    const v = (n && Math.floor((2 * k * dy + n) / (2 * n))) - top;
    for (let j = 0; j < d; j++) {
      const a = u + edges[j], b = u + d - edges[j];
      if (a < from[v + j]) from[v + j] = a;
      if (b > to[v + j]) to[v + j] = b;
    }
  }
  const bits = new Uint8Array(w * h);
  for (let j = 0; j < h; j++) bits.fill(1, j * w + from[j], j * w + to[j]);
  return { x: ax + left - half, y: ay + top - half, w, h, bits };
}

/**
 * The 4-connected pixels of one value around a pixel.
 * @param {import("./doc.js").Doc} doc
 * @param {number} x
 * @param {number} y
 * @returns {Mask | null} null outside
 */
export function flood(doc, x, y) {
  const value = doc.at(x, y), rows = new Map();
  if (value < 0) return null;
  const runsAt = (v) => {
    if (!rows.has(v)) rows.set(v, runsIn(doc.plane.subarray(v * doc.w, (v + 1) * doc.w), value));
    return rows.get(v);
  };
  const found = [], open = [];
  // Runs of row v that touch columns a to b of the row beside.
  const reach = (v, a, b) => {
    if (v < 0 || v >= doc.h) return;
    const { from, to, seen } = runsAt(v);
    for (let i = firstAfter(to, a); i < from.length && from[i] < b; i++) {
      if (seen[i]) continue;
      seen[i] = 1;
      open.push({ v, a: from[i], b: to[i] });
    }
  };
  reach(Math.floor(y), Math.floor(x), Math.floor(x) + 1);
  while (open.length) {
    const run = open.pop();
    found.push(run);
    reach(run.v - 1, run.a, run.b);
    reach(run.v + 1, run.a, run.b);
  }
  return maskOfRuns(found);
}

/** Where a value begins and ends in a row of pixels, and whether it was seen. */
function runsIn(pixels, value) {
  const from = [], to = [], w = pixels.length;
  for (let k = 0; k < w; k++) {
    if (pixels[k] !== value) continue;
    from.push(k);
    while (k < w && pixels[k] === value) k++;
    to.push(k);
  }
  return { from, to, seen: new Uint8Array(from.length) };
}

/** Index of the first of ascending numbers that is larger. */
function firstAfter(numbers, than) {
  let low = 0, high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] > than) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A mask of runs, columns a to b of row v each. */
function maskOfRuns(runs) {
  let x = Infinity, y = Infinity, right = 0, bottom = 0;
  for (const { v, a, b } of runs) {
    x = Math.min(x, a);
    right = Math.max(right, b);
    y = Math.min(y, v);
    bottom = Math.max(bottom, v + 1);
  }
  const w = right - x, h = bottom - y, bits = new Uint8Array(w * h);
  for (const { v, a, b } of runs) bits.fill(1, (v - y) * w + a - x, (v - y) * w + b - x);
  return { x, y, w, h, bits };
}

/**
 * All pixels of a row of the table.
 * @param {import("./doc.js").Doc} doc
 * @param {number} row
 * @returns {Mask | null} null where it has none
 */
export function maskOf(doc, row) {
  const box = doc.box(row);
  if (!box) return null;
  const { x, y, w, h } = box, bits = new Uint8Array(w * h);
  for (let j = 0; j < h; j++) {
    const from = (y + j) * doc.w + x;
    for (let i = 0; i < w; i++) bits[j * w + i] = doc.plane[from + i] === row ? 1 : 0;
  }
  return { x, y, w, h, bits };
}

/**
 * A mask at another size, about the same centre: pixel (i, j) is the old one
 * under its centre, (floor((2i + 1) w / 2w'), floor((2j + 1) h / 2h')).
 * @param {Mask} mask
 * @param {number} factor w' = round(factor w), at least 1
 * @param {boolean} [mirror] left to right
 * @returns {Mask}
 */
export function scaled(mask, factor, mirror = false) {
  const w = Math.max(1, Math.round(mask.w * factor)), h = Math.max(1, Math.round(mask.h * factor));
  const bits = new Uint8Array(w * h), columns = new Int32Array(w);
  for (let i = 0; i < w; i++) {
    const column = Math.floor(((2 * i + 1) * mask.w) / (2 * w));
    columns[mirror ? w - 1 - i : i] = column;
  }
  for (let j = 0; j < h; j++) {
    const from = Math.floor(((2 * j + 1) * mask.h) / (2 * h)) * mask.w;
    for (let i = 0; i < w; i++) bits[j * w + i] = mask.bits[from + columns[i]];
  }
  return place({ ...mask, w, h, bits }, mask.x + mask.w / 2, mask.y + mask.h / 2);
}

/**
 * A mask with its middle at a point.
 * @param {Mask} mask
 * @param {number} x
 * @param {number} y
 * @returns {Mask} shares the bits
 */
export function place(mask, x, y) {
  return { ...mask, x: Math.round(x - mask.w / 2), y: Math.round(y - mask.h / 2) };
}

/**
 * What either of two masks covers.
 * @param {Mask | null} a
 * @param {Mask | null} b
 * @returns {Mask | null}
 */
export function union(a, b) {
  if (!a || !b) return a || b;
  const { x, y, w, h } = hull(a, b), bits = new Uint8Array(w * h);
  for (const mask of [a, b]) {
    for (let j = 0; j < mask.h; j++) {
      const to = (mask.y - y + j) * w + mask.x - x, from = j * mask.w;
      for (let i = 0; i < mask.w; i++) bits[to + i] |= mask.bits[from + i];
    }
  }
  return { x, y, w, h, bits };
}

/**
 * The smallest window around two.
 * @param {import("./doc.js").Rect | null} a
 * @param {import("./doc.js").Rect | null} b
 * @returns {import("./doc.js").Rect | null}
 */
export function hull(a, b) {
  if (!a || !b) return a || b;
  const x = Math.min(a.x, b.x), y = Math.min(a.y, b.y);
  const right = Math.max(a.x + a.w, b.x + b.w), bottom = Math.max(a.y + a.h, b.y + b.h);
  return { x, y, w: right - x, h: bottom - y };
}

/**
 * The window that two have in common, of masks or planes too.
 * @param {import("./doc.js").Rect} a
 * @param {import("./doc.js").Rect} b
 * @returns {import("./doc.js").Rect | null}
 */
export function overlap(a, b) {
  const x = Math.max(a.x, b.x), y = Math.max(a.y, b.y);
  const w = Math.min(a.x + a.w, b.x + b.w) - x, h = Math.min(a.y + a.h, b.y + b.h) - y;
  return w > 0 && h > 0 ? { x, y, w, h } : null;
}
