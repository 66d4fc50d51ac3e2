// The looks of objects: a class's styles as thumbnails, or as numbers.

import { h, makeRoving, roving, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";
import { classOf, setStyle } from "./deeds.js";
import { drawCover, drawNumbers, smallCanvas } from "./pictures.js";

const SIDE = 48; // Of a thumbnail, in pixels of the page.

/** A radio group of styles for what is selected, or for what is painted next. */
export class Looks {
  /**
   * @param {import("./app.js").App} app
   * @param {import("./pictures.js").Sprites} sprites
   */
  constructor(app, sprites) {
    this.app = app;
    this.sprites = sprites;
    this.label = -1;
    this.sprite = null;
    this.group = h("div", { class: "styles", role: "radiogroup", "aria-label": "Style" });
    this.none = h("p", { class: "empty", hidden: true });
    this.numbers = h("details", { class: "numbers" });
    this.element = h("div", { class: "looks" }, this.group, this.none, this.numbers);
    makeRoving(this.group);
    app.on("previews", () => this.paint());
    // Those that could not be had while the server was away.
    app.on("photo", () => this.label >= 0 && !this.sprite && this.load());
  }

  /**
   * Shows the styles of a class.
   * @param {number[]} rows that a choice is for; none: what is painted next
   * @param {number | null} label their class, null where they have several
   * @param {any} style that all have, undefined where they differ
   */
  show(rows, label, style) {
    this.rows = rows;
    this.style = style;
    const one = label === null ? null : classOf(this.app, label), n = one ? one.styles : 0;
    this.group.hidden = this.numbers.hidden = !n;
    this.none.hidden = Boolean(n);
    if (!n) {
      setText(this.none, this.reason(label, one));
      this.label = -1;
      return;
    }
    if (this.label !== label) this.build(label, n);
    this.choose();
  }

  /** Why there are no styles. */
  reason(label, one) {
    if (label === null) return "These are of several classes. Select one to choose a style.";
    const name = one ? one.name : "this class";
    if (this.app.meta.style_channels) return `The run has no styles for ${name}.`;
    return "This run was trained without styles: all objects of a class look alike.";
  }

  build(label, n) {
    this.label = label;
    this.sprite = null;
    this.canvases = Array.from({ length: n }, () => smallCanvas(SIDE, SIDE, "thumb"));
    const dice = h("span", { class: "thumb drawn" }, icon("random"));
    const drawn = this.option(null, "Drawn by the seed", "", dice);
    this.group.replaceChildren(drawn, ...this.canvases.map((canvas, i) => {
      const key = i < 10 ? String((i + 1) % 10) : "";
      return this.option(i, `Style ${i + 1}`, key, canvas);
    }));
    this.buildNumbers();
    this.paint();
    this.load();
  }

  /** Gets the class's thumbnails. */
  load() {
    const { label } = this;
    this.sprites.of(label).then((sprite) => {
      if (this.label !== label) return;
      this.sprite = sprite;
      this.paint();
      this.writeNumbers();
    }, () => null);
  }

  option(style, name, key, picture) {
    const all = "Shift: all of the class";
    return h("button", {
      type: "button", class: "style", role: "radio", "data-stop": true,
      "data-style": style === null ? "" : style,
      "aria-label": name, title: key ? `${name} (${key}). ${all}` : `${name}. ${all}`,
      onclick: (event) => this.take(style, event.shiftKey),
    }, picture, key && h("kbd", {}, key), h("span", { class: "tick" }, icon("check")));
  }

  take(style, all) {
    setStyle(this.app, style, all);
  }

  /** Thumbnails: of the object itself if they were made, of the bank, or of numbers. */
  paint() {
    const { previews } = this.app;
    if (this.label < 0) return;
    const own = previews && this.rows.includes(previews.row) ? previews.bitmaps : null;
    this.group.classList.toggle("waits", Boolean(previews && !previews.bitmaps));
    this.canvases.forEach((canvas, i) => {
      const { sheet = null, side = 0, values = [] } = this.sprite || {};
      if (own && own[i]) drawCover(canvas, own[i]);
      else if (sheet && (i + 1) * side <= sheet.width) {
        drawCover(canvas, sheet, i * side, 0, side, side);
      } else drawNumbers(canvas, values[i], i);
    });
  }

  choose() {
    const { style } = this, options = /** @type {HTMLElement[]} */ ([...this.group.children]);
    for (const option of options) {
      const own = option.dataset.style === "" ? null : Number(option.dataset.style);
      setAttribute(option, "aria-checked", own === style);
    }
    const chosen = options.find((one) => one.getAttribute("aria-checked") === "true");
    roving(this.group, chosen || options[0]);
    this.writeNumbers();
  }

  /** Fields for a style of one's own. */
  buildNumbers() {
    const n = this.app.meta.style_channels;
    this.fields = Array.from({ length: n }, (_, i) => /** @type {HTMLInputElement} */ (h("input", {
      class: "input number", type: "number", min: -1, max: 1, step: 0.05,
      "aria-label": `Number ${i + 1}`,
      onchange: () => this.takeNumbers(),
    })));
    this.numbers.replaceChildren(
      h("summary", {}, icon("down"), "As numbers"), h("div", { class: "line" }, ...this.fields),
    );
  }

  writeNumbers() {
    const { style } = this, values = this.sprite ? this.sprite.values : [];
    const numbers = Array.isArray(style) ? style : values[style];
    for (const [i, field] of (this.fields || []).entries()) {
      if (field === document.activeElement) continue;
      field.value = numbers ? String(Math.round(numbers[i] * 1000) / 1000) : "";
    }
  }

  takeNumbers() {
    const numbers = this.fields.map((field) => Number(field.value || 0));
    if (this.fields.every((field) => field.checkValidity())) this.take(numbers, false);
    else this.fields.find((field) => !field.reportValidity());
  }
}
