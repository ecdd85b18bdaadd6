"""Whether WorkOS's own SDKs and we read each other's signatures, and apps ours; and whether forgers get nowhere.

Inwards: events signed with the SDKs are posted to a running Vestibule, and what the sandbox signs is given to the SDKs.
Outwards: what leaves for the app is verified with the reference libraries of Standard Webhooks, and heard by the programs
of docs/integrate.
"""

from __future__ import annotations

import base64
import itertools
import json
import pathlib
import re
import secrets
import string
import time
import unittest
from datetime import datetime, timezone

from example import examples
from forged_events import NAME, forged_events
from libraries import Node, Python, Refused
from relay import Delivery, Relay, post
from stack import SESSION, Browser, Stack, request

ROOT = pathlib.Path(__file__).parents[2]
INWARDS = ("/webhooks/workos", "/scim/v2/Users")
APP, SANDBOX = "/webhooks/vestibule", "/from-the-sandbox"
BEN, BENS = "ben.fischer@acme.com", "directory_user_01SANDBOXBEN"

# What an SDK lets through and we do not. Each is stricter than it has to be, or looser than is good for it.
LOOSER = {
    "node": {
        "time: ahead",
        "time: in microseconds",
        "time: a fraction",
        "time: padded",
        "time: signed",
        "time: none",
        "header: a newer scheme",
        "header: an older scheme",
        "header: a newer scheme as well",
        "header: the same twice",
        "header: a word at the end",
        "header: a comma at the end",
        "header: huge",
        "header: names in other case",
    },
    "python": {
        "time: signed",
        "time: padded",
        "header: an older scheme",
        "header: a newer scheme",
        "header: names in other case",
    },
}


def app_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def stacks_own_secret() -> str:
    """As CloudFormation makes one: letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def now() -> int:
    return int(time.time() * 1000)


class Webhooks(unittest.TestCase):
    """Both sides are in the middle of a rotation: two secrets count inwards, and both sign outwards."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.relay = Relay()
        cls.addClassCleanup(cls.relay.stop)
        cls.node, cls.python = Node(), Python()
        cls.addClassCleanup(cls.node.stop)
        cls.workos = {name: f"whsec_{secrets.token_urlsafe(32)}" for name in ("current", "previous")}
        cls.app = {"current": app_secret(), "previous": stacks_own_secret()}
        cls.examples = examples()
        cls.stack = Stack(
            "ES256",
            {"vestibule/workos-webhook": json.dumps(cls.workos), "vestibule/app-webhook": json.dumps(cls.app)},
            APP_WEBHOOK_URL=cls.relay.url + APP,
            ALLOWED_RETURN_ORIGINS=",".join(example.url for example in cls.examples),
        )
        cls.addClassCleanup(cls.stack.stop)
        # An app changes over when it likes.
        for example, which in zip(cls.examples, ("current", "previous", "current"), strict=True):
            cls.addClassCleanup(example.stop)
            example.start(cls.stack.app, VESTIBULE_WEBHOOK_SECRET=cls.app[which])
        cls.relay.targets[APP] = [example.url + APP for example in cls.examples]
        cls.numbers = itertools.count(1)

    def event(self, kind: str, person: str, **data) -> dict:
        """About somebody of Acme, as WorkOS writes it."""
        number = next(self.numbers)
        # Later than what came before, also within one millisecond.
        moment = datetime.fromtimestamp(time.time() + number / 1000, timezone.utc)
        at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        user = {
            "object": "directory_user",
            "id": f"directory_user_01INTEROP{person.upper()}",
            "directory_id": "directory_01SANDBOXACME",
            "organization_id": "org_01SANDBOXACME",
            "idp_id": f"interop-{person}",
            "email": f"{person}@acme.com",
            "first_name": person.capitalize(),
            # What JSON writers spell in more than one way.
            "last_name": "Åsa </𝔘ni>",
            "state": "active",
            "custom_attributes": {},
            "raw_attributes": {},
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": at,
        }
        id = f"event_01INTEROP{secrets.token_hex(6).upper()}"
        return {"object": "event", "id": id, "event": kind, "data": user | data, "created_at": at, "context": {}}

    def signed(self, sdk: Node | Python, event: dict, secret: str) -> tuple[str, bytes]:
        """The header and the body. The SDK takes them itself."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        t = now()
        header = f"t={t}, v1={sdk.mac(t, body, secret)}"
        for other in (self.node, self.python):
            self.assertEqual(other.verify(header, body, secret), (event["id"], event["event"]), other.name)
        return header, body

    def tell(self, path: str, header: str, body: bytes) -> tuple[int, dict]:
        status, answer = post(self.stack.app + path, [(NAME, header), ("Content-Type", "application/json")], body)
        return status, json.loads(answer)

    def message(self, kind: str, email: str, begin: int = 0) -> Delivery:
        """What the app was told of this person, after `begin` deliveries."""

        def wanted(delivery: Delivery) -> bool:
            message = json.loads(delivery.body)
            return message["type"] == kind and message["data"].get("email") == email

        return self.relay.wait_for(APP, wanted, begin)

    def people(self) -> list[dict[str, bool]]:
        """Who is active, as each of the example programs tells Ada."""
        token = self.stack.signed_in().cookies[SESSION]
        answers = [request("GET", f"{e.url}/api/people", {"Cookie": f"{SESSION}={token}"}) for e in self.examples]
        return [{person["email"]: person["active"] for person in answer.json()} for answer in answers]

    def test_events_that_the_sdks_sign_are_taken_and_count(self) -> None:
        """R51, R53: with either secret, at either address; a second time it is a duplicate."""
        cases = itertools.product((self.node, self.python), INWARDS, self.workos.values())
        for number, (sdk, path, secret) in enumerate(cases):
            person = f"taken{number}"
            with self.subTest(f"{sdk.name} {path}"):
                event = self.event("dsync.user.created", person)
                header, body = self.signed(sdk, event, secret)
                self.assertEqual(self.tell(path, header, body), (200, {"event": event["id"], "outcome": "applied"}))
                self.assertEqual(self.tell(path, header, body)[1]["outcome"], "duplicate")
                self.message("user.created", f"{person}@acme.com")
                self.assertEqual([known.get(f"{person}@acme.com") for known in self.people()], [True] * 3)

    def test_a_leaver_whom_an_sdk_announces_is_out(self) -> None:
        """R58, R60: and in again, when that is announced."""
        auto = lambda who: request("POST", f"{self.stack.sandbox}/_sandbox/auto", {}, json.dumps(who))
        auto({"email": BEN})
        self.addCleanup(auto, {"email": "ada@acme.com"})
        for sdk, path in zip((self.node, self.python), INWARDS, strict=True):
            with self.subTest(sdk.name):
                browser = self.stack.signed_in()
                session = lambda: browser.step(f"{self.stack.app}/auth/session")
                self.assertEqual(session().status, 200)
                for state, kind in (("suspended", "user.deactivated"), ("active", "user.reactivated")):
                    about = {"id": BENS, "email": BEN, "idp_id": "ben", "state": state}
                    header, body = self.signed(sdk, self.event("dsync.user.updated", "ben", **about), self.workos["current"])
                    begin = len(self.relay.arrived)
                    status, answer = self.tell(path, header, body)
                    self.assertEqual((status, answer["outcome"]), (200, "applied"))
                    self.message(kind, BEN, begin)
                    self.assertEqual([known[BEN] for known in self.people_seen_by_ada()], [state == "active"] * 3)
                    self.assertEqual(session().status, 401, "a return revives nobody's session")

    def people_seen_by_ada(self) -> list[dict[str, bool]]:
        request("POST", f"{self.stack.sandbox}/_sandbox/auto", {}, json.dumps({"email": "ada@acme.com"}))
        known = self.people()
        request("POST", f"{self.stack.sandbox}/_sandbox/auto", {}, json.dumps({"email": BEN}))
        return known

    def test_forgeries_are_told_one_thing(self) -> None:
        """R51: and change nothing, whichever SDK made the rest of them."""
        for sdk, path in zip((self.node, self.python), INWARDS, strict=True):
            event = self.event("dsync.user.created", f"forged{sdk.name}")
            answers, let_through = set(), {"node": set(), "python": set()}
            cases = [*forged_events(sdk, event, self.workos["current"], now())]
            self.assertGreaterEqual(len(cases), 55)
            for name, headers, body in cases:
                with self.subTest(f"{sdk.name} {name}"):
                    status, answer = post(self.stack.app + path, headers, body)
                    self.assertEqual(status, 401)
                    refusal = json.loads(answer)
                    refusal.pop("request_id")
                    answers.add(json.dumps(refusal))
                    for judge in (self.node, self.python) if len(headers) == 1 and headers[0][0] == NAME else ():
                        try:
                            judge.verify(headers[0][1], body, self.workos["current"])
                            let_through[judge.name].add(name)
                        except Refused:
                            pass
            self.assertEqual(len(answers), 1, answers)
            for judge, names in let_through.items():
                self.assertEqual(names, LOOSER[judge], judge)
            # What they were made of still counts, and for the first time.
            header, body = self.signed(sdk, event, self.workos["current"])
            self.assertEqual(self.tell(path, header, body)[1]["outcome"], "applied")
            self.assertFalse(any(b"mallory" in delivery.body for delivery in self.relay.arrived))

    def test_both_sdks_take_what_the_sandbox_signs(self) -> None:
        """So what is developed against the sandbox with an SDK works with WorkOS, and our own verifier is no judge of itself."""
        settings = f"{self.stack.sandbox}/_sandbox/settings"
        known = request("GET", settings).json()["webhook"]["url"]
        turn = lambda url, secret: request("POST", settings, {}, json.dumps({"webhook": {"url": url, "secret": secret}}))
        secret = self.workos["current"]
        self.assertEqual(turn(self.relay.url + SANDBOX, secret).status, 200)
        self.addCleanup(turn, known, secret)
        self.relay.targets[SANDBOX] = [self.stack.app + INWARDS[0]]
        begin = len(self.relay.arrived)
        somebody = {"email": "vera.stahl@acme.com"}
        for errand in (
            {"action": "hire", "first_name": "Vera", "last_name": "Ståhl 😀", "groups": ["Engineering"]},
            {"action": "update", "job_title": "Planner"},
            {"action": "group_remove", "group": "Engineering"},
            {"action": "suspend"},
            {"action": "reactivate"},
            {"action": "fire"},
        ):
            answer = request("POST", f"{self.stack.sandbox}/_sandbox/directory", {}, json.dumps(errand | somebody))
            self.assertEqual(answer.status, 200, answer.body)
        arrived = [one for one in self.relay.arrived[begin:] if one.path == SANDBOX]
        kinds = {json.loads(one.body)["event"] for one in arrived}
        expected = {"dsync.user.created", "dsync.user.updated", "dsync.group.user_added", "dsync.group.user_removed"}
        self.assertLessEqual(expected | {"dsync.user.deleted"}, kinds)
        for one in arrived:
            event, header = json.loads(one.body), one.headers[NAME.lower()]
            for sdk in (self.node, self.python):
                with self.subTest(f"{sdk.name} {event['event']}"):
                    self.assertEqual(sdk.verify(header, one.body, secret), (event["id"], event["event"]))
                    t = int(re.match(r"t=(\d+)", header)[1])
                    moved = header.replace(f"t={t}", f"t={t - 1}")
                    for bad in ((header, one.body + b" ", secret), (header, one.body, secret[:-1]), (moved, one.body, secret)):
                        self.assertRaises(Refused, sdk.verify, *bad)

    def test_the_reference_libraries_verify_what_leaves(self) -> None:
        """As it came and not otherwise; the example programs say the same."""
        person = {"action": "hire", "email": "otto.lind@acme.com", "first_name": "Otto", "last_name": "Lind 😀"}
        answer = request("POST", f"{self.stack.sandbox}/_sandbox/directory", {}, json.dumps(person))
        self.assertEqual(answer.status, 200, answer.body)
        real = self.message("user.created", "otto.lind@acme.com")
        id, seconds = real.headers["webhook-id"], int(real.headers["webhook-timestamp"])
        signatures = real.headers["webhook-signature"].split(" ")
        self.assertEqual(json.loads(real.body)["id"], id)
        for library in (self.node, self.python):
            for secret in self.app.values():
                self.assertEqual(library.standard_verify(real.headers, real.body, secret), json.loads(real.body))
            ours = {library.standard_sign(id, seconds, real.body, secret) for secret in self.app.values()}
            self.assertEqual(ours, set(signatures), "to the letter")
        for example in self.examples:
            self.assertEqual(self.hear(example, real.headers, real.body), 204, "twice is as good as once")
        cases = [*self.tampered(real)]
        for name, headers, body in cases:
            with self.subTest(name):
                for library, secret in itertools.product((self.node, self.python), self.app.values()):
                    self.assertRaises(Refused, library.standard_verify, headers, body, secret)
                self.assertEqual([self.hear(example, headers, body) for example in self.examples], [401] * 3)
        self.assertEqual([known["otto.lind@acme.com"] for known in self.people()], [True] * 3)

    def tampered(self, real: Delivery):
        """The message, with what was done to it."""
        body, own = real.body, ("webhook-id", "webhook-timestamp", "webhook-signature")
        headers = {name: real.headers[name] for name in own}
        id, seconds, signature = headers.values()
        first = signature.split(" ")[0]
        for name, other in {
            "bit": body[:30] + bytes([body[30] ^ 1]) + body[31:],
            "written again": json.dumps(json.loads(body)).encode(),
            "somebody else": body.replace(b"otto.lind@", b"mallory@"),
            "still here": body.replace(b'"active":true', b'"active":false'),
            "line feed": body + b"\n",
            "empty": b"",
            "no text": b"\xff\xfe" + body,
        }.items():
            self.assertNotEqual(other, body, name)
            yield f"body: {name}", headers, other
        for name in own:
            yield f"no {name}", {key: value for key, value in headers.items() if key != name}, body
            yield f"empty {name}", headers | {name: ""}, body
        for name, change in {
            "other id": {"webhook-id": f"{id}x"},
            "a second later": {"webhook-timestamp": str(int(seconds) + 1)},
            "in milliseconds": {"webhook-timestamp": f"{seconds}000"},
            "no time": {"webhook-timestamp": "now"},
            "cut": {"webhook-signature": first[:-4]},
            "other version": {"webhook-signature": first.replace("v1,", "v2,")},
            "asymmetric": {"webhook-signature": first.replace("v1,", "v1a,")},
            "no version": {"webhook-signature": first.removeprefix("v1,")},
            "no signature": {"webhook-signature": "v1,"},
            "no base64": {"webhook-signature": "v1,!!!"},
        }.items():
            yield name, headers | change, body
        for name, at in {"old": int(time.time()) - 310, "ahead": int(time.time()) + 310}.items():
            both = " ".join(self.node.standard_sign(id, at, body, secret) for secret in self.app.values())
            yield name, {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": both}, body
        stranger = self.node.standard_sign(id, int(seconds), body, app_secret())
        yield "a stranger's secret", headers | {"webhook-signature": stranger}, body

    def hear(self, example, headers: dict[str, str], body: bytes) -> int:
        own = [(name, value) for name, value in headers.items() if name.startswith("webhook-")]
        return post(example.url + APP, [*own, ("Content-Type", "application/json")], body)[0]

    def test_an_app_is_not_confused_by_an_older_message(self) -> None:
        """What docs/integrate says of `order`, by the programs that follow it."""
        told = lambda order, active: json.dumps(
            {
                "id": f"01INTEROP{order}",
                "type": "user.updated",
                "timestamp": "2026-11-25T08:30:00Z",
                "organization_id": "org_01SANDBOXACME",
                "subject": "user_01INTEROPORDER",
                "order": order,
                "data": {"id": "user_01INTEROPORDER", "email": "order@acme.com", "active": active},
            }
        ).encode()
        for order, active in ((2, False), (1, True), (2, False)):
            at = int(time.time())
            signatures = " ".join(
                self.python.standard_sign(f"01INTEROP{order}", at, told(order, active), secret)
                for secret in self.app.values()
            )
            headers = {"webhook-id": f"01INTEROP{order}", "webhook-timestamp": str(at), "webhook-signature": signatures}
            for example in self.examples:
                self.assertEqual(self.hear(example, headers, told(order, active)), 204)
        self.assertEqual([known["order@acme.com"] for known in self.people()], [False] * 3)

    def test_nobody_else_sees_a_tenants_people(self) -> None:
        """The programs answer for the tenant of the token."""
        browser = Browser()
        auto = lambda who: request("POST", f"{self.stack.sandbox}/_sandbox/auto", {}, json.dumps(who))
        auto({"email": "hank@globex.com"})
        self.addCleanup(auto, {"email": "ada@acme.com"})
        browser.go(f"{self.stack.app}/login?connection=conn_01SANDBOXGLOBEXGOOGLE&return_to=/auth/session")
        for example in self.examples:
            answer = request("GET", f"{example.url}/api/people", {"Cookie": f"{SESSION}={browser.cookies[SESSION]}"})
            self.assertEqual(answer.status, 200)
            self.assertFalse(any(person["email"].endswith("@acme.com") for person in answer.json()))

    def test_the_documentation_shows_what_runs_here(self) -> None:
        text = (ROOT / "docs/integrate.md").read_text()
        chapter = text.split("## Hear of changes")[1].split("\n## ")[0]
        programs = [file.read_text() for file in (ROOT / "docs/integrate").glob("*/webhook.*")]
        shown = re.findall(r"```(?:js|python)\n(.*?)```", chapter, re.DOTALL)
        self.assertEqual(len(shown), 3)
        for code in shown:
            self.assertTrue(any(code in program for program in programs), code)


if __name__ == "__main__":
    unittest.main(verbosity=2)
