// What a participant's link says and what they send: nothing here needs a page.

/** The columns of the CSV; hdgan's plan.py has the same. */
const COLUMNS = [
  "study", "page", "participant", "trial", "left", "right", "nominal_ms", "shown_ms", "frame_ms", "choice",
  "rt_ms", "hidden_tab", "width", "height", "dpr", "browser", "utc",
];

/**
 * What the address of the page says, of MTurk, Prolific or a plain link.
 * @param {string} search the part from "?" on
 * @param {number} pages how many the study has
 * @param {() => string} draw gives an id to who has none
 * @returns {{page: number, participant: string, preview: boolean, assignment: string, submitTo: string,
 *   done: string, fault: string}} submitTo: where MTurk wants the answers; done: Prolific's link back
 */
function readLink(search, pages, draw) {
  const query = new URLSearchParams(search);
  const given = query.get("workerId") || query.get("PROLIFIC_PID") || query.get("participant") || "";
  const participant = given.replace(/[^\w.-]/g, "").slice(0, 64) || draw();
  const named = query.get("page"), page = named === null ? pageOf(participant, pages) : Number(named);
  const known = Number.isInteger(page) && page >= 0 && page < pages && named !== "";
  const assignment = query.get("assignmentId") || "", code = query.get("cc") || "";
  return {
    page, participant, assignment,
    preview: assignment === "ASSIGNMENT_ID_NOT_AVAILABLE",
    submitTo: submitAddress(query.get("turkSubmitTo") || ""),
    done: /^\w{1,32}$/.test(code) ? `https://app.prolific.com/submissions/complete?cc=${code}` : "",
    fault: known ? "" : `This link asks for page ${named}; there are pages 0 to ${pages - 1}.`,
  };
}

/** The page of a participant whose link names none: always the same. */
function pageOf(participant, pages) {
  return parseInt(sha256(participant).slice(0, 8), 16) % pages;
}

/** Where answers go on MTurk; "" for any other host, which would get them too. */
function submitAddress(text) {
  try {
    const url = new URL(text);
    const own = url.protocol === "https:" && /(^|\.)mturk\.com$/.test(url.hostname);
    return own ? `${url.origin}/mturk/externalSubmit` : "";
  } catch {
    return "";
  }
}

/**
 * Answers as CSV, a line each.
 * @param {Object<string, string|number>[]} rows with all of COLUMNS
 */
function csvOf(rows) {
  const lines = rows.map((row) => COLUMNS.map((name) => field(row[name])).join(","));
  return [COLUMNS.join(","), ...lines].join("\n") + "\n";
}

/** A number with one decimal at most, or a text without what CSV would have to quote. */
function field(value) {
  if (typeof value === "number") return String(Math.round(value * 10) / 10);
  return String(value).replace(/[",\r\n]/g, " ");
}

/** What proves that a page was done: it belongs to exactly these answers. */
function completionCode(csv) {
  return sha256(csv).slice(0, 8).toUpperCase();
}

/** Name and version of a browser, and no more of what it says of itself. */
function browserName(agent) {
  const found = agent.match(/(Firefox|Edg|OPR|Chrome)\/(\d+)/) || agent.match(/(Version)\/(\d+).*Safari/);
  const newer = agent.match(/(Edg|OPR)\/(\d+)/) || found;
  return newer ? `${newer[1] === "Version" ? "Safari" : newer[1]}/${newer[2]}` : "other";
}

/** The middle of some numbers; 0 of none. */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b), half = sorted.length >> 1;
  if (!sorted.length) return 0;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/**
 * Whether pictures are to go in this frame: no later one is nearer to their time.
 * @param {number} elapsed milliseconds since the frame in which they came
 * @param {number} nominal for which they are to be there
 * @param {number} frame of the screen
 */
function isOver(elapsed, nominal, frame) {
  return elapsed >= nominal - frame / 2;
}

/** Minutes that trials of some times take: three seconds each besides, and two to look where time is unlimited. */
function minutesOf(times) {
  const seconds = times.reduce((sum, ms) => sum + (ms ? ms / 1000 : 2) + 3, 0);
  return Math.max(1, Math.round(seconds / 60));
}

/**
 * SHA-256 (FIPS 180-4) of a text in UTF-8. Browsers have it too, but not on pages that came by plain http.
 * @param {string} text
 * @returns {string} 64 hexadecimal digits
 */
function sha256(text) {
  const bytes = new TextEncoder().encode(text), length = bytes.length;
  const data = new DataView(new ArrayBuffer(((length + 72) >> 6) << 6));
  bytes.forEach((byte, i) => data.setUint8(i, byte));
  data.setUint8(length, 0x80);
  data.setUint32(data.byteLength - 8, Math.floor(length / 2 ** 29));
  data.setUint32(data.byteLength - 4, length << 3);
  const state = ROOTS.slice(0, 8).map((x) => fraction(Math.sqrt(x)));
  const constants = ROOTS.map((x) => fraction(Math.cbrt(x)));
  for (let at = 0; at < data.byteLength; at += 64) mix(state, constants, data, at);
  return state.map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** The first 64 primes, of whose roots its constants are the fractions. */
const ROOTS = [];
for (let n = 2; ROOTS.length < 64; n++) if (ROOTS.every((p) => n % p)) ROOTS.push(n);

const fraction = (x) => Math.floor((x - Math.floor(x)) * 2 ** 32) | 0;
const turn = (x, n) => (x >>> n) | (x << (32 - n));

/** One block of SHA-256. */
function mix(state, constants, data, at) {
  const w = [];
  for (let i = 0; i < 64; i++) {
    if (i < 16) w.push(data.getInt32(at + 4 * i));
    else {
      const a = w[i - 15], b = w[i - 2];
      const low = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3), high = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
      w.push((w[i - 16] + low + w[i - 7] + high) | 0);
    }
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + w[i]) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] = (state[i] + word) | 0; });
}
