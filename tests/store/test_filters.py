"""Sieve scripts of accounts, on both engines: names, and what stands on record."""

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import filters
from mailserver.store.account.filters import Bounds
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin

BOUNDS = Bounds(10, 1000, 5000)
OWNER = Origin("edupont", "sieve", "192.0.2.7")


async def test_what_its_owner_does_to_a_script_is_on_record(store: Store, edupont: int) -> None:
    for source in (b"keep;", b"keep;", b'redirect "x@ailleurs.fr";'):
        await store.write(filters.put, edupont, "a", source, BOUNDS, OWNER)
    for name in ("a", "a", "", ""):
        await store.write(filters.activate, edupont, name, OWNER)
    await store.write(filters.rename, edupont, "a", "b", OWNER)
    await store.write(filters.remove, edupont, "b", OWNER)
    rows = [row for row in await store.read(audit.history, edupont) if row.action is Action.FILTERS_CHANGED]
    assert [(row.detail.name, dict(row.detail.values)) for row in reversed(rows)] == [
        ("filter-changed", {"name": "a"}),
        ("filter-changed", {"name": "a"}),
        ("filter-on", {"name": "a"}),
        ("filter-off", {}),
        ("filter-renamed", {"name": "a", "new": "b"}),
        ("filter-removed", {"name": "b"}),
    ], "what changed nothing is not on record"
    assert {(row.actor, row.service, row.peer) for row in rows} == {("edupont", "sieve", "192.0.2.7")}


async def test_names(store: Store, edupont: int) -> None:
    await store.write(filters.put, edupont, "é" * 128, b"keep;", BOUNDS, OWNER)
    assert (await store.read(filters.get, edupont, "e\N{COMBINING ACUTE ACCENT}" * 128)).name == "é" * 128
    for name in ("", "é" * 129, "a\0b", "a\nb", "a\u2028b", "\ud800"):
        with pytest.raises(Refused) as caught:
            await store.write(filters.put, edupont, name, b"keep;", BOUNDS, OWNER)
        assert caught.value.reason is Reason.INVALID
        for ask in (filters.octets, filters.versions):
            with pytest.raises(Refused) as caught:
                await store.read(ask, edupont, name)
            assert caught.value.reason is Reason.NOT_FOUND
        with pytest.raises(Refused) as caught:
            await store.write(filters.remove, edupont, name, OWNER)
        assert caught.value.reason is Reason.NOT_FOUND
