"""Guessing is slowed down, nobody is locked out for ever, and a burst or a second worker buys nothing."""

import asyncio
from collections import Counter

import pytest

from mailserver.foundation.network.peers import WIDER
from mailserver.login.attempts import throttle
from mailserver.login.attempts.throttle import FIRST_WAIT, PEER_FACTOR, PEER_WAIT, Attempt, peer_name, wait
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import login_failures
from mailserver.store.engine.transactions import Tx
from tests.login.conftest import DOMAIN, HOME, LIMIT, LOCAL, PASSWORD, SCHOOL, WINDOW, Gate


def test_waits_grow_and_are_bounded() -> None:
    waits = [wait(failures, 3, 100) for failures in range(12)]
    assert waits == [0, 0, 0, 5, 10, 20, 40, 80, 100, 100, 100, 100]
    assert wait(10**9, 3, 900) == 900


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("127.0.0.1", ""),
        ("127.9.9.9", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("", ""),
        ("192.0.2.10", "192.0.2.10"),
        ("::ffff:192.0.2.10", "192.0.2.10"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix socket", "unix socket"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_peers_that_count(peer: str, name: str) -> None:
    assert peer_name(peer) == name


async def test_guessing_is_slowed_down_for_known_and_unknown_logins_alike(gate: Gate) -> None:
    await gate.person()
    for login in ("edupont", "nobody"):
        reasons = [(await gate.refusal(login)).reason for _ in range(LIMIT + 2)]
        assert reasons == [Reason.AUTHENTICATION] * LIMIT + [Reason.THROTTLED] * 2
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.THROTTLED


async def test_the_wait_ends_and_doubles(gate: Gate) -> None:
    await gate.person()
    for _ in range(LIMIT):
        await gate.refusal()
    expected = FIRST_WAIT
    for _ in range(4):
        assert (await gate.refusal(secret=PASSWORD)).reason is Reason.THROTTLED
        gate.clock.step(expected - 2)
        assert (await gate.refusal(secret=PASSWORD)).reason is Reason.THROTTLED
        gate.clock.step(3)
        assert (await gate.refusal()).reason is Reason.AUTHENTICATION
        expected *= 2
    gate.clock.step(WINDOW + 1)
    await gate.enter()


async def test_a_success_and_the_window_clear_the_count(gate: Gate) -> None:
    await gate.person()
    for _ in range(3):
        for _ in range(LIMIT - 1):
            assert (await gate.refusal()).reason is Reason.AUTHENTICATION
        gate.clock.step(61)
        await gate.enter()
    for _ in range(3):
        for _ in range(LIMIT - 1):
            assert (await gate.refusal()).reason is Reason.AUTHENTICATION
        gate.clock.step(WINDOW + 1)


async def test_all_names_of_a_person_count_together(gate: Gate) -> None:
    await gate.person()
    names = ["edupont", "EDUPONT", f"edupont@{DOMAIN}", f"emilie.dupont@{DOMAIN}"]
    for name in (names * LIMIT)[:LIMIT]:
        assert (await gate.refusal(name)).reason is Reason.AUTHENTICATION
    for name in names:
        assert (await gate.refusal(name)).reason is Reason.THROTTLED


async def test_workers_count_together(gate: Gate) -> None:
    await gate.person()
    other = gate.another()
    for number in range(LIMIT):
        login = (gate.login, other.login)[number % 2]
        with pytest.raises(Refused) as refused:
            await login.login("edupont", Secret("wrong"), LOCAL, "imap")
        assert refused.value.reason is Reason.AUTHENTICATION
    for login in (gate.login, other.login):
        with pytest.raises(Refused) as refused:
            await login.login("edupont", Secret(PASSWORD), LOCAL, "imap")
        assert refused.value.reason is Reason.THROTTLED


@pytest.mark.usefixtures("true_hashing")
async def test_a_burst_buys_no_extra_guesses(gate: Gate) -> None:
    await gate.person()
    refusals = await asyncio.gather(*(gate.refusal(secret=f"wrong{number}") for number in range(40)))
    assert Counter(refusal.reason for refusal in refusals) == {
        Reason.AUTHENTICATION: LIMIT,
        Reason.THROTTLED: 40 - LIMIT,
    }


@pytest.mark.usefixtures("true_hashing")
async def test_a_burst_over_all_names_of_a_person_buys_none_either(gate: Gate) -> None:
    person = await gate.person()
    names = (person.login, person.address, *person.aliases, person.login.upper())
    assert len(names) > 3
    for name in names:
        assert await gate.worker.directory.find(name)
    refusals = await asyncio.gather(*(gate.refusal(names[n % len(names)], f"wrong{n}") for n in range(40)))
    assert Counter(refusal.reason for refusal in refusals)[Reason.AUTHENTICATION] == LIMIT


async def test_waiting_does_not_tell_that_a_login_is_known(gate: Gate) -> None:
    """A person's identifier is an address, too: both count together, and so they do for nobody."""
    await gate.person()
    for login in ("edupont", "nobody"):
        for _ in range(LIMIT):
            await gate.refusal(login)
        assert (await gate.refusal(f"{login}@ac-exemple.fr")).reason is Reason.THROTTLED


async def test_strangers_do_not_keep_the_owner_out(gate: Gate) -> None:
    await gate.person()
    await gate.enter(peer=HOME)
    gate.clock.step(61)
    for _ in range(LIMIT + 3):
        await gate.refusal(peer=SCHOOL)
    assert (await gate.refusal(secret=PASSWORD, peer=SCHOOL)).reason is Reason.THROTTLED
    await gate.enter(peer=HOME)


async def test_a_familiar_peer_may_not_guess_either(gate: Gate) -> None:
    """Nor is the memory of successes an oracle: while the peer waits, the right password is refused too."""
    await gate.person()
    await gate.enter(peer=HOME)
    for _ in range(LIMIT):
        assert (await gate.refusal(peer=HOME)).reason is Reason.AUTHENTICATION
    assert (await gate.refusal(secret=PASSWORD, peer=HOME)).reason is Reason.THROTTLED


async def test_a_peer_is_forgotten_after_a_month(gate: Gate) -> None:
    person = await gate.person()
    await gate.enter(peer=HOME)
    assert await gate.store.read(login_failures.is_familiar, person.account_id, HOME)
    gate.clock.step(login_failures.FAMILIAR_SECONDS + 1)
    assert not await gate.store.read(login_failures.is_familiar, person.account_id, HOME)


async def test_a_peer_that_tries_many_logins_waits_a_minute_at_most(gate: Gate) -> None:
    """Spraying one password over many accounts."""
    await gate.person()
    for number in range(LIMIT * PEER_FACTOR):
        assert (await gate.refusal(f"nobody{number}", peer=SCHOOL)).reason is Reason.AUTHENTICATION
    assert (await gate.refusal("somebody", peer=SCHOOL)).reason is Reason.THROTTLED
    assert (await gate.refusal(secret=PASSWORD, peer=SCHOOL)).reason is Reason.THROTTLED
    await gate.enter(peer=HOME)
    gate.clock.step(PEER_WAIT + 1)
    await gate.enter(peer=SCHOOL)


async def test_who_tries_from_everywhere_in_a_48_waits_too(gate: Gate) -> None:
    """Each guess from another /64, at another login."""

    def guess(tx: Tx, site: int) -> bool:
        attempt = Attempt(0, f"nobody{site}", peer_name(f"2001:db8:1:{site:x}::1"), "test")
        facts = throttle.look(tx, attempt)
        if facts.blocked_until <= tx.now:
            throttle.failed(tx, attempt, facts, gate.settings.limits)
        return facts.blocked_until > tx.now

    def guesses(tx: Tx) -> list[bool]:
        return [guess(tx, site) for site in range(LIMIT * PEER_FACTOR * WIDER + 1)]

    waited = await gate.store.write(guesses)
    assert waited == [False] * (len(waited) - 1) + [True]
    assert (await gate.refusal("somebody", peer="2001:db8:1:ffff::9")).reason is Reason.THROTTLED
    assert (await gate.refusal("somebody", peer="2001:db8:2::9")).reason is Reason.AUTHENTICATION
    gate.clock.step(PEER_WAIT + 1)
    assert (await gate.refusal("somebody", peer="2001:db8:1:ffff::9")).reason is Reason.AUTHENTICATION


async def test_loopback_counts_per_account_only(gate: Gate) -> None:
    for number in range(LIMIT * PEER_FACTOR + 5):
        assert (await gate.refusal(f"nobody{number}", peer=LOCAL)).reason is Reason.AUTHENTICATION


async def test_old_counts_are_swept(gate: Gate) -> None:
    await gate.refusal("nobody")
    name = gate.worker.directory.academy.proofs.name("nobody")
    assert await gate.failures(f"name {name}") == 1
    gate.clock.step(login_failures.KEPT_SECONDS + 1)
    await gate.refusal("somebody")
    assert await gate.failures(f"name {name}") == 0
