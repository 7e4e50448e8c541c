// What the page knows about messages: for each one, what the feed has said about it.

// Older ones are forgotten first.
const MOST_MESSAGES = 10_000;

export const messages = new Map();

// How far the server's clock is ahead of ours: tests can move it.
let ahead = 0;

export function now() {
  return Date.now() + ahead;
}

export function clockIsAhead() {
  return ahead;
}

export function setClock(time) {
  ahead = time - Date.now();
}

// The messages that are in the dead letter queue, each with the id of its entry there, and the span of time that we
// know them of.
let deadLetters = new Map();
let knownSince = 0;
let knownUntil = 0;

export function setDeadLetters({ messages, cursor }, readAt) {
  knownUntil = readAt;
  deadLetters = new Map(messages.map((entry) => [entry.messageId, entry.dlqId]));
  knownSince = cursor === undefined ? 0 : Number(cursor.split("-")[0]);
}

// A message that has failed is a dead letter, unless we know better.
function isDead(id, since) {
  return deadLetters.has(id) || since < knownSince || since >= knownUntil;
}

export function deadLetterOf(id) {
  return deadLetters.get(id);
}

export function forgetAll() {
  messages.clear();
}

// Takes in a line of the feed.
export function take(line) {
  const id = line.messageId;
  let message = messages.get(id);
  if (!message) {
    message = { id, entries: [], attempts: 0, words: words(line) };
    messages.set(id, message);
    if (messages.size > MOST_MESSAGES) messages.delete(messages.keys().next().value);
  }
  const isKnown = message.entries.some((entry) => entry.time === line.time && entry.state === line.state);
  if (isKnown) return;
  message.entries.push({ time: line.time, state: line.state });
  message.shown = line;
  if (line.responseStatus) message.words += `\nstatus:${line.responseStatus}`;
  if (line.state === "ACTIVE") message.attempts += 1;
  if (line.state === "ERROR") message.failure = line;
}

function words(line) {
  const named = [
    ...(line.labels ?? []).map((label) => `label:${label}`),
    line.queueName && `queue:${line.queueName}`,
    line.scheduleId && `schedule:${line.scheduleId}`,
    line.topicName && `group:${line.topicName}`,
    line.flowControlKey && `flow:${line.flowControlKey}`,
    line.callbackOf && `is:callback callback:${line.callbackOf}`,
  ];
  return [line.messageId, line.method, line.url, ...named].filter(Boolean).join("\n").toLowerCase();
}

export const KINDS = {
  scheduled: "Scheduled",
  waiting: "Waiting",
  active: "Active",
  retry: "Retrying",
  delivered: "Delivered",
  failed: "Failed",
  dead: "Dead",
  cancelled: "Cancelled",
};

// How a message stands: what kind of state it is in, and the time that counts for it.
export function standing(message, time) {
  const { state, notBefore, time: since } = message.shown;
  switch (state) {
    case "CREATED":
      // The browser's clock may be behind.
      return notBefore > Math.max(time, since) ? { kind: "scheduled", at: notBefore } : { kind: "waiting", at: since };
    case "ACTIVE":
      return { kind: "active", at: since };
    case "ERROR":
    case "RETRY":
      return { kind: "retry", at: message.failure?.nextDeliveryTime ?? since };
    case "DELIVERED":
      return { kind: "delivered", at: since };
    case "FAILED":
      return { kind: isDead(message.id, since) ? "dead" : "failed", at: since };
    default:
      return { kind: "cancelled", at: since };
  }
}

// What the last attempt came to.
export function lastResult(message) {
  return message.shown.responseStatus ?? message.failure?.responseStatus;
}
