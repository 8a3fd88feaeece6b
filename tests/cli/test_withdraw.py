"""`mailserver withdraw`: an operator takes a message back and brings it back, with no service running."""

import asyncio
import json
from collections.abc import Callable

from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.cli.shared import open_store, settings_of
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes
from tests.harness import Instance
from tests.imap.world import create_account
from tests.outbound.withdrawal.mail import SUBJECT, letter, put

PEOPLE = ("edupont", "mmartin", "skaci")


def run(academy: Instance, verb: str, *args: str) -> Result:
    return CliRunner().invoke(app, ["withdraw", verb, str(academy.directory), *args])


def inboxes(tx: Tx) -> int:
    return sum(box.messages for one in (1, 2, 3, 4, 5) for box in mailboxes.listing(tx, one) if box.name == "INBOX")


def held(academy: Instance) -> int:
    async def work() -> int:
        async with open_store(settings_of(academy.directory)) as store:
            return await store.read(inboxes)

    return asyncio.run(work())


def test_taken_back_and_brought_back(fresh: Callable[..., Instance]) -> None:
    academy = fresh()
    settings = settings_of(academy.directory)

    async def work() -> None:
        async with open_store(settings) as store:
            people = [await store.write(create_account, login) for login in PEOPLE]
            for content, who in enumerate((people, people[:1])):
                octets = letter(content, message_id=f"<{content}@x>", body=f"Lien {content}")
                await store.write(put, store.blobs, octets, who)

    asyncio.run(work())
    before = held(academy)
    shown = run(academy, "show", "0@x")
    assert SUBJECT in shown.stdout
    assert "3 messages of 3 people." in shown.stdout
    assert json.loads(run(academy, "show", "0@x", "--json").stdout) == {
        "messages": 3,
        "accounts": 3,
        "removed": 0,
        "kept": 0,
    }
    done = json.loads(run(academy, "take", "<0@x>", "--refuse", "1", "--json").stdout)
    assert done == {"id": 1, "messages": 3, "accounts": 3}
    assert held(academy) == before - 3
    assert "Withdrawal 2: 1 messages of 1 people." in run(academy, "take", "1@x", "--refuse", "0").stdout
    listed = json.loads(run(academy, "list", "--json").stdout)
    assert [(one["id"], one["taken"], one["message_id"], one["campaign"]) for one in listed] == [
        (2, 1, "<1@x>", False),
        (1, 3, "<0@x>", False),
    ]
    assert "2 withdrawals." in run(academy, "list").stdout
    assert "Withdrawal 1: 3 messages are back." in run(academy, "restore", "1").stdout
    assert held(academy) == before - 1


def test_which_of_several_is_asked(fresh: Callable[..., Instance]) -> None:
    academy = fresh()

    async def work() -> list[int]:
        async with open_store(settings_of(academy.directory)) as store:
            emma, marc = [await store.write(create_account, login) for login in PEOPLE[:2]]
            sent = Provenance(Door.SUBMISSION, marc)
            return [
                await store.write(put, store.blobs, letter(place), [emma], came=came)
                for place, came in enumerate((sent, Provenance(Door.SMTP)))
            ]

    real, forged = asyncio.run(work())
    before = held(academy)
    asked = run(academy, "take", "vague@evil.example")
    assert asked.exit_code == 1
    assert f"{real}  account  " in asked.stdout
    assert f"{forged}  unchecked  " in asked.stdout
    assert run(academy, "take", "vague@evil.example", "--content", "7777").exit_code == 1
    assert held(academy) == before
    assert run(academy, "take", "vague@evil.example", "--content", str(forged)).exit_code == 0
    assert held(academy) == before - 1


def test_what_it_refuses(fresh: Callable[..., Instance]) -> None:
    academy = fresh()
    assert run(academy, "show", "nobody@x").exit_code == 1
    assert run(academy, "take", "nobody@x").exit_code == 1
    assert run(academy, "take", "nobody@x", "--refuse", "3").exit_code == 2
    assert run(academy, "restore", "7").exit_code == 1
    assert run(academy, "list").stdout.startswith("0 ")
