// The timeline of a message: its attempts, and the waits between them. Waits are drawn shorter than they are, so that attempts can be seen.

import { element } from "./dom.js";
import { span, took } from "./format.js";

// How wide a span is drawn, in steps from 1 to 9: with its logarithm, so that three days and three seconds fit beside each other.
function width(milliseconds) {
  return Math.min(9, 1 + Math.round(Math.log10(1 + Math.max(0, milliseconds) / 10)));
}

// The spans between what the events tell of, in order.
function spansOf(message, events) {
  const spans = [];
  let since = message.createdAt;
  let number = 0;
  for (const event of events) {
    if (event.state === "ACTIVE") {
      if (event.time > since) spans.push({ kind: "waiting", from: since, to: event.time, text: "waited" });
      number += 1;
      spans.push({ kind: "active", from: event.time, text: `attempt ${number}` });
      since = event.time;
    } else if (event.state === "ERROR" || event.state === "DELIVERED") {
      const last = spans.at(-1);
      if (last?.kind !== "active") continue;
      const delivered = event.state === "DELIVERED";
      Object.assign(last, { kind: delivered ? "delivered" : "dead", to: event.time, status: event.responseStatus });
      since = event.time;
      if (event.nextDeliveryTime) spans.next = event.nextDeliveryTime;
    }
  }
  return { spans, since };
}

export function timeline(message, events, now) {
  const { spans, since } = spansOf(message, events);
  const last = events.at(-1);
  if (last?.state === "RETRY" || last?.state === "CREATED") {
    spans.push({ kind: "waiting", from: since, to: Math.max(now, since), text: "waits" });
  }
  if (spans.length === 0) return undefined;
  return element("ol", { class: "timeline", "aria-label": "Timeline" }, spans.map((one) => {
    const lasted = (one.to ?? now) - one.from;
    const waits = one.kind === "waiting";
    const result = one.status ? `, answered ${one.status}` : one.kind === "dead" ? ", no answer" : "";
    const text = `${one.text} ${waits ? span(lasted) : took(lasted)}${result}`;
    return element("li", { class: `${one.kind} w${width(lasted)}`, title: text, "aria-label": text, tabindex: "0" }, element("span", {}, waits ? span(lasted) : `${one.text.split(" ")[1]}`));
  }));
}
