"""Writes the software bill of materials of one function, CycloneDX 1.5.

Usage: sbom.py FUNCTION TARGET OUT

cargo-cyclonedx describes what the workspace as a whole would resolve, which is more than one function links. What
`cargo tree` does not find in the function is taken out, and so are the paths of the machine that built it.
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path.cwd()


def linked(function: str, target: str) -> set[tuple[str, str]]:
    """Name and version of every package in the function."""
    tree = ["cargo", "tree", "--locked", "-p", function, "-e", "normal", "--prefix", "none", "--target", target]
    lines = subprocess.run(tree, check=True, capture_output=True, text=True).stdout.splitlines()
    return {(words[0], words[1].removeprefix("v")) for words in map(str.split, lines) if words}


def members() -> list[pathlib.Path]:
    """The folders of the workspace's packages."""
    metadata = ["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"]
    found = json.loads(subprocess.run(metadata, check=True, capture_output=True, text=True).stdout)
    return [pathlib.Path(package["manifest_path"]).parent for package in found["packages"]]


def main() -> None:
    function, target, out = sys.argv[1:]
    manifest = f"functions/{function}/Cargo.toml"
    describe = ["cargo", "cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--describe", "binaries"]
    subprocess.run([*describe, "--no-build-deps", "--target", target, "--manifest-path", manifest], check=True)
    # It leaves a file in every package of the workspace that has a binary.
    left = [path for folder in members() for path in folder.glob("*_bin.cdx.json")]
    bills = {path.name: path.read_text() for path in left}
    for path in left:
        path.unlink()
    bill = json.loads(bills[f"{function}_bin.cdx.json"].replace(ROOT.as_uri(), "file:///vestibule"))

    packages = linked(function, target)
    bill["components"] = [part for part in bill["components"] if (part["name"], part["version"]) in packages]
    kept = {part["bom-ref"] for part in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    bill["dependencies"] = [
        {**edge, "dependsOn": [ref for ref in edge.get("dependsOn", []) if ref in kept]}
        for edge in bill["dependencies"]
        if edge["ref"] in kept
    ]
    # Equal sources make equal bills.
    bill["metadata"].pop("timestamp", None)
    bill.pop("serialNumber", None)
    pathlib.Path(out).write_text(json.dumps(bill, indent=1) + "\n")
    print(f"{function}: {len(bill['components'])} packages")


if __name__ == "__main__":
    main()
