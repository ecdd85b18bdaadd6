"""Whether others can read our session tokens, and refuse the ones that only look like it.

The examples of docs/integrate are started as they are, each with its own library, and driven over HTTP: a browser that
signs in, and then every forged token as a cookie. Once with ES256, once with RS256.
"""

from __future__ import annotations

import json
import time
import unittest
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from example import Example, examples
from forged import forged
from stack import SESSION, Browser, Stack, decode, free_port, parts, request


class Interop:
    """The tests, for the algorithm that a subclass names."""

    algorithm: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.examples = examples()
        origins = ",".join(example.url for example in cls.examples)
        cls.stack = Stack(cls.algorithm, ALLOWED_RETURN_ORIGINS=origins)
        cls.addClassCleanup(cls.stack.stop)
        for example in cls.examples:
            cls.addClassCleanup(example.stop)
            example.start(cls.stack.app)

    def test_a_stranger_is_sent_to_sign_in_and_comes_back(self) -> None:
        for example in self.examples:
            with self.subTest(example.name):
                self.assertEqual(example.me(None).status, 401)
                answer, way = Browser().go(f"{example.url}/")
                self.assertEqual(answer.status, 200, answer.body)
                self.assertRegex(answer.body, r"^Hello user_\w+ of org_01SANDBOXACME, here as admin\.\n$")
                self.assertIn(f"{self.stack.app}/auth/session?", way[1])
                self.assertIn(f"{self.stack.app}/login?", way[2])
                self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_our_tokens_are_taken_and_forged_ones_are_not(self) -> None:
        """R29, R30."""
        honest = self.stack.signed_in().cookies[SESSION]
        header, claims = parts(honest)
        self.assertEqual((header["alg"], header["typ"]), (self.algorithm, "session+jwt"))
        mine = {name: claims[name] for name in ("sub", "org", "roles")}
        cases = [*forged(honest, self.stack.key)]
        self.assertGreater(len(cases), 40)
        for example in self.examples:
            taken = example.me(honest)
            self.assertEqual((taken.status, taken.json()), (200, mine), example.name)
            # The forger is as able as the product: only so do the refusals mean something.
            self.assertEqual(example.me(self.stack.key.sign(header, claims)).status, 200, example.name)
            for name, token in cases:
                with self.subTest(f"{example.name}: {name}"):
                    self.assertEqual(example.me(token).status, 401)
            # A person whose cookie was tampered with ends up signed in again, or nowhere; never in.
            answer, way = Browser({SESSION: cases[0][1]}).go(f"{example.url}/")
            self.assertIn(f"{self.stack.app}/login?", way[2])
            self.assertEqual(answer.status, 200)
            self.assertEqual(example.me(honest).status, 200, "after all this the honest one still counts")

    def test_the_time_between_token_and_now_is_a_minute(self) -> None:
        """R31."""
        honest = self.stack.signed_in().cookies[SESSION]
        header, claims = parts(honest)
        now = int(time.time())
        late = self.stack.key.sign(header, claims | {"iat": now - 330, "nbf": now - 330, "exp": now - 30})
        early = self.stack.key.sign(header, claims | {"nbf": now + 30})
        for example in self.examples:
            self.assertEqual([example.me(token).status for token in (late, early)], [200, 200], example.name)

    def test_keys_out_of_reach_sign_nobody_out(self) -> None:
        token = self.stack.signed_in().cookies[SESSION]
        for example in self.examples:
            lonely = Example(example.name, example.command, free_port())
            lonely.start(f"http://localhost:{free_port()}")
            try:
                self.assertEqual((lonely.me(token).status, lonely.me(None).status), (503, 401), example.name)
            finally:
                lonely.stop()

    def test_what_is_asked_now_is_true_now(self) -> None:
        """R35: strict checks know a sign-out at once; a token alone does not."""
        browser = self.stack.signed_in()
        token = browser.cookies[SESSION]
        express = self.examples[0]
        now = lambda: request("GET", f"{express.url}/api/me/now", {"Cookie": f"{SESSION}={token}"})
        self.assertEqual((now().status, now().json()["name"]), (200, "Ada Okafor"))
        headers = {"Cookie": f"{SESSION}={token}", "Origin": self.stack.app, "Sec-Fetch-Site": "same-origin"}
        self.assertEqual(request("POST", f"{self.stack.app}/auth/logout", headers).status, 303)
        self.assertEqual((now().status, now().json()["code"]), (401, "session_gone"))
        self.assertEqual(express.me(token).status, 200, "the token alone lives until it expires")


class WithEs256(Interop, unittest.TestCase):
    algorithm = "ES256"


class WithRs256(Interop, unittest.TestCase):
    algorithm = "RS256"

    def test_the_native_authorizer_of_api_gateway_would_take_our_token(self) -> None:
        honest = self.stack.signed_in().cookies[SESSION]
        gateway = NativeAuthorizer(issuer=self.stack.app, audience=[self.stack.app])
        self.assertEqual(gateway.authorize(f"Bearer {honest}"), parts(honest)[1])
        for name, token in forged(honest, self.stack.key):
            # It looks at neither `typ` nor claims that only we know: a route behind it takes any token of this issuer.
            if name.startswith("typ ") or name in ("no sub", "no org", "no sid", "no nbf"):
                continue
            with self.subTest(name):
                self.assertIsNone(gateway.authorize(f"Bearer {token}"))


@dataclass
class NativeAuthorizer:
    """API Gateway's JWT authorizer, read strictly: developer guide, "Control access to HTTP APIs with JWT authorizers"."""

    issuer: str
    audience: list[str]

    def keys(self) -> list[dict]:
        discovery = request("GET", f"{self.issuer}/.well-known/openid-configuration")
        assert discovery.status == 200 and discovery.headers["Content-Type"] == "application/json"
        document = discovery.json()
        assert document["issuer"] == self.issuer
        assert document["jwks_uri"].startswith(f"{self.issuer}/")
        assert document["id_token_signing_alg_values_supported"] == ["RS256"]
        keys = request("GET", document["jwks_uri"]).json()["keys"]
        assert all({"kid", "kty", "alg", "use", "n", "e"} <= key.keys() for key in keys)
        assert len({key["kid"] for key in keys}) == len(keys)
        return keys

    def authorize(self, header: str) -> dict | None:
        try:
            first, middle, signature = header.removeprefix("Bearer ").split(".")
            head, claims = json.loads(decode(first)), json.loads(decode(middle))
            # Currently only RSA-based algorithms are supported.
            key = next(key for key in self.keys() if key["kid"] == head["kid"])
            if (head["alg"], key["kty"], key["alg"]) != ("RS256", "RSA", "RS256"):
                return None
            number = lambda name: int.from_bytes(decode(key[name]), "big")
            public = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
            public.verify(decode(signature), f"{first}.{middle}".encode(), padding.PKCS1v15(), hashes.SHA256())
            audience = claims.get("aud", claims.get("client_id"))
            now = time.time()
            good = (
                claims["iss"] == self.issuer
                and (audience if isinstance(audience, str) else "") in self.audience
                and claims["exp"] > now
                and claims.get("nbf", 0) <= now
                and claims.get("iat", 0) <= now
            )
            return claims if good else None
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration, InvalidSignature):
            return None


if __name__ == "__main__":
    unittest.main(verbosity=2)
