"""`mailserver list` and `mailserver rules` as an operator types them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.cli.lists.common import write
from mailserver.cli.shared import settings_of
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access import boxes
from mailserver.store.mail.access.acts import record
from mailserver.store.mail.access.rights import Viewer
from mailserver.store.people.mailing_lists import outside_members
from mailserver.texts.causes import Cause
from tests.harness import Instance

Maker = Callable[..., Instance]
UAI = "0219801P"
"""The demo's collège."""


@pytest.fixture
def academy(fresh: Maker) -> Instance:
    return fresh("--demo")


def run(academy: Instance, *args: str) -> Result:
    """A command, in this process: a new one costs most of a second."""
    return CliRunner().invoke(app, [str(academy.directory) if arg == "DIR" else arg for arg in args])


def asked(academy: Instance, *args: str) -> Any:
    """The JSON a command prints."""
    result = run(academy, *args, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_archive_of_a_list_is_turned_on_shown_and_emptied(academy: Instance) -> None:
    asked(academy, "list", "create", "DIR", "chorale", "--member", "skaci")
    assert asked(academy, "list", "archive", "DIR", "chorale") == {
        "address": "chorale@ac-exemple.fr",
        "readers": "none",
        "count": 0,
        "octets": 0,
        "readers_then": {},
        "posts": [],
    }
    assert asked(academy, "list", "set", "DIR", "chorale", "--archive", "members")["archive"] == "members"
    assert asked(academy, "list", "set", "DIR", "chorale", "--digest")["digest"] is True
    assert asked(academy, "list", "set", "DIR", "chorale", "--each")["digest"] is False
    refused = run(academy, "list", "archive", "DIR", "chorale", "--remove", "7")
    assert refused.exit_code == 1, refused.output
    assert run(academy, "list", "archive", "DIR", "chorale", "--remove", "7", "--clear").exit_code == 2
    assert asked(academy, "list", "archive", "DIR", "chorale", "--clear")["removed"] == 0
    assert run(academy, "list", "archive", "DIR", "personne").exit_code == 1


def test_a_lists_whole_life(academy: Instance) -> None:
    made = asked(
        academy, "list", "create", "DIR", "chorale", "--name", "Chorale", "--owner", "edupont", "--owner", "mmartin",
        "--member", "skaci", "--writers", "members", "--writer", "rleroy", "--moderated", "--hidden-members",
        "--uai", UAI,
    )  # fmt: skip
    assert made["members"] == ["skaci@ac-exemple.fr"]
    assert made["owners"] == ["edupont@ac-exemple.fr", "mmartin@ac-exemple.fr"]
    assert (made["kind"], made["writers"], made["moderated"], made["hidden_members"]) == (
        "manual",
        "members",
        True,
        True,
    )
    done = asked(
        academy, "list", "members", "DIR", "chorale", "--add", "edupont", "--add", "a@b.fr", "--remove", "skaci"
    )
    assert (done["added"], done["removed"]) == (2, 1)
    refused = run(academy, "list", "members", "DIR", "chorale", "--add", "nobody")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "mailserver: nobody@ac-exemple.fr: nobody here has this address\n",
    )
    changed = asked(academy, "list", "set", "DIR", "chorale", "--open", "--shown-members", "--no-owner", "--no-writer")
    assert (changed["owners"], changed["named_writers"], changed["moderated"]) == ([], [], False)
    assert (changed["answers"], changed["last_day"]) == ("author", "")
    set_ = asked(academy, "list", "set", "DIR", "chorale", "--answers", "list", "--last-day", "2026-07-03")
    assert (set_["answers"], set_["last_day"], set_["ends"]) == ("list", "2026-07-03", 1_783_116_000)
    assert "ended" in run(academy, "list", "show", "DIR").stdout
    bad = run(academy, "list", "set", "DIR", "chorale", "--last-day", "demain")
    assert (bad.exit_code, bad.stderr) == (2, "mailserver: --last-day demain: a day is written 2027-06-30\n")
    assert asked(academy, "list", "set", "DIR", "chorale", "--no-end")["last_day"] == ""
    assert "chorale@ac-exemple.fr" in run(academy, "list", "show", "DIR").stdout
    assert asked(academy, "list", "delete", "DIR", "chorale") == {"address": "chorale@ac-exemple.fr", "deleted": True}
    assert run(academy, "list", "show", "DIR", "chorale").exit_code == 1


def act_twice(tx: Tx, box: str) -> None:
    for name in ("A", "B"):
        record(tx, Viewer(1), boxes.ensure(tx, box), "", "send", detail=Cause("act-sent", name=name))


def test_a_functional_box_and_its_holders(academy: Instance) -> None:
    made = asked(academy, "list", "create", "DIR", "vie-scolaire", "--function", "--member", "rleroy", "--uai", UAI)
    assert made["holders"] == {"rleroy@ac-exemple.fr": "read write send"}
    assert (made["kind"], made["messages"], made["octets"]) == ("function", 0, 0)
    held = asked(academy, "list", "holders", "DIR", "vie-scolaire", "--set", "edupont=send,read", "--remove", "rleroy")
    assert held == {"address": "vie-scolaire@ac-exemple.fr", "holders": {"edupont@ac-exemple.fr": "read send"}}
    assert "edupont@ac-exemple.fr: read send" in run(academy, "list", "show", "DIR", "vie-scolaire").stdout
    assert asked(academy, "list", "acts", "DIR", "vie-scolaire") == []
    write(settings_of(academy.directory), lambda tx: act_twice(tx, "vie-scolaire@ac-exemple.fr"))
    some = run(academy, "list", "acts", "DIR", "vie-scolaire", "--limit", "1")
    assert ("1 acts." in some.stdout, "There are more, older ones" in some.stderr) == (True, True)
    assert "There are more" not in run(academy, "list", "acts", "DIR", "vie-scolaire", "--limit", "2").stderr
    assert run(academy, "list", "holders", "DIR", "vie-scolaire", "--set", "edupont=fly").exit_code == 1
    assert run(academy, "list", "holders", "DIR", "vie-scolaire", "--set", "edupont").exit_code == 2
    assert run(academy, "list", "holders", "DIR", "nothing").exit_code == 1
    history = asked(academy, "account", "log", "DIR", "--action", "rights-changed")
    said = json.dumps(history, ensure_ascii=False)
    assert "edupont@ac-exemple.fr: nothing, then read, send" in said
    assert "rleroy@ac-exemple.fr: nothing, then read, write, send" in said
    assert "rleroy@ac-exemple.fr: read, write, send, then nothing" in said


def test_preview_before_saving(academy: Instance) -> None:
    found = asked(academy, "list", "preview", "DIR", "--query", f"role=enseignant uai={UAI.lower()}", "--limit", "2")
    assert (found["query"], found["count"], len(found["people"])) == (f"role=teacher uai={UAI}", 7, 2)
    assert set(found["people"][0]) == {"name", "address", "role", "uai"}
    assert run(academy, "list", "preview", "DIR", "--query", "role=dragon").exit_code == 1
    assert run(academy, "list", "preview", "DIR").exit_code == 2
    run(academy, "list", "create", "DIR", "profs", "--query", f"role=teacher uai={UAI}")
    assert asked(academy, "list", "preview", "DIR", "profs")["count"] == 7
    assert asked(academy, "list", "show", "DIR", "profs")["kind"] == "living"
    assert asked(academy, "list", "preview", "DIR", f"enseignants.{UAI.lower()}")["count"] == 7
    assert asked(academy, "list", "show", "DIR", f"eleves.{UAI}")["kind"] == "standing"


def test_what_comes_back_from_members_outside(academy: Instance) -> None:
    address, member = "chorale@ac-exemple.fr", "amie@ailleurs.fr"
    asked(academy, "list", "create", "DIR", "chorale", "--member", member, "--member", "parti@ailleurs.fr")
    limits = ("--max-size", "500000", "--max-hourly", "20", "--as-list", "--no-leave")
    changed = asked(academy, "list", "set", "DIR", "chorale", *limits)
    assert (changed["max_size"], changed["max_hourly"]) == (500_000, 20)
    assert (changed["as_list"], changed["may_leave"]) == (True, False)
    assert run(academy, "list", "set", "DIR", "chorale", "--max-size", "1").exit_code == 1
    assert run(academy, "list", "set", "DIR", "profs", "--may-leave").exit_code == 1, "nobody leaves a living list"

    def trouble(tx: Tx) -> None:
        numbers = outside_members.ids(tx, address, [member, "parti@ailleurs.fr"])
        bounds = outside_members.Bounds(1, 30, 21)
        outside_members.bounce(tx, numbers[member], bounds, hard=True, status="5.1.1", said="550 No such user")
        outside_members.leave(tx, numbers["parti@ailleurs.fr"])

    write(settings_of(academy.directory), trouble)
    found = {one["member"]: one["reason"] for one in asked(academy, "list", "bounces", "DIR", "chorale")}
    assert found == {member: "hard", "parti@ailleurs.fr": "left"}
    assert asked(academy, "list", "bounces", "DIR", "chorale", "--clear", "--member", "x@y.fr")["cleared"] == 0
    assert asked(academy, "list", "bounces", "DIR", "chorale", "--clear")["cleared"] == 1
    said = run(academy, "list", "bounces", "DIR", "chorale").stdout
    assert "parti@ailleurs.fr  left" in said
    assert member not in said
    assert asked(academy, "list", "bounces", "DIR", "chorale", "--clear", "--left")["cleared"] == 1
    assert run(academy, "list", "bounces", "DIR", "nothing").exit_code == 1


def test_held_messages(academy: Instance) -> None:
    assert asked(academy, "list", "held", "DIR") == []
    assert run(academy, "list", "held", "DIR", "nothing").exit_code == 1
    for verb in ("approve", "reject"):
        refused = run(academy, "list", verb, "DIR", "7")
        assert refused.exit_code == 1
        assert "waits no more" in refused.stderr


def test_rules_and_brakes(academy: Instance) -> None:
    assert asked(academy, "rules", "show", "DIR") == {"denied": [], "brakes": []}
    table = asked(academy, "rules", "preset", "DIR", "pupils-inside")
    assert table["denied"] == [
        {"sender": "outside", "recipient": "pupil"},
        {"sender": "pupil", "recipient": "outside"},
    ]
    asked(academy, "rules", "set", "DIR", "pupil", "outside", "allow")
    assert run(academy, "rules", "preset", "DIR", "nothing").exit_code == 2
    assert run(academy, "rules", "set", "DIR", "dragon", "pupil", "deny").exit_code == 2
    (brake,) = asked(academy, "rules", "brake", "DIR", "pupil", "--until", "2h", "--reason", "essai")["brakes"]
    assert (brake["population"], brake["reason"], brake["until"] - brake["since"] in range(7195, 7205)) == (
        "pupil",
        "essai",
        True,
    )
    assert "BRAKE pupil" in run(academy, "rules", "show", "DIR").stdout
    for until in ("yesterday", "2020-01-01T00:00", "0m"):
        assert run(academy, "rules", "brake", "DIR", "pupil", "--until", until).exit_code == 2
    assert asked(academy, "rules", "release", "DIR", "pupil") == {"population": "pupil", "released": True, "queued": 0}
    assert run(academy, "rules", "release", "DIR", "pupil").exit_code == 1


def test_lists_of_an_external_directory_are_read(academy: Instance, fresh: Maker) -> None:
    """Our own LDAP door stands for somebody else's server."""
    academy.start("--workers", "1")
    other = fresh()
    secret = (academy.directory / "secrets" / "ldap-admin").read_text().strip()
    (other.directory / "secrets" / "elsewhere").write_text(secret)
    other.configure(
        f'[ldap]\nurl = "ldap://127.0.0.1:{academy.ports["ldap"]}"\nbase = "dc=ac-exemple,dc=fr"\n'
        'bind_dn = "cn=admin,dc=ac-exemple,dc=fr"\npassword_file = "elsewhere"\n'
    )
    assert len(asked(other, "list", "show", "DIR", "eleves.4b")["receivers"]) > 0
    assert asked(other, "list", "preview", "DIR", "eleves.4b")["count"] > 0
    assert run(other, "list", "show", "DIR", "nothing").exit_code == 1
    for args in (("show", "DIR"), ("create", "DIR", "x"), ("delete", "DIR", "x"), ("held", "DIR")):
        refused = run(other, "list", *args)
        assert refused.exit_code == 2
        assert "external" in refused.stderr
