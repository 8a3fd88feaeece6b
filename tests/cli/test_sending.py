"""`mailserver sending`: what an account sent beside its marks, what waits, and who may send more."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.cli.shared import open_store, settings_of
from mailserver.model.identity import Population
from mailserver.model.sending.sending_limits import What
from mailserver.store.account import accounts, bulletins
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.queue import sent_counts
from mailserver.store.queue.held import held_submissions
from mailserver.store.queue.held.held_submissions import Submitted
from mailserver.store.queue.spool import Options, Target
from mailserver.store.record.audit import Origin
from tests.harness import Instance

OCTETS = b"From: edupont@ac-exemple.fr\r\nSubject: Sortie\r\nMessage-ID: <1@x>\r\n\r\nBonjour\r\n"


def run(academy: Instance, what: str, *args: str) -> Result:
    return CliRunner().invoke(app, ["sending", what, str(academy.directory), *args])


def facts(academy: Instance, what: str, *args: str) -> dict[str, object]:
    found = last(run(academy, what, *args, "--json"))
    assert isinstance(found, dict)
    return found


def last(result: Result) -> object:
    """What a command says; within this process the log stands before it."""
    return json.loads(result.stdout.splitlines()[-1])


def of(tx: Tx, login: str) -> int:
    standing = accounts.by_login(tx, login)
    assert standing is not None
    return standing.id


def hold(tx: Tx, login: str, to: str, name: str) -> int:
    """A message waits; its number."""
    author = of(tx, login)
    content_id, _ = messages.store_content(tx, blobs.prepare(OCTETS, Path()))
    one = Submitted(
        account_id=author,
        population=Population.TEACHER,
        reverse_path=f"{login}@ac-exemple.fr",
        targets=(Target(to),),
        options=Options(name=name, account_id=author, population="teacher"),
        resent=False,
        what=What.RECIPIENTS,
        counted=9,
        mark=5,
        seconds=60,
        expires=tx.now + 86400,
    )
    held_submissions.hold(tx, content_id, one)
    sent_counts.add(tx, author, 9, 2)
    return held_submissions.waiting(tx)[-1].id


def inbox(tx: Tx, login: str) -> int:
    return mailboxes.get(tx, of(tx, login), "INBOX").messages


def test_what_waits_and_who_may_send_more(fresh: Callable[..., Instance]) -> None:
    academy = fresh("--demo")

    async def make() -> tuple[list[int], int]:
        async with open_store(settings_of(academy.directory)) as store:
            rows = [("mmartin@ac-exemple.fr", "A1"), ("personne@ac-exemple.fr", "A2"), ("mmartin@ac-exemple.fr", "A3")]
            numbers = [await store.write(hold, "edupont", to, name) for to, name in rows]
            return numbers, await store.read(inbox, "mmartin")

    numbers, before = asyncio.run(make())
    shown = facts(academy, "show")
    assert shown["senders"] == [{"login": "edupont", "recipients": 27, "failures": 6}]
    assert shown["held"] == 3
    rows = facts(academy, "show", "edupont")["marks"]
    assert isinstance(rows, list)
    assert [(row["what"], row["count"]) for row in rows] == [
        *[("recipients", 27)] * 4,
        ("new-outside", 0),
        ("failures", 6),
    ]
    assert "27" in run(academy, "show", "edupont").stdout
    listed = json.loads(run(academy, "held", "--json").stdout.splitlines()[-1])
    assert [(one["id"], one["login"]) for one in listed] == [(number, "edupont") for number in numbers]
    assert "Sortie" in run(academy, "held", "--account", "edupont").stdout
    assert run(academy, "release").exit_code == 2
    released = run(academy, "release", "--account", "edupont", "--json")
    assert released.exit_code == 1
    answer = last(released)
    assert isinstance(answer, dict)
    assert answer["released"] == [numbers[0], numbers[2]]
    assert list(answer["refused"]) == [str(numbers[1])]
    assert facts(academy, "drop", str(numbers[1])) == {"dropped": 1}
    allowed = facts(academy, "allow", "edupont", "--times", "4", "--days", "2")
    assert allowed["times"] == 4
    wider = facts(academy, "show", "edupont")
    assert wider["factor"] == 4
    assert "edupont" in run(academy, "show").stdout
    facts(academy, "forget", "edupont")
    assert facts(academy, "show")["senders"] == []

    async def look() -> int:
        async with open_store(settings_of(academy.directory)) as store:
            return await store.read(inbox, "mmartin")

    assert asyncio.run(look()) == before + 2
    assert run(academy, "allow", "nobody").exit_code != 0


def test_a_hijacked_account_is_secured_and_that_is_undone(fresh: Callable[..., Instance]) -> None:
    academy = fresh("--demo")

    def secure(*args: str) -> dict[str, object]:
        result = CliRunner().invoke(app, ["account", "secure", str(academy.directory), "edupont", *args, "--json"])
        assert result.exit_code == 0, result.output
        found = last(result)
        assert isinstance(found, dict)
        return found

    async def announce() -> None:
        async with open_store(settings_of(academy.directory)) as store:
            draft = Draft(Kind.ANNOUNCEMENT, 0, 0, "Cliquez sur ce lien")
            await store.write(bulletins.post, Origin("edupont", "console"), draft)

    asyncio.run(announce())
    done = secure("--take-back")
    assert done["code"]
    acts = done["acts"]
    assert isinstance(acts, list)
    assert [(one["action"], one["code"]) for one in acts] == [("bulletin-changed", "bulletin-posted")]
    assert done["queued"] == 0
    said = academy.command("account", "secure", "DIR", "edupont").stdout
    assert "Changed within 48 hours, and kept: bulletin-changed, 1 posted" in said
    assert "Cliquez sur ce lien" in said
    assert secure("--undo")["login"] == "edupont"
    again = CliRunner().invoke(app, ["account", "secure", str(academy.directory), "edupont", "--undo"])
    assert again.exit_code == 1
