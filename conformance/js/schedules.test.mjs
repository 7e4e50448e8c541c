// Schedules.

import assert from "node:assert/strict";
import test from "node:test";

import { refused, start } from "./support.mjs";

test("a schedule is made with every option and read back", async (t) => {
  const { client, destination } = await start(t);
  const { scheduleId } = await client.schedules.create({
    scheduleId: "nightly",
    destination: destination.at("/hook"),
    cron: "CRON_TZ=Europe/Berlin 0 4 * * *",
    body: '{"a":1}',
    method: "PUT",
    headers: { "X-Trace": "abc" },
    retries: 7,
    retryDelay: "1000",
    delay: 60,
    timeout: 30,
    callback: destination.at("/done"),
    failureCallback: destination.at("/failed"),
    queueName: "emails",
    flowControl: { key: "pool", parallelism: 2, rate: 10, period: 60 },
    label: ["a", "b"],
  });
  assert.equal(scheduleId, "nightly");

  const schedule = await client.schedules.get("nightly");
  assert.equal(schedule.scheduleId, "nightly");
  assert.equal(schedule.destination, destination.at("/hook"));
  assert.equal(schedule.cron, "CRON_TZ=Europe/Berlin 0 4 * * *");
  assert.equal(schedule.body, '{"a":1}');
  assert.equal(schedule.method, "PUT");
  assert.deepEqual(schedule.header["X-Trace"], ["abc"]);
  assert.deepEqual(schedule.header["Content-Type"], ["application/json"]);
  assert.equal(schedule.retries, 7);
  assert.equal(schedule.retryDelayExpression, "1000");
  assert.equal(schedule.delay, 60);
  assert.equal(schedule.callback, destination.at("/done"));
  assert.equal(schedule.failureCallback, destination.at("/failed"));
  assert.equal(schedule.queueName, "emails");
  assert.equal(schedule.flowControlKey, "pool");
  assert.equal(schedule.parallelism, 2);
  assert.equal(schedule.ratePerSecond, 10);
  assert.equal(schedule.period, 60);
  assert.equal(schedule.label, "a");
  assert.deepEqual(schedule.labels, ["a", "b"]);
  assert.equal(schedule.isPaused, false);
  assert.ok(schedule.nextScheduleTime > schedule.createdAt);
  assert.equal(schedule.lastScheduleTime, undefined);
});

test("a schedule gets an id, is listed, and is replaced as a whole", async (t) => {
  const { client, destination } = await start(t);
  const url = destination.at("/hook");
  const { scheduleId } = await client.schedules.create({ destination: url, cron: "*/5 * * * *", body: "x" });
  assert.match(scheduleId, /^scd_/);
  assert.deepEqual(
    (await client.schedules.list()).map(({ scheduleId }) => scheduleId),
    [scheduleId],
  );

  await client.schedules.create({ scheduleId, destination: url, cron: "*/7 * * * *" });
  const [schedule, ...others] = await client.schedules.list();
  assert.deepEqual(others, []);
  assert.equal(schedule.cron, "*/7 * * * *");
  assert.equal(schedule.body, undefined);
});

test("a schedule is paused, resumed and deleted", async (t) => {
  const { client, destination } = await start(t);
  const { scheduleId } = await client.schedules.create({ destination: destination.at("/hook"), cron: "* * * * *" });
  await client.schedules.pause({ schedule: scheduleId });
  assert.equal((await client.schedules.get(scheduleId)).isPaused, true);
  await client.schedules.resume({ schedule: scheduleId });
  assert.equal((await client.schedules.get(scheduleId)).isPaused, false);
  await client.schedules.delete(scheduleId);
  await refused(client.schedules.get(scheduleId), 404);
});

test("a schedule for a group keeps the name of the group", async (t) => {
  const { client, destination } = await start(t);
  await client.urlGroups.addEndpoints({ name: "everybody", endpoints: [{ url: destination.at("/one") }] });
  const { scheduleId } = await client.schedules.create({ destination: "everybody", cron: "0 0 1 1 *" });
  assert.equal((await client.schedules.get(scheduleId)).destination, "everybody");
});

test("a schedule shows nothing that is redacted", async (t) => {
  const { client, destination } = await start(t);
  const { scheduleId } = await client.schedules.create({
    destination: destination.at("/hook"),
    cron: "* * * * *",
    body: "secret",
    redact: { body: true },
  });
  assert.match((await client.schedules.get(scheduleId)).body, /^REDACTED:/);
});

test("a cron expression that makes no sense is refused", async (t) => {
  const { client, destination } = await start(t);
  const create = (cron) => client.schedules.create({ destination: destination.at("/hook"), cron });
  await refused(create("every day"), 400);
  await refused(create("61 * * * *"), 400);
  await refused(create("CRON_TZ=Nowhere/Land 0 4 * * *"), 400);
});
