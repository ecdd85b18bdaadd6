"""Hooks of the fuzzer: what it sends to the webhook is signed as it leaves, so that it meets what stands behind the signature.

Events are samples of every kind in which some members are what the fuzzer made up.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import os
import pathlib
import random
import re
import time
from datetime import datetime, timezone
from typing import Any

import requests
import schemathesis

SECRET = os.environ["WEBHOOK_SECRET"].encode()
EVENTS = [json.loads(file.read_text()) for file in sorted((pathlib.Path(__file__).parents[2] / "events").glob("scim-*.json"))]
SAMPLES = [event["body"] for event in EVENTS if "workos-signature" in event["headers"]]


class Signature(requests.auth.AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        t = int(time.time() * 1000)
        mac = hmac.new(SECRET, f"{t}.".encode() + body, hashlib.sha256).hexdigest()
        request.headers["WorkOS-Signature"] = f"t={t}, v1={mac}"
        request.headers.pop("Authorization", None)
        return request


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    kwargs["auth"] = Signature()


@schemathesis.check
def only_what_names_no_organization_has_to_come_again(context, response, case) -> None:
    """Anything else that is asked for again would be asked for until WorkOS gives up."""
    data = case.body.get("data") if isinstance(case.body, dict) else None
    named = isinstance(data, dict) and re.fullmatch(r"org_[A-Za-z0-9_-]{1,124}", str(data.get("organization_id")))
    assert response.status_code != 503 or not named, "503 for an event that names its organization"


@schemathesis.hook
def map_body(context, body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    chance = random.Random(json.dumps(body, sort_keys=True, default=str))
    made_up = [*body.values(), *(body["data"].values() if isinstance(body.get("data"), dict) else ())]
    made_up += [None, "", [], {}, -1, 1e308, "x" * 300, "\x00", "#", "org_" + "y" * 200, "2026-02-30T25:61:00Z"]
    sample = chance.choice(SAMPLES)
    # About something of its own, and later than the last one, or most would be stale; now and then as it stands.
    if chance.random() < 0.8:
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        sample = sample.replace("2026-01-01T00:00:00.000Z", now).replace("01SAMPLE", f"{chance.getrandbits(64):X}")
    event = json.loads(sample)
    for _ in range(chance.randrange(4)):
        spoil(event, made_up, chance)
    return event


def spoil(event: dict, made_up: list, chance: random.Random) -> None:
    """Replaces, drops or adds one member somewhere."""
    place = event
    while True:
        within = [value for value in place.values() if isinstance(value, dict) and value]
        if not within or chance.random() < 0.3:
            break
        place = chance.choice(within)
    name = chance.choice([*place, "organization_id"])
    if chance.random() < 0.2:
        place.pop(name, None)
    else:
        place[name] = copy.deepcopy(chance.choice(made_up))
