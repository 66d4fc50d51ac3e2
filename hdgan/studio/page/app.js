// What all parts of the page share: the document, the choices, who listens.

import { packFrame, unpackFrame } from "./frame.js";

/**
 * One mounted editor. Parts listen to its events and never call one another:
 *   meta (it came), open (another document), pixels (a Rect changed),
 *   table, history, ui (names that changed), photo, status.
 */
export class App {
  /**
   * @param {HTMLElement} root
   * @param {(name: string, body: ArrayBuffer, signal?: AbortSignal) => Promise<ArrayBuffer>} send
   */
  constructor(root, send) {
    this.root = root;
    this.send = send;
    this.session = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
    this.meta = null;
    /** @type {import("./doc.js").Doc | null} */
    this.doc = null;
    /** The photo that is shown: {bitmap, scale, version} or null. */
    this.photo = null;
    this.ui = {
      tool: "brush", size: 16, label: 0, style: null, selection: new Set(), hover: -1,
      overlay: 0.3, outlines: true, layout: "split", original: false,
    };
    this.status = { state: "loading", text: "Loading …" };
    this.listeners = {};
  }

  on(event, f) {
    (this.listeners[event] ||= []).push(f);
  }

  emit(event, detail) {
    for (const f of this.listeners[event] || []) f(detail);
  }

  /** Changes choices. @param {object} changes of `ui` */
  set(changes) {
    Object.assign(this.ui, changes);
    this.emit("ui", Object.keys(changes));
  }

  /** Says how things are. @param {string} state @param {string} text */
  say(state, text) {
    this.status = { state, text };
    this.emit("status", this.status);
  }

  /**
   * One call of the protocol.
   * @param {string} name
   * @param {object} [header]
   * @param {Uint8Array} [payload]
   * @param {AbortSignal} [signal]
   */
  async call(name, header = {}, payload = undefined, signal = undefined) {
    return unpackFrame(await this.send(name, packFrame({ session: this.session, ...header }, payload), signal));
  }

  /** Shows another document. @param {import("./doc.js").Doc} doc */
  open(doc) {
    this.doc = doc;
    this.photo = null;
    this.set({ selection: new Set(), hover: -1 });
    this.emit("open", doc);
  }

  /** After a step of the document: what changed is told once. */
  changed(rect) {
    if (rect) this.emit("pixels", rect);
    this.emit("table");
    this.emit("history");
  }
}
