"""Schedules."""

from support import Case


class Schedules(Case):
    def test_a_schedule_is_made_with_every_option_and_read_back(self):
        schedule_id = self.client.schedule.create_json(
            schedule_id="nightly",
            destination=self.destination.at("/hook"),
            cron="CRON_TZ=Europe/Berlin 0 4 * * *",
            body={"a": 1},
            method="PUT",
            headers={"X-Trace": "abc"},
            retries=7,
            retry_delay="1000",
            delay="1m",
            timeout=30,
            callback=self.destination.at("/done"),
            failure_callback=self.destination.at("/failed"),
            callback_headers={"Forward-X-Tenant": "42"},
            failure_callback_headers={"Forward-X-Tenant": "43"},
            queue="emails",
            flow_control={"key": "pool", "parallelism": 2, "rate": 10, "period": "1m"},
            label="a",
        )
        self.assertEqual(schedule_id, "nightly")
        schedule = self.client.schedule.get("nightly")
        self.assertEqual(schedule.schedule_id, "nightly")
        self.assertEqual(schedule.destination, self.destination.at("/hook"))
        self.assertEqual(schedule.cron, "CRON_TZ=Europe/Berlin 0 4 * * *")
        self.assertEqual((schedule.body, schedule.method), ('{"a": 1}', "PUT"))
        self.assertEqual(schedule.headers["X-Trace"], ["abc"])
        self.assertEqual((schedule.retries, schedule.retry_delay_expression), (7, "1000"))
        self.assertEqual(schedule.delay, 60)
        self.assertEqual(schedule.callback, self.destination.at("/done"))
        self.assertEqual(schedule.failure_callback, self.destination.at("/failed"))
        self.assertEqual(schedule.callback_headers["X-Tenant"], ["42"])
        self.assertEqual(schedule.failure_callback_headers["X-Tenant"], ["43"])
        self.assertEqual(schedule.timeout, 30)
        self.assertEqual((schedule.queue, schedule.label), ("emails", "a"))
        flow_control = schedule.flow_control
        self.assertEqual((flow_control.key, flow_control.parallelism), ("pool", 2))
        self.assertEqual((flow_control.rate, flow_control.period), (10, 60))
        self.assertFalse(schedule.paused)
        self.assertGreater(schedule.next_schedule_time, schedule.created_at)
        self.assertIsNone(schedule.last_schedule_time)
        self.assertIsNone(schedule.error)

    def test_a_schedule_gets_an_id_is_listed_and_is_replaced_as_a_whole(self):
        url = self.destination.at("/hook")
        schedule_id = self.client.schedule.create(destination=url, cron="*/5 * * * *", body="x")
        self.assertRegex(schedule_id, "^scd_")
        self.client.schedule.create(schedule_id=schedule_id, destination=url, cron="*/7 * * * *")
        [schedule] = self.client.schedule.list()
        self.assertEqual((schedule.schedule_id, schedule.cron), (schedule_id, "*/7 * * * *"))
        self.assertIsNone(schedule.body)

    def test_a_schedule_is_paused_resumed_and_deleted(self):
        schedules = self.client.schedule
        schedule_id = schedules.create(destination=self.destination.at("/hook"), cron="* * * * *")
        schedules.pause(schedule_id)
        self.assertTrue(schedules.get(schedule_id).paused)
        schedules.resume(schedule_id)
        self.assertFalse(schedules.get(schedule_id).paused)
        schedules.delete(schedule_id)
        with self.assert_refused(404):
            schedules.get(schedule_id)

    def test_a_cron_expression_that_makes_no_sense_is_refused(self):
        for cron in ["every day", "61 * * * *", "CRON_TZ=Nowhere/Land 0 4 * * *"]:
            with self.assert_refused(400):
                self.client.schedule.create(destination=self.destination.at("/hook"), cron=cron)
