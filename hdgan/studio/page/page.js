// The page of the server: calls by fetch, the token out of the address.

import { mount } from "./editor.js";

const KEY = "hdgan-token";
// Bytes above which a request is compressed.
const PACKED = 2 ** 20;

/** A refusal of this page's own, in the form of the server's. */
function refusal(code, message, hint = "") {
  return { code, message, field: "", hint };
}

const OFFLINE = () => refusal(
  "offline", "The studio does not answer.", "See whether it still runs; your work is kept here.",
);

/** What the tab remembers; in some windows browsers keep nothing. */
function remembered() {
  try {
    return sessionStorage.getItem(KEY) || "";
  } catch {
    return "";
  }
}

/** Remembers it until the tab is closed. @param {string} token */
function remember(token) {
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // Then until the page is left.
  }
}

/** The token in an address, or ''. @param {string} hash */
function tokenIn(hash) {
  return new URLSearchParams(hash.replace(/^#/, "")).get("token") || "";
}

/** Knows the token, tells the other tabs of this address of a new one. */
class Token {
  constructor() {
    this.value = remembered();
    /** Called when another one has come. */
    this.onNew = () => {};
    this.tabs = typeof BroadcastChannel === "function" ? new BroadcastChannel(KEY) : null;
    this.tabs?.addEventListener("message", (event) => this.take(event.data));
    window.addEventListener("hashchange", () => this.fromAddress());
    this.fromAddress();
  }

  /** Takes the token out of the address, where it would be seen and copied. */
  fromAddress() {
    const given = tokenIn(location.hash);
    if (!given) return;
    history.replaceState(null, "", location.pathname + location.search);
    this.tell(given);
  }

  /** @param {string} token that a person gave */
  tell(token) {
    this.tabs?.postMessage(token);
    this.take(token);
  }

  take(token) {
    if (typeof token !== "string" || token === this.value) return;
    this.value = token;
    remember(token);
    this.onNew();
  }
}

/** Compresses a large body, where the browser can. @param {BodyInit} body */
async function packed(body) {
  if (body.byteLength <= PACKED || typeof CompressionStream !== "function") return null;
  const stream = new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** Why an answer is none, as it came or as a proxy in between has it. */
async function refused(answer) {
  const said = await answer.json().catch(() => null);
  if (said && said.code && said.message) return { ...refusal("", ""), ...said };
  if ([502, 503, 504].includes(answer.status)) return OFFLINE();
  return refusal("http", `The studio's address answered ${answer.status}.`,
    "See what stands between this page and the studio.");
}

const version = document.querySelector("meta[name=version]").content;
const token = new Token();

/**
 * Sends one frame and gives the answer's bytes.
 * @param {string} name of the call
 * @param {ArrayBuffer} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<ArrayBuffer>}
 * @throws {{code: string, message: string, field: string, hint: string}} of the server, or of
 *   code aborted, offline, http
 */
async function send(name, body, signal) {
  const headers = {
    "X-Token": token.value, "X-Page": version, "Content-Type": "application/octet-stream",
  };
  try {
    const small = await packed(body);
    if (small) headers["Content-Encoding"] = "gzip";
    const answer = await fetch(`api/${name}`, {
      method: "POST", body: small || body, signal, headers,
    });
    if (!answer.ok) throw await refused(answer);
    const kind = answer.headers.get("Content-Type") || "";
    if (kind.startsWith("application/octet-stream")) return await answer.arrayBuffer();
    throw refusal("http", "What answers at this address is not the studio.",
      "Log in again where that is needed, then reload the page.");
  } catch (error) {
    if (signal?.aborted) throw refusal("aborted", "Cancelled.");
    throw error.code && error.message && "hint" in error ? error : OFFLINE();
  }
}

/**
 * Takes the address that the studio printed at its last start, or its token alone.
 * @param {string} text
 * @returns {boolean} whether there was one in it
 */
send.connect = (text) => {
  const link = text.match(/https?:\/\/\S+/);
  const address = link && URL.canParse(link[0]) ? new URL(link[0]) : null;
  const given = address ? tokenIn(address.hash) : text.trim();
  if (!/^[\w-]{16,}$/.test(given)) return false;
  // Behind a proxy the printed address is not this page's, but of the same studio.
  if (address && address.hostname === location.hostname && address.port !== location.port) {
    location.href = address;
  } else {
    token.tell(given);
  }
  return true;
};

const app = mount(document.querySelector(".hdgan-studio"), send);
app.on("meta", () => {
  document.title = `${app.meta.run} – hdgan studio`;
});
token.onNew = () => app.emit("render");
