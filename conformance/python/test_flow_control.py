"""Flow control."""

from support import HOUR, Case

KEY = "pool"


class FlowControl(Case):
    def publish(self, path, delay=None, **limits):
        url = self.destination.at(path)
        self.client.message.publish(url=url, delay=delay, flow_control={"key": KEY, **limits})

    def test_no_more_messages_are_active_than_a_key_allows(self):
        flow_control = self.client.flow_control
        with self.destination.hold("/one"):
            self.publish("/one", parallelism=1)
            self.publish("/two", parallelism=1)
            self.assertEqual(self.destination.next().target, "/one")
            found = flow_control.get(KEY)
            self.assertEqual((found.key, found.parallelism_max), (KEY, 1))
            self.assertEqual((found.parallelism_count, found.wait_list_size), (1, 1))
            self.assertEqual(flow_control.get_global_parallelism().parallelism_count, 1)
        self.assertEqual(self.destination.next().target, "/two")

    def test_a_key_is_paused_and_resumed(self):
        self.client.flow_control.pause(KEY)
        self.publish("/hook", rate=5)
        found = self.client.flow_control.get(KEY)
        self.assertEqual((found.is_paused, found.wait_list_size), (True, 1))
        self.client.flow_control.resume(KEY)
        self.assertEqual(self.destination.next().target, "/hook")
        self.assertFalse(self.client.flow_control.get(KEY).is_paused)

    def test_the_limits_of_a_key_are_those_of_its_last_message_unless_they_are_pinned(self):
        flow_control = self.client.flow_control
        self.publish("/hook", delay=HOUR, parallelism=2, rate=10, period="1m")
        found = flow_control.get(KEY)
        self.assertEqual((found.parallelism_max, found.rate_max, found.rate_period), (2, 10, 60))

        flow_control.pin(KEY, {"parallelism": 5, "rate": 7, "period": 30})
        self.publish("/hook", delay=HOUR, parallelism=3, rate=20)
        found = flow_control.get(KEY)
        self.assertEqual((found.parallelism_max, found.rate_max, found.rate_period), (5, 7, 30))
        self.assertTrue(found.is_pinned_parallelism and found.is_pinned_rate)

        flow_control.unpin(KEY, {"parallelism": True, "rate": False})
        self.publish("/hook", delay=HOUR, parallelism=4, rate=20)
        found = flow_control.get(KEY)
        self.assertEqual((found.parallelism_max, found.rate_max), (4, 7))
        self.assertFalse(found.is_pinned_parallelism)
        self.assertTrue(found.is_pinned_rate)

    def test_a_message_beyond_the_rate_waits_until_the_rate_is_reset(self):
        self.publish("/one", rate=1, period="1d")
        self.assertEqual(self.destination.next().target, "/one")
        self.publish("/two", rate=1, period="1d")
        found = self.client.flow_control.get(KEY)
        self.assertEqual((found.rate_count, found.wait_list_size), (1, 1))
        self.client.flow_control.reset_rate(KEY)
        self.assertEqual(self.destination.next().target, "/two")

    def test_an_unknown_key_is_not_found(self):
        with self.assert_refused(404):
            self.client.flow_control.get("unknown")
