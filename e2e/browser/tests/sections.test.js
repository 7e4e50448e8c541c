// Queues, schedules, dead letters and the rest.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, open, row, setUp } from "./stage.js";

after(closeBrowser);

const entry = (page, text) => page.getByRole("row").filter({ hasText: text });

test("a queue is paused and resumed, and what waits in it is counted", async (t) => {
  const { server, destination, page } = await setUp(t);
  await open(page, server, "#/queues");
  await page.getByText("No queues.").waitFor();
  await server.call("POST", "/v2/queues", { body: '{"queueName":"emails","parallelism":2}' });
  await entry(page, "emails").getByRole("button", { name: "Pause" }).click();
  await entry(page, "emails").getByText("Paused").waitFor();
  for (let number = 0; number < 3; number += 1) {
    await server.call("POST", `/v2/enqueue/emails/${destination.url}/mail/${number}`, { body: "x" });
  }
  await entry(page, "emails").getByRole("cell", { name: "3", exact: true }).waitFor();
  assert.equal(destination.received.length, 0);
  await entry(page, "emails").getByRole("button", { name: "Resume" }).click();
  await entry(page, "emails").getByText("Idle").waitFor();
  assert.equal(destination.received.length, 3);
  await page.getByRole("link", { name: "emails" }).click();
  await row(page, "/mail/2").getByText("Delivered").waitFor();
  assert.equal(await page.getByLabel("Search messages").inputValue(), "queue:emails");
});

test("a schedule is shown with its next run, paused and resumed", async (t) => {
  const { server, destination, page } = await setUp(t);
  const headers = { "upstash-cron": "0 0 1 1 *", "content-type": "application/json", "upstash-schedule-id": "new-year" };
  await server.call("POST", `/v2/schedules/${destination.url}/greet`, { headers, body: '{"happy":true}' });
  await open(page, server, "#/schedules");
  await entry(page, "new-year").getByText("0 0 1 1 *").waitFor();
  await entry(page, "new-year").getByText(`POST ${destination.url}/greet`).waitFor();
  await entry(page, "new-year").getByText(/^in \d+ d/).waitFor();
  await entry(page, "new-year").getByText("Body").first().click();
  assert.equal(await entry(page, "new-year").getByLabel("Body").textContent(), '{\n  "happy": true\n}');
  await entry(page, "new-year").getByRole("button", { name: "Pause" }).click();
  await entry(page, "new-year").getByText("Paused").waitFor();
  assert.equal((await server.call("GET", "/v2/schedules/new-year")).isPaused, true);
  await entry(page, "new-year").getByRole("button", { name: "Resume" }).click();
  await entry(page, "new-year").getByText("Running").waitFor();
});

test("a dead letter is retried, and the new message leads to success", async (t) => {
  const { server, destination, page } = await setUp(t);
  destination.answers.set("work", { status: 500, body: "broken" });
  const id = await server.publish(`${destination.url}/work`, { "upstash-retries": "0" });
  await open(page, server, "#/dead");
  await entry(page, "/work").getByText("the destination answered 500").waitFor();
  assert.match(await page.getByRole("link", { name: "Dead letters" }).textContent(), /1$/);
  destination.answers.delete("work");
  await entry(page, "/work").getByRole("button", { name: "Retry" }).click();
  await page.getByText("No dead letters.").waitFor();
  await page.getByText("Published once more as").getByRole("link").click();
  await page.getByLabel("Message", { exact: true }).getByText("Delivered", { exact: true }).waitFor();
  assert.notEqual(new URL(page.url()).hash, `#/messages/${id}`);
  await page.getByRole("link", { name: "Messages" }).click();
  await row(page, "Failed").waitFor();
});

test("a dead letter is retried from its message", async (t) => {
  const { server, destination, page } = await setUp(t);
  const id = await server.publish(`${destination.url}/500`, { "upstash-retries": "0" });
  await open(page, server, `#/messages/${id}`);
  await page.getByText("No attempt is left").waitFor();
  const retry = page.getByRole("button", { name: "Retry", exact: true });
  await retry.click();
  const again = page.getByText("Published once more as").getByRole("link");
  const another = await again.textContent();
  assert.notEqual(another, id);
  await retry.waitFor({ state: "detached" });
  await again.click();
  const detail = page.getByLabel("Message", { exact: true });
  await detail.getByText(another).waitFor();
  await detail.getByText("No attempt is left").waitFor();
  // Both know each other.
  await detail.getByRole("link", { name: id }).click();
  await detail.getByRole("link", { name: another }).waitFor();
  const dead = (await server.call("GET", "/v2/dlq")).messages;
  assert.deepEqual(dead.map((letter) => letter.messageId), [another]);
});

test("dead letters are searched, and deleted together", async (t) => {
  const { server, destination, page } = await setUp(t);
  const to = (path) => ({ destination: `${destination.url}${path}`, headers: { "Upstash-Retries": "0" } });
  await server.batch([to("/500/a"), to("/500/b"), to("/404/c")]);
  await open(page, server, "#/dead");
  await entry(page, "/404/c").waitFor();
  await page.getByLabel("Search dead letters").fill("answered 500");
  await entry(page, "/404/c").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Delete all" }).click();
  await page.getByRole("button", { name: "Really delete 2?" }).click();
  await page.getByText("Nothing matches.").waitFor();
  const left = (await server.call("GET", "/v2/dlq")).messages;
  assert.deepEqual(left.map((letter) => letter.url), [`${destination.url}/404/c`]);
  await page.getByLabel("Search dead letters").fill("");
  await entry(page, "/404/c").getByRole("button", { name: "Delete" }).click();
  await entry(page, "/404/c").getByRole("button", { name: "Really delete?" }).click();
  await page.getByText("No dead letters.").waitFor();
});

test("URL groups and flow control are listed", async (t) => {
  const { server, destination, page } = await setUp(t);
  await server.call("POST", "/v2/topics/everybody/endpoints", { body: `{"endpoints":[{"name":"first","url":"${destination.url}/a"}]}` });
  const headers = { "upstash-flow-control-key": "slow", "upstash-flow-control-value": "rate=1, period=1h" };
  for (let number = 0; number < 3; number += 1) await server.publish(`${destination.url}/f`, headers);
  await open(page, server, "#/groups");
  await entry(page, "everybody").getByText(`${destination.url}/a`).waitFor();
  await page.getByRole("link", { name: "Flow control" }).click();
  await entry(page, "slow").getByText("1 of 1 in 1 h").waitFor();
  await entry(page, "slow").getByText("Holding back").waitFor();
  await entry(page, "slow").getByRole("button", { name: "Pause" }).click();
  await entry(page, "slow").getByText("Paused").waitFor();
});

test("what the server refuses is told", async (t) => {
  const { server, destination, page } = await setUp(t);
  await server.publish(`${destination.url}/500`, { "upstash-retries": "0" });
  await open(page, server, "#/dead");
  await page.route("**/v2/dlq/retry/*", (route) => route.fulfill({ status: 404, json: { error: "dlq message 1-0 not found" } }));
  await entry(page, "/500").getByRole("button", { name: "Retry" }).click();
  await page.getByText("dlq message 1-0 not found").waitFor();
});
