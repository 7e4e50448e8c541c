// Listings and bulk actions over more entries than a page has: the loops of the SDK's documentation reach their end.

import assert from "node:assert/strict";
import test from "node:test";

import { start } from "./support.mjs";

const ENTRIES = 350;
const LABEL = "bulk";
/** The ways to say which dead letters a call is about. */
const SELECTIONS = {
  ids: (letters) => ({ dlqIds: letters }),
  filter: () => ({ filter: { label: LABEL } }),
  all: () => ({ all: true }),
};

/** Publishes messages, and gives back their ids. */
async function published({ client }, message) {
  const receipts = await client.batchJSON(Array.from({ length: ENTRIES }, (_, body) => ({ label: LABEL, body, ...message })));
  return receipts.map(({ messageId }) => messageId);
}

/** Messages that failed once and for all, by their dead letters. */
async function deadLetters(world) {
  const { destination } = world;
  destination.answers("/broken", ...Array(ENTRIES).fill([500, {}, ""]));
  await published(world, { url: destination.at("/broken"), retries: 0, failureCallback: destination.at("/failed") });
  const deliveries = await destination.byPath(2 * ENTRIES);
  return deliveries["/failed"].map(({ body }) => JSON.parse(body).dlqId).sort();
}

/** Calls until there is no cursor any more. */
async function untilTheEnd(call) {
  const answers = [];
  let cursor;
  do {
    const answer = await call(cursor);
    answers.push(answer);
    cursor = answer.cursor;
  } while (cursor);
  return answers;
}

async function listed({ client }, options = {}) {
  const pages = await untilTheEnd((cursor) => client.dlq.listMessages({ ...options, cursor }));
  return pages.flatMap(({ messages }) => messages.map(({ dlqId }) => dlqId)).sort();
}

test("every dead letter is listed", async (t) => {
  const world = await start(t);
  const letters = await deadLetters(world);
  assert.deepEqual(await listed(world), letters);
  assert.deepEqual(await listed(world, { filter: { label: LABEL } }), letters);
  assert.deepEqual(await listed(world, { count: 7 }), letters);
  // By ids the SDK takes no cursor.
  const { messages } = await world.client.dlq.listMessages({ dlqIds: letters });
  assert.deepEqual(messages.map(({ dlqId }) => dlqId).sort(), letters);
});

for (const [selection, select] of Object.entries(SELECTIONS)) {
  test(`every dead letter is deleted: ${selection}`, async (t) => {
    const world = await start(t);
    const letters = select(await deadLetters(world));
    const answers = await untilTheEnd((cursor) => world.client.dlq.delete({ ...letters, cursor }));
    assert.equal(
      answers.reduce((sum, { deleted }) => sum + deleted, 0),
      ENTRIES,
    );
    assert.deepEqual(await listed(world), []);
  });

  test(`every dead letter is tried again once: ${selection}`, async (t) => {
    const world = await start(t);
    const letters = select(await deadLetters(world));
    const answers = await untilTheEnd((cursor) => world.client.dlq.retry({ ...letters, cursor }));
    const again = answers.flatMap(({ responses }) => responses.map(({ messageId }) => messageId));
    assert.equal(again.length, ENTRIES);
    const deliveries = (await world.destination.byPath(ENTRIES))["/broken"];
    assert.deepEqual(deliveries.map(({ headers }) => headers["upstash-message-id"]).sort(), again.sort());
    assert.deepEqual(await listed(world), []);
  });
}

test("every message is cancelled by its id", async (t) => {
  const world = await start(t);
  const messageIds = await published(world, { url: world.destination.at("/later"), delay: 3600 });
  assert.deepEqual(await world.client.messages.cancel({ messageIds }), { cancelled: ENTRIES });
  assert.deepEqual(await world.client.messages.cancel({ all: true }), { cancelled: 0 });
});

for (const request of [{ filter: { label: LABEL } }, { all: true }]) {
  test(`every message is cancelled: ${Object.keys(request)}`, async (t) => {
    const world = await start(t);
    await published(world, { url: world.destination.at("/later"), delay: 3600 });
    let cancelled;
    let sum = 0;
    do {
      ({ cancelled } = await world.client.messages.cancel(request));
      sum += cancelled;
    } while (cancelled > 0);
    assert.equal(sum, ENTRIES);
  });
}

test("the log is read from now on back, as the documentation does it", async (t) => {
  const world = await start(t);
  const messages = await published(world, { url: world.destination.at("/later"), delay: 3600 });
  const logs = [];
  let cursor = Date.now();
  while (cursor > 0) {
    const page = await world.client.logs({ cursor });
    logs.push(...page.logs);
    cursor = page.cursor ?? 0;
  }
  assert.deepEqual(logs.map(({ messageId }) => messageId).sort(), messages.sort());
});

test("the whole log is read, a thousand entries at a time", async (t) => {
  const world = await start(t);
  const messages = [];
  for (let batch = 0; batch < 4; batch += 1) {
    messages.push(...(await published(world, { url: world.destination.at("/later"), delay: 3600 })));
  }
  const pages = await untilTheEnd((cursor) => world.client.events({ cursor }));
  assert.deepEqual(
    pages.map(({ events }) => events.length),
    [1000, 400],
  );
  const logs = pages.flatMap(({ events }) => events);
  assert.deepEqual(logs.map(({ messageId }) => messageId).sort(), messages.sort());
});
