"""`mailserver filters`: an operator looks at somebody's filter, and switches it off."""

import asyncio
import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.cli.shared import open_store, settings_of
from mailserver.filters import Documents, Scripts
from mailserver.filters.rules import TRASH, Actions, Blocked, Condition, Document, Field, Match, Rule
from mailserver.store.account import accounts
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Origin
from tests.harness import Instance

SCRIPT = b'require ["copy", "fileinto"];\r\nfileinto "Archive";\r\nredirect :copy "loin@ailleurs.fr";\r\n'


def run(academy: Instance, *args: str) -> Result:
    return CliRunner().invoke(app, ["filters", str(academy.directory), *args])


@pytest.fixture
def academy(fresh: Callable[..., Instance]) -> Instance:
    return fresh("--demo")


def of_edupont(academy: Instance, *, write: bool) -> list[Event]:
    settings = settings_of(academy.directory)

    async def work() -> list[Event]:
        async with open_store(settings) as store:
            standing = await store.read(accounts.by_login, "edupont")
            assert standing is not None
            if write:
                scripts = Scripts(settings=settings, store=store)
                await scripts.put(standing.id, "principal", SCRIPT, Origin("edupont", "sieve"), activate=True)
            return await store.read(audit.history, standing.id)

    return asyncio.run(work())


def test_shown_and_switched_off(academy: Instance) -> None:
    assert run(academy, "edupont").exit_code == 0
    of_edupont(academy, write=True)
    shown = run(academy, "edupont")
    assert 'fileinto "Archive";' in shown.stdout
    told = json.loads(run(academy, "edupont", "--json").stdout)
    assert (told["active"], told["script"]) == ("principal", SCRIPT.decode())
    assert told["sent_on"] == [{"address": "loin@ailleurs.fr", "script": "principal", "active": True}]
    assert "principal" in shown.stdout.partition("loin@ailleurs.fr")[0].splitlines()[-1]
    off = json.loads(run(academy, "edupont", "--off", "--json").stdout)
    assert (off["active"], off["script"], [one["name"] for one in off["scripts"]]) == (None, "", ["principal"])
    run(academy, "edupont", "--off")
    acts = [event for event in of_edupont(academy, write=False) if event.action is Action.FILTERS_CHANGED]
    assert [(event.actor == "edupont", event.detail.name) for event in reversed(acts)] == [
        (True, "filter-changed"),
        (True, "filter-on"),
        (False, "filter-off"),
    ], "nothing was switched off the second time"


def test_rules_as_sentences(academy: Instance) -> None:
    settings = settings_of(academy.directory)
    document = Document(
        blocked=Blocked(("@spam.example", "anne@exemple.org")),
        rules=(
            Rule((Condition(Field.SUBJECT, Match.CONTAINS, ("sortie",)),), Actions(TRASH)),
            Rule((Condition(Field.OUTSIDE),), Actions(star=True), off=True),
        ),
    )

    async def work() -> None:
        async with open_store(settings) as store:
            standing = await store.read(accounts.by_login, "edupont")
            assert standing is not None
            documents = Documents(settings=settings, store=store)
            await documents.change(standing.id, "", lambda _: document, Origin("edupont", "web"))

    asyncio.run(work())
    said = [
        "Blocked: spam.example, anne@exemple.org",
        "When the subject contains sortie, move it to Trash.",
        "When the sender is outside the academy, star the message. (off)",
    ]
    shown = run(academy, "edupont").stdout
    assert "Rules, on:\n" + "".join(f"- {sentence}\n" for sentence in said) in shown
    told = json.loads(run(academy, "edupont", "--off", "--json").stdout)
    assert (told["rules"], told["running"]) == (said, False)


def test_nobody_and_a_functional_box(academy: Instance) -> None:
    assert run(academy, "personne").exit_code == 1
    assert run(academy, "edupont", "--on").exit_code == 2
