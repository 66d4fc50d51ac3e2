// The document: one plane of rows, the table they are rows of, and history.

import { packRuns, unpackRuns } from "./frame.js";
import { History } from "./history.js";
import { Plane, tilesOf } from "./plane.js";
import { hull } from "./raster.js";

/**
 * One object. Rows are never changed but for what the server decides.
 * @typedef {{label: number, instance: number|null, style: number|number[]|null}} Row
 * @typedef {import("./plane.js").Rect} Rect
 */

const ROWS = 65535; // A pixel has 16 bits.

/**
 * A scene that is edited. In one of pictures (kind "picture") pixels hold
 * levels, and the table has one row that holds the style.
 *
 * Changes are made in steps: begin, write and set rows, then commit or cancel.
 * Without an open step nothing is written; undo, redo and goto cancel one.
 * `version` grows with every step that is made, undone or redone.
 */
export class Doc extends Plane {
  /**
   * @param {any} header of a scene's frame
   * @param {Uint8Array} payload
   */
  constructor(header, payload) {
    super(header.w, header.h, header.kind === "picture");
    Object.assign(this, { id: header.id, name: header.name, kind: header.kind });
    this.seed = header.seed || 0;
    /** @type {Row[]} */
    this.table = header.table || [{ label: 0, instance: 0, style: header.style ?? null }];
    /** @type {Record<string, number>} row that a brush of a class without objects paints into */
    this.regions = header.regions || {};
    this.fill(payload, this.table.length);
    this.history = new History();
    this.version = 0;
    // States are numbered, so that undo leads back to one that is known.
    this.state = this.states = this.exportedState = 0;
    /** @type {import("./history.js").Step | null} */
    this.step = null;
    /** Whether it is not stored as it is; the store's, as is `kept`: where it is stored. */
    this.stale = false;
    this.kept = null;
  }

  /** Whether it differs from the last export, or from what was opened. */
  get dirty() {
    return this.state !== this.exportedState;
  }

  /** Takes note of an export. @param {number} [state] that was exported */
  exported(state = this.state) {
    this.exportedState = state;
    this.stale = true;
  }

  /** Starts a step of the history; one that is open is committed. @param {string} title */
  begin(title) {
    if (this.step) this.commit();
    const { table, regions, seed, state } = this;
    this.step = { title, tiles: new Map(), table, regions, seed, state, stale: true };
  }

  /**
   * Writes a value where a mask covers.
   * @param {import("./raster.js").Mask} mask
   * @param {number} value a row of the table, or a level
   * @returns {Rect | null} around the pixels that changed
   */
  write(mask, value) {
    return this.step ? this.paint(mask, value, this.step.tiles) : null;
  }

  /**
   * Adds a row.
   * @param {Row} row
   * @returns {number} its number
   * @throws {RangeError} when the table is full
   */
  addRow(row) {
    this.open();
    if (this.table.length >= ROWS) throw new RangeError(`A map has ${ROWS} objects at most.`);
    this.table = [...this.table, row];
    this.makeRoom(this.table.length);
    return this.table.length - 1;
  }

  /** Changes fields of a row. @param {number} i @param {Partial<Row>} changes */
  setRow(i, changes) {
    this.setRows([i], changes);
  }

  /** Changes fields of rows. @param {Iterable<number>} rows @param {Partial<Row>} changes */
  setRows(rows, changes) {
    this.open();
    const table = this.table.slice();
    for (const i of rows) table[i] = { ...table[i], ...changes };
    this.table = table;
  }

  /** Sets the seed by which styles are drawn. @param {number} seed */
  setSeed(seed) {
    this.open();
    if (seed === this.seed) return;
    this.seed = seed;
    // Rows that wait for an answer by the old seed must not get it.
    this.table = this.table.map((row) => (row.style === null ? { ...row } : row));
  }

  /** Rows are changed in a step only, or they could not be undone. */
  open() {
    if (!this.step) throw new Error("no step has begun");
  }

  /**
   * The row that a brush paints into: the one region of a class without
   * objects, or a new row.
   * @param {number} label
   * @param {Row["style"]} style of a new row, or of a region without pixels
   * @param {boolean} hasInstances whether each stroke of the class is an object of its own
   * @returns {number}
   */
  rowFor(label, style, hasInstances) {
    const known = hasInstances ? undefined : this.regions[label];
    if (known !== undefined) {
      if (style !== null && !this.counts[known]) this.setRow(known, { style });
      return known;
    }
    const row = this.addRow({ label, instance: null, style });
    if (!hasInstances) this.regions = { ...this.regions, [label]: row };
    return row;
  }

  /**
   * Ends the step.
   * @returns {boolean} whether anything has changed; if not, there is no step
   */
  commit() {
    const { step } = this;
    if (!step) return false;
    for (const [index, pixels] of step.tiles) {
      if (this.hasTile(index, pixels)) step.tiles.delete(index);
    }
    this.dropUnused();
    if (!step.tiles.size && step.seed === this.seed && sameTable(step.table, this.table)) {
      this.cancel();
      return false;
    }
    this.step = null;
    this.history.push(step);
    this.state = ++this.states;
    this.version++;
    this.stale = true;
    return true;
  }

  /** Drops rows that the step added and that have got no pixels. */
  dropUnused() {
    let length = this.table.length;
    while (length > this.step.table.length && !this.counts[length - 1]) length--;
    if (length === this.table.length) return;
    this.table = this.table.slice(0, length);
    const left = Object.entries(this.regions).filter(([, row]) => row < length);
    this.regions = Object.fromEntries(left);
  }

  /** Rolls an open step back. @returns {Rect | null} what changed back */
  cancel() {
    const { step } = this;
    if (!step) return null;
    this.step = null;
    return this.swap(step);
  }

  /** Takes back a step, or the one that is open. @returns {Rect | null} what changed */
  undo() {
    return this.step ? this.cancel() : this.goto(this.history.position - 1);
  }

  /** Makes a step again. @returns {Rect | null} what changed */
  redo() {
    return this.goto(this.history.position + 1);
  }

  /**
   * Undoes or redoes until so many steps are done.
   * @param {number} position 0 to the number of steps
   * @returns {Rect | null} what changed
   */
  goto(position) {
    const { history } = this, { steps } = history;
    const aim = Math.max(0, Math.min(steps.length, position));
    let changed = this.cancel();
    while (history.position !== aim) {
      const back = aim < history.position;
      const step = steps[back ? --history.position : history.position++];
      changed = hull(changed, this.swap(step));
      step.stale = this.stale = true;
      this.version++;
    }
    return changed;
  }

  /** Exchanges what a step holds with what is there. */
  swap(step) {
    for (const key of ["table", "regions", "seed", "state"]) {
      [this[key], step[key]] = [step[key], this[key]];
    }
    this.makeRoom(this.table.length);
    return this.exchangeTiles(step.tiles);
  }

  /**
   * Takes the server's answer to `edit`, in the open step or as one of its own.
   * @param {any} header
   * @param {Uint8Array} payload
   * @param {string} [title] of a step of its own
   * @returns {Rect | null} around the pixels that changed
   */
  replace(header, payload, title = "") {
    const next = this.empty(), own = !this.step;
    unpackRuns(payload, next);
    if (own) this.begin(title);
    this.table = this.adopt(header.table || this.table);
    this.regions = header.regions || this.regions;
    this.makeRoom(this.table.length);
    let changed = null;
    for (const index of tilesOf(this.whole, this)) {
      if (this.sameTile(index, next)) continue;
      const pixels = this.tile(index, next);
      changed = hull(changed, this.exchange(index, pixels));
      if (!this.step.tiles.has(index)) this.step.tiles.set(index, pixels);
    }
    this.boxes = null;
    if (own) this.commit();
    return changed;
  }

  /** The server's rows, those that are as they were being the same objects. */
  adopt(rows) {
    const ids = rows.map((row, i) => [i, row.instance, null]);
    this.resolve(ids.filter(([i]) => this.table[i] && rows[i].label === this.table[i].label));
    return rows.map((row, i) => (sameTable([row], [this.table[i]]) ? this.table[i] : row));
  }

  /**
   * Fills in what the server decided for rows that had none: ids for all that
   * the row has become since, a style only for the very row that was sent, as a
   * person may have chosen another. Holds in every state of the history.
   * @param {[number, number, Row["style"]][]} list row, instance, style
   * @param {Row[]} [sent] the table when the server was asked
   * @returns {boolean} whether anything was open
   */
  resolve(list, sent = this.table) {
    const states = [this, this.step, ...this.history.steps].filter(Boolean);
    let any = false;
    for (const [i, instance, style] of list) {
      const row = sent[i];
      if (!row || (row.instance !== null && (row.style !== null || style === null))) continue;
      // A row that was undone and painted over is another's number now.
      const here = states.filter(({ table }) => table[i] && table[i].label === row.label);
      if (!here.some(({ table }) => table[i] === row)) continue;
      for (const state of here) {
        state.table[i].instance ??= instance;
        state.stale = true;
      }
      row.style ??= style;
      any = true;
    }
    return any;
  }

  /** Pixels per row; of a picture all. @returns {Uint32Array} holds until a row is added */
  areas() {
    if (this.deep) return Uint32Array.of(this.w * this.h);
    return this.counts.subarray(0, this.table.length);
  }

  /** Rows of a class that have pixels. @param {number} label @returns {number[]} */
  rowsOf(label) {
    const areas = this.areas();
    return [...this.table.keys()].filter((i) => this.table[i].label === label && areas[i]);
  }

  /** What is sent of it. */
  header() {
    const { kind, name, w, h, seed, table } = this;
    return { kind, name, w, h, seed, ...(this.deep ? { style: table[0].style } : { table }) };
  }

  /** @returns {Uint8Array} */
  runs() {
    return packRuns(this.plane);
  }
}

/** Whether two tables say the same. @param {Row[]} a @param {(Row | undefined)[]} b */
function sameTable(a, b) {
  const same = (p, q) => p === q || (p && q && p.label === q.label
    && p.instance === q.instance && JSON.stringify(p.style) === JSON.stringify(q.style));
  return a === b || (a.length === b.length && a.every((row, i) => same(row, b[i])));
}
