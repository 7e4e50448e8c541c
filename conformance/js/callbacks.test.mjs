// Callbacks, as the official receiver sees them.

import assert from "node:assert/strict";
import test from "node:test";

import { Receiver } from "@upstash/qstash";

import { KEYS, decoded, start } from "./support.mjs";

test("a callback tells what the destination answered", async (t) => {
  const { client, destination } = await start(t);
  destination.answers("/work?x=1", [201, { "content-type": "text/plain", "x-made": "yes" }, "made"]);
  const { messageId } = await client.publishJSON({
    url: destination.at("/work?x=1"),
    body: { job: 7 },
    headers: { "X-Trace": "abc" },
    callback: destination.at("/done"),
  });

  const deliveries = await destination.byPath(2);
  const [delivery] = deliveries["/done"];
  const callback = JSON.parse(delivery.body);
  assert.equal(delivery.method, "POST");
  assert.notEqual(delivery.headers["upstash-message-id"], messageId);
  assert.equal(callback.status, 201);
  assert.deepEqual(callback.header["X-Made"], ["yes"]);
  assert.equal(decoded(callback.body), "made");
  assert.equal(callback.sourceMessageId, messageId);
  assert.equal(callback.url, destination.at("/work?x=1"));
  assert.equal(callback.method, "POST");
  assert.deepEqual(JSON.parse(decoded(callback.sourceBody)), { job: 7 });
  assert.deepEqual(callback.sourceHeader["X-Trace"], ["abc"]);
  assert.equal(callback.retried, 0);
  assert.equal(callback.maxRetries, 3);
  assert.equal(typeof callback.createdAt, "number");
  assert.equal(callback.dlqId, undefined);
});

test("every attempt has its callback and the last failure one more", async (t) => {
  const { client, destination } = await start(t);
  destination.answers("/broken", [500, {}, "one"], [502, {}, "two"]);
  await client.publish({
    url: destination.at("/broken"),
    retries: 1,
    retryDelay: "0",
    callback: destination.at("/done"),
    failureCallback: destination.at("/failed"),
  });

  const deliveries = await destination.byPath(5);
  const callbacks = deliveries["/done"].map(({ body }) => JSON.parse(body));
  const seen = callbacks.map(({ status, retried, body }) => [retried, status, decoded(body)]);
  assert.deepEqual(seen.sort(), [
    [0, 500, "one"],
    [1, 502, "two"],
  ]);
  const [failure] = deliveries["/failed"].map(({ body }) => JSON.parse(body));
  assert.equal(failure.status, 502);
  assert.ok(failure.dlqId);
});

test("a callback has a method and headers of its own", async (t) => {
  const { client, destination } = await start(t);
  await client.publish({
    url: destination.at("/work"),
    callback: destination.at("/done"),
    headers: { "Upstash-Callback-Method": "PUT", "Upstash-Callback-Forward-X-Tenant": "42" },
  });
  const [delivery] = (await destination.byPath(2))["/done"];
  assert.equal(delivery.method, "PUT");
  assert.equal(delivery.headers["x-tenant"], "42");
});

test("a handler can end a message at once", async (t) => {
  const { client, destination } = await start(t);
  destination.answers("/broken", [489, { "Upstash-NonRetryable-Error": "true" }, "never"]);
  await client.publish({
    url: destination.at("/broken"),
    retries: 5,
    failureCallback: destination.at("/failed"),
  });
  const [delivery] = (await destination.byPath(2))["/failed"];
  const failure = JSON.parse(delivery.body);
  assert.equal(failure.status, 489);
  assert.equal(failure.retried, 0);
});

test("the official receiver refuses what was altered on the way", async (t) => {
  const { client, destination } = await start(t);
  await client.publish({ url: destination.at("/hook"), body: "genuine" });
  const delivery = await destination.arrival();
  delivery.bytes = Buffer.from("forged");
  await assert.rejects(destination.verified(delivery), { name: "SignatureError" });
});

test("the official receiver refuses a delivery to another URL", async (t) => {
  const { client, destination } = await start(t);
  await client.publish({ url: destination.at("/hook"), body: "genuine" });
  const delivery = await destination.arrival();
  delivery.target = "/admin";
  await assert.rejects(destination.verified(delivery), { name: "SignatureError", message: /invalid subject/ });
});

test("the official receiver chooses its keys by the region of a delivery", async (t) => {
  const { client, destination } = await start(t);
  await client.publish({ url: destination.at("/hook"), body: "genuine" });
  const { headers, bytes } = await destination.arrival();
  const environment = {
    QSTASH_REGION: "US_EAST_1",
    EU_CENTRAL_1_QSTASH_CURRENT_SIGNING_KEY: KEYS.currentSigningKey,
    EU_CENTRAL_1_QSTASH_NEXT_SIGNING_KEY: KEYS.nextSigningKey,
  };
  Object.assign(process.env, environment);
  t.after(() => Object.keys(environment).forEach((name) => delete process.env[name]));
  const request = {
    signature: headers["upstash-signature"],
    upstashRegion: headers["upstash-region"],
    body: bytes.toString(),
  };
  assert.equal(await new Receiver().verify(request), true);
});
