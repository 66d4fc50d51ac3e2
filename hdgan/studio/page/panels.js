// The bars and panels around the stage.

import { COMMANDS } from "./commands.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

/** Builds and refreshes what lies around the stage. */
export class Panels {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.buttons = COMMANDS.map((command) => [command, h(
      "button", { type: "button", class: "tool", title: `${command.title} (${command.keys.join(", ")})`, "aria-label": command.title, onclick: () => command.run(app) },
      icon(command.icon),
    )]);
    this.tools = h("div", { class: "tools", role: "toolbar", "aria-label": "Tools" }, ...this.buttons.map(([, b]) => b));
    this.status = h("p", { role: "status", class: "status" });
    this.classes = h("div", { class: "classes", role: "radiogroup", "aria-label": "Classes" });
    this.scenes = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "Scene", onchange: () => app.emit("wanted", Number(this.scenes.value)) }));
    this.top = h("header", { class: "top" }, h("strong", {}, "hdgan studio"), this.scenes, this.status);
    this.right = h("aside", { class: "right" }, h("h2", {}, "Classes"), this.classes);
    app.on("meta", () => this.fill());
    app.on("ui", () => this.refresh());
    app.on("history", () => this.refresh());
    app.on("status", ({ text }) => (this.status.textContent = text));
  }

  fill() {
    const { app } = this;
    this.classes.replaceChildren(...app.meta.classes.map((one) => h(
      "button", { type: "button", role: "radio", "data-label": one.id, onclick: () => app.set({ label: one.id, tool: "brush" }) },
      h("i", { style: `background: rgb(${one.color})` }), one.name,
    )));
    this.scenes.replaceChildren(...app.scenes.map((one) => h("option", { value: one.id }, one.name)));
    this.refresh();
  }

  refresh() {
    const { app } = this;
    for (const [command, button] of this.buttons) {
      if (command.pressed) button.setAttribute("aria-pressed", command.pressed(app));
      button.toggleAttribute("disabled", command.enabled ? !command.enabled(app) : false);
    }
    for (const button of this.classes.children) {
      button.setAttribute("aria-checked", Number(button.dataset.label) === app.ui.label);
    }
  }
}
