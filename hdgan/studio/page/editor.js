// Puts the parts together.

import { App, AWAY } from "./app.js";
import { takePaper } from "./deeds.js";
import { Dialogs } from "./dialogs.js";
import { Hole } from "./hole.js";
import { takeKeys } from "./keys.js";
import { Link } from "./link.js";
import { openAnswer } from "./opening.js";
import { Panels } from "./panels.js";
import { Previews } from "./previews.js";
import { Real } from "./real.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { Tools } from "./tools.js";

/**
 * Mounts an editor; `dispose()` of what it returns ends it.
 * @param {HTMLElement} root emptied
 * @param {(name: string, body: ArrayBuffer, signal?: AbortSignal) => Promise<ArrayBuffer>} send
 * @returns {App}
 */
export function mount(root, send) {
  const app = new App(root, send);
  const stage = new Stage(app), panels = new Panels(app), link = new Link(app);
  new Tools(app, stage);
  new Hole(app, stage);
  new Previews(app);
  new Real(app);
  new Dialogs(app);
  Object.assign(app, { stage, store: new Store(app) });
  root.replaceChildren(panels.around(stage.element));
  root.dataset.lmSuppressShortcuts = "true";
  takeKeys(app, stage.canvas);
  takeFiles(app);
  app.on("open", () => takePaper(app));
  app.on("wanted", (id) => openScene(app, id));
  send.onRenew = () => app.emit("render");
  app.atEnd(() => (send.onRenew = null));
  app.listen(window, "online", () => app.emit("render"));
  app.listen(window, "beforeunload", (event) => {
    // What waits to be written is written when the page goes.
    if (app.store.broken && !app.store.saved) event.preventDefault();
  });
  Object.assign(root, { studio: app }); // For tests.
  start(app, link);
  return app;
}

/** Files that are dropped anywhere are opened. @param {App} app */
function takeFiles(app) {
  const files = (event) => [...event.dataTransfer.types].includes("Files");
  app.listen(app.root, "dragover", (event) => {
    if (files(event)) event.preventDefault();
  });
  app.listen(app.root, "drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    app.emit("files", [...event.dataTransfer.files]);
  });
}

/** Shows what was there before a reload, or the first scene. */
async function start(app, link) {
  await link.meet();
  app.emit("meta");
  const last = await app.store.last(), doc = last && last.doc;
  if (last) app.set(last.ui);
  if (doc) app.open(doc);
  const answer = await lasting(app, "scenes");
  app.scenes = answer ? answer.header.scenes : [];
  app.note = answer ? answer.header.note : "";
  app.emit("meta");
  if (doc) return;
  const shown = app.scenes.find((one) => last && one.id === last.id) || app.scenes[0];
  if (shown) await openScene(app, shown.id);
  else app.emit("dialog", "new");
}

/** Opens a scene on offer, as it was left; of several that are wanted the latest. */
async function openScene(app, id) {
  app.wanted = id;
  const scene = app.scenes.find((one) => one.id === id);
  const left = scene && await app.store.open(scene);
  if (app.wanted !== id) return;
  if (left) {
    app.open(left);
    return;
  }
  const answer = await lasting(app, "scene", { id });
  if (answer && app.wanted === id) openAnswer(app, answer);
}

/** Calls; where the server is away, again once it is back. @returns null where it refuses */
async function lasting(app, name, header) {
  for (;;) {
    try {
      return await app.call(name, header);
    } catch (refusal) {
      app.fail(refusal);
      if (!(refusal.code in AWAY)) return null;
      await back(app);
    }
  }
}

/** Waits until the server is there. */
function back(app) {
  return new Promise((resolve) => {
    const end = app.on("status", ({ state }) => {
      if (state in AWAY) return;
      end();
      resolve();
    });
  });
}
