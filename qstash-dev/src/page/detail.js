// One message: how it stands, its attempts, its request, its callbacks.

import { bodyOf, bodyView, bytesOf, textOf } from "./body.js";
import { call } from "./connection.js";
import { asCall, asCurl, asRust } from "./copy.js";
import { button, carefulButton, copyButton, element } from "./dom.js";
import { span, took } from "./format.js";
import { searchFor } from "./list.js";
import { clockMark, stateMark, statusMark, tags, timeMark } from "./marks.js";
import { deadLetterOf, messages, now, standing } from "./messages.js";
import { act } from "./notices.js";
import { timeline } from "./timeline.js";

export const detail = element("aside", { class: "detail", "aria-label": "Message", tabindex: "-1" });

let shown;
let story;
let letter;
// What the reader has opened stays open when the message moves on.
const opened = new Set();

// Shows a message, or none.
export async function showMessage(id) {
  if (id !== shown) {
    shown = id;
    story = undefined;
    opened.clear();
    detail.replaceChildren();
    detail.scrollTop = 0;
  }
  await refreshDetail();
}

// Whether a line of the feed is about the message that is shown, or about one of its callbacks.
export function concernsDetail(line) {
  return shown !== undefined && (line.messageId === shown || line.callbackOf === shown);
}

export async function refreshDetail() {
  const id = shown;
  if (id === undefined) return;
  try {
    const latest = await call("GET", `/dev/messages/${encodeURIComponent(id)}`);
    if (id === shown) story = latest;
  } catch (error) {
    if (id === shown && !story) detail.replaceChildren(close(), element("p", { class: "soft" }, error.message));
    if (error.name === "Unauthorized") throw error;
  }
  if (id === shown && story) drawDetail();
}

// A message that becomes a dead letter, or ceases to be one, has other buttons.
export function deadLettersChanged() {
  if (story && deadLetterOf(shown) !== letter) drawDetail();
}

function drawDetail() {
  letter = deadLetterOf(shown);
  const focused = detail.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  const isAsking = detail.querySelector(".asking") !== null;
  const { message } = story;
  detail.replaceChildren(
    head(message),
    facts(message),
    timelineOf(message),
    attempts(),
    callbacks(message),
    report(message),
    section("Request", headers(message.header, "request headers"), bodyView(bodyOf(message, "body"), "Body")),
  );
  const again = focused && detail.querySelector(`[data-focus="${CSS.escape(focused)}"]`);
  again?.focus();
  // The button asks once more.
  if (isAsking) again?.click();
}

function close() {
  return element("a", { class: "close", href: "#/messages", "aria-label": "Close", data: { focus: "close" } }, "Close");
}

function head(message) {
  const id = message.messageId;
  const known = messages.get(id);
  const state = known && standing(known, now());
  const pending = state && ["scheduled", "waiting", "active", "retry"].includes(state.kind);
  const path = encodeURIComponent(letter ?? id);
  return element("header", { class: "head" },
    element("div", { class: "line" }, state ? stateMark(state) : undefined, element("span", { class: "gap" }),
      state && ["scheduled", "retry"].includes(state.kind) &&
        button("Deliver now", () => act("It is attempted now", "POST", `/dev/messages/${encodeURIComponent(id)}/deliver`), { data: { focus: "deliver" } }),
      state && !pending && !letter && button("Replay", () => act("Published once more", "POST", ...asCall(message)), { data: { focus: "replay" } }),
      pending && carefulButton("Cancel", "Really cancel?", () => act("Cancelled", "DELETE", `/v2/messages/${path}`), { data: { focus: "cancel" } }),
      letter && button("Retry", () => act("Published once more", "POST", `/v2/dlq/retry/${path}`), { class: "main", data: { focus: "retry" } }),
      letter && carefulButton("Delete", "Really delete?", () => act("Deleted", "DELETE", `/v2/dlq/${path}`), { data: { focus: "delete" } }),
      close()),
    element("h2", {}, element("span", { class: "method" }, message.method), " ", element("span", { class: "mono" }, message.url)),
    element("div", { class: "line soft" }, element("span", { class: "mono id" }, id), copyButton(id), element("span", { class: "gap" }),
      copyButton(() => asCurl(message), { data: { focus: "curl" } }, "Copy as curl"), copyButton(() => asRust(message), { data: { focus: "rust" } }, "Copy as Rust")));
}

function timelineOf(message) {
  const drawn = timeline(message, story.events, now());
  return drawn ? section("Timeline", drawn) : "";
}

function facts(message) {
  const known = messages.get(message.messageId);
  const delayed = message.notBefore > message.createdAt + 500;
  const limits = [
    message.parallelism && `parallelism ${message.parallelism}`,
    message.rate && `${message.rate} per ${span(message.period * 1000)}`,
  ].filter(Boolean).join(", ");
  const all = [
    ["Created", [clockMark(message.createdAt), ", ", timeMark(message.createdAt)]],
    delayed && ["First attempt", [clockMark(message.notBefore), ", ", timeMark(message.notBefore)]],
    ["Retries", `up to ${message.maxRetries}${message.retryDelayExpression ? `, after ${message.retryDelayExpression} ms` : ""}`],
    ["Timeout", span(story.timeout)],
    message.queueName && ["Queue", message.queueName],
    message.topicName && ["URL group", [message.topicName, message.endpointName].filter(Boolean).join(", ")],
    message.scheduleId && ["Schedule", message.scheduleId],
    message.flowControlKey && ["Flow control", [message.flowControlKey, limits].filter(Boolean).join(": ")],
    story.callbackOf && ["Callback of", link(story.callbackOf)],
    story.repeats && ["Retry of", link(story.repeats)],
    story.repeatedBy.length > 0 && ["Retried as", story.repeatedBy.map((id) => [link(id), " "])],
    message.callback && ["Callback", message.callback],
    message.failureCallback && ["Failure callback", message.failureCallback],
    ["Published from", message.callerIP],
    known && tags(known.shown, searchFor).length > 0 && ["Found by", element("span", { class: "tags" }, tags(known.shown, searchFor))],
  ];
  return element("dl", { class: "facts" }, all.filter(Boolean).map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function link(id) {
  return element("a", { class: "link mono", href: `#/messages/${encodeURIComponent(id)}` }, id);
}

// The attempts that the events tell of: each begins when the message becomes active, and ends with what comes next.
function attemptsOf(events) {
  const list = [];
  for (const event of events) {
    if (event.state === "ACTIVE") list.push({ start: event.time, sent: event.requestHeader });
    else if (event.state === "ERROR" || event.state === "DELIVERED") {
      if (list.length === 0 || list.at(-1).end) list.push({});
      list.at(-1).end = event;
    }
  }
  return list;
}

function attempts() {
  const list = attemptsOf(story.events);
  const rest = story.events.filter((event) => ["FAILED", "CANCEL_REQUESTED", "CANCELED"].includes(event.state));
  const outcome = { FAILED: "No attempt is left: it became a dead letter.", CANCEL_REQUESTED: "Somebody asked to cancel it.", CANCELED: "Cancelled." };
  const items = list.map((attempt, index) => attemptView(attempt, index + 1)).reverse();
  const ends = rest.map((event) => element("li", { class: "end soft" }, clockMark(event.time), " ", outcome[event.state])).reverse();
  return section("Attempts", items.length + ends.length > 0
    ? element("ol", { class: "attempts" }, ends, items)
    : element("p", { class: "soft" }, "None yet."));
}

function attemptView({ start, sent, end }, number) {
  const key = `attempt ${number}`;
  const next = end?.nextDeliveryTime;
  const summary = element("summary", { data: { focus: key } },
    element("span", { class: "number" }, `#${number}`),
    start && clockMark(start),
    end ? statusMark(end.responseStatus) : element("span", { class: "state active" }, "Active"),
    element("span", { class: "why" }, end?.error ?? (end ? "delivered" : "waits for the answer")),
    element("span", { class: "soft" }, end && start ? took(end.time - start) : ""));
  return element("li", {}, disclosure(key, summary, () => [
    next && element("p", { class: "soft" }, "Next attempt: ", clockMark(next), ", ", timeMark(next)),
    sent && [headers(sent, "headers that were sent, beside the signature")],
    end?.responseHeader
      ? [headers(end.responseHeader, "response headers"), bodyView(bytesOf(end.responseBody), "Response body")]
      : element("p", { class: "soft" }, end ? "No response came." : "No response yet."),
  ]));
}

// What is folded is made when it is opened.
function disclosure(key, summary, make) {
  const node = element("details", { open: opened.has(key) }, summary);
  const content = element("div", { class: "folded" });
  const fill = () => node.open && content.childNodes.length === 0 && content.append(...[make()].flat(2).filter(Boolean));
  node.append(content);
  node.addEventListener("toggle", () => {
    if (node.open) opened.add(key);
    else opened.delete(key);
    fill();
  });
  fill();
  return node;
}

function callbacks(message) {
  if (story.callbacks.length === 0) return "";
  return section("Callbacks", element("ol", { class: "plain" }, story.callbacks.map((id) => {
    const known = messages.get(id);
    const target = known?.shown.url;
    const kind = target === message.failureCallback && target !== message.callback ? "failure callback" : "callback";
    return element("li", { class: "line" },
      known && stateMark(standing(known, now())),
      element("span", {}, kind),
      link(id),
      known && element("span", { class: "soft" }, timeMark(known.shown.createdAt)));
  })));
}

// What a callback reports, its bodies decoded.
function report(message) {
  if (!story.callbackOf) return "";
  let parts;
  try {
    parts = JSON.parse(textOf(bodyOf(message, "body")));
  } catch {
    return "";
  }
  return section("What it reports",
    element("dl", { class: "facts" },
      element("dt", {}, "Status"), element("dd", {}, statusMark(parts.status)),
      element("dt", {}, "Attempt"), element("dd", {}, `${parts.retried + 1} of ${parts.maxRetries + 1}`),
      parts.dlqId ? [element("dt", {}, "Dead letter"), element("dd", { class: "mono" }, parts.dlqId)] : []),
    bodyView(bytesOf(parts.body ?? ""), "Response body, decoded"),
    bodyView(bytesOf(parts.sourceBody ?? ""), "Source body, decoded"));
}

function headers(map, label) {
  const all = Object.entries(map ?? {}).flatMap(([name, values]) => values.map((value) => [name, value]));
  if (all.length === 0) return element("p", { class: "soft" }, `No ${label}.`);
  return element("table", { class: "headers", "aria-label": label },
    element("tbody", {}, all.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)))));
}

function section(title, ...content) {
  return element("section", { class: "part" }, element("h3", {}, title), content);
}
