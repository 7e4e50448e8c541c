// Other web pages in the same browser: they can neither read nor change anything here.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { TOKEN, closeBrowser, open, row, setUp, startBrowser } from "./stage.js";

after(closeBrowser);

// A page of another origin, which does what its script says.
async function stranger(context, destination, markup) {
  destination.answers.set("stranger", { status: 200, headers: { "content-type": "text/html" }, body: `<!doctype html>${markup}` });
  const page = await context.newPage();
  await page.goto(`${destination.url}/stranger`);
  return page;
}

test("a page of another origin cannot call the API, not even with the token", async (t) => {
  const { server, destination, context, complaints } = await setUp(t);
  await server.publish(`${destination.url}/500`, { "upstash-retries": "0" });
  await server.publish(`${destination.url}/later`, { "upstash-delay": "1h" });
  const page = await stranger(context, destination, "");
  const results = await page.evaluate(async ([url, token]) => {
    const all = [];
    const headers = { Authorization: `Bearer ${token}` };
    for (const [target, options] of [
      ["/dev/feed", { headers }],
      ["/v2/dlq", { headers }],
      [`/v2/dlq?qstash_token=${encodeURIComponent(token)}`, {}],
      [`/v2/publish/http://127.0.0.1:9/pwned?qstash_token=${encodeURIComponent(token)}`, { method: "POST", body: "x" }],
      [`/v2/messages?qstash_token=${encodeURIComponent(token)}`, { method: "DELETE" }],
      ["/v2/publish/http://127.0.0.1:9/pwned", { method: "POST", body: "x", mode: "no-cors" }],
      ["/assets/app.js", {}],
    ]) {
      try {
        const answer = await fetch(url + target, options);
        all.push(`${target} ${answer.type} ${answer.status}`);
      } catch (error) {
        all.push(error.name);
      }
    }
    return all;
  }, [server.url, TOKEN]);
  assert.deepEqual(results.map((result) => result.replace(/.* /, "")), ["TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "0", "TypeError"]);
  assert.ok(complaints.every((complaint) => complaint.includes("CORS policy")), complaints.join("\n"));
  complaints.length = 0;
  const log = (await server.call("GET", "/v2/logs")).logs;
  assert.deepEqual(new Set(log.map((entry) => entry.state)), new Set(["CREATED", "ACTIVE", "ERROR", "FAILED"]));
  assert.ok(log.every((entry) => !entry.url.includes("pwned")));
});

test("a form of another origin publishes nothing, with or without the token", async (t) => {
  const { server, destination, context } = await setUp(t);
  for (const query of ["", `?qstash_token=${encodeURIComponent(TOKEN)}`]) {
    const action = `${server.url}/v2/publish/http://127.0.0.1:9/pwned${query}`;
    const page = await stranger(context, destination, `<form method="post" action="${action}"><button>win a prize</button></form>`);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().startsWith(server.url)),
      page.getByRole("button").click(),
    ]);
    assert.equal(answer.status(), 403);
  }
  assert.deepEqual((await server.call("GET", "/v2/logs")).logs, []);
});

test("the page cannot be put into a frame, nor reached from whoever opens it", async (t) => {
  const { server, destination, context, complaints } = await setUp(t);
  const page = await stranger(context, destination, `<iframe src="${server.link}"></iframe>`);
  await page.locator("iframe").waitFor();
  await page.waitForFunction(() => document.readyState === "complete");
  const texts = await Promise.all(page.frames().slice(1).map((frame) => frame.locator("body").textContent()));
  assert.ok(texts.every((text) => !text.includes("qstash-dev")), texts.join());
  complaints.length = 0;

  const [popup] = await Promise.all([
    context.waitForEvent("page"),
    page.evaluate((link) => { window.opened = window.open(link); }, server.link),
  ]);
  await popup.getByRole("status").getByText("live").waitFor();
  assert.equal(await popup.evaluate(() => window.opener), null);
  await page.waitForFunction(() => window.opened.closed);
});

test("a name that was bound to this machine by a stranger opens nothing", async (t) => {
  const { server, page } = await setUp(t);
  await open(page, server);
  const rebinding = await startBrowser("--host-resolver-rules=MAP rebound.example 127.0.0.1");
  t.after(() => rebinding.close());
  const victim = await rebinding.newPage();
  for (const target of ["/", "/assets/app.js", "/v2/dlq", `/v2/dlq?qstash_token=${encodeURIComponent(TOKEN)}`]) {
    const answer = await victim.goto(`http://rebound.example:${server.port}${target}`);
    assert.equal(answer.status(), 403, target);
  }
  await row(page, "rebound").waitFor({ state: "detached" });
});
