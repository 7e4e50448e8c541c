// Messages that were published, and cancelling them.

import assert from "node:assert/strict";
import test from "node:test";

import { refused, start } from "./support.mjs";

/** Messages that wait, with these labels; their ids. */
async function waiting({ client, destination }, labels, options = {}) {
  const ids = [];
  for (const label of labels) {
    const url = destination.at(`/${label}`);
    ids.push((await client.publish({ url, label, delay: 3600, ...options })).messageId);
  }
  return ids;
}

test("one message is cancelled, and the log says so", async (t) => {
  const world = await start(t);
  const [id] = await waiting(world, ["a"]);
  assert.deepEqual(await world.client.messages.cancel(id), { cancelled: 1 });
  await refused(world.client.messages.get(id), 404);
  await refused(world.client.messages.cancel(id), 404);
  const { logs } = await world.client.logs({ filter: { messageId: id } });
  assert.deepEqual(
    logs.map(({ state }) => state),
    ["CANCELED", "CANCEL_REQUESTED", "CREATED"],
  );
});

test("messages are cancelled by their ids", async (t) => {
  const world = await start(t);
  const [one, two, three] = await waiting(world, ["a", "b", "c"]);
  assert.deepEqual(await world.client.messages.cancel([one, two, "msg_unknown"]), { cancelled: 2 });
  assert.equal((await world.client.messages.get(three)).messageId, three);
});

test("messages are cancelled by what they are", async (t) => {
  const world = await start(t);
  const { client, destination } = world;
  await waiting(world, ["a", "b", "c", "d", "e"]);
  await waiting(world, ["f", "f"], { flowControl: { key: "pool", parallelism: 1 } });
  const cancel = async (filter) => (await client.messages.cancel({ filter })).cancelled;
  assert.equal(await cancel({ label: "nobody" }), 0);
  assert.equal(await cancel({ label: "a" }), 1);
  assert.equal(await cancel({ label: ["b", "c"] }), 2);
  assert.equal(await cancel({ url: destination.at("/d"), label: "e" }), 0);
  assert.equal(await cancel({ url: destination.at("/d") }), 1);
  assert.equal(await cancel({ flowControlKey: "pool" }), 2);
  assert.equal(await cancel({ host: "127.0.0.1", path: "/e" }), 1);
});

test("all messages are cancelled only when that is asked for", async (t) => {
  const world = await start(t);
  const [one] = await waiting(world, ["a", "b"]);
  assert.deepEqual(await world.client.messages.cancel([]), { cancelled: 0 });
  await assert.rejects(world.client.messages.cancel({ filter: { label: [] } }), { name: "QstashEmptyArrayError" });
  assert.equal((await world.client.messages.get(one)).label, "a");
  assert.deepEqual(await world.client.messages.cancel({ all: true }), { cancelled: 2 });
});

test("a filter that is not known cancels nothing", async (t) => {
  const world = await start(t);
  const [one] = await waiting(world, ["a"]);
  await refused(world.client.messages.cancel({ filter: { unheardOf: "x" } }), 400);
  assert.equal((await world.client.messages.get(one)).label, "a");
});

test("a delivered message can be read for a moment", async (t) => {
  const { client, destination } = await start(t);
  const { messageId } = await client.publish({ url: destination.at("/hook"), callback: destination.at("/done") });
  await destination.byPath(2);
  assert.equal((await client.messages.get(messageId)).messageId, messageId);
});

test("the former names of verbs still work", async (t) => {
  const world = await start(t);
  const { client } = world;
  const [one, two] = await waiting(world, ["a", "b", "c"]);
  assert.equal((await client.events({ filter: { label: "a" } })).events[0].messageId, one);
  await client.messages.delete(one);
  assert.equal(await client.messages.deleteMany([one, two]), 1);
  assert.equal(await client.messages.deleteAll(), 1);
});
