"""The dead letter queue."""

import time

from support import Case


class DeadLetters(Case):
    def ids(self, **filter):
        return {letter.dlq_id for letter in self.client.dlq.list(filter=filter).messages}

    def test_a_dead_letter_tells_what_the_destination_answered_last(self):
        message_id, dlq_id = self.dead_letter(headers={"X-Trace": "abc"}, label="render", retry_delay="1000")
        letter = self.client.dlq.get(dlq_id)
        self.assertEqual((letter.dlq_id, letter.message_id), (dlq_id, message_id))
        self.assertEqual((letter.url, letter.body), (self.destination.at("/broken"), "work"))
        self.assertEqual(letter.headers["X-Trace"], ["abc"])
        self.assertEqual((letter.max_retries, letter.label), (0, "render"))
        self.assertEqual((letter.response_status, letter.response_body), (500, "boom"))
        self.assertEqual(letter.response_headers["X-Why"], ["test"])
        self.assertEqual(letter.retry_delay_expression, "1000")
        self.assertEqual(self.client.dlq.list().messages, [letter])

    def test_dead_letters_are_found_by_what_they_are(self):
        before = int(time.time() * 1000)
        message, one = self.dead_letter(label="one")
        _, two = self.dead_letter(label="two")
        after = int(time.time() * 1000)
        self.assertEqual(self.ids(message_id=message), {one})
        self.assertEqual(self.ids(label="two"), {two})
        self.assertEqual(self.ids(url=self.destination.at("/broken")), {one, two})
        self.assertEqual(self.ids(response_status=500), {one, two})
        self.assertEqual(self.ids(response_status=404), set())
        self.assertEqual(self.ids(caller_ip="127.0.0.1"), {one, two})
        self.assertEqual(self.ids(from_time=before, to_time=after), {one, two})
        self.assertEqual(self.ids(to_time=before - 1), set())
        self.assertEqual(self.ids(queue="emails"), set())
        self.assertEqual(self.ids(url_group="everybody"), set())
        self.assertEqual(self.ids(schedule_id="nightly"), set())

    def test_dead_letters_come_in_pages(self):
        wanted = {self.dead_letter()[1] for _ in range(3)}
        first = self.client.dlq.list(count=2)
        second = self.client.dlq.list(count=2, cursor=first.cursor)
        self.assertEqual((len(first.messages), len(second.messages)), (2, 1))
        self.assertIsNone(second.cursor)
        self.assertEqual({letter.dlq_id for letter in first.messages + second.messages}, wanted)

    def test_dead_letters_are_deleted_by_id_and_by_ids(self):
        one, two, three = (self.dead_letter()[1] for _ in range(3))
        self.client.dlq.delete(one)
        with self.assert_refused(404):
            self.client.dlq.get(one)
        self.assertEqual(self.client.dlq.delete_many([two, three]), 2)
        self.assertEqual(self.client.dlq.list().messages, [])
