// What removing would leave, shown on the map before it is done.

import { coloursOf, edgePath } from "./colours.js";
import { removal } from "./deeds.js";
import { unpackRuns } from "./frame.js";
import { maskOf } from "./raster.js";

/** Shows the selected objects as what would be there without them. */
export class Hole {
  /** @param {import("./app.js").App} app @param {import("./stage.js").Stage} stage */
  constructor(app, stage) {
    Object.assign(this, { app, stage, abort: null });
    app.on("hole", (shown) => (shown ? this.ask() : this.end()));
    for (const event of ["open", "history", "busy"]) app.on(event, () => this.end());
    app.on("ui", (names) => {
      if (names.includes("selection") || names.includes("fill")) this.end();
    });
    app.atEnd(() => this.end());
  }

  async ask() {
    const { app } = this, { doc, ui } = app, rows = [...ui.selection];
    this.end();
    if (!doc || app.busy || doc.step || !rows.length) return;
    const abort = (this.abort = new AbortController());
    try {
      const header = { ...doc.header(), edits: [removal(app)] };
      const answer = await app.call("edit", header, doc.runs(), abort.signal);
      if (this.abort === abort) this.show(rows, answer);
    } catch {
      // Whoever removes it is told why it cannot be.
    }
  }

  /** @param {number[]} rows @param {{header: any, payload: Uint8Array}} answer of the edit */
  show(rows, { header, payload }) {
    const { app, stage } = this, { doc, meta } = app, plane = new Uint16Array(doc.w * doc.h);
    unpackRuns(payload, plane);
    const colours = coloursOf(header.table, meta.classes);
    stage.hole = rows.map((row) => maskOf(doc, row)).filter(Boolean).map((mask) => (
      { x: mask.x, y: mask.y, path: edgePath(mask), image: filled(mask, plane, doc.w, colours) }));
    stage.redrawFront();
  }

  end() {
    const { stage } = this;
    if (this.abort) this.abort.abort();
    this.abort = null;
    if (!stage.hole.length) return;
    stage.hole = [];
    stage.redrawFront();
  }
}

/** A mask as an image of what a plane has there. */
function filled({ x, y, w, h, bits }, plane, width, colours) {
  const canvas = new OffscreenCanvas(w, h), image = new ImageData(w, h);
  const out = new Uint32Array(image.data.buffer);
  for (let i = 0; i < out.length; i++) {
    const at = (y + Math.floor(i / w)) * width + x + (i % w);
    out[i] = bits[i] ? colours[plane[at]] : 0;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
