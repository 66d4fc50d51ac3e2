// The library of stamps.

import { unpackRuns } from "./frame.js";
import { h, makeRoving, roving, setAttribute, setText } from "./dom.js";
import { classOf } from "./deeds.js";
import { drawSilhouette, smallCanvas } from "./pictures.js";

/** Objects to drop: the library's and the person's own. */
export class Stamps {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.own = [];
    this.library = null;
    this.group = h("div", { class: "tiles stamps", role: "group", "aria-label": "Stamps" });
    this.none = h("p", { class: "empty" });
    this.forget = h("button", {
      type: "button", class: "plain forget", hidden: true,
      onclick: () => this.drop(app.ui.stamp),
    }, "Forget this stamp");
    this.element = h("div", { class: "pane" }, this.group, this.forget, this.none);
    makeRoving(this.group);
    app.on("stamps", () => this.recall());
    app.on("ui", (names) => (names.includes("stamp") || names.includes("tool") ? this.chosen() : null));
  }

  /** Asks for the library, when its panel is first seen. */
  async load() {
    if (this.library) return;
    this.library = [];
    setText(this.none, "Looking for stamps …");
    try {
      const { header, payload } = await this.app.call("stamps");
      this.library = unpackStamps(header.stamps, payload);
      setText(this.none, "There are no stamps yet. Select an object and make one of it.");
    } catch (refusal) {
      this.library = null;
      setText(this.none, `The library could not be read: ${refusal.message || refusal}`);
    }
    await this.recall();
  }

  /** The person's own, as they are kept. */
  async recall() {
    this.own = await this.app.store.stamps();
    this.build();
    this.chosen();
  }

  /** Forgets one of the person's own. */
  drop(stamp) {
    this.app.set({ stamp: null, tool: "select" });
    this.app.store.removeStamp(stamp.key);
    this.app.announce(`Forgot the stamp ${stamp.name}`);
  }

  /** Marks the one that is taken: after a reload it is another object of the same key. */
  chosen() {
    const { stamp } = this.app.ui;
    const taken = (one) => one === stamp || (!!stamp && !!one.key && one.key === stamp.key);
    for (const tile of this.group.children) {
      setAttribute(tile, "aria-pressed", String(taken(tile.stamp)));
    }
    this.forget.hidden = !this.own.some(taken);
  }

  build() {
    const all = [...this.own, ...(this.library || [])];
    this.group.replaceChildren(...all.map((stamp) => this.tile(stamp)));
    this.none.hidden = all.length > 0;
    roving(this.group);
  }

  tile(stamp) {
    const { app } = this, one = classOf(app, stamp.label), name = stamp.name || (one ? one.name : "object");
    const canvas = smallCanvas(72, 56, "shape");
    drawSilhouette(canvas, stamp.mask, one ? one.color : [128, 128, 128]);
    const tile = h("button", {
      type: "button", class: "tile", "data-stop": true, "aria-pressed": String(stamp === app.ui.stamp),
      title: `${name}, ${stamp.mask.w} × ${stamp.mask.h} pixels`,
      onclick: () => app.set({ stamp, stampScale: 1, stampMirror: false, tool: "stamp" }),
    }, canvas, h("span", { class: "name" }, name));
    return Object.assign(tile, { stamp });
  }
}

/** Stamps out of the server's answer: their masks are runs, one after another. */
function unpackStamps(stamps, payload) {
  let at = 0;
  return stamps.map(({ label, style, name, w, h: height, bytes }) => {
    const plane = new Uint16Array(w * height);
    unpackRuns(payload.subarray(at, at + bytes), plane);
    at += bytes;
    return { label, style, name, mask: { x: 0, y: 0, w, h: height, bits: Uint8Array.from(plane) } };
  });
}
