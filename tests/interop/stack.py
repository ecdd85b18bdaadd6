"""A running `vestibule dev`, a browser, and somebody who holds its signing key."""

from __future__ import annotations

import base64
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SESSION = "__Host-session"
SIGNING_KEYS = "vestibule/signing-keys"
CONNECTION = "connection=conn_01SANDBOXACMEOKTA"
PERSON = "ada@acme.com"
NAVIGATION = {
    "Accept": "text/html,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Answer:
    url: str
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def location(self) -> str:
        return urljoin(self.url, self.headers["Location"])

    def json(self):
        return json.loads(self.body)


def request(method: str, url: str, headers: dict[str, str] | None = None, body: str | None = None) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return Answer(url, answer.status, answer.headers, answer.read().decode())
    finally:
        connection.close()


@dataclass
class Browser:
    """Cookies go to every port of localhost, as in real browsers."""

    cookies: dict[str, str] = field(default_factory=dict)

    def step(self, url: str) -> Answer:
        header = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = request("GET", url, NAVIGATION | ({"Cookie": header} if header else {}))
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            pair, *attributes = cookie.split(";")
            name, _, value = pair.partition("=")
            if any(attribute.strip().lower() == "max-age=0" for attribute in attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def go(self, url: str) -> tuple[Answer, list[str]]:
        """Follows redirects. Gives the last answer, and every address on the way."""
        way = [url]
        while True:
            answer = self.step(way[-1])
            if answer.status not in (302, 303, 307):
                return answer, way
            way.append(answer.location)
            if len(way) > 12:
                raise AssertionError(f"going round in circles: {way}")


class Stack:
    """The whole product on localhost, signing with one algorithm."""

    def __init__(self, algorithm: str, secrets: dict[str, str] | None = None, /, **settings: str) -> None:
        self.directory = tempfile.TemporaryDirectory()
        data = pathlib.Path(self.directory.name)
        self.key = Key.make(algorithm)
        stored = {SIGNING_KEYS: self.key.ring()} | (secrets or {})
        versions = {
            name: {"current": {"id": "1", "value": value, "created": 0}, "previous": None} for name, value in stored.items()
        }
        secret_file = data / "secrets.json"
        secret_file.write_text(json.dumps(versions))
        secret_file.chmod(0o600)
        command = [os.environ["VESTIBULE_BIN"], "dev", "--json", "--data-dir", str(data)]
        command += ["--port", "0", "--sandbox-port", "0", "--set", f"DEFAULT_SELECTOR={CONNECTION}"]
        for name, value in settings.items():
            command += ["--set", f"{name}={value}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"vestibule dev did not start: {command}")
        urls = json.loads(line)
        self.app, self.sandbox = urls["app"], urls["sandbox"]
        request("POST", f"{self.sandbox}/_sandbox/auto", {"Content-Type": "application/json"}, json.dumps({"email": PERSON}))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.directory.cleanup()

    def signed_in(self) -> Browser:
        browser = Browser()
        browser.go(f"{self.app}/login?return_to=/auth/session")
        if SESSION not in browser.cookies:
            raise AssertionError("nobody is signed in")
        return browser


def encode(data: bytes | dict) -> str:
    raw = json.dumps(data).encode() if isinstance(data, dict) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token: str) -> tuple[dict, dict]:
    header, payload, _ = token.split(".")
    return json.loads(decode(header)), json.loads(decode(payload))


@dataclass
class Key:
    """A private key, by which a test signs whatever it likes."""

    algorithm: str
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @classmethod
    def make(cls, algorithm: str) -> Key:
        if algorithm == "ES256":
            return cls(algorithm, ec.generate_private_key(ec.SECP256R1()))
        return cls(algorithm, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def ring(self) -> str:
        """The text of the signing keys' secret."""
        der = self.private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        since = int(time.time() - 3600) * 1000
        active = {"pkcs8": base64.b64encode(der).decode(), "published_at": since, "promoted_at": since}
        return json.dumps({"v": 1, "active": active, "retired": []})

    def sign(self, header: dict, payload: dict) -> str:
        message = f"{encode(header)}.{encode(payload)}"
        if self.algorithm == "ES256":
            r, s = decode_dss_signature(self.private.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        else:
            signature = self.private.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{message}.{encode(signature)}"

    def jwk(self, **members: str) -> dict:
        public = self.private.public_key().public_numbers()
        number = lambda value: encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))
        if self.algorithm == "ES256":
            point = {"x": encode(public.x.to_bytes(32, "big")), "y": encode(public.y.to_bytes(32, "big"))}
            return {"kty": "EC", "crv": "P-256", **point, **members}
        return {"kty": "RSA", "n": number(public.n), "e": number(public.e), **members}

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
