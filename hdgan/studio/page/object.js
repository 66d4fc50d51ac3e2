// What is selected, what can be done with it, and its looks.

import { h, setText } from "./dom.js";
import { classOf, naming, setClass } from "./deeds.js";
import { Looks } from "./looks.js";
import { icon } from "./icons.js";
import { nameOfRow, shareOf } from "./objects.js";
import { cssColor, patch } from "./pictures.js";

const PREVIEW = ["Try all on it", "Back to the bank's"];

/** The lower part of the right side. */
export class ObjectPanel {
  /**
   * @param {import("./app.js").App} app
   * @param {import("./pictures.js").Sprites} sprites
   * @param {import("./buttons.js").Buttons} buttons
   */
  constructor(app, sprites, buttons) {
    this.app = app;
    this.looks = new Looks(app, sprites);
    this.tile = patch(undefined);
    this.title = h("h2", { class: "name" });
    this.facts = h("p", { class: "facts" });
    this.select = /** @type {HTMLSelectElement} */ (h("select", {
      class: "input", "aria-label": "Class of what is selected", onchange: () => this.changeClass(),
    }));
    this.acts = buttons.group("makestamp", "duplicate", "remove");
    this.showsHole(this.acts.querySelector("[data-command=remove]"));
    this.previews = h("button", {
      type: "button", class: "plain", title: "Draws this object in every style",
      onclick: () => this.preview(),
    }, icon("preview"), h("span", {}, PREVIEW[0]));
    this.deeds = h("div", { class: "line" }, this.select, this.acts);
    this.element = h("section", { class: "object", "aria-label": "What is selected" },
      h("div", { class: "head" }, this.tile, this.title, this.facts), this.deeds,
      h("div", { class: "line" }, h("h3", {}, "Style"), this.previews), this.looks.element);
    app.on("meta", () => this.fill());
    app.on("previews", () => {
      setText(this.previews.lastChild, PREVIEW[Number(Boolean(app.previews))]);
    });
    for (const event of ["open", "table", "history"]) app.on(event, () => this.update());
    app.on("ui", (names) => {
      if (names.some((one) => /^(selection|label|styles?)$/.test(one))) this.update();
    });
  }

  /** A button that is about to remove shows what that leaves. */
  showsHole(button) {
    const shown = { pointerenter: true, focus: true, pointerleave: false, blur: false };
    for (const [type, is] of Object.entries(shown)) {
      button.addEventListener(type, () => this.app.emit("hole", is));
    }
  }

  fill() {
    const { classes = [] } = this.app.meta;
    this.select.replaceChildren(
      h("option", { value: "", hidden: true }, "Several classes"),
      ...classes.map(({ id, name }) => h("option", { value: id }, name)),
    );
    this.element.hidden = this.app.meta.kind === "picture";
    this.update();
  }

  /** The selected rows that have pixels. */
  rows() {
    const { doc, ui } = this.app, areas = doc.areas();
    return [...ui.selection].filter((row) => areas[row]);
  }

  update() {
    const { app } = this, { doc, ui } = app;
    if (!app.meta || !doc || !doc.table || !app.meta.classes) return;
    const rows = this.rows();
    const labels = new Set(rows.map((row) => doc.table[row].label)), [first = ui.label] = labels;
    const label = labels.size > 1 ? null : first;
    const color = label === null ? "transparent" : cssColor(classOf(app, label)?.color);
    this.tile.style.background = color;
    this.deeds.hidden = !rows.length;
    this.previews.hidden = rows.length !== 1 || !classOf(app, label)?.styles;
    this.select.value = label === null ? "" : String(label);
    if (rows.length) this.tell(rows);
    else this.tellNext();
    const styles = new Set(rows.map((row) => String(doc.table[row].style)));
    const same = styles.size === 1 ? doc.table[rows[0]].style : undefined;
    this.looks.show(rows, label, rows.length ? same : ui.style);
  }

  /** Of what is selected. */
  tell(rows) {
    const { doc } = this.app, areas = doc.areas();
    const area = rows.reduce((sum, row) => sum + areas[row], 0);
    setText(this.title, rows.length === 1 ? nameOfRow(this.app, rows[0]) : naming(this.app, rows));
    setText(this.facts, `${area.toLocaleString("en")} px, ${shareOf(doc, area)}`);
  }

  /** Nothing is selected: of what is painted next. */
  tellNext() {
    const one = classOf(this.app, this.app.ui.label);
    setText(this.title, one ? `New ${one.name}` : "Nothing selected");
    setText(this.facts, "Select an object to change it.");
  }

  /** Asks for the object in every style, or ends that. */
  preview() {
    const { app } = this, [row] = this.rows();
    app.emit("preview", app.previews ? -1 : row);
  }

  changeClass() {
    setClass(this.app, Number(this.select.value)).then(() => this.update());
  }
}
