"""How others sign and verify: WorkOS's SDKs for Node and Python, and the reference libraries of Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
from datetime import datetime, timezone

from standardwebhooks import Webhook
from workos import WorkOSClient

WORK = pathlib.Path(os.environ["INTEROP_WORK"])


class Refused(Exception):
    """By the library, in its words."""


class Node:
    """`@workos-inc/node` and `standardwebhooks` from npm, in one process."""

    name = "node"

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["node", "libraries.mjs"], cwd=WORK / "sdks", text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, verb: str, body: bytes, **rest) -> dict:
        question = {"verb": verb, "body": base64.b64encode(body).decode(), **rest}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer

    def mac(self, t: int | str, body: bytes, secret: str) -> str:
        return self.ask("sign", body, t=t, secret=secret)["mac"]

    def verify(self, header: str, body: bytes, secret: str) -> tuple[str, str]:
        """Id and type of the event."""
        event = self.ask("verify", body, header=header, secret=secret)
        return event["id"], event["event"]

    def standard_sign(self, id: str, seconds: int, body: bytes, secret: str) -> str:
        return self.ask("standardSign", body, id=id, seconds=seconds, secret=secret)["signature"]

    def standard_verify(self, headers: dict[str, str], body: bytes, secret: str) -> dict:
        return self.ask("standardVerify", body, headers=headers, secret=secret)["message"]


class Python:
    """`workos` and `standardwebhooks` from PyPI."""

    name = "python"

    def __init__(self) -> None:
        self.webhooks = WorkOSClient(api_key="sk_test_of_nobody", client_id="client_of_nobody").webhooks

    def mac(self, t: int | str, body: bytes, secret: str) -> str:
        """This SDK only verifies. What is signed here counts once it has taken it."""
        return hmac.new(secret.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()

    def verify(self, header: str, body: bytes, secret: str) -> tuple[str, str]:
        """Id and type of the event."""
        try:
            event = self.webhooks.verify_event(event_body=body, event_signature=header, secret=secret)
        except ValueError as error:
            raise Refused(str(error)) from error
        return event.id, event.event

    def standard_sign(self, id: str, seconds: int, body: bytes, secret: str) -> str:
        return Webhook(secret).sign(id, datetime.fromtimestamp(seconds, timezone.utc), body.decode())

    def standard_verify(self, headers: dict[str, str], body: bytes, secret: str) -> dict:
        try:
            return Webhook(secret).verify(body, headers)
        # Its own error, and those of its parsers.
        except Exception as error:
            raise Refused(repr(error)) from error
