// All that a person can do besides pointing: one table for buttons, keys, help.

/**
 * @typedef {{id: string, title: string, icon: string, keys: string[], group: string,
 *   run: (app: import("./app.js").App) => void,
 *   pressed?: (app: import("./app.js").App) => boolean,
 *   enabled?: (app: import("./app.js").App) => boolean}} Command
 */

const tool = (id, title, key) => ({
  id, title, icon: id, keys: [key], group: "Tools",
  run: (app) => app.set({ tool: id }), pressed: (app) => app.ui.tool === id,
});

/** @type {Command[]} */
export const COMMANDS = [
  tool("select", "Select", "v"),
  tool("brush", "Brush", "b"),
  {
    id: "undo", title: "Undo", icon: "undo", keys: ["ctrl+z"], group: "History",
    run: (app) => app.changed(app.doc.undo()), enabled: (app) => app.doc && app.doc.history.position > 0,
  },
  {
    id: "redo", title: "Redo", icon: "redo", keys: ["ctrl+shift+z", "ctrl+y"], group: "History",
    run: (app) => app.changed(app.doc.redo()),
    enabled: (app) => app.doc && app.doc.history.position < app.doc.history.steps.length,
  },
  { id: "smaller", title: "Smaller brush", icon: "minus", keys: ["["], group: "Tools", run: (app) => app.set({ size: Math.max(1, app.ui.size - 1) }) },
  { id: "larger", title: "Larger brush", icon: "plus", keys: ["]"], group: "Tools", run: (app) => app.set({ size: Math.min(512, app.ui.size + 1) }) },
];

/** The name of a key press as COMMANDS has it. @param {KeyboardEvent} event */
export function keyName(event) {
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("ctrl");
  if (event.shiftKey && event.key.length > 1 || event.shiftKey && /[a-z]/i.test(event.key)) parts.push("shift");
  return [...parts, event.key.toLowerCase()].join("+");
}
