// The divider between the photo before and after.

import { h } from "./dom.js";

const STEP = 0.02;

/** A line over the photo that is dragged, or moved by arrow keys. */
export class Divider {
  /** @param {import("./app.js").App} app @param {import("./stage.js").Stage} stage */
  constructor(app, stage) {
    Object.assign(this, { app, stage, held: false });
    this.element = h("div", {
      class: "divider", role: "slider", tabindex: "0", hidden: true,
      "aria-label": "Before and after", "aria-valuemin": "0", "aria-valuemax": "100",
      onpointerdown: (event) => this.take(event), onpointermove: (event) => this.drag(event),
      onpointerup: () => this.drop(), onpointercancel: () => this.drop(),
      onkeydown: (event) => this.key(event),
    }, h("span", { class: "before" }, "before"), h("span", { class: "after" }, "after"));
    stage.element.append(this.element);
  }

  take(event) {
    if (event.button !== 0) return;
    this.held = true;
    this.element.setPointerCapture(event.pointerId);
  }

  drag(event) {
    const span = this.held && this.stage.photoSpan();
    if (!span) return;
    this.move((this.stage.toStage(event).x - span.left) / (span.right - span.left));
  }

  drop() {
    this.held = false;
  }

  move(part) {
    this.app.set({ divider: Math.min(1, Math.max(0, part)) });
  }

  key(event) {
    const at = this.app.ui.divider;
    const to = { ArrowLeft: at - STEP, ArrowRight: at + STEP, ArrowDown: at - STEP,
      ArrowUp: at + STEP, Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(to);
  }

  /** Puts it where it belongs. */
  place() {
    const { stage, element } = this, pane = stage.panes.find((one) => one.show !== "map");
    const at = pane ? stage.dividerAt(pane) : null;
    element.hidden = at === null;
    if (at === null) return;
    const { top, bottom } = stage.photoSpan();
    Object.assign(element.style, { left: `${at}px`, top: `${top}px`, height: `${bottom - top}px` });
    const percent = Math.round(this.app.ui.divider * 100);
    element.setAttribute("aria-valuenow", percent);
    element.setAttribute("aria-valuetext", `before on ${percent} %`);
  }
}
