// `devMode: true`, with qstash-dev in the place of what the SDK would download.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Runs a program that knows nothing but `devMode`, and gives back what it prints. */
async function run(home, port) {
  const program = spawn(process.execPath, ["--import", here("no-network.mjs"), here("dev-mode-program.mjs")], {
    env: { HOME: home, QSTASH_DEV_PORT: String(port) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  program.stdout.on("data", (text) => (printed += text));
  const [code] = await once(program, "close");
  assert.equal(code, 0, printed);
  return printed;
}

/** A port that is free, as the one after it is, which the server takes for its log. */
async function freePort() {
  const listen = async (port) => {
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  for (;;) {
    const first = await listen(0);
    const { port } = first.address();
    const second = await listen(port + 1).catch(() => undefined);
    for (const server of [first, second]) {
      server?.close();
      if (server) await once(server, "close");
    }
    if (second) return port;
  }
}

test("the SDK starts qstash-dev in place of its download", async () => {
  const home = await mkdtemp(join(process.env.CONFORMANCE_HOME, "dev-mode-"));
  const caches = process.platform === "darwin" ? "Library/Caches" : ".cache";
  const folder = join(home, caches, "upstash/qstash-dev");
  await mkdir(folder, { recursive: true });
  await symlink(process.env.QSTASH_DEV_BINARY, join(folder, "qstash"));
  const printed = await run(home, await freePort());
  assert.match(printed, /using local/);
  assert.match(printed, /a verified callback/);
});

test("the SDK finds a qstash-dev that is running", async (t) => {
  const home = await mkdtemp(join(process.env.CONFORMANCE_HOME, "dev-mode-"));
  const port = await freePort();
  const server = spawn(process.env.QSTASH_DEV_BINARY, ["dev", "--port", String(port)], {
    env: { HOME: home },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => server.kill("SIGKILL"));
  for await (const line of createInterface(server.stdout)) {
    if (/running/i.test(line)) break;
  }
  const printed = await run(home, port);
  assert.match(printed, /already running/);
  assert.match(printed, /a verified callback/);
});
