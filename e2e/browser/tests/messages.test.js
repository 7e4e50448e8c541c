// The list of messages: how they move, and how they are found.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open, row, setUp } from "./stage.js";

after(closeBrowser);

test("a message is seen as it is created, active and delivered", async (t) => {
  const { server, destination, page } = await setUp(t);
  await open(page, server);
  await server.publish(`${destination.url}/hang`);
  await row(page, "/hang").getByText("Active").waitFor();
  destination.release();
  await row(page, "/hang").getByText("Delivered").waitFor();
  await row(page, "/hang").getByText("200").waitFor();
  await row(page, "/hang").getByText("1/4").waitFor();
});

test("a message that waits for its time is scheduled, and becomes active when it has come", async (t) => {
  const { server, destination, page } = await setUp(t);
  await open(page, server);
  await server.publish(`${destination.url}/later`, { "upstash-delay": "1h" });
  await server.publish(`${destination.url}/soon`, { "upstash-delay": "2s" });
  await row(page, "/later").getByText("Scheduled").waitFor();
  await row(page, "/later").getByText(/^in (1 h|59 min)/).waitFor();
  await row(page, "/soon").getByText("Delivered").waitFor();
});

test("a retry counts down", async (t) => {
  const { server, destination, page } = await setUp(t);
  await open(page, server);
  await server.publish(`${destination.url}/503`);
  const left = async () => Number(/Retry in (\d+) s/.exec(await row(page, "/503").textContent())?.[1]);
  await row(page, "/503").getByText(/Retry in \d+ s/).waitFor();
  const first = await left();
  assert.ok(first <= 12, `${first}`);
  const next = Array.from({ length: first }, (_, seconds) => seconds).join("|");
  await row(page, "/503").getByText(new RegExp(`^Retry (in (${next}) s|is due)$`)).waitFor();
});

test("a message without a delay is not taken for a scheduled one by a page whose clock is a little behind", async (t) => {
  const { server, page } = await setUp(t);
  const now = 1_700_000_000_000;
  const time = now + 500;
  const lines = [{ now, past: 1 }, { messageId: "msg_1", method: "POST", url: "http://127.0.0.1:9/mail", state: "CREATED", time, notBefore: time }];
  await page.route("**/dev/feed", (route) => route.fulfill({ body: lines.map((line) => `${JSON.stringify(line)}\n`).join("") }));
  await page.clock.setFixedTime(now);
  await page.goto(server.link);
  await row(page, "/mail").waitFor();
  assert.match(await row(page, "/mail").textContent(), /^Waiting/);
});

test("a message that has failed for good is dead, and failed once its dead letter is gone", async (t) => {
  const { server, destination, page } = await setUp(t);
  await open(page, server);
  await server.publish(`${destination.url}/500`, { "upstash-retries": "0" });
  await row(page, "/500").getByText("Dead").waitFor();
  const letters = (await server.call("GET", "/v2/dlq")).messages;
  await server.call("DELETE", `/v2/dlq/${letters[0].dlqId}`);
  await row(page, "/500").getByText("Failed").waitFor();
});

test("a message that waits behind a paused queue says so, and can be cancelled", async (t) => {
  const { server, destination, page } = await setUp(t);
  await server.call("POST", "/v2/queues", { body: '{"queueName":"emails","paused":true}' });
  await server.call("POST", `/v2/enqueue/emails/${destination.url}/mail`, { body: "x" });
  await open(page, server);
  await row(page, "/mail").getByText("Waiting").waitFor();
  await row(page, "/mail").getByRole("link").click();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Really cancel?" }).click();
  await row(page, "/mail").getByText("Cancelled").waitFor();
  await page.getByLabel("Message", { exact: true }).getByText("Cancelled").first().waitFor();
  assert.equal(destination.received.length, 0);
});

test("messages are found by text, label and URL, and by state", async (t) => {
  const { server, destination, page } = await setUp(t);
  const to = (path, headers) => ({ destination: `${destination.url}${path}`, headers, body: "x" });
  await server.batch([
    to("/orders/1", { "Upstash-Label": "billing" }),
    to("/orders/2", { "Upstash-Label": "nightly" }),
    to("/users/1", { "Upstash-Label": "billing", "Upstash-Delay": "1h" }),
  ]);
  await open(page, server);
  const shows = async (...paths) => {
    for (const path of ["/orders/1", "/orders/2", "/users/1"]) {
      await row(page, path).waitFor({ state: paths.includes(path) ? "visible" : "detached" });
    }
  };
  const search = page.getByLabel("Search messages");
  await shows("/orders/1", "/orders/2", "/users/1");
  await search.fill("orders");
  await shows("/orders/1", "/orders/2");
  await search.fill("label:billing");
  await shows("/orders/1", "/users/1");
  await search.fill("BILLING orders");
  await shows("/orders/1");
  await search.fill("nothing like it");
  await page.getByText("No message matches.").waitFor();
  await page.getByRole("button", { name: "Show all" }).click();
  await row(page, "/orders/2").getByRole("button", { name: "nightly" }).click();
  await shows("/orders/2");
  await search.fill("");
  await page.getByRole("button", { name: "Scheduled 1" }).click();
  await shows("/users/1");
  await page.getByRole("button", { name: "All 3" }).click();
  await shows("/orders/1", "/orders/2", "/users/1");
});

test("the keyboard reaches everything", async (t) => {
  const { server, destination, page } = await setUp(t);
  for (const name of ["one", "two", "three"]) await server.publish(`${destination.url}/${name}`);
  await open(page, server);
  await row(page, "/three").waitFor();
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await page.keyboard.press("/");
  await page.keyboard.type("hello");
  assert.equal(await page.getByLabel("Search messages").inputValue(), "hello");
  await page.getByLabel("Search messages").fill("");
  for (let step = 0; !(await focused()).endsWith("/three"); step += 1) {
    assert.ok(step < 20, "the first row is reached with the tabulator");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("ArrowDown");
  assert.match(await focused(), /\/two$/);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "/two" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "/two" }).waitFor({ state: "detached" });
  assert.match(await focused(), /\/two$/);
});

test("ten thousand messages do not freeze the page", async (t) => {
  const { server, page } = await setUp(t);
  const item = (number) => ({
    destination: `http://127.0.0.1:9/orders/${number}`,
    headers: { "Upstash-Delay": "1h", "Upstash-Label": number % 100 === 0 ? "round" : "other" },
    body: "x",
  });
  for (let start = 0; start < 10_000; start += 1000) {
    await server.batch(Array.from({ length: 1000 }, (_, index) => item(start + index)));
  }
  const started = performance.now();
  await open(page, server);
  await page.getByText("1 to 100 of 10,000").waitFor();
  t.diagnostic(`10,000 messages are there after ${Math.round(performance.now() - started)} ms`);
  assert.equal(await page.locator(".row").count(), 100);
  await row(page, /orders\/9999\D/).waitFor();
  await page.getByRole("button", { name: "Older" }).click();
  await page.getByText("101 to 200 of 10,000").waitFor();
  await row(page, /orders\/9899\D/).waitFor();

  const draws = page.evaluate(() => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(Math.max(...list.getEntries().map((entry) => entry.duration)))).observe({ type: "event", durationThreshold: 16 });
  }));
  await page.getByLabel("Search messages").fill("label:round");
  await page.getByText("1 to 100 of 100").waitFor({ state: "hidden" });
  assert.equal(await page.locator(".row").count(), 100);
  await page.getByLabel("Search messages").pressSequentially(" 9900");
  await row(page, "orders/9900").waitFor();
  assert.equal(await page.locator(".row").count(), 1);
  t.diagnostic(`a key press in the search takes up to ${await draws} ms`);
});
