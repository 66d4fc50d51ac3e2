// What commands do to the document. What is about objects goes to the server.

import { hull, maskOf } from "./raster.js";

/** The class of a label, or undefined. */
export function classOf(app, label) {
  return app.meta && app.meta.classes.find((one) => one.id === label);
}

/** The name of a class. */
export function nameOf(app, label) {
  return classOf(app, label)?.name ?? `class ${label}`;
}

/** Whether a row is an object, not a region of a class without objects. */
export function isThing(app, row) {
  return !!classOf(app, app.doc.table[row]?.label)?.has_instances;
}

/** What to call rows: "car", "3 × car", "5 × objects". */
export function naming(app, rows) {
  const labels = new Set(rows.map((row) => app.doc.table[row].label));
  const name = labels.size === 1 ? classOf(app, [...labels][0])?.name : "objects";
  return rows.length === 1 ? name || "object" : `${rows.length} × ${name || "object"}`;
}

/** Rows that have pixels, in the order of the table. @returns {number[]} */
export function present(doc) {
  const areas = doc.areas();
  return [...doc.table.keys()].filter((row) => areas[row]);
}

/** Rows with pixels of the classes of the selected ones, or of the active class. */
export function likeSelected(app) {
  const { doc, ui } = app;
  const labels = new Set([...ui.selection].map((row) => doc.table[row].label));
  if (!labels.size) labels.add(ui.label);
  return present(doc).filter((row) => labels.has(doc.table[row].label));
}

/** Changes fields of rows as one step. */
function stepRows(app, rows, title, changes) {
  const { doc } = app;
  if (app.busy || doc.step) return;
  doc.begin(title);
  doc.setRows(rows, changes);
  if (doc.commit()) app.changed(null);
}

/** How many styles of the bank a class has. */
function stylesOf(app, label) {
  return classOf(app, label)?.styles || 0;
}

/** Rows that an action is about: the selected, or all of their classes. */
function about(app, all) {
  return all ? likeSelected(app) : [...app.ui.selection];
}

/**
 * Gives the selected objects a style. Where nothing is selected, and with
 * `all`, new objects get it as well.
 * @param {number|number[]|null} style number of the bank, levels, or null: drawn by the seed
 * @param {boolean} [all] all objects of their classes
 */
export function setStyle(app, style, all = false) {
  const { doc, ui } = app, rows = about(app, all);
  const fits = (label) => typeof style !== "number" || style < stylesOf(app, label);
  if (all || !rows.length) {
    const labels = rows.length ? rows.map((row) => doc.table[row].label) : [ui.label];
    const entries = labels.filter(fits).map((label) => [label, style]);
    app.set({ styles: { ...ui.styles, ...Object.fromEntries(entries) } });
  }
  const able = rows.filter((row) => fits(doc.table[row].label));
  const name = typeof style === "number" ? `Style ${style + 1}` : "Style";
  if (able.length) stepRows(app, able, `${name}: ${naming(app, able)}`, { style });
  else app.announce(rows.length || !fits(ui.label) ? "This class has no such style." : name);
}

/**
 * Draws the looks of the selected objects anew, or of all where nothing is selected.
 * @param {number} [seed] another one each time where none is given
 * @param {boolean} [all] all objects, whatever is selected
 */
export function setSeed(app, seed = Math.floor(Math.random() * 2 ** 31), all = false) {
  const { doc, ui } = app;
  const rows = all || !ui.selection.size ? present(doc) : [...ui.selection];
  if (app.busy || doc.step || !rows.length) return;
  doc.begin(`Looks by seed ${seed}: ${naming(app, rows)}`);
  doc.setSeed(seed);
  doc.setRows(rows, { style: null });
  if (doc.commit()) app.changed(null);
  app.announce(`${naming(app, rows)}: looks drawn by seed ${seed}`);
}

/**
 * Gives the selected objects a class.
 * @param {number} label
 * @param {boolean} [all] all objects of their classes
 */
export async function setClass(app, label, all = false) {
  const rows = about(app, all).filter((row) => app.doc.table[row].label !== label);
  const to = classOf(app, label)?.name;
  if (!rows.length) {
    app.announce(`Already ${to}: choose another class first.`);
    return;
  }
  const edits = [{ op: "change_class", rows, to: label }];
  await app.edit(edits, `${naming(app, rows)} → ${to}`);
}

/** The edit that removes the selected; the hole takes what is near, or the chosen class. */
export function removal(app) {
  const { fill, selection } = app.ui;
  return { op: "remove", rows: [...selection], ...(fill === null ? {} : { fill }) };
}

/** Removes the selected. */
export async function removeSelection(app) {
  const edit = removal(app);
  const done = await app.edit([edit], `Remove ${naming(app, edit.rows)}`);
  if (done) app.set({ selection: new Set() });
}

/** Goes to a position of the history. @param {number} position */
export function goTo(app, position) {
  const { doc } = app;
  if (app.busy || doc.step) return;
  app.changed(doc.goto(position));
}

/** An object of its own, as a stamp. */
function stampOf(app, row) {
  const { doc } = app, { label, style } = doc.table[row];
  return { mask: maskOf(doc, row), label, style, name: naming(app, [row]) };
}

/** Takes the selected object as the stamp, which is kept. */
export function makeStamp(app) {
  const stamp = stampOf(app, [...app.ui.selection][0]);
  app.set({ stamp, stampScale: 1, stampMirror: false, tool: "stamp" });
  app.store.addStamp(stamp);
  app.announce(`Stamp: ${stamp.name}`);
}

/** Puts a copy of each selected object beside it, and selects the copies. */
export function duplicate(app) {
  const { doc } = app, made = [];
  const rows = [...app.ui.selection].filter((row) => isThing(app, row));
  if (app.busy || doc.step) return;
  doc.begin(`Duplicate ${naming(app, rows)}`);
  let dirty = null;
  for (const row of rows) {
    const { mask, label, style } = stampOf(app, row);
    const copy = doc.addRow({ label, instance: null, style });
    dirty = hull(dirty, doc.write({ ...mask, ...beside(mask, doc) }, copy));
    made.push(copy);
  }
  if (!doc.commit()) return;
  app.changed(dirty);
  app.set({ selection: new Set(made) });
}

/** Where a copy of a mask goes: to the right, or to the left where half would be outside. */
function beside({ x, y, w }, doc) {
  const half = w / 2;
  if (x + w + half <= doc.w) return { x: x + w, y };
  // One that is wider than what is left of it lies over it in part.
  return { x: Math.max(x - w, -Math.floor(half)), y };
}

/** Selects the object n further on. @param {number} n */
export function walk(app, n) {
  const rows = present(app.doc), [now] = app.ui.selection;
  const i = rows.indexOf(now), count = rows.length;
  const next = i < 0 ? (n > 0 ? 0 : count - 1) : (i + n + count) % count;
  app.set({ selection: new Set([rows[next]]) });
  app.announce(`${naming(app, [rows[next]])}, ${next + 1} of ${count}`);
}

/**
 * Of a picture the paper is what most of it is; the brush is of another level.
 * @param {import("./app.js").App} app
 */
export function takePaper(app) {
  const { doc, ui, meta } = app, counts = new Map();
  if (doc.kind !== "picture") return;
  // A part of the pixels tells as much as all.
  const step = 1 + Math.floor(doc.plane.length / 65536);
  for (let i = 0; i < doc.plane.length; i += step) {
    counts.set(doc.plane[i], (counts.get(doc.plane[i]) || 0) + 1);
  }
  const [paper] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
  const white = 2 ** (8 * meta.label_channels) - 1, level = Math.min(ui.level, white);
  app.set({ paper, level: level === paper ? (paper ? 0 : white) : level });
}

/** Ends what is going on, the nearest first. */
export function escape(app) {
  const { ui } = app, stroke = { ended: false };
  app.emit("escape", stroke);
  if (stroke.ended) return;
  if (app.busy) app.busy.cancel();
  else if (app.previews) app.emit("preview", -1);
  else if (ui.tool === "stamp") app.set({ tool: "select", stamp: null });
  else if (ui.fresh) app.set({ fresh: false });
  else app.set({ selection: new Set() });
}
