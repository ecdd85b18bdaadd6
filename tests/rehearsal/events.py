"""Sends each sample event to its function with `cargo lambda invoke` and holds the answer against events/README.md.

The functions run under `cargo lambda watch`, as a person would try them; what they need is `vestibule dev --deps-only`.
Usage: events.py, with the command's path in VESTIBULE.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
WORK = ROOT / "target" / "rehearsal"
# Ends the session that the others need.
LAST = "logout-post.json"


def samples():
    """File, function and expected answer, as the table of events/README.md has them."""
    rows = re.findall(r"^\| `(.+\.json)` \| (\w+) \| .+ \| (.+) \|$", (ROOT / "events/README.md").read_text(), re.M)
    known = {path.name for path in (ROOT / "events").glob("*.json")} - {"env.json"}
    if {name for name, _, _ in rows} != known:
        sys.exit("events/README.md does not list the files that are there")
    return sorted(rows, key=lambda row: row[0] == LAST)


def expected(words):
    if status := re.match(r"\d{3}", words):
        return {"statusCode": int(status[0])}
    if words.startswith("no failures"):
        return {"batchItemFailures": []}
    if words.startswith("`done`"):
        return {"stops": ["done"]}
    return {"isAuthorized": "`isAuthorized: true`" in words}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(log, command, **more):
    return subprocess.Popen(command, cwd=ROOT, stderr=open(WORK / log, "w"), start_new_session=True, **more)


def settings(urls):
    """events/local.env with the addresses of this run, so that nothing has to be free on the usual ports."""
    moved = {
        "WORKOS_API_BASE_URL": urls["sandbox"],
        "AWS_ENDPOINT_URL_DYNAMODB": urls["dynamodb"],
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": urls["secrets"],
    }
    lines = (ROOT / "events/local.env").read_text().splitlines()
    named = [line.partition("=")[0] for line in lines]
    if missing := moved.keys() - set(named):
        sys.exit(f"events/local.env lacks {', '.join(missing)}")
    file = WORK / "local.env"
    file.write_text("\n".join(f"{name}={moved[name]}" if name in moved else line for name, line in zip(named, lines)))
    return file


def wait(port, watch):
    """Until cargo-lambda listens."""
    for _ in range(60):
        if watch.poll() is not None:
            sys.exit(f"cargo lambda watch ended; see {WORK}/watch.log")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(1)
    sys.exit("cargo lambda watch does not listen")


def signed(data, file):
    """A webhook's signature is good for three minutes: a new one, with the local stack's secret."""
    if "workos-signature" not in json.loads(file.read_text()).get("headers", {}):
        return file
    command = [os.environ["VESTIBULE"], "events", "sign", str(file), "--local", "--data-dir", str(data), "--new"]
    (WORK / file.name).write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return WORK / file.name


def invoke(port, function, file):
    command = ["cargo", "lambda", "invoke", "-A", "127.0.0.1", "-P", str(port), function, "--data-file", str(file)]
    answered = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    if answered.returncode:
        return {"failed": (answered.stdout + answered.stderr).strip()[-800:]}
    answer = json.loads(answered.stdout)
    if function == "reconcile":
        answer["stops"] = sorted({part["stop"] for part in answer.values()})
    return answer


def main():
    rows = samples()
    data = WORK / "events-data"
    deps = start(
        "deps.log",
        [os.environ["VESTIBULE"], "dev", "--deps-only", "--fresh", "--json", "--data-dir", str(data)]
        + ["--sandbox-port", "0", "--dynamodb-port", "0", "--secrets-port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    port = free_port()
    watch = None
    try:
        line = deps.stdout.readline()
        if not line:
            sys.exit(f"vestibule dev --deps-only ended: {(WORK / 'deps.log').read_text()}")
        env_file = settings(json.loads(line))
        watch = start(
            "watch.log",
            ["cargo", "lambda", "watch", "--ignore-changes", "-A", "127.0.0.1", "-P", str(port), "--env-file", str(env_file)],
            stdout=subprocess.DEVNULL,
        )
        wait(port, watch)
        wrong = 0
        for name, function, words in rows:
            answer = invoke(port, function, signed(data, data / "events" / name))
            want = expected(words)
            right = want.items() <= answer.items()
            wrong += not right
            got = {key: answer.get(key) for key in want} if right else answer
            print(f"  {'ok' if right else 'FAILED'}  {name}: {json.dumps(got)[:900]}", flush=True)
        print(f"{len(rows) - wrong} passed, {wrong} failed")
        return wrong > 0
    finally:
        for process in filter(None, (watch, deps)):
            os.killpg(process.pid, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
