// A document as it is stored, and back.

import { Doc } from "./doc.js";

/** A name that nothing else has. @returns {string} */
export function unique() {
  return crypto.randomUUID ? crypto.randomUUID() : `${Date.now()}-${Math.random()}`;
}

/**
 * The steps around the present that are worth storing, undone ones last.
 * @param {import("./history.js").History} history
 * @param {number} limit bytes
 * @returns {{steps: import("./history.js").Step[], position: number}}
 */
export function stepsWithin({ steps, position }, limit) {
  let from = position, to = position, left = limit;
  while (from > 0 && steps[from - 1].bytes <= left) left -= steps[--from].bytes;
  while (to < steps.length && steps[to].bytes <= left) left -= steps[to++].bytes;
  return { steps: steps.slice(from, to), position: position - from };
}

/** All of a document but its steps. @param {Doc} doc */
export function recordOf(doc) {
  const { id, name, kind, w, h, seed, table, regions } = doc;
  const { state, states, exportedState, version } = doc;
  // Sliced, for a view would be stored with all that lies around it.
  const runs = doc.runs().slice();
  return {
    id, name, kind, w, h, seed, table, regions, state, states, exportedState, version, runs,
  };
}

/** A step without what is the store's own. @param {import("./history.js").Step} step */
export function plainStep({ title, tiles, table, regions, seed, state }) {
  return { title, tiles, table, regions, seed, state };
}

/**
 * A document as it was stored.
 * @param {any} record of `recordOf`
 * @param {(import("./history.js").Step | undefined)[]} stored of `plainStep`; some may be lost
 * @param {number} position how many of them are done
 * @returns {Doc}
 * @throws {Error} for what is no document
 */
export function revive(record, stored, position) {
  const doc = new Doc(record, record.runs);
  const { state, states, exportedState, version } = record;
  Object.assign(doc, { state, states, exportedState, version });
  // Without a step those beyond it cannot be reached.
  let from = position, to = position;
  while (from > 0 && stored[from - 1]) from--;
  while (to < stored.length && stored[to]) to++;
  const steps = stored.slice(from, to);
  shareRows([doc, ...steps]);
  doc.history.restore(steps, position - from);
  return doc;
}

/**
 * Makes equal rows of several states one object again, so that what the server
 * decides for one holds in all. Rows of another seed wait for another answer.
 */
function shareRows(states) {
  const known = new Map();
  for (const state of states) {
    state.table = state.table.map((row, i) => {
      const key = JSON.stringify([i, state.seed, row.label, row.instance, row.style]);
      if (!known.has(key)) known.set(key, row);
      return known.get(key);
    });
  }
}
