"""Scripts that are kept compiled: no more of them than memory is meant for, however small the texts are."""

import pytest

from mailserver.filters import active, sieve
from mailserver.filters.active import ActiveScripts
from mailserver.filters.sieve import Script
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.store.account import filters
from mailserver.store.account.filters import Bounds
from mailserver.store.engine.transactions import Store
from mailserver.store.record.audit import Origin
from tests.store.conftest import create_account

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)

BOUNDS = Bounds(10, 300_000, 900_000)
PLAIN = b"keep;" * 100
REGEX = b'require "regex"; if header :regex "subject" ["a", "b"] { keep; }'


@pytest.fixture
def kept(store: Store) -> ActiveScripts:
    return ActiveScripts(store=store, clock=SystemClock(), changes=Changes())


async def script(kept: ActiveScripts, store: Store, account: int, source: bytes) -> Script:
    """What mail of this account runs through, once this is its script."""
    origin = Origin("x", "sieve")
    digest = (await store.write(filters.put, account, "a", source, BOUNDS, origin)).hash
    await store.write(filters.activate, account, "a", origin)
    compiled = await kept.script(account, digest)
    assert isinstance(compiled, Script)
    assert await kept.script(account, digest) is compiled
    return compiled


async def test_one_account_has_one_place(kept: ActiveScripts, store: Store) -> None:
    account = await store.write(create_account, "edupont")
    for number in range(5):
        await script(kept, store, account, PLAIN + b"#%d" % number)
    assert kept.held == (1, active.GROWTH * (len(PLAIN) + 2))


async def test_the_oldest_go_when_they_weigh_too_much(
    kept: ActiveScripts, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [await store.write(create_account, f"a{number}") for number in range(4)]
    first = await script(kept, store, accounts[0], REGEX)
    weight = active.weight(REGEX, first)
    assert weight > 2 * 2 * sieve.LIMITS.regex_memory
    monkeypatch.setattr(active, "COMPILED", 2 * weight)
    second = await script(kept, store, accounts[1], PLAIN)
    assert await script(kept, store, accounts[2], REGEX + b"#1") is not first
    count, weighs = kept.held
    assert (count, weighs <= 2 * weight) == (2, True)
    stored = await store.read(filters.listing, accounts[1])
    assert await kept.script(accounts[1], stored[0].hash) is second
    await script(kept, store, accounts[3], b"#" * 250_000 + b"\n" + REGEX)
    assert kept.held[0] == 1, "what weighs more than all together is kept alone"
