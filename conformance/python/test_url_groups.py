"""URL groups."""

from qstash.errors import QStashError

from support import Case


class UrlGroups(Case):
    def test_a_message_to_a_group_goes_to_each_of_its_endpoints(self):
        one, two = self.destination.at("/one"), self.destination.at("/two")
        self.client.url_group.upsert_endpoints("everybody", [{"url": one, "name": "one"}, {"url": two}])
        answers = self.client.message.publish(url_group="everybody", callback=self.destination.at("/done"))
        self.assertEqual([answer.url for answer in answers], [one, two])
        deliveries = self.destination.by_path(4)
        self.assertEqual(deliveries["/one"][0].headers["Upstash-Topic-Name"], "everybody")
        callbacks = [delivery.json() for delivery in deliveries["/done"]]
        self.assertEqual({callback["topicName"] for callback in callbacks}, {"everybody"})
        self.assertEqual({callback.get("endpointName") for callback in callbacks}, {"one", None})

    def test_groups_are_made_changed_read_listed_and_deleted(self):
        groups, one, two = self.client.url_group, self.destination.at("/one"), self.destination.at("/two")
        groups.upsert_endpoints("everybody", [{"url": one, "name": "one"}])
        groups.upsert_endpoints("everybody", [{"url": two, "name": "one"}, {"url": one}])
        group = groups.get("everybody")
        self.assertLessEqual(group.created_at, group.updated_at)
        self.assertEqual([(end.name, end.url) for end in group.endpoints], [("one", two), (None, one)])
        self.assertEqual([group.name for group in groups.list()], ["everybody"])
        groups.remove_endpoints("everybody", [{"name": "one"}])
        self.assertEqual([end.url for end in groups.get("everybody").endpoints], [one])
        groups.remove_endpoints("everybody", [{"url": one}])
        with self.assert_refused(404):
            groups.get("everybody")
        groups.delete("everybody")

    def test_an_unknown_group_is_not_found(self):
        with self.assertRaisesRegex(QStashError, "topic nobody not found"):
            self.client.message.publish(url_group="nobody")
