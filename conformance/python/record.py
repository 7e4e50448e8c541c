"""Writes what the SDK sends for each message of messages.json: `python record.py <messages> <recording>`."""

import json
import pathlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from qstash import QStash

messages, recording = map(pathlib.Path, sys.argv[1:])
sent = {}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent.update(
            body=body.decode(),
            headers={
                name: headers[name]
                for name in sorted(headers)
                if name == "content-type" or name.startswith("upstash-")
            },
            method=self.command,
            path=self.path,
        )
        answer = {"messageId": "msg_1", "scheduleId": "scd_1", "url": ""}
        answer = json.dumps([answer] if self.path == "/v2/batch" else answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = QStash("a token", base_url=f"http://127.0.0.1:{server.server_port}", retry=False)

# What the SDK has no word for.
NOT_OFFERED = ["forwardAllHeaders"]
# What it calls the values of a message.
WORDS = {
    "body": "body",
    "contentType": "content_type",
    "method": "method",
    "forward": "headers",
    "delay": "delay",
    "notBefore": "not_before",
    "timeout": "timeout",
    "retries": "retries",
    "retryDelay": "retry_delay",
    "deduplicationId": "deduplication_id",
    "contentBasedDeduplication": "content_based_deduplication",
    "flowControl": "flow_control",
    "redact": "redact",
    "scheduleId": "schedule_id",
    "cron": "cron",
    "queue": "queue",
}


def send(message):
    options = {WORDS[name]: value for name, value in message.items() if name in WORDS}
    for name, word in [("callback", "callback"), ("failureCallback", "failure_callback")]:
        if target := message.get(name):
            options[word] = target["url"]
            if "settings" in target:
                options[f"{word}_headers"] = target["settings"]
    if "labels" in message:
        options["label"] = ",".join(message["labels"])
    if "urlGroup" in message:
        options["url_group"] = message["urlGroup"]
    else:
        options["url"] = message.get("url", "https://example.com/hook")
    suffix = ""
    if "json" in message:
        options["body"], suffix = message["json"], "_json"

    verb = message.get("verb", "publish")
    if verb == "schedule":
        options["destination"] = options.pop("url")
        getattr(client.schedule, f"create{suffix}")(**options)
    elif verb == "batch":
        getattr(client.message, f"batch{suffix}")([options])
    else:
        getattr(client.message, f"{verb}{suffix}")(**options)


recorded = {}
for option, message in json.loads(messages.read_text()).items():
    if any(name in message for name in NOT_OFFERED):
        recorded[option] = None
        continue
    send(message)
    recorded[option] = dict(sent)
recording.write_text(json.dumps(recorded, indent=2, ensure_ascii=False) + "\n")
