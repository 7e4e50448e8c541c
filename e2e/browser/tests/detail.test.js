// One message: attempts, request, response, callbacks, bodies.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open, row, setUp } from "./stage.js";

after(closeBrowser);

const part = (page, title) => page.locator(".part").filter({ has: page.getByRole("heading", { name: title, exact: true }) });

test("a message is shown with its request, its attempts and what was answered", async (t) => {
  const { server, destination, page } = await setUp(t);
  destination.answers.set("render", { status: 503, headers: { "x-reason": "too busy" }, body: '{"retry":true}' });
  const headers = { "upstash-forward-x-tenant": "42", "upstash-label": "billing", "upstash-retry-delay": "1000 * 3600" };
  const id = await server.publish(`${destination.url}/render?a=1`, headers, '{"id":12345678901234567890,"name":"b"}');
  await open(page, server);
  await row(page, "/render").getByRole("link").click();
  const detail = page.getByLabel("Message", { exact: true });
  await detail.getByText(id).first().waitFor();
  await detail.getByText(/Retry in (1 h|59 min)/).waitFor();
  await detail.getByText("up to 3, after 1000 * 3600 ms").waitFor();
  await part(page, "Request").getByRole("row", { name: "X-Tenant 42" }).waitFor();
  assert.match(await part(page, "Request").getByLabel("Body").textContent(), /^\{\n {2}"id": 12345678901234567890,\n {2}"name": "b"\n\}$/);
  await part(page, "Request").getByRole("button", { name: "Raw" }).click();
  assert.equal(await part(page, "Request").getByLabel("Body").textContent(), '{"id":12345678901234567890,"name":"b"}');

  await part(page, "Attempts").getByText("the destination answered 503").click();
  await part(page, "Attempts").getByText(/^Next attempt:/).waitFor();
  await part(page, "Attempts").getByRole("row", { name: "X-Reason too busy" }).waitFor();
  assert.equal(await part(page, "Attempts").getByLabel("Response body").textContent(), '{\n  "retry": true\n}');
});

test("the detail follows the message, and what is open stays open", async (t) => {
  const { server, destination, page } = await setUp(t);
  destination.answers.set("flaky", { status: 500, body: "not yet" });
  const id = await server.publish(`${destination.url}/flaky`, { "upstash-retry-delay": "1000", "upstash-retries": "500" });
  await open(page, server, `#/messages/${id}`);
  await part(page, "Attempts").getByText("#1").click();
  await part(page, "Attempts").getByText("not yet").waitFor();
  destination.answers.set("flaky", { status: 200, body: "now" });
  await part(page, "Attempts").getByText("delivered").click();
  await part(page, "Attempts").getByLabel("Response body").getByText("now").waitFor();
  await part(page, "Attempts").getByText("not yet").waitFor();
});

test("callbacks are linked both ways, and what they report is decoded", async (t) => {
  const { server, destination, page } = await setUp(t);
  const callbacks = { "upstash-callback": `${destination.url}/done`, "upstash-failure-callback": `${destination.url}/failed` };
  destination.answers.set("work", { status: 400, body: "cannot do that" });
  const id = await server.publish(`${destination.url}/work`, { ...callbacks, "upstash-retries": "0" }, "the work");
  await open(page, server, `#/messages/${id}`);
  await part(page, "Callbacks").getByRole("listitem").filter({ hasText: "Delivered" }).nth(1).waitFor();
  const failure = part(page, "Callbacks").getByRole("listitem").filter({ hasText: "failure callback" });
  await failure.getByRole("link").click();
  const report = part(page, "What it reports");
  await report.getByText("400").waitFor();
  await report.getByText("1 of 1").waitFor();
  await report.getByText("Dead letter").waitFor();
  assert.equal(await report.getByLabel("Response body, decoded").textContent(), "cannot do that");
  assert.equal(await report.getByLabel("Source body, decoded").textContent(), "the work");
  await page.getByRole("link", { name: id }).click();
  await page.getByRole("heading", { name: "/work" }).waitFor();
});

test("bodies that are no text are shown as bytes, and long ones in part", async (t) => {
  const { server, destination, page } = await setUp(t);
  const binary = await server.publish(`${destination.url}/binary`, {}, Buffer.from([0xff, 0x00, 0x41, 0x42]));
  const long = await server.publish(`${destination.url}/long`, {}, "line\n".repeat(10_000));
  const deep = await server.publish(`${destination.url}/deep`, {}, "[".repeat(50_000) + "]".repeat(50_000));
  await open(page, server, `#/messages/${binary}`);
  const body = part(page, "Request").getByLabel("Body");
  await page.getByText("binary, 4 B").waitFor();
  assert.match(await body.textContent(), /^000000 {2}ff 00 41 42 +\.\.AB$/);
  await page.goto(`${server.url}/#/messages/${long}`);
  await page.getByText("text, 48.8 KiB").waitFor();
  assert.equal((await body.textContent()).length, 20_000);
  await page.getByRole("button", { name: "Show all" }).click();
  assert.equal((await body.textContent()).length, 50_000);
  await page.goto(`${server.url}/#/messages/${deep}`);
  await page.getByText("text, 97.7 KiB").waitFor();
});

test("what is redacted stays hidden", async (t) => {
  const { server, destination, page } = await setUp(t);
  const headers = { "upstash-redact-fields": "body,header[Authorization]", "upstash-forward-authorization": "canary-1" };
  const id = await server.publish(`${destination.url}/secret`, headers, "canary-2");
  await open(page, server, `#/messages/${id}`);
  await part(page, "Request").getByText(/REDACTED:/).first().waitFor();
  assert.doesNotMatch(await page.content(), /canary/);
});

test("a message that the log does not know is told so", async (t) => {
  const { server, page } = await setUp(t);
  await open(page, server, "#/messages/msg_unknown");
  await page.getByText("message msg_unknown is not in the log").waitFor();
});
