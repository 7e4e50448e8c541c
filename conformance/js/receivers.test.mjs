// What the SDK puts before the handlers of web frameworks.

import assert from "node:assert/strict";
import test from "node:test";

import { verifySignatureAppRouter, verifySignatureEdge } from "@upstash/qstash/nextjs";
import { verifySignatureSolidjs } from "@upstash/qstash/solidjs";
import { verifySignatureSvelte } from "@upstash/qstash/svelte";

import { KEYS, start } from "./support.mjs";

const handler = async () => new Response("handled");
const WRAPPERS = {
  "the app router of Next.js": verifySignatureAppRouter(handler, KEYS),
  "the edge of Next.js": verifySignatureEdge(handler, KEYS),
  SolidStart: event(verifySignatureSolidjs(handler, KEYS)),
  SvelteKit: event(verifySignatureSvelte(handler, KEYS)),
};

function event(wrapper) {
  return (request) => wrapper({ request });
}

for (const [framework, wrapper] of Object.entries(WRAPPERS)) {
  test(`a delivery gets through to a handler of ${framework}, and nothing else does`, async (t) => {
    const { client, destination } = await start(t);
    await client.publishJSON({ url: destination.at("/hook"), body: { job: 7 } });
    const { method, target, headers, bytes } = await destination.arrival();
    const request = (headers, body) => new Request(destination.at(target), { method, headers, body });

    const genuine = await wrapper(request(headers, bytes));
    assert.equal(await genuine.text(), "handled");
    const { "upstash-signature": signature, ...unsigned } = headers;
    assert.equal((await wrapper(request(unsigned, bytes))).status, 403);
    await assert.rejects(wrapper(request(headers, "forged")), { name: "SignatureError" });
    await assert.rejects(wrapper(request({ ...headers, "upstash-signature": signature.slice(1) }, bytes)));
  });
}
