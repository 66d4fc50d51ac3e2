// Frames and runs, the counterpart of frame.py.

/**
 * Joins a header and a payload; the same bytes as frame.py's `pack`.
 * @param {object} header
 * @param {Uint8Array} [payload]
 * @returns {ArrayBuffer}
 */
export function packFrame(header, payload = new Uint8Array(0)) {
  let text = new TextEncoder().encode(JSON.stringify(header));
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

/**
 * Codes a plane as runs of u32 value and u32 length.
 * @param {Uint16Array | Uint32Array} plane
 * @returns {Uint8Array}
 */
export function packRuns(plane) {
  let out = new Uint32Array(1 << 14), n = 0, i = 0;
  while (i < plane.length) {
    const value = plane[i], start = i;
    while (i < plane.length && plane[i] === value) i++;
    if (n + 2 > out.length) {
      const more = new Uint32Array(out.length * 2);
      more.set(out);
      out = more;
    }
    out[n++] = value;
    out[n++] = i - start;
  }
  return new Uint8Array(out.buffer, 0, n * 4);
}

/**
 * Fills a plane from runs.
 * @param {Uint8Array} payload at a multiple of 4 in its buffer
 * @param {Uint16Array | Uint32Array} plane
 */
export function unpackRuns(payload, plane) {
  const runs = new Uint32Array(payload.buffer, payload.byteOffset, payload.byteLength >> 2);
  for (let i = 0, at = 0; i < runs.length; i += 2) {
    plane.fill(runs[i], at, at + runs[i + 1]);
    at += runs[i + 1];
  }
}
