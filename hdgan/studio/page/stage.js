// The stage: map and photo on canvases, zoomed and moved alike.

import { colourLevels, colourRows, coloursOf } from "./colours.js";
import { Divider } from "./divider.js";
import { h } from "./dom.js";
import { Painter } from "./painter.js";
import { hull, overlap } from "./raster.js";
import { fitView, keptView, movedBy, originOf, panesOf, showing, toMap, zoomedAt } from "./view.js";

// Choices that change what lies over the map, and those that change the panes themselves.
const MARKED = ["selection", "hover", "outlines", "tool"];
const SHOWN = ["overlay", "layout", "original", "compare", "divider"];

/** Draws the document, at most once in a frame. */
export class Stage {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    const label = "Map and photo. Arrow keys move the pointer, Enter presses and lets go.";
    this.canvas = /** @type {HTMLCanvasElement} */ (
      h("canvas", { class: "stage", tabindex: "0", role: "application", "aria-label": label }));
    /** What follows the pointer is drawn on its own, so that it costs little. */
    this.front = /** @type {HTMLCanvasElement} */ (
      h("canvas", { class: "stage-front", "aria-hidden": "true" }));
    this.element = h("div", { class: "centre" }, this.canvas, this.front);
    Object.assign(this, { width: 1, height: 1, ratio: 1, fitted: true, view: null, panes: [] });
    /** What follows the pointer, in pixels of the map: what tools show. */
    this.ghosts = [];
    /** The same of what removing would leave. */
    this.hole = [];
    this.painter = new Painter(app, this);
    this.divider = new Divider(app, this);
    /** Where an eraser has been, per pixel of the map, or null. @type {Uint8Array|null} */
    this.erased = null;
    this.due = { all: false, rect: null, frame: 0 };
    this.listen();
  }

  listen() {
    const { app } = this;
    app.on("open", () => this.start());
    app.on("pixels", (rect) => this.recolour(rect));
    app.on("table", () => this.checkColours());
    app.on("photo", () => this.redraw());
    app.on("history", () => this.redraw());
    app.on("ui", (names) => this.choose(names));
    app.on("view", (what) => this.turn(what));
    const observer = new ResizeObserver((entries) => this.resize(entries[0]));
    observer.observe(this.element);
    app.atEnd(() => observer.disconnect());
    this.watchRatio();
    app.listen(this.canvas, "contextrestored", () => this.app.doc && this.start(false));
    app.listen(this.front, "contextrestored", () => this.redraw());
    app.listen(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.redraw());
  }

  /** The pixel ratio changes with the zoom of the page, at times without a new size. */
  watchRatio() {
    const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    this.app.listen(query, "change", () => {
      this.measure();
      this.watchRatio();
    }, { once: true });
  }

  choose(names) {
    if (names.includes("layout")) this.arrange();
    if (names.some((name) => SHOWN.includes(name) || MARKED.includes(name))) this.redraw();
    else this.redrawFront();
  }

  /** Shows another document, or the same after the context was lost. */
  start(anew = true) {
    const { doc } = this.app;
    this.map = new OffscreenCanvas(doc.w, doc.h);
    this.image = new ImageData(doc.w, doc.h);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.colours = null;
    this.erased = null;
    this.checkColours();
    if (anew) this.fitted = true;
    this.arrange();
  }

  /** Colours the whole map where a row has another colour than before. */
  checkColours() {
    const { doc, meta } = this.app;
    if (!doc || !this.map) return;
    const old = this.colours;
    this.colours = doc.kind === "picture" ? [] : coloursOf(doc.table, meta.classes);
    const n = old ? Math.min(old.length, this.colours.length) : 0;
    for (let i = 0; i < n; i++) if (old[i] !== this.colours[i]) return this.recolour(null);
    if (!old) this.recolour(null);
  }

  /** @param {import("./doc.js").Rect|null} rect that changed; null: all */
  recolour(rect) {
    const { doc, meta } = this.app, whole = { x: 0, y: 0, w: doc.w, h: doc.h };
    const area = overlap(rect || whole, whole);
    if (!area) return;
    if (doc.kind === "picture") colourLevels(doc, area, meta.label_channels, this.pixels);
    else {
      if (this.colours.length < doc.table.length) this.colours = coloursOf(doc.table, meta.classes);
      colourRows(doc, area, this.colours, this.pixels);
    }
    const context = this.map.getContext("2d");
    context.putImageData(this.image, 0, 0, area.x, area.y, area.w, area.h);
    this.redraw(area);
  }

  // Sizes and the view.

  resize(entry) {
    const { width, height } = entry.contentRect;
    Object.assign(this, { width: Math.max(1, width), height: Math.max(1, height) });
    this.measure();
  }

  measure() {
    this.ratio = devicePixelRatio;
    const w = Math.max(1, Math.round(this.width * this.ratio));
    const height = Math.max(1, Math.round(this.height * this.ratio));
    for (const canvas of [this.canvas, this.front]) {
      if (canvas.width === w && canvas.height === height) continue;
      Object.assign(canvas, { width: w, height });
    }
    this.arrange();
  }

  arrange() {
    const { doc, ui } = this.app;
    if (!doc) return;
    this.panes = panesOf(ui.layout, this, doc);
    const [pane] = this.panes;
    this.view = this.fitted || !this.view ? fitView(pane, doc) : keptView(this.view, pane, doc);
    this.painter.resize(pane);
    this.redraw();
  }

  /** @param {import("./view.js").View} view */
  look(view) {
    this.fitted = false;
    this.view = view;
    this.redraw();
  }

  /** @param {string|{row: number}} what "fit" "actual" "in" "out", or an object to show */
  turn(what) {
    const { doc } = this.app;
    if (!doc) return;
    if (typeof what === "object") return this.find(what.row);
    const [pane] = this.panes, x = pane.x + pane.w / 2, y = pane.y + pane.h / 2;
    this.fitted = what === "fit";
    if (this.fitted) this.arrange();
    else {
      const scale = { in: this.view.scale * 1.25, out: this.view.scale / 1.25 };
      this.zoom(x, y, what === "actual" ? 1 / this.ratio : scale[what]);
    }
  }

  /** Brings an object into view. */
  find(row) {
    const box = this.app.doc.box(row);
    if (box) this.reveal(box.x + box.w / 2, box.y + box.h / 2);
  }

  /** Zooms at a point of the stage. */
  zoom(x, y, scale) {
    this.look(zoomedAt(this.view, this.paneAt(x, y), this.app.doc, x, y, scale));
  }

  pan(dx, dy) {
    this.look(movedBy(this.view, this.panes[0], this.app.doc, dx, dy));
  }

  /** Brings a point of the map into view. */
  reveal(x, y) {
    const next = showing(this.view, this.panes[0], this.app.doc, x, y);
    if (next.cx !== this.view.cx || next.cy !== this.view.cy) this.look(next);
  }

  /** The pane that a point of the stage lies in, or is nearest to. */
  paneAt(x, y) {
    const off = (p) => Math.max(p.x - x, x - p.x - p.w, 0) + Math.max(p.y - y, y - p.y - p.h, 0);
    return this.panes.reduce((best, pane) => (off(pane) < off(best) ? pane : best));
  }

  /** A pointer's place on the stage. */
  toStage(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * this.width) / box.width,
      y: ((event.clientY - box.top) * this.height) / box.height,
    };
  }

  /** A pointer's place on the map; `pane` keeps a stroke in the pane that it began in. */
  toMap(event, pane = null) {
    const { x, y } = this.toStage(event);
    return toMap(this.view, pane || this.paneAt(x, y), x, y);
  }

  /** Where a point of the map is in the window, in the first pane. */
  toPage(x, y) {
    const from = originOf(this.view, this.panes[0]), box = this.canvas.getBoundingClientRect();
    return {
      x: box.left + ((from.x + x * this.view.scale) * box.width) / this.width,
      y: box.top + ((from.y + y * this.view.scale) * box.height) / this.height,
    };
  }

  /** From where to where in its pane the photo lies. */
  photoSpan() {
    const pane = this.panes.find((one) => one.show !== "map"), from = originOf(this.view, pane);
    const { w, h: height } = this.app.doc, { scale } = this.view;
    const left = Math.max(pane.x, from.x), top = Math.max(pane.y, from.y);
    const right = Math.max(left + 1, Math.min(pane.x + pane.w, from.x + w * scale));
    const bottom = Math.max(top + 1, Math.min(pane.y + pane.h, from.y + height * scale));
    return { left, right, top, bottom };
  }

  /** Where before and after meet in a pane, or null where they do not. */
  dividerAt(pane) {
    const { ui, first, photo } = this.app;
    if (pane.show === "map" || !ui.compare || ui.original || !first || !photo) return null;
    const { left, right } = this.photoSpan();
    return left + ui.divider * (right - left);
  }

  // Drawing.

  /** Asks for a frame. @param {import("./doc.js").Rect|null} [rect] of the map; none: all */
  redraw(rect = null) {
    const { due } = this;
    if (rect && !due.all) due.rect = hull(due.rect, rect);
    else due.all = true;
    this.redrawFront();
  }

  /** Asks for what follows the pointer only. */
  redrawFront() {
    this.due.frame ||= requestAnimationFrame(() => this.paint());
  }

  paint() {
    const { due } = this, { all, rect } = due;
    this.due = { all: false, rect: null, frame: 0 };
    if (!this.app.doc || !this.map || !this.panes.length) return;
    if (all || rect) this.painter.panes(all ? null : rect);
    if (all) this.divider.place();
    this.painter.front();
  }
}
