// Mouse, pen, fingers and keys on the stage.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DOUBLING = 240; // Wheel pixels that double the scale.
const LINE_HEIGHT = 20; // Pixels of a wheel that counts in lines.
const FAR = 10; // Pixels of the map that an arrow moves with Shift.

/** Turns what a person does on the stage into presses of tools and moves of the view. */
export class Pointers {
  /**
   * @param {import("./app.js").App} app
   * @param {import("./stage.js").Stage} stage
   * @param {import("./tools.js").Tools} tools
   */
  constructor(app, stage, tools) {
    Object.assign(this, { app, stage, tools, mode: "", held: new Set(), typed: false });
    /** Fingers that are down, by id: their places on the stage. */
    this.fingers = new Map();
    const { canvas } = stage, on = (type, f, options) => app.listen(canvas, type, f, options);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.lost(event));
    on("lostpointercapture", (event) => this.lost(event));
    on("pointerleave", () => this.mode || this.leave());
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("dblclick", (event) => this.double(event));
    // A middle button would scroll by itself.
    on("mousedown", (event) => event.button === 1 && event.preventDefault());
    on("contextmenu", (event) => event.preventDefault());
    on("keydown", (event) => this.keyDown(event));
    on("keyup", (event) => this.keyUp(event));
    on("blur", () => this.blur());
    app.on("ui", () => this.cursor());
    app.on("busy", () => this.cursor());
    app.on("open", () => Object.assign(this, { typed: false, mode: "" }));
    app.on("escape", () => (this.typed = false));
  }

  keys(event) {
    return { shift: event.shiftKey, alt: event.altKey, rubber: event.button === 5 };
  }

  // Pointers.

  down(event) {
    const { stage, tools } = this, at = stage.toStage(event);
    if (!this.app.doc) return;
    if (event.pointerType === "touch") this.fingers.set(event.pointerId, at);
    if (this.fingers.size === 2 && this.mode !== "pen") return this.pinch();
    if (this.mode) return;
    if (this.typed) this.enter();
    tools.cross = false;
    stage.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.from = at;
    const { button } = event, grab = this.held.has(" ");
    if (button === 1 || (button === 0 && grab)) this.mode = "pan";
    else if (button === 0 || button === 5) {
      this.pane = stage.paneAt(at.x, at.y);
      const open = tools.press(stage.toMap(event, this.pane), this.keys(event));
      this.mode = event.pointerType === "pen" ? "pen" : "tool";
      if (!open) this.mode = "done";
    }
    this.cursor();
  }

  move(event) {
    const { stage, tools } = this;
    if (!this.app.doc) return;
    if (this.fingers.has(event.pointerId)) {
      this.fingers.set(event.pointerId, stage.toStage(event));
      if (this.mode === "pinch") return this.pinched();
    }
    if (!this.mode) return this.hover(event);
    if (event.pointerId !== this.pointer) return;
    if (this.mode === "pan") {
      const at = stage.toStage(event);
      stage.pan(at.x - this.from.x, at.y - this.from.y);
      this.from = at;
    } else if (this.mode === "tool" || this.mode === "pen") {
      for (const one of pointsOf(event)) tools.drag(stage.toMap(one, this.pane));
    } else if (this.mode === "done") this.hover(event);
  }

  hover(event) {
    const { stage, tools } = this;
    tools.cross = false;
    tools.hover(stage.toMap(event), this.keys(event));
    this.cursor();
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    if (this.mode === "pinch" || this.mode === "rest") return this.rest();
    if (event.pointerId !== this.pointer) return;
    if (this.mode === "tool" || this.mode === "pen") this.tools.release();
    this.end(event);
  }

  /** The browser took the pointer: what it began is taken back. */
  lost(event) {
    this.fingers.delete(event.pointerId);
    if (this.mode === "pinch" || this.mode === "rest") return this.rest();
    if (event.pointerId !== this.pointer || !this.mode) return;
    this.tools.cancel();
    this.end(event);
  }

  end(event) {
    this.mode = "";
    this.pointer = null;
    if (event.pointerType === "touch") this.leave();
    this.cursor();
  }

  /** No pointer is over the stage. */
  leave() {
    if (!this.typed && !this.tools.cross) this.tools.hover(null);
  }

  double(event) {
    const { tool } = this.app.ui;
    if (tool === "select" && !event.altKey) this.tools.tools.select.double(this.stage.toMap(event));
  }

  wheel(event) {
    event.preventDefault();
    if (!this.app.doc || this.mode) return;
    const { x, y } = this.stage.toStage(event);
    const pixels = event.deltaY * (event.deltaMode ? LINE_HEIGHT : 1);
    // Fingers on a touchpad come as a wheel with Ctrl, and in small steps.
    const turns = pixels / (event.ctrlKey ? DOUBLING / 4 : DOUBLING);
    this.stage.zoom(x, y, this.stage.view.scale * 2 ** -turns);
    this.hover(event);
  }

  // Two fingers.

  pinch() {
    this.tools.cancel();
    this.mode = "pinch";
    this.grip = gripOf(this.fingers);
  }

  pinched() {
    const { stage } = this, old = this.grip, now = gripOf(this.fingers);
    stage.pan(now.x - old.x, now.y - old.y);
    stage.zoom(now.x, now.y, (stage.view.scale * now.far) / old.far);
    this.grip = now;
  }

  /** After a pinch nothing is drawn until all fingers are up. */
  rest() {
    if (this.fingers.size >= 2) this.grip = gripOf(this.fingers);
    else this.mode = this.fingers.size ? "rest" : "";
    if (!this.mode) this.leave();
  }

  // Keys.

  keyDown(event) {
    const { app } = this, { key } = event;
    if (!app.doc || event.ctrlKey || event.metaKey) return;
    const arrow = ARROWS[key];
    if (arrow) this.step(arrow, event.shiftKey ? FAR : 1);
    else if (key === "Enter") event.repeat || this.enter(this.keys(event));
    else if (key === " " || key === "Alt") this.held.add(key);
    else if (key === "\\") app.ui.original || app.set({ original: true });
    else return;
    this.cursor();
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  keyUp(event) {
    this.held.delete(event.key);
    if (event.key === "\\") this.app.set({ original: false });
    this.cursor();
  }

  blur() {
    this.held.clear();
    if (this.app.ui.original) this.app.set({ original: false });
    if (this.typed) this.enter();
    this.cursor();
  }

  /** Moves the pointer of the keyboard; it begins where the mouse was, or in the middle. */
  step([dx, dy], far) {
    const { stage, tools, app: { doc } } = this, { cx, cy } = stage.view;
    const from = tools.at || { x: cx, y: cy };
    const within = (v, end) => Math.min(end - 1, Math.max(0, Math.floor(v))) + 0.5;
    const x = within(from.x + dx * far, doc.w), y = within(from.y + dy * far, doc.h);
    const p = { x, y, exact: true };
    tools.cross = true;
    if (this.typed) tools.drag(p);
    else tools.hover(p);
    stage.reveal(p.x, p.y);
    tools.tell();
  }

  /** Presses the tool at the keyboard's pointer, or lets it go. */
  enter(keys = {}) {
    const { tools } = this;
    if (this.typed) {
      this.typed = false;
      tools.release();
    } else if (!this.mode) {
      if (!tools.cross) this.step([0, 0], 0);
      this.typed = tools.press(tools.at, keys);
    }
    tools.tell();
  }

  cursor() {
    const { app, held, mode, tools } = this, { tool, size } = app.ui;
    const { canvas: { style }, view } = this.stage, ring = size * (view ? view.scale : 1);
    if (app.busy) style.cursor = "progress";
    else if (mode === "pan" || mode === "pinch") style.cursor = "grabbing";
    else if (held.has(" ")) style.cursor = "grab";
    else if (held.has("Alt") || tool === "pick" || tool === "fill") style.cursor = "crosshair";
    else if (tool === "select") style.cursor = tools.open ? "move" : "default";
    // A small ring is hard to find.
    else style.cursor = ring < 12 ? "crosshair" : "none";
  }
}

/** All places that a pointer was at since the last event. */
function pointsOf(event) {
  const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  return all.length ? all : [event];
}

/** The middle of two fingers and how far they are apart. */
function gripOf(fingers) {
  const [a, b] = [...fingers.values()];
  const far = Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, far };
}
