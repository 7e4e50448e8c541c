"""The official Python receiver as an arm, see ../src/main.rs: `receive.py LENGTH`."""

import base64
import hashlib
import hmac
import json
import sys
import time

from qstash import Receiver

KEY = "sig_7f3b0c55d4e24c1f9a6e8b1d0c2f"
URL = "https://api.example.com/render/done?job=42"
BODY = "x" * int(sys.argv[1])


def encode(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


now = int(time.time())
claims = {"iss": "Upstash", "sub": URL, "exp": now + 300, "nbf": now, "iat": now, "jti": "jwt_67kxXD6UBAk7DqU6hzuHMDdXFXfP"}
claims["body"] = encode(hashlib.sha256(BODY.encode()).digest()) + "="
signed = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
signature = f"{signed}.{encode(hmac.digest(KEY.encode(), signed.encode(), 'sha256'))}"
receiver = Receiver(KEY, "sig_0d9c7be1a2f84a35b8d1e7c6a0f4")

for line in sys.stdin:
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in range(int(line)):
        receiver.verify(signature=signature, body=BODY, url=URL)
    print(time.process_time_ns() - cpu, time.perf_counter_ns() - wall, flush=True)
