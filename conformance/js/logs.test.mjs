// The log of what happened.

import assert from "node:assert/strict";
import test from "node:test";

import { deadLetter, decoded, refused, start } from "./support.mjs";

/** Publishes what will be delivered, and waits until the log says so. */
async function delivered({ client, destination }, options = {}) {
  const url = destination.at("/hook");
  const { messageId } = await client.publish({ url, body: "x", callback: destination.at("/done"), ...options });
  await destination.byPath(2);
  return messageId;
}

test("the log tells the life of a message, the newest first", async (t) => {
  const world = await start(t);
  const messageId = await delivered(world);
  const { logs } = await world.client.logs({ filter: { messageId } });
  assert.deepEqual(
    logs.map(({ state }) => state),
    ["DELIVERED", "ACTIVE", "CREATED"],
  );
  for (const log of logs) {
    assert.equal(log.messageId, messageId);
    assert.equal(log.url, world.destination.at("/hook"));
    assert.equal(decoded(log.body), "x");
    assert.equal(typeof log.time, "number");
  }
});

test("the log tells why an attempt failed", async (t) => {
  const world = await start(t);
  const { messageId } = await deadLetter(world, { retryDelay: "1000" });
  const { logs } = await world.client.logs({ filter: { messageId } });
  assert.deepEqual(
    logs.map(({ state }) => state),
    ["FAILED", "ERROR", "ACTIVE", "CREATED"],
  );
  const [, error] = logs;
  assert.equal(error.responseStatus, 500);
  assert.equal(decoded(error.responseBody), "boom");
  assert.deepEqual(error.responseHeaders["X-Why"], ["test"]);
  assert.ok(error.error);
  assert.equal(error.maxRetries, 0);
  assert.equal(error.retryDelayExpression, "1000");
});

test("entries are found by what they are about", async (t) => {
  const world = await start(t);
  const { client, destination } = world;
  const before = Date.now();
  const one = await delivered(world, { label: "one", flowControl: { key: "pool", parallelism: 1 } });
  const two = await delivered(world, { label: "two" });
  await client.urlGroups.addEndpoints({ name: "everybody", endpoints: [{ url: destination.at("/member") }] });
  const [{ messageId: member }] = await client.publish({ urlGroup: "everybody", delay: 60 });
  const queue = client.queue({ queueName: "emails" });
  await queue.pause();
  const { messageId: queued } = await queue.enqueue({ url: destination.at("/queued") });

  const found = async (filter) => {
    const { logs } = await client.logs({ filter });
    return [...new Set(logs.map(({ messageId }) => messageId))].sort();
  };
  assert.deepEqual(await found({ label: "one" }), [one]);
  assert.deepEqual(await found({ label: ["one", "two"] }), [one, two].sort());
  assert.deepEqual(await found({ flowControlKey: "pool" }), [one]);
  assert.deepEqual(await found({ urlGroup: "everybody" }), [member]);
  assert.deepEqual(await found({ queueName: "emails" }), [queued]);
  assert.deepEqual(await found({ url: destination.at("/hook") }), [one, two].sort());
  assert.deepEqual(await found({ url: destination.at("/hook"), label: "two" }), [two]);
  assert.deepEqual(await found({ state: "DELIVERED", label: "two" }), [two]);
  assert.deepEqual(await found({ state: "FAILED" }), []);
  assert.deepEqual(await found({ toDate: before - 1 }), []);
  assert.equal((await found({ fromDate: before, callerIp: "127.0.0.1" })).length, 6);
});

test("entries of several messages are read at once", async (t) => {
  const world = await start(t);
  const messageIds = [await delivered(world), await delivered(world)];
  const { logs } = await world.client.logs({ messageIds });
  assert.equal(logs.length, 6);
  assert.deepEqual([...new Set(logs.map(({ messageId }) => messageId))].sort(), messageIds.sort());
});

test("the log comes in pages", async (t) => {
  const world = await start(t);
  const messageId = await delivered(world);
  const states = [];
  let cursor;
  do {
    const page = await world.client.logs({ filter: { messageId }, count: 1, cursor });
    states.push(...page.logs.map(({ state }) => state));
    cursor = page.cursor;
  } while (cursor);
  assert.deepEqual(states, ["DELIVERED", "ACTIVE", "CREATED"]);
});

test("a cursor from elsewhere is refused", async (t) => {
  const { client } = await start(t);
  await refused(client.logs({ cursor: "elsewhere" }), 400);
});
