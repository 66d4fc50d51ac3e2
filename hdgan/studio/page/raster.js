// Masks: what tools cover, as pixels. Pure functions.

/**
 * A mask.
 * @typedef {{x: number, y: number, w: number, h: number, bits: Uint8Array}} Mask
 * x, y: its top left pixel, may lie outside; bits: 1 where it covers.
 */

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
  const odd = d % 2;
  const cx = odd ? Math.floor(x) : Math.round(x), cy = odd ? Math.floor(y) : Math.round(y);
  const half = Math.floor(d / 2), bits = new Uint8Array(d * d);
  // In doubled units all are integers.
  for (let j = 0; j < d; j++) {
    for (let i = 0; i < d; i++) {
      const u = 2 * i + 1 - d, v = 2 * j + 1 - d;
      if (u * u + v * v <= d * d) bits[j * d + i] = 1;
    }
  }
  return { x: cx - half, y: cy - half, w: d, h: d, bits };
}
