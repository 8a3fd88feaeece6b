"""Modules and functions that documents name by their whole name exist."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

from tests.documents.pages import CURRENT, quoted
from tests.hatchery import ROOT

_DOTTED = re.compile(r"(?:mailserver|directory|smtp|imap|webui|agenda)(?:\.[A-Za-z_]\w*)+")
SUFFIXES = (".toml", ".schema", ".service", ".socket", ".md", ".po")
"""Of files that are called like a package."""


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_of_the_code_exist(path: Path) -> None:
    for said in quoted(path.read_text()):
        if _DOTTED.fullmatch(said) and not said.endswith(SUFFIXES):
            try:
                pkgutil.resolve_name(said)
            except (ImportError, AttributeError):
                pytest.fail(f"{said} is nothing in the code")


def test_the_packages_of_the_pattern_exist() -> None:
    assert importlib.import_module("agenda")
