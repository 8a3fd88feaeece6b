"""The audit is a chain: whatever is changed in it behind our back shows, and old rows leave it from its beginning."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, update

from mailserver.background.audit_sealing import WITNESS, AuditSealer, witness
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.clock import SystemClock
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record import audit, sealing
from mailserver.store.record.audit import Action, Origin, Wanted
from mailserver.store.record.sealing import Break
from mailserver.store.schema.service.audits import audit as rows
from mailserver.store.schema.service.audits import audit_anchor
from mailserver.texts.causes import plain
from tests.delivery.test_lock_order import waits_for_a_lock
from tests.waiting import until

KEY = sealing.chain_key(b"an instance's key")
ORIGIN = Origin("admin", "console", "192.0.2.7")


def write(store: Store, count: int) -> None:
    store.write_now(audit.record_many, ORIGIN, [(Action.LOGIN, 7, plain(f"n° {number}")) for number in range(count)])


def old(at: int = 1000) -> dict[str, object]:
    """A row of long ago."""
    names = {"actor": "admin", "action": Action.LOGIN.value, "service": "web", "peer": "", "detail": ""}
    return {**names, "account_id": 7, "at": at}


def age(store: Store, *numbers: int) -> None:
    """Twelve rows of which these, from 1 on, are old."""
    ages = [1000 if number in numbers else 1 << 33 for number in range(1, 13)]
    store.write_now(lambda tx: tx.execute(insert(rows), [old(at) for at in ages]))
    seal(store)


def seal(store: Store) -> int:
    total = 0
    while count := store.write_now(sealing.seal, KEY)[0]:
        total += count
    return total


def fault(store: Store, key: bytes = KEY) -> Break | None:
    at, found = store.read_now(sealing.begin, key)
    while found is None:
        further, found = store.read_now(sealing.check, key, at)
        if further is None:
            return found
        at = further
    return found


def trim(store: Store, before: int) -> Break | None:
    while True:
        count, found = store.write_now(sealing.trim, KEY, before)
        if not count:
            return found


def tamper(store: Store, statement: object) -> None:
    store.write_now(lambda tx: tx.execute(statement))  # type: ignore[arg-type]


@pytest.fixture
def chain(store: Store) -> Store:
    """Twelve sealed rows."""
    write(store, 12)
    assert seal(store) == 12
    return store


def test_a_chain_nobody_touched_holds(chain: Store) -> None:
    assert fault(chain) is None
    write(chain, 1)
    assert chain.read_now(sealing.has_unsealed)
    assert seal(chain) == 1
    assert not chain.read_now(sealing.has_unsealed)
    assert fault(chain) is None
    assert chain.read_now(sealing.head).link == 13


def test_more_rows_than_one_unit_takes(store: Store) -> None:
    write(store, 2 * sealing.BATCH + 3)
    assert seal(store) == 2 * sealing.BATCH + 3
    assert fault(store) is None


@pytest.mark.parametrize(
    "values",
    [
        {"actor": "mmartin"},
        {"action": "created"},
        {"account_id": 8},
        {"at": 1},
        {"peer": ""},
        {"detail": "autre"},
        {"code": ""},
        {"parameters": ""},
        {"parameters": '{"text":"autre"}'},
        {"detail": "n° 4", "code": "", "parameters": ""},
    ],
)
def test_a_changed_row_is_found_at_its_place(chain: Store, values: dict[str, object]) -> None:
    tamper(chain, update(rows).where(rows.c.link == 5).values(**values))
    found = fault(chain)
    assert found is not None
    assert found.link == 5


def test_a_removed_row_is_missed(chain: Store) -> None:
    tamper(chain, delete(rows).where(rows.c.link == 5))
    found = fault(chain)
    assert found is not None
    assert found.link == 5
    assert "missing" in found.why


def test_two_rows_that_changed_places_are_found(chain: Store) -> None:
    def swap(tx: Tx) -> None:
        for old, new in ((5, 99), (6, 5), (99, 6)):
            tx.execute(update(rows).where(rows.c.link == old).values(link=new))

    chain.write_now(swap)
    found = fault(chain)
    assert found is not None
    assert found.link == 5


def test_a_row_with_a_forged_seal_is_found(chain: Store) -> None:
    forged = {"at": 1, "actor": "x", "action": "login", "account_id": 1, "service": "", "peer": "", "detail": ""}
    tamper(chain, insert(rows).values(**forged, link=13, seal=bytes(32)))
    found = fault(chain)
    assert found is not None
    assert found.link == 13


def test_without_the_key_nothing_can_be_sealed_anew(chain: Store) -> None:
    found = fault(chain, sealing.chain_key(b"another key"))
    assert found is not None
    assert found.link == 1


def test_old_rows_go_and_the_rest_still_holds(store: Store) -> None:
    age(store, 1, 2, 3, 4)
    assert trim(store, 2000) is None
    assert store.read_now(sealing.anchor).link == 4
    assert fault(store) is None
    write(store, 2)
    seal(store)
    assert fault(store) is None
    assert store.read_now(sealing.head).link == 14


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_two_that_remove_at_once_remove_what_is_old_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every worker of every host does so once an hour: another one had counted the same rows, and took the next ones
    in their place, or moved the beginning of the chain back."""
    age(store, 1, 2, 3)
    begin, others = sealing.begin, list[threading.Thread]()

    def beside(tx: Tx, key: bytes) -> tuple[sealing.Head, Break | None]:
        if not others:
            others.append(threading.Thread(target=trim, args=(store, 2000)))
            others[0].start()
            until(lambda: not others[0].is_alive() or waits_for_a_lock(store))
        return begin(tx, key)

    monkeypatch.setattr(sealing, "begin", beside)
    assert trim(store, 2000) is None
    others[0].join()
    assert store.read_now(lambda tx: tx.execute(select(func.count()).select_from(rows)).scalar_one()) == 9
    assert fault(store) is None


def test_when_every_row_went_the_chain_goes_on(chain: Store) -> None:
    assert trim(chain, 1 << 40) is None
    assert chain.read_now(audit.find, Wanted(), 10) == []
    assert chain.read_now(sealing.head).link == 12
    write(chain, 1)
    seal(chain)
    assert fault(chain) is None
    assert chain.read_now(sealing.head).link == 13


def test_a_recent_row_protects_what_follows_it(store: Store) -> None:
    age(store, 1, 2, 4)
    assert trim(store, 2000) is None
    assert store.read_now(sealing.anchor).link == 2


def test_a_row_that_was_made_old_is_not_removed(chain: Store) -> None:
    tamper(chain, update(rows).where(rows.c.link <= 4).values(at=1000))
    found = trim(chain, 2000)
    assert found is not None
    assert found.link == 1
    assert len(chain.read_now(audit.find, Wanted(), 20)) == 12
    assert fault(chain) == found


def test_nobody_else_says_where_the_chain_begins(chain: Store) -> None:
    """Rows are cut off at the beginning, and the anchor is set as if the retention had done it."""

    def cut(tx: Tx) -> None:
        seal = tx.execute(select(rows.c.seal).where(rows.c.link == 4)).scalar_one()
        tx.execute(delete(rows).where(rows.c.link <= 4))
        tx.execute(delete(audit_anchor))
        tx.execute(insert(audit_anchor).values(link=4, seal=seal, at=tx.now, mark=bytes(32)))

    chain.write_now(cut)
    found = fault(chain)
    assert found is not None
    assert found.link == 4
    assert trim(chain, 1 << 40) == found


@pytest.fixture
def background(store: Store, tmp_path: Path) -> tuple[AuditSealer, Settings]:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "hmac").write_bytes(b"k" * 32)
    settings = Settings(domain="ac-exemple.fr", directory=tmp_path)
    settings.data.mkdir(exist_ok=True)
    return AuditSealer(settings=settings, store=store, clock=SystemClock(), changes=Changes()), settings


async def test_the_background_work_seals_and_trims(store: Store, background: tuple[AuditSealer, Settings]) -> None:
    audit_sealer, settings = background
    store.write_now(lambda tx: tx.execute(insert(rows), [old() for _ in range(sealing.BATCH + 1)]))
    write(store, 1)
    assert await audit_sealer.seal() == sealing.BATCH + 2
    assert await audit_sealer.seal() == 0
    assert witness(settings) == store.read_now(sealing.head)
    assert await audit_sealer.trim() == sealing.BATCH + 1
    assert await audit_sealer.trim() == 0
    seen = witness(settings)
    assert seen is not None
    assert store.read_now(sealing.holds, seen)


async def test_rows_cut_off_at_the_end_are_missed(store: Store, background: tuple[AuditSealer, Settings]) -> None:
    audit_sealer, settings = background
    write(store, 5)
    await audit_sealer.seal()
    tamper(store, delete(rows).where(rows.c.link >= 4))
    write(store, 9)
    await audit_sealer.seal()
    await audit_sealer.seal()
    seen = witness(settings)
    assert seen is not None
    assert seen.link == 5
    assert not store.read_now(sealing.holds, seen)
    # A file that cannot be read stops nothing.
    (settings.data / WITNESS).write_text("quoi")
    assert witness(settings) is None
    write(store, 1)
    assert await audit_sealer.seal() == 1


def test_finding_rows(store: Store) -> None:
    write(store, 3)
    store.write_now(audit.record, Origin("rleroy", "web"), Action.CODE_ISSUED, 8)
    assert [one.account_id for one in store.read_now(audit.find, Wanted(), 2)] == [8, 7]
    assert len(store.read_now(audit.find, Wanted(account_id=7), 10)) == 3
    assert [one.actor for one in store.read_now(audit.find, Wanted(action=Action.CODE_ISSUED), 10)] == ["rleroy"]
    assert len(store.read_now(audit.find, Wanted(actor="admin"), 10)) == 3
    assert store.read_now(audit.find, Wanted(since=1 << 40), 10) == []
    assert len(store.read_now(audit.find, Wanted(until=1 << 40), 10)) == 4
