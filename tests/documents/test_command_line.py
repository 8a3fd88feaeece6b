"""What the documents say of the command line is what Typer knows."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from mailserver.__main__ import app
from tests.documents.pages import CURRENT, quoted
from tests.hatchery import ROOT

Words = tuple[str, ...]


def _walk(group: Any, path: Words = ()) -> Iterator[tuple[Words, set[str], bool]]:
    """Each command: its words, its options, and whether it is hidden."""
    for name in getattr(group, "commands", ()):
        command = group.get_command(typer.Context(group), name)
        if getattr(command, "commands", None):
            yield from _walk(command, (*path, name))
        else:
            yield (
                (*path, name),
                {word for param in command.params for word in (*param.opts, *param.secondary_opts)},
                command.hidden,
            )


TREE = list(_walk(typer.main.get_command(app)))
OPTIONS = {words: options for words, options, _ in TREE}
PUBLIC = {words for words, _, hidden in TREE if not hidden}
FAMILIES = {words[0] for words in PUBLIC if len(words) > 1}
_ROW = re.compile(r"^\| `mailserver (.+?)` \|", re.MULTILINE)


def _named(said: str) -> Iterator[Words]:
    """The commands that `account show|list DIR ...` speaks of; of a family without a verb, the family."""
    family, *rest = said.split()
    if family not in FAMILIES:
        yield (family,)
        return
    verbs = rest[0] if rest and re.fullmatch(r"[a-z|-]+", rest[0]) else ""
    for verb in verbs.split("|"):
        yield (family, verb) if verb else (family,)


def _rows() -> list[str]:
    return [row.replace("\\|", "|") for row in _ROW.findall((ROOT / "README.md").read_text())]


def test_the_table_of_the_readme_has_every_command_and_no_other() -> None:
    assert {words for row in _rows() for words in _named(row)} == PUBLIC


@pytest.mark.parametrize("row", _rows())
def test_options_of_the_table_exist(row: str) -> None:
    options = set().union(*(OPTIONS[words] for words in _named(row)))
    assert set(re.findall(r"--[a-z-]+", row)) <= options


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_documents_name_exist(path: Path) -> None:
    for said in quoted(path.read_text()):
        if found := re.match(r"mailserver ([a-z][a-z |-]*)", said):
            for words in _named(found[1]):
                assert words in OPTIONS or words in {(family,) for family in FAMILIES}, said
