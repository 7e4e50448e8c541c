// The list of messages: search, states, pages.

import { call } from "./connection.js";
import { arrange, button, copyButton, element } from "./dom.js";
import { count, splitUrl } from "./format.js";
import { stateMark, statusMark, tags, timeMark } from "./marks.js";
import { KINDS, deadLetterOf, lastResult, messages, now, standing } from "./messages.js";
import { notify } from "./notices.js";

const ROWS_ON_A_PAGE = 100;

const search = element("input", {
  type: "search",
  id: "search",
  placeholder: "Search URL, label, id, status:503, in:text …",
  "aria-label": "Search messages",
  autocomplete: "off",
  spellcheck: "false",
  oninput: () => choose({}),
});
const kinds = element("div", { class: "kinds", role: "group", "aria-label": "States" });
const rows = element("ol", { class: "rows", "aria-label": "Messages", onkeydown: move });
const pages = element("nav", { class: "pages", "aria-label": "Pages" });
const nothing = element("div", { class: "nothing" });
export const list = element("section", { class: "list", "aria-label": "Messages" },
  element("div", { class: "tools" }, search, kinds), nothing, rows, pages);

const chosen = { kind: "all", page: 0, message: undefined };

function choose(change) {
  Object.assign(chosen, { page: 0 }, change);
  drawList();
  list.scrollTop = 0;
}

export function searchFor(words) {
  search.value = words;
  choose({ kind: "all" });
}

export function focusSearch() {
  search.focus();
}

// Marks the message that is shown beside the list.
export function markMessage(id) {
  chosen.message = id;
  drawList();
}

// A word is looked for in what the feed tells; one that begins with "in:" in headers, bodies and answers, by the server.
function holds(message, word) {
  if (!word.startsWith("in:")) return message.words.includes(word);
  return word === "in:" || inside(word.slice(3)).has(message.id);
}

const searched = new Map();

// The messages that hold a text, as far as is known yet.
function inside(text) {
  if (!searched.has(text)) {
    searched.clear();
    searched.set(text, new Set());
    lookInside(text);
  }
  return searched.get(text);
}

async function lookInside(text) {
  try {
    const { messageIds } = await call("GET", `/dev/search?text=${encodeURIComponent(text)}`);
    if (!searched.has(text)) return;
    searched.set(text, new Set(messageIds));
    drawList();
  } catch (error) {
    notify(error.message, "problem");
  }
}

// Draws what has changed.
export function drawList() {
  const time = now();
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const counts = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));
  const matching = [];
  for (const message of messages.values()) {
    if (!words.every((word) => holds(message, word))) continue;
    const state = standing(message, time);
    counts[state.kind] += 1;
    if (chosen.kind === "all" || chosen.kind === state.kind) matching.push([message, state]);
  }
  matching.reverse();
  drawKinds(counts);
  drawPages(matching.length);
  const first = chosen.page * ROWS_ON_A_PAGE;
  arrange(rows, matching.slice(first, first + ROWS_ON_A_PAGE).map(([message, state]) => row(message, state)));
  drawNothing(matching.length);
}

const kindButtons = new Map();
for (const [kind, text] of [["all", "All"], ...Object.entries(KINDS)]) {
  const number = element("span", { class: "number" });
  const node = button("", () => choose({ kind }), { class: `kind ${kind}` });
  node.append(text, " ", number);
  kinds.append(node);
  kindButtons.set(kind, { node, number });
}

function drawKinds(counts) {
  const all = Object.values(counts).reduce((sum, one) => sum + one, 0);
  for (const [kind, { node, number }] of kindButtons) {
    const here = kind === "all" ? all : counts[kind];
    node.setAttribute("aria-pressed", kind === chosen.kind);
    node.classList.toggle("empty", here === 0);
    number.textContent = count(here);
  }
}

const range = element("span");
const newer = button("Newer", () => choose({ page: chosen.page - 1 }));
const older = button("Older", () => choose({ page: chosen.page + 1 }));
pages.append(newer, range, older);

function drawPages(length) {
  const last = Math.max(0, Math.ceil(length / ROWS_ON_A_PAGE) - 1);
  chosen.page = Math.min(chosen.page, last);
  const first = chosen.page * ROWS_ON_A_PAGE;
  pages.hidden = last === 0;
  range.textContent = `${count(first + 1)} to ${count(Math.min(first + ROWS_ON_A_PAGE, length))} of ${count(length)}`;
  newer.disabled = chosen.page === 0;
  older.disabled = chosen.page === last;
}

// A row stays the same element for as long as it shows the same.
function row(message, state) {
  const shows = [state.kind, state.at, message.entries.length, deadLetterOf(message.id), chosen.message === message.id].join();
  if (message.row?.shows !== shows) message.row = { shows, node: newRow(message, state, message.row?.node) };
  return message.row.node;
}

function newRow(message, state, old) {
  const line = message.shown;
  const [origin, path] = splitUrl(line.url);
  const result = lastResult(message);
  const parts = [
    element("span", { class: "cell standing" }, stateMark(state)),
    element("span", { class: "cell method" }, line.method),
    element("a", {
      class: "cell url",
      href: `#/messages/${encodeURIComponent(message.id)}`,
      title: line.url,
      "aria-current": chosen.message === message.id && "true",
    }, element("span", { class: "origin" }, origin), path),
    element("span", { class: "cell tags" }, tags(line, searchFor)),
    element("span", { class: "cell result" }, result ? statusMark(result) : undefined),
    element("span", { class: "cell attempts", title: "attempts so far, and how many there may be" },
      message.attempts > 0 ? `${message.attempts}/${line.maxRetries + 1}` : ""),
    element("span", { class: "cell time" }, timeMark(state.kind === "scheduled" ? state.at : line.time)),
  ];
  if (!old) return element("li", { class: "row", data: { id: message.id } }, parts);
  // The keyboard stays where it is.
  const hasFocus = old.contains(document.activeElement);
  old.replaceChildren(...parts);
  if (hasFocus) old.querySelector("a").focus({ preventScroll: true });
  return old;
}

function move(event) {
  const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
  const here = event.target.closest(".row");
  if (!step || !here || event.ctrlKey || event.metaKey || event.altKey) return;
  const next = step > 0 ? here.nextElementSibling : here.previousElementSibling;
  next?.querySelector("a").focus();
  event.preventDefault();
}

function drawNothing(length) {
  const wanted = length > 0 ? "none" : messages.size === 0 ? "first" : "filtered";
  if (nothing.dataset.shows === wanted) return;
  nothing.dataset.shows = wanted;
  nothing.hidden = wanted === "none";
  if (wanted === "first") nothing.replaceChildren(...firstSteps());
  if (wanted === "filtered") {
    nothing.replaceChildren(element("p", {}, "No message matches."), button("Show all", () => searchFor("")));
  }
}

// How to publish the first message.
function firstSteps() {
  const publish = [
    `curl -X POST ${location.origin}/v2/publish/${location.origin}/echo`,
    `-H "Authorization: Bearer $QSTASH_TOKEN"`,
    `-H "Content-Type: application/json"`,
    `-d '{"hello": "world"}'`,
  ].join(" \\\n  ");
  return [
    element("h2", {}, "No messages yet"),
    element("p", {}, element("a", { class: "link", href: "#/publish" }, "Publish the first one"), " here, or from a terminal: ",
      element("code", {}, "QSTASH_TOKEN"), " is among the lines that the program printed when it started."),
    element("div", { class: "code" }, element("pre", { id: "first-publish" }, publish), copyButton(publish)),
    element("p", { class: "hint" }, "The destination ", element("code", {}, "/echo"), " is this server. With ",
      element("code", {}, "/echo?status=503"), " and the header ", element("code", {}, "Upstash-Retries: 0"), " the message becomes a dead letter at once."),
  ];
}
