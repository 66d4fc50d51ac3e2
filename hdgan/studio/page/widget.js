// A notebook's side: each call is a message of the widget, with a frame.

import { h } from "./dom.js";
import { mount } from "./editor.js";
import { icon } from "./icons.js";

/**
 * Shows the editor in a cell; what anywidget calls.
 * @param {{model: any, el: HTMLElement}} view
 * @returns {() => void} called at its end
 */
function render({ model, el }) {
  const root = h("div", { class: "hdgan-studio", "data-lm-suppress-shortcuts": "true" });
  const whole = () => document.fullscreenElement === root;
  const resize = () => (root.style.height = whole() ? "100%" : `${model.get("height")}px`);
  const { send, close } = channel(model);
  resize();
  el.replaceChildren(root);
  model.on("change:height", resize);
  const app = mount(root, send);
  app.listen(document, "fullscreenchange", resize);
  if (document.fullscreenEnabled) {
    const turn = () => (whole() ? document.exitFullscreen() : root.requestFullscreen());
    root.querySelector(".top").append(h("button", {
      type: "button", class: "square", title: "Full screen", "aria-label": "Full screen",
      onclick: turn,
    }, icon("screen")));
  }
  return () => {
    model.off("change:height", resize);
    close();
    app.dispose();
  };
}

/**
 * Calls and their answers over the messages of a model.
 * @param {any} model
 * @returns {{send: (name: string, body: ArrayBuffer, signal?: AbortSignal) =>
 *   Promise<ArrayBuffer>, close: () => void}}
 */
function channel(model) {
  // A model may be shown twice, and each view hears all messages.
  const view = Math.random().toString(36).slice(2), waiting = new Map();
  let calls = 0, alive = true;

  const answered = (message, buffers) => {
    const one = waiting.get(message.call);
    if (!one) return;
    if (message.refusal) one.reject(message.refusal);
    else one.resolve(bytesOf(buffers[0]));
  };

  const send = (name, body, signal) => new Promise((resolve, reject) => {
    const call = `${view}.${++calls}`;
    const end = (how) => (value) => {
      waiting.delete(call);
      if (signal) signal.removeEventListener("abort", stop);
      how(value);
    };
    const one = { resolve: end(resolve), reject: end(reject) };
    const stop = () => {
      one.reject(callStopped());
      if (alive) model.send({ call, stop: true });
    };
    if (signal && signal.aborted) return one.reject(callStopped());
    if (signal) signal.addEventListener("abort", stop);
    waiting.set(call, one);
    try {
      if (!alive) throw new Error("restarted");
      model.send({ call, name }, undefined, [body]);
    } catch {
      one.reject(kernelGone());
    }
  });

  // A model loses its kernel once, when that is started again.
  const lost = () => {
    alive = false;
    for (const one of waiting.values()) one.reject(kernelGone());
  };

  model.on("msg:custom", answered);
  model.on("comm_live_update", lost);
  const close = () => {
    model.off("msg:custom", answered);
    model.off("comm_live_update", lost);
  };
  return { send, close };
}

/** Bytes in a buffer of their own, as frames need them. @param {DataView} view */
function bytesOf(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

function callStopped() {
  return { code: "aborted", message: "cancelled", field: "", hint: "" };
}

function kernelGone() {
  return {
    code: "offline", message: "The notebook's kernel does not answer.", field: "",
    hint: "Run this cell again.",
  };
}
