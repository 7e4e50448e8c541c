// How the page looks: in light and dark, wide and narrow, empty and full. What it looks like is kept.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, keep, keepSmall, open, row, setUp } from "./stage.js";

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
  for (let first = 0; first < 1000; first += 250) {
    await server.batch(Array.from({ length: 250 }, (_, number) => item(first + number)));
  }
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

// The pictures of the README, to be copied into docs/.
for (const colorScheme of ["light", "dark"]) {
  test(`a message that needed three attempts makes a picture: ${colorScheme}`, async (t) => {
    const { server, destination, context, page } = await setUp(t, { colorScheme, viewport: { width: 1280, height: 484 }, deviceScaleFactor: 1.5 });
    await server.publish(`${destination.url}/reports/monthly`, { "upstash-delay": "9d", "upstash-label": "reports" });
    await server.publish(`${destination.url}/500/import`, { "upstash-retries": "1" });
    destination.answers.set("render", { status: 503, headers: { "retry-after": "5" }, body: "busy" });
    const callback = { "upstash-callback": `${destination.url}/rendered`, "upstash-retries": "3", "upstash-forward-x-tenant": "42" };
    const id = await server.publish(`${destination.url}/render`, callback, '{"page":1}');
    await server.call("POST", "/dev/clock", { body: '{"advance": "8s"}' });
    destination.answers.set("render", { status: 200, body: "page 1 is ready" });
    await server.call("POST", "/dev/clock", { body: '{"advance": "1d"}' });
    await server.publish(`${destination.url}/503/refund`);
    await open(page, server, `#/messages/${id}`);
    await row(page, "/503").getByText(/Retry in/).waitFor();
    await page.getByRole("list", { name: "Timeline" }).getByRole("listitem").nth(4).waitFor();
    await keepSmall(context, page, `page-${colorScheme}`);
    await fits(page);
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
