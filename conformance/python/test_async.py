"""The asynchronous client."""

import asyncio

from qstash import AsyncQStash

from support import HOUR, TOKEN, Case


class Async(Case):
    def test_many_messages_are_published_at_once_and_cancelled(self):
        async def program():
            client = AsyncQStash(TOKEN, base_url=self.url, retry=False)
            url = self.destination.at("/hook")
            publish = (client.message.publish_json(url=url, body=n, delay=HOUR) for n in range(20))
            ids = {published.message_id for published in await asyncio.gather(*publish)}
            first = await client.message.get(min(ids))
            cancelled = await client.message.cancel_many(list(ids))
            await client.http._client.aclose()
            return len(ids), first.url, cancelled

        self.assertEqual(asyncio.run(program()), (20, self.destination.at("/hook"), 20))
