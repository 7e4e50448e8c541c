"""Time and faults, steered by HTTP beside the SDK."""

import time
import urllib.error

from support import Case


class Control(Case):
    def test_a_test_that_waits_three_days_is_done_in_a_moment(self):
        url = self.destination.at("/reminder")
        message = self.client.message.publish(url=url, delay="3d", body="hello")
        self.dev("clock", {"advance": "2d23h"})
        self.assertEqual(self.client.message.get(message.message_id).message_id, message.message_id)
        started = time.monotonic()
        self.dev("clock", {"advance": "1h"})
        entry = self.dev("wait", {"messageId": message.message_id, "state": "DELIVERED"})
        print(f"three days took {1000 * (time.monotonic() - started):.0f} ms")
        self.assertEqual(entry["messageId"], message.message_id)
        self.assertEqual(self.destination.next().body, "hello")

    def test_a_fault_is_met_and_the_next_attempt_comes_without_a_wait(self):
        url = self.destination.at("/work")
        self.dev("faults", {"fault": "status", "status": 503, "url": url})
        message = self.client.message.publish(url=url, body="work", retries=1)
        self.dev("settle", {})
        self.dev(f"messages/{message.message_id}/deliver", {})
        self.assertEqual(self.destination.next().headers["Upstash-Retried"], "1")

    def test_a_server_is_as_new_after_a_reset(self):
        self.client.schedule.create(destination=self.destination.at("/nightly"), cron="0 4 * * *")
        self.client.message.publish(url=self.destination.at("/later"), delay="3d", body="x")
        self.dev("reset", {})
        self.assertEqual((self.client.schedule.list(), self.client.log.list().logs), ([], []))
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.dev("clock", {"advance": "-1s"})
        self.assertEqual(refused.exception.code, 400)
        refused.exception.close()
