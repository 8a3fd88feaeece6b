"""`mailserver quiet` as an operator types it."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from tests.harness import Instance

UAI = "0219801P"
"""The demo's collège."""


@pytest.fixture
def academy(fresh: Callable[..., Instance]) -> Instance:
    return fresh("--demo")


def run(academy: Instance, *args: str) -> Result:
    """A command, in this process: a new one costs most of a second."""
    return CliRunner().invoke(app, ["quiet", args[0], str(academy.directory), *args[1:]])


def test_a_school_chooses_and_follows_the_academy_again(academy: Instance) -> None:
    def shown() -> dict[str, dict[str, object]]:
        told: dict[str, dict[str, object]] = json.loads(run(academy, "show", "--json").stdout.splitlines()[-1])
        return told

    usual = {"begins": 20, "ends": 7, "weekends": True, "holidays": False}
    assert shown() == {"academy": usual, "decided": False, "schools": {}}
    done = run(academy, "set", UAI.lower(), "--from", "18", "--to", "8", "--no-weekends", "--holidays")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, f"{UAI}: 18:00-08:00, school holidays")
    assert shown()["schools"] == {UAI: {"begins": 18, "ends": 8, "weekends": False, "holidays": True}}
    assert run(academy, "show").stdout.splitlines()[-2:] == [
        "academy: 20:00-07:00, Saturdays and Sundays ([quiet])",
        f"{UAI}: 18:00-08:00, school holidays",
    ]
    assert run(academy, "reset", UAI).exit_code == 0
    assert shown()["schools"] == {}


def test_the_academy_chooses_and_follows_its_settings_again(academy: Instance) -> None:
    done = run(academy, "set", "--from", "-1", "--to", "8")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "academy: -, Saturdays and Sundays")
    told = json.loads(run(academy, "show", "--json").stdout.splitlines()[-1])
    assert told["decided"]
    assert told["academy"] == {"begins": -1, "ends": 8, "weekends": True, "holidays": False}
    assert run(academy, "set", "--from", "17", "--to", "8").exit_code == 2
    done = run(academy, "reset")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "academy: 20:00-07:00, Saturdays and Sundays")


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        ((UAI, "--from", "17", "--to", "8"), 2, "They begin from 18 to 22"),
        ((UAI, "--from", "18", "--to", "11"), 2, "They begin from 18 to 22"),
        (("", "--from", "18", "--to", "8"), 1, "no such school"),
        (("0000000Z", "--from", "18", "--to", "8"), 1, "0000000Z: no such school"),
    ],
)
def test_what_cannot_be_is_refused(academy: Instance, args: tuple[str, ...], code: int, why: str) -> None:
    refused = run(academy, "set", *args)
    assert refused.exit_code == code
    assert why in refused.stderr
