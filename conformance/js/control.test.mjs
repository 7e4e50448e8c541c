// Time and faults, steered by HTTP beside the SDK.

import assert from "node:assert/strict";
import test from "node:test";

import { dev, start } from "./support.mjs";

test("a test that waits three days is done in a moment", async (t) => {
  const { url, client, destination } = await start(t);
  const { messageId } = await client.publish({ url: destination.at("/reminder"), delay: "3d", body: "hello" });
  await dev(url, "clock", { advance: "2d23h" });
  assert.equal((await client.messages.get(messageId)).messageId, messageId);
  const started = performance.now();
  await dev(url, "clock", { advance: "1h" });
  const entry = await dev(url, "wait", { messageId, state: "DELIVERED" });
  t.diagnostic(`three days took ${(performance.now() - started).toFixed(0)} ms`);
  assert.equal(entry.messageId, messageId);
  assert.equal((await destination.next()).body, "hello");
});

test("a fault is met, and the next attempt comes without a wait", async (t) => {
  const { url, client, destination } = await start(t);
  const fault = await dev(url, "faults", { fault: "status", status: 503, url: destination.at("/work") });
  assert.equal(fault.times, 1);
  const { messageId } = await client.publish({ url: destination.at("/work"), body: "work", retries: 1 });
  await dev(url, "settle", {});
  await dev(url, `messages/${messageId}/deliver`, {});
  assert.equal((await destination.next()).headers["upstash-retried"], "1");
  const { logs } = await client.logs({ filter: { messageIds: [messageId] } });
  assert.deepEqual(logs.map((entry) => entry.state).reverse(), ["CREATED", "ACTIVE", "ERROR", "RETRY", "ACTIVE", "DELIVERED"]);
});

test("a server is as new after a reset", async (t) => {
  const { url, client, destination } = await start(t);
  await client.schedules.create({ destination: destination.at("/nightly"), cron: "0 4 * * *" });
  await client.publish({ url: destination.at("/later"), delay: "3d", body: "x" });
  await dev(url, "reset", {});
  assert.deepEqual([(await client.schedules.list()).length, (await client.logs()).logs.length], [0, 0]);
  await assert.rejects(dev(url, "clock", { advance: "-1s" }), /advance: /);
});
