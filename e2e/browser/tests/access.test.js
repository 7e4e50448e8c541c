// The page for those who do not look at it, or have no mouse: axe finds nothing, and the keyboard reaches everything.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { closeBrowser, open, row, setUp } from "./stage.js";

after(closeBrowser);

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
}

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing to complain about: ${colorScheme}`, async (t) => {
    const { server, destination, page } = await setUp(t, { colorScheme, reducedMotion: "reduce" });
    await open(page, server);
    await page.getByRole("heading", { name: "No messages yet" }).waitFor();
    assert.deepEqual(await violations(page), []);
    await server.call("POST", `/v2/enqueue/emails/${destination.url}/mail`, { body: "x" });
    await server.call("POST", `/v2/schedules/${destination.url}/daily`, { headers: { "upstash-cron": "0 6 * * *" }, body: "{}" });
    await server.call("POST", "/v2/topics/everybody/endpoints", { body: `{"endpoints":[{"url":"${destination.url}/a"}]}` });
    await server.publish(`${destination.url}/flow`, { "upstash-flow-control-key": "slow", "upstash-flow-control-value": "parallelism=1" });
    await server.publish(`${destination.url}/later`, { "upstash-delay": "1h", "upstash-label": "a" });
    const id = await server.publish(`${destination.url}/500`, { "upstash-retries": "0" });
    await row(page, "/500").getByText("Dead").waitFor();
    for (const place of ["messages", "publish", "queues", "schedules", "dead", "groups", "refused", "flow", "control"]) {
      await page.goto(`${server.url}/#/${place}`);
      await page.locator("main > *").first().waitFor();
      assert.deepEqual(await violations(page), [], place);
    }
    await page.goto(`${server.url}/#/messages/${id}`);
    await page.getByText("#1").click();
    assert.deepEqual(await violations(page), []);
  });
}

test("the keyboard reaches every message and every tab", async (t) => {
  const { server, destination, page } = await setUp(t);
  for (const name of ["a", "b", "c"]) await server.publish(`${destination.url}/${name}`);
  await open(page, server);
  await row(page, "/a").getByText("Delivered").waitFor();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await row(page, "/c").getByRole("link").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByLabel("Message", { exact: true }).getByText(`${destination.url}/a`).waitFor();
  await page.keyboard.press("Escape");
  await page.getByLabel("Message", { exact: true }).waitFor({ state: "detached" });
  await page.locator("#tabs a").first().focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Publish a message" }).waitFor();
});
