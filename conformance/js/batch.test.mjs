// Batches of everything.

import assert from "node:assert/strict";
import test from "node:test";

import { start } from "./support.mjs";

test("a batch mixes URLs, groups and queues, and is answered in its order", async (t) => {
  const { client, destination } = await start(t);
  await client.urlGroups.addEndpoints({
    name: "everybody",
    endpoints: [{ url: destination.at("/one") }, { url: destination.at("/two") }],
  });

  const answers = await client.batchJSON([
    { url: destination.at("/plain"), body: { n: 1 }, headers: { "X-Trace": "abc" } },
    { urlGroup: "everybody", body: { n: 2 } },
    { url: destination.at("/queued"), queueName: "emails", body: { n: 3 } },
  ]);

  assert.equal(answers.length, 3);
  assert.ok(answers[0].messageId);
  assert.deepEqual(
    answers[1].map(({ url }) => url),
    [destination.at("/one"), destination.at("/two")],
  );
  assert.ok(answers[2].messageId);
  const deliveries = await destination.byPath(4);
  const bodies = Object.entries(deliveries).map(([path, [{ body }]]) => [path, body]);
  assert.deepEqual(Object.fromEntries(bodies), {
    "/plain": '{"n":1}',
    "/one": '{"n":2}',
    "/two": '{"n":2}',
    "/queued": '{"n":3}',
  });
  const [plain] = deliveries["/plain"];
  assert.equal(plain.headers["x-trace"], "abc");
  assert.equal(plain.headers["content-type"], "application/json");
  assert.equal(deliveries["/one"][0].headers["upstash-topic-name"], "everybody");
});

test("every option of a message works in a batch", async (t) => {
  const { client, destination } = await start(t);
  const message = { url: destination.at("/hook"), delay: 60, retries: 7, label: "a", deduplicationId: "order-7" };
  const [first, second] = await client.batch([
    { ...message, method: "PATCH", flowControl: { key: "pool", rate: 1 }, callback: destination.at("/done") },
    message,
  ]);
  assert.deepEqual(second, { messageId: first.messageId, deduplicated: true });
  const stored = await client.messages.get(first.messageId);
  assert.equal(stored.method, "PATCH");
  assert.equal(stored.maxRetries, 7);
  assert.equal(stored.flowControlKey, "pool");
  assert.equal(stored.callback, destination.at("/done"));
});

test("an item that is refused leaves the others alone", async (t) => {
  const { client, destination } = await start(t);
  const answers = await client.batch([{ url: "ftp://example.com" }, { url: destination.at("/hook"), body: "fine" }]);
  assert.match(answers[0].error, /scheme/);
  assert.ok(answers[1].messageId);
  assert.equal((await destination.next()).body, "fine");
});
