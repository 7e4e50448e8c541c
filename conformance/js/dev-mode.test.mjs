// `devMode: true`, with qstash-dev in the place of what the SDK would download.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, symlink } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Runs a program that knows nothing but `devMode`, and gives back how it ended and what it printed. */
async function run(home, port) {
  const program = spawn(process.execPath, ["--import", here("no-network.mjs"), here("dev-mode-program.mjs")], {
    env: { HOME: home, QSTASH_DEV_PORT: String(port) },
  });
  let printed = "";
  for (const output of [program.stdout, program.stderr]) output.on("data", (text) => (printed += text));
  const [code] = await once(program, "close");
  return { code, printed };
}

/** A home in which the SDK finds qstash-dev where it keeps its download. */
async function homeWithServer() {
  const home = await mkdtemp(join(process.env.CONFORMANCE_HOME, "dev-mode-"));
  const caches = process.platform === "darwin" ? "Library/Caches" : ".cache";
  const folder = join(home, caches, "upstash/qstash-dev");
  await mkdir(folder, { recursive: true });
  await symlink(process.env.QSTASH_DEV_BINARY, join(folder, "qstash"));
  return home;
}

/**
 * A port that is free, as the one after it is, which the server may take for its log. They are below the ports that systems
 * hand out, so that no other test gets them in the meantime.
 */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const servers = [port, port + 1].map((port) => createServer().listen(port, "127.0.0.1"));
    const listening = await Promise.allSettled(servers.map((server) => once(server, "listening")));
    for (const server of servers) server.close();
    if (listening.every(({ status }) => status === "fulfilled")) return port;
  }
}

test("the SDK starts qstash-dev in place of its download", async () => {
  const { code, printed } = await run(await homeWithServer(), await freePort());
  assert.equal(code, 0, printed);
  assert.match(printed, /using local/);
  assert.match(printed, /a verified callback/);
});

test("the SDK finds a qstash-dev that is running", async (t) => {
  const home = await mkdtemp(join(process.env.CONFORMANCE_HOME, "dev-mode-"));
  const port = await freePort();
  const server = spawn(process.env.QSTASH_DEV_BINARY, ["dev", "--port", String(port)], {
    env: { HOME: home },
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => server.kill("SIGKILL"));
  for await (const line of createInterface(server.stdout)) {
    if (/running/i.test(line)) break;
  }
  const { code, printed } = await run(home, port);
  assert.equal(code, 0, printed);
  assert.match(printed, /already running/);
  assert.match(printed, /a verified callback/);
});

test("the SDK understands that the port is taken", async (t) => {
  const port = await freePort();
  const other = createHttpServer((_, response) => response.writeHead(404).end()).listen(port, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const { code, printed } = await run(await homeWithServer(), port);
  assert.notEqual(code, 0);
  assert.match(printed, /Port already in use/);
});
