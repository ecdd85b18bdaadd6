"""Packs release binaries into zips and prints their sizes; fails when one is over its budget.

Usage: pack.py OUT NAME=BINARY...

A zip holds one file, `bootstrap`, with a fixed date and mode, so that equal binaries make equal zips.
"""

import hashlib
import pathlib
import sys
import zipfile

# Bytes. A zip is read, unpacked and mapped before the first line of ours runs, so its size is cold start.
BUDGETS = {"login": 2_200_000, "authorizer": 2_200_000}
USUAL_BUDGET = 3_000_000


def pack(binary: pathlib.Path, target: pathlib.Path) -> None:
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, or the mode below is ignored
    entry.external_attr = 0o100755 << 16
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(entry, binary.read_bytes(), compresslevel=9)


def main() -> int:
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    over = False
    print(f"{'function':<12} {'binary':>10} {'zip':>10} {'budget':>10}  SHA-256 of the zip")
    for pair in sys.argv[2:]:
        name, _, path = pair.partition("=")
        binary, target = pathlib.Path(path), out / f"{name}.zip"
        pack(binary, target)
        size, budget = target.stat().st_size, BUDGETS.get(name, USUAL_BUDGET)
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        print(f"{name:<12} {binary.stat().st_size:>10,} {size:>10,} {budget:>10,}  {digest}")
        over |= size > budget
    if over:
        print("A zip is over its budget.", file=sys.stderr)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
