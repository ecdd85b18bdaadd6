"""Events that only look like WorkOS's: without the secret, out of time, and with headers that say more or less than one thing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from libraries import Node, Python

NAME = "WorkOS-Signature"
Forgery = tuple[str, list[tuple[str, str]], bytes]


def forged_events(sdk: Node | Python, event: dict, secret: str, now: int) -> Iterator[Forgery]:
    """Each with what is wrong with it. `now` is in milliseconds."""
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    mac = sdk.mac(now, body, secret)
    good = f"t={now}, v1={mac}"
    for name, other in bodies(event, body):
        assert other != body, name
        yield f"body: {name}", [(NAME, good)], other
    for name, other in secrets(secret):
        yield f"secret: {name}", [(NAME, f"t={now}, v1={sdk.mac(now, body, other)}")], body
    for name, t in moments(now):
        yield f"time: {name}", [(NAME, f"t={t}, v1={sdk.mac(t, body, secret)}")], body
    for name, value in headers(now, mac):
        assert value != good, name
        yield f"header: {name}", [(NAME, value)], body
    yield "header: none", [], body
    yield "header: two of them", [(NAME, good), (NAME, good)], body
    yield "header: a bad one beside it", [(NAME, f"t={now}, v1={'0' * 64}"), (NAME, good)], body
    yield "header: another name", [("X-WorkOS-Signature", good)], body


def bodies(event: dict, body: bytes) -> Iterator[tuple[str, bytes]]:
    for place in (0, len(body) // 3, len(body) // 2, len(body) - 1):
        yield f"bit at {place}", body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    yield "written again", json.dumps(event, ensure_ascii=False).encode()
    yield "escaped", json.dumps(event, separators=(",", ":")).encode()
    yield "sorted", json.dumps(event, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    yield "line feed", body + b"\n"
    yield "byte order mark", b"\xef\xbb\xbf" + body
    yield "cut", body[:-1]
    yield "empty", b""
    yield "another person", body.replace(event["data"]["email"].encode(), b"mallory@acme.com")
    yield "another member of the name", body.replace(b'"object":', b'"id":"event_2","object":', 1)


def secrets(secret: str) -> Iterator[tuple[str, str]]:
    yield "a stranger's", "whsec_" + "m" * 43
    yield "without its prefix", secret.removeprefix("whsec_")
    yield "in other case", secret.swapcase()
    yield "its bytes in base64", base64.b64encode(secret.encode()).decode()
    yield "cut", secret[:-1]


def moments(now: int) -> Iterator[tuple[str, int | str]]:
    yield "old", now - 190_000
    yield "of last year", now - 31_536_000_000
    yield "ahead", now + 190_000
    yield "in seconds", now // 1000
    yield "in microseconds", now * 1000
    yield "signed", f"+{now}"
    yield "below zero", f"-{now}"
    yield "a fraction", f"{now}.0"
    yield "hex", hex(now)
    yield "padded", f"{now:018}"
    yield "none", ""


def headers(now: int, mac: str) -> Iterator[tuple[str, str]]:
    yield "moved by a millisecond", f"t={now + 1}, v1={mac}"
    yield "no time", f"v1={mac}"
    yield "no signature", f"t={now}"
    yield "empty signature", f"t={now}, v1="
    yield "empty", ""
    yield "the bare signature", mac
    yield "upper case", f"t={now}, v1={mac.upper()}"
    yield "base64", f"t={now}, v1={base64.b64encode(bytes.fromhex(mac)).decode()}"
    yield "half a signature", f"t={now}, v1={mac[:32]}"
    yield "a longer signature", f"t={now}, v1={mac}00"
    yield "a changed digit", f"t={now}, v1={'0' if mac[0] != '0' else '1'}{mac[1:]}"
    yield "an older scheme", f"t={now}, v0={mac}"
    yield "a newer scheme", f"t={now}, v2={mac}"
    yield "a newer scheme as well", f"t={now}, v1={mac}, v2={mac}"
    yield "two signatures", f"t={now}, v1={'0' * 64}, v1={mac}"
    yield "the same twice", f"t={now}, v1={mac}, v1={mac}"
    yield "two times", f"t={now}, t={now}, v1={mac}"
    yield "semicolon", f"t={now}; v1={mac}"
    yield "spaces within", f"t = {now}, v1 = {mac}"
    yield "quoted", f't="{now}", v1="{mac}"'
    yield "names in other case", f"T={now}, V1={mac}"
    yield "a word at the end", f"t={now}, v1={mac}, x"
    yield "a comma at the end", f"t={now}, v1={mac},"
    yield "huge", f"t={now}, v1={mac}, " + "x=1, " * 1_500
    yield "of Standard Webhooks", f"v1,{base64.b64encode(bytes.fromhex(mac)).decode()}"
