"""Listings and bulk actions over more entries than a page has reach their end."""

from support import HOUR, Case

ENTRIES = 350
LABEL = "bulk"


def until_the_end(call):
    """Everything that a call gives, page by page."""
    found, cursor = [], None
    while True:
        page = call(cursor)
        found += getattr(page, "logs", None) or getattr(page, "messages", [])
        cursor = page.cursor
        if not cursor:
            return found


class Bulk(Case):
    def published(self, **message):
        """Publishes messages, and gives back their ids."""
        messages = [{"label": LABEL, "body": body, **message} for body in range(ENTRIES)]
        return [receipt.message_id for receipt in self.client.message.batch_json(messages)]

    def dead_letters(self):
        """Messages that failed once and for all, by their dead letters."""
        self.destination.answers("/broken", *[(500, {}, "")] * ENTRIES)
        self.published(
            url=self.destination.at("/broken"), retries=0, failure_callback=self.destination.at("/failed")
        )
        return {failure.json()["dlqId"] for failure in self.destination.by_path(2 * ENTRIES)["/failed"]}

    def listed(self, **options):
        letters = until_the_end(lambda cursor: self.client.dlq.list(cursor=cursor, **options))
        self.assertEqual(len({letter.dlq_id for letter in letters}), len(letters))
        return {letter.dlq_id for letter in letters}

    def test_every_dead_letter_is_listed_and_deleted(self):
        letters = self.dead_letters()
        self.assertEqual(self.listed(), letters)
        self.assertEqual(self.listed(filter={"label": LABEL}), letters)
        self.assertEqual(self.listed(count=7), letters)
        self.assertEqual(self.client.dlq.delete_many(list(letters)), ENTRIES)
        self.assertEqual(self.listed(), set())

    def test_every_message_is_cancelled_by_its_id(self):
        messages = self.published(url=self.destination.at("/later"), delay=HOUR)
        self.assertEqual(self.client.message.cancel_many(messages), ENTRIES)
        self.assertEqual(self.client.message.cancel_all(), 0)

    def test_every_message_is_cancelled(self):
        self.published(url=self.destination.at("/later"), delay=HOUR)
        self.assertEqual(self.client.message.cancel_all(), ENTRIES)
        self.assertEqual(self.client.message.cancel_all(), 0)

    def test_the_whole_log_is_read_a_thousand_entries_at_a_time(self):
        messages = []
        for _ in range(4):
            messages += self.published(url=self.destination.at("/later"), delay=HOUR)
        for filter in [None, {"label": LABEL}, {"message_ids": messages[:ENTRIES]}]:
            logs = until_the_end(lambda cursor: self.client.log.list(cursor=cursor, filter=filter))
            expected = messages if filter is None or "label" in filter else messages[:ENTRIES]
            self.assertEqual(sorted(log.message_id for log in logs), sorted(expected))
        self.assertEqual(len(self.client.log.list().logs), 1000)
