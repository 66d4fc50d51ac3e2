// The real photo of a scene, to compare with.

/** Whether there is a real photo of what is shown. @param {import("./app.js").App} app */
export function hasReal(app) {
  return !!app.doc && (!!app.doc.real || !!offered(app));
}

/** The scene on offer that the document is of, if it has a photo. */
function offered({ doc, scenes }) {
  return doc.id != null && scenes.find((one) => one.id === doc.id && one.photo);
}

/** Gets the real photo when it is wanted. */
export class Real {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    app.on("open", () => this.want());
    app.on("meta", () => this.want());
    app.on("ui", (names) => (names.includes("real") ? this.want() : null));
  }

  async want() {
    const { app } = this, { doc } = app;
    if (!app.ui.real || app.real || !hasReal(app)) return;
    try {
      const bitmap = await createImageBitmap(doc.real || await this.fetch(doc.id));
      if (doc !== app.doc) return;
      app.real = { bitmap };
      app.emit("photo");
    } catch (refusal) {
      app.set({ real: false });
      app.announce(refusal.message || String(refusal));
    }
  }

  /** @param {number} id of a scene */
  async fetch(id) {
    const { header, payload } = await this.app.call("photo", { id });
    return new Blob([payload], { type: header.type });
  }
}
