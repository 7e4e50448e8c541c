"""Batches of everything."""

from support import HOUR, Case


class Batch(Case):
    def test_a_batch_mixes_urls_groups_and_queues_and_is_answered_in_its_order(self):
        one, two = self.destination.at("/one"), self.destination.at("/two")
        self.client.url_group.upsert_endpoints("everybody", [{"url": one}, {"url": two}])
        answers = self.client.message.batch_json(
            [
                {"url": self.destination.at("/plain"), "body": 1, "headers": {"X-Trace": "abc"}},
                {"url_group": "everybody", "body": 2},
                {"url": self.destination.at("/queued"), "queue": "emails", "body": 3},
            ]
        )
        plain, members, queued = answers
        self.assertTrue(plain.message_id and queued.message_id)
        self.assertEqual([member.url for member in members], [one, two])
        deliveries = self.destination.by_path(4)
        bodies = {path: delivery.body for path, [delivery] in deliveries.items()}
        self.assertEqual(bodies, {"/plain": "1", "/one": "2", "/two": "2", "/queued": "3"})
        [plain] = deliveries["/plain"]
        self.assertEqual((plain.headers["X-Trace"], plain.headers["Content-Type"]), ("abc", "application/json"))

    def test_every_option_of_a_message_works_in_a_batch(self):
        message = {"url": self.destination.at("/hook"), "delay": HOUR, "deduplication_id": "order-7"}
        options = {"method": "PATCH", "retries": 7, "timeout": "30s", "flow_control": {"key": "pool", "rate": 1}}
        first, second = self.client.message.batch([{**message, **options, "label": "a"}, message])
        self.assertEqual((second.message_id, second.deduplicated), (first.message_id, True))
        stored = self.client.message.get(first.message_id)
        self.assertEqual((stored.method, stored.max_retries, stored.label), ("PATCH", 7, "a"))
        self.assertEqual((stored.flow_control.rate, stored.flow_control.period), (1, 1))
