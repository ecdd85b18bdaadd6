"""Makes what a pipeline without Rust deploys: the template with the functions' zips in the place of their sources.

Usage: bundle.py template ARCH DIR      writes DIR/template.yaml and DIR/samconfig.toml
       bundle.py zip ARCH DIR           checks that DIR holds all that the template names, and packs it

The template is infra/template.yaml line by line. Three things change: `CodeUri` names a zip beside the template, nothing is
built any more, and the architecture is the one that the zips were built for: another would start and die.
"""

import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = re.compile(r"^(\s+CodeUri: )\.\./functions/([a-z_-]+)$")
# How SAM builds a function: the two keys of its metadata, and what is nested in the second.
BUILT = re.compile(r"^      (BuildMethod: rust-cargolambda|BuildProperties:|  Binary: [a-z_-]+)$")
ARCHITECTURE = re.compile(r"^(    Default: (?:arm64|x86_64)|    AllowedValues: \[arm64, x86_64\])$")


def template(arch: str) -> tuple[str, list[str]]:
    """The text, and the zips that it names."""
    zips: list[str] = []
    lines: list[str] = []
    inside_architecture, pinned, built = False, 0, 0
    for line in (ROOT / "infra/template.yaml").read_text().splitlines():
        if re.match(r"^  [A-Za-z]+:$", line):
            inside_architecture = line == "  Architecture:"
        if BUILT.match(line):
            built += 1
            continue
        if found := CODE.match(line):
            zips.append(f"{found[2]}.zip")
            line = found[1] + zips[-1]
        elif inside_architecture and ARCHITECTURE.match(line):
            pinned += 1
            line = f"    Default: {arch}" if "Default" in line else f"    AllowedValues: [{arch}]"
        lines.append(line)
    text = "\n".join(lines) + "\n"
    # A template that is written in another way must not slip through half changed.
    if not zips or len(set(zips)) != len(zips) or built != 3 * len(zips) or pinned != 2:
        sys.exit(f"infra/template.yaml is not what bundle.py expects: {zips}, {built} build lines, {pinned} architecture lines")
    if "../functions" in text or "rust-cargolambda" in text:
        sys.exit("infra/template.yaml still wants to be built")
    return text, zips


def write_template(arch: str, out: pathlib.Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "template.yaml").write_text(template(arch)[0])
    environments = (ROOT / "samconfig.toml").read_text().replace("infra/template.yaml", "template.yaml")
    (out / "samconfig.toml").write_text(environments)
    print(out / "template.yaml")


def bundle(arch: str, out: pathlib.Path) -> None:
    text, zips = template(arch)
    if (out / "template.yaml").read_text() != text:
        sys.exit(f"{out}/template.yaml is not that of this source")
    boms = [name.replace(".zip", ".cdx.json") for name in zips]
    files = [(name, out / name) for name in ["template.yaml", "samconfig.toml", *zips, *boms]]
    files.append(("vestibule", out / "vestibule"))
    files += [(pathlib.Path(name).name, ROOT / name) for name in ["infra/deployer-policy.json", "docs/deploy.md", "LICENSE"]]
    missing = [name for name, path in files if not path.is_file()]
    if missing:
        sys.exit(f"missing in {out}: {', '.join(missing)}")
    target = out / f"vestibule-{arch}.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(f"vestibule-{arch}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".zip") else zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, or the mode below is ignored
            entry.external_attr = (0o100755 if name == "vestibule" else 0o100644) << 16
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    print(f"{target} {target.stat().st_size:,} bytes")


def main() -> None:
    verb, arch, out = sys.argv[1:4]
    if arch not in ("x86_64", "arm64"):
        sys.exit(f"ARCH must be x86_64 or arm64, not {arch}")
    {"template": write_template, "zip": bundle}[verb](arch, pathlib.Path(out))


if __name__ == "__main__":
    main()
