// Flow control.

import assert from "node:assert/strict";
import test from "node:test";

import { refused, start } from "./support.mjs";

const KEY = "pool";

test("no more messages are active than a key allows", async (t) => {
  const { client, destination } = await start(t);
  let answer;
  destination.answers("/one", new Promise((resolve) => (answer = resolve)));
  const flowControl = { key: KEY, parallelism: 1 };
  await client.publish({ url: destination.at("/one"), flowControl });
  await client.publish({ url: destination.at("/two"), flowControl });
  const { headers, target } = await destination.next();
  assert.equal(target, "/one");
  assert.equal(headers["upstash-flow-control-key"], KEY);
  assert.equal(headers["upstash-flow-control-value"], "parallelism=1,period=1");

  const found = await client.flowControl.get(KEY);
  assert.equal(found.flowControlKey, KEY);
  assert.equal(found.parallelismMax, 1);
  assert.equal(found.parallelismCount, 1);
  assert.equal(found.waitListSize, 1);
  answer([200, {}, "done"]);
  assert.equal((await destination.next()).target, "/two");
});

test("a key is paused and resumed", async (t) => {
  const { client, destination } = await start(t);
  await client.flowControl.pause(KEY);
  await client.publish({ url: destination.at("/hook"), flowControl: { key: KEY, rate: 5 } });
  const found = await client.flowControl.get(KEY);
  assert.equal(found.isPaused, true);
  assert.equal(found.waitListSize, 1);
  await client.flowControl.resume(KEY);
  assert.equal((await destination.next()).target, "/hook");
  assert.equal((await client.flowControl.get(KEY)).isPaused ?? false, false);
});

test("the limits of a key are those of its last message, unless they are pinned", async (t) => {
  const { client, destination } = await start(t);
  const publish = (limits) =>
    client.publish({ url: destination.at("/hook"), delay: 60, flowControl: { key: KEY, ...limits } });
  await publish({ parallelism: 2, rate: 10, period: "1m" });
  let found = await client.flowControl.get(KEY);
  assert.equal(found.parallelismMax, 2);
  assert.equal(found.rateMax, 10);
  assert.equal(found.ratePeriod, 60);

  await client.flowControl.pin(KEY, { parallelism: 5, rate: 7, period: 30 });
  await publish({ parallelism: 3, rate: 20 });
  found = await client.flowControl.get(KEY);
  assert.equal(found.parallelismMax, 5);
  assert.equal(found.rateMax, 7);
  assert.equal(found.ratePeriod, 30);
  assert.equal(found.isPinnedParallelism, true);
  assert.equal(found.isPinnedRate, true);

  await client.flowControl.unpin(KEY, { parallelism: true });
  await publish({ parallelism: 4, rate: 20 });
  found = await client.flowControl.get(KEY);
  assert.equal(found.parallelismMax, 4);
  assert.equal(found.rateMax, 7);
  assert.equal(found.isPinnedParallelism ?? false, false);
  assert.equal(found.isPinnedRate, true);
});

test("a message beyond the rate waits until the rate is reset", async (t) => {
  const { client, destination } = await start(t);
  const flowControl = { key: KEY, rate: 1, period: "1d" };
  await client.publish({ url: destination.at("/one"), flowControl });
  assert.equal((await destination.next()).target, "/one");
  await client.publish({ url: destination.at("/two"), flowControl });
  const found = await client.flowControl.get(KEY);
  assert.equal(found.rateCount, 1);
  assert.equal(found.waitListSize, 1);
  await client.flowControl.resetRate(KEY);
  assert.equal((await destination.next()).target, "/two");
});

test("the parallelism of all is told", async (t) => {
  const { client } = await start(t);
  const { parallelismMax, parallelismCount } = await client.flowControl.getGlobalParallelism();
  assert.ok(parallelismMax > 0);
  assert.equal(parallelismCount, 0);
});

test("an unknown key is not found", async (t) => {
  const { client } = await start(t);
  await refused(client.flowControl.get("unknown"), 404);
});
