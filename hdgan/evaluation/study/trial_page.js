// The page of a participant: consent, trials, and the way back.

const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const FIXATION = 500, MASK = 300; // Milliseconds.
const SIDES = ["left", "right"], KEYS = { f: "left", j: "right" };

/** @type {{study: string, width: number, pictures: string[], pages: number[][][]}} a trial: left, right, ms */
const study = JSON.parse($("study").textContent);
const OWN = `study-${study.study}-participant`;
const link = readLink(location.search, study.pages.length, ownId);
const trials = study.pages[link.fault ? 0 : link.page];
const place = `study-${study.study}-${link.fault ? 0 : link.page}-${link.participant}`;
const rows = kept(place, []);
let hidden = false;

/** What this browser keeps; some keep nothing for pages opened from a disk. */
function kept(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch { /* A reload begins anew. */ }
}

/** The id of who comes by a link without one: kept, so that a reload goes on. */
function ownId() {
  const id = kept(OWN, "") || newId();
  keep(OWN, id);
  return id;
}

function newId() {
  const drawn = crypto.getRandomValues(new Uint32Array(2));
  return Array.from(drawn, (n) => n.toString(16).padStart(8, "0")).join("");
}

/** Resolves in the next frame, before it is drawn, with its time. @returns {Promise<number>} */
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Waits whole frames. @returns {Promise<number[]>} how long each was */
async function wait(ms) {
  const marks = [await frame()];
  while (marks[marks.length - 1] - marks[0] < ms) marks.push(await frame());
  return marks.slice(1).map((mark, i) => mark - marks[i]);
}

/** Fetches and decodes both pictures of a trial. @returns {Promise<HTMLImageElement[]>} */
function load(trial) {
  return Promise.all(SIDES.map(async (_, i) => {
    const image = new Image();
    image.src = `images/${study.pictures[trial[i]]}.jpg`;
    await image.decode();
    return image;
  }));
}

/** Draws what will be shown, while nothing of it can be seen. */
function prepare(images) {
  const width = Math.round(study.width * devicePixelRatio);
  images.forEach((image, i) => {
    const height = Math.round(width * image.naturalHeight / image.naturalWidth);
    for (const kind of ["picture", "noise"]) {
      const canvas = /** @type {HTMLCanvasElement} */ ($(SIDES[i]).querySelector(`.${kind}`));
      if (kind === "noise" && canvas.width === width && canvas.height === height) continue;
      [canvas.width, canvas.height] = [width, height];
      canvas.style.height = `${study.width * height / width}px`;
      const context = canvas.getContext("2d");
      context.imageSmoothingQuality = "high";
      if (kind === "picture") context.drawImage(image, 0, 0, width, height);
      else drawNoise(context, width, height);
    }
  });
}

/** Squares of random colours, over which nothing of a picture lingers. */
function drawNoise(context, width, height) {
  const square = Math.round(3 * devicePixelRatio);
  for (let y = 0; y < height; y += square) {
    for (let x = 0; x < width; x += square) {
      context.fillStyle = `#${Math.floor(Math.random() * 2 ** 24).toString(16).padStart(6, "0")}`;
      context.fillRect(x, y, square, square);
    }
  }
}

/** Waits for F, J or a button. @returns {Promise<{side: string, time: number}>} */
function choice() {
  return new Promise((resolve) => {
    const stop = new AbortController();
    const take = (side, event) => {
      stop.abort();
      for (const one of SIDES) $(`choose-${one}`).toggleAttribute("disabled", true);
      resolve({ side, time: event.timeStamp });
    };
    for (const side of SIDES) {
      $(`choose-${side}`).toggleAttribute("disabled", false);
      $(`choose-${side}`).addEventListener("click", (event) => take(side, event), { signal: stop.signal });
    }
    document.addEventListener("keydown", (event) => {
      const side = KEYS[event.key.toLowerCase()];
      if (side && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey) take(side, event);
    }, { signal: stop.signal });
  });
}

const show = (state) => { $("stage").dataset.state = state; };

/** One trial, from the cross to the answer. */
async function run(number, images) {
  const [left, right, nominal] = trials[number];
  show("cross");
  prepare(images);
  hidden = document.hidden;
  const period = median(await wait(FIXATION)), start = await frame();
  show("shown");
  let end = start;
  if (nominal) {
    do end = await frame(); while (!isOver(end - start, nominal, period));
    show("mask");
  }
  const chosen = choice(); // An answer counts from here on.
  say(`Pair ${number + 1} of ${trials.length}. Left or right?`);
  if (nominal) {
    await wait(MASK);
    show("asked");
  }
  const { side, time } = await chosen;
  if (!nominal) show("asked"); // Nothing stays while the next ones may still be on their way.
  const answered = Math.max(0, time - end); // An event may be a little older than the frame that it came in.
  return {
    study: study.study, page: link.page, participant: link.participant, trial: number,
    left: study.pictures[left], right: study.pictures[right], nominal_ms: nominal,
    shown_ms: nominal ? end - start : answered, frame_ms: period, choice: side, rt_ms: answered,
    hidden_tab: Number(hidden), width: innerWidth, height: innerHeight, dpr: devicePixelRatio,
    browser: browserName(navigator.userAgent), utc: new Date().toISOString().slice(0, 19) + "Z",
  };
}

/** All trials that are left. */
async function runAll() {
  view("task");
  let next = load(trials[rows.length]);
  while (rows.length < trials.length) {
    progress();
    const images = await next, after = trials[rows.length + 1];
    if (after) (next = load(after)).catch(() => {}); // It is told when it is waited for.
    const row = await run(rows.length, images);
    // Nothing that another tab kept meanwhile is written over.
    if (kept(place, []).length > rows.length) return fail("You went on in another tab or window. Close this one.");
    rows.push(row);
    keep(place, rows);
  }
  finish();
}

/** What a screen reader says. */
const say = (text) => { $("status").textContent = text; };

function progress() {
  const bar = /** @type {HTMLProgressElement} */ ($("bar"));
  [bar.value, bar.max] = [rows.length, trials.length];
  $("count").textContent = `${rows.length + 1} of ${trials.length}`;
}

/** Shows one part of the page. */
function view(name) {
  for (const one of ["intro", "task", "end", "fault"]) $(one).hidden = one !== name;
  const head = $(name).querySelector("h1, h2");
  if (head) /** @type {HTMLElement} */ (head).focus();
}

function fail(text) {
  $("fault-text").textContent = text;
  view("fault");
}

/** The answers, the code, and the way back to where the participant came from. */
function finish() {
  const csv = csvOf(rows), code = completionCode(csv);
  const box = /** @type {HTMLTextAreaElement} */ ($("csv"));
  box.value = csv;
  $("code").textContent = code;
  const file = /** @type {HTMLAnchorElement} */ ($("download"));
  file.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  file.download = `study-${study.study}-page-${link.page}-${link.participant}.csv`;
  $("copy").onclick = () => {
    box.select();
    const done = document.execCommand("copy"); // On pages by plain http there is no other way.
    $("copied").textContent = done ? "Copied." : "Press Ctrl+C, or Cmd+C, to copy.";
  };
  if (link.submitTo && link.assignment) {
    const form = /** @type {HTMLFormElement} */ ($("turk"));
    form.action = link.submitTo;
    const values = { assignmentId: link.assignment, csv, code };
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    form.hidden = false;
  }
  if (link.done) /** @type {HTMLAnchorElement} */ ($("prolific")).href = link.done;
  $("prolific").hidden = !link.done;
  $("by-hand").hidden = !$("turk").hidden;
  $("another").hidden = link.participant !== kept(OWN, "");
  $("another").onclick = () => {
    keep(OWN, newId());
    location.reload();
  };
  view("end");
}

/** Start is possible with consent, in a window that is wide enough, once the task was accepted. */
function ready() {
  const least = 2 * study.width + 80, narrow = innerWidth < least;
  $("narrow").hidden = !narrow;
  $("narrow").textContent = `This window is ${innerWidth} pixels wide. The pictures need ${least}: enlarge it, `
    + "or use a larger screen.";
  $("preview").hidden = !link.preview;
  const agreed = /** @type {HTMLInputElement} */ ($("agree")).checked;
  $("start").toggleAttribute("disabled", narrow || link.preview || !agreed);
}

function main() {
  if (link.fault) return fail(link.fault);
  document.documentElement.style.setProperty("--width", `${study.width}px`);
  document.addEventListener("visibilitychange", () => { hidden ||= document.hidden; });
  const minutes = minutesOf(trials.map((trial) => trial[2]));
  $("amount").textContent = `${trials.length} pairs, about ${minutes === 1 ? "a minute" : `${minutes} minutes`}`;
  if (rows.length) $("start").textContent = `Continue at ${rows.length + 1} of ${trials.length}`;
  addEventListener("resize", ready);
  $("agree").addEventListener("change", ready);
  $("start").addEventListener("click", () => runAll().catch(() => fail(
    "A picture could not be loaded. Look whether you are online, then reload this page: your answers are kept.",
  )));
  if (rows.length >= trials.length) finish();
  else ready();
}

main();
