// The page: where the reader is, and what is drawn when.

import { askForToken } from "./ask.js";
import { bringsToken, hasToken } from "./connection.js";
import { concernsDetail, deadLettersChanged, detail, refreshDetail, showMessage } from "./detail.js";
import { controlView, drawClock, refreshControl } from "./control.js";
import { arrange, element } from "./dom.js";
import { count, span } from "./format.js";
import { drawList, focusSearch, list, markMessage, searchFor } from "./list.js";
import { follow, isLive, setState } from "./live.js";
import { tick } from "./marks.js";
import { clockIsAhead, forgetAll, messages, now, setClock, setDeadLetters, take } from "./messages.js";
import { afterAct, notify } from "./notices.js";
import { publishView } from "./publish.js";
import { TITLES, refreshSection, sectionView } from "./sections.js";

const view = document.getElementById("view");
const clock = document.getElementById("clock");

const tabs = new Map();
for (const [name, title] of [["messages", "Messages"], ["publish", "Publish"], ...Object.entries(TITLES), ["control", "Control"]]) {
  const badge = element("span", { class: "badge", hidden: true });
  const link = element("a", { href: `#/${name}` }, title, badge);
  document.getElementById("tabs").append(link);
  tabs.set(name, { link, badge });
}

let place = "messages";

function go() {
  const [path, words] = location.hash.replace(/^#\//, "").split("?");
  const [name, id] = path.split("/").map(decoded);
  place = tabs.has(name) ? name : "messages";
  for (const [name, { link }] of tabs) {
    if (name === place) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const message = place === "messages" && id ? id : undefined;
  view.classList.toggle("split", message !== undefined);
  markMessage(message);
  if (place === "publish") arrange(view, [publishView]);
  else if (place === "control") arrange(view, [controlView]);
  else if (place !== "messages") arrange(view, [sectionView(place)]);
  else arrange(view, message ? [list, detail] : [list]);
  if (words !== undefined) {
    searchFor(decoded(words));
    history.replaceState(null, "", `#/${path}`);
  }
  guarded(() => showMessage(message));
  guarded(refresh);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

let drawing = false;

// Draws soon: once for everything that comes in at about the same time.
function drawSoon() {
  if (drawing || asking) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    draw();
  }, 50);
}

function draw() {
  if (place === "messages") drawList();
  tabs.get("messages").badge.textContent = count(messages.size);
  tabs.get("messages").badge.hidden = messages.size === 0;
  const ahead = clockIsAhead();
  clock.hidden = Math.abs(ahead) < 2000;
  clock.textContent = `clock ${span(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}`;
  if (place === "control") drawClock();
}

// What the feed does not tell is read anew, from time to time and when something has happened.
async function refresh() {
  const readAt = now();
  const letters = await refreshSection("dead");
  setDeadLetters(letters, readAt);
  deadLettersChanged();
  const { badge } = tabs.get("dead");
  badge.textContent = count(letters.messages.length) + (letters.cursor === undefined ? "" : "+");
  badge.hidden = letters.messages.length === 0;
  badge.classList.add("alarm");
  if (place === "control") await refreshControl();
  else if (!["messages", "publish", "dead"].includes(place)) await refreshSection(place);
  drawSoon();
}

// At most one refresh runs at a time, and one more if something happened meanwhile.
function once(work) {
  let running = false;
  let again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await guarded(work);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    running = false;
  };
}

const refreshSoon = once(refresh);
const refreshDetailSoon = once(refreshDetail);

setInterval(() => {
  tick();
  drawSoon();
}, 1000);
setInterval(() => {
  if (!document.hidden && isLive()) refreshSoon();
}, 2000);

function hand(lines) {
  let isPast = false;
  let failed = false;
  for (const line of lines) {
    if (line.past !== undefined) {
      forgetAll();
      isPast = true;
    }
    if (line.now !== undefined) setClock(line.now);
    else {
      // Time may be skipped while things happen.
      if (line.time > now() + 1000) setClock(line.time);
      take(line);
      failed ||= line.state === "FAILED";
      if (concernsDetail(line)) refreshDetailSoon();
    }
  }
  if (isPast) refreshDetailSoon();
  if (isPast || failed || place !== "messages") refreshSoon();
  drawSoon();
}

afterAct(() => {
  refreshSoon();
  refreshDetailSoon();
});

async function guarded(work) {
  try {
    await work();
  } catch (error) {
    // That the connection is lost, or the token wrong, is told where the feed is read.
    if (error.name !== "Unauthorized" && !(error instanceof TypeError)) notify(error.message, "problem");
  }
}

let asking = false;

async function ask(problem) {
  asking = true;
  await askForToken(view, problem);
  asking = false;
  go();
}

document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input, textarea, select");
  if (event.key === "Escape" && view.classList.contains("split")) {
    const link = list.querySelector("[aria-current]");
    location.hash = "#/messages";
    (link ?? list).focus();
  } else if (event.key === "/" && !writes && place === "messages") {
    event.preventDefault();
    focusSearch();
  }
});

window.addEventListener("hashchange", () => {
  if (bringsToken()) location.reload();
  else if (!asking) go();
});

async function start() {
  if (hasToken()) go();
  else {
    setState("asking");
    await ask();
    setState("connecting");
  }
  follow(hand, ask);
}

start();
