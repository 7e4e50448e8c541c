// Follows the feed, and shows whether the connection stands.

import { listen } from "./connection.js";
import { notify } from "./notices.js";

const TEXTS = {
  asking: "waiting for a token",
  connecting: "connecting",
  live: "live",
  lost: "connection lost, trying again",
};
const PAUSE = 500;

const mark = document.getElementById("connection");
let state = "connecting";
let following = new AbortController();

export function setState(next) {
  if (state === "lost" && next === "live") notify("Connected again.");
  state = next;
  mark.className = `connection ${state}`;
  mark.textContent = TEXTS[state];
}

export function isLive() {
  return state === "live";
}

// Hands on the lines of the feed for as long as the page is looked at. Whenever the feed begins, it tells the past again.
export async function follow(hand, askForToken) {
  for (;;) {
    following = new AbortController();
    try {
      await listen(following.signal, (lines) => {
        if (!isLive()) setState("live");
        hand(lines);
      });
      setState("lost");
    } catch (error) {
      if (error.name === "Unauthorized") {
        setState("asking");
        await askForToken(error.message);
        setState("connecting");
      }
      else if (!following.signal.aborted) setState("lost");
    }
    // Browsers keep few connections to one server, and pages that nobody looks at would hold them.
    if (document.hidden) await becomesVisible();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) following.abort();
});

function becomesVisible() {
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}
