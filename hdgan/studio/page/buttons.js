// Buttons of commands, and fields beside them.

import { canRun, commandOf, isFor } from "./commands.js";
import { h, setAttribute } from "./dom.js";
import { icon } from "./icons.js";
import { titleOf } from "./keys.js";

/** Buttons that show whether their commands are on, and can be done. */
export class Buttons {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    /** @type {[import("./commands.js").Command, HTMLElement][]} */
    this.all = [];
    const events = ["meta", "open", "ui", "history", "photo", "status", "busy", "previews"];
    for (const event of events) app.on(event, () => this.later());
  }

  /**
   * A button of a command.
   * @param {string} id
   * @param {string} [text] beside its icon; else it is a square with the icon
   * @returns {HTMLElement}
   */
  make(id, text = "") {
    const command = commandOf(id);
    const button = h("button", {
      type: "button", class: text ? "plain" : "square", "data-command": id, title: titleOf(command),
      "aria-label": text ? null : command.title, onclick: () => command.run(this.app),
    }, icon(command.icon), text);
    this.all.push([command, button]);
    return button;
  }

  /** Several in a row. @param {string[]} ids */
  group(...ids) {
    return h("div", { class: "group" }, ...ids.map((id) => this.make(id)));
  }

  /** Several events of one step are one update. */
  later() {
    this.due ||= requestAnimationFrame(() => {
      this.due = 0;
      this.refresh();
    });
  }

  refresh() {
    const { app } = this;
    for (const [command, button] of this.all) {
      if (command.pressed) setAttribute(button, "aria-pressed", Boolean(command.pressed(app)));
      button.toggleAttribute("disabled", !canRun(command, app));
      button.classList.toggle("other-kind", !isFor(command, app));
    }
  }
}

/** Moves a slider, and the coloured part of its track. @param {HTMLInputElement} range */
export function setRange(range, value) {
  range.value = String(value);
  const [least, most] = [Number(range.min), Number(range.max)];
  range.style.setProperty("--part", `${(100 * (range.valueAsNumber - least)) / (most - least)}%`);
}

/**
 * A slider with its number beside it; both set the same.
 * @param {string} name
 * @param {{min: number, max: number, unit?: string, place?: (value: number) => number,
 *   value?: (place: number) => number, set: (value: number) => void}} how
 *   place, value: from the value to 0..100 on the slider, and back
 * @returns {{element: HTMLElement, show: (value: number) => void}}
 */
export function slider(name, { min, max, unit = "", place, value, set }) {
  const clamp = (x) => Math.min(max, Math.max(min, x));
  const range = /** @type {HTMLInputElement} */ (h("input", {
    type: "range", class: "range", "aria-label": name, min: place ? 0 : min, max: place ? 100 : max,
    step: place ? 0.5 : 1,
    oninput: () => set(clamp(value ? value(Number(range.value)) : Number(range.value))),
  }));
  const number = /** @type {HTMLInputElement} */ (h("input", {
    type: "number", class: "input number", "aria-label": `${name}, ${unit || "number"}`,
    min, max, step: "any",
    onchange: () => set(clamp(Math.round(Number(number.value)) || min)),
  }));
  const element = h("div", { class: "slider" },
    h("span", { class: "label", "aria-hidden": "true" }, name), range, number,
    unit && h("span", { class: "unit", "aria-hidden": "true" }, unit));
  return {
    element,
    show(now) {
      setRange(range, place ? place(now) : now);
      range.setAttribute("aria-valuetext", `${Math.round(now)} ${unit}`);
      if (number !== number.ownerDocument.activeElement) number.value = String(Math.round(now));
    },
  };
}
