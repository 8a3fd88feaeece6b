"""`mailserver mailings`: what they are, what is decided about them, and what cannot be done any more."""

import asyncio
import json
from collections.abc import Callable

from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.cli.shared import open_store, settings_of
from mailserver.model.identity import Principal, Role, State
from mailserver.store.account import accounts
from tests.harness import Instance
from tests.outbound.mailings.rows import keep

OCTETS = b"From: edupont@ac-exemple.fr\r\nSubject: Rentree\r\n\r\nBonjour\r\n"


def run(academy: Instance, what: str, *args: str) -> Result:
    return CliRunner().invoke(app, ["mailings", what, str(academy.directory), *args])


def facts(academy: Instance, what: str, *args: str) -> dict[str, object]:
    found = json.loads(run(academy, what, *args, "--json").stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def handed_in(academy: Instance, *names: str) -> list[str]:
    """Mailings of Émilie's that wait; their numbers."""

    async def make() -> list[str]:
        async with open_store(settings_of(academy.directory)) as store:
            standing = await store.read(accounts.by_login, "edupont")
            assert standing is not None
            who = standing.id, "edupont", "emilie.dupont@ac-exemple.fr", ()
            author = Principal(*who, "Émilie", "Dupont", Role.TEACHER, State.ACTIVE)
            return [str(await asyncio.to_thread(keep, store, author, OCTETS, name=name)) for name in names]

    return asyncio.run(make())


def test_they_are_shown_and_decided_about(fresh: Callable[..., Instance]) -> None:
    academy = fresh("--demo")
    number, other = handed_in(academy, "M1", "M2")
    assert number in run(academy, "list").stdout
    shown = facts(academy, "show", number)
    assert (shown["state"], shown["people"], shown["outside"]) == ("waiting", 1120, 4)
    version = str(shown["version"])
    assert version in run(academy, "show", number).stdout
    assert run(academy, "approve", number, "0" * len(version)).exit_code == 1, "of what was shown, and nothing else"
    assert facts(academy, "show", number)["state"] == "waiting"
    assert facts(academy, "approve", number, version)["state"] == "approved"
    assert facts(academy, "stop", number)["state"] == "stopped"
    assert facts(academy, "resume", number)["state"] == "approved"
    assert facts(academy, "take-back", number)["state"] == "cancelled"
    late = run(academy, "approve", number, version)
    assert late.exit_code == 1
    assert run(academy, "show", "999999").exit_code == 1

    refused = facts(academy, "refuse", other, "--reason", "Pas maintenant")
    assert (refused["state"], refused["reason"]) == ("refused", "Pas maintenant")
