// Providers, which are destinations with a credential.

import assert from "node:assert/strict";
import test from "node:test";

import { custom, openai, resend } from "@upstash/qstash";

import { decoded, start } from "./support.mjs";

test("the answer of a language model comes back in a callback", async (t) => {
  const { client, destination } = await start(t);
  const path = "/v1/chat/completions";
  destination.answers(path, [200, { "content-type": "application/json" }, '{"choices":[]}']);
  await client.publishJSON({
    api: { name: "llm", provider: custom({ baseUrl: destination.at(""), token: "a key" }) },
    body: { model: "small", messages: [{ role: "user", content: "hello" }] },
    callback: destination.at("/done"),
  });
  const deliveries = await destination.byPath(2);
  const [question] = deliveries[path];
  assert.equal(question.headers.authorization, "Bearer a key");
  assert.equal(JSON.parse(question.body).model, "small");
  const [answer] = deliveries["/done"];
  assert.equal(decoded(JSON.parse(answer.body).body), '{"choices":[]}');
});

test("the URLs of providers are destinations like any other", async (t) => {
  const { client, destination } = await start(t);
  const message = { body: {}, delay: 60, callback: destination.at("/done") };
  const url = async (api) => {
    const { messageId } = await client.publishJSON({ api, ...message });
    return (await client.messages.get(messageId)).url;
  };
  const model = { name: "llm", provider: openai({ token: "a key" }) };
  assert.equal(await url(model), "https://api.openai.com/v1/chat/completions");
  const email = { name: "email", provider: resend({ token: "a key" }) };
  assert.equal(await url(email), "https://api.resend.com/emails");
});
