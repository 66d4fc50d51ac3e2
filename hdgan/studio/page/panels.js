// What lies around the stage, put together.

import { h, makeRoving, roving } from "./dom.js";
import { Options, toolBar, topBar } from "./bars.js";
import { Buttons } from "./buttons.js";
import { Classes } from "./classes.js";
import { Levels } from "./levels.js";
import { ObjectPanel } from "./object.js";
import { Objects, Steps } from "./objects.js";
import { Sprites } from "./pictures.js";
import { Stamps } from "./stamps.js";
import { Standing } from "./standing.js";

/** Builds the bars and panels; each keeps itself up to date. */
export class Panels {
  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    const buttons = new Buttons(app);
    this.top = topBar(app, buttons);
    this.tools = toolBar(app, buttons);
    this.options = new Options(app, buttons).element;
    this.classes = new Classes(app);
    this.levels = new Levels(app);
    this.objects = new Objects(app);
    this.stamps = new Stamps(app);
    this.steps = new Steps(app);
    this.object = new ObjectPanel(app, new Sprites(app), buttons);
    this.standing = new Standing(app, buttons);
    this.welcome = h("div", { class: "welcome", hidden: true },
      h("p", {}, "There is no scene yet: open a map of your own, or start with a blank one."),
      h("div", { class: "line" },
        buttons.make("new", "Blank scene"), buttons.make("open", "Open files")));
    this.right = h("aside", { class: "right", "aria-label": "Classes, objects and history" },
      this.tabs(), this.object.element);
    app.on("meta", () => this.kind());
    for (const event of ["open", "status"]) app.on(event, () => this.waits());
    app.on("ui", (names) => {
      if (names.includes("tool")) this.follow(app.ui.tool);
    });
    buttons.refresh();
  }

  /**
   * All of it, with the stage in the middle.
   * @param {HTMLElement} stage
   * @returns {HTMLElement}
   */
  around(stage) {
    stage.append(this.welcome);
    const middle = h("section", { class: "middle", "aria-label": "Map and tools" },
      this.options, this.tools, stage);
    this.frame = h("div", { class: "frame" }, this.top, middle, this.right, this.standing.element);
    this.waits();
    return this.frame;
  }

  /** Before there is a scene: grey shapes while it comes, else what to do. */
  waits() {
    const { doc, status } = this.app;
    const coming = !doc && ["loading", "warming"].includes(status.state);
    this.frame.classList.toggle("coming", coming);
    this.welcome.hidden = Boolean(doc) || coming;
  }

  tabs() {
    this.pages = [
      ["Classes", this.classes.element], ["Colour", this.levels.element],
      ["Objects", this.objects.element],
      ["Stamps", this.stamps.element], ["History", this.steps.element],
    ];
    this.heads = this.pages.map(([name]) => h("button", {
      type: "button", class: "tab", role: "tab", "data-stop": true, onclick: () => this.turn(name),
    }, name));
    const attributes = { class: "tabs", role: "tablist", "aria-label": "Panels" };
    const list = h("div", attributes, ...this.heads);
    makeRoving(list, (head) => this.turn(head.textContent));
    for (const [name, page] of this.pages) {
      page.setAttribute("role", "tabpanel");
      page.setAttribute("aria-label", name);
    }
    this.turn("Classes");
    return h("section", { class: "pages" }, list, ...this.pages.map(([, page]) => page));
  }

  /** Shows a page. @param {string} name */
  turn(name) {
    this.pages.forEach(([one, page], i) => {
      page.hidden = one !== name;
      this.heads[i].setAttribute("aria-selected", String(one === name));
      this.heads[i].tabIndex = one === name ? 0 : -1;
    });
    if (name === "Objects") this.objects.update();
    if (name === "History") this.steps.update();
    if (name === "Stamps") this.stamps.load();
  }

  /** What a tool takes from a page is in sight. */
  follow(tool) {
    const stamps = !this.stamps.element.hidden;
    if (tool === "stamp" && !stamps) this.turn("Stamps");
    else if (stamps && ["brush", "fill"].includes(tool)) this.turn("Classes");
  }

  /** Pictures have no classes, objects and stamps. */
  kind() {
    const picture = this.app.meta.kind === "picture", without = ["Classes", "Objects", "Stamps"];
    this.heads.forEach((head) => {
      const name = head.textContent;
      head.hidden = picture ? without.includes(name) : name === "Colour";
    });
    if (picture) this.turn("Colour");
    roving(this.heads[0].parentElement);
  }
}
