// Small pictures: thumbnails of styles and of stamps, patches of colour.

import { h } from "./dom.js";

/** The bank's thumbnails, asked for once per class. */
export class Sprites {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.known = new Map();
  }

  /**
   * @param {number} label
   * @returns {Promise<{side: number, values: number[][], sheet: ImageBitmap | null}>}
   *   squares side by side, null where there are none; the numbers of each style
   */
  of(label) {
    if (!this.known.has(label)) {
      this.known.set(label, this.ask(label).catch((refusal) => {
        this.known.delete(label);
        throw refusal;
      }));
    }
    return this.known.get(label);
  }

  async ask(label) {
    const answer = await this.app.call("sprite", { label });
    const { side = 0, values = [] } = answer.header;
    return { side, values, sheet: side ? await decodePicture(answer) : null };
  }
}

/** A picture out of an answer. */
function decodePicture({ header, payload }) {
  return createImageBitmap(new Blob([payload], { type: header.type }));
}

/**
 * A canvas of a size on the page, sharp on every screen.
 * @param {number} width
 * @param {number} height
 * @param {string} name of its class
 * @returns {HTMLCanvasElement}
 */
export function smallCanvas(width, height, name) {
  const ratio = Math.max(2, Math.ceil(devicePixelRatio));
  return /** @type {HTMLCanvasElement} */ (h("canvas", {
    class: name, width: width * ratio, height: height * ratio, "aria-hidden": "true",
  }));
}

/** Fills a canvas with a part of a picture, its middle where the shapes differ. */
export function drawCover(
  canvas, picture, x = 0, y = 0, w = picture.width, height = picture.height,
) {
  const scale = Math.max(canvas.width / w, canvas.height / height);
  const across = canvas.width / scale, down = canvas.height / scale;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(
    picture, x + (w - across) / 2, y + (height - down) / 2, across, down,
    0, 0, canvas.width, canvas.height,
  );
}

/**
 * A style without a thumbnail: bands that its numbers colour, so that like ones look alike.
 * @param {HTMLCanvasElement} canvas
 * @param {number[] | undefined} numbers -1..1, or unknown
 * @param {number} index of the style, where its numbers are not known
 */
export function drawNumbers(canvas, numbers, index) {
  const context = canvas.getContext("2d"), n = numbers ? numbers.length : 3;
  for (let i = 0; i < n; i++) {
    const value = numbers ? numbers[i] : Math.sin((index + 1) * (i + 2) * 1.7);
    const level = (Math.max(-1, Math.min(1, value)) + 1) / 2;
    const hue = Math.round(210 + 150 * level + 40 * i), light = Math.round(28 + 48 * level);
    context.fillStyle = `hsl(${hue} 45% ${light}%)`;
    const [from, to] = [i, i + 1].map((k) => Math.round((canvas.height * k) / n));
    context.fillRect(0, from, canvas.width, to - from);
  }
}

/**
 * A mask in a colour, as large as it fits.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./raster.js").Mask} mask
 * @param {number[]} color
 */
export function drawSilhouette(canvas, mask, color) {
  const small = new OffscreenCanvas(mask.w, mask.h), context = small.getContext("2d");
  const image = context.createImageData(mask.w, mask.h);
  for (let i = 0; i < mask.bits.length; i++) {
    if (mask.bits[i]) image.data.set([...color, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
  const scale = Math.min(canvas.width / mask.w, canvas.height / mask.h) * 0.9;
  const w = mask.w * scale, height = mask.h * scale;
  canvas.getContext("2d").drawImage(
    small, (canvas.width - w) / 2, (canvas.height - height) / 2, w, height,
  );
}

/** "rgb(1 2 3)". @param {number[] | undefined} color */
export function cssColor(color) {
  return `rgb(${(color || [128, 128, 128]).join(" ")})`;
}

/** A class's colour, as a patch. @param {number[] | undefined} color */
export function patch(color) {
  const element = h("i", { class: "patch", "aria-hidden": "true" });
  element.style.background = cssColor(color);
  return element;
}
