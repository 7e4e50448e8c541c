// Writes what the SDK sends for each message of messages.json: `node record.mjs <messages> <recording>`.

import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";

import { Client } from "@upstash/qstash";

const [, , messages, recording] = process.argv;

let sent;
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const headers = Object.entries(request.headers).filter(
    ([name]) => name === "content-type" || (name.startsWith("upstash-") && !name.startsWith("upstash-telemetry-")),
  );
  sent = {
    body: Buffer.concat(chunks).toString(),
    headers: Object.fromEntries(headers.sort()),
    method: request.method,
    path: request.url,
  };
  response.end('{"messageId":"msg_1","scheduleId":"scd_1"}');
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const client = new Client({
  baseUrl: `http://127.0.0.1:${server.address().port}`,
  token: "a token",
  retry: false,
  enableTelemetry: false,
});

/** What the SDK calls the values of a message. */
function request(message) {
  const { url, urlGroup, json, body, contentType, forward, forwardAllHeaders, callback, failureCallback } = message;
  const headers = { ...forward };
  if (contentType) headers["Content-Type"] = contentType;
  if (forwardAllHeaders) headers["Upstash-Header-Forward"] = "true";
  for (const [name, value] of Object.entries(callback?.settings ?? {})) headers[`Upstash-Callback-${name}`] = value;
  for (const [name, value] of Object.entries(failureCallback?.settings ?? {})) {
    headers[`Upstash-Failure-Callback-${name}`] = value;
  }
  const { method, delay, notBefore, timeout, retries, retryDelay, flowControl, redact } = message;
  const { deduplicationId, contentBasedDeduplication, labels } = message;
  return {
    ...(urlGroup ? { urlGroup } : { url: url ?? "https://example.com/hook" }),
    body: json ?? body,
    headers,
    ...{ method, delay, notBefore, timeout, retries, retryDelay, flowControl, redact },
    ...{ deduplicationId, contentBasedDeduplication },
    label: labels?.length === 1 ? labels[0] : labels,
    callback: callback?.url,
    failureCallback: failureCallback?.url,
  };
}

async function send(message) {
  const { verb, queue, cron, scheduleId, json } = message;
  const { url, ...options } = request(message);
  switch (verb) {
    case "schedule": {
      const body = json && JSON.stringify(json);
      return client.schedules.create({ ...options, body, destination: url, cron, scheduleId, queueName: queue });
    }
    case "batch":
      return client[json ? "batchJSON" : "batch"]([{ url, ...options, queueName: queue }]);
    case "enqueue":
      return client.queue({ queueName: queue })[json ? "enqueueJSON" : "enqueue"]({ url, ...options });
    default:
      return client[json ? "publishJSON" : "publish"]({ url, ...options });
  }
}

const recorded = {};
for (const [option, message] of Object.entries(JSON.parse(await readFile(messages)))) {
  await send(message);
  recorded[option] = sent;
}
await writeFile(recording, JSON.stringify(recorded, null, 2) + "\n");
process.exit();
