// Lists: every object of the map, and the steps of the history.

import { runCommand } from "./commands.js";
import { h, makeRoving, roving, setAttribute, setText } from "./dom.js";
import { classOf, goTo } from "./deeds.js";
import { cssColor, patch } from "./pictures.js";

const MOST = 1000; // Objects that are listed.

/** What an object is called: its class and its id. */
export function nameOfRow(app, row) {
  const { label, instance } = app.doc.table[row], one = classOf(app, label);
  const name = one ? one.name : `class ${label}`;
  if (one && !one.has_instances) return name;
  return instance === null ? `${name}, new` : `${name} ${instance}`;
}

/** How much of the map some pixels are. */
export function shareOf(doc, pixels) {
  const share = (100 * pixels) / (doc.w * doc.h);
  return share < 0.1 ? "< 0.1 %" : `${share < 10 ? share.toFixed(1) : Math.round(share)} %`;
}

/** Every object, the keyboard's way to them. */
export class Objects {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    this.order = "";
    this.list = h("div", {
      class: "rows objects", role: "listbox", "aria-label": "Objects",
      "aria-multiselectable": "true",
      onclick: (event) => this.pick(event), onkeydown: (event) => this.key(event),
      onpointerover: (event) => this.hover(event), onpointerleave: () => app.set({ hover: -1 }),
      onfocusin: (event) => this.hover(event), onfocusout: () => app.set({ hover: -1 }),
    });
    this.none = h("p", { class: "empty" }, "Nothing is on this map yet. Take the brush and paint.");
    this.more = h("p", { class: "empty", hidden: true });
    this.element = h("div", { class: "pane" }, this.list, this.none, this.more);
    makeRoving(this.list);
    for (const event of ["open", "table", "history"]) app.on(event, () => this.later());
    app.on("ui", (names) => {
      if (names.includes("selection") || names.includes("hover")) this.mark();
    });
  }

  /** Whether it can be seen; what nobody sees is not kept up to date. */
  get shown() {
    return this.element.offsetParent !== null;
  }

  /** Several events of one step are one update. */
  later() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      this.update();
    });
  }

  update() {
    const { doc } = this.app;
    if (!doc || !doc.table || !this.shown) return;
    const areas = doc.areas();
    const all = [...doc.table.keys()].filter((row) => areas[row]);
    const rank = (row) => doc.table[row].label;
    all.sort((a, b) => rank(a) - rank(b) || areas[b] - areas[a]);
    const listed = all.slice(0, MOST);
    for (const row of listed) this.write(row, areas[row]);
    this.arrange(listed);
    this.none.hidden = all.length > 0;
    this.more.hidden = all.length <= MOST;
    setText(this.more, `And ${all.length - MOST} smaller ones: click them on the map.`);
    this.mark();
  }

  /** Makes or rewrites the line of an object. */
  write(row, area) {
    const { app } = this, { label } = app.doc.table[row];
    let line = this.rows.get(row);
    if (!line) {
      line = h("div", {
        class: "row", role: "option", "data-stop": true, "data-row": row, tabindex: "-1",
      }, patch(undefined), h("span", { class: "name" }), h("span", { class: "count" }));
      this.rows.set(row, line);
    }
    const [tile, name, count] = /** @type {HTMLElement[]} */ ([...line.children]);
    tile.style.background = cssColor(classOf(app, label)?.color);
    setText(name, nameOfRow(app, row));
    setText(count, shareOf(app.doc, area));
    line.title = `${area.toLocaleString("en")} pixels`;
  }

  /** Puts the lines in order, and leaves the focus where it was. */
  arrange(listed) {
    const order = listed.join();
    if (order === this.order && this.list.children.length === listed.length) return;
    this.order = order;
    const focused = /** @type {HTMLElement} */ (this.element.ownerDocument.activeElement);
    const inside = this.list.contains(focused), at = [...this.list.children].indexOf(focused);
    this.list.replaceChildren(...listed.map((row) => this.rows.get(row)));
    const kept = new Set(listed);
    for (const row of this.rows.keys()) if (!kept.has(row)) this.rows.delete(row);
    roving(this.list);
    if (!inside) return;
    const near = this.list.children[Math.min(at, listed.length - 1)];
    const next = this.list.contains(focused) ? focused : near;
    if (next instanceof HTMLElement) next.focus();
  }

  mark() {
    if (!this.shown) return;
    const { selection, hover } = this.app.ui;
    for (const [row, line] of this.rows) {
      setAttribute(line, "aria-selected", selection.has(row));
      line.classList.toggle("hover", row === hover);
    }
    const [first] = selection, line = this.rows.get(first);
    if (line && first !== this.reached && !this.list.contains(document.activeElement)) {
      line.scrollIntoView({ block: "nearest" });
      roving(this.list, line);
    }
    this.reached = first;
  }

  rowOf(event) {
    const line = event.target.closest("[data-row]");
    return line ? Number(line.dataset.row) : -1;
  }

  hover(event) {
    const hover = this.rowOf(event);
    if (hover !== this.app.ui.hover) this.app.set({ hover });
  }

  pick(event) {
    const row = this.rowOf(event), { selection } = this.app.ui;
    if (row < 0) return;
    const next = event.shiftKey || event.ctrlKey || event.metaKey ? new Set(selection) : new Set();
    if (selection.has(row) && next.size) next.delete(row);
    else next.add(row);
    this.app.set({ selection: next });
  }

  key(event) {
    if (event.key === "Delete" || event.key === "Backspace") runCommand(this.app, "remove");
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    this.pick(event);
  }
}

/** The steps, of which any can be gone back to. */
export class Steps {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.list = h("ol", { class: "rows steps", "aria-label": "History" });
    this.element = h("div", { class: "pane" }, this.list);
    makeRoving(this.list);
    app.on("open", () => this.update());
    app.on("history", () => this.update());
    app.on("busy", () => this.update());
  }

  update() {
    const { doc, busy } = this.app;
    if (!doc || !this.element.offsetParent) return;
    const { position } = doc.history, titles = ["Opened", ...doc.history.titles()];
    const focus = this.list.contains(this.element.ownerDocument.activeElement);
    this.list.replaceChildren(...titles.map((title, i) => h("li", {}, h("button", {
      type: "button", class: i > position ? "row undone" : "row", "data-stop": true,
      "aria-current": i === position ? "step" : null, disabled: Boolean(busy),
      title: i > position ? `${title} (undone)` : title, onclick: () => goTo(this.app, i),
    }, h("span", { class: "name" }, title)))));
    const now = /** @type {HTMLElement} */ (this.list.querySelector("[aria-current]"));
    roving(this.list, now);
    now.scrollIntoView({ block: "nearest" });
    if (focus) now.focus();
  }
}
