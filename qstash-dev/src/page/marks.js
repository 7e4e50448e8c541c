// The small things that many places show: states, times, labels.

import { element } from "./dom.js";
import { ago, clock, date, span } from "./format.js";
import { KINDS, now } from "./messages.js";

// The state of a message. That of a retry counts down.
export function stateMark({ kind, at }) {
  const node = element("span", { class: `state ${kind}` });
  if (kind === "retry") wordOften(node, (time) => (at > time ? `Retry in ${span(at - time)}` : "Retry is due"));
  else node.textContent = KINDS[kind];
  return node;
}

// A point in time, relative to now.
export function timeMark(at) {
  const node = element("time", { datetime: new Date(at).toISOString(), title: date(at) });
  return wordOften(node, (time) => ago(at, time));
}

// A point in time of the day.
export function clockMark(at) {
  return element("time", { datetime: new Date(at).toISOString(), title: date(at) }, clock(at, now()));
}

const wordings = new WeakMap();

function wordOften(node, wording) {
  wordings.set(node, wording);
  node.classList.add("ticks");
  node.textContent = wording(now());
  return node;
}

// Words anew what changes as time passes.
export function tick() {
  const time = now();
  for (const node of document.getElementsByClassName("ticks")) {
    const text = wordings.get(node)(time);
    if (node.textContent !== text) node.textContent = text;
  }
}

export function statusMark(status) {
  if (!status) return element("span", { class: "status none" }, "no answer");
  return element("span", { class: `status s${Math.floor(status / 100)}`, title: "status of the response" }, String(status));
}

// What groups messages: labels, queue, schedule, URL group. A click searches for it.
export function tags(message, search) {
  const named = [
    message.callbackOf && ["callback", "is:callback"],
    ...(message.labels ?? []).map((label) => [label, `label:${label}`]),
    message.queueName && [`queue ${message.queueName}`, `queue:${message.queueName}`],
    message.scheduleId && ["schedule", `schedule:${message.scheduleId}`],
    message.topicName && [`group ${message.topicName}`, `group:${message.topicName}`],
    message.flowControlKey && [`flow ${message.flowControlKey}`, `flow:${message.flowControlKey}`],
  ];
  return named.filter(Boolean).map(([text, words]) =>
    element("button", { type: "button", class: "tag", title: `search for ${words}`, onclick: () => search(words) }, text),
  );
}
