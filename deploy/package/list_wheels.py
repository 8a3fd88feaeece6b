"""Writes FOLDER/requirements.txt: each wheel of the folder, its version and hash, for `pip install --require-hashes`.

The hashes of `requirements.lock` are those of what was fetched; a wheel that was built here has one of its own.
"""

import hashlib
import sys
from pathlib import Path


def requirement(wheel: Path) -> str:
    """A line of pip's; names of wheels are `{name}-{version}-…` (PEP 427)."""
    name, version = wheel.name.split("-")[:2]
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def main() -> None:
    folder = Path(sys.argv[1])
    lines = "".join(requirement(wheel) for wheel in sorted(folder.glob("*.whl")))
    (folder / "requirements.txt").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
