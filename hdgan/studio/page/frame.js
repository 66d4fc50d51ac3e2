// Frames and runs, the counterpart of frame.py.

/**
 * Joins a header and a payload; the same bytes as frame.py's `pack`.
 * @param {object} header
 * @param {Uint8Array} [payload]
 * @returns {ArrayBuffer}
 */
export function packFrame(header, payload = new Uint8Array(0)) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / 4) * 4;
  const bytes = new Uint8Array(4 + length + payload.length).fill(32, 4, 4 + length);
  new DataView(bytes.buffer).setUint32(0, length, true);
  bytes.set(text, 4);
  bytes.set(payload, 4 + length);
  return bytes.buffer;
}

/**
 * Takes a frame apart.
 * @param {ArrayBuffer} buffer
 * @returns {{header: any, payload: Uint8Array}}
 */
export function unpackFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  return { header: JSON.parse(text), payload: new Uint8Array(buffer, 4 + length) };
}

/** Runs that grow: u32 value, u32 length, one after another. */
class Runs {
  constructor() {
    this.words = new Uint32Array(1 << 14);
    this.length = 0;
  }

  /** Adds a run, or lengthens the last. @param {number} value @param {number} count */
  add(value, count) {
    const n = this.length;
    if (!count) return;
    if (n && this.words[n - 2] === value) {
      this.words[n - 1] += count;
      return;
    }
    if (n + 2 > this.words.length) {
      const more = new Uint32Array(this.words.length * 2);
      more.set(this.words);
      this.words = more;
    }
    this.words[n] = value;
    this.words[n + 1] = count;
    this.length = n + 2;
  }

  /** @returns {Uint8Array} */
  bytes() {
    return new Uint8Array(this.words.buffer, 0, this.length * 4);
  }
}

/**
 * Codes a plane as runs.
 * @param {Uint16Array | Uint32Array} plane
 * @returns {Uint8Array}
 */
export function packRuns(plane) {
  const runs = new Runs(), size = plane.length;
  for (let i = 0; i < size; ) {
    const value = plane[i], start = i++;
    while (i < size && plane[i] === value) i++;
    runs.add(value, i - start);
  }
  return runs.bytes();
}

/**
 * Codes a mask as runs of 0 and 1 that fill a plane.
 * @param {import("./raster.js").Mask} mask what lies outside of the plane is left out
 * @param {number} w of the plane
 * @param {number} h
 * @returns {Uint8Array}
 */
export function packMask(mask, w, h) {
  const runs = new Runs();
  const x0 = Math.max(0, mask.x), x1 = Math.max(x0, Math.min(w, mask.x + mask.w));
  const y0 = Math.max(0, mask.y), y1 = Math.max(y0, Math.min(h, mask.y + mask.h));
  let done = 0;
  for (let y = y0; y < y1; y++) {
    const from = (y - mask.y) * mask.w - mask.x;
    for (let x = x0; x < x1; ) {
      if (!mask.bits[from + x]) {
        x++;
        continue;
      }
      const start = x++;
      while (x < x1 && mask.bits[from + x]) x++;
      runs.add(0, y * w + start - done);
      runs.add(1, x - start);
      done = y * w + x;
    }
  }
  runs.add(0, w * h - done);
  return runs.bytes();
}

/**
 * Fills a plane from runs.
 * @param {Uint8Array} payload
 * @param {Uint16Array | Uint32Array} plane
 * @throws {RangeError} for runs that do not fill the plane; the plane may be half written
 */
export function unpackRuns(payload, plane) {
  const aligned = payload.byteOffset % 4 ? payload.slice() : payload;
  const runs = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
  let at = 0;
  for (let i = 0; i + 1 < runs.length; i += 2) {
    plane.fill(runs[i], at, at + runs[i + 1]);
    at += runs[i + 1];
  }
  if (at !== plane.length) {
    throw new RangeError(`runs of ${at} pixels for a plane of ${plane.length}`);
  }
}
