"""Publishing, and every option of it."""

import time

from qstash import QStash
from qstash.errors import QStashError

from support import HOUR, Case


class Publish(Case):
    def test_a_json_body_arrives_and_the_official_receiver_accepts_it(self):
        url = self.destination.at("/hook?a=1")
        published = self.client.message.publish_json(url=url, body={"hello": "world"})

        delivery = self.destination.next()
        self.assertEqual((delivery.method, delivery.target), ("POST", "/hook?a=1"))
        self.assertEqual(delivery.json(), {"hello": "world"})
        self.assertEqual(delivery.headers["Content-Type"], "application/json")
        self.assertEqual(delivery.headers["Upstash-Message-Id"], published.message_id)

    def test_bytes_arrive_as_they_are(self):
        self.client.message.publish(url=self.destination.at("/hook"), body=bytes(range(256)))
        self.assertEqual(self.destination.arrival().bytes, bytes(range(256)))

    def test_a_message_is_delivered_with_each_method(self):
        for method in ["GET", "PUT", "PATCH", "DELETE"]:
            self.client.message.publish(url=self.destination.at("/hook"), method=method)
            self.assertEqual(self.destination.next().method, method)

    def test_headers_are_forwarded(self):
        self.client.message.publish(
            url=self.destination.at("/hook"), content_type="text/x", headers={"X-Trace": "abc"}
        )
        headers = self.destination.next().headers
        self.assertEqual((headers["X-Trace"], headers["Content-Type"]), ("abc", "text/x"))

    def test_a_message_has_the_headers_that_were_sent_and_no_others(self):
        url = self.destination.at("/hook")
        published = self.client.message.publish(url=url, headers={"x-trace-id": "abc"}, delay=HOUR)
        self.assertEqual(self.client.message.get(published.message_id).headers, {"X-Trace-Id": ["abc"]})

    def test_a_message_can_be_read_while_it_waits_with_every_option_it_was_given(self):
        published = self.client.message.publish(
            url=self.destination.at("/later"),
            body="later",
            method="PUT",
            headers={"X-Trace": "abc"},
            delay="1h",
            retries=7,
            retry_delay="1000 * (1 + retried)",
            timeout=30,
            callback=self.destination.at("/done"),
            failure_callback=self.destination.at("/failed"),
            callback_headers={"Forward-X-Tenant": "42"},
            failure_callback_headers={"Forward-X-Tenant": "43"},
            flow_control={"key": "pool", "parallelism": 2, "rate": 10, "period": "1h30m3s"},
            label="render",
        )
        message = self.client.message.get(published.message_id)
        self.assertEqual(message.message_id, published.message_id)
        self.assertEqual(message.url, self.destination.at("/later"))
        self.assertEqual((message.method, message.body), ("PUT", "later"))
        self.assertEqual(message.headers["X-Trace"], ["abc"])
        self.assertEqual(message.max_retries, 7)
        self.assertEqual(message.retry_delay_expression, "1000 * (1 + retried)")
        self.assertEqual(message.callback, self.destination.at("/done"))
        self.assertEqual(message.failure_callback, self.destination.at("/failed"))
        self.assertEqual(message.callback_headers["X-Tenant"], ["42"])
        self.assertEqual(message.failure_callback_headers["X-Tenant"], ["43"])
        self.assertEqual(message.flow_control.key, "pool")
        self.assertEqual(message.flow_control.parallelism, 2)
        self.assertEqual(message.flow_control.rate, 10)
        self.assertEqual(message.flow_control.period, 5403)
        self.assertEqual(message.label, "render")
        self.assertEqual(message.caller_ip, "127.0.0.1")
        self.assertEqual(message.not_before - message.created_at, HOUR * 1000)

    def test_a_message_waits_for_a_time_of_its_own(self):
        not_before = int(time.time()) + HOUR
        published = self.client.message.publish(url=self.destination.at("/hook"), not_before=not_before)
        message = self.client.message.get(published.message_id)
        self.assertEqual(message.not_before, not_before * 1000)

    def test_a_failed_attempt_is_retried_as_often_as_it_was_told(self):
        self.destination.answers("/flaky", (500, {}, ""), (503, {}, ""))
        self.client.message.publish(url=self.destination.at("/flaky"), retries=2, retry_delay="0")
        deliveries = self.destination.by_path(3)["/flaky"]
        self.assertEqual([delivery.headers["Upstash-Retried"] for delivery in deliveries], ["0", "1", "2"])

    def test_a_message_with_a_known_id_is_published_once(self):
        def publish():
            url = self.destination.at("/hook")
            return self.client.message.publish(url=url, delay=HOUR, deduplication_id="order-7")

        first, second = publish(), publish()
        self.assertFalse(first.deduplicated)
        self.assertTrue(second.deduplicated)
        self.assertEqual(first.message_id, second.message_id)

    def test_messages_with_the_same_content_are_published_once(self):
        def publish(body, wanted):
            url = self.destination.at("/hook")
            return self.client.message.publish(
                url=url, body=body, delay=HOUR, content_based_deduplication=wanted
            )

        first, second, other, unasked = publish("a", True), publish("a", True), publish("b", True), publish("a", False)
        self.assertEqual(first.message_id, second.message_id)
        self.assertTrue(second.deduplicated)
        self.assertFalse(other.deduplicated)
        self.assertFalse(unasked.deduplicated)

    def test_what_is_redacted_is_delivered_and_not_shown(self):
        message = {
            "url": self.destination.at("/secret"),
            "body": "secret",
            "headers": {"X-Key": "hidden", "X-Open": "shown"},
            "redact": {"body": True, "header": ["X-Key"]},
        }
        self.client.message.publish(**message)
        delivery = self.destination.next()
        self.assertEqual((delivery.body, delivery.headers["X-Key"]), ("secret", "hidden"))

        published = self.client.message.publish(**message, delay=HOUR)
        stored = self.client.message.get(published.message_id)
        self.assertRegex(stored.body, r"^REDACTED:[0-9a-f]{64}$")
        self.assertRegex(stored.headers["X-Key"][0], r"^REDACTED:")
        self.assertEqual(stored.headers["X-Open"], ["shown"])

    def test_a_wrong_token_is_an_error(self):
        stranger = QStash("another token", base_url=self.url, retry=False)
        with self.assert_refused(401):
            stranger.message.publish(url=self.destination.at("/hook"))
        stranger.http._client.close()

    def test_an_unknown_message_is_not_found(self):
        with self.assert_refused(404):
            self.client.message.get("msg_unknown")

    def test_a_destination_without_a_scheme_is_refused(self):
        with self.assertRaisesRegex(QStashError, "add http:// or https://"):
            self.client.message.publish(url="example.com/hook")
