// What survives a reload: the document and the choices, in IndexedDB.

/** Saves and restores. */
export class Store {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
  }
}
