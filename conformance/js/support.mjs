// One server of its own for each test, and a destination that remembers what it was sent.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import { Client, Receiver } from "@upstash/qstash";

const TOKEN = "token-of-the-conformance-tests";
const READ_ONLY_TOKEN = "token-that-only-reads";
export const KEYS = { currentSigningKey: "sig_conformance_current_0123456789", nextSigningKey: "sig_conformance_next_0123456789ab" };

/** A server, a client of it, and a destination whose deliveries are checked by the official receiver. */
export async function start(t, options = {}) {
  const url = await startServer(t);
  const destination = await Destination.start(t, new Receiver(KEYS));
  const client = new Client({ baseUrl: url, token: TOKEN, retry: false, ...options });
  return { url, destination, client };
}

/** The same server seen by somebody with a token that it does not know. */
export function stranger(url) {
  return new Client({ baseUrl: url, token: "another token", retry: false });
}

/** The same server seen by somebody who may look and not touch. */
export function reader(url) {
  return new Client({ baseUrl: url, token: READ_ONLY_TOKEN, retry: false });
}

/** Steers the server, by what it has beside the API. */
export async function dev(url, path, body) {
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const response = await fetch(`${url}/dev/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function startServer(t) {
  const server = spawn(process.env.QSTASH_DEV_BINARY, ["--port", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      HOME: process.env.CONFORMANCE_HOME,
      QSTASH_TOKEN: TOKEN,
      QSTASH_READ_ONLY_TOKEN: READ_ONLY_TOKEN,
      QSTASH_CURRENT_SIGNING_KEY: KEYS.currentSigningKey,
      QSTASH_NEXT_SIGNING_KEY: KEYS.nextSigningKey,
    },
  });
  t.after(() => server.kill("SIGKILL"));
  for await (const line of createInterface(server.stdout)) {
    const [, url] = line.match(/QSTASH_URL="?([^"]+)/) ?? [];
    if (url) return url;
  }
  throw new Error("the server ended before it said where it listens");
}

/** A server on loopback. What arrives is kept in order, and answered with 200 unless `answers` says otherwise. */
export class Destination {
  #origin;
  #receiver;
  #answers = new Map();
  #arrived = [];
  #awaited = [];

  static async start(t, receiver) {
    const destination = new Destination();
    destination.#receiver = receiver;
    const server = createServer((request, response) => destination.#serve(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    destination.#origin = `http://127.0.0.1:${server.address().port}`;
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return destination;
  }

  /** The URL of a path here. */
  at(path) {
    return this.#origin + path;
  }

  /** Lets a path give these answers, one after the other: `[status, headers, body]`, or a promise of that. */
  answers(path, ...answers) {
    this.#answers.set(path, answers);
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const delivery = { method: request.method, target: request.url, headers: request.headers, bytes };
    const awaiting = this.#awaited.shift();
    if (awaiting) awaiting(delivery);
    else this.#arrived.push(delivery);
    const answer = await this.#answers.get(request.url)?.shift();
    const [status, headers, body] = answer ?? [200, {}, "done"];
    response.writeHead(status, headers).end(body);
  }

  /** The next delivery, as it came. */
  async arrival() {
    return this.#arrived.shift() ?? new Promise((resolve) => this.#awaited.push(resolve));
  }

  /** The next delivery, after the official receiver has found it genuine. */
  async next() {
    return this.verified(await this.arrival());
  }

  /** A delivery, if the official receiver finds it genuine. */
  async verified(delivery) {
    const body = delivery.bytes.toString();
    const signature = delivery.headers["upstash-signature"];
    const url = this.at(delivery.target);
    assert.equal(await this.#receiver.verify({ signature, body, url }), true);
    return { ...delivery, body };
  }

  /** The next so many deliveries, by their path. */
  async byPath(count) {
    const deliveries = {};
    for (let left = count; left > 0; left -= 1) {
      const delivery = await this.next();
      (deliveries[delivery.target] ??= []).push(delivery);
    }
    return deliveries;
  }
}

/** What base64 stands for. */
export function decoded(base64) {
  return Buffer.from(base64, "base64").toString();
}

/** A message that failed once and for all, by its dead letter. */
export async function deadLetter({ client, destination }, options = {}) {
  destination.answers("/broken", [500, { "content-type": "text/plain", "x-why": "test" }, "boom"]);
  const { messageId } = await client.publish({
    url: destination.at("/broken"),
    body: "work",
    retries: 0,
    failureCallback: destination.at("/failed"),
    ...options,
  });
  const deliveries = await destination.byPath(2);
  const failure = JSON.parse(deliveries["/failed"][0].body);
  assert.equal(failure.sourceMessageId, messageId);
  return { messageId, dlqId: failure.dlqId };
}

/** Asserts that a call is refused with this status, and gives back what was thrown. */
export async function refused(call, status) {
  const error = await call.then(
    () => assert.fail("the call was accepted"),
    (error) => error,
  );
  assert.equal(error.name, "QstashError", String(error));
  assert.equal(error.status, status, error.message);
  return error;
}
