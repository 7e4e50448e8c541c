// How the page looks: in light and dark, wide and narrow, empty and full. What it looks like is kept.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, keep, open, row, setUp } from "./stage.js";

after(closeBrowser);

const LOOKS = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { colorScheme: "light", viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true },
  "phone-dark": { colorScheme: "dark", viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true },
};

async function few({ url }, server) {
  const work = { "upstash-label": "billing", "upstash-callback": `${url}/render/done` };
  await server.publish(`${url}/render?size=large`, work, '{"image":17,"size":"large"}');
  await server.publish(`${url}/503/orders/refund`, { ...work, "upstash-forward-x-tenant": "42" }, '{"order":{"id":12345678901234567890,"lines":[{"sku":"a-1","count":2}],"note":"fragile & heavy"}}');
  await server.publish(`${url}/reports/monthly`, { "upstash-delay": "3h", "upstash-label": "reports, nightly" });
  await server.publish(`${url}/500/import`, { "upstash-retries": "0", "upstash-failure-callback": `${url}/import/failed` });
  await server.publish(`${url}/hang/video/transcode`);
  await server.call("POST", "/v2/queues", { body: '{"queueName":"emails","paused":true}' });
  await server.call("POST", `/v2/enqueue/emails/${url}/mail/welcome`, { body: '{"to":"ada@example.com"}' });
  await server.call("POST", `/v2/schedules/${url}/reports/daily`, { headers: { "upstash-cron": "CRON_TZ=Europe/Berlin 0 6 * * 1-5" }, body: "{}" });
}

async function many({ url }, server) {
  const paths = ["/render", "/503/sync/contacts", "/mail/newsletter", "/500/import/csv", "/reports/weekly", "/users/sign-up/welcome"];
  const labels = ["billing", "nightly", "media", "crm"];
  const item = (number) => ({
    destination: `${url}${paths[number % paths.length]}?id=${number}`,
    headers: {
      "Upstash-Retries": number % paths.length === 3 ? "0" : "3",
      "Upstash-Label": labels[number % labels.length],
      ...(number % 7 === 0 && { "Upstash-Delay": "2h" }),
    },
    body: `{"number":${number}}`,
  });
  await server.batch(Array.from({ length: 200 }, (_, number) => item(number)));
}

async function fits(page) {
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out at the side");
}

for (const [look, options] of Object.entries(LOOKS)) {
  test(`the page fits and looks well: ${look}`, async (t) => {
    const { server, destination, page } = await setUp(t, options);
    await open(page, server);
    await page.getByRole("heading", { name: "No messages yet" }).waitFor();
    await keep(page, `${look}-empty`);
    await fits(page);

    await few(destination, server);
    await row(page, "/hang").getByText("Active").waitFor();
    await row(page, "/500").getByText("Dead").waitFor();
    await row(page, "/503").getByText(/Retry in/).waitFor();
    await row(page, "/import/failed").getByText("Delivered").waitFor();
    await keep(page, `${look}-few`);
    await fits(page);

    await row(page, "/503").getByRole("link").click();
    await page.locator(".attempts summary").last().click();
    await page.getByLabel("Response body").waitFor();
    await keep(page, `${look}-message`);
    await fits(page);

    for (const place of ["queues", "schedules", "dead"]) {
      await page.goto(`${server.url}/#/${place}`);
      await page.locator(".entries tbody tr").waitFor();
      await keep(page, `${look}-${place}`);
      await fits(page);
    }

    await many(destination, server);
    await page.goto(`${server.url}/#/messages`);
    await page.getByText(/^1 to 100 of/).waitFor();
    await row(page, "/render").getByText("Delivered").first().waitFor();
    await keep(page, `${look}-many`);
    await fits(page);
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const brightness = /\d+/.exec(background)[0];
    assert.equal(brightness > 128, options.colorScheme === "light", background);
  });
}

test("somebody who wants less motion gets none", async (t) => {
  const { server, destination, page } = await setUp(t, { reducedMotion: "reduce" });
  await open(page, server);
  await server.publish(`${destination.url}/hang`);
  await row(page, "/hang").getByText("Active").waitFor();
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
});

test("the question for the token stands close together", async (t) => {
  const { server, page } = await setUp(t);
  await page.goto(server.url);
  await page.getByLabel("Token").waitFor();
  await keep(page, "light-token");
  const { height } = await page.locator(".ask").boundingBox();
  assert.ok(height < 250, `${height} pixels high`);
});

test("no long reason breaks the words beside it", async (t) => {
  const { server, page } = await setUp(t);
  await server.publish("https://api.example.com/refused", { "upstash-retries": "0", "upstash-label": "billing" });
  await open(page, server, "#/dead");
  for (const words of [page.locator(".entries div").getByText("billing", { exact: true }), page.locator(".entries time").first()]) {
    const lines = await words.evaluate((node) => {
      const range = document.createRange();
      range.selectNodeContents(node.firstChild);
      return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
    });
    assert.equal(lines, 1);
  }
});
