"""The programs of docs/integrate, started as they are."""

from __future__ import annotations

import os
import pathlib
import subprocess
import time
from dataclasses import dataclass

from stack import SESSION, Answer, free_port, request

WORK = pathlib.Path(os.environ["INTEROP_WORK"])


@dataclass
class Example:
    name: str
    command: list[str]
    port: int
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self, vestibule: str, **settings: str) -> None:
        environment = os.environ | {"VESTIBULE_URL": vestibule, "PORT": str(self.port)} | settings
        directory = WORK / self.name
        with (WORK / f"{self.name}.log").open("w") as log:
            self.process = subprocess.Popen(self.command, cwd=directory, env=environment, stdout=log, stderr=log)
        for _ in range(200):
            try:
                request("GET", f"{self.url}/api/me")
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise AssertionError(f"{self.name} does not start: {(WORK / f'{self.name}.log').read_text()}")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()

    def me(self, token: str | None) -> Answer:
        return request("GET", f"{self.url}/api/me", {"Cookie": f"other=1; {SESSION}={token}"} if token else {})


def examples() -> list[Example]:
    return [
        Example("express", ["node", "server.mjs"], free_port()),
        Example("node", ["node", "server.mjs"], free_port()),
        Example("flask", [str(WORK / "venv/bin/python"), "app.py"], free_port()),
    ]
