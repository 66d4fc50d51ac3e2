// From document to photo: one is made at a time, the latest wants the next.

import { AWAY } from "./app.js";

const QUIET = 1000; // Milliseconds without an edit before a full photo follows a draft.
const SLOW = 1; // Seconds from which on a draft comes first.
const POLL = 1000; // Milliseconds between looks at a server that warms up.
const LONGEST = 30; // Seconds between tries of a server that does not answer.
const DRAFT = 4; // Drafts have a side of 1 / DRAFT.

/** What the world gives: time, and pictures from bytes. Tests give their own. */
const world = {
  now: () => performance.now(),
  later: (f, ms) => setTimeout(f, ms),
  forget: (timer) => clearTimeout(timer),
  decode: (blob) => createImageBitmap(blob),
};

/** Seconds to wait before try n = 0, 1, ... of a server that is away: 1, 2, 4 .. 30. */
export function pause(n) {
  return Math.min(LONGEST, 2 ** n);
}

/** What a document depends on of a model. */
function modelOf({ run, kind, classes, step, bank }) {
  return JSON.stringify([run, kind, classes, step, bank]);
}

/** Keeps the photo up to date. */
export class Link {
  /** @param {import("./app.js").App} app @param {typeof world} [given] */
  constructor(app, given = world) {
    Object.assign(this, { app, world: given, seq: 0, tries: 0, running: null, timer: null });
    this.reset();
    app.on("open", () => this.opened());
    app.on("history", () => this.edited());
    app.on("ui", (names) => names.includes("hold") || names.includes("byHand") ? this.go() : null);
    app.on("render", () => this.force());
    app.on("stop", () => this.stop());
    app.on("status", ({ state }) => this.told(state));
    app.atEnd(() => this.rest());
  }

  /** Nothing is known of the document. */
  reset() {
    this.edits = 0; // Time of the last edit.
    this.settled = -1; // Version for which nothing more is made of itself.
    this.forced = false;
    this.undrafted = false; // The server makes no draft of this scene.
    this.opening = this.app.doc ? this.app.doc.version : 0;
  }

  opened() {
    this.drop();
    this.reset();
    this.go();
  }

  edited() {
    this.edits = this.world.now();
    this.go();
  }

  /** A full photo now, whatever there is. */
  force() {
    this.forced = true;
    this.settled = -1;
    if (!this.app.meta || this.away()) this.look();
    else this.go();
  }

  /** Gives up what runs; the photo stays as it is until the next edit. */
  stop() {
    this.settled = this.app.doc ? this.app.doc.version : -1;
    this.forced = false;
    if (this.running) {
      this.drop();
      this.app.call("cancel", { call: "render" }).catch(() => null);
    }
    this.stopped();
  }

  stopped() {
    this.app.say("waiting", "Stopped: the photo is older than the map", { actions: ["render"] });
  }

  /** Forgets what runs; its answer, if one comes, is not looked at. */
  drop() {
    if (!this.running) return;
    this.running.abort.abort();
    this.running = null;
    this.world.forget(this.ticker);
  }

  rest() {
    this.drop();
    this.world.forget(this.timer);
  }

  away() {
    return this.app.status.state in AWAY;
  }

  /** Calls f after a while, instead of what was to come. */
  after(ms, f) {
    this.world.forget(this.timer);
    this.timer = this.world.later(f, ms);
  }

  /** Somebody, here or elsewhere, said how things are. */
  told(state) {
    if (state === "offline") this.after(1000 * pause(this.tries), () => this.look());
    if (state === "warming") this.after(POLL, () => this.look());
  }

  /** Waits until the server has told what it can do. @returns {Promise<void>} */
  meet() {
    return new Promise((resolve) => {
      this.met = resolve;
      this.look();
    });
  }

  /** Asks the server how it is, and goes on where it is well. */
  async look() {
    const { app } = this;
    this.world.forget(this.timer);
    const known = app.meta;
    try {
      app.meta = (await app.call("meta")).header;
    } catch (refusal) {
      this.tries++;
      app.fail(refusal);
      return;
    }
    this.tries = 0;
    this.stranger = !!known && modelOf(known) !== modelOf(app.meta);
    if (this.stranger) {
      this.changed(known);
      return;
    }
    const { state, elapsed, eta } = app.meta;
    if (state === "warming") {
      app.say("warming", "Warming up", { seconds: Math.round(elapsed), eta });
    } else if (state === "failed") {
      app.fail({ code: "failed", message: app.meta.fault || "The model failed." }, ["retry"]);
    } else if (this.away()) {
      app.say(app.doc ? "ready" : "loading", app.doc ? "Ready" : "Loading …");
    }
    if (this.met) this.met();
    this.met = null;
    this.go();
  }

  /** The server came back with another model. */
  changed(known) {
    const { app } = this;
    app.meta = known;
    app.fail({
      message: "Another model is at this address now.",
      hint: "Reload the page. What you made with the one before is kept for it.",
    });
  }

  /** What is to be made now: 1 or DRAFT, milliseconds to wait for it, or null. */
  next() {
    const { app } = this, { doc, photo, ui } = app;
    if (!doc || this.away() || this.stranger) return null;
    if (this.forced) return { scale: 1 };
    if (ui.hold || ui.byHand || this.settled === doc.version) return null;
    const current = photo && photo.version === doc.version;
    if (current && photo.scale === 1) return null;
    if (!this.slow()) return { scale: 1 };
    if (!current) return { scale: DRAFT };
    const wait = this.edits + QUIET - this.world.now();
    return wait > 0 ? { wait } : { scale: 1 };
  }

  /** Whether a full photo takes so long that a draft comes first. */
  slow() {
    const { app } = this, known = app.meta.seconds || {};
    if (this.undrafted) return false;
    return (app.last ?? known.full ?? 0) > SLOW;
  }

  /** Makes what is to be made, if nothing is being made. */
  go() {
    if (this.running) return;
    const next = this.next();
    if (!next) this.idle();
    else if (next.wait) this.after(next.wait, () => this.go());
    else this.make(next.scale);
  }

  /** Says so where the photo waits for a person. */
  idle() {
    const { app } = this, { doc, photo, ui } = app;
    if (!doc || this.away() || this.settled === doc.version) return;
    const stale = !photo || photo.version !== doc.version || photo.scale > 1;
    if (!stale || !(ui.hold || ui.byHand)) return;
    const text = ui.hold ? "Photo held back" : "Photos are made by hand";
    app.say("waiting", text, { actions: ["render"] });
  }

  /** Makes one photo. @param {number} scale */
  async make(scale) {
    const { app } = this, { doc } = app, start = this.world.now();
    const run = { abort: new AbortController(), version: doc.version, scale, start, doc };
    this.world.forget(this.timer);
    this.running = run;
    this.forced = false;
    this.tick(run);
    const table = doc.table, header = { ...doc.header(), seq: ++this.seq, scale };
    try {
      const answer = await app.call("render", header, doc.runs(), run.abort.signal);
      const blob = new Blob([answer.payload], { type: answer.header.type });
      const bitmap = await this.world.decode(blob);
      if (this.running !== run) return;
      if (doc.resolve(answer.header.resolved, table)) app.emit("table");
      this.show({ bitmap, blob, scale, version: run.version }, start);
    } catch (refusal) {
      if (this.running !== run) return;
      this.failed(run, refusal);
    }
    this.drop();
    this.go();
  }

  /** Says how long it has been going on, each second. */
  tick(run) {
    const seconds = Math.floor((this.world.now() - run.start) / 1000);
    this.app.say("rendering", run.scale > 1 ? "Drafting" : "Rendering", {
      seconds, actions: seconds ? ["stop"] : [],
    });
    this.ticker = this.world.later(() => this.tick(run), 1000);
  }

  /** Shows a photo. */
  show(photo, start) {
    const { app } = this, old = app.photo;
    app.photo = photo;
    const { opened } = app;
    if (!opened || (photo.version === this.opening && opened.scale > 1)) app.opened = photo;
    if (photo.scale === 1) app.last = (this.world.now() - start) / 1000;
    this.tries = 0;
    app.emit("photo");
    if (old && old !== app.opened) old.bitmap.close();
    if (photo.scale === 1) app.say("ready", "Ready");
    else app.say("draft", "Draft at a quarter of the size", { actions: ["stop"] });
  }

  /** A photo could not be made. */
  failed(run, refusal) {
    const { app } = this, { code, field } = refusal;
    if (run.scale > 1 && field === "scale") {
      this.undrafted = true;
      return;
    }
    if (code !== "offline" && code !== "warming") this.settled = run.version;
    if (code === "superseded" || code === "cancelled") this.stopped();
    else app.fail(refusal, ["retry"]);
  }
}
