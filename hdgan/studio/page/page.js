// The page of the server: calls by fetch, the token out of the address.

import { mount } from "./editor.js";

const KEY = "hdgan-token";

/** The token of this start: from the address once, then from the tab. */
function takeToken() {
  const address = new URL(location.href);
  const given = address.searchParams.get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
  return sessionStorage.getItem(KEY) || "";
}

const token = takeToken();

/**
 * Sends one frame and gives the answer's bytes.
 * @param {string} name of the call
 * @param {ArrayBuffer} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<ArrayBuffer>}
 * @throws {{code: string, message: string, field: string, hint: string}}
 */
async function send(name, body, signal) {
  let answer;
  try {
    answer = await fetch(`api/${name}`, {
      method: "POST", body, signal,
      headers: { "X-Token": token, "Content-Type": "application/octet-stream" },
    });
  } catch (error) {
    if (signal && signal.aborted) throw { code: "aborted", message: "cancelled", field: "", hint: "" };
    throw { code: "offline", message: "The server does not answer.", field: "", hint: "" };
  }
  if (answer.ok) return answer.arrayBuffer();
  throw await answer.json().catch(() => ({
    code: "http", message: `The server answered ${answer.status}.`, field: "", hint: "",
  }));
}

mount(document.querySelector(".hdgan-studio"), send);
