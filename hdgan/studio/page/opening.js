// How scenes come: blank, from files, from those on offer.

import { colourLevels, colourRows, coloursOf } from "./colours.js";
import { Field, action, askDialog, choice, showDialog } from "./dialog.js";
import { Doc } from "./doc.js";
import { h } from "./dom.js";
import { drawCover, smallCanvas } from "./pictures.js";

/**
 * Shows what the server sent as the document; the store keeps the one before.
 * @param {import("./app.js").App} app
 * @param {{header: any, payload: Uint8Array}} answer of scene, blank or open
 * @returns {boolean} true: a dialog that asked for it is done
 */
export function openAnswer(app, answer) {
  const { header, payload } = answer, doc = new Doc(header, payload);
  doc.resolve(header.resolved || []);
  app.open(doc);
  for (const note of header.notes || []) app.announce(note);
  return true;
}

/** A blank scene. */
export function newDialog(app) {
  const { meta } = app, [height, width] = meta.stage_size;
  const sizes = sizesOf(meta).map(([w, hh, text]) => [`${w} ${hh}`, `${w} × ${hh}${text}`]);
  const size = new Field("Size", choice([...sizes, ["", "Another size"]]));
  const number = (value) => h("input", { type: "number", min: 1, step: meta.unit || 1, value });
  const wide = new Field("Width", number(width), { about: ["w"] });
  const high = new Field("Height", number(height), { about: ["h"] });
  const kinds = meta.classes.map((one) => [one.id, one.name]);
  const ground = meta.classes.find((one) => !one.has_instances) || meta.classes[0];
  const label = new Field("Filled with", choice(kinds, ground && ground.id), { about: ["label"] });
  const own = h("div", { class: "pair" }, wide.element, high.element);
  const show = () => {
    own.hidden = size.input.value !== "";
    if (own.hidden) [wide.input.value, high.input.value] = size.input.value.split(" ");
  };
  size.input.addEventListener("change", show);
  show();
  const sides = () => ({ w: Number(wide.input.value), h: Number(high.input.value) });
  askDialog(app, {
    title: "New blank scene", verb: "Create", fields: [wide, high, label],
    body: [size.element, own, ...(kinds.length ? [label.element] : [])],
    check: () => {
      const { w, h: hh } = sides(), faults = [sideFault(w, meta), sideFault(hh, meta)];
      const { pixels } = largestOf(meta);
      if (!faults.some(Boolean) && w * hh > pixels) faults[0] = `At most ${pixels} pixels in all.`;
      if (faults.some(Boolean)) size.input.value = "", own.hidden = false;
      return [wide.fail(faults[0]), high.fail(faults[1])].every(Boolean);
    },
    run: async (signal) => {
      const filled = kinds.length ? { label: Number(label.input.value) } : {};
      return openAnswer(app, await app.call("blank", { ...sides(), ...filled }, undefined, signal));
    },
  });
}

/** Sizes to begin with: the stage's, half and twice of it, as far as they can be. */
function sizesOf(meta) {
  const [height, width] = meta.stage_size;
  const factors = [[1, ", as trained"], [0.5, ""], [2, ""]];
  const all = factors.map(([k, text]) => [width * k, height * k, text]);
  const { pixels } = largestOf(meta);
  return all.filter(([w, hh]) => !sideFault(w, meta) && !sideFault(hh, meta) && w * hh <= pixels);
}

function largestOf(meta) {
  return { pixels: Infinity, side: Infinity, ...meta.largest };
}

/** What is wrong with a side, or "". */
export function sideFault(side, meta) {
  const { side: most } = largestOf(meta), unit = meta.unit || 1;
  if (!Number.isInteger(side) || side < 1) return "A whole number of pixels.";
  if (side > most) return `At most ${most}.`;
  if (side % unit === 0) return "";
  const below = Math.floor(side / unit) * unit;
  return `A multiple of ${unit}: ${below ? `${below} or ` : ""}${below + unit}.`;
}

const ROLES = [
  ["label", "Map of classes", ".png,.tif,.tiff", "each pixel the id of its class"],
  ["instance", "Map of objects", ".png,.tif,.tiff", "may be left out"],
  ["image", "Real photo", ".jpg,.jpeg,.png,.tif,.tiff", "to compare with; may be left out"],
  ["export", "Or an export", ".zip", "goes on as it was saved"],
];

const PICTURE_ROLES = [
  ["label", "Picture", ".png,.jpg,.jpeg,.tif,.tiff", "what the photo is made from"],
  ...ROLES.slice(2),
];

/**
 * Opens files of one's own.
 * @param {import("./app.js").App} app
 * @param {File[]} [files] that were dropped
 */
export function openDialog(app, files = []) {
  const roles = app.meta.kind === "picture" ? PICTURE_ROLES : ROLES;
  const fields = roles.map(([role, text, accept, hint]) => (
    new Field(text, h("input", { type: "file", accept }), { hint, about: [role] })
  ));
  for (const file of files) give(fields[placeOf(file, roles)], file);
  const taken = () => roles.flatMap(([role], i) => {
    const [file] = fields[i].input.files;
    return file ? [{ role, file }] : [];
  });
  askDialog(app, {
    title: "Open files", verb: "Open", fields, body: fields.map((one) => one.element),
    check: () => {
      const names = taken().map(({ role }) => role);
      if (!names.length) return fields[0].fail("Choose a file.");
      const whole = names.includes("export");
      if (whole && names.length > 1) return fields.at(-1).fail("Either maps or an export.");
      return whole || names.includes("label") || fields[0].fail("It needs this one too.");
    },
    run: async (signal) => {
      const chosen = taken(), answer = await sendFiles(app, chosen, signal);
      const shown = await openAnswer(app, answer);
      const image = answer.header.photo && chosen.find(({ role }) => role === "image");
      if (shown && image) app.doc.real = image.file;
      return shown;
    },
  });
}

/** Which field a dropped file goes into, by its name. */
function placeOf({ name }, roles) {
  const [role] = [
    ["export", /\.zip$/i], ["instance", /inst/i], ["image", /photo|image|leftImg/i],
  ].find(([, pattern]) => pattern.test(name)) || ["label"];
  return Math.max(0, roles.findIndex(([one]) => one === role));
}

/** Puts a file into a field. @param {Field} field @param {File} file */
function give(field, file) {
  const data = new DataTransfer();
  data.items.add(file);
  field.input.files = data.files;
}

async function sendFiles(app, chosen, signal) {
  const files = chosen.map(({ role, file }) => ({ role, name: file.name, size: file.size }));
  const bytes = await new Blob(chosen.map(({ file }) => file)).arrayBuffer();
  return app.call("open", { files }, new Uint8Array(bytes), signal);
}

/** Scenes on offer and those that this browser keeps, with pictures. */
export async function scenesDialog(app) {
  const find = h("input", { type: "search", placeholder: "Search", "aria-label": "Search" });
  const kept = await app.store.kept(), close = () => dialog.close();
  const offered = (template) => app.scenes.filter((one) => !!one.template === template);
  const groups = [
    group("Kept in this browser", kept.map((one) => keptCard(app, one, close))),
    group("Maps", offered(false).map((one) => card(app, one, close))),
    group("Templates", offered(true).map((one) => card(app, one, close))),
  ];
  const none = h("p", { hidden: true }, "No scene has such a name.");
  const note = app.note ? [h("small", {}, app.note)] : [];
  find.addEventListener("input", () => {
    const words = find.value.toLowerCase();
    for (const { section, cards } of groups) {
      for (const one of cards) one.hidden = !one.dataset.name.toLowerCase().includes(words);
      section.hidden = cards.every((one) => one.hidden);
    }
    none.hidden = groups.some(({ section }) => !section.hidden);
  });
  const parts = [...groups.map(({ section }) => section), none, ...note];
  const dialog = showDialog(app, "Scenes", find, h("div", { class: "scenes" }, ...parts));
  dialog.classList.add("wide");
}

function group(title, cards) {
  const section = h("section", {}, h("h3", {}, title), h("div", { class: "cards" }, ...cards));
  section.hidden = !cards.length;
  return { section, cards };
}

/** A scene on offer. */
function card(app, { id, name }, close) {
  const picture = h("img", { alt: "" }), current = app.doc && app.doc.id === id;
  const attributes = { class: "card", "data-name": name, "aria-current": current ? "true" : null };
  const button = h("button", { type: "button", ...attributes }, picture, h("span", {}, name));
  button.addEventListener("click", () => {
    close();
    app.emit("wanted", id);
  });
  whenSeen(app, button, () => thumb(app, id, picture));
  return button;
}

/** Calls f when an element is first seen. */
function whenSeen(app, element, f) {
  const watch = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    watch.disconnect();
    f();
  });
  watch.observe(element);
  app.atEnd(() => watch.disconnect());
}

async function thumb(app, id, picture) {
  try {
    const { header, payload } = await app.call("thumb", { id });
    picture.src = URL.createObjectURL(new Blob([payload], { type: header.type }));
    picture.onload = () => URL.revokeObjectURL(picture.src);
  } catch {
    picture.remove(); // The name says what it is.
  }
}

/** A scene that the browser keeps; of one on offer it is what was done to it. */
function keptCard(app, { key, name, time, w, h: height, copy, id }, close) {
  const what = copy ? "copy" : id == null ? `${w} × ${height}` : "changed";
  const when = `${what}, ${new Date(time).toLocaleString()}`;
  const picture = smallCanvas(160, 80, "map"), current = app.doc && app.doc.kept.key === key;
  const open = h("button", {
    type: "button", class: "card", "aria-current": current ? "true" : null,
  }, picture, h("span", {}, name), h("small", {}, when));
  whenSeen(app, open, async () => {
    const doc = await app.store.open(key);
    if (doc) drawMap(picture, doc, app.meta);
  });
  const forget = action("Forget", () => null);
  forget.setAttribute("aria-label", `Forget ${name}`);
  const both = h("div", { class: "kept", "data-name": name }, open, forget);
  open.addEventListener("click", async () => {
    const doc = await app.store.open(key);
    close();
    if (doc) app.open(doc);
  });
  forget.addEventListener("click", async () => {
    if (forget.textContent === "Forget") {
      forget.textContent = "Really?";
      return;
    }
    await app.store.forget(key);
    both.remove();
    // Shown, it begins anew.
    if (app.doc.kept.key === key && id != null && !copy) app.emit("wanted", id);
  });
  return both;
}

/** Draws a map in its colours, small. */
function drawMap(canvas, doc, meta) {
  const whole = new OffscreenCanvas(doc.w, doc.h), image = new ImageData(doc.w, doc.h);
  const pixels = new Uint32Array(image.data.buffer);
  if (doc.kind === "picture") colourLevels(doc, doc.whole, meta.label_channels, pixels);
  else colourRows(doc, doc.whole, coloursOf(doc.table, meta.classes), pixels);
  whole.getContext("2d").putImageData(image, 0, 0);
  drawCover(canvas, whole);
}
