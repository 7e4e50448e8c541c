// Times, spans, sizes.

const UNITS = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];

// "12 s", "2 min 28 s", "1 h 3 min": the two largest units.
export function span(milliseconds) {
  let seconds = Math.max(0, Math.round(milliseconds / 1000));
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const parts = [];
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ");
}

// How long an attempt took.
export function took(milliseconds) {
  return milliseconds < 10_000 ? `${milliseconds} ms` : span(milliseconds);
}

export function ago(at, now) {
  if (at > now + 500) return `in ${span(at - now)}`;
  if (now - at < 2000) return "now";
  const [, size] = UNITS.find(([, size]) => (now - at) / 1000 >= size);
  return `${span(Math.floor((now - at) / 1000 / size) * size * 1000)} ago`;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

// The time of day; with the date if that is another one than today's.
export function clock(at, now) {
  const near = new Date(at).toDateString() === new Date(now).toDateString();
  return (near ? CLOCK : DATE).format(at);
}

export function date(at) {
  return DATE.format(at);
}

export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

const NUMBER = new Intl.NumberFormat("en-GB");

export function count(number) {
  return NUMBER.format(number);
}

// Scheme and host apart from the rest, so that the part that differs can be seen first.
export function splitUrl(url) {
  const end = url.indexOf("/", url.indexOf("://") + 3);
  return end < 0 ? [url, ""] : [url.slice(0, end), url.slice(end)];
}
