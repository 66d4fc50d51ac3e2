// The bars above and beside the stage.

import { h, makeRoving, roving, setAttribute, setText } from "./dom.js";
import { setSeed } from "./deeds.js";
import { icon } from "./icons.js";
import { slider } from "./buttons.js";

const LEFT = ["select", "brush", "erase", "fill", "pick", "stamp"];

/** Brush sizes: small ones have most of the way. */
const sizePlace = (size) => (100 * Math.log(size)) / Math.log(512);
const sizeValue = (place) => Math.round(512 ** (place / 100));
/** Scales of a stamp in percent, the same both ways from 100. */
const scalePlace = (percent) => 50 + (50 * Math.log(percent / 100)) / Math.log(8);
const scaleValue = (place) => Math.round(100 * 8 ** ((place - 50) / 50));

/**
 * The bar at the top: run, scene, history, looks, export.
 * @param {import("./app.js").App} app
 * @param {import("./buttons.js").Buttons} buttons
 */
export function topBar(app, buttons) {
  const run = h("span", { class: "run" }), step = h("span", { class: "step" });
  const seed = /** @type {HTMLInputElement} */ (h("input", {
    class: "input seed", type: "number", min: 0, max: 2 ** 31 - 1, step: 1,
    "aria-label": "Seed of the random looks",
    title: "The seed that draws looks: the same seed, the same looks", onchange: () => {
      if (seed.checkValidity() && seed.value !== "") setSeed(app, Number(seed.value));
      else refresh();
    },
  }));
  const refresh = () => {
    if (app.doc && seed !== document.activeElement) seed.value = String(app.doc.seed);
  };
  const name = h("span", { class: "name" }, "No scene yet"), scene = buttons.make("scenes", " ");
  scene.lastChild.remove();
  scene.append(name, icon("down"));
  scene.classList.add("scene");
  app.on("open", (doc) => {
    setText(name, doc.name || "Untitled");
    setAttribute(scene, "title", `${name.textContent}: choose another scene (P)`);
    setAttribute(scene, "aria-label", `Scenes: ${name.textContent}`);
  });
  const looks = h("div", { class: "group looks-seed" }, buttons.make("random"), seed);
  app.on("meta", () => {
    setText(run, app.meta.run || "hdgan");
    setText(step, app.meta.step ? `step ${app.meta.step.toLocaleString("en")}` : "");
    looks.hidden = app.meta.kind === "picture";
  });
  for (const event of ["open", "history", "table"]) app.on(event, refresh);
  const store = buttons.make("export", "Export");
  store.classList.add("primary");
  return h("header", { class: "top" },
    h("div", { class: "brand" }, run, step), scene, buttons.group("new", "open"),
    buttons.group("undo", "redo"), h("span", { class: "space" }), looks,
    buttons.make("keys"), store);
}

/** Tools, one tab stop. */
export function toolBar(app, buttons) {
  const bar = h("div", {
    class: "tools", role: "toolbar", "aria-label": "Tools", "aria-orientation": "vertical",
  },
    ...LEFT.map((id) => buttons.make(id)));
  for (const button of bar.children) button.setAttribute("data-stop", "");
  makeRoving(bar);
  const follow = () => roving(bar, bar.children[LEFT.indexOf(app.ui.tool)]);
  app.on("ui", (names) => (names.includes("tool") ? follow() : null));
  follow();
  return bar;
}

/** The slim bar under the top: what the tool can be told, and the view. */
export class Options {
  /**
   * @param {import("./app.js").App} app
   * @param {import("./buttons.js").Buttons} buttons
   */
  constructor(app, buttons) {
    this.app = app;
    this.size = slider("Size", {
      min: 1, max: 512, unit: "px", place: sizePlace, value: sizeValue,
      set: (size) => app.set({ size }),
    });
    this.scale = slider("Scale", {
      min: 12.5, max: 800, unit: "%", place: scalePlace, value: scaleValue,
      set: (percent) => app.set({ stampScale: percent / 100 }),
    });
    this.hole = /** @type {HTMLSelectElement} */ (h("select", {
      class: "input",
      onchange: () => app.set({ fill: this.hole.value === "" ? null : Number(this.hole.value) }),
    }));
    const holes = h("span", { class: "label" }, "Holes become");
    this.holeField = h("label", { class: "slider" }, holes, this.hole);
    this.fresh = buttons.make("fresh", "New object");
    this.mirror = buttons.make("mirror", "Mirror");
    this.say = h("span", { class: "label advice" });
    this.overlay = slider("Map", {
      min: 0, max: 100, unit: "%", set: (percent) => app.set({ overlay: percent / 100 }),
    });
    this.overlay.element.classList.add("overlay");
    this.overlay.element.title = "How much of the map lies over the photo";
    this.element = h("div", { class: "options" },
      h("div", { class: "of-tool", role: "group", "aria-label": "Options of the tool" },
        this.say, this.size.element, this.scale.element, this.holeField, this.fresh, this.mirror),
      h("span", { class: "space" }),
      h("div", { class: "view", role: "group", "aria-label": "View" }, this.overlay.element,
        buttons.group("outlines", "layout", "compare", "original", "real"),
        buttons.group("out", "fit", "actual", "in")));
    app.on("meta", () => this.fill());
    app.on("ui", (names) => (names.some((one) => one !== "hover") ? this.refresh() : null));
    this.refresh();
  }

  fill() {
    const { classes = [] } = this.app.meta;
    this.hole.replaceChildren(h("option", { value: "" }, "What is near"),
      ...classes.map(({ id, name }) => h("option", { value: id }, name)));
    this.refresh();
  }

  refresh() {
    const { ui, meta } = this.app, { tool } = ui, classes = !meta || meta.kind === "classes";
    this.size.element.hidden = tool !== "brush" && tool !== "erase";
    const leaves = tool === "erase" || (tool === "select" && ui.selection.size > 0);
    this.holeField.hidden = !classes || !leaves;
    this.fresh.hidden = tool !== "brush";
    this.scale.element.hidden = this.mirror.hidden = tool !== "stamp" || !ui.stamp;
    this.say.hidden = !ADVICE[tool] || !(this.scale.element.hidden && this.holeField.hidden);
    setText(this.say, ADVICE[tool] || "");
    this.size.show(ui.size);
    this.scale.show(100 * ui.stampScale);
    this.overlay.show(100 * ui.overlay);
    this.hole.value = ui.fill === null ? "" : String(ui.fill);
  }
}

const ADVICE = {
  select: "Click an object; Shift adds one; drag moves it.",
  fill: "Click an area to fill it.", pick: "Click something to take its class and style.",
  stamp: "Choose a stamp on the right, then click the map.",
};
