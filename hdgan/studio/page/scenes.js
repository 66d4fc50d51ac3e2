// The picker of scenes, and the library of stamps.

import { unpackRuns } from "./frame.js";
import { h, makeRoving, roving, setAttribute, setText } from "./dom.js";
import { classOf } from "./deeds.js";
import { icon } from "./icons.js";
import { drawCover, drawSilhouette, smallCanvas } from "./pictures.js";

const MANY_SCENES = 8; // From which on there is a field to find one.

/** A button that opens the list of scenes, with thumbnails. */
export class ScenePicker {
  /**
   * @param {import("./app.js").App} app
   * @param {import("./pictures.js").Pictures} pictures
   */
  constructor(app, pictures) {
    this.app = app;
    this.pictures = pictures;
    this.name = h("span", { class: "name" }, "No scene");
    this.button = h("button", {
      type: "button", class: "plain scene", title: "Choose a scene", "aria-haspopup": "dialog", "aria-expanded": "false",
      onclick: () => this.pop.togglePopover(),
    }, icon("scenes"), this.name, icon("down"));
    this.find = /** @type {HTMLInputElement} */ (h("input", {
      class: "input find", type: "search", placeholder: "Find a scene", "aria-label": "Find a scene",
      spellcheck: "false", oninput: () => this.sift(),
    }));
    this.list = h("div", { class: "tiles", role: "group", "aria-label": "Scenes" });
    this.none = h("p", { class: "empty", hidden: true }, "No scene is called that.");
    this.pop = h("div", {
      class: "pop", popover: "auto", role: "dialog", "aria-label": "Scenes",
      ontoggle: (event) => this.toggled(event.newState === "open"),
    }, this.find, this.list, this.none);
    this.element = h("div", { class: "picker" }, this.button, this.pop);
    makeRoving(this.list);
    this.sight = new IntersectionObserver((seen) => this.seen(seen), { root: this.pop, rootMargin: "200px" });
    app.atEnd(() => this.sight.disconnect());
    app.on("meta", () => this.build());
    app.on("open", (doc) => this.opened(doc));
  }

  build() {
    this.find.hidden = this.app.scenes.length <= MANY_SCENES;
    this.list.replaceChildren(...this.app.scenes.map((one) => this.tile(one)));
    setText(this.none, this.app.scenes.length ? "No scene is called that." : "This run has no scenes of its own. Open your own, or start a new one.");
    this.sift();
  }

  tile({ id, name, photo, template }) {
    const what = template ? "template" : photo ? "with photo" : "";
    const tile = h("button", {
      type: "button", class: "tile", "data-stop": true, "data-id": id, onclick: () => this.take(id),
    }, smallCanvas(144, 72, "thumb"), h("span", { class: "name" }, name), what && h("span", { class: "count" }, what));
    this.sight.observe(tile);
    return tile;
  }

  /** Thumbnails are fetched when they come in sight. */
  seen(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.sight.unobserve(target);
      const id = Number(/** @type {HTMLElement} */ (target).dataset.id);
      this.pictures.thumb(id).then((picture) => drawCover(target.firstChild, picture), () => null);
    }
  }

  sift() {
    const word = this.find.hidden ? "" : this.find.value.trim().toLowerCase();
    let some = false;
    for (const tile of /** @type {HTMLElement[]} */ ([...this.list.children])) {
      tile.hidden = !tile.textContent.toLowerCase().includes(word);
      some ||= !tile.hidden;
    }
    this.none.hidden = some;
    roving(this.list);
  }

  take(id) {
    this.pop.hidePopover();
    this.app.emit("wanted", id);
  }

  toggled(open) {
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    const box = this.button.getBoundingClientRect();
    this.pop.style.left = `${Math.max(8, Math.min(box.left, innerWidth - this.pop.offsetWidth - 8))}px`;
    this.pop.style.top = `${box.bottom + 4}px`;
    this.pop.style.maxHeight = `${Math.max(200, innerHeight - box.bottom - 16)}px`;
    const now = /** @type {HTMLElement} */ (this.list.querySelector('[aria-current="true"]'));
    if (now) roving(this.list, now);
    (this.find.hidden ? now || this.list.querySelector("button") : this.find)?.focus();
  }

  opened(doc) {
    const name = doc.name || "Untitled";
    setText(this.name, name);
    setAttribute(this.button, "title", `${name}: choose another scene`);
    for (const tile of /** @type {HTMLElement[]} */ ([...this.list.children])) {
      setAttribute(tile, "aria-current", Number(tile.dataset.id) === doc.id ? "true" : null);
    }
  }
}

/** Objects to drop: the library's and the person's own. */
export class Stamps {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.own = [];
    this.library = null;
    this.group = h("div", { class: "tiles stamps", role: "group", "aria-label": "Stamps" });
    this.none = h("p", { class: "empty" });
    this.element = h("div", { class: "pane" }, this.group, this.none);
    makeRoving(this.group);
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
    this.build();
  }

  /** What is new under the stamp tool is the person's own. */
  chosen() {
    const { stamp } = this.app.ui;
    const known = [...this.own, ...(this.library || [])];
    if (stamp && !known.includes(stamp)) {
      this.own = [stamp, ...this.own];
      this.build();
    }
    for (const tile of this.group.children) setAttribute(tile, "aria-pressed", tile.stamp === stamp);
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
