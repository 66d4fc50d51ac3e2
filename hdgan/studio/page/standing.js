// The bar at the foot: how things are, in one place.

import { commandOf } from "./commands.js";
import { h, setAttribute, setText } from "./dom.js";
import { icon } from "./icons.js";

/** What each state is called, and its sign. */
const STATES = {
  loading: ["Loading", "spin"], warming: ["Warming up", "spin"], ready: ["Ready", "check"],
  painting: ["Painting", "brush"], draft: ["1/4 draft", "layout"], rendering: ["Rendering", "spin"],
  waiting: ["Waiting", "more"], offline: ["Offline", "offline"], token: ["No access", "warning"],
  error: ["Error", "warning"], busy: ["Working", "spin"],
};

/** One line that is read out politely, a badge, and what can be done. */
export class Standing {
  /**
   * @param {import("./app.js").App} app
   * @param {import("./buttons.js").Buttons} buttons
   */
  constructor(app, buttons) {
    this.app = app;
    this.buttons = buttons;
    this.mark = h("span", { class: "mark", "aria-hidden": "true" });
    this.word = h("span", {});
    this.badge = h("span", { class: "badge" }, this.mark, this.word);
    this.text = h("span", { class: "text" });
    this.hint = h("span", { class: "hint" });
    this.line = h("p", { role: "status", class: "status" }, this.text, this.hint);
    this.seconds = h("span", { class: "seconds", "aria-hidden": "true" });
    this.acts = h("span", { class: "acts" });
    this.notice = h("div", { class: "notice" }, this.line, this.seconds, this.acts);
    this.bar = h("div", { class: "progress", hidden: true }, h("i", {}));
    this.said = h("p", { class: "said", "aria-live": "polite" });
    this.saved = h("span", { class: "saved" });
    this.facts = h("span", { class: "facts" });
    this.element = h("footer", { class: "foot" },
      this.badge, this.notice, this.said, this.saved, this.facts, this.bar);
    app.on("status", () => this.show());
    app.on("busy", () => this.show());
    app.on("pixels", () => this.show());
    app.on("history", () => this.show());
    app.on("announce", (text) => setText(this.said, text));
    // With the next step it is of the past, unless work is not kept; what is said of
    // that step comes after it.
    app.on("history", () => setText(this.said, app.store ? app.store.broken : ""));
    for (const event of ["meta", "photo"]) app.on(event, () => this.tellFacts());
    for (const event of ["saved", "history", "open"]) app.on(event, () => this.tellSaved());
    this.show();
  }

  /** What is: a change of objects under way hides the rest, a stroke what was ready. */
  current() {
    const { app } = this, { status, busy, doc } = app;
    if (busy) return { state: "busy", text: busy.title, hint: "", actions: [], stop: busy.cancel };
    if (doc && doc.step && status.state === "ready") {
      return { ...status, state: "painting", text: "Painting" };
    }
    return status;
  }

  show() {
    const now = this.current(), { state, text, seconds, hint = "", eta } = now;
    const [word, sign] = STATES[state] || STATES.ready;
    if (this.element.dataset.state !== state) {
      this.element.dataset.state = state;
      this.mark.replaceChildren(sign === "spin" ? h("i", { class: "spin" }) : icon(sign));
    }
    setText(this.word, word);
    setText(this.text, text);
    this.text.classList.toggle("unseen", text === word);
    setText(this.hint, hint);
    const whole = eta ? ` of about ${Math.round(eta + seconds)} s` : "";
    setText(this.seconds, seconds > 0 ? `${Math.round(seconds)} s${whole}` : "");
    this.offer(now);
    this.bar.hidden = !(state === "warming" && eta);
    this.bar.firstElementChild.style.width = `${Math.min(98, (100 * seconds) / (eta + seconds))}%`;
  }

  /** A button for each thing that can be done about it. */
  offer({ actions = [], rows = [], stop = null, state }) {
    const key = `${state} ${actions} ${rows} ${Boolean(stop)}`;
    this.stopper = stop;
    if (key === this.offered) return;
    this.offered = key;
    this.acts.replaceChildren(
      ...(rows.length ? [this.button("eye", "Show the object", () => this.find(rows))] : []),
      ...(stop ? [this.button("cancel", "Stop", () => this.stopper && this.stopper())] : []),
      ...actions.map((id) => this.buttons.make(id, this.name(id))),
      ...(state === "error" ? [this.button("close", "Dismiss", () => this.dismiss())] : []),
    );
    this.buttons.later();
  }

  name(id) {
    return { render: "Render now", stop: "Stop", retry: "Try now" }[id] || commandOf(id).title;
  }

  button(sign, name, onclick) {
    return h("button", { type: "button", class: "plain", onclick }, icon(sign), name);
  }

  dismiss() {
    this.app.say("ready", "Ready");
  }

  find(rows) {
    this.app.set({ selection: new Set(rows) });
    this.app.emit("view", { row: rows[0] });
  }

  tellFacts() {
    const { meta, last } = this.app;
    if (!meta) return;
    const time = last < 10 ? last?.toFixed(1) : Math.round(last);
    const seconds = last === null ? "" : `${last < 0.1 ? "< 0.1" : time} s a photo`;
    setText(this.facts, [meta.device, seconds].filter(Boolean).join(" · "));
  }

  tellSaved() {
    const { store, doc } = this.app;
    if (!store || !doc) return;
    const text = store.broken ? "Not saved" : store.saved ? "Saved here" : "Saving …";
    setText(this.saved, text);
    setAttribute(this.saved, "data-saved", String(Boolean(store.saved && !store.broken)));
    const where = "Your work stays in this browser; Export takes it along.";
    setAttribute(this.saved, "title", store.broken || where);
  }
}
