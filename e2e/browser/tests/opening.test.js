// How the page is opened, what it says first, and what it does when the server is gone.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Server, TOKEN, closeBrowser, open, row, setUp } from "./stage.js";

after(closeBrowser);

test("the link opens the page, and the token leaves the address", async (t) => {
  const { server, page } = await setUp(t);
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await open(page, server);
  assert.equal(page.url(), `${server.url}/`);
  await page.getByRole("heading", { name: "No messages yet" }).waitFor();
  const secrets = [TOKEN, encodeURIComponent(TOKEN)];
  assert.ok(asked.every((url) => !secrets.some((secret) => new URL(url).search.includes(secret))));
  assert.ok(asked.every((url) => url.startsWith(`${server.url}/`)), "nothing is loaded from elsewhere");

  await page.reload();
  await page.getByRole("status").getByText("live").waitFor();
});

test("without a token the page asks for it, until it is the right one", async (t) => {
  const { server, page } = await setUp(t);
  await page.goto(server.url);
  await page.getByRole("status").getByText("waiting for a token").waitFor();
  const field = page.getByLabel("Token");
  await field.fill("wrong");
  await field.press("Enter");
  await page.getByRole("alert").getByText("unknown token").waitFor();
  await field.fill(TOKEN);
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByRole("status").getByText("live").waitFor();
  await page.getByRole("heading", { name: "No messages yet" }).waitFor();
});

test("a link with a wrong token ends with the question for the right one", async (t) => {
  const { server, page } = await setUp(t);
  await page.goto(`${server.url}/#token=wrong`);
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByLabel("Token").press("Enter");
  await page.getByRole("status").getByText("live").waitFor();
});

test("the link also works in a page that is open already", async (t) => {
  const { server, page } = await setUp(t);
  await page.goto(`${server.url}/#token=wrong`);
  await page.getByRole("alert").waitFor();
  await page.goto(server.link);
  await page.getByRole("status").getByText("live").waitFor();
  assert.equal(page.url(), `${server.url}/`);
});

test("the empty page tells how to publish the first message, and that works", async (t) => {
  const { server, page } = await setUp(t);
  await open(page, server);
  const line = await page.locator("#first-publish").textContent();
  await promisify(execFile)("sh", ["-c", line], { env: { ...process.env, QSTASH_TOKEN: TOKEN } });
  await row(page, "/echo").getByText("Delivered").waitFor();
  await page.getByRole("heading", { name: "No messages yet" }).waitFor({ state: "hidden" });
});

test("that the connection is lost and regained is shown, and the page catches up", async (t) => {
  const { server, destination, page } = await setUp(t);
  await server.publish(`${destination.url}/before`);
  await open(page, server);
  await row(page, "/before").waitFor();
  const port = server.port;
  await server.stop();
  await page.getByRole("status").getByText("connection lost").waitFor();
  assert.equal(await row(page, "/before").count(), 1, "what was there stays readable");

  const successor = await Server.start(port);
  t.after(() => successor.stop());
  await successor.publish(`${destination.url}/after`);
  await page.getByText("Connected again.").waitFor();
  await page.getByRole("status").getByText("live").waitFor();
  await row(page, "/after").waitFor();
  assert.equal(await row(page, "/before").count(), 0, "the successor knows nothing of it");
});

test("a page that nobody looks at lets go of its connection", async (t) => {
  const { server, page } = await setUp(t);
  await open(page, server);
  const ended = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/dev/feed"));
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { value: true, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await ended;
  const again = page.waitForRequest((request) => request.url().endsWith("/dev/feed"));
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await again;
  await page.getByRole("status").getByText("live").waitFor();
});

test("a clock that was moved is told", async (t) => {
  const { server, page } = await setUp(t);
  const now = Date.now() + 3_600_000 + 20_000;
  await page.route("**/dev/feed", (route) => route.fulfill({ body: `{"now":${now},"past":0}\n` }));
  await page.goto(server.link);
  await page.getByText("clock 1 h ahead").waitFor();
});
