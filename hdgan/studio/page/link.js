// From document to photo: the latest wins.

/** Keeps the photo up to date. */
export class Link {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.seq = 0;
    this.busy = false;
    app.on("open", () => this.ask());
    app.on("history", () => this.ask());
  }

  /** Asks for a photo of what is there now. */
  async ask() {
    const app = this.app;
    this.wanted = true;
    if (this.busy) return;
    this.busy = true;
    while (this.wanted) {
      this.wanted = false;
      const doc = app.doc, version = doc.version;
      app.say("rendering", "Rendering …");
      try {
        const answer = await app.call("render", { ...doc.header(), seq: ++this.seq, scale: 1 }, doc.runs());
        const blob = new Blob([answer.payload], { type: answer.header.type });
        app.photo = { bitmap: await createImageBitmap(blob), scale: 1, version };
        app.emit("photo");
        app.say("ready", "Ready");
      } catch (refusal) {
        app.say("error", refusal.message || String(refusal));
      }
    }
    this.busy = false;
  }
}
