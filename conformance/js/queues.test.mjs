// Queues: what they are, and the order that they keep.

import assert from "node:assert/strict";
import test from "node:test";

import { refused, start } from "./support.mjs";

test("a queue delivers in the order of arrival, retries included", async (t) => {
  const { client, destination } = await start(t);
  const queue = client.queue({ queueName: "emails" });
  await queue.upsert({ parallelism: 1, paused: true });
  for (const body of ["first", "second", "third"]) {
    const url = destination.at(`/${body}`);
    const { messageId } = await queue.enqueueJSON({ url, body, retries: 1, retryDelay: "0" });
    assert.ok(messageId);
  }
  destination.answers("/first", [500]);
  assert.equal((await queue.get()).lag, 3);

  await queue.resume();
  const order = [];
  for (let left = 4; left > 0; left -= 1) order.push((await destination.next()).target);
  assert.deepEqual(order, ["/first", "/first", "/second", "/third"]);
});

test("a queue waits for the callbacks of a message", async (t) => {
  const { client, destination } = await start(t);
  const queue = client.queue({ queueName: "emails" });
  await queue.pause();
  await queue.enqueue({ url: destination.at("/first"), callback: destination.at("/done") });
  await queue.enqueue({ url: destination.at("/second") });
  await queue.resume();
  const order = [];
  for (let left = 3; left > 0; left -= 1) order.push((await destination.next()).target);
  assert.deepEqual(order, ["/first", "/done", "/second"]);
});

test("queues are made, changed, read, listed and deleted", async (t) => {
  const { client } = await start(t);
  const queue = client.queue({ queueName: "emails" });
  await queue.upsert({ parallelism: 2 });
  let found = await queue.get();
  assert.equal(found.name, "emails");
  assert.equal(found.parallelism, 2);
  assert.equal(found.paused, false);
  assert.equal(found.lag, 0);
  assert.ok(found.createdAt <= found.updatedAt);

  await queue.upsert({ parallelism: 3, paused: true });
  found = await queue.get();
  assert.equal(found.parallelism, 3);
  assert.equal(found.paused, true);

  await client.queue({ queueName: "other" }).upsert({});
  const names = (await client.queue().list()).map(({ name }) => name);
  assert.deepEqual(names.sort(), ["emails", "other"]);

  await queue.delete();
  await refused(queue.get(), 404);
  await queue.delete();
});

test("a queue is paused and resumed by its name alone", async (t) => {
  const { client } = await start(t);
  const queue = client.queue({ queueName: "emails" });
  await queue.upsert({ parallelism: 1 });
  await queue.pause();
  await queue.pause();
  assert.equal((await queue.get()).paused, true);
  await queue.resume();
  assert.equal((await queue.get()).paused, false);
});

test("a queue is made by the first message", async (t) => {
  const { client, destination } = await start(t);
  const queue = client.queue({ queueName: "fresh" });
  await queue.enqueue({ url: destination.at("/hook"), body: "x" });
  assert.equal((await destination.next()).body, "x");
  assert.equal((await queue.get()).parallelism, 1);
});

test("an enqueued message is known by its id", async (t) => {
  const { client, destination } = await start(t);
  const queue = client.queue({ queueName: "emails" });
  await queue.pause();
  const message = { url: destination.at("/hook"), deduplicationId: "order-7", label: "mail" };
  const { messageId } = await queue.enqueue(message);
  assert.deepEqual(await queue.enqueue(message), { messageId, deduplicated: true });
  const found = await client.messages.get(messageId);
  assert.equal(found.queueName, "emails");
  assert.equal(found.label, "mail");
});

test("a name outside the rules is refused", async (t) => {
  const { client } = await start(t);
  await refused(client.queue({ queueName: "no spaces" }).upsert({}), 400);
});
