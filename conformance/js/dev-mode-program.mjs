// A program as people write it for development: nothing is configured but `devMode`.

import assert from "node:assert/strict";
import { createServer } from "node:http";

import { Client, Receiver } from "@upstash/qstash";

const client = new Client({ devMode: true });
const receiver = new Receiver({ devMode: true });

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  response.end("made");
  await receiver.verify({ signature: request.headers["upstash-signature"], body, url: origin + request.url });
  if (request.url === "/done") {
    assert.equal(atob(JSON.parse(body).body), "made");
    console.log("a verified callback");
    process.exit();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;
await client.publishJSON({ url: `${origin}/work`, body: { job: 7 }, callback: `${origin}/done` });
