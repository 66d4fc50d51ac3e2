// The library of stamps: the person's own, and those of the run's maps.

import { unpackRuns } from "./frame.js";
import { h, makeRoving, roving, setAttribute, setText } from "./dom.js";
import { classOf } from "./deeds.js";
import { drawSilhouette, smallCanvas } from "./pictures.js";

/** Objects to drop. */
export class Stamps {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.own = [];
    this.library = null;
    this.yours = h("div", { class: "tiles stamps", role: "group", "aria-label": "Your stamps" });
    this.theirs = h("div", {
      class: "tiles stamps", role: "group", "aria-label": "Stamps of the run's maps",
    });
    this.none = h("p", { class: "empty" });
    this.forget = h("button", {
      type: "button", class: "plain", onclick: () => this.drop(app.ui.stamp),
    }, "Forget this stamp");
    this.heads = [
      h("div", { class: "line" }, h("h3", {}, "Yours"), this.forget),
      h("h3", {}, "Of the run's maps"),
    ];
    const [first, second] = this.heads;
    this.element = h("div", { class: "pane" }, first, this.yours, second, this.theirs, this.none);
    makeRoving(this.yours);
    makeRoving(this.theirs);
    app.on("ui", (names) => (names.includes("stamp") ? this.mark() : null));
    app.on("stamps", () => this.recall());
  }

  /** Asks for the library, when its panel is first seen. */
  async load() {
    if (this.library) return;
    this.library = [];
    setText(this.none, "Looking for stamps …");
    this.recall();
    try {
      const { header, payload } = await this.app.call("stamps");
      this.library = unpackStamps(header.stamps, payload);
      setText(this.none, "There are no stamps yet. Select an object and make one of it.");
    } catch (refusal) {
      this.library = null;
      setText(this.none, `The library could not be read: ${refusal.message || refusal}`);
    }
    this.build();
  }

  /** The person's own, as they are kept; the latest first. */
  async recall() {
    this.own = (await this.app.store.stamps()).reverse();
    this.build();
  }

  /** Forgets one of the person's own. */
  drop(stamp) {
    const { key } = this.own.find((one) => alike(one, stamp));
    this.app.set({ stamp: null, tool: "select" });
    this.app.store.removeStamp(key);
    this.app.announce(`Forgot the stamp ${stamp.name}`);
  }

  build() {
    const library = this.library || [];
    this.yours.replaceChildren(...this.own.map((stamp) => this.tile(stamp)));
    this.theirs.replaceChildren(...library.map((stamp) => this.tile(stamp)));
    this.heads[0].hidden = !this.own.length;
    this.heads[1].hidden = !library.length;
    this.none.hidden = this.own.length + library.length > 0;
    this.mark();
    roving(this.yours);
    roving(this.theirs);
  }

  /** Marks the one that is taken; after a reload it is another object. */
  mark() {
    const { stamp } = this.app.ui;
    this.forget.hidden = !stamp || !this.own.some((one) => alike(one, stamp));
    for (const tile of this.element.querySelectorAll(".tile")) {
      setAttribute(tile, "aria-pressed", Boolean(stamp) && alike(tile.stamp, stamp));
    }
  }

  tile(stamp) {
    const { app } = this, one = classOf(app, stamp.label);
    const name = stamp.name || (one ? one.name : "object");
    const canvas = smallCanvas(72, 56, "shape");
    drawSilhouette(canvas, stamp.mask, one ? one.color : [128, 128, 128]);
    const tile = h("button", {
      type: "button", class: "tile", "data-stop": true,
      title: `${name}, ${stamp.mask.w} × ${stamp.mask.h} pixels`,
      onclick: () => app.set({ stamp, stampScale: 1, stampMirror: false, tool: "stamp" }),
    }, canvas, h("span", { class: "name" }, one ? one.name : name));
    return Object.assign(tile, { stamp });
  }
}

/** Whether two stamps are of the same class and shape. */
function alike(a, b) {
  if (a === b) return true;
  const same = a.label === b.label && a.mask.w === b.mask.w && a.mask.h === b.mask.h;
  return same && a.mask.bits.every((bit, i) => bit === b.mask.bits[i]);
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
