// Whatever a message is made of is text: nothing in it runs, loads or becomes part of the page.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { closeBrowser, keep, open, row, setUp } from "./stage.js";

after(closeBrowser);

const BAIT = "alert(1);fetch('/v2/publish/http://127.0.0.1:9/pwned',{method:'POST'});window.pwned=1";
const PAYLOADS = [
  `<script>${BAIT}</script>`,
  `<img src=x onerror="${BAIT}">`,
  `<svg xmlns="http://www.w3.org/2000/svg" onload="${BAIT}"><script>${BAIT}</script></svg>`,
  `<iframe srcdoc="<script>parent.${BAIT}</script>"></iframe>`,
  `<iframe src="javascript:${BAIT}"></iframe>`,
  `<a href="javascript:${BAIT}" autofocus onfocus="${BAIT}">x</a>`,
  `javascript:${BAIT}`,
  `data:text/html,<script>${BAIT}</script>`,
  `data:image/svg+xml;base64,${Buffer.from(`<svg onload="${BAIT}"/>`).toString("base64")}`,
  `"><script>${BAIT}</script>`,
  `'-${BAIT}-'`,
  "</pre></textarea></title></style></script><script>" + BAIT + "</script>",
  `<!--><base href="http://127.0.0.1:9/"><meta http-equiv="refresh" content="0;url=javascript:${BAIT}">`,
  `<style>*{display:none}</style><form action="/v2/publish/x"><input type=submit></form>`,
  "${" + BAIT + "} {{constructor.constructor('" + BAIT + "')()}}",
  '{"__proto__":{"pwned":1},"constructor":"<img src=x onerror=alert(1)>","toString":1}',
  "\u202egnp.exe \u2066<b>",
];

// What the page consists of, apart from harmless elements.
const inventory = (page) => page.evaluate(() => {
  const suspicious = "script, iframe, frame, object, embed, svg, math, img, style, link, base, meta, video, audio, [onload], [onerror], [onclick], [onfocus], [style], [src], [srcdoc], [action], [formaction]";
  return [...document.querySelectorAll(suspicious)].map((node) => node.outerHTML);
});

const foreignLinks = (page) => page.evaluate(() =>
  [...document.querySelectorAll("[href]")].map((node) => node.getAttribute("href")).filter((href) => !/^(#\/|\/assets\/)/.test(href)));

async function look(page, server, before) {
  for (const place of ["messages", "queues", "schedules", "dead", "groups", "flow"]) {
    await page.goto(`${server.url}/#/${place}`);
    await page.locator(".row, .entries tbody tr").first().waitFor();
    for (const summary of await page.locator("summary:visible").all()) await summary.click();
    assert.deepEqual(await foreignLinks(page), []);
    assert.deepEqual(await inventory(page), before, place);
  }
}

async function watch(page, server) {
  const foreign = [];
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  page.on("request", (request) => {
    const { origin, pathname } = new URL(request.url());
    const ours = pathname === "/" || /^\/(assets|dev)\//.test(pathname) || (request.method() === "GET" && pathname.startsWith("/v2/"));
    if (origin !== server.url || !ours) foreign.push(`${request.method()} ${request.url()}`);
  });
  page.on("popup", (popup) => foreign.push(`popup ${popup.url()}`));
  page.on("framenavigated", (frame) => {
    if (!frame.url().startsWith(`${server.url}/`)) foreign.push(`frame ${frame.url()}`);
  });
  return foreign;
}

test("nothing runs that stands in a body, a header, a label, a key, a URL, or an answer", async (t) => {
  const { server, destination, page } = await setUp(t);
  const foreign = await watch(page, server);
  await open(page, server);
  const before = await inventory(page);

  const ids = [];
  for (const [number, payload] of PAYLOADS.entries()) {
    const line = payload.replace(/[^\x20-\x7e]/g, "?");
    destination.answers.set(`h${number}`, {
      status: 500,
      headers: { "content-type": number % 2 ? "text/html" : "image/svg+xml", "x-answer": line, link: "</x>; rel=preload", refresh: "0;url=/v2" },
      body: payload,
    });
    const headers = {
      "content-type": number % 2 ? "text/html" : "image/svg+xml",
      "upstash-retries": "0",
      "upstash-label": line.replaceAll(",", ";"),
      "upstash-forward-x-message": line,
      "upstash-flow-control-key": line,
      "upstash-flow-control-value": "parallelism=100",
      "upstash-failure-callback": `${destination.url}/report`,
    };
    ids.push(await server.publish(`${destination.url}/h${number}?q=${encodeURIComponent(payload)}&javascript:alert(1)`, headers, payload));
  }
  await page.getByRole("button", { name: `Dead ${PAYLOADS.length}` }).waitFor();

  for (const id of ids) {
    await page.goto(`${server.url}/#/messages/${id}`);
    await page.locator(".id").getByText(id).waitFor();
    await page.locator(".attempts summary").click();
    await page.getByRole("row", { name: "X-Answer" }).waitFor();
    await page.getByLabel("Response body").waitFor();
    assert.deepEqual(await foreignLinks(page), []);
    assert.deepEqual(await inventory(page), before);
    const raw = page.locator(".part").last().getByRole("button", { name: "Raw" });
    if (await raw.count()) await raw.click();
    assert.equal(await page.locator(".part").last().getByLabel("Body").textContent(), PAYLOADS[ids.indexOf(id)]);
    const reports = page.locator(".part").filter({ has: page.getByRole("heading", { name: "Callbacks" }) });
    await reports.getByRole("link").first().click();
    await page.getByLabel("Source body, decoded").waitFor();
    assert.deepEqual(await inventory(page), before);
  }
  for (const place of ["messages", "dead", "flow"]) {
    await page.goto(`${server.url}/#/${place}`);
    await page.locator(".row, .entries tbody tr").nth(PAYLOADS.length - 1).waitFor();
    assert.deepEqual(await foreignLinks(page), []);
    assert.deepEqual(await inventory(page), before, "no element has come in");
  }

  assert.deepEqual(foreign, [], "no request, popup or navigation was caused");
  assert.deepEqual(await page.evaluate(() => [window.pwned, Object.prototype.pwned, window.violations]), [undefined, undefined, []]);

  await page.goto(`${server.url}/#/messages/${ids[0]}`);
  await page.getByRole("row", { name: "X-Message" }).waitFor();
  await keep(page, "hostile");
});

test("nothing runs that stands in the name of a queue, a schedule, a URL group, or the URL of one", async (t) => {
  const { server, destination, page } = await setUp(t);
  const foreign = await watch(page, server);
  await open(page, server);
  const before = await inventory(page);
  const taken = { queues: 0, schedules: 0, groups: 0, urls: 0 };
  const attempt = async (kind, call) => {
    try {
      await call();
      taken[kind] += 1;
    } catch (error) {
      // Most of it is refused by the server already.
      assert.match(error.message, /: 400 /);
    }
  };
  for (const payload of PAYLOADS) {
    const json = (value) => ({ headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
    await attempt("queues", () => server.call("POST", "/v2/queues", json({ queueName: payload })));
    await attempt("groups", () => server.call("POST", `/v2/topics/${encodeURIComponent(payload)}/endpoints`, json({ endpoints: [{ url: `${destination.url}/x` }] })));
    await attempt("urls", async () => {
      const [{ error }] = await server.batch([{ destination: `${destination.url}/${payload}`, headers: { "Upstash-Retries": "0" } }]);
      if (error) throw new Error(`: 400 ${error}`);
    });
    const headers = { "upstash-cron": "0 0 1 1 *", "upstash-schedule-id": payload.replace(/[^\x20-\x7e]/g, "?"), "content-type": "text/html" };
    await attempt("schedules", () => server.call("POST", `/v2/schedules/${destination.url}/s`, { headers, body: payload }));
  }
  // So that no section is empty.
  await server.publish(`${destination.url}/500`, { "upstash-retries": "0", "upstash-flow-control-key": PAYLOADS[1], "upstash-flow-control-value": "rate=1" });
  await server.call("POST", "/v2/queues", { body: '{"queueName":"plain"}' });
  await server.call("POST", "/v2/topics/plain/endpoints", { body: `{"endpoints":[{"url":"${destination.url}/?<svg/onload=alert(1)>"}]}` });
  await server.call("POST", `/v2/schedules/${destination.url}/s`, { headers: { "upstash-cron": "0 0 1 1 *" }, body: PAYLOADS[0] });
  t.diagnostic(`taken by the server: ${JSON.stringify(taken)}`);
  await look(page, server, before);
  assert.deepEqual(foreign, []);
  assert.deepEqual(await page.evaluate(() => [window.pwned, window.violations]), [undefined, []]);
});

test("should markup ever get in, the browser would not run it", async (t) => {
  const { server, page, complaints } = await setUp(t);
  await open(page, server);
  const refused = await page.evaluate(async () => {
    const names = [];
    const attempts = [
      () => (document.body.innerHTML = "<img src=x onerror='window.pwned=1'>"),
      () => document.body.insertAdjacentHTML("beforeend", "<svg onload='window.pwned=1'></svg>"),
      () => document.write("<script>window.pwned=1</scr" + "ipt>"),
      () => setTimeout("window.pwned=1"),
    ];
    for (const attempt of attempts) {
      try {
        attempt();
        names.push("done");
      } catch (error) {
        names.push(error.name);
      }
    }
    const image = document.createElement("img");
    const failed = new Promise((resolve) => (image.onerror = resolve));
    image.src = "http://127.0.0.1:9/x.png";
    document.body.append(image);
    await failed;
    const frame = document.createElement("iframe");
    frame.src = "/";
    document.body.append(frame);
    return names;
  });
  assert.ok(refused.every((name) => name !== "done"), refused.join());
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.ok(complaints.length > 0 && complaints.every((complaint) => /Content Security Policy|Trusted/.test(complaint)), complaints.join("\n"));
  complaints.length = 0;
  await row(page, "nothing").waitFor({ state: "detached" });
});
