// What the page weighs, and how long it takes until the first message is seen.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, row, setUp } from "./stage.js";

after(closeBrowser);

const MESSAGES = 10_000;
const MOST_BYTES = 128 * 1024;

test("the page is light, and shows the first of ten thousand messages soon", async (t) => {
  const { server, page } = await setUp(t);
  for (let first = 0; first < MESSAGES; first += 500) {
    await server.batch(Array.from({ length: 500 }, (_, number) => ({
      destination: `http://127.0.0.1:9/later/${first + number}`,
      headers: { "Upstash-Delay": "1d", "Upstash-Label": "many" },
      body: "{}",
    })));
  }
  let bytes = 0;
  page.on("response", async (response) => {
    if (new URL(response.url()).pathname !== "/dev/feed") bytes += Number(response.headers()["content-length"] ?? 0);
  });
  await page.goto("about:blank");
  const started = performance.now();
  await page.goto(server.link);
  await row(page, `/later/`).first().waitFor();
  const firstRow = performance.now() - started;
  await row(page, `/later/${MESSAGES - 1}`).first().waitFor();
  const all = performance.now() - started;
  await page.getByRole("button", { name: `All ${new Intl.NumberFormat("en-GB").format(MESSAGES)}` }).waitFor();
  t.diagnostic(`the page weighs ${(bytes / 1024).toFixed(0)} KiB; with ${MESSAGES} messages the first row is seen after ${firstRow.toFixed(0)} ms, the newest after ${all.toFixed(0)} ms`);
  assert.ok(bytes > 0 && bytes < MOST_BYTES, `${bytes} bytes`);
});
