#!/usr/bin/env python3
"""A first client: it sends one message, and verifies its reply. The timer and the rest are for you.

It needs Python 3.9, openssl, and two files in the directory where it runs: my.pem, the group's private
key, and key_secret_for_hmac.txt, the class's secret.
"""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import time

SERVER = ("127.0.0.1", 5555)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decoded(text):
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def signature_of(signing_input):
    openssl = ["openssl", "dgst", "-sha256", "-sign", "my.pem"]
    return subprocess.run(openssl, input=signing_input, capture_output=True, check=True).stdout


claims = {"group": "HEARTBEAT", "seq_number": 1, "seq_max": 1, "matricula": 20240001}
claims |= {"exp": int(time.time()) + 300, "jti": secrets.token_hex(16)}
payload = json.dumps(claims).encode()
signing_input = base64url(b'{"alg":"RS256","typ":"JWT"}') + b"." + base64url(payload)
token = signing_input + b"." + base64url(signature_of(signing_input))

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
client.sendto(token, SERVER)
try:
    reply = client.recv(4096)
except OSError:
    raise SystemExit("no reply: is the server there, and does its line say why?")
if reply.count(b".") != 2:
    raise SystemExit("not acknowledged: " + reply.decode())  # an explanation, of a server with --explain

signed, tag = reply.rsplit(b".", 1)
secret = open("key_secret_for_hmac.txt", "rb").read().rstrip(b"\r\n")
if not hmac.compare_digest(decoded(tag), hmac.digest(secret, signed, "sha256")):
    raise SystemExit("the HMAC does not verify: is it the secret of this server?")
answer = json.loads(decoded(signed.split(b".")[1]))
if answer.get("id_request") != hashlib.sha256(payload).hexdigest():
    raise SystemExit("a reply to another message")
print(answer if "next_number" in answer else f"not acknowledged: {answer}")
