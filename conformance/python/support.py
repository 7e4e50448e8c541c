"""One server of its own for each test, and a destination that remembers what it was sent."""

import contextlib
import json
import os
import queue
import subprocess
import threading
import unittest
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from qstash import QStash, Receiver
from qstash.errors import QStashError

TOKEN = "token-of-the-conformance-tests"
CURRENT_KEY = "sig_conformance_current_0123456789"
NEXT_KEY = "sig_conformance_next_0123456789ab"
HOUR = 3600
# Nothing takes this long; it ends a test that waits for what will never come.
PATIENCE = 60


@dataclass
class Delivery:
    method: str
    target: str
    headers: object
    bytes: bytes

    @property
    def body(self):
        return self.bytes.decode()

    def json(self):
        return json.loads(self.bytes)


class Server(ThreadingHTTPServer):
    # Hundreds of deliveries come at once; where the line of connections is full, an attempt fails.
    request_queue_size = 1024


class Destination:
    """A server on loopback. What arrives is kept in order."""

    def __init__(self):
        self._answers = {}
        self._held = {}
        self._arrived = queue.Queue()
        self.receiver = Receiver(CURRENT_KEY, NEXT_KEY)
        destination = self

        class Handler(BaseHTTPRequestHandler):
            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                destination._arrived.put(Delivery(self.command, self.path, self.headers, body))
                if held := destination._held.get(self.path):
                    held.wait(PATIENCE)
                answers = destination._answers.get(self.path)
                status, headers, body = answers.pop(0) if answers else (200, {}, "done")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._origin = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def at(self, path):
        """The URL of a path here."""
        return self._origin + path

    def answers(self, path, *answers):
        """Lets a path give these answers, one after the other."""
        self._answers[path] = list(answers)

    @contextlib.contextmanager
    def hold(self, path):
        """Leaves what arrives at a path without an answer until the block ends."""
        self._held[path] = threading.Event()
        try:
            yield
        finally:
            self._held[path].set()

    def arrival(self):
        """The next delivery, as it came."""
        return self._arrived.get(timeout=PATIENCE)

    def next(self):
        """The next delivery, after the official receiver has found it genuine."""
        return self.verified(self.arrival())

    def verified(self, delivery):
        self.receiver.verify(
            signature=delivery.headers["Upstash-Signature"],
            body=delivery.body,
            url=self.at(delivery.target),
        )
        return delivery

    def by_path(self, count):
        """The next so many deliveries, by their path."""
        deliveries = {}
        for _ in range(count):
            delivery = self.next()
            deliveries.setdefault(delivery.target, []).append(delivery)
        return deliveries


class Case(unittest.TestCase):
    """A server, a client of it, and a destination."""

    def setUp(self):
        self.destination = Destination()
        self.addCleanup(self.destination.close)
        self.url = self._start_server()
        self.client = QStash(TOKEN, base_url=self.url, retry=False)
        self.addCleanup(self.client.http._client.close)

    def _start_server(self):
        server = subprocess.Popen(
            [os.environ["QSTASH_DEV_BINARY"], "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                "HOME": os.environ["CONFORMANCE_HOME"],
                "QSTASH_TOKEN": TOKEN,
                "QSTASH_CURRENT_SIGNING_KEY": CURRENT_KEY,
                "QSTASH_NEXT_SIGNING_KEY": NEXT_KEY,
            },
        )
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        for line in server.stdout:
            if "QSTASH_URL=" in line:
                return line.split("QSTASH_URL=")[1].strip().strip('"')
        self.fail("the server ended before it said where it listens")

    def dev(self, path, body):
        """Steers the server, by what it has beside the API."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        request = urllib.request.Request(f"{self.url}/dev/{path}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def assert_refused(self, status):
        """Asserts that a call is refused with this status."""
        return self.assertRaisesRegex(QStashError, f"status: {status}")

    def dead_letter(self, **options):
        """A message that failed once and for all, by its id and that of its dead letter."""
        self.destination.answers("/broken", (500, {"X-Why": "test"}, "boom"))
        published = self.client.message.publish(
            url=self.destination.at("/broken"),
            body="work",
            retries=0,
            failure_callback=self.destination.at("/failed"),
            **options,
        )
        [failure] = self.destination.by_path(2)["/failed"]
        return published.message_id, failure.json()["dlqId"]
