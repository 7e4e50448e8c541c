"""Queues: what they are, and the order that they keep."""

from support import Case


class Queues(Case):
    def enqueue(self, path, **options):
        return self.client.message.enqueue(queue="emails", url=self.destination.at(path), **options)

    def order(self, count):
        return [self.destination.next().target for _ in range(count)]

    def test_a_queue_delivers_in_the_order_of_arrival_retries_included(self):
        self.client.queue.upsert("emails", parallelism=1, paused=True)
        for path in ["/first", "/second", "/third"]:
            self.enqueue(path, retries=1, retry_delay="0")
        self.destination.answers("/first", (500, {}, ""))
        self.assertEqual(self.client.queue.get("emails").lag, 3)
        self.client.queue.resume("emails")
        self.assertEqual(self.order(4), ["/first", "/first", "/second", "/third"])

    def test_a_queue_waits_for_the_callbacks_of_a_message(self):
        self.client.queue.pause("emails")
        self.enqueue("/first", callback=self.destination.at("/done"))
        self.enqueue("/second")
        self.client.queue.resume("emails")
        self.assertEqual(self.order(3), ["/first", "/done", "/second"])

    def test_queues_are_made_changed_read_listed_and_deleted(self):
        queue = self.client.queue
        queue.upsert("emails", parallelism=2)
        found = queue.get("emails")
        self.assertEqual((found.name, found.parallelism, found.paused, found.lag), ("emails", 2, False, 0))
        self.assertLessEqual(found.created_at, found.updated_at)
        queue.upsert("emails", parallelism=3, paused=True)
        found = queue.get("emails")
        self.assertEqual((found.parallelism, found.paused), (3, True))
        queue.upsert("other")
        self.assertEqual(sorted(found.name for found in queue.list()), ["emails", "other"])
        queue.delete("emails")
        with self.assert_refused(404):
            queue.get("emails")
        queue.delete("emails")

    def test_an_enqueued_json_message_is_known_by_its_id(self):
        self.client.queue.upsert("emails", paused=True)
        url = self.destination.at("/hook")
        published = self.client.message.enqueue_json(queue="emails", url=url, body={"n": 1}, label="mail")
        message = self.client.message.get(published.message_id)
        self.assertEqual((message.queue, message.label, message.body), ("emails", "mail", '{"n": 1}'))

    def test_a_name_outside_the_rules_is_refused(self):
        with self.assert_refused(400):
            self.client.queue.upsert("no spaces")
