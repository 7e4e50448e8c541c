// Bodies: decoded, laid out, and cut off where they would be too much to look at.

import { button, copyButton, element } from "./dom.js";
import { size } from "./format.js";

const MOST_CHARACTERS = 20_000;
// Text that is longer is not laid out anew.
const LONGEST_LAYOUT = 500_000;
const DEEPEST_LAYOUT = 100;
const MOST_COLOURED = 200_000;
const BYTES_IN_A_LINE = 16;
const CHARACTERS_IN_A_LINE = 74;

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

// The body of a record: text as it is, or bytes in Base64.
export function bodyOf(record, name) {
  const encoded = record[`${name}Base64`];
  return encoded ? bytesOf(encoded) : new TextEncoder().encode(record[name] ?? "");
}

// A body with its title, as people read it.
export function bodyView(bytes, title) {
  const header = element("header", {}, element("h4", {}, title));
  if (bytes.length === 0) {
    header.append(element("span", { class: "soft" }, "empty"));
    return element("section", { class: "body" }, header);
  }
  const text = textOf(bytes);
  const layout = text === undefined ? undefined : laidOut(text);
  const content = element("pre", { tabindex: "0", "aria-label": title });
  const more = button("Show all", () => show(Infinity), { class: "quiet" });
  let raw = layout === undefined;

  function show(most) {
    const whole = text === undefined ? hexadecimal(bytes, most) : raw ? text : layout;
    more.hidden = text === undefined ? bytes.length <= (most / CHARACTERS_IN_A_LINE) * BYTES_IN_A_LINE : whole.length <= most;
    const shown = whole.slice(0, most);
    if (raw || shown.length > MOST_COLOURED) content.textContent = shown;
    else content.replaceChildren(...coloured(shown));
  }

  const change = button("Raw", () => {
    raw = !raw;
    change.textContent = raw ? "Formatted" : "Raw";
    show(MOST_CHARACTERS);
  }, { class: "quiet" });
  const kind = text === undefined ? "binary" : layout === undefined ? "text" : "JSON";
  header.append(element("span", { class: "soft" }, `${kind}, ${size(bytes.length)}`), element("span", { class: "gap" }));
  if (layout !== undefined) header.append(change);
  if (text !== undefined) header.append(copyButton(text) ?? "");
  show(MOST_CHARACTERS);
  return element("section", { class: "body" }, header, content, more);
}

// The text that the bytes are, if they are one.
export function textOf(bytes) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return /[\u0000-\u0008\u000e-\u001a]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

const TOKENS = /"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g;

// Lays out JSON without reading its values: numbers stay as long as they are, and members are not merged. Nothing if
// the text is no object and no list, or too much.
function laidOut(text) {
  if (text.length > LONGEST_LAYOUT || !/^\s*[[{]/.test(text)) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  let depth = 0;
  let result = "";
  let before = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [token] of text.matchAll(TOKENS)) {
    const opened = before === "{" || before === "[";
    if (token === "}" || token === "]") {
      depth -= 1;
      if (!opened) result += line();
    } else if (opened || before === ",") {
      result += line();
    }
    result += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth += 1;
    if (depth > DEEPEST_LAYOUT) return undefined;
    before = token;
  }
  return result;
}

const PIECES = /("(?:\\.|[^"\\])*")(\s*:)?|([^"]+)|"/g;

// Names, texts and the rest of JSON in colours of their own.
function coloured(text) {
  const pieces = [];
  for (const [whole, quoted, colon] of text.matchAll(PIECES)) {
    if (!quoted) pieces.push(whole);
    else pieces.push(element("span", { class: colon ? "name" : "text" }, quoted), colon ?? "");
  }
  return pieces;
}

function hexadecimal(bytes, most) {
  const lines = [];
  for (let start = 0; start < bytes.length && lines.length * CHARACTERS_IN_A_LINE < most; start += BYTES_IN_A_LINE) {
    const part = [...bytes.subarray(start, start + BYTES_IN_A_LINE)];
    const digits = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${start.toString(16).padStart(6, "0")}  ${digits.padEnd(BYTES_IN_A_LINE * 3)} ${letters}`);
  }
  return lines.join("\n");
}
