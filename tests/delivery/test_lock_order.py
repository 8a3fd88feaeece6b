"""Units of PostgreSQL that fill the same mailboxes at once lock them in one order: none has to be done again."""

import threading
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from mailserver.delivery import Part, deliver_parts, units
from mailserver.delivery.placement import SPAM, Placements
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine import migrate
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs
from tests.store.conftest import create_account
from tests.waiting import until

ORIGIN = Provenance(Door.SMTP)


def waits_for_a_lock(store: Store) -> bool:
    with migrate.reading(store.url) as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
@pytest.mark.parametrize("goes", ["inbox", "spam"])
def test_two_who_answer_each_other_do_not_cross(store: Store, monkeypatch: pytest.MonkeyPatch, goes: str) -> None:
    """Each unit has a message for one of them and an answer for the other."""
    first, second = (store.write_now(create_account, login) for login in ("edupont", "mmartin"))
    has_filled, deliver = threading.Event(), units.deliver_unit

    def parts(*accounts: int) -> list[Part]:
        where: Placements = dict.fromkeys(accounts, (SPAM,)) if goes == "spam" else {}
        octets = (b"Subject: %d for %d\r\n\r\nBonjour.\r\n" % (accounts[0], account) for account in accounts)
        return [
            Part(blobs.prepare(one, store.blobs), "", (account,), provenance=ORIGIN, placements=where)
            for account, one in zip(accounts, octets, strict=True)
        ]

    def slowly(tx: Any, prepared: Any, accounts: Any, *more: Any) -> Any:
        done = deliver(tx, prepared, accounts, *more)
        if not has_filled.is_set():
            has_filled.set()
            until(lambda: waits_for_a_lock(store))
        return done

    monkeypatch.setattr(units, "deliver_unit", slowly)
    with capture_logs() as said:
        one = threading.Thread(target=store.write_now, args=(deliver_parts, parts(first, second), {}, 3600))
        one.start()
        assert has_filled.wait(60)
        store.write_now(deliver_parts, parts(second, first), {}, 3600)
        one.join()
    assert said == []
