"""The documents of the repository, as the tests of this folder read them."""

import re
from collections.abc import Iterator

from tests.hatchery import ROOT

BUILT = ("node_modules", "build", "dist", "var", ".venv")
"""Folders with documents that are not ours."""
DOCUMENTS = sorted(path for path in ROOT.rglob("*.md") if not {*BUILT} & {*path.relative_to(ROOT).parts})
CURRENT = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
"""Those that speak of this version, and of no older one."""
_CODE = re.compile(r"`([^`\n]+)`")


def quoted(text: str) -> Iterator[str]:
    """What stands in backticks, on one line."""
    return (found[1].replace("\\|", "|") for found in _CODE.finditer(text))
