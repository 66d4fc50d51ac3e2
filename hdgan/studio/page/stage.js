// The stage: map and photo on canvases, zoomed and moved alike.

import { h } from "./dom.js";

/** Draws the document. */
export class Stage {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { class: "stage", tabindex: "0", "aria-label": "Map and photo" }));
    this.element = h("div", { class: "centre" }, this.canvas);
    app.on("open", () => this.start());
    app.on("pixels", (rect) => this.recolour(rect));
    app.on("photo", () => this.draw());
    app.on("ui", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  start() {
    const { w, h: height } = this.app.doc;
    this.map = new OffscreenCanvas(w, height);
    this.recolour({ x: 0, y: 0, w, h: height });
  }

  recolour({ x, y, w, h: height }) {
    const doc = this.app.doc, context = this.map.getContext("2d"), image = context.createImageData(w, height);
    const colours = this.app.meta.classes.map((c) => c.color);
    for (let j = 0, k = 0; j < height; j++) {
      for (let i = 0; i < w; i++, k += 4) {
        const c = colours[doc.table[doc.plane[(y + j) * doc.w + x + i]].label] || [0, 0, 0];
        image.data.set([...c, 255], k);
      }
    }
    context.putImageData(image, x, y);
    this.draw();
  }

  /** Where the map lies in a canvas of this size. */
  fit() {
    const doc = this.app.doc, box = this.element.getBoundingClientRect();
    const scale = Math.min(box.width / doc.w, box.height / 2 / doc.h);
    return { scale, x: (box.width - doc.w * scale) / 2, y: 0, half: box.height / 2, box };
  }

  draw() {
    if (!this.app.doc || !this.map) return;
    const doc = this.app.doc, { scale, x, half, box } = this.fit(), ratio = devicePixelRatio;
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.drawImage(this.map, x, 0, doc.w * scale, doc.h * scale);
    if (this.app.photo) context.drawImage(this.app.photo.bitmap, x, half, doc.w * scale, doc.h * scale);
  }

  /** From a pointer's position to pixels of the map. */
  toMap(event) {
    const { scale, x, half, box } = this.fit();
    const u = event.clientX - box.left - x, v = (event.clientY - box.top) % half;
    return { x: u / scale, y: v / scale };
  }

  /** Where a position of the map lies in the window, the inverse of `toMap`. */
  toPage(u, v) {
    const { scale, x, box } = this.fit();
    return { x: box.left + x + u * scale, y: box.top + v * scale };
  }
}
