// Short notices: what came of something that the reader has done.

import { call } from "./connection.js";
import { element } from "./dom.js";

const place = document.getElementById("notices");
const SHOWN_FOR = 12_000;

export function notify(content, kind = "") {
  const notice = element("p", { class: `notice ${kind}` }, content);
  place.append(notice);
  setTimeout(() => notice.remove(), SHOWN_FOR);
}

const listeners = [];

// Calls this after each change that the reader has made.
export function afterAct(listener) {
  listeners.push(listener);
}

// Has the server do something, and says whether it did.
export async function act(success, ...request) {
  try {
    const answer = await call(...request);
    const id = answer?.messageId;
    notify([success, id && [" as ", element("a", { class: "link mono", href: `#/messages/${encodeURIComponent(id)}` }, id)]].flat().filter(Boolean));
  } catch (error) {
    notify(error.message, "problem");
  }
  for (const listener of listeners) listener();
}
