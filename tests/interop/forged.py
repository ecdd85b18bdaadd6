"""Tokens that nobody may take: without our key, with a good signature of our key and wrong claims, and broken ones."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator

from stack import Key, encode, parts


def forged(honest: str, key: Key) -> Iterator[tuple[str, str]]:
    """Each with what is wrong with it."""
    yield from without_our_key(honest, key)
    yield from wrongly_made(honest, key)
    yield from broken(honest)


def without_our_key(honest: str, key: Key) -> Iterator[tuple[str, str]]:
    header, payload = parts(honest)
    first, middle, signature = honest.split(".")
    admin = payload | {"roles": ["admin", "owner"]}
    for none in ("none", "None", "NONE", ""):
        unsigned = f"{encode(header | {'alg': none})}.{encode(admin)}"
        yield f"alg {none!r} without signature", f"{unsigned}."
        yield f"alg {none!r} with the old signature", f"{unsigned}.{signature}"
    yield "no signature", f"{first}.{middle}."
    yield "changed payload", f"{first}.{encode(admin)}.{signature}"
    yield "changed header", f"{encode(header | {'x': 1})}.{middle}.{signature}"
    yield "other key id", f"{encode(header | {'kid': 'AAAAAAAAAAAAAAAA'})}.{middle}.{signature}"
    yield "key id that is a path", f"{encode(header | {'kid': '../../etc/passwd'})}.{middle}.{signature}"
    yield "no key id", f"{encode({k: v for k, v in header.items() if k != 'kid'})}.{middle}.{signature}"

    jwk = key.jwk(kid=header["kid"], alg=header["alg"], use="sig")
    secrets = {"the public key as PEM": key.pem(), "the JWK": json.dumps(jwk).encode(), "nothing": b""}
    for name, secret in secrets.items():
        for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
            message = f"{encode(header | {'alg': algorithm})}.{encode(admin)}"
            yield f"{algorithm} keyed with {name}", f"{message}.{encode(hmac.digest(secret, message.encode(), digest))}"

    for algorithm in ("ES256", "RS256"):
        attacker = Key.make(algorithm)
        own = header | {"alg": algorithm}
        yield f"{algorithm} of a stranger under our key id", attacker.sign(own, admin)
        brought = attacker.jwk(kid="stranger", alg=algorithm, use="sig")
        yield f"{algorithm} of a stranger who brings the key along", attacker.sign(own | {"kid": "stranger", "jwk": brought}, admin)
        yield f"{algorithm} of a stranger with `jku`", attacker.sign(own | {"jku": "http://localhost:1/jwks.json"}, admin)


def wrongly_made(honest: str, key: Key) -> Iterator[tuple[str, str]]:
    header, payload = parts(honest)
    now = int(time.time())
    for typ in ("JWT", "at+jwt", "logout+jwt", None):
        yield f"typ {typ}", key.sign(header | {"typ": typ} if typ else {k: v for k, v in header.items() if k != "typ"}, payload)
    for name, value in {
        "exp": now - 120,
        "nbf": now + 120,
        "iss": "https://evil.example",
        "aud": "https://other.example",
    }.items():
        yield f"{name} {value}", key.sign(header, payload | {name: value})
    for name in ("exp", "nbf", "iss", "aud", "sub", "org", "sid"):
        yield f"no {name}", key.sign(header, {k: v for k, v in payload.items() if k != name})


def broken(honest: str) -> Iterator[tuple[str, str]]:
    first, middle, signature = honest.split(".")
    yield "no token", "x"
    yield "two parts", f"{first}.{middle}"
    yield "four parts", f"{honest}.x"
    yield "cut signature", f"{first}.{middle}.{signature[:-8]}"
    yield "exchanged letters", f"{first}.{middle}.{signature[4:]}{signature[:4]}"
    yield "no JSON", f"{encode(b'{')}.{middle}.{signature}"
    yield "a list", f"{encode(b'[]')}.{encode(b'[]')}.{signature}"
