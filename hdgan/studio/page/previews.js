// An object in each style of its class, as the server would draw it.

/** Asks for previews; anything newer ends what is under way. */
export class Previews {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.abort = null;
    app.on("preview", (row) => this.ask(row));
    app.on("pixels", () => this.end());
    app.on("open", () => this.end());
    app.on("history", () => this.stop());
    app.on("ui", (names) => (names.includes("selection") ? this.left() : null));
  }

  /** @param {number} row or -1 for none */
  async ask(row) {
    const { app } = this, { doc } = app;
    this.end();
    if (!doc || row < 0) return;
    const abort = (this.abort = new AbortController());
    app.previews = { row, bitmaps: null, version: doc.version };
    app.emit("previews");
    try {
      const answer = await app.call("previews", { ...doc.header(), row }, doc.runs(), abort.signal);
      const bitmaps = await cut(answer.header, answer.payload);
      if (this.abort !== abort) return;
      app.previews = { row, bitmaps, version: doc.version };
    } catch (refusal) {
      if (this.abort !== abort) return;
      app.previews = null;
      if (refusal.code !== "superseded") app.announce(refusal.message || String(refusal));
    }
    this.abort = null;
    app.emit("previews");
  }

  /** Another object is selected. */
  left() {
    const { previews, ui } = this.app;
    if (previews && !ui.selection.has(previews.row)) this.end();
  }

  /** Gives up what is under way. */
  stop() {
    if (!this.abort) return;
    this.abort.abort();
    this.abort = null;
    this.app.call("cancel", { call: "previews" }).catch(() => null);
    this.app.previews = null;
    this.app.emit("previews");
  }

  /** Gives up what is under way, and what is shown. */
  end() {
    this.stop();
    if (!this.app.previews) return;
    this.app.previews = null;
    this.app.emit("previews");
  }
}

/** The pictures that stand side by side in one. */
async function cut({ type, count, w, h }, payload) {
  const blob = new Blob([payload], { type });
  const parts = Array.from({ length: count }, (_, i) => createImageBitmap(blob, i * w, 0, w, h));
  return Promise.all(parts);
}
