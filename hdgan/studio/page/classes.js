// The panel of classes: what brush, fill and stamp make.

import { h, makeRoving, roving, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";
import { patch } from "./pictures.js";

const MANY = 12; // Classes from which on there is a field to find one.

/** Classes as one radio group. */
export class Classes {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.list = h("div", { class: "rows classes", role: "radiogroup", "aria-label": "Classes" });
    this.find = /** @type {HTMLInputElement} */ (h("input", {
      class: "input find", type: "search", placeholder: "Find a class",
      "aria-label": "Find a class",
      spellcheck: "false", oninput: () => this.sift(),
    }));
    this.none = h("p", { class: "empty", hidden: true }, "No class is called that.");
    this.element = h("div", { class: "pane" }, this.find, this.list, this.none);
    makeRoving(this.list, (member) => app.set({ label: Number(member.dataset.label) }));
    app.on("meta", () => this.build());
    app.on("open", () => this.count());
    app.on("history", () => this.count());
    app.on("ui", (names) => (names.includes("label") ? this.choose() : null));
  }

  build() {
    const { classes } = this.app.meta;
    this.find.hidden = classes.length <= MANY;
    this.list.replaceChildren(...classes.map((one) => this.row(one)));
    this.sift();
    this.choose();
    this.count();
  }

  row({ id, name, color }) {
    const { app } = this;
    const tick = patch(color);
    tick.append(icon("check"));
    return h("button", {
      type: "button", class: "row", role: "radio", "data-stop": true,
      "data-label": id, "aria-label": name,
      onclick: () => app.set({ label: id, tool: app.ui.tool === "fill" ? "fill" : "brush" }),
    }, tick, h("span", { class: "name" }, name), h("span", { class: "count" }));
  }

  /** Shows those that are asked for. */
  sift() {
    const word = this.find.value.trim().toLowerCase();
    let some = false;
    for (const row of this.members()) {
      row.hidden = !this.find.hidden && !row.textContent.toLowerCase().includes(word);
      some ||= !row.hidden;
    }
    this.none.hidden = some || !this.list.children.length;
    roving(this.list, this.chosen());
  }

  choose() {
    for (const row of this.members()) {
      setAttribute(row, "aria-checked", Number(row.dataset.label) === this.app.ui.label);
    }
    roving(this.list, this.chosen());
  }

  /** How many objects there are of each. */
  count() {
    const { doc } = this.app, counts = new Map();
    if (!doc || !doc.table) return;
    const areas = doc.areas();
    for (const [i, { label }] of doc.table.entries()) {
      if (areas[i]) counts.set(label, (counts.get(label) || 0) + 1);
    }
    for (const row of this.members()) {
      const n = counts.get(Number(row.dataset.label)) || 0, name = row.getAttribute("aria-label");
      setText(row.lastElementChild, n ? String(n) : "");
      setAttribute(row, "title", n ? `${name}: ${n} in this map` : `${name}: none in this map yet`);
    }
  }

  members() {
    return /** @type {HTMLElement[]} */ ([...this.list.children]);
  }

  chosen() {
    return this.members().find((row) => !row.hidden && row.getAttribute("aria-checked") === "true");
  }
}
