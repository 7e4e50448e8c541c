"""The asynchronous client does what the other one does."""

import asyncio
import functools

from qstash import AsyncQStash
from qstash.errors import QStashError

from support import HOUR, TOKEN, Case


def program(test):
    """Runs a test with an asynchronous client."""

    @functools.wraps(test)
    def run(self):
        async def main():
            client = AsyncQStash(TOKEN, base_url=self.url, retry=False)
            try:
                await test(self, client)
            finally:
                await client.http._client.aclose()

        asyncio.run(main())

    return run


class Async(Case):
    @program
    async def test_many_messages_are_published_at_once_and_cancelled(self, client):
        url = self.destination.at("/hook")
        publish = (client.message.publish_json(url=url, body=n, delay=HOUR) for n in range(20))
        ids = {published.message_id for published in await asyncio.gather(*publish)}
        self.assertEqual(len(ids), 20)
        self.assertEqual((await client.message.get(min(ids))).url, url)
        self.assertEqual(await client.message.cancel_many(list(ids)), 20)

    @program
    async def test_messages_go_through_queues_groups_and_batches(self, client):
        await client.queue.upsert("emails", parallelism=2, paused=True)
        await client.message.enqueue_json(queue="emails", url=self.destination.at("/queued"), body=1)
        self.assertEqual((await client.queue.get("emails")).lag, 1)
        await client.queue.resume("emails")
        self.assertEqual(self.destination.next().target, "/queued")

        await client.url_group.upsert_endpoints("everybody", [{"url": self.destination.at("/member")}])
        [group] = await client.url_group.list()
        [[member]] = await client.message.batch_json([{"url_group": group.name, "body": 2}])
        self.assertEqual(member.url, self.destination.at("/member"))
        self.assertEqual(self.destination.next().body, "2")

    @program
    async def test_schedules_and_flow_control_are_changed_and_read(self, client):
        url = self.destination.at("/hook")
        flow_control = {"key": "pool", "parallelism": 2}
        schedule_id = await client.schedule.create(destination=url, cron="0 4 * * *", flow_control=flow_control)
        await client.schedule.pause(schedule_id)
        [schedule] = await client.schedule.list()
        self.assertTrue(schedule.paused)
        await client.schedule.delete(schedule_id)

        await client.flow_control.pin("pool", {"parallelism": 5})
        found = await client.flow_control.get("pool")
        self.assertEqual((found.parallelism_max, found.is_pinned_parallelism), (5, True))

    @program
    async def test_failures_are_read_and_errors_raised(self, client):
        message_id, dlq_id = self.dead_letter()
        self.assertEqual((await client.dlq.get(dlq_id)).message_id, message_id)
        logs = (await client.log.list(filter={"message_id": message_id})).logs
        self.assertEqual(logs[0].state.value, "FAILED")
        await client.dlq.delete(dlq_id)
        with self.assertRaisesRegex(QStashError, "status: 404"):
            await client.dlq.get(dlq_id)

    @program
    async def test_signing_keys_are_rotated(self, client):
        before = await client.signing_key.get()
        self.assertEqual((await client.signing_key.rotate()).current, before.next)
