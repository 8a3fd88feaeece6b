"""Expired passwords: which doors stay shut, who is told when, and that the last passwords do not come back."""

import itertools

import pytest

from directory.people.lifecycle import Accounts
from mailserver.foundation.settings import Passwords
from mailserver.login.passwords import renewal
from mailserver.login.passwords.history import History
from mailserver.login.passwords.policy import Weakness
from mailserver.model.clock import DAY
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal, State
from mailserver.store.account import accounts, former_passwords, renewals
from mailserver.store.account.accounts import Renewal
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.text import both
from tests.login.conftest import LOCAL, PASSWORD, WINDOW, Gate

CHOSEN = ("kT9#vbRe!mq", "wZ4&xqPl?nd", "Hq7!mvKs+tb", "Lx2%fgWr-jc")
HISTORY = 3


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(renewal_days=100, notice_days=(30, 7, 1), history=HISTORY)


async def change(gate: Gate, person: Principal, old: str, new: str) -> Principal:
    return await gate.login.choosing.change_password(person, Secret(old), Secret(new), LOCAL)


async def refusal(gate: Gate, person: Principal, old: str, new: str) -> Refused:
    with pytest.raises(Refused) as refused:
        await change(gate, person, old, new)
    return refused.value


async def due(gate: Gate, passwords: Passwords) -> list[tuple[int, int]]:
    found = renewal.due(gate.store, passwords, gate.clock.now())
    return [(one.account_id, count) async for one, count in found]


async def grow_old(gate: Gate, passwords: Passwords) -> None:
    """Everybody is told, and their passwords expire."""
    gate.clock.step(70 * DAY + 1)
    assert set(await told(gate, passwords)) == {1}
    gate.clock.step(30 * DAY)


async def told(gate: Gate, passwords: Passwords) -> list[int]:
    """Tell everybody who is due; how many notices each has had then."""
    counts = []
    async for one, count in renewal.due(gate.store, passwords, gate.clock.now()):
        assert await gate.store.write(renewals.noticed, one, count)
        assert not await gate.store.write(renewals.noticed, one, count)
        counts.append(count)
    return counts


# ---------------------------------------------------------------------- pure


def test_when_it_expires() -> None:
    passwords = Passwords(renewal_days=100, notice_days=(7, 30, 1, 7))
    end = 1_000_000 + 100 * DAY
    told = Renewal(1_000_000, 1, end)
    assert renewal.expires_at(passwords, told) == end
    assert not renewal.is_expired(passwords, told, end - 1)
    assert renewal.is_expired(passwords, told, end)
    ages = [(end - 31 * DAY, None, 0), (end - 30 * DAY, 30, 1), (end - 7 * DAY + 5, 6, 2), (end - 60, 0, 3)]
    for now, left, count in ages:
        assert renewal.days_left(passwords, told, now) == left
        assert renewal.notices(passwords, told, now) == count


def test_nothing_expires_before_its_owner_was_told_or_before_the_day_that_was_promised() -> None:
    passwords = Passwords(renewal_days=100, notice_days=(30, 7, 1))
    end = 1_000_000 + 100 * DAY
    assert not renewal.is_expired(passwords, Renewal(1_000_000), end + 400 * DAY)
    assert renewal.days_left(passwords, Renewal(1_000_000), end + 400 * DAY) is None
    later = Renewal(1_000_000, 1, end + 20 * DAY)
    assert not renewal.is_expired(passwords, later, end + 19 * DAY)
    assert renewal.is_expired(passwords, later, end + 20 * DAY)
    # The renewal comes more often from now on: what was promised holds.
    sooner = Passwords(renewal_days=10, notice_days=(30, 7, 1))
    assert not renewal.is_expired(sooner, later, end + 19 * DAY)
    assert renewal.is_expired(Passwords(renewal_days=100, notice_days=()), Renewal(1_000_000), end)


@pytest.mark.parametrize(
    "passwords", [Passwords(profile="cnil"), Passwords(renewal_days=0), Passwords(profile="cnil", renewal_days=1)]
)
def test_nothing_expires_where_nothing_is_renewed(passwords: Passwords) -> None:
    told = Renewal(1, 3, 2)
    assert renewal.expires_at(passwords, told) == 0
    assert not renewal.is_expired(passwords, told, 1e12)
    assert renewal.days_left(passwords, told, 1e12) is None
    assert renewal.notices(passwords, told, 1e12) == 0


def test_nothing_expires_that_was_never_set() -> None:
    assert not renewal.is_expired(Passwords(), Renewal(0, 1), 1e12)


def test_the_sentence_fits_every_protocol() -> None:
    assert renewal.EXPIRED.isascii()
    assert len(renewal.EXPIRED) < 400


# ---------------------------------------------------------------------- doors


async def test_an_expired_password_opens_the_web_only(gate: Gate, passwords: Passwords) -> None:
    person = await gate.person()
    await gate.enter()
    await grow_old(gate, passwords)
    for service in ("imap", "submission", "dav", "ldap"):
        gate.clock.step(WINDOW + 1)
        with pytest.raises(Refused) as refused:
            await gate.login.login("edupont", Secret(PASSWORD), LOCAL, service)
        assert (refused.value.reason, refused.value.text) == (Reason.PASSWORD_EXPIRED, renewal.EXPIRED)
        with pytest.raises(Refused) as refused:
            await gate.login.login("edupont", Secret("wrong"), LOCAL, service)
        assert refused.value.reason is Reason.AUTHENTICATION
    assert (await gate.login.login("edupont", Secret(PASSWORD), LOCAL, "web")).account_id == person.account_id
    # What the web remembers of it opens no other door.
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.PASSWORD_EXPIRED
    events = await gate.history(person)
    assert (Action.LOGIN_REFUSED, "password-expired") in [(event.action, event.detail) for event in events]
    await change(gate, person, PASSWORD, CHOSEN[0])
    assert (await gate.enter(secret=CHOSEN[0])).account_id == person.account_id


async def test_states_come_before_the_age_of_the_password(gate: Gate, passwords: Passwords) -> None:
    await gate.person()
    await grow_old(gate, passwords)
    await gate.accounts.suspend("edupont", "", may_receive=False)
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.SUSPENDED
    with pytest.raises(Refused) as refused:
        await gate.login.login("edupont", Secret(PASSWORD), LOCAL, "web")
    assert refused.value.reason is Reason.SUSPENDED


async def test_what_the_console_sets_counts_as_set_now(gate: Gate, passwords: Passwords) -> None:
    await gate.person()
    await grow_old(gate, passwords)
    await gate.accounts.set_password("edupont", Secret("comme on veut"))
    await gate.enter(secret="comme on veut")


async def test_a_directory_that_is_not_ours_renews_nothing(gate: Gate, passwords: Passwords) -> None:
    await gate.person()
    await grow_old(gate, passwords)
    gate.worker.directory.read_only = True
    await gate.enter()


# ---------------------------------------------------------------------- notices


async def test_everybody_is_told_as_often_as_the_setting_says(gate: Gate, passwords: Passwords) -> None:
    person = await gate.person()
    waiting = await gate.newcomer()
    assert await due(gate, passwords) == []
    gate.clock.step(70 * DAY + 1)
    assert await due(gate, passwords) == [(person.account_id, 1)]
    assert await told(gate, passwords) == [1]
    assert await due(gate, passwords) == []
    gate.clock.step(23 * DAY)
    assert await told(gate, passwords) == [2]
    gate.clock.step(6 * DAY)
    assert await told(gate, passwords) == [3]
    assert await told(gate, passwords) == []
    gate.clock.step(2 * DAY)
    assert await told(gate, passwords) == []
    assert waiting.state is State.PENDING


async def test_whoever_missed_several_gets_one(gate: Gate, passwords: Passwords) -> None:
    await gate.person()
    gate.clock.step(70 * DAY + 1)
    assert await told(gate, passwords) == [1]
    gate.clock.step(29 * DAY)
    assert await told(gate, passwords) == [3]
    assert await told(gate, passwords) == []


async def test_renewal_that_is_turned_on_shuts_nobody_out_at_once(gate: Gate, passwords: Passwords) -> None:
    """Passwords of years: each owner is told, and has as long as the first notice gives, at every door."""
    person = await gate.person()
    gate.clock.step(700 * DAY)
    await gate.enter()
    assert await told(gate, passwords) == [1]
    promised = int(gate.clock.now()) + 30 * DAY
    standing = await gate.store.read(accounts.get, person.account_id)
    assert standing is not None
    assert abs(standing.renewal.promised - promised) <= 1
    gate.clock.step(24 * DAY)
    assert await told(gate, passwords) == [2]
    await gate.enter()
    gate.clock.step(5.5 * DAY)
    assert await told(gate, passwords) == [3]
    await gate.enter()
    gate.clock.step(DAY)
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.PASSWORD_EXPIRED
    assert await told(gate, passwords) == []
    await change(gate, person, PASSWORD, CHOSEN[0])
    await gate.enter(secret=CHOSEN[0])
    gate.clock.step(69 * DAY)
    assert await told(gate, passwords) == []


async def test_nobody_who_may_not_enter_or_has_expired_is_told(gate: Gate, passwords: Passwords) -> None:
    await gate.person()
    gate.clock.step(75 * DAY)
    await gate.accounts.suspend("edupont", "", may_receive=False)
    assert await due(gate, passwords) == []
    await gate.accounts.resume("edupont")
    assert await told(gate, passwords) == [1]
    gate.clock.step(31 * DAY)
    assert await due(gate, passwords) == []
    assert await due(gate, Passwords(profile="cnil")) == []


async def test_a_new_password_starts_again(gate: Gate, passwords: Passwords) -> None:
    person = await gate.person()
    gate.clock.step(75 * DAY)
    found = [one async for one, _ in renewal.due(gate.store, passwords, gate.clock.now())]
    await change(gate, person, PASSWORD, CHOSEN[0])
    # The notice that was under way is not counted against the new one.
    assert not await gate.store.write(renewals.noticed, found[0], 1)
    standing = await gate.store.read(accounts.get, person.account_id)
    assert standing is not None
    assert standing.renewal.notices == 0
    assert await due(gate, passwords) == []


async def test_many_are_found_in_pages(gate: Gate, passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "BATCH", 2)
    people = [await gate.person("Zoé", "Martin") for _ in range(5)]
    gate.clock.step(75 * DAY)
    assert sorted(await due(gate, passwords)) == [(person.account_id, 1) for person in people]


# ---------------------------------------------------------------------- the last ones


async def test_the_last_passwords_do_not_come_back(gate: Gate) -> None:
    person = await gate.person()
    person = await change(gate, person, PASSWORD, CHOSEN[0])
    assert (await refusal(gate, person, CHOSEN[0], CHOSEN[0])).text == both(Weakness.FORMER.value)
    for old, new in itertools.pairwise(CHOSEN[:3]):
        person = await change(gate, person, old, new)
        assert (await refusal(gate, person, new, old)).text == both(Weakness.FORMER.value)
    assert (await refusal(gate, person, CHOSEN[2], CHOSEN[0])).text == both(Weakness.FORMER.value)
    person = await change(gate, person, CHOSEN[2], CHOSEN[3])
    kept = await gate.store.read(former_passwords.latest, person.account_id, 24)
    assert len(kept) == HISTORY
    assert all(one.startswith("$argon2id$") for one in kept)
    assert (await refusal(gate, person, CHOSEN[3], CHOSEN[1])).text == both(Weakness.FORMER.value)
    await change(gate, person, CHOSEN[3], CHOSEN[0])


@pytest.mark.parametrize("again", [CHOSEN[0].swapcase(), CHOSEN[0].replace("R", "Ŕ"), f" {CHOSEN[0]}"])
async def test_another_case_or_accent_makes_no_other_password(gate: Gate, again: str) -> None:
    person = await gate.person()
    person = await change(gate, person, PASSWORD, CHOSEN[0])
    assert (await refusal(gate, person, CHOSEN[0], again)).text == both(Weakness.FORMER.value)


async def test_a_given_password_counts_among_the_last(gate: Gate) -> None:
    person = await gate.person()
    await gate.worker.directory.set_password(person.account_id, Secret(CHOSEN[0]))
    person = await change(gate, person, CHOSEN[0], CHOSEN[1])
    assert (await refusal(gate, person, CHOSEN[1], CHOSEN[0])).text == both(Weakness.FORMER.value)


async def test_a_reset_does_not_let_the_forgotten_one_come_back(gate: Gate) -> None:
    person = await gate.person()
    person = await change(gate, person, PASSWORD, CHOSEN[0])
    code = await gate.accounts.reset("edupont")
    with pytest.raises(Refused) as refused:
        await gate.login.choosing.activate("edupont", Secret(code.text), Secret(CHOSEN[0]), LOCAL)
    assert refused.value.text == both(Weakness.FORMER.value)
    await gate.login.choosing.activate("edupont", Secret(code.text), Secret(CHOSEN[1]), LOCAL)


async def test_changes_within_a_second_are_all_kept(gate: Gate) -> None:
    person = await gate.person()
    for number in range(4):
        await gate.store.write(former_passwords.keep, person.account_id, f"hash{number}", 3)
    assert await gate.store.read(former_passwords.latest, person.account_id, 9) == ["hash3", "hash2", "hash1"]


async def test_comparing_is_bounded(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty-four passwords at most, 20 ms each, whatever the table holds."""
    person = await gate.person()
    history = History(Passwords(history=24), gate.store)
    kept = await history._hasher.hash(Secret("number 0"))
    for _ in range(30):
        await gate.store.write(former_passwords.keep, person.account_id, kept, 99)
    await history.keep(person.account_id, Secret("number 1"))
    compared: list[str] = []
    verify = history._hasher.verify

    async def counting(secret: Secret, stored: str) -> bool:
        compared.append(stored)
        return await verify(secret, stored)

    monkeypatch.setattr(history._hasher, "verify", counting)
    assert not await history.holds(person.account_id, Secret("another"))
    assert len(compared) == 24
    assert await history.holds(person.account_id, Secret("number 1"))
    none = History(Passwords(history=0), gate.store)
    assert not await none.holds(person.account_id, Secret("number 1"))
    cnil = History(Passwords(profile="cnil"), gate.store)
    assert not await cnil.holds(person.account_id, Secret("number 1"))
    for one in (history, none, cnil):
        one.close()


async def test_the_console_is_not_bound(gate: Gate) -> None:
    """Passwords given by the console are taken as they are, the last ones and weak ones included."""
    await gate.person()
    desk = Accounts(
        directory=gate.worker.directory,
        store=gate.store,
        proofs=gate.worker.directory.academy.proofs,
        clock=gate.clock,
        origin=Origin("root", "console"),
    )
    for secret in (PASSWORD, "edupont"):
        await desk.set_password("edupont", Secret(secret))
        await gate.enter(secret=secret)
