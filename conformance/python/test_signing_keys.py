"""Signing keys, and their rotation."""

from qstash import Receiver

from support import CURRENT_KEY, NEXT_KEY, Case


class SigningKeys(Case):
    def test_a_receiver_follows_the_rotation_of_keys(self):
        keys = self.client.signing_key.get()
        self.assertEqual((keys.current, keys.next), (CURRENT_KEY, NEXT_KEY))

        rotated = self.client.signing_key.rotate()
        self.assertEqual(rotated.current, NEXT_KEY)
        self.assertNotIn(rotated.next, (CURRENT_KEY, NEXT_KEY))
        self.assertEqual(self.client.signing_key.get(), rotated)

        self.client.message.publish(url=self.destination.at("/hook"), body="signed with what was next")
        delivery = self.destination.next()
        self.destination.receiver = Receiver(rotated.current, rotated.next)
        self.destination.verified(delivery)
