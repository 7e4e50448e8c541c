// Destinations that do not do what they should.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import test from "node:test";

import { decoded, start } from "./support.mjs";

/** The failure callback of a message that is tried once. */
async function failure({ client, destination }, url, deliveries, options = {}) {
  await client.publish({ url, retries: 0, failureCallback: destination.at("/failed"), ...options });
  const [delivery] = (await destination.byPath(deliveries))["/failed"];
  return JSON.parse(delivery.body);
}

test("a destination that takes no connection has no status", async (t) => {
  const world = await start(t);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  const { status, header, body, dlqId } = await failure(world, `http://127.0.0.1:${port}/gone`, 1);
  assert.equal(status, 0);
  assert.deepEqual(header, {});
  assert.ok(decoded(body));
  const [letter] = (await world.client.dlq.listMessages({ dlqIds: [dlqId] })).messages;
  assert.equal(letter.responseStatus, undefined);
});

test("a destination that takes too long has no status", async (t) => {
  const world = await start(t);
  world.destination.answers("/slow", new Promise(() => {}));
  const { status } = await failure(world, world.destination.at("/slow"), 2, { timeout: 1 });
  assert.equal(status, 0);
});

test("a redirect is a failure", async (t) => {
  const world = await start(t);
  const { destination } = world;
  destination.answers("/moved", [302, { location: destination.at("/elsewhere") }, ""]);
  assert.equal((await failure(world, destination.at("/moved"), 2)).status, 302);
});

test("a destination says when to be tried again", async (t) => {
  const { client, destination } = await start(t);
  destination.answers("/busy", [503, { "retry-after": "0" }, "later"]);
  await client.publish({ url: destination.at("/busy"), retries: 1 });
  const deliveries = (await destination.byPath(2))["/busy"];
  assert.equal(deliveries[1].headers["upstash-retried"], "1");
});
