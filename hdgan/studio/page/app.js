// What all parts of the page share: the document, the choices, who listens.

import { packFrame, packMask, unpackFrame } from "./frame.js";
import { Doc } from "./doc.js";

/**
 * What a person chooses; kept over a reload but for what a document holds.
 * A function, so that two editors on a page share nothing.
 */
export function defaults() {
  return {
    tool: "brush", // select brush erase fill pick stamp
    size: 16, // of brush and eraser, in pixels of the map, 1..512
    label: 0, // The active class: what brush, fill and stamp make.
    style: null, // What a new object of the active class gets; null: drawn by the seed.
    styles: {}, // The same by class; `set` keeps style and styles in step.
    selection: new Set(), // of rows
    hover: -1, // Row under the pointer.
    fresh: false, // The next stroke begins a new object.
    fill: null, // Class of the hole that eraser and removal leave; null: what is near.
    stamp: null, // {mask, label, style, name} at its own size, or null
    stampScale: 1, // 1/8..8
    stampMirror: false,
    overlay: 0.3, // How much of the map covers the photo, 0..1.
    outlines: true,
    layout: "split", // Map beside photo; or "single": photo under the overlay.
    compare: false, // Before and after, with a divider on the photo.
    divider: 0.5, // Where it is, 0..1.
    original: false, // While held: `first` in place of the photo.
    real: false, // `first` is the real photo, where there is one.
    hold: false, // While held: no photo is made.
    byHand: false, // Photos are made by R only.
    level: 0, // Pictures: packed levels that the brush paints.
    paper: 0xff, // Pictures: packed levels of the background, which the eraser paints.
  };
}

/** What is said where the server cannot be asked, by state. */
export const AWAY = {
  offline: { hint: "Edits go on and are kept; the page tries again.", actions: ["retry"] },
  warming: {},
  token: {
    text: "The studio does not know this page.", actions: ["reconnect"],
    hint: "It may have been started anew: give the address that it printed.",
  },
};

/**
 * One mounted editor. Parts listen to its events and never call one another:
 *   meta (it came), open (another document), pixels (a Rect changed),
 *   table, history, ui (names that changed), photo (photo, first or null),
 *   status ({state, text, ...} of `say`), announce (a text), busy (what is
 *   under way or null), previews, stamps;
 * and what a part asks of another:
 *   wanted (id of a scene), view ("fit" "actual" "in" "out"),
 *   escape ({ended}: set where a stroke was ended by it),
 *   dialog (its name), render, stop, preview (a row or -1), files (dropped),
 *   hole (whether what removing leaves is to be shown).
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
    /** @type {{id: number, name: string, photo: boolean, template: boolean}[]} */
    this.scenes = [];
    this.note = ""; // What to say of scenes that are not listed.
    /** @type {Doc | null} */
    this.doc = null;
    /** The photo that is shown: {bitmap, blob, scale, version} or null. */
    this.photo = null;
    /** The first photo of the scene since it was opened, as `photo`. */
    this.opened = null;
    /** The real photo of the scene, {bitmap}, once it was asked for; null for none. */
    this.real = null;
    /** Seconds that the last full photo took, from asking to seeing. */
    this.last = null;
    /** An object in each style of its class: {row, bitmaps, version} or null. */
    this.previews = null;
    /** What is under way and keeps strokes waiting: {title, cancel} or null. */
    this.busy = null;
    this.ui = defaults();
    this.status = { state: "loading", text: "Loading …" };
    this.listeners = {};
    this.gone = new AbortController();
  }

  /** What the photo is compared with: its first state, or the real one. */
  get first() {
    return (this.ui.real && this.real) || this.opened;
  }

  /** @returns {() => void} that ends it */
  on(event, f) {
    (this.listeners[event] ||= []).push(f);
    return () => (this.listeners[event] = this.listeners[event].filter((one) => one !== f));
  }

  emit(event, detail) {
    for (const f of this.listeners[event] || []) f(detail);
  }

  /**
   * Listens to an element, the window or such, until `dispose`.
   * @param {EventTarget} target
   * @param {string} type
   * @param {(event: any) => void} f
   * @param {AddEventListenerOptions} [options]
   */
  listen(target, type, f, options = {}) {
    target.addEventListener(type, f, { ...options, signal: this.gone.signal });
  }

  /** Calls f at the end, such as to stop a timer. @param {() => void} f */
  atEnd(f) {
    this.gone.signal.addEventListener("abort", f, { once: true });
  }

  /** Ends this editor: no listener, timer or call is left. */
  dispose() {
    this.gone.abort();
    this.listeners = {};
    this.root.replaceChildren();
  }

  /**
   * Changes choices. A style is of the active class; with another class comes its style.
   * @param {object} changes of `ui`
   */
  set(changes) {
    const { ui } = this;
    Object.assign(ui, changes);
    if ("style" in changes) ui.styles = { ...ui.styles, [ui.label]: changes.style };
    else ui.style = ui.styles[ui.label] ?? null;
    this.emit("ui", Object.keys(changes));
  }

  /**
   * Says how things are, until it is said again.
   * @param {string} state loading warming ready draft rendering waiting offline token error
   * @param {string} text
   * @param {{seconds?: number, hint?: string, rows?: number[], actions?: string[]}} [more]
   *   seconds since it began; what to do; whom it is about; commands to offer
   */
  say(state, text, more = {}) {
    this.status = { state, text, ...more };
    this.emit("status", this.status);
  }

  /** Says something once, beside the state. @param {string} text */
  announce(text) {
    this.emit("announce", text);
  }

  /**
   * Says why something failed, and selects the object that it is about.
   * @param {any} refusal {code, message, field, hint}, or an Error
   * @param {string[]} [actions] commands to offer
   */
  fail(refusal, actions = []) {
    const { code, field = "", hint = "" } = refusal, text = refusal.message || String(refusal);
    if (["aborted", "cancelled", "superseded"].includes(code)) return;
    if (code in AWAY) {
      this.say(code, AWAY[code].text || text, { hint, ...AWAY[code] });
      return;
    }
    const row = /^table\[(\d+)\]/.exec(field);
    const rows = row && this.doc && this.doc.table[Number(row[1])] ? [Number(row[1])] : [];
    if (rows.length) this.set({ selection: new Set(rows) });
    this.say("error", text, { hint, rows, actions });
  }

  /**
   * One call of the protocol.
   * @param {string} name
   * @param {object} [header]
   * @param {Uint8Array} [payload]
   * @param {AbortSignal} [signal]
   * @returns {Promise<{header: any, payload: Uint8Array}>}
   */
  async call(name, header = {}, payload = undefined, signal = undefined) {
    const body = packFrame({ session: this.session, ...header }, payload);
    const stops = signal ? [this.gone.signal, signal] : [this.gone.signal];
    return unpackFrame(await this.send(name, body, AbortSignal.any(stops)));
  }

  /**
   * Lets the server change objects; one step of the history. Strokes wait
   * meanwhile (`busy`), so that none is lost under the answer.
   * @param {object[]} edits as in the README of hdgan/editing, `rows` for `object`
   * @param {string} title of the step
   * @param {import("./raster.js").Mask} [mask] for an edit that has one
   * @returns {Promise<boolean>} whether it was done
   */
  async edit(edits, title, mask = undefined) {
    const doc = this.doc;
    if (!doc || this.busy || doc.step) return false;
    const stop = new AbortController();
    this.setBusy({ title, cancel: () => stop.abort() });
    try {
      const plane = doc.runs(), bits = mask ? packMask(mask, doc.w, doc.h) : new Uint8Array(0);
      const header = { ...doc.header(), edits, mask_bytes: bits.length };
      const answer = await this.call("edit", header, joined(plane, bits), stop.signal);
      if (doc !== this.doc) return false;
      doc.begin(title);
      const rect = doc.replace(answer.header, answer.payload);
      if (doc.commit()) this.changed(rect);
      return true;
    } catch (refusal) {
      if (stop.signal.aborted) this.announce(`Stopped: ${title}`);
      else this.fail(refusal);
      if (refusal.code in AWAY) this.announce(`Not done: ${title}`);
      return false;
    } finally {
      this.setBusy(null);
    }
  }

  setBusy(busy) {
    this.busy = busy;
    this.emit("busy", busy);
  }

  /** Shows another document. @param {Doc} doc */
  open(doc) {
    this.doc = doc;
    this.photo = this.opened = this.real = this.previews = null;
    this.set({ selection: new Set(), hover: -1, fresh: false });
    this.emit("open", doc);
  }

  /** Objects that are gone, such as by undo, are not selected any more. */
  unselect() {
    const areas = this.doc.areas(), { selection, hover } = this.ui;
    const left = [...selection].filter((row) => areas[row]);
    if (left.length < selection.size) this.set({ selection: new Set(left) });
    if (hover >= areas.length) this.set({ hover: -1 });
  }

  /** After a step of the document: what changed is told once. */
  changed(rect) {
    this.unselect();
    if (rect) this.emit("pixels", rect);
    this.emit("table");
    this.emit("history");
  }
}

/** Two arrays of bytes, one after the other. */
function joined(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
