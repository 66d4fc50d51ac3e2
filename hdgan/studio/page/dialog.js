// What all dialogs are made of.

import { h } from "./dom.js";

/**
 * Shows a dialog in place of another. Esc and "close" end it; the focus goes back.
 * @param {import("./app.js").App} app
 * @param {string} title
 * @param {...(Node|string)} body
 * @returns {HTMLDialogElement}
 */
export function showDialog(app, title, ...body) {
  for (const other of app.root.querySelectorAll("dialog")) other.close();
  const cross = h("button", { type: "button", class: "plain cross", "aria-label": "Close" }, "×");
  const head = h("header", { class: "head" }, h("h2", {}, title), cross);
  const dialog = /** @type {HTMLDialogElement} */ (
    h("dialog", { class: "dialog", "aria-label": title }, head, ...body)
  );
  cross.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  const first = dialog.querySelector("input, select, .primary");
  if (first) first.autofocus = true;
  app.root.append(dialog);
  dialog.showModal();
  dialog.scrollTop = 0; // The focus may be at its end.
  return dialog;
}

/** A row of buttons, the last being the one that most people want. */
export function actions(...buttons) {
  return h("div", { class: "actions" }, ...buttons);
}

/** A button of a dialog. @param {string} text @param {() => void} [run] none: it submits */
export function action(text, run = undefined, kind = "plain") {
  return h("button", { type: run ? "button" : "submit", class: kind, onclick: run }, text);
}

/** One thing to fill in, with what is wrong with it beside. */
export class Field {
  /**
   * @param {string} label
   * @param {HTMLElement} input
   * @param {{hint?: string, about?: string[]}} [more] about: fields of the protocol
   */
  constructor(label, input, { hint = "", about = [] } = {}) {
    this.input = /** @type {HTMLInputElement} */ (input);
    this.about = about;
    this.error = h("span", { class: "error", role: "alert" });
    const note = hint ? [h("small", {}, hint)] : [];
    this.element = h("label", { class: "field" }, h("span", {}, label), input, ...note, this.error);
  }

  /** Says what is wrong; "" for nothing. */
  fail(text) {
    this.error.textContent = text;
    this.input.toggleAttribute("aria-invalid", !!text);
    return !text;
  }
}

/** A choice. @param {[string, string][]} options value and text */
export function choice(options, value = undefined, attributes = {}) {
  const entries = options.map(([one, text]) => (
    h("option", { value: one, selected: String(one) === String(value) }, text)
  ));
  return /** @type {HTMLSelectElement} */ (h("select", attributes, ...entries));
}

/**
 * A dialog with fields and one action. A refusal is shown beside the field that
 * it is about; what was filled in stays.
 * @param {import("./app.js").App} app
 * @param {{title: string, fields: Field[], body: Node[], verb: string,
 *   check: () => boolean, run: (signal: AbortSignal) => Promise<boolean>}} what
 *   run: false leaves the dialog open
 */
export function askDialog(app, { title, fields, body, verb, check, run }) {
  const stop = new AbortController(), general = h("p", { class: "error", role: "alert" });
  const go = action(verb, undefined, "primary");
  const form = h("form", { class: "fields", novalidate: true }, ...body, general,
    actions(action("Cancel", () => dialog.close()), go));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    general.textContent = "";
    for (const field of fields) field.fail("");
    if (!check()) return;
    busy(go, `${verb} …`);
    try {
      if (await run(stop.signal)) dialog.close();
    } catch (refusal) {
      if (!stop.signal.aborted) showRefusal(refusal, fields, general);
    }
    busy(go, "");
    go.textContent = verb;
  });
  const dialog = showDialog(app, title, form);
  dialog.addEventListener("close", () => stop.abort());
  return dialog;
}

function busy(button, text) {
  button.toggleAttribute("disabled", !!text);
  if (text) button.textContent = text;
}

/** Puts a refusal where the person looks. */
function showRefusal(refusal, fields, general) {
  const text = [refusal.message || String(refusal), refusal.hint].filter(Boolean).join("; ");
  const field = fields.find((one) => one.about.includes(refusal.field));
  if (!field) general.textContent = text;
  else {
    field.fail(text);
    field.input.focus();
  }
}
