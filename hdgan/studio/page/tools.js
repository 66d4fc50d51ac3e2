// What pointers do on the stage, by tool.

import { disc } from "./raster.js";

/** Turns pointers into steps of the document. */
export class Tools {
  /** @param {import("./app.js").App} app @param {import("./stage.js").Stage} stage */
  constructor(app, stage) {
    this.app = app;
    this.stage = stage;
    stage.canvas.addEventListener("pointerdown", (event) => this.down(event));
    stage.canvas.addEventListener("pointermove", (event) => this.move(event));
    stage.canvas.addEventListener("pointerup", () => this.up());
  }

  down(event) {
    const { app } = this, { doc, ui } = app, p = this.stage.toMap(event);
    if (ui.tool === "select") {
      app.set({ selection: new Set([doc.at(p.x, p.y)].filter((row) => row >= 0)) });
      return;
    }
    this.stage.canvas.setPointerCapture(event.pointerId);
    doc.begin(`Paint ${app.meta.classes[ui.label].name}`);
    this.row = doc.regions[ui.label] ?? doc.addRow({ label: ui.label, instance: null, style: ui.style });
    this.dab(p);
  }

  dab(p) {
    const rect = this.app.doc.write(disc(p.x, p.y, this.app.ui.size), this.row);
    if (rect) this.app.emit("pixels", rect);
  }

  move(event) {
    if (this.app.doc && this.app.doc.step) this.dab(this.stage.toMap(event));
  }

  up() {
    if (!this.app.doc || !this.app.doc.step) return;
    this.app.doc.commit();
    this.app.changed(null);
  }
}
