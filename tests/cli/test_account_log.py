"""`mailserver account log`: the audit of a running instance, and what shows when somebody changes it."""

import json
import sqlite3
import time
from collections.abc import Callable

from tests.harness import Instance

SEALED_SECONDS = 60


def sealed(instance: Instance) -> dict[str, object]:
    """The chain's state once nothing waits for a seal."""
    deadline = time.monotonic() + SEALED_SECONDS
    while True:
        state: dict[str, object] = json.loads(instance.command("account", "log", "DIR", "--verify", "--json").stdout)
        if not state["unsealed"] or time.monotonic() > deadline:
            return state
        time.sleep(0.3)


def test_what_the_console_does_is_recorded_sealed_and_cannot_be_changed(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    person = ("--given-name", "Emma", "--surname", "Dupont", "--role", "teacher")
    instance.command("account", "create", "DIR", *person)
    instance.command("account", "suspend", "DIR", "edupont", "--reason", "essai")
    events = json.loads(instance.command("account", "log", "DIR", "edupont", "--json").stdout)
    assert [event["action"] for event in events] == ["suspended", "code-issued", "created"]
    assert events[0]["detail"] == "essai"
    assert events[0]["service"] == "console"
    only = instance.command("account", "log", "DIR", "--action", "suspended", "--json").stdout
    assert len(json.loads(only)) == 1
    listed = instance.command("account", "log", "DIR", "edupont").stdout
    assert "code-issued" in listed

    instance.start()
    state = sealed(instance)
    instance.stop()
    assert state["unsealed"] is False
    assert state["fault"] is None
    assert isinstance(state["rows"], int)
    assert state["rows"] >= 3
    assert "whole" in instance.command("account", "log", "DIR", "--verify").stdout

    with sqlite3.connect(instance.directory / "data" / "mail.db") as database:
        database.execute("UPDATE audit SET actor = 'personne' WHERE action = 'suspended'")
    database.close()
    told = instance.command("account", "log", "DIR", "--verify", check=False)
    assert told.returncode == 1
    assert "tampered" in told.stderr


def test_rows_cut_off_at_the_end_are_missed(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    instance.start()
    state = sealed(instance)
    instance.stop()
    assert state["fault"] is None
    with sqlite3.connect(instance.directory / "data" / "mail.db") as database:
        database.execute("DELETE FROM audit WHERE link = (SELECT max(link) FROM audit)")
    database.close()
    told = instance.command("account", "log", "DIR", "--verify", check=False)
    assert told.returncode == 1
    assert "missing or changed" in told.stderr


def test_what_cannot_be_asked(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    nobody = instance.command("account", "log", "DIR", "personne", check=False)
    assert nobody.returncode == 1
    assert "no such account" in nobody.stderr
    day = instance.command("account", "log", "DIR", "--since", "hier", check=False)
    assert day.returncode == 2
    assert "is not a day" in day.stderr


def test_what_is_left_out_is_told(fresh: Callable[..., Instance]) -> None:
    """Who is asked for all that is on record (a person, a court) sees that it is not all of it."""
    instance = fresh()
    person = ("--given-name", "Emma", "--surname", "Dupont", "--role", "teacher")
    instance.command("account", "create", "DIR", *person)
    some = instance.command("account", "log", "DIR", "edupont", "--limit", "1", "--json")
    assert len(json.loads(some.stdout)) == 1
    assert "There are more, older ones" in some.stderr
    whole = instance.command("account", "log", "DIR", "edupont", "--limit", "2", "--json")
    assert len(json.loads(whole.stdout)) == 2
    assert "There are more" not in whole.stderr
