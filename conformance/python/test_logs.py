"""The log of what happened."""

import base64
import time

from qstash.log import LogState

from support import HOUR, Case


class Logs(Case):
    def delivered(self, **options):
        """Publishes what will be delivered, and waits until the log says so."""
        published = self.client.message.publish(
            url=self.destination.at("/hook"), body="x", callback=self.destination.at("/done"), **options
        )
        self.destination.by_path(2)
        return published.message_id

    def states(self, message_id):
        return [log.state for log in self.client.log.list(filter={"message_id": message_id}).logs]

    def ids(self, **filter):
        return {log.message_id for log in self.client.log.list(filter=filter).logs}

    def test_the_log_tells_the_life_of_a_message_the_newest_first(self):
        message_id = self.delivered(
            headers={"X-Trace": "abc"},
            callback_headers={"Forward-X-Tenant": "42"},
            flow_control={"key": "pool", "parallelism": 2, "rate": 10, "period": 60},
            label="render",
        )
        self.assertEqual(self.states(message_id), [LogState.DELIVERED, LogState.ACTIVE, LogState.CREATED])
        log = self.client.log.list(count=1, filter={"message_id": message_id}).logs[0]
        self.assertEqual(log.url, self.destination.at("/hook"))
        self.assertEqual(base64.b64decode(log.body_base64), b"x")
        self.assertEqual((log.method, log.max_retries), ("POST", 3))
        self.assertEqual(log.headers["X-Trace"], ["abc"])
        self.assertEqual(log.callback, self.destination.at("/done"))
        self.assertEqual(log.callback_headers["X-Tenant"], ["42"])
        self.assertEqual((log.flow_control.key, log.flow_control.parallelism), ("pool", 2))
        self.assertEqual((log.flow_control.rate, log.flow_control.period), (10, 60))
        self.assertEqual(log.label, "render")

    def test_the_log_tells_why_an_attempt_failed(self):
        message_id, _ = self.dead_letter(retry_delay="1000", timeout=30)
        logs = self.client.log.list(filter={"message_id": message_id}).logs
        self.assertEqual(
            [log.state for log in logs], [LogState.FAILED, LogState.ERROR, LogState.ACTIVE, LogState.CREATED]
        )
        error = logs[1]
        self.assertEqual(error.response_status, 500)
        self.assertEqual(base64.b64decode(error.response_body), b"boom")
        self.assertEqual(error.response_headers["X-Why"], ["test"])
        self.assertEqual((error.max_retries, error.timeout), (0, 30_000))
        self.assertEqual(error.retry_delay_expression, "1000")
        self.assertTrue(error.error)

    def test_the_log_tells_when_the_next_attempt_is_due(self):
        self.destination.answers("/flaky", (500, {}, ""))
        published = self.client.message.publish(
            url=self.destination.at("/flaky"), retry_delay="3600000", callback=self.destination.at("/done")
        )
        self.destination.by_path(2)
        logs = self.client.log.list(filter={"message_id": published.message_id}).logs
        [due] = {log.next_delivery_time for log in logs if log.state is LogState.ERROR}
        self.assertAlmostEqual(due / 1000, time.time() + HOUR, delta=60)
        self.assertIn(LogState.RETRY, [log.state for log in logs])

    def test_entries_are_found_by_what_they_are_about(self):
        before = int(time.time() * 1000)
        one, two = self.delivered(label="one"), self.delivered(label="two")
        self.client.url_group.upsert_endpoints("everybody", [{"url": self.destination.at("/member")}])
        [member] = self.client.message.publish(url_group="everybody", delay=HOUR)
        self.client.queue.pause("emails")
        queued = self.client.message.enqueue(queue="emails", url=self.destination.at("/queued"))
        self.assertEqual(self.ids(label="one"), {one})
        self.assertEqual(self.ids(message_ids=[one, two]), {one, two})
        self.assertEqual(self.ids(url=self.destination.at("/hook")), {one, two})
        self.assertEqual(self.ids(url_group="everybody"), {member.message_id})
        self.assertEqual(self.ids(queue="emails"), {queued.message_id})
        self.assertEqual(self.ids(state=LogState.DELIVERED, label="two"), {two})
        self.assertEqual(self.ids(state=LogState.FAILED), set())
        self.assertEqual(self.ids(schedule_id="nightly"), set())
        self.assertEqual(len(self.ids(from_time=before)), 6)
        self.assertEqual(self.ids(to_time=before - 1), set())

    def test_the_log_comes_in_pages(self):
        message_id = self.delivered()
        states, cursor = [], None
        for _ in range(3):
            page = self.client.log.list(count=1, cursor=cursor, filter={"message_id": message_id})
            states += [log.state for log in page.logs]
            cursor = page.cursor
        self.assertEqual(states, [LogState.DELIVERED, LogState.ACTIVE, LogState.CREATED])
        self.assertIsNone(cursor)
