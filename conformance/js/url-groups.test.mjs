// URL groups.

import assert from "node:assert/strict";
import test from "node:test";

import { refused, start } from "./support.mjs";

test("a message to a group goes to each of its endpoints", async (t) => {
  const { client, destination } = await start(t);
  const endpoints = [{ name: "one", url: destination.at("/one") }, { url: destination.at("/two") }];
  await client.urlGroups.addEndpoints({ name: "everybody", endpoints });

  const answers = await client.publishJSON({ urlGroup: "everybody", body: 7, callback: destination.at("/done") });

  assert.deepEqual(
    answers.map(({ url }) => url),
    endpoints.map(({ url }) => url),
  );
  assert.notEqual(answers[0].messageId, answers[1].messageId);
  const deliveries = await destination.byPath(4);
  assert.equal(deliveries["/one"][0].headers["upstash-topic-name"], "everybody");
  assert.equal(deliveries["/two"][0].headers["upstash-message-id"], answers[1].messageId);
  const callbacks = deliveries["/done"].map(({ body }) => JSON.parse(body));
  assert.deepEqual(callbacks.map(({ endpointName }) => endpointName).sort(), ["one", undefined]);
  assert.deepEqual(new Set(callbacks.map(({ topicName }) => topicName)), new Set(["everybody"]));
});

test("groups are made, changed, read, listed and deleted", async (t) => {
  const { client, destination } = await start(t);
  const name = "everybody";
  await client.urlGroups.addEndpoints({ name, endpoints: [{ name: "one", url: destination.at("/one") }] });
  await client.urlGroups.addEndpoints({
    name,
    endpoints: [{ name: "one", url: destination.at("/uno") }, { url: destination.at("/two") }],
  });
  const group = await client.urlGroups.get(name);
  assert.equal(group.name, name);
  assert.ok(group.createdAt <= group.updatedAt);
  assert.deepEqual(group.endpoints, [{ name: "one", url: destination.at("/uno") }, { url: destination.at("/two") }]);
  assert.deepEqual(
    (await client.urlGroups.list()).map(({ name }) => name),
    [name],
  );

  await client.urlGroups.removeEndpoints({ name, endpoints: [{ name: "one" }] });
  assert.deepEqual((await client.urlGroups.get(name)).endpoints, [{ url: destination.at("/two") }]);
  await client.urlGroups.removeEndpoints({ name, endpoints: [{ url: destination.at("/two") }] });
  await refused(client.urlGroups.get(name), 404);
  await client.urlGroups.delete(name);
});

test("a group is deduplicated per endpoint", async (t) => {
  const { client, destination } = await start(t);
  const name = "everybody";
  await client.urlGroups.addEndpoints({ name, endpoints: [{ url: destination.at("/one") }] });
  await client.publish({ urlGroup: name, deduplicationId: "order-7", delay: 60 });
  await client.urlGroups.addEndpoints({ name, endpoints: [{ url: destination.at("/two") }] });
  const answers = await client.publish({ urlGroup: name, deduplicationId: "order-7", delay: 60 });
  assert.deepEqual(
    answers.map(({ deduplicated }) => deduplicated ?? false),
    [true, false],
  );
});

test("an unknown group is not found", async (t) => {
  const { client } = await start(t);
  const error = await refused(client.publish({ urlGroup: "nobody" }), 404);
  assert.match(error.message, /topic nobody not found/);
});
