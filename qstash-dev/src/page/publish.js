// Publishing a message. The destination is one that is always there, so that the first try works.

import { element } from "./dom.js";
import { act } from "./notices.js";

export const ECHO = `${location.origin}/echo`;

// What has a header of its own: its label, the header, what it looks like.
const SETTINGS = [
  ["Delay", "Upstash-Delay", "10s"],
  ["Retries", "Upstash-Retries", "3"],
  ["Retry delay in milliseconds", "Upstash-Retry-Delay", "1000 * (1 + retried)"],
  ["Timeout", "Upstash-Timeout", "30s"],
  ["Callback", "Upstash-Callback", ECHO],
  ["Failure callback", "Upstash-Failure-Callback", ECHO],
  ["Label", "Upstash-Label", "first"],
];

const id = (name) => `publish-${name.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;

function field(name, properties) {
  const input = element(properties.rows ? "textarea" : "input", { id: id(name), autocomplete: "off", spellcheck: "false", ...properties });
  return { input, node: element("p", { class: "field" }, element("label", { for: id(name) }, name), input) };
}

const destination = field("Destination", { type: "url", required: true, value: ECHO });
const method = field("Method", { value: "POST", size: 8, required: true });
const queue = field("Queue", { placeholder: "none" });
const headers = field("Headers for the destination", { rows: 2, placeholder: "Content-Type: application/json" });
const body = field("Body", { rows: 5, placeholder: '{"hello": "world"}' });
const settings = SETTINGS.map(([name, header, example]) => ({ header, ...field(name, { placeholder: example }) }));
const problem = element("p", { class: "problem", role: "alert" });

export const publishView = element("form", { class: "section form", "aria-label": "Publish", onsubmit: publish },
  element("h2", {}, "Publish a message"),
  element("p", { class: "soft" }, "The destination ", element("code", {}, "/echo"), " is this server: it answers with the body, or as its query says, such as ",
    element("code", {}, "?status=503"), " or ", element("code", {}, "?delay=5s"), "."),
  destination.node,
  element("div", { class: "fields" }, method.node, queue.node),
  body.node,
  headers.node,
  element("details", {}, element("summary", {}, "Settings"), element("div", { class: "fields" }, settings.map(({ node }) => node))),
  problem,
  element("button", { type: "submit", class: "main" }, "Publish"));

async function publish(event) {
  event.preventDefault();
  problem.textContent = "";
  const given = [["Upstash-Method", method.input.value.trim()]];
  for (const line of headers.input.value.split("\n").filter((line) => line.trim() !== "")) {
    const [name, ...value] = line.split(":");
    if (value.length === 0) {
      problem.textContent = `The header "${line}" has no colon: write it as "Name: value".`;
      headers.input.focus();
      return;
    }
    const forwarded = /^content-type$/i.test(name.trim()) ? name.trim() : `Upstash-Forward-${name.trim()}`;
    given.push([forwarded, value.join(":").trim()]);
  }
  for (const { header, input } of settings) {
    if (input.value.trim() !== "") given.push([header, input.value.trim()]);
  }
  const place = queue.input.value.trim() === "" ? "publish" : `enqueue/${encodeURIComponent(queue.input.value.trim())}`;
  // Escaped, so that the browser does not tidy the destination up.
  const path = `/v2/${place}/${encodeURIComponent(destination.input.value.trim())}`;
  await act("Published", "POST", path, body.input.value, given);
}
