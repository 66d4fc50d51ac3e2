// Draws the panes of the stage, and over them what follows the pointer.

import { Marks, flagsOf } from "./colours.js";
import { overlap } from "./raster.js";
import { originOf } from "./view.js";

const DASH = [6, 4];

/** Paints on the stage's two canvases. */
export class Painter {
  /** @param {import("./app.js").App} app @param {import("./stage.js").Stage} stage */
  constructor(app, stage) {
    this.app = app;
    this.stage = stage;
    this.marks = new Marks();
  }

  /** Makes room for the marks over a pane. @param {import("./view.js").Pane} pane */
  resize(pane) {
    const { ratio } = this.stage, { canvas } = this.marks;
    const w = Math.ceil(pane.w * ratio), h = Math.ceil(pane.h * ratio);
    if (canvas.width !== w || canvas.height !== h) this.marks.resize(w, h);
  }

  /** Draws the panes. @param {import("./doc.js").Rect|null} rect of the map, or all */
  panes(rect) {
    const { canvas, ratio, panes } = this.stage, context = canvas.getContext("2d");
    this.theme = themeOf(this.stage.element);
    this.mark(rect);
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (!rect) context.clearRect(0, 0, canvas.width, canvas.height);
    for (const pane of panes) {
      context.save();
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      clipTo(context, pane);
      if (rect) clipTo(context, this.patch(rect, pane));
      this.pane(context, pane);
      context.restore();
    }
  }

  /** What a window of the map covers in a pane, with its lines, at whole pixels. */
  patch(rect, pane) {
    const { view, ratio } = this.stage, from = originOf(view, pane), { scale } = view;
    const margin = 3 + scale, down = (v) => Math.floor(v * ratio) / ratio;
    const x = down(from.x + rect.x * scale - margin), y = down(from.y + rect.y * scale - margin);
    const right = from.x + (rect.x + rect.w) * scale + margin;
    const bottom = from.y + (rect.y + rect.h) * scale + margin;
    return { x, y, w: down(right - x) + 1, h: down(bottom - y) + 1 };
  }

  /** Draws outlines and selection anew where they may have changed. */
  mark(rect) {
    const { app, marks } = this, { doc, ui } = app;
    if (doc.kind === "picture") return;
    const { panes: [pane], view, ratio, erased } = this.stage, from = originOf(view, pane);
    const whole = { x: 0, y: 0, w: marks.canvas.width, h: marks.canvas.height };
    const area = rect ? overlap(this.inPane(this.patch(rect, pane), pane), whole) : whole;
    if (!area) return;
    const x = (from.x - pane.x) * ratio, y = (from.y - pane.y) * ratio;
    marks.draw(doc, { x, y, scale: view.scale * ratio }, {
      flags: flagsOf(doc.table.length, ui.selection, ui.hover),
      outlines: ui.outlines, hatch: ui.tool === "select", erased,
      thick: Math.max(1, Math.round(ratio)),
    }, area);
  }

  /** A window of the stage in pixels of the screen from a pane's corner. */
  inPane({ x, y, w, h }, pane) {
    const { ratio } = this.stage, left = Math.floor((x - pane.x) * ratio);
    const top = Math.floor((y - pane.y) * ratio);
    return { x: left, y: top, w: Math.ceil(w * ratio) + 1, h: Math.ceil(h * ratio) + 1 };
  }

  pane(context, pane) {
    const { app, stage } = this, { doc, ui } = app, { scale } = stage.view;
    const from = originOf(stage.view, pane);
    const box = { x: from.x, y: from.y, w: doc.w * scale, h: doc.h * scale };
    if (pane.show !== "map") this.photo(context, box, pane);
    if (pane.show === "map") this.image(context, stage.map, box);
    else if (pane.show === "both" && !ui.original) {
      context.globalAlpha = this.shown() ? ui.overlay : 1;
      this.image(context, stage.map, box);
      context.globalAlpha = 1;
    }
    if (doc.kind !== "picture" && !(ui.original && pane.show !== "map")) this.over(context, pane);
    this.border(context, box, pane);
  }

  /** Puts the marks over a pane, faintly over a photo: that is to be seen. */
  over(context, pane) {
    const { ratio } = this.stage;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    const { overlay } = this.app.ui;
    if (pane.show !== "map") context.globalAlpha = pane.show === "both" ? (1 + overlay) / 2 : 0.5;
    context.drawImage(this.marks.canvas, Math.round(pane.x * ratio), Math.round(pane.y * ratio));
    context.restore();
  }

  /** The photo that the photo's pane shows. */
  shown() {
    const { photo, first, ui } = this.app;
    return ui.original ? first || photo : photo;
  }

  /** The photo; with a divider the first one to the left of it. */
  photo(context, box, pane) {
    const { app, stage } = this, photo = this.shown();
    if (!photo) {
      context.fillStyle = this.theme.line;
      context.globalAlpha = 0.5;
      context.fillRect(box.x, box.y, box.w, box.h);
      context.globalAlpha = 1;
      return;
    }
    this.image(context, photo.bitmap, box);
    const at = stage.dividerAt(pane);
    if (at === null) return;
    context.save();
    clipTo(context, { x: pane.x, y: pane.y, w: at - pane.x, h: pane.h });
    this.image(context, app.first.bitmap, box);
    context.restore();
  }

  /** Smooth where it is made smaller, nearest pixels where larger. */
  image(context, image, { x, y, w, h }) {
    context.imageSmoothingEnabled = w * this.stage.ratio < image.width * 0.999;
    context.imageSmoothingQuality = "low";
    context.drawImage(image, x, y, w, h);
  }

  /** A draft, and a photo of an earlier map, have a dashed border. */
  border(context, { x, y, w, h }, pane) {
    const { photo, doc } = this.app;
    const open = photo && (photo.scale > 1 || photo.version !== doc.version);
    context.lineWidth = 1;
    context.strokeStyle = this.theme.line;
    if (open && pane.show !== "map") {
      context.lineWidth = 2;
      context.strokeStyle = this.theme.accent;
      context.setLineDash(DASH);
    }
    context.strokeRect(x - 1, y - 1, w + 2, h + 2);
    context.setLineDash([]);
  }

  /** Draws what follows the pointer, in every pane. */
  front() {
    const { front, panes, ratio, view, hole, ghosts } = this.stage, context = front.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, front.width, front.height);
    if (this.app.ui.original) return;
    for (const pane of panes) {
      const from = originOf(view, pane);
      context.save();
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      clipTo(context, pane);
      for (const ghost of [...hole, ...ghosts]) drawGhost(context, ghost, from, view.scale);
      context.restore();
    }
  }
}

/**
 * What a tool shows at the pointer, in pixels of the map.
 * @typedef {{x: number, y: number, path?: Path2D, image?: OffscreenCanvas, cross?: boolean}} Ghost
 * path: its outline, from (x, y); image: what fills it; cross: the pointer of the keyboard
 */

/** @param {CanvasRenderingContext2D} context @param {Ghost} ghost */
function drawGhost(context, { x, y, path, image, cross }, from, scale) {
  const place = new DOMMatrix([scale, 0, 0, scale, from.x + x * scale, from.y + y * scale]);
  if (cross) return drawCross(context, place.e, place.f);
  const here = new Path2D();
  here.addPath(path, place);
  if (image) {
    context.imageSmoothingEnabled = false;
    context.drawImage(image, place.e, place.f, image.width * scale, image.height * scale);
  }
  // Light within dark is seen on any colour.
  for (const [width, colour] of [[3, "rgb(0 0 0 / 55%)"], [1.25, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke(here);
  }
}

/** The pointer of the keyboard. */
function drawCross(context, x, y) {
  for (const [width, colour] of [[4, "rgb(0 0 0 / 70%)"], [1.5, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    for (const [u, v] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 4 * u, y + 4 * v);
      context.lineTo(x + 13 * u, y + 13 * v);
    }
    context.stroke();
  }
}

function clipTo(context, { x, y, w, h }) {
  context.beginPath();
  context.rect(x, y, w, h);
  context.clip();
}

/** Colours of the page's theme. */
function themeOf(element) {
  const style = getComputedStyle(element), of = (name) => style.getPropertyValue(name).trim();
  return { line: of("--line") || "#888", accent: of("--accent") || "#1a5fb4" };
}
