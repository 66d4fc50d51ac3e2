// What survives a reload and a restart: documents, choices, stamps; on disk.

import { Disk, given, stepsOf } from "./disk.js";
import { plainStep, recordOf, revive, stepsWithin, unique } from "./record.js";

const LULL = 400; // Milliseconds without a change before it is written.
const STEPS = 64 * 2 ** 20; // Bytes of a scene's history that are kept.
// Choices of a moment, which are not kept.
const PASSING = ["selection", "hover", "original", "hold", "fresh", "divider", "compare"];
const POINTER = "hdgan-studio-scene"; // In the tab's own storage: what it shows.

/**
 * Saves by itself what is edited. A scene that has been changed is a record;
 * each step of its history is one more, written once.
 *
 * Of a scene that two windows change each keeps its own: the one that writes
 * second goes on under another key, and says so.
 */
export class Store {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    /** @type {import("./doc.js").Doc | null} what is shown */
    this.doc = null;
    /** Why nothing can be kept, or "". */
    this.broken = "";
    /** Stamps of this visit, where there is no disk. */
    this.loose = [];
    this.lean = false; // The disk is too small for histories.
    this.told = true;
    this.disk = new Disk();
    /** Documents that could not be written, by key: they live as long as the page. */
    this.held = new Map();
    this.queue = Promise.resolve();
    app.on("open", (doc) => this.take(doc));
    for (const event of ["history", "table"]) app.on(event, () => this.later());
    app.on("ui", (names) => names.some((name) => !PASSING.includes(name)) && this.later());
    app.listen(document, "visibilitychange", () => document.hidden && this.flush());
    app.listen(window, "pagehide", () => this.leave());
    app.atEnd(() => this.leave());
  }

  /** Whether all that was done is on disk, or exported. */
  get saved() {
    const docs = this.doc ? [this.doc, ...this.held.values()] : [];
    return !docs.some((doc) => doc.stale && doc.dirty);
  }

  /** What keys of this run begin with: its name, and the classes that it draws. */
  get run() {
    const { run, kind, classes } = this.app.meta;
    return JSON.stringify([run, kind, classes.map((one) => one.name)]);
  }

  /** What a style's number is a number of. */
  get looks() {
    const { step, bank } = this.app.meta;
    return JSON.stringify([step, bank ?? null]);
  }

  /** The key of a scene on offer, {id, name}, or the key that `kept` gave. */
  keyOf(scene) {
    if (typeof scene === "string") return scene;
    return `${this.run} ${JSON.stringify([scene.id, scene.name])}`;
  }

  /** A document is shown. @param {import("./doc.js").Doc} doc */
  take(doc) {
    if (this.doc && this.doc !== doc) this.flush();
    this.doc = doc;
    doc.kept ||= this.place(doc.id == null ? null : doc);
    this.point();
    this.later();
  }

  /** Where a document will be stored. */
  place(scene) {
    const key = scene ? this.keyOf(scene) : `${this.run} ${unique()}`;
    return { key, revision: null, steps: new Set() };
  }

  /** Remembers what this tab shows. */
  point() {
    const { doc } = this, shown = { key: doc.kept.key, id: doc.id, name: doc.name };
    try {
      sessionStorage.setItem(POINTER, JSON.stringify(shown));
    } catch {
      // It is found by the time of its record then.
    }
  }

  /** Saves soon. */
  later() {
    this.tell();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), LULL);
  }

  /** Tells when work has become unsaved, and when it is saved. */
  tell() {
    if (this.saved === this.told) return;
    this.told = this.saved;
    this.app.emit("saved", this.told);
  }

  /** Saves now, also what could not be saved before. @returns {Promise<void>} */
  flush() {
    clearTimeout(this.timer);
    for (const doc of new Set([...this.held.values(), this.doc])) {
      if (doc) this.queue = this.queue.then(() => this.save(doc));
    }
    return this.queue;
  }

  async save(doc) {
    try {
      await this.write(doc).catch((error) => this.retry(doc, error));
      this.held.delete(doc.kept.key);
      this.broken = "";
    } catch (error) {
      if (isWork(doc)) this.held.set(doc.kept.key, doc);
      this.fail(error);
    }
    this.tell();
  }

  /** Where there is no room for it, histories go rather than the scene. */
  async retry(doc, error) {
    if (this.lean || error.name !== "QuotaExceededError") throw error;
    this.lean = true;
    await this.disk.change(["steps"], (work) => work.objectStore("steps").clear());
    doc.kept.steps.clear();
    await this.write(doc);
    this.app.announce("There is little room on the disk: scenes are kept without their history.");
  }

  /** Says once that work is not kept. */
  fail(error) {
    const before = this.broken;
    this.broken = `This browser keeps no work (${error.message || error.name}): `
      + "export it before you leave.";
    if (!before) this.app.announce(this.broken);
  }

  /** Writes the choices, and a document that has changed. */
  write(doc) {
    return this.disk.change(["scenes", "steps", "choices"], async (work) => {
      this.putChoices(work);
      if (!doc.stale || !isWork(doc)) return;
      const old = await given(work.objectStore("scenes").get(doc.kept.key));
      // A stroke that has begun meanwhile is saved when it ends.
      if (doc.step) this.later();
      else this.put(work, doc, old);
    });
  }

  putChoices(work) {
    const { app, doc } = this, ui = { ...app.ui };
    for (const name of PASSING) delete ui[name];
    try {
      work.objectStore("choices").put({ ui, shown: doc.kept.key }, this.run);
    } catch {
      // Choices that cannot be copied must not keep work from the disk.
    }
  }

  /** Writes a document over what is there of it, unless that is another window's. */
  put(work, doc, old) {
    if (!old) doc.kept.steps.clear();
    else if (old.revision !== doc.kept.revision) this.part(doc);
    const { kept, history } = doc, before = { ...kept }, shelf = work.objectStore("steps");
    const { steps, position } = stepsWithin(history, this.lean ? 0 : STEPS);
    const fresh = steps.filter((step) => step.stale || !kept.steps.has(step.key));
    for (const step of fresh) {
      step.key ||= unique();
      shelf.put(plainStep(step), [kept.key, step.key]);
      step.stale = false;
    }
    const keys = steps.map((step) => step.key);
    for (const key of kept.steps) if (!keys.includes(key)) shelf.delete([kept.key, key]);
    Object.assign(kept, { steps: new Set(keys), revision: unique() });
    const { key, revision } = kept, { looks } = this, time = Date.now();
    work.objectStore("scenes").put({
      ...recordOf(doc), key, revision, looks, time, steps: keys, position,
    });
    doc.stale = false;
    work.addEventListener("abort", () => {
      for (const step of fresh) step.stale = true;
      Object.assign(kept, before);
      doc.stale = true;
    });
  }

  /** Goes on beside the record of another window. */
  part(doc) {
    doc.kept = this.place(null);
    if (doc === this.doc) this.point();
    this.app.announce("Another window has changed this scene too: this is a copy now.");
  }

  /** The page goes: what is to be written is asked for at once. */
  leave() {
    const { doc, disk } = this;
    clearTimeout(this.timer);
    if (!doc || !disk.base) return;
    doc.commit();
    try {
      const work = disk.base.transaction(["scenes", "steps", "choices"], "readwrite");
      this.putChoices(work);
      if (doc.stale && isWork(doc)) this.put(work, doc, { revision: doc.kept.revision });
      work.commit();
    } catch {
      // There is nobody left to tell.
    }
  }

  /**
   * What was shown last, in this tab or else in any.
   * @returns {Promise<{doc: import("./doc.js").Doc | null, id: number | null, ui: object} | null>}
   *   doc: null where the scene of that id had not been changed
   */
  async last() {
    try {
      const choices = await this.disk.read("choices", this.run);
      const shown = this.pointed() || (choices && choices.shown && { key: choices.shown });
      if (!choices || !shown) return null;
      return { doc: await this.open(shown.key), id: shown.id ?? null, ui: choices.ui };
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  /** What this tab has shown of this run. */
  pointed() {
    try {
      const shown = JSON.parse(sessionStorage.getItem(POINTER));
      return shown && shown.key.startsWith(this.run) ? shown : null;
    } catch {
      return null;
    }
  }

  /**
   * A scene as it was left.
   * @param {{id: number, name: string} | string} scene on offer, or a key of `kept`
   * @returns {Promise<import("./doc.js").Doc | null>} null where it was never changed
   */
  async open(scene) {
    const key = this.keyOf(scene), { disk } = this;
    try {
      await this.queue;
      if (this.held.has(key)) return this.held.get(key);
      const work = (await disk.open()).transaction(["scenes", "steps"]);
      const record = await given(work.objectStore("scenes").get(key));
      if (!record) return null;
      const shelf = work.objectStore("steps");
      const steps = record.steps.map((step) => given(shelf.get([key, step])));
      return this.revived(record, await Promise.all(steps));
    } catch (error) {
      this.app.announce(`What was kept of this scene cannot be read (${error.message}).`);
      return null;
    }
  }

  revived(record, steps) {
    steps.forEach((step, i) => step && Object.assign(step, { key: record.steps[i] }));
    const doc = revive(record, steps, record.position);
    const kept = doc.history.steps.map((step) => step.key);
    doc.kept = { key: record.key, revision: record.revision, steps: new Set(kept) };
    if (record.looks !== this.looks) this.restyle(doc);
    return doc;
  }

  /** Numbers of styles mean nothing in another bank: they are drawn anew. */
  restyle(doc) {
    const rows = [...doc.table.keys()].filter((i) => doc.table[i].style !== null);
    doc.begin("Styles of the model as it is now");
    doc.setRows(rows, { style: null });
    if (doc.commit()) this.app.announce("The model has changed: styles are drawn anew.");
  }

  /**
   * Scenes of this run that are kept, the latest first.
   * @returns {Promise<{key: string, id: number | undefined, name: string, time: number,
   *   w: number, h: number, copy: boolean}[]>} copy: beside another window's
   */
  async kept() {
    const range = IDBKeyRange.bound(`${this.run} `, `${this.run} \uffff`);
    const records = await this.disk.readAll("scenes", range).catch(() => []);
    const loose = [...this.held].map(([key, doc]) => ({ ...doc, key, time: Date.now() }));
    const told = [...loose, ...records.filter(({ key }) => !this.held.has(key))].map(
      ({ key, id, name, time, w, h }) => {
        const copy = id != null && key !== this.keyOf({ id, name });
        return { key, id, name, time, w, h, copy };
      },
    );
    return told.sort((a, b) => b.time - a.time);
  }

  /** Forgets what is kept of a scene. @param {{id: number, name: string} | string} scene */
  async forget(scene) {
    const key = this.keyOf(scene), { doc } = this;
    if (doc && doc.kept.key === key) doc.stale = false;
    this.held.delete(key);
    await this.queue;
    await this.disk.change(["scenes", "steps"], (work) => {
      work.objectStore("scenes").delete(key);
      work.objectStore("steps").delete(stepsOf(key));
    }).catch((error) => this.fail(error));
  }

  /** The person's own stamps for these classes, the latest first. @returns {Promise<any[]>} */
  async stamps() {
    const all = await this.disk.readAll("stamps").catch(() => []);
    const kept = all.filter((one) => one.run === this.run);
    return [...this.loose, ...kept].sort((a, b) => b.time - a.time);
  }

  /** Keeps a stamp, and gives it its key. @param {object} stamp {mask, label, style, name} */
  async addStamp(stamp) {
    Object.assign(stamp, { key: unique(), run: this.run, time: Date.now() });
    await this.disk.change(["stamps"], (work) => work.objectStore("stamps").add(stamp)).catch(
      (error) => {
        this.loose = [...this.loose, stamp];
        this.fail(error);
      },
    );
    this.app.emit("stamps");
  }

  /** Forgets a stamp. @param {string} key */
  async removeStamp(key) {
    this.loose = this.loose.filter((one) => one.key !== key);
    await this.disk.change(["stamps"], (work) => work.objectStore("stamps").delete(key)).catch(
      (error) => this.fail(error),
    );
    this.app.emit("stamps");
  }
}

/** Whether a document holds what the server could not give again. */
function isWork(doc) {
  return doc.version > 0 || doc.id == null || doc.kept.revision !== null;
}
