"""Messages that were published, and cancelling them."""

from qstash.log import LogState

from support import HOUR, Case


class Messages(Case):
    def waiting(self):
        return self.client.message.publish(url=self.destination.at("/hook"), delay=HOUR).message_id

    def test_one_message_is_cancelled_and_the_log_says_so(self):
        message_id = self.waiting()
        self.client.message.cancel(message_id)
        with self.assert_refused(404):
            self.client.message.get(message_id)
        with self.assert_refused(404):
            self.client.message.cancel(message_id)
        logs = self.client.log.list(filter={"message_id": message_id}).logs
        self.assertEqual(
            [log.state for log in logs], [LogState.CANCELED, LogState.CANCEL_REQUESTED, LogState.CREATED]
        )

    def test_messages_are_cancelled_by_their_ids(self):
        one, two, three = self.waiting(), self.waiting(), self.waiting()
        self.assertEqual(self.client.message.cancel_many([one, two, "msg_unknown"]), 2)
        self.assertEqual(self.client.message.get(three).message_id, three)

    def test_all_messages_are_cancelled(self):
        self.waiting(), self.waiting()
        self.assertEqual(self.client.message.cancel_all(), 2)
        self.assertEqual(self.client.message.cancel_all(), 0)
