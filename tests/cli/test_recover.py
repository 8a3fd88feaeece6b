"""`mailserver recover`: IT brings back what somebody removed for good, beside a running server or without one."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.cli.backups import recover as commands
from mailserver.cli.shared import open_store, run, settings_of
from mailserver.store.account import accounts
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.deleted import removed_messages
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from tests.harness import Instance


def recover(academy: Instance, *args: str) -> Result:
    return CliRunner().invoke(app, ["recover", str(academy.directory), *args])


@pytest.fixture
def academy(fresh: Callable[..., Instance]) -> Instance:
    return fresh("--demo")


def in_store(academy: Instance, unit: Callable[[Tx, int], object]) -> object:
    async def work() -> object:
        async with open_store(settings_of(academy.directory)) as store:
            standing = await store.read(accounts.by_login, "edupont")
            assert standing is not None
            return await store.write(unit, standing.id)

    return run(work)


def remove_all(tx: Tx, account_id: int) -> int:
    inbox = mailboxes.get(tx, account_id, "INBOX")
    return len(messages.erase(tx, account_id, inbox.id, [row[0] for row in messages.state(tx, inbox.id)]))


def history(tx: Tx, account_id: int) -> list[audit.Event]:
    return audit.history(tx, account_id)


def test_shown_and_brought_back(academy: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No removed message" in recover(academy, "edupont").stdout
    count = in_store(academy, remove_all)
    shown = json.loads(recover(academy, "edupont", "--json").stdout)
    assert {one["folder"] for one in shown} == {"INBOX"}
    monkeypatch.setattr(commands, "SHOWN", 2)
    monkeypatch.setattr(removed_messages, "LOOKED", 1)
    some = recover(academy, "edupont", "--json")
    assert len(json.loads(some.stdout)) == 2
    assert "There are more" in some.stderr
    looks = [event for event in in_store(academy, history) if event.action is Action.REMOVED_SHOWN]  # type: ignore[attr-defined]
    assert sorted(event.detail.values["count"] for event in looks) == [2, len(shown)]
    assert recover(academy, "edupont", "--since", "2099-01-01", "--json").stdout.strip() == "[]"
    subject = shown[0]["subject"]
    assert subject in recover(academy, "edupont").stdout
    one = json.loads(recover(academy, "edupont", "--subject", subject, "--all", "--apart", "--json").stdout)
    assert (one["messages"] >= 1, one["folders"], one["full"]) == (True, ["Récupérés"], False)
    rest = json.loads(recover(academy, "edupont@ac-exemple.fr", "--all", "--json").stdout)
    assert rest["folders"] == ["INBOX"]
    assert one["messages"] + rest["messages"] == len(shown) <= count  # type: ignore[operator]
    events = in_store(academy, history)
    acts = [event for event in events if event.action is Action.MAIL_RECOVERED]  # type: ignore[attr-defined]
    assert acts
    assert all(event.service == "console" and event.actor != "edupont" for event in acts)


def remove_events(tx: Tx, account_id: int) -> int:
    held = agendas.find(tx, account_id, "agenda")
    assert held is not None
    stamps = agenda_items.stamps(tx, account_id, held.id)
    for one in stamps:
        agenda_items.remove(tx, account_id, held.id, one.href)
    return len(stamps)


def test_events_are_brought_back(academy: Instance) -> None:
    assert "No deleted event" in recover(academy, "edupont", "--agendas").stdout
    count = in_store(academy, remove_events)
    shown = json.loads(recover(academy, "edupont", "--agendas", "--json").stdout)
    assert {(one["collection"], one["kind"]) for one in shown} == {("Agenda", "VEVENT")}
    assert shown[0]["title"] in recover(academy, "edupont", "--agendas").stdout
    assert json.loads(recover(academy, "edupont", "--agendas", "--all", "--json").stdout) == {
        "items": count,
        "full": False,
    }
    assert recover(academy, "edupont", "--agendas", "--json").stdout.strip() == "[]"
    assert recover(academy, "edupont", "--agendas", "--sender", "x").exit_code == 2


def test_what_it_refuses(academy: Instance) -> None:
    assert recover(academy, "personne").exit_code == 1
    assert recover(academy, "edupont", "--apart").exit_code == 2
    assert recover(academy, "edupont", "--since", "hier").exit_code == 2
