// Keys: which command a press is.

import { COMMANDS, canRun } from "./commands.js";

const MAC = /Mac|iP(hone|ad)/.test(globalThis.navigator?.platform || "");
const NAMES = {
  " ": "Space", arrowup: "↑", arrowdown: "↓", arrowleft: "←", arrowright: "→", escape: "Esc",
  delete: "Del", backspace: "Backspace",
  ctrl: MAC ? "⌘" : "Ctrl", shift: MAC ? "⇧" : "Shift",
};
// Where letters are for writing.
const WRITING = "input, select, textarea, [contenteditable], dialog";

/** The name of a key press as COMMANDS has it. @param {KeyboardEvent} event */
export function keyName(event) {
  // AltGr writes characters; some systems report it as Ctrl and Alt.
  const written = event.getModifierState && event.getModifierState("AltGraph");
  const digit = !written && /^(Digit|Numpad)\d$/.test(event.code || "") && event.code.at(-1);
  // With Shift a digit's key writes something else.
  const row = digit && (event.shiftKey || event.key.length === 1);
  const key = row ? digit : event.key.toLowerCase();
  const parts = [];
  if ((event.ctrlKey || event.metaKey) && !written) parts.push("ctrl");
  if (event.altKey && !written) parts.push("alt");
  if (event.shiftKey && (key.length > 1 || /[a-z0-9[\]]/.test(key))) parts.push("shift");
  return [...parts, key].join("+");
}

/** A key as people read it: "Ctrl+Shift+Z". @param {string} key of COMMANDS */
export function keyText(key) {
  const parts = key === "+" ? ["+"] : key.split("+");
  const named = (part) => NAMES[part] || (part.length > 1 ? part : part.toUpperCase());
  return parts.map(named).join("+");
}

/** What a button says of itself: "Brush (B)". @param {import("./commands.js").Command} command */
export function titleOf(command) {
  return command.title + (command.keys.length ? ` (${keyText(command.keys[0])})` : "");
}

/**
 * Gives keys to commands while the stage, or nothing on a page of our own, has
 * focus. Nothing that happens in here reaches what is around, such as a notebook.
 * @param {import("./app.js").App} app
 * @param {HTMLElement} stage that takes the focus
 */
export function takeKeys(app, stage) {
  const { root } = app, held = new Map();
  const press = (event) => {
    const command = COMMANDS.find((one) => one.keys.includes(keyName(event)));
    if (event.defaultPrevented || !command || command.by) return;
    // Nor what the browser would do, such as to save the page.
    event.preventDefault();
    if (!canRun(command, app) || (event.repeat && command.release)) return;
    if (command.release) held.set(event.code, command);
    command.run(app);
  };
  const release = (event) => {
    if (held.has(event.code)) held.get(event.code).release(app);
    held.delete(event.code);
  };
  app.listen(root, "keydown", (event) => {
    if (event.target === stage || stage.contains(event.target)) press(event);
    event.stopPropagation();
  });
  app.listen(document, "keydown", (event) => {
    if (event.target === document.body && root.parentElement === document.body) press(event);
  });
  app.listen(window, "keyup", release);
  app.listen(window, "blur", () => {
    for (const command of held.values()) command.release(app);
    held.clear();
  });
  // A click on a button does not keep the keys from the stage.
  app.listen(root, "click", (event) => {
    const button = event.detail > 0 && event.target.closest("button");
    if (button && !button.closest(WRITING)) stage.focus({ preventScroll: true });
  });
}
