"""Language models, which are destinations with a credential."""

import base64

from qstash.chat import custom

from support import Case


class Providers(Case):
    def test_the_answer_of_a_language_model_comes_back_in_a_callback(self):
        path = "/v1/chat/completions"
        self.destination.answers(path, (200, {"Content-Type": "application/json"}, '{"choices":[]}'))
        self.client.message.publish_json(
            api={"name": "llm", "provider": custom(self.destination.at(""), "a key")},
            body={"model": "small"},
            callback=self.destination.at("/done"),
        )
        deliveries = self.destination.by_path(2)
        [question], [answer] = deliveries[path], deliveries["/done"]
        self.assertEqual(question.headers["Authorization"], "Bearer a key")
        self.assertEqual(question.json()["model"], "small")
        self.assertEqual(base64.b64decode(answer.json()["body"]), b'{"choices":[]}')
