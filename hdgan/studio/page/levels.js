// In place of classes where the label is a picture: colour or grey of the brush.

import { setRange } from "./buttons.js";
import { h, setText } from "./dom.js";
import { cssColor } from "./pictures.js";

const RECENT = 12;

/** Levels out of a packed number. @param {number} packed @param {number} n */
function levelsOf(packed, n) {
  return Array.from({ length: n }, (_, i) => (packed >>> (8 * i)) & 255);
}

/** A packed number out of levels. @param {number[]} levels */
function packLevels(levels) {
  return levels.reduce((sum, level, i) => sum + level * 2 ** (8 * i), 0);
}

/** A picker of what brush and fill draw. */
export class Levels {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    /** @type {number[]} packed, the latest first */
    this.recent = [];
    this.element = h("div", { class: "pane levels" });
    app.on("meta", () => this.build());
    app.on("ui", (names) => {
      if (names.includes("level") || names.includes("paper")) this.refresh();
    });
    app.on("history", () => this.keep());
  }

  get channels() {
    return this.app.meta.label_channels || 1;
  }

  build() {
    const { app } = this;
    if (app.meta.kind !== "picture") return;
    this.show = h("i", { class: "patch large", "aria-hidden": "true" });
    this.text = h("output", { class: "mono" });
    this.picker = this.channels === 3 ? this.colorField() : null;
    const grey = this.channels === 3 ? [] : levelsOf(0, this.channels);
    this.sliders = grey.map((_, i) => this.slider(i));
    this.swatches = h("div", { class: "swatches", role: "group", "aria-label": "Recent" });
    this.paper = h("button", {
      type: "button", class: "plain", onclick: () => app.set({ level: app.ui.paper }),
    }, "Use the paper's");
    this.element.replaceChildren(
      h("div", { class: "line" }, this.show, this.text),
      ...(this.picker ? [this.picker] : []), ...this.sliders,
      h("h3", {}, "Recent"), this.swatches, this.paper,
    );
    // White has as many channels as the run's pictures.
    app.set({ paper: app.ui.paper % 2 ** (8 * this.channels) });
    this.recent = [0, app.ui.paper];
    this.refresh();
  }

  colorField() {
    return h("label", { class: "field" }, "Colour", h("input", {
      type: "color",
      oninput: (event) => this.take(Number.parseInt(event.target.value.slice(1), 16)),
    }));
  }

  /** Of "#rrggbb" as one number; the first channel lies in the lowest bits here. */
  take(rgb) {
    this.app.set({ level: packLevels([rgb >> 16, (rgb >> 8) & 255, rgb & 255]) });
  }

  slider(i) {
    const name = this.channels === 1 ? "Grey" : `Channel ${i + 1}`;
    return h("label", { class: "field" }, name, h("input", {
      type: "range", class: "range", min: 0, max: 255, oninput: (event) => {
        const levels = levelsOf(this.app.ui.level, this.channels);
        levels[i] = Number(event.target.value);
        this.app.set({ level: packLevels(levels) });
      },
    }));
  }

  /** What was drawn with is at hand again. */
  keep() {
    const { ui, meta } = this.app;
    if (!meta || meta.kind !== "picture" || this.recent[0] === ui.level) return;
    this.recent = [ui.level, ...this.recent.filter((one) => one !== ui.level)].slice(0, RECENT);
    this.refresh();
  }

  /** Three levels to show on the screen. */
  shown(packed) {
    const levels = levelsOf(packed, this.channels);
    return levels.length === 3 ? levels : [levels[0], levels[0], levels[0]];
  }

  refresh() {
    const { app } = this;
    if (!app.meta || app.meta.kind !== "picture") return;
    const { level } = app.ui, levels = levelsOf(level, this.channels);
    const hex = (n) => n.toString(16).padStart(2, "0");
    this.show.style.background = cssColor(this.shown(level));
    setText(this.text, levels.join(" "));
    if (this.picker) this.picker.querySelector("input").value = `#${levels.map(hex).join("")}`;
    this.sliders.forEach((field, i) => setRange(field.querySelector("input"), levels[i]));
    this.swatches.replaceChildren(...this.recent.map((one) => {
      const name = levelsOf(one, this.channels).join(" ");
      const button = h("button", {
        type: "button", class: "swatch", title: name, "aria-label": `Draw with ${name}`,
        "aria-pressed": String(one === level), onclick: () => app.set({ level: one }),
      });
      button.style.background = cssColor(this.shown(one));
      return button;
    }));
  }
}
