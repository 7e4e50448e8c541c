// A message as commands that publish it once more.

import { bodyOf, textOf } from "./body.js";

// Published settings, each with its header and the setter of the Rust client.
function settings(message) {
  const all = [];
  if (message.method && message.method !== "POST") all.push(["Upstash-Method", message.method, `.method(Method::${message.method})`]);
  if (message.maxRetries !== undefined) all.push(["Upstash-Retries", message.maxRetries, `.retries(${message.maxRetries})`]);
  if (message.retryDelayExpression) all.push(["Upstash-Retry-Delay", message.retryDelayExpression, `.retry_delay(${rustText(message.retryDelayExpression)})`]);
  if (message.callback) all.push(["Upstash-Callback", message.callback, `.callback(${rustText(message.callback)})`]);
  if (message.failureCallback) all.push(["Upstash-Failure-Callback", message.failureCallback, `.failure_callback(${rustText(message.failureCallback)})`]);
  const labels = message.labels ?? [];
  if (labels.length > 0) all.push(["Upstash-Label", labels.join(","), labels.map((label) => `.label(${rustText(label)})`).join("")]);
  for (const [name, values] of Object.entries(message.header ?? {})) {
    for (const value of values) {
      if (/^content-type$/i.test(name)) all.push([name, value, `.content_type(${rustText(value)})`]);
      else all.push([`Upstash-Forward-${name}`, value, `.forward(${rustText(name)}, ${rustText(value)})`]);
    }
  }
  return all;
}

// What a terminal does not take for text.
const KEYS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

const shellText = (text) => `'${String(text).replaceAll("'", `'\\''`)}'`;

export function asCurl(message) {
  const place = message.queueName ? `enqueue/${encodeURIComponent(message.queueName)}` : "publish";
  const text = textOf(bodyOf(message, "body"));
  const lines = [
    // Brackets, as of an IPv6 address, are no pattern, and the path stays as it is.
    `curl --globoff --path-as-is -X POST "$QSTASH_URL/v2/${place}/"${shellText(message.url)}`,
    `-H "Authorization: Bearer $QSTASH_TOKEN"`,
    // With a colon and nothing behind it, curl leaves a header out.
    ...settings(message).map(([name, value]) => `-H ${shellText(value === "" ? `${name};` : `${name}: ${value}`)}`),
  ];
  // What is no text cannot stand in a command, and a terminal takes control characters for keys; a file has them.
  if (text === undefined || KEYS.test(text)) lines.push("--data-binary @body");
  // Raw: a body may begin with "@", which would name a file of whoever runs the command.
  else if (text !== "") lines.push(`--data-raw ${shellText(text)}`);
  return lines.join(" \\\n  ");
}

const RUST_ESCAPES = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t" };

// A text as a literal of Rust.
function rustText(text) {
  const escaped = (character) => RUST_ESCAPES[character] ?? `\\u{${character.codePointAt(0).toString(16)}}`;
  return `"${String(text).replaceAll(/[\\"\p{Cc}\p{Cf}]/gu, escaped)}"`;
}

export function asRust(message) {
  const text = textOf(bodyOf(message, "body"));
  const setters = settings(message).map(([, , setter]) => setter);
  if (message.queueName) setters.push(`.in_queue(${rustText(message.queueName)})`);
  const body = text === undefined ? ['.body(std::fs::read("body")?)'] : text === "" ? [] : [`.body(${rustText(text)})`];
  return [
    "let published = client",
    "    .publish(",
    `        Message::to(${rustText(message.url)})`,
    ...[...body, ...setters].map((setter) => `            ${setter}`),
    "    )",
    "    .await?;",
  ].join("\n").replace(/\n {4}\)\n/, ",\n    )\n");
}

// The call that publishes a message once more: its path, its headers, its body.
export function asCall(message) {
  const place = message.queueName ? `enqueue/${encodeURIComponent(message.queueName)}` : "publish";
  const headers = settings(message).map(([name, value]) => [name, String(value)]);
  return [`/v2/${place}/${encodeURIComponent(message.url)}`, bodyOf(message, "body"), headers];
}
