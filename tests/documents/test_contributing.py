"""Recipes name files and tests that exist."""

import ast
import re

import pytest

from tests.documents.pages import quoted
from tests.hatchery import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
NAMED = sorted(
    {said for said in quoted(TEXT) if re.match(r"[\w./-]+\.(py|md|toml|schema|po|html|txt)\b|[\w/-]+/$", said)}
)
RECIPES = (
    *("An IMAP capability", "A page, or a column on one", "A setting", "A verb of the command line", "A migration"),
    *("An LDAP attribute", "An audit event", "A notice", "A background job", "A release"),
)


def test_there_is_a_recipe_for_each() -> None:
    assert [heading for heading in re.findall(r"^## (.+)$", TEXT, re.MULTILINE) if heading in RECIPES] == list(RECIPES)


@pytest.mark.parametrize("said", NAMED)
def test_what_a_recipe_names_exists(said: str) -> None:
    """A path, or a test in a file: `tests/x.py::test_y`."""
    path, _, test = said.partition("::")
    assert (ROOT / path).exists()
    if test:
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert test in {one.name for one in ast.parse((ROOT / path).read_text()).body if isinstance(one, functions)}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_the_tests_that_notice(recipe: str) -> None:
    said = TEXT.partition(f"## {recipe}\n")[2].partition("\n## ")[0]
    assert re.search(r"`tests/\S+::test_\w+`", said)
