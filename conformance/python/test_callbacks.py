"""Callbacks, as the official receiver sees them."""

import base64

from qstash.errors import SignatureError

from support import Case


class Callbacks(Case):
    def test_a_callback_tells_what_the_destination_answered(self):
        self.destination.answers("/work", (201, {"X-Made": "yes"}, "made"))
        published = self.client.message.publish(
            url=self.destination.at("/work"), body="job 7", callback=self.destination.at("/done")
        )
        [delivery] = self.destination.by_path(2)["/done"]
        callback = delivery.json()
        self.assertEqual(callback["status"], 201)
        self.assertEqual(callback["header"]["X-Made"], ["yes"])
        self.assertEqual(base64.b64decode(callback["body"]), b"made")
        self.assertEqual(base64.b64decode(callback["sourceBody"]), b"job 7")
        self.assertEqual(callback["sourceMessageId"], published.message_id)
        self.assertEqual((callback["retried"], callback["maxRetries"]), (0, 3))
        self.assertNotIn("dlqId", callback)

    def test_every_attempt_has_its_callback_and_the_last_failure_one_more(self):
        self.destination.answers("/broken", (500, {}, "one"), (502, {}, "two"))
        self.client.message.publish(
            url=self.destination.at("/broken"),
            retries=1,
            retry_delay="0",
            callback=self.destination.at("/done"),
            failure_callback=self.destination.at("/failed"),
        )
        deliveries = self.destination.by_path(5)
        callbacks = [delivery.json() for delivery in deliveries["/done"]]
        self.assertEqual(
            sorted((callback["retried"], callback["status"]) for callback in callbacks), [(0, 500), (1, 502)]
        )
        [failure] = deliveries["/failed"]
        self.assertEqual(failure.json()["status"], 502)
        self.assertTrue(failure.json()["dlqId"])

    def test_a_callback_has_a_method_and_headers_of_its_own(self):
        self.client.message.publish(
            url=self.destination.at("/work"),
            callback=self.destination.at("/done"),
            callback_headers={"Method": "PUT", "Forward-X-Tenant": "42"},
        )
        [delivery] = self.destination.by_path(2)["/done"]
        self.assertEqual((delivery.method, delivery.headers["X-Tenant"]), ("PUT", "42"))

    def test_a_setting_of_a_callback_that_is_not_known_is_ignored(self):
        self.client.message.publish(
            url=self.destination.at("/work"), callback=self.destination.at("/done"), callback_headers={"K": "v"}
        )
        [delivery] = self.destination.by_path(2)["/done"]
        self.assertNotIn("K", delivery.headers)

    def test_the_official_receiver_refuses_what_was_altered_on_the_way(self):
        self.client.message.publish(url=self.destination.at("/hook"), body="genuine")
        delivery = self.destination.arrival()
        delivery.bytes = b"forged"
        with self.assertRaises(SignatureError):
            self.destination.verified(delivery)
