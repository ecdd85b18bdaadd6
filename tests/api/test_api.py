"""Whether the API descriptions describe what is served: path by path, and answer by answer under a fuzzer."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import unittest

import yaml

from stack import SESSION, Stack, request

ROOT = pathlib.Path(__file__).parents[2]
WORK = pathlib.Path(os.environ["API_WORK"])
METHODS = ("get", "post", "put", "patch", "delete")
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
]
# Behind the signature 503 is an answer: to an event of a directory that is not known yet.
SIGNED_CHECKS = ["only_what_names_no_organization_has_to_come_again", *CHECKS[1:]]
WEBHOOK_SECRET = "whsec_of-the-fuzzer"
# No limit may answer in place of what is described.
LIMITS = {name: "1000000" for name in ("INVALID_STATE_PER_MINUTE", "CALLBACKS_PER_MINUTE", "TENANT_LOGINS_PER_MINUTE")}


class Tags(yaml.SafeLoader):
    """The template with its !Ref and !Sub left as text."""


Tags.add_multi_constructor("!", lambda loader, tag, node: str(node.value))


def described(name: str) -> dict[str, dict]:
    return yaml.safe_load((ROOT / "docs" / name).read_text())["paths"]


def template_paths() -> set[str]:
    template = yaml.load((ROOT / "infra/template.yaml").read_text(), Tags)
    routes = [r["Properties"]["RouteKey"] for r in template["Resources"].values() if r["Type"] == "AWS::ApiGatewayV2::Route"]
    return {route.split(" ", 1)[1] for route in routes if route != "$default"}


def routed_paths(directory: pathlib.Path) -> set[str]:
    """Every path that the sources give to a router."""
    paths = set()
    for file in directory.rglob("*.rs"):
        source = re.split(r"#\[cfg\(test\)\]\s*mod \w+ \{", file.read_text())[0]
        constants = dict(re.findall(r'const (\w+): &str = "([^"]+)"', source))
        for literal, constant in re.findall(r'\.route\(\s*(?:"([^"]+)"|(\w+))', source):
            paths.add(literal or constants[constant])
    return paths


class Descriptions(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        webhook = {"vestibule/workos-webhook": json.dumps({"current": WEBHOOK_SECRET})}
        cls.stack = Stack("ES256", webhook, **LIMITS)
        cls.addClassCleanup(cls.stack.stop)
        # A person signs in by hand; the fuzzer is nobody.
        request("POST", f"{cls.stack.sandbox}/_sandbox/auto", {}, "null")

    def test_the_product_serves_what_is_described_and_nothing_else(self) -> None:
        paths = described("openapi.yaml")
        self.assertEqual(set(paths), template_paths())
        for path, operations in paths.items():
            for method in METHODS:
                status = request(method.upper(), f"{self.stack.app}{path}").status
                self.assertEqual(method in operations, status != 405, f"{method} {path}: {status}")

    def test_the_sandbox_serves_what_is_described_and_nothing_else(self) -> None:
        paths = described("openapi-sandbox.yaml")
        self.assertEqual(set(paths), routed_paths(ROOT / "shared/sandbox/src"))
        for path, operations in paths.items():
            for method in METHODS:
                status = request(method.upper(), f"{self.stack.sandbox}{re.sub('{.*?}', 'x', path)}").status
                self.assertEqual(method in operations, status != 405, f"{method} {path}: {status}")

    def fuzz(self, description: str, url: str, *more: str, checks: list[str] = CHECKS, **environment: str) -> None:
        command = [str(WORK / "venv/bin/schemathesis"), "run", str(ROOT / "docs" / description), "--url", url]
        command += ["--checks", ",".join(checks), "--max-examples", "60", "--seed", "20260101", "--max-redirects", "0"]
        command += ["--phases", "examples,coverage,fuzzing", "--warnings", "off", "--no-color", *more]
        # Its configuration and its database stay out of the sources.
        run = subprocess.run(command, cwd=WORK, env=os.environ | environment, capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout[-12_000:] + run.stderr[-2_000:])

    def test_the_product_answers_a_stranger_as_described(self) -> None:
        """R26, R76."""
        self.fuzz("openapi.yaml", self.stack.app)

    def test_the_product_answers_somebody_signed_in_as_described(self) -> None:
        """R26, R76."""
        request("POST", f"{self.stack.sandbox}/_sandbox/auto", {}, '{"email":"ada@acme.com"}')
        token = self.stack.signed_in().cookies[SESSION]
        request("POST", f"{self.stack.sandbox}/_sandbox/auto", {}, "null")
        headers = ["-H", f"Cookie: {SESSION}={token}", "-H", f"Origin: {self.stack.app}", "-H", "Sec-Fetch-Site: same-origin"]
        # Signing out comes last: nobody is signed in afterwards.
        out = [f"--exclude-operation-id={name}" for name in ("signOut", "signOutAlias", "endSession")]
        self.fuzz("openapi.yaml", self.stack.app, *headers, *out)
        self.assertEqual(request("GET", f"{self.stack.app}/auth/session", {"Cookie": f"{SESSION}={token}"}).status, 200)
        self.fuzz("openapi.yaml", self.stack.app, *headers, *[name.replace("exclude", "include") for name in out])

    def test_what_is_signed_is_answered_as_described(self) -> None:
        """R53, R56: any JSON that WorkOS might sign, and events of every kind with members that are not theirs."""
        only = [f"--include-operation-id={name}" for name in ("receiveWebhook", "receiveWebhookAtOldAddress")]
        signing = {"SCHEMATHESIS_HOOKS": "signing", "PYTHONPATH": str(ROOT / "tests/api"), "WEBHOOK_SECRET": WEBHOOK_SECRET}
        more = ["--max-examples", "200", "--phases", "fuzzing"]
        self.fuzz("openapi.yaml", self.stack.app, *only, *more, checks=SIGNED_CHECKS, **signing)

    def test_the_sandbox_answers_as_described(self) -> None:
        # Faults and resets are what they are for; they would spoil the other answers.
        out = [f"--exclude-operation-id={name}" for name in ("setFault", "setAuto", "changeSettings")]
        key = ["-H", "Authorization: Bearer sk_test_sandbox"]
        # An initial sync of 50,000 people is not for a fuzzer to wait for.
        self.fuzz("openapi-sandbox.yaml", self.stack.sandbox, *key, *out, "--exclude-operation-id=changeDirectory")
        self.fuzz("openapi-sandbox.yaml", self.stack.sandbox, *[name.replace("exclude", "include") for name in out])
        request("POST", f"{self.stack.sandbox}/_sandbox/reset", {}, "{}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
