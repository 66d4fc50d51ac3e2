// What can be undone: tiles as they were, and the table. Bounded by bytes.

const BYTES = 256 * 2 ** 20;

/**
 * What a step replaced, or once it is undone what it had made.
 * @typedef {{title: string, tiles: Map<number, Uint16Array | Uint32Array>,
 *   table: import("./doc.js").Row[], regions: Record<string, number>, seed: number,
 *   state: number, bytes?: number, stale?: boolean, key?: string}} Step
 * state: number of the state of the document that this leads to; stale: what
 * the store has of it, by its key, is not what it is now.
 */

/** Steps, of which the first `position` are done and the others undone. */
export class History {
  /** @param {number} [limit] bytes; the last step is kept whatever its size */
  constructor(limit = BYTES) {
    this.limit = limit;
    /** @type {Step[]} */
    this.steps = [];
    this.position = 0;
    this.bytes = 0;
  }

  /**
   * Adds a step after those that are done; forgets the undone, and the oldest.
   * @param {Step} step
   */
  push(step) {
    for (const gone of this.steps.splice(this.position)) this.bytes -= gone.bytes;
    step.bytes = weigh(step);
    this.bytes += step.bytes;
    this.steps.push(step);
    let old = 0;
    while (this.bytes > this.limit && old < this.steps.length - 1) {
      this.bytes -= this.steps[old++].bytes;
    }
    this.steps.splice(0, old);
    this.position = this.steps.length;
  }

  /** Takes steps that were stored. @param {Step[]} steps @param {number} position */
  restore(steps, position) {
    for (const step of steps) this.push(step);
    this.position = position;
  }

  /** Titles of all steps, the oldest first. @returns {string[]} */
  titles() {
    return this.steps.map((step) => step.title);
  }
}

/** Bytes that a step holds, about. @param {Step} step */
function weigh(step) {
  let bytes = 500 + 8 * step.table.length;
  for (const tile of step.tiles.values()) bytes += 100 + tile.byteLength;
  return bytes;
}
