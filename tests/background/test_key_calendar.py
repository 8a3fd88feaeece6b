"""The calendar of signing keys, by a real name server: nothing signs before it is published under every domain."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from mailserver.background.key_calendar import KeyCalendar
from mailserver.foundation.changes import Changes
from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import write_secret
from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.outbound.submission.signatures import signing_keys
from mailserver.outbound.submission.signatures.dkim import Algorithm, new_key
from mailserver.outbound.submission.signatures.signing_keys import PUBLISHED_AFTER, WAIT, SigningKeys, record_of
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.outbound import dkim_keys
from mailserver.store.queue.outbound.dkim_keys import DkimKey, State
from mailserver.store.record import trusted_clock
from tests.clocks import SteppedClock
from tests.inbound.authentication.name_server import NameServer

DOMAINS = ("ac-exemple.fr", "ac-ancienne.fr")


class Academy:
    """Workers over one database, with a clock that the test moves, and what the world's DNS says."""

    def __init__(self, settings: Settings, make_store: Callable[[], Store], names: NameServer) -> None:
        self.settings, self.names, self.clock = settings, names, SteppedClock()
        self._database = make_store()
        self.stores: list[Store] = []
        self.resolvers: list[Resolver] = []
        self.store = self._of_clock()
        self.calendar = self.worker()

    def _of_clock(self) -> Store:
        self.stores.append(Store(self._database.url, self._database.data, self.clock, Changes(), readers=1, writers=1))
        return self.stores[-1]

    def worker(self) -> KeyCalendar:
        self.resolvers.append(Resolver(self.settings.dns, self.clock.monotonic))
        return KeyCalendar(
            settings=self.settings, store=self._of_clock(), resolver=self.resolvers[-1], clock=self.clock
        )

    async def states(self) -> dict[str, State]:
        return {one.selector: one.state for one in await self.store.read(dkim_keys.every)}

    async def key(self, selector: str) -> DkimKey:
        return next(one for one in await self.store.read(dkim_keys.every) if one.selector == selector)

    async def make(self, algorithm: Algorithm = Algorithm.RSA, wait: int = WAIT) -> DkimKey:
        key = signing_keys.fresh(self.settings, algorithm, wait)
        return await self.store.write(signing_keys.keep, key, self.settings.dkim_selector)

    async def publish(self, selector: str, *domains: str) -> None:
        for domain in domains or DOMAINS:
            self.names[f"{selector}._domainkey.{domain}", "TXT"] = [record_of(await self.key(selector)).encode()]

    async def later(self, seconds: float) -> dict[str, State]:
        """What a round makes of it then."""
        self.clock.step(seconds)
        await self.store.write(trusted_clock.believe)
        await self.calendar.round()
        return await self.states()

    async def selectors(self) -> list[str]:
        signers = await SigningKeys(settings=self.settings, store=self.store, clock=self.clock).signers()
        return [one.selector for one in signers]


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.stop()


@pytest.fixture
async def academy(make_store: Callable[[], Store], tmp_path: Path, names: NameServer) -> AsyncIterator[Academy]:
    settings = Settings.model_validate(
        {
            "domain": DOMAINS[0],
            "aliases": DOMAINS[1:],
            "directory": tmp_path / "dir",
            "dns": {"nameservers": [names.setting]},
        }
    )
    write_secret(settings.secrets / "hmac", b"k" * 32)
    write_secret(settings.secrets / "dkim-s1.pem", new_key())
    found = Academy(settings, make_store, names)
    yield found
    for resolver in found.resolvers:
        await resolver.close()
    for store in found.stores:
        store.close()


async def test_a_rotation_from_its_record_to_its_end(academy: Academy) -> None:
    assert await academy.later(0) == {"s1": State.ACTIVE}, "what signed always goes on"
    new = (await academy.make()).selector
    with pytest.raises(Refused) as refused:
        await academy.make()
    assert refused.value.reason is Reason.CONFLICT
    assert await academy.later(7 * DAY) == {"s1": State.ACTIVE, new: State.NEW}, "nobody has seen it"
    await academy.publish(new, DOMAINS[0])
    assert (await academy.later(DAY))[new] is State.NEW, "one domain is not enough"
    await academy.publish(new)
    assert await academy.later(DAY) == {"s1": State.ACTIVE, new: State.WAITING}
    assert await academy.selectors() == ["s1"]
    assert (await academy.later(WAIT - 60))[new] is State.WAITING
    saved = academy.names.known.pop((f"{new}._domainkey.{DOMAINS[1]}", "TXT"))
    assert (await academy.later(DAY))[new] is State.WAITING, "somebody took it away again"
    academy.names[f"{new}._domainkey.{DOMAINS[1]}", "TXT"] = saved
    assert await academy.later(DAY) == {"s1": State.RETIRED, new: State.ACTIVE}
    assert await academy.selectors() == [new]
    assert (await academy.key("s1")).private is None, "nobody can sign with it any more"
    rest = academy.settings.outbound.lifetime + PUBLISHED_AFTER
    assert (await academy.later(rest - 60))["s1"] is State.RETIRED
    assert await academy.later(61) == {"s1": State.REMOVED, new: State.ACTIVE}
    assert (await academy.make()).selector != new


async def test_a_record_that_is_another_one_counts_for_nothing(academy: Academy) -> None:
    await academy.later(0)
    new = (await academy.make(Algorithm.ED25519, wait=0)).selector
    for text in (
        b"v=DKIM1; k=ed25519; p=",
        b"v=DKIM1; k=rsa; p=AAAA",
        b"nonsense",
        record_of(await academy.key("s1")).encode(),
    ):
        for domain in DOMAINS:
            academy.names[f"{new}._domainkey.{domain}", "TXT"] = [text]
        assert (await academy.later(DAY))[new] is State.NEW
    text = record_of(await academy.key(new)).removeprefix("v=DKIM1; ").encode()  # as some write it
    for domain in DOMAINS:
        academy.names[f"{new}._domainkey.{domain}", "TXT"] = [text]
    assert await academy.later(DAY) == {"s1": State.ACTIVE, new: State.ACTIVE}, (
        "one of each kind; at once was asked for"
    )
    assert await academy.selectors() == ["s1", new]


async def test_two_workers_do_no_harm_and_no_name_server_does_none(academy: Academy) -> None:
    await academy.later(0)
    new = (await academy.make(wait=0)).selector
    await academy.publish(new)
    academy.names.mood = "broken"
    assert (await academy.later(DAY))[new] is State.NEW
    academy.names.mood = "well"
    other = academy.worker()
    await other.round()
    await academy.later(DAY)
    await other.round()
    assert await academy.states() == {"s1": State.RETIRED, new: State.ACTIVE}


async def test_a_key_that_others_may_have(academy: Academy) -> None:
    await academy.later(0)
    assert await academy.store.write(lambda tx: dkim_keys.retire(tx, "s1", revoked=True))
    key = await academy.key("s1")
    assert (key.state, key.private, record_of(key)) == (State.REVOKED, None, "v=DKIM1; p=")
    with pytest.raises(signing_keys.NoKey):
        await academy.selectors()
    unborn = await academy.make()
    assert await academy.store.write(lambda tx: dkim_keys.retire(tx, unborn.selector, revoked=False))
    assert (await academy.key(unborn.selector)).state is State.REMOVED, "it never signed"
