// Time, faults, and forgetting.

import { call } from "./connection.js";
import { arrange, button, carefulButton, element } from "./dom.js";
import { span } from "./format.js";
import { clockMark } from "./marks.js";
import { clockIsAhead, now } from "./messages.js";
import { act } from "./notices.js";

const SPANS = [["1 min", "1m"], ["1 h", "1h"], ["1 d", "1d"], ["30 d", "30d"]];

const FAULTS = {
  status: "the destination answers a status",
  hang: "the destination never answers",
  refuse: "the destination refuses the connection",
  "duplicated-delivery": "a delivery arrives twice",
  "overtaken-delivery": "a delivery is overtaken by the next one",
  "late-delivery": "a delivery arrives after its token has expired",
  "lost-acknowledgement": "the answer of the destination is lost",
  "rotated-keys": "the signing keys are rotated during a delivery",
  "too-many-requests": "a call of the API is answered 429",
  "internal-error": "a call of the API is answered 500",
  "lost-connection": "a call of the API is carried out, its answer is lost",
};

const advance = (text) => act(`Moved the clock by ${text}`, "POST", "/dev/clock", { advance: text });
const other = element("input", { id: "advance-by", placeholder: "2d12h", size: 8, "aria-label": "Move the clock by" });
const time = element("p", { class: "soft" });

const fault = element("select", { id: "fault" }, Object.entries(FAULTS).map(([name, text]) => element("option", { value: name }, text)));
const status = element("input", { id: "fault-status", value: "503", size: 4, inputmode: "numeric", "aria-label": "Status" });
const url = element("input", { id: "fault-url", placeholder: "any destination", "aria-label": "Only for this URL" });
const times = element("input", { id: "fault-times", value: "1", size: 3, inputmode: "numeric", "aria-label": "How often" });
const waiting = element("ul", { class: "plain", "aria-label": "Faults that are still to happen" });
fault.addEventListener("change", () => (status.hidden = fault.value !== "status"));

export const controlView = element("section", { class: "section form", "aria-label": "Control" },
  element("h2", {}, "Clock"),
  time,
  element("form", { class: "line wrap", onsubmit: moveClock },
    SPANS.map(([text, by]) => button(`+ ${text}`, () => advance(by))), other,
    element("button", { type: "submit" }, "Move")),
  element("h2", {}, "Faults"),
  element("form", { class: "line wrap", onsubmit: setFault },
    element("label", { for: "fault" }, "Next time"), fault, status, url, times, element("span", { class: "soft" }, "times"),
    element("button", { type: "submit", class: "main" }, "Set")),
  waiting,
  element("h2", {}, "Forget"),
  element("p", { class: "soft" }, "Messages, dead letters, queues, schedules, URL groups, the log and faults are forgotten, in the data folder as well, and the clock goes back to that of the machine."),
  element("p", {}, carefulButton("Forget everything", "Really forget everything?", () => act("Everything is forgotten", "POST", "/dev/reset", { confirm: "everything" }))));

function moveClock(event) {
  event.preventDefault();
  if (other.value.trim() !== "") advance(other.value.trim());
}

async function setFault(event) {
  event.preventDefault();
  const wanted = { fault: fault.value, times: Number(times.value) };
  if (fault.value === "status") wanted.status = Number(status.value);
  if (url.value.trim() !== "") wanted.url = url.value.trim();
  await act("Set", "POST", "/dev/faults", wanted);
}

export function drawClock() {
  const ahead = Math.abs(clockIsAhead()) < 2000 ? "the time of this machine" : `${span(clockIsAhead())} ahead of this machine`;
  time.replaceChildren(clockMark(now()), `, ${ahead}`);
}

export async function refreshControl() {
  drawClock();
  const { faults } = await call("GET", "/dev/faults");
  const rows = faults.map((one) => element("li", { class: "line" },
    element("span", {}, `${FAULTS[one.fault]}${one.status ? ` (${one.status})` : ""}, ${one.times === 1 ? "once" : `${one.times} times`}`),
    one.url && element("span", { class: "mono soft" }, one.url),
    button("Clear", () => act("Cleared", "DELETE", `/dev/faults/${encodeURIComponent(one.id)}`), { class: "quiet" })));
  // Only what has changed is made anew, so that the keyboard stays where it is.
  const shows = JSON.stringify(faults);
  if (waiting.dataset.shows === shows) return;
  waiting.dataset.shows = shows;
  arrange(waiting, rows.length > 0 ? rows : [element("li", { class: "soft" }, "None are set.")]);
}
