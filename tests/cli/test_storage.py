"""`mailserver storage report` and the sums of `account list`: what is held, and who has no room left."""

import json
from collections.abc import Callable

from typer.testing import CliRunner

from mailserver.__main__ import app
from tests.harness import Instance


def told(academy: Instance, *command: str) -> str:
    done = CliRunner().invoke(app, [*command[:2], str(academy.directory), *command[2:]])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_is_held_is_summed_by_population_school_and_account(fresh: Callable[..., Instance]) -> None:
    academy = fresh("--demo")
    accounts = json.loads(told(academy, "account", "list", "--json"))
    held = {one["login"]: one for one in accounts if one["octets"]}
    assert held["edupont"]["messages"] > 1
    full = held["edupont"]
    told(academy, "account", "quota", "edupont", str(full["octets"]))
    largest = json.loads(told(academy, "storage", "report", "--by", "account", "--json", "--most", "2"))
    assert len(largest) == 2
    assert [one["octets"] for one in largest] == sorted((one["octets"] for one in held.values()), reverse=True)[:2]
    by_role = {one["role"]: one for one in json.loads(told(academy, "storage", "report", "--json"))}
    teachers = [one for one in accounts if one["role"] == "teacher"]
    sums = by_role["teacher"]
    assert (sums["accounts"], sums["messages"]) == (len(teachers), sum(one["messages"] for one in teachers))
    assert sums["octets"] == sum(one["octets"] for one in teachers)
    assert (sums["near"], sums["full"]) == (1, 1)
    assert sums["quota"] == full["octets"] + sum(one["quota"] for one in teachers if one["login"] != "edupont")
    by_school = json.loads(told(academy, "storage", "report", "--by", "school", "--json"))
    ours = next(one for one in by_school if one["uai"] == full["uai"] and one["role"] == "teacher")
    assert (ours["full"], bool(ours["school"])) == (1, True)
    assert sum(one["octets"] for one in by_school) == sum(one["octets"] for one in accounts)
    for by, named in (("role", "teacher"), ("school", full["uai"]), ("account", "edupont")):
        assert named in told(academy, "storage", "report", "--by", by)
    told(academy, "account", "quota", "edupont", "none")
    by_role = {one["role"]: one for one in json.loads(told(academy, "storage", "report", "--json"))}
    assert (by_role["teacher"]["unlimited"], by_role["teacher"]["full"]) == (1, 0)
