// Dialogs: opening, a blank scene, export, keys.

import { COMMANDS, isFor } from "./commands.js";
import { h } from "./dom.js";
import { keyText } from "./keys.js";

/** Shows dialogs when they are asked for. */
export class Dialogs {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    app.on("dialog", (name) => name in DIALOGS && DIALOGS[name](app));
  }
}

const DIALOGS = { keys: keysDialog };

/**
 * Shows a dialog; Esc and its button close it, and the focus goes back.
 * @param {import("./app.js").App} app
 * @param {string} title
 * @param {...(Node|string)} body
 * @returns {HTMLDialogElement}
 */
export function showDialog(app, title, ...body) {
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "dialog", "aria-label": title },
    h("h2", {}, title), ...body,
  ));
  dialog.addEventListener("close", () => dialog.remove());
  app.root.append(dialog);
  dialog.showModal();
  return dialog;
}

/** All keys, by group. */
function keysDialog(app) {
  const groups = Map.groupBy(COMMANDS.filter((one) => one.keys.length && isFor(one, app)), (one) => one.group);
  const rows = [...groups].flatMap(([group, commands]) => [
    h("tr", {}, h("th", { colspan: 3 }, group)),
    ...commands.map((one) => h("tr", {},
      h("td", {}, ...one.keys.map((key) => h("kbd", {}, keyText(key)))),
      h("td", {}, one.title), h("td", {}, one.help),
    )),
  ]);
  const dialog = showDialog(app, "Keys", h("table", { class: "keys" }, ...rows),
    h("div", { class: "actions" }, h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Close")),
  );
}
