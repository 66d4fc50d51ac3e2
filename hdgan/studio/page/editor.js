// Puts the parts together.

import { App } from "./app.js";
import { COMMANDS, keyName } from "./commands.js";
import { Doc } from "./doc.js";
import { h } from "./dom.js";
import { Link } from "./link.js";
import { Panels } from "./panels.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { Tools } from "./tools.js";

/**
 * Mounts an editor.
 * @param {HTMLElement} root emptied
 * @param {(name: string, body: ArrayBuffer, signal?: AbortSignal) => Promise<ArrayBuffer>} send
 * @returns {App}
 */
export function mount(root, send) {
  const app = new App(root, send);
  const stage = new Stage(app), panels = new Panels(app);
  new Tools(app, stage);
  new Link(app);
  new Store(app);
  root.replaceChildren(panels.top, panels.tools, stage.element, panels.right);
  stage.canvas.addEventListener("keydown", (event) => {
    const command = COMMANDS.find((one) => one.keys.includes(keyName(event)));
    if (!command || (command.enabled && !command.enabled(app))) return;
    event.preventDefault();
    event.stopPropagation();
    command.run(app);
  });
  app.on("wanted", (id) => openScene(app, id));
  // For tests.
  Object.assign(root, { studio: app });
  Object.assign(app, { stage });
  start(app);
  return app;
}

async function start(app) {
  app.meta = (await app.call("meta")).header;
  app.scenes = (await app.call("scenes")).header.scenes;
  app.emit("meta");
  await openScene(app, 0);
}

async function openScene(app, id) {
  const { header, payload } = await app.call("scene", { id });
  app.open(new Doc(header, payload));
}
