"""Families of commands are imported when they are asked for, each by itself."""

import subprocess
import sys

import pytest
import typer
import typer.main

from mailserver.__main__ import app
from mailserver.cli.accounts.verbs import verbs
from mailserver.cli.families import families
from mailserver.cli.on_demand import OnDemandGroup
from tests.hatchery import ROOT, search_path

_LOADED = """
import sys
from mailserver.__main__ import app
try:
    app(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print("\\n" + " ".join(sys.modules))
"""
_FOR_ALL = {"families", "on_demand"}
_GROUPS = {"backups", "mail", "outgoing", "service"}


def _families_loaded(*words: str) -> tuple[set[str], set[str]]:
    """The families of `mailserver.cli` that a command imports, without their group, and all the modules."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *words],
        env={"PYTHONPATH": search_path(), "LC_ALL": "C.UTF-8"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(done.stdout.splitlines()[-1].split())
    inside = [name.split(".")[2:] for name in modules if name.startswith("mailserver.cli.")]
    families = {next((part for part in parts if part not in _GROUPS), "") for parts in inside}
    return families - _FOR_ALL - {""}, modules


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_list_of_families_imports_none(option: str) -> None:
    loaded, modules = _families_loaded(option)
    assert not loaded
    assert not modules & {"sqlalchemy", "pydantic", "twisted", "mailserver.foundation.settings"}


@pytest.mark.parametrize(("family", "module"), [("rules", "rules"), ("imports", "imports"), ("dns", "zone")])
def test_a_command_imports_its_own_family_alone(family: str, module: str) -> None:
    assert _families_loaded(family, "--help")[0] == {module, "shared"}


def test_a_verb_of_accounts_imports_nothing_of_those_that_need_much() -> None:
    _, modules = _families_loaded("account", "list", "--help")
    assert "mailserver.cli.accounts.account" in modules
    others = {"mailserver.delivery", "mailserver.cli.accounts.factors", "mailserver.outbound.withdrawal", "typst"}
    assert not modules & others


def test_the_list_says_of_each_what_it_says_of_itself() -> None:
    program = typer.main.get_group(app)
    assert list(program.commands) == list(families.by_name)
    group = program.get_command(typer.Context(program), "account")
    assert isinstance(group, OnDemandGroup)
    assert set(verbs.by_name) < set(group.commands)
    for table, around in ((families, program), (verbs, group)):
        for name, family in table.by_name.items():
            command = around.get_command(typer.Context(around), name)
            assert command is not None
            assert (command.name, command.help, command.hidden) == (name, family.help, family.hidden)


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["account", "list", "--help"]])
def test_output_that_cannot_be_written_is_one_line(words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mailserver", *words],
            env={"PYTHONPATH": search_path(), "LC_ALL": "C.UTF-8"},
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, "mailserver: No space left on device\n")
