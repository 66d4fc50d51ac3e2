// Colours of the map, and the marks over it.

const OPAQUE = 0xff000000;
// Of the objects of one class, in turn: lighter and darker, so that neighbours differ.
const SHADES = [0, 0.22, -0.2, 0.38, -0.34, 0.11, -0.1];

/** A colour as a pixel of ImageData. @param {number[]} rgb @param {number} [alpha] 0..1 */
export function pixelOf(rgb, alpha = 1) {
  const [r, g, b] = rgb;
  return ((Math.round(alpha * 255) << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Towards white (up to 1) or black (down to -1). */
function shaded(rgb, amount) {
  const end = amount > 0 ? 255 : 0, part = Math.abs(amount);
  return rgb.map((v) => Math.round(v + (end - v) * part));
}

/**
 * The colour of each row: of its class, objects of one class in different shades.
 * @param {import("./doc.js").Row[]} table
 * @param {{color: number[]}[]} classes
 * @returns {Uint32Array}
 */
export function coloursOf(table, classes) {
  const seen = new Map();
  return Uint32Array.from(table, ({ label }) => {
    const n = seen.get(label) || 0;
    seen.set(label, n + 1);
    const one = classes[label];
    return pixelOf(shaded(one ? one.color : [0, 0, 0], SHADES[n % SHADES.length]));
  });
}

/**
 * Colours a window of the plane.
 * @param {import("./doc.js").Doc} doc
 * @param {import("./doc.js").Rect} rect inside the plane
 * @param {Uint32Array} colours by row
 * @param {Uint32Array} out pixels of the whole map
 */
export function colourRows(doc, rect, colours, out) {
  const { plane, w } = doc;
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    const end = y * w + rect.x + rect.w;
    for (let i = y * w + rect.x; i < end; i++) out[i] = colours[plane[i]];
  }
}

/** The same for a picture: its levels are the colour, of one channel the grey. */
export function colourLevels(doc, rect, channels, out) {
  const { plane, w } = doc;
  for (let y = rect.y; y < rect.y + rect.h; y++) {
    const end = y * w + rect.x + rect.w;
    for (let i = y * w + rect.x; i < end; i++) {
      out[i] = channels === 1 ? ((plane[i] & 255) * 0x10101) | OPAQUE : plane[i] | OPAQUE;
    }
  }
}

const SELECTED = 1, HOVERED = 2;
const LINE = pixelOf([255, 255, 255], 0.72), INSIDE = pixelOf([255, 255, 255]);
const OUTSIDE = pixelOf([10, 12, 16], 0.9), HATCH = pixelOf([255, 255, 255], 0.55);
const GONE = pixelOf([20, 20, 24], 0.62), GONE_HATCH = pixelOf([255, 255, 255], 0.9);

/** What each row is marked with; place 0 is what lies outside the map. */
export function flagsOf(rows, selection, hover) {
  const flags = new Uint8Array(rows + 1);
  for (const row of selection) if (row < rows) flags[row + 1] |= SELECTED;
  if (hover >= 0 && hover < rows) flags[hover + 1] |= HOVERED;
  return flags;
}

/**
 * Outlines, selection and what an eraser covers, in pixels of the screen: lines are as
 * crisp and as thin at any zoom. An outline lies where two neighbours have other rows.
 */
export class Marks {
  constructor() {
    this.canvas = new OffscreenCanvas(1, 1);
    this.resize(1, 1);
  }

  resize(w, h) {
    Object.assign(this.canvas, { width: w, height: h });
    this.image = new ImageData(w, h);
    this.out = new Uint32Array(this.image.data.buffer);
  }

  /**
   * Draws a window of the screen anew.
   * @param {import("./doc.js").Doc} doc
   * @param {{x: number, y: number, scale: number}} place of the map in the canvas
   * @param {{flags: Uint8Array, outlines: boolean, hatch: boolean, thick: number,
   *   erased: Uint8Array|null}} look
   * @param {{x: number, y: number, w: number, h: number}} area inside the canvas
   */
  draw(doc, place, look, area) {
    const t = look.thick, xs = columns(area.x - t, area.w + 2 * t, place.x, place.scale, doc.w);
    const lines = new Lines(doc, xs, place);
    for (let j = 0; j < area.h; j++) {
      const y = area.y + j;
      const three = [lines.at(y - t), lines.at(y), lines.at(y + t)];
      this.row(three, look, area, y);
      if (look.erased) this.erased(look, doc, xs, lines.row(y), area, y);
    }
    const context = this.canvas.getContext("2d");
    context.putImageData(this.image, 0, 0, area.x, area.y, area.w, area.h);
  }

  row([above, here, below], look, area, y) {
    const { flags, thick: t, outlines, hatch } = look, period = 9 * t, out = this.out;
    let k = y * this.canvas.width + area.x;
    for (let i = t; i < area.w + t; i++, k++) {
      const v = here[i], l = here[i - t], r = here[i + t], u = above[i], d = below[i];
      const f = flags[v];
      out[k] = hatch && f & SELECTED && (area.x + i + y) % period < t ? HATCH : 0;
      if (v === l && v === r && v === u && v === d) continue;
      const all = flags[l] & flags[r] & flags[u] & flags[d];
      const some = flags[l] | flags[r] | flags[u] | flags[d];
      if (f & ~all) out[k] = INSIDE;
      else if (some & ~f) out[k] = OUTSIDE;
      else if (outlines && v && ((r && v !== r) || (d && v !== d))) out[k] = LINE;
    }
  }

  erased({ erased, thick: t }, doc, xs, row, area, y) {
    if (row < 0) return;
    let k = y * this.canvas.width + area.x;
    for (let i = t; i < area.w + t; i++, k++) {
      if (xs[i] < 0 || !erased[row * doc.w + xs[i]]) continue;
      const hatch = (area.x + i + this.canvas.height - y) % (6 * t) < t;
      this.out[k] = hatch ? GONE_HATCH : GONE;
    }
  }
}

/** The column (or row) of the map at the middle of each pixel of the screen, or -1. */
function columns(start, count, origin, scale, end) {
  const places = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const at = Math.floor((start + i + 0.5 - origin) / scale);
    places[i] = at >= 0 && at < end ? at : -1;
  }
  return places;
}

/** Rows of the map as the screen samples them: value + 1, 0 outside. */
class Lines {
  constructor(doc, xs, place) {
    Object.assign(this, { doc, xs, place, kept: new Map() });
  }

  row(y) {
    const at = Math.floor((y + 0.5 - this.place.y) / this.place.scale);
    return at >= 0 && at < this.doc.h ? at : -1;
  }

  at(y) {
    const row = this.row(y);
    let line = this.kept.get(row);
    if (line) return line;
    line = new Int32Array(this.xs.length);
    if (row >= 0) {
      const { plane, w } = this.doc, xs = this.xs;
      for (let i = 0; i < xs.length; i++) line[i] = xs[i] < 0 ? 0 : plane[row * w + xs[i]] + 1;
    }
    // Neighbouring rows of the screen ask for the same few.
    if (this.kept.size > 16) this.kept.clear();
    this.kept.set(row, line);
    return line;
  }
}

/**
 * The border of a mask along the edges of its pixels, from its top left.
 * @param {import("./raster.js").Mask} mask
 * @returns {Path2D}
 */
export function edgePath({ w, h, bits }) {
  const path = new Path2D(), at = (x, y) => x >= 0 && x < w && y >= 0 && y < h && bits[y * w + x];
  edgeRuns(w, h, (x, y) => Boolean(at(x, y)) !== Boolean(at(x, y - 1)), (y, x0, x1) => {
    path.moveTo(x0, y);
    path.lineTo(x1, y);
  });
  edgeRuns(h, w, (y, x) => Boolean(at(x, y)) !== Boolean(at(x - 1, y)), (x, y0, y1) => {
    path.moveTo(x, y0);
    path.lineTo(x, y1);
  });
  return path;
}

/**
 * A mask as an image of one colour.
 * @param {import("./raster.js").Mask} mask
 * @param {number} pixel as of `pixelOf`
 * @returns {OffscreenCanvas}
 */
export function maskImage({ w, h, bits }, pixel) {
  const canvas = new OffscreenCanvas(w, h), image = new ImageData(w, h);
  const out = new Uint32Array(image.data.buffer);
  for (let i = 0; i < out.length; i++) out[i] = bits[i] ? pixel : 0;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Calls draw(j, from, to) for the runs of each line j = 0..n in which is(i, j) holds. */
function edgeRuns(length, n, is, draw) {
  for (let j = 0; j <= n; j++) {
    let from = -1;
    for (let i = 0; i <= length; i++) {
      const on = i < length && is(i, j);
      if (on && from < 0) from = i;
      if (!on && from >= 0) {
        draw(j, from, i);
        from = -1;
      }
    }
  }
}
