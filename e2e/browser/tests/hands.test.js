// What the page can do: every button is pressed once, and the API is asked whether it did what it says.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { TOKEN, closeBrowser, keep, open, row, setUp } from "./stage.js";

after(closeBrowser);

const entry = (page, text) => page.getByRole("row").filter({ hasText: text });
const detail = (page) => page.getByLabel("Message", { exact: true });

test("a first message is published with nothing else on the machine", async (t) => {
  const { server, page } = await setUp(t);
  await open(page, server);
  await page.getByRole("link", { name: "Publish the first one" }).click();
  await page.getByLabel("Body").fill('{"hello": "page"}');
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("Published as").getByRole("link").click();
  await detail(page).getByText("Delivered", { exact: true }).waitFor();
  await detail(page).getByText("#1").click();
  assert.equal(await detail(page).getByLabel("Response body").textContent(), '{\n  "hello": "page"\n}');
  assert.equal((await server.call("GET", "/v2/logs")).logs[0].url, `${server.url}/echo`);
});

test("a message is published with every setting that the form has", async (t) => {
  const { server, destination, page } = await setUp(t);
  await open(page, server, "#/publish");
  await page.getByLabel("Destination", { exact: true }).fill(`${destination.url}/a%20b?c=d`);
  await page.getByLabel("Method").fill("PUT");
  await page.getByLabel("Queue").fill("emails");
  await page.getByLabel("Headers for the destination").fill("Content-Type: text/markdown\nX-Tenant: 42");
  await page.getByLabel("Body").fill("*hello*");
  await page.getByText("Settings").click();
  await page.getByLabel("Retries").fill("5");
  await page.getByLabel("Retry delay in milliseconds").fill("1000 * retried");
  await page.getByLabel("Timeout").fill("20s");
  await page.getByLabel("Callback", { exact: true }).fill(`${destination.url}/done`);
  await page.getByLabel("Failure callback").fill(`${destination.url}/failed`);
  await page.getByLabel("Label").fill("first");
  await keep(page, "publish");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText("Published as").waitFor();
  await row(page, "nothing").waitFor({ state: "detached" });
  const log = (await server.call("GET", "/v2/logs")).logs.find((entry) => entry.state === "DELIVERED" && entry.queueName === "emails");
  assert.equal(log.maxRetries, 5);
  const [request] = destination.received;
  assert.deepEqual([request.method, request.path, request.body], ["PUT", "/a%20b?c=d", "*hello*"]);
  assert.deepEqual([request.headers["content-type"], request.headers["x-tenant"], request.headers["upstash-label"]], ["text/markdown", "42", "first"]);

  await page.getByLabel("Headers for the destination").fill("no colon");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByText('The header "no colon" has no colon').waitFor();
  await page.getByLabel("Headers for the destination").fill("");
  await page.getByLabel("Destination", { exact: true }).fill("ftp://h/");
  await page.getByRole("button", { name: "Publish" }).click();
  await page.locator(".notice.problem").waitFor();
});

test("a message that waits is delivered now, and one that is done is published once more", async (t) => {
  const { server, destination, page } = await setUp(t);
  const id = await server.publish(`${destination.url}/later`, { "upstash-delay": "3h", "upstash-forward-x-tenant": "42", "upstash-label": "a" });
  await open(page, server, `#/messages/${id}`);
  await page.getByRole("button", { name: "Deliver now" }).click();
  await detail(page).getByText("Delivered", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Replay" }).click();
  await page.getByText("Published once more as").getByRole("link").click();
  await detail(page).getByText("Delivered", { exact: true }).waitFor();
  const [first, second] = destination.received;
  for (const name of ["content-type", "x-tenant", "upstash-label"]) assert.equal(second.headers[name], first.headers[name], name);
  assert.equal(second.body, first.body);
  assert.notEqual(second.headers["upstash-message-id"], id);
});

test("a message is copied as commands that publish it", async (t) => {
  const { server, destination, context, page } = await setUp(t);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const body = `{"it's": "\\"quoted\\"", "dollar": "$HOME"}`;
  const id = await server.publish(`${destination.url}/copied?a=b`, { "upstash-forward-x-odd": "it's; $(false)", "upstash-retries": "2" }, body);
  await open(page, server, `#/messages/${id}`);
  await page.getByRole("button", { name: "Copy as curl" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  const { execFile } = await import("node:child_process");
  const { promisify } = await import("node:util");
  const line = await page.evaluate(() => navigator.clipboard.readText());
  await promisify(execFile)("sh", ["-c", line], { env: { ...process.env, QSTASH_TOKEN: TOKEN, QSTASH_URL: server.url } });
  await row(page, "/copied").nth(1).getByText("Delivered").waitFor();
  const [first, second] = destination.received;
  assert.deepEqual([second.body, second.headers["x-odd"], second.path], [first.body, first.headers["x-odd"], first.path]);

  await page.getByRole("button", { name: "Copy as Rust" }).click();
  const rust = await page.evaluate(() => navigator.clipboard.readText());
  for (const part of [`Message::to("${destination.url}/copied?a=b")`, `.body(${JSON.stringify(body)})`, ".retries(2)", `.forward("X-Odd", "it's; $(false)")`]) {
    assert.ok(rust.includes(part), rust);
  }
});

test("what a stranger sent is copied as text, byte for byte, and names no file", async (t) => {
  const { server, destination, context, page } = await setUp(t);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const { execFile } = await import("node:child_process");
  const { promisify } = await import("node:util");
  const copied = async (body, as, headers = {}) => {
    const id = await server.publish(`${destination.url}/stranger?x=[1-2]`, headers, body);
    await open(page, server, `#/messages/${id}`);
    await page.getByRole("button", { name: `Copy as ${as}` }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const line = await copied("@/etc/hostname", "curl", { "upstash-forward-x-empty": "" });
  await promisify(execFile)("sh", ["-c", line], { env: { ...process.env, QSTASH_TOKEN: TOKEN, QSTASH_URL: server.url } });
  await row(page, "/stranger").nth(1).getByText("Delivered").waitFor();
  const [first, second] = destination.received;
  assert.deepEqual([second.body, second.headers["x-empty"], second.path], ["@/etc/hostname", "", first.path]);

  for (const key of ["\u007f", "\u001b[201~", "\u009b"]) {
    const withKey = await copied(`a${key}b`, "curl");
    assert.ok(withKey.endsWith("--data-binary @body") && !/[^\n -~]/.test(withKey), withKey);
  }
  const rust = await copied('C:\\bin "\\u00e9" \u001b\u202e\u007f\ttab', "Rust");
  assert.ok(rust.includes(String.raw`.body("C:\\bin \"\\u00e9\" \u{1b}\u{202e}\u{7f}\ttab")`), rust);
});

test("what was sent and what came back is shown for each attempt, and drawn in time", async (t) => {
  const { server, destination, page } = await setUp(t);
  const id = await server.publish(`${destination.url}/503`, { "upstash-retries": "2", "upstash-forward-x-tenant": "42" });
  await server.call("POST", "/dev/clock", { body: '{"advance": "1d"}' });
  await open(page, server, `#/messages/${id}`);
  const spans = page.getByRole("list", { name: "Timeline" }).getByRole("listitem");
  await spans.nth(4).waitFor();
  const texts = await spans.evaluateAll((nodes) => nodes.map((node) => node.getAttribute("aria-label")));
  assert.match(texts[0], /^attempt 1 \d+ ms, answered 503$/);
  assert.match(texts[1], /^waited \d+ s$/);
  assert.match(texts.at(-1), /^attempt 3 /);
  await page.getByText("#3").click();
  const sent = page.getByRole("table", { name: "headers that were sent" });
  await sent.getByRole("row", { name: "X-Tenant 42" }).waitFor();
  await sent.getByRole("row", { name: "Upstash-Retried 2" }).waitFor();
  await keep(page, "timeline");
});

test("time is moved, and what is due then happens", async (t) => {
  const { server, destination, page } = await setUp(t);
  await server.publish(`${destination.url}/later`, { "upstash-delay": "2d" });
  await open(page, server, "#/control");
  await page.getByText("the time of this machine").waitFor();
  await page.getByRole("button", { name: "+ 1 d" }).click();
  await page.getByText("clock 1 d ahead").waitFor();
  await page.getByLabel("Move the clock by").fill("1d1h");
  await page.getByRole("button", { name: "Move", exact: true }).click();
  await page.getByText("clock 2 d 1 h ahead").waitFor();
  await page.getByRole("link", { name: "Messages" }).click();
  await row(page, "/later").getByText("Delivered").waitFor();
  await page.getByRole("link", { name: "Control", exact: true }).click();
  await page.getByLabel("Move the clock by").fill("a while");
  await page.getByRole("button", { name: "Move", exact: true }).click();
  await page.getByText("advance: expected a span").waitFor();
});

test("faults are set and cleared, and everything is forgotten", async (t) => {
  const { server, destination, page } = await setUp(t);
  await open(page, server, "#/control");
  await page.getByLabel("Status").fill("502");
  await page.getByLabel("Only for this URL").fill(`${destination.url}/work`);
  await page.getByLabel("How often").fill("2");
  await page.getByRole("button", { name: "Set" }).click();
  const waiting = page.getByRole("list", { name: "Faults that are still to happen" });
  await waiting.getByText("the destination answers a status (502), 2 times").waitFor();
  await page.getByLabel("Next time").selectOption("hang");
  await page.getByLabel("Only for this URL").fill("");
  await page.getByLabel("How often").fill("1");
  await page.getByRole("button", { name: "Set" }).click();
  await waiting.getByText("the destination never answers, once").waitFor();
  await keep(page, "control");
  await waiting.getByRole("listitem").filter({ hasText: "never answers" }).getByRole("button", { name: "Clear" }).click();
  await waiting.getByText("never answers").waitFor({ state: "detached" });
  const id = await server.publish(`${destination.url}/work`, { "upstash-retries": "0" });
  await server.call("POST", "/dev/wait", { body: JSON.stringify({ messageId: id, state: "FAILED" }) });
  assert.equal(destination.received.length, 0);

  await page.getByRole("button", { name: "Forget everything" }).click();
  await page.getByRole("button", { name: "Really forget everything?" }).click();
  await page.getByText("Everything is forgotten").waitFor();
  await waiting.getByText("None are set.").waitFor();
  await page.getByRole("link", { name: "Messages" }).click();
  await page.getByRole("heading", { name: "No messages yet" }).waitFor();
});

test("a schedule runs now and is deleted, a queue is changed and deleted", async (t) => {
  const { server, destination, page } = await setUp(t);
  await server.call("POST", `/v2/schedules/${destination.url}/greet`, { headers: { "upstash-cron": "0 0 1 1 *", "upstash-schedule-id": "new-year" }, body: "x" });
  await server.call("POST", "/v2/queues", { body: '{"queueName":"emails","parallelism":2}' });
  await open(page, server, "#/schedules");
  await entry(page, "new-year").getByRole("button", { name: "Run now" }).click();
  await entry(page, "new-year").getByRole("link", { name: "Delivered" }).waitFor();
  assert.equal(destination.received.length, 1);
  await entry(page, "new-year").getByRole("button", { name: "Delete" }).click();
  await entry(page, "new-year").getByRole("button", { name: "Really delete?" }).click();
  await page.getByText("No schedules.").waitFor();

  await page.getByRole("link", { name: "Queues" }).click();
  await page.getByLabel("Parallelism of emails").fill("7");
  await page.getByLabel("Parallelism of emails").press("Enter");
  await page.getByText("Changed").waitFor();
  assert.equal((await server.call("GET", "/v2/queues/emails")).parallelism, 7);
  await entry(page, "emails").getByRole("button", { name: "Delete" }).click();
  await entry(page, "emails").getByRole("button", { name: "Really delete?" }).click();
  await page.getByText("No queues.").waitFor();
});

test("a question stays while what it is about changes, and so does what is being typed", async (t) => {
  const { server, destination, page } = await setUp(t);
  const resize = (queueName, parallelism) => server.call("POST", "/v2/queues", { body: JSON.stringify({ queueName, parallelism }) });
  await resize("emails", 2);
  await resize("reports", 2);
  await open(page, server, "#/queues");
  await entry(page, "emails").getByRole("button", { name: "Delete" }).click();
  await resize("emails", 9);
  await resize("reports", 9);
  await page.waitForFunction(() => document.querySelector('[aria-label="Parallelism of reports"]').value === "9");
  await entry(page, "emails").getByRole("button", { name: "Really delete?" }).click();
  await entry(page, "emails").waitFor({ state: "detached" });
  assert.deepEqual((await server.call("GET", "/v2/queues")).map((queue) => queue.name), ["reports"]);

  const typed = page.getByLabel("Parallelism of reports");
  await typed.fill("5");
  await resize("reports", 3);
  await resize("invoices", 2);
  await entry(page, "invoices").waitFor();
  assert.equal(await typed.inputValue(), "5");
  await typed.press("Enter");
  await page.getByText("Changed").waitFor();
  assert.equal((await server.call("GET", "/v2/queues/reports")).parallelism, 5);

  const headers = { "upstash-retries": "5", "upstash-retry-delay": "3600000" };
  const { messageId } = await server.call("POST", `/v2/publish/${destination.url}/500`, { headers, body: "x" });
  await open(page, server, `#/messages/${messageId}`);
  await detail(page).getByText("#1").waitFor();
  await detail(page).getByRole("button", { name: "Cancel" }).click();
  await server.call("POST", `/dev/messages/${messageId}/deliver`);
  await detail(page).getByText("#2").waitFor();
  await detail(page).getByRole("button", { name: "Really cancel?" }).click();
  await page.getByText("Cancelled", { exact: true }).waitFor();
});

test("calls that were refused are listed with their reasons", async (t) => {
  const { server, page } = await setUp(t);
  await server.call("POST", "/v2/publish/http://127.0.0.1:9/", { headers: { "upstash-delay": "soon" } }).catch(() => {});
  await open(page, server, "#/refused");
  await entry(page, "Upstash-Delay").getByText("400").waitFor();
});

test("messages are found by their status, and by what they hold", async (t) => {
  const { server, destination, page } = await setUp(t);
  destination.answers.set("b", { status: 200, body: "the needle in the answer" });
  await server.publish(`${destination.url}/a`, { "upstash-forward-x-needle": "in a header" }, "nothing");
  await server.publish(`${destination.url}/b`, {}, "nothing");
  await server.publish(`${destination.url}/c`, {}, "a Needle in the body");
  await server.publish(`${destination.url}/503`, { "upstash-retries": "0" }, "nothing");
  await open(page, server);
  await row(page, "/503").getByText("Dead").waitFor();
  await page.getByLabel("Search messages").fill("status:503");
  await row(page, "/c").waitFor({ state: "detached" });
  assert.equal(await page.locator(".row").count(), 1);
  await page.getByLabel("Search messages").fill("in:needle");
  await row(page, "/c").waitFor();
  await row(page, "/503").waitFor({ state: "detached" });
  // Answers of deliveries are in the story of a message alone, headers and bodies of requests are found here.
  assert.ok((await page.locator(".row").count()) >= 2);
});
