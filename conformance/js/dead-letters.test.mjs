// The dead letter queue.

import assert from "node:assert/strict";
import test from "node:test";

import { deadLetter, refused, start } from "./support.mjs";

test("a dead letter tells what the destination answered last", async (t) => {
  const world = await start(t);
  const { messageId, dlqId } = await deadLetter(world, { headers: { "X-Trace": "abc" }, label: "render" });
  const { messages, cursor } = await world.client.dlq.listMessages();
  assert.equal(cursor, undefined);
  assert.equal(messages.length, 1);
  const [entry] = messages;
  assert.equal(entry.dlqId, dlqId);
  assert.equal(entry.messageId, messageId);
  assert.equal(entry.url, world.destination.at("/broken"));
  assert.equal(entry.body, "work");
  assert.deepEqual(entry.header["X-Trace"], ["abc"]);
  assert.equal(entry.maxRetries, 0);
  assert.equal(entry.label, "render");
  assert.equal(entry.responseStatus, 500);
  assert.deepEqual(entry.responseHeader["X-Why"], ["test"]);
  assert.equal(entry.responseBody, "boom");
});

test("dead letters are found by what they are", async (t) => {
  const world = await start(t);
  const { client, destination } = world;
  const before = Date.now();
  const one = await deadLetter(world, { label: "one", flowControl: { key: "pool", parallelism: 1 } });
  const two = await deadLetter(world, { label: "two" });
  const found = async (filter) => {
    const { messages } = await client.dlq.listMessages({ filter });
    return messages.map(({ dlqId }) => dlqId).sort();
  };
  const both = [one.dlqId, two.dlqId].sort();

  assert.deepEqual(await found({ messageId: one.messageId }), [one.dlqId]);
  assert.deepEqual(await found({ label: "two" }), [two.dlqId]);
  assert.deepEqual(await found({ label: ["one", "two"] }), both);
  assert.deepEqual(await found({ flowControlKey: "pool" }), [one.dlqId]);
  assert.deepEqual(await found({ url: destination.at("/broken") }), both);
  assert.deepEqual(await found({ responseStatus: 500 }), both);
  assert.deepEqual(await found({ responseStatus: 404 }), []);
  assert.deepEqual(await found({ callerIp: "127.0.0.1" }), both);
  assert.deepEqual(await found({ fromDate: before, toDate: new Date() }), both);
  assert.deepEqual(await found({ toDate: before - 1 }), []);
  assert.deepEqual(await found({ queueName: "emails" }), []);
  assert.deepEqual(await found({ urlGroup: "everybody" }), []);
  const { messages } = await client.dlq.listMessages({ dlqIds: [two.dlqId] });
  assert.deepEqual(
    messages.map(({ dlqId }) => dlqId),
    [two.dlqId],
  );
});

test("dead letters come in pages", async (t) => {
  const world = await start(t);
  const ids = [];
  for (let left = 3; left > 0; left -= 1) ids.push((await deadLetter(world)).dlqId);
  const seen = [];
  let cursor;
  let pages = 0;
  do {
    const page = await world.client.dlq.listMessages({ count: 2, cursor });
    seen.push(...page.messages.map(({ dlqId }) => dlqId));
    cursor = page.cursor;
    pages += 1;
  } while (cursor);
  assert.equal(pages, 2);
  assert.deepEqual(seen.sort(), ids.sort());
});

test("a dead letter is tried again as a new message", async (t) => {
  const world = await start(t);
  const { client, destination } = world;
  const { messageId, dlqId } = await deadLetter(world);
  const { responses, cursor } = await client.dlq.retry(dlqId);
  assert.equal(cursor, undefined);
  assert.equal(responses.length, 1);
  assert.notEqual(responses[0].messageId, messageId);
  const delivery = await destination.next();
  assert.equal(delivery.body, "work");
  assert.equal(delivery.headers["upstash-message-id"], responses[0].messageId);
  assert.deepEqual((await client.dlq.listMessages()).messages, []);
});

test("dead letters are tried again by their ids and by what they are", async (t) => {
  const world = await start(t);
  const { client, destination } = world;
  const one = await deadLetter(world, { label: "one" });
  const two = await deadLetter(world, { label: "two" });
  const three = await deadLetter(world, { label: "three" });
  assert.equal((await client.dlq.retry([one.dlqId, two.dlqId])).responses.length, 2);
  assert.equal((await client.dlq.retry({ filter: { label: "three" } })).responses.length, 1);
  await destination.byPath(3);
  assert.deepEqual((await client.dlq.retry({ all: true })).responses, []);
  await refused(client.dlq.retry(three.dlqId), 404);
});

test("dead letters are deleted by id, by ids, by what they are, and all", async (t) => {
  const world = await start(t);
  const { client } = world;
  const letters = [];
  for (const label of ["a", "b", "c", "d"]) letters.push(await deadLetter(world, { label }));
  const [one, two, three] = letters.map(({ dlqId }) => dlqId);
  assert.deepEqual(await client.dlq.delete(one), { deleted: 1 });
  await refused(client.dlq.delete(one), 404);
  assert.equal((await client.dlq.delete([two, three])).deleted, 2);
  assert.equal((await client.dlq.delete({ filter: { label: "nobody" } })).deleted, 0);
  assert.deepEqual(await client.dlq.delete({ filter: { label: "d" } }), { deleted: 1 });
  await deadLetter(world);
  await deadLetter(world);
  const first = await client.dlq.delete({ all: true, count: 1 });
  assert.equal(first.deleted, 1);
  assert.ok(first.cursor);
  assert.equal((await client.dlq.delete({ all: true, cursor: first.cursor })).deleted, 1);
  assert.deepEqual((await client.dlq.listMessages()).messages, []);
});

test("a filter that is not known deletes nothing", async (t) => {
  const world = await start(t);
  await deadLetter(world);
  await refused(world.client.dlq.delete({ filter: { unheardOf: "x" } }), 400);
  await refused(world.client.dlq.retry({ filter: { host: "127.0.0.1" } }), 400);
  assert.equal((await world.client.dlq.listMessages({ filter: { unheardOf: "x" } })).messages.length, 1);
});
