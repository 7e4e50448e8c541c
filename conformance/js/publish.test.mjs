// Publishing, and every option of it.

import assert from "node:assert/strict";
import test from "node:test";

import { QstashError } from "@upstash/qstash";

import { reader, refused, start, stranger } from "./support.mjs";

const HOUR = 3600;

test("a JSON body arrives and the official receiver accepts it", async (t) => {
  const { client, destination } = await start(t);
  const { messageId } = await client.publishJSON({ url: destination.at("/hook?a=1"), body: { hello: "world" } });

  const delivery = await destination.next();
  assert.equal(delivery.method, "POST");
  assert.equal(delivery.target, "/hook?a=1");
  assert.deepEqual(JSON.parse(delivery.body), { hello: "world" });
  assert.equal(delivery.headers["content-type"], "application/json");
  assert.equal(delivery.headers["upstash-message-id"], messageId);
  assert.equal(delivery.headers["upstash-retried"], "0");
  assert.equal(delivery.headers["user-agent"], "Upstash-QStash");
});

test("bytes arrive as they are", async (t) => {
  const { client, destination } = await start(t);
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  await client.publish({ url: destination.at("/hook"), body: bytes });
  const delivery = await destination.arrival();
  assert.deepEqual(new Uint8Array(delivery.bytes), bytes);
});

test("a message without a body arrives", async (t) => {
  const { client, destination } = await start(t);
  await client.publish({ url: destination.at("/hook") });
  const delivery = await destination.next();
  assert.equal(delivery.body, "");
});

for (const method of ["GET", "PUT", "PATCH", "DELETE"]) {
  test(`a message is delivered with ${method}`, async (t) => {
    const { client, destination } = await start(t);
    await client.publish({ url: destination.at("/hook"), method });
    assert.equal((await destination.next()).method, method);
  });
}

test("headers are forwarded and telemetry is not", async (t) => {
  const { client, destination } = await start(t);
  await client.publish({ url: destination.at("/hook"), body: "x", headers: { "X-Trace": "abc", "Content-Type": "text/x" } });

  const { headers } = await destination.next();
  assert.equal(headers["x-trace"], "abc");
  assert.equal(headers["content-type"], "text/x");
  assert.deepEqual(
    Object.keys(headers).filter((name) => name.includes("telemetry")),
    [],
  );
});

test("headers of the client go along with every message", async (t) => {
  const { client, destination } = await start(t, { headers: { "X-App": "shop", "Upstash-Retries": "7" } });
  await client.publish({ url: destination.at("/hook"), headers: { "X-Trace": "abc" } });
  const { headers } = await destination.next();
  assert.equal(headers["x-app"], "shop");
  assert.equal(headers["x-trace"], "abc");
  assert.equal(headers["upstash-max-retries"], "7");
});

test("a message can be read while it waits, with every option it was given", async (t) => {
  const { client, destination } = await start(t);
  const { messageId } = await client.publish({
    url: destination.at("/later"),
    body: "later",
    method: "PUT",
    headers: { "X-Trace": "abc" },
    delay: HOUR,
    retries: 7,
    retryDelay: "1000 * (1 + retried)",
    timeout: "30s",
    callback: destination.at("/done"),
    failureCallback: destination.at("/failed"),
    flowControl: { key: "pool", parallelism: 2, rate: 10, period: "1m" },
    label: "render",
  });

  const message = await client.messages.get(messageId);
  assert.equal(message.messageId, messageId);
  assert.equal(message.url, destination.at("/later"));
  assert.equal(message.method, "PUT");
  assert.equal(message.body, "later");
  assert.deepEqual(message.header["X-Trace"], ["abc"]);
  assert.equal(message.maxRetries, 7);
  assert.equal(message.retryDelayExpression, "1000 * (1 + retried)");
  assert.equal(message.callback, destination.at("/done"));
  assert.equal(message.failureCallback, destination.at("/failed"));
  assert.equal(message.flowControlKey, "pool");
  assert.equal(message.parallelism, 2);
  assert.equal(message.ratePerSecond, 10);
  assert.equal(message.period, 60);
  assert.equal(message.label, "render");
  assert.equal(message.notBefore - message.createdAt, HOUR * 1000);
});

test("a message waits for a time of its own", async (t) => {
  const { client, destination } = await start(t);
  const notBefore = Math.floor(Date.now() / 1000) + HOUR;
  const { messageId } = await client.publish({ url: destination.at("/hook"), notBefore });
  assert.equal((await client.messages.get(messageId)).notBefore, notBefore * 1000);
});

test("several labels are kept", async (t) => {
  const { client, destination } = await start(t);
  const { messageId } = await client.publish({ url: destination.at("/hook"), delay: "1h", label: ["eu", "urgent"] });
  const message = await client.messages.get(messageId);
  assert.deepEqual(message.labels, ["eu", "urgent"]);
});

test("a failed attempt is retried as often as it was told", async (t) => {
  const { client, destination } = await start(t);
  destination.answers("/flaky", [500], [503]);
  await client.publish({ url: destination.at("/flaky"), retries: 2, retryDelay: "0" });
  const deliveries = (await destination.byPath(3))["/flaky"];
  assert.deepEqual(
    deliveries.map(({ headers }) => headers["upstash-retried"]),
    ["0", "1", "2"],
  );
  assert.equal(new Set(deliveries.map(({ headers }) => headers["upstash-message-id"])).size, 1);
});

test("a message with a known id is published once", async (t) => {
  const { client, destination } = await start(t);
  const message = { url: destination.at("/hook"), body: "once", delay: HOUR, deduplicationId: "order-7" };
  const first = await client.publish(message);
  const second = await client.publish(message);
  assert.equal(first.deduplicated, undefined);
  assert.deepEqual(second, { messageId: first.messageId, deduplicated: true });
});

test("messages with the same content are published once", async (t) => {
  const { client, destination } = await start(t);
  const message = { url: destination.at("/hook"), delay: HOUR, contentBasedDeduplication: true };
  const first = await client.publish({ ...message, body: "a" });
  const second = await client.publish({ ...message, body: "a" });
  const third = await client.publish({ ...message, body: "b" });
  assert.deepEqual(second, { messageId: first.messageId, deduplicated: true });
  assert.equal(third.deduplicated, undefined);
});

test("what is redacted is delivered and not shown", async (t) => {
  const { client, destination } = await start(t);
  const message = {
    url: destination.at("/secret"),
    body: "secret",
    headers: { "X-Key": "hidden", "X-Open": "shown" },
    redact: { body: true, header: ["X-Key"] },
  };
  await client.publish(message);
  const delivery = await destination.next();
  assert.equal(delivery.body, "secret");
  assert.equal(delivery.headers["x-key"], "hidden");

  const { messageId } = await client.publish({ ...message, delay: HOUR });
  const stored = await client.messages.get(messageId);
  assert.match(stored.body, /^REDACTED:[0-9a-f]{64}$/);
  assert.match(stored.header["X-Key"][0], /^REDACTED:/);
  assert.deepEqual(stored.header["X-Open"], ["shown"]);
});

test("all headers can be redacted", async (t) => {
  const { client, destination } = await start(t);
  const headers = { "X-Key": "hidden" };
  const { messageId } = await client.publish({ url: destination.at("/hook"), delay: HOUR, headers, redact: { header: true } });
  assert.match((await client.messages.get(messageId)).header["X-Key"][0], /^REDACTED:/);
});

test("a wrong token is an error with its status", async (t) => {
  const { url, destination } = await start(t);
  const error = await refused(stranger(url).publish({ url: destination.at("/hook") }), 401);
  assert.ok(error instanceof QstashError);
  assert.ok(JSON.parse(error.message).error);
});

test("a token that only reads publishes nothing", async (t) => {
  const { client, url, destination } = await start(t);
  const { messageId } = await client.publish({ url: destination.at("/hook"), delay: HOUR });
  assert.equal((await reader(url).messages.get(messageId)).messageId, messageId);
  await refused(reader(url).publish({ url: destination.at("/hook") }), 401);
  await refused(reader(url).messages.cancel(messageId), 401);
});

test("a destination without a scheme is refused", async (t) => {
  const { client } = await start(t);
  const error = await refused(client.publish({ url: "example.com/hook" }), 400);
  assert.match(error.message, /add http:\/\/ or https:\/\//);
});

test("a deduplication id with a colon is refused", async (t) => {
  const { client, destination } = await start(t);
  const error = await refused(client.publish({ url: destination.at("/hook"), deduplicationId: "a:b" }), 400);
  assert.match(error.message, /DeduplicationId cannot contain ':'/);
});

test("an unknown message is not found", async (t) => {
  const { client } = await start(t);
  await refused(client.messages.get("msg_unknown"), 404);
});
