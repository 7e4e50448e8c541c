// What the tests play on: the built server, a destination, a browser. Everything is on loopback, on ports of its own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

for (const name of ["CHROMIUM", "QSTASH_DEV"]) assert.ok(process.env[name], `${name} names a program; see run`);

export const TOKEN = "token-of+the/page%25==";

export class Server {
  static async start(port = 0) {
    const folder = await mkdtemp(path.join(tmpdir(), "qstash-dev-page-"));
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      XDG_STATE_HOME: folder,
      QSTASH_TOKEN: TOKEN,
      QSTASH_CURRENT_SIGNING_KEY: "sig_current_of_the_page",
      QSTASH_NEXT_SIGNING_KEY: "sig_next_of_the_page",
    };
    const child = spawn(process.env.QSTASH_DEV, ["--port", String(port)], { env, stdio: ["ignore", "pipe", "ignore"] });
    const server = new Server();
    Object.assign(server, { child, folder });
    for await (const line of readline.createInterface({ input: child.stdout })) {
      const url = /^QSTASH_URL=(\S+)$/.exec(line);
      if (!url) continue;
      server.url = url[1];
      child.stdout.resume();
      return server;
    }
    throw new Error("the server ended before it said where it is");
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  // The link that opens the page.
  get link() {
    return `${this.url}/#token=${encodeURIComponent(TOKEN)}`;
  }

  // Calls the API. The path goes out as it is: fetch would clean the destination in it.
  async call(method, target, { headers = {}, body } = {}) {
    const request = http.request({
      host: "127.0.0.1",
      port: this.port,
      method,
      path: target,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    });
    request.end(body);
    const [answer] = await once(request, "response");
    let text = "";
    for await (const chunk of answer) text += chunk;
    if (answer.statusCode >= 300) throw new Error(`${method} ${target}: ${answer.statusCode} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  async publish(destination, headers = {}, body = '{"hello":"world"}') {
    const content = { "content-type": "application/json" };
    return (await this.call("POST", `/v2/publish/${destination}`, { headers: { ...content, ...headers }, body })).messageId;
  }

  async batch(items) {
    return this.call("POST", "/v2/batch", { headers: { "content-type": "application/json" }, body: JSON.stringify(items) });
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill("SIGKILL");
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

// Answers with the status that the path names, such as /503; what is not a number is answered with 200. "/hang" is
// answered when the test says so.
export class Destination {
  static async start() {
    const destination = new Destination();
    destination.received = [];
    destination.hanging = [];
    destination.answers = new Map();
    destination.server = http.createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      destination.received.push({ method: request.method, path: request.url, headers: request.headers, body });
      const name = request.url.split(/[/?]/)[1];
      if (name === "hang") await new Promise((resolve) => destination.hanging.push(resolve));
      const answer = destination.answers.get(name) ?? { status: Number(name) || 200, body: `answer of ${name}` };
      response.writeHead(answer.status, { "content-type": "text/plain", ...answer.headers });
      response.end(answer.body);
    });
    destination.server.listen(0, "127.0.0.1");
    await once(destination.server, "listening");
    destination.url = `http://127.0.0.1:${destination.server.address().port}`;
    return destination;
  }

  // Lets those go that hang.
  release() {
    for (const resolve of this.hanging.splice(0)) resolve();
  }

  async stop() {
    this.release();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}

// With a profile of its own, which is gone when it is closed.
export async function startBrowser(...flags) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    chromiumSandbox: false,
    args: [...FLAGS, ...flags],
  });
}

let browser;

// A test's own server, destination and page. Whatever the page complains about fails the test.
export async function setUp(t, options = {}) {
  browser ??= await startBrowser();
  const server = await Server.start();
  const destination = await Destination.start();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(60_000);
  const complaints = [];
  context.on("weberror", (error) => complaints.push(`error: ${error.error()}`));
  context.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    // The browser may have closed it on its own.
    dialog.dismiss().catch(() => {});
  });
  context.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) complaints.push(`console: ${message.text()}`);
  });
  t.after(async () => {
    await context.close();
    await destination.stop();
    await server.stop();
    assert.deepEqual(complaints, []);
  });
  return { server, destination, context, complaints, page: await context.newPage() };
}

// Opens the page as the link does that the program prints.
export async function open(page, server, place = "") {
  await page.goto(server.link);
  await page.getByRole("status").getByText("live").waitFor();
  if (place) await page.goto(`${server.url}/${place}`);
}

export function row(page, text) {
  return page.locator(".row").filter({ hasText: text });
}

export async function closeBrowser() {
  await browser?.close();
}

const SCREENSHOTS = fileURLToPath(new URL("../screenshots/", import.meta.url));

// Keeps what the page looks like, to be looked at.
export async function keep(page, name) {
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}

// The same as WebP, which is a fraction of the size: drawn by the browser, in a page that allows it.
export async function keepSmall(context, page, name) {
  const png = await page.screenshot();
  const canvas = await context.newPage();
  const drawn = await canvas.evaluate(async (base64) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.85).split(",")[1];
  }, png.toString("base64"));
  await canvas.close();
  await mkdir(SCREENSHOTS, { recursive: true });
  await writeFile(path.join(SCREENSHOTS, `${name}.webp`), Buffer.from(drawn, "base64"));
}
