"""App passwords: their shape, their scopes, their revocation, what they never open."""

import asyncio
import re
from collections import Counter

import pytest

from mailserver.login.devices import LENGTH, LETTERS, MAX_NAME, Made, candidate, new_password
from mailserver.model.clock import SystemClock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account import accounts, devices
from mailserver.store.account.devices import MAX_DEVICES, Scope
from mailserver.store.record.audit import Action, Origin
from tests.login.conftest import HOME, LOCAL, PASSWORD, SCHOOL, Gate

SELF = Origin("self", "web")
ALL = tuple(Scope)


async def device(gate: Gate, person: Principal, *scopes: Scope, name: str = "Thunderbird") -> Made:
    return await gate.login.devices.make(person, name, scopes or ALL, SELF)


async def opens(gate: Gate, secret: Secret, service: str = "imap", peer: str = HOME, login: str = "edupont") -> object:
    """The principal, or the reason of the refusal."""
    try:
        return await gate.login.login(login, secret, peer, service)
    except Refused as refused:
        return refused.reason


def test_passwords_are_fair_letters_in_groups() -> None:
    clock = SystemClock()
    made = [new_password(clock) for _ in range(500)]
    assert all(re.fullmatch(r"([a-z]{4}-){4}[a-z]{4}", one) for one in made)
    counts = Counter("".join(made).replace("-", ""))
    assert set(counts) == set(LETTERS)
    assert max(counts.values()) < 1.5 * min(counts.values())
    assert len(LETTERS) ** LENGTH > 2**80


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("abcd-efgh-jkmn-pqrs-tuvw", True),
        ("ABCD EFGH JKMN PQRS TUVW", True),
        ("abcdefghjkmnpqrstuvw", True),
        ("  abcd efgh jkmn pqrs tuvw\n", True),
        ("abcd-efgh-jkmn-pqrs-tuv", False),
        ("abcd-efgh-jkmn-pqrs-tuvl", False),
        ("abcd-efgh-jkmn-pqrs-tuv9", False),
        ("", False),
        ("a" * 1_000_000, False),
        ("-" * 41, False),
    ],
)
def test_typing_is_forgiven(typed: str, same: bool) -> None:
    assert (candidate(Secret(typed)) == "abcdefghjkmnpqrstuvw") is same


async def test_each_scope_opens_its_doors_and_never_the_web(gate: Gate) -> None:
    person = await gate.person()
    doors = {
        Scope.MAIL: {"imap", "ldap"},
        Scope.SEND: {"submission"},
        Scope.AGENDA: {"dav", "ldap"},
    }
    for scope, opened in doors.items():
        made = await device(gate, person, scope, name=scope.value)
        for service in ("imap", "submission", "dav", "ldap"):
            answer = await opens(gate, made.password, service)
            if service in opened:
                assert isinstance(answer, Principal), (scope, service)
                assert answer.device_id == made.device.id
            else:
                assert answer is Reason.APP_PASSWORD, (scope, service)
        for service in ("web", "test", "smtp"):
            gate.clock.step(1000)
            assert await opens(gate, made.password, service) is Reason.AUTHENTICATION


async def test_one_memory_for_all_doors_keeps_to_the_scopes(gate: Gate) -> None:
    """A success that is remembered from one door opens another only if its scope does."""
    person = await gate.person()
    made = await device(gate, person, Scope.MAIL, Scope.AGENDA)
    for _ in range(2):
        assert isinstance(await opens(gate, made.password, "imap"), Principal)
        assert isinstance(await opens(gate, made.password, "dav"), Principal)
        assert await opens(gate, made.password, "submission") is Reason.APP_PASSWORD
        assert await opens(gate, made.password, "web") is Reason.AUTHENTICATION


async def test_it_is_its_owners_alone(gate: Gate) -> None:
    person = await gate.person()
    other = await gate.person("Anne", "Autre")
    made = await device(gate, person)
    assert await opens(gate, made.password, login=other.login) is Reason.AUTHENTICATION
    assert await opens(gate, made.password, login="nobody") is Reason.AUTHENTICATION
    with pytest.raises(Refused):
        await gate.login.devices.revoke(other.account_id, made.device.id, SELF)
    assert isinstance(await opens(gate, made.password), Principal)


async def test_a_revoked_one_is_dead_at_once_and_alone(gate: Gate) -> None:
    person = await gate.person()
    lost, kept = await device(gate, person, name="lost"), await device(gate, person, name="kept")
    inside = [await opens(gate, one.password) for one in (lost, kept)]
    assert await gate.login.devices.revoke(person.account_id, lost.device.id, SELF) == "lost"
    assert await opens(gate, lost.password) is Reason.AUTHENTICATION
    assert isinstance(await opens(gate, kept.password), Principal)
    assert isinstance(inside[0], Principal)
    assert isinstance(inside[1], Principal)
    with pytest.raises(Refused) as refused:
        await gate.login.stays(inside[0])
    assert refused.value.text.isascii()
    await gate.login.stays(inside[1])
    assert (await gate.enter()).device_id == 0


async def test_revocation_by_another_process_is_felt(gate: Gate) -> None:
    """Even if the news of it is lost: two seconds at most."""
    person = await gate.person()
    made = await device(gate, person)
    assert isinstance(await opens(gate, made.password), Principal)
    await gate.another().login.devices.revoke(person.account_id, made.device.id, SELF)
    gate.clock.step(2.1)
    assert await opens(gate, made.password) is Reason.AUTHENTICATION


async def test_last_use_is_written_with_its_place_once_a_minute(gate: Gate) -> None:
    person = await gate.person()
    made = await device(gate, person)

    async def last() -> tuple[int, str]:
        (found,) = await gate.store.read(devices.listing, person.account_id)
        return found.last_used, found.last_peer

    assert await last() == (0, "")
    await opens(gate, made.password)
    first, peer = await last()
    assert peer == HOME
    gate.clock.step(30)
    await opens(gate, made.password)
    assert await last() == (first, HOME)
    gate.clock.step(31)
    await opens(gate, made.password)
    assert (await last())[0] >= first + 61
    await opens(gate, made.password, peer=SCHOOL)
    assert (await last())[1] == SCHOOL
    details = [event.detail for event in await gate.history(person) if event.action is Action.LOGIN]
    assert set(details) == {f"{made.device.id} Thunderbird"}


async def test_states_hold_for_devices_too(gate: Gate) -> None:
    person = await gate.person()
    made = await device(gate, person)
    await gate.accounts.suspend("edupont", "", may_receive=False)
    assert await opens(gate, made.password) is Reason.SUSPENDED
    await gate.accounts.resume("edupont")
    assert isinstance(await opens(gate, made.password), Principal)


async def test_an_app_password_does_not_change_the_password(gate: Gate) -> None:
    """It is worth less than the chosen one: a thief of the phone must not become the owner."""
    person = await gate.person()
    made = await device(gate, person)
    for service in ("ldap", "web"):
        with pytest.raises(Refused) as refused:
            await gate.login.choosing.change_password(person, made.password, Secret("kT9#vbRe!mq"), HOME, service)
        assert refused.value.reason is Reason.AUTHENTICATION
    with pytest.raises(Refused):
        await gate.login.prove_again(person, made.password, None, HOME)
    await gate.enter()


async def test_a_new_password_keeps_devices_unless_the_old_one_was_not_known(gate: Gate) -> None:
    person = await gate.person()
    made = await device(gate, person)
    await gate.login.choosing.change_password(person, Secret(PASSWORD), Secret("kT9#vbRe!mq"), LOCAL)
    assert isinstance(await opens(gate, made.password), Principal)
    code = await gate.accounts.reset("edupont")
    assert await opens(gate, made.password) is Reason.NOT_ACTIVATED
    await gate.login.choosing.activate("edupont", Secret(code.text), Secret("zP4!wxLo?rt"), LOCAL)
    assert await opens(gate, made.password) is Reason.AUTHENTICATION


async def test_what_was_asked_for_before_the_account_was_taken_back_is_not_made(gate: Gate) -> None:
    """A thief's request that was under way brought an app password behind the reset that revokes all."""
    thief = await gate.person()
    code = await gate.accounts.reset("edupont")
    await gate.login.choosing.activate("edupont", Secret(code.text), Secret("zP4!wxLo?rt"), LOCAL)
    with pytest.raises(Refused) as refused:
        await device(gate, thief)
    assert refused.value.reason is Reason.AUTHENTICATION
    assert not await gate.login.devices.listing(thief.account_id)


async def test_there_is_a_bound_also_for_two_at_once(gate: Gate) -> None:
    person = await gate.person()
    for number in range(MAX_DEVICES - 1):
        await gate.store.write(devices.add, person.account_id, bytes([number]) * 32, str(number), ALL)
    other = gate.another()
    made = await asyncio.gather(
        gate.login.devices.make(person, "a", ALL, SELF),
        other.login.devices.make(person, "b", ALL, SELF),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in made) == ["Made", "Refused"]
    assert await gate.store.read(devices.count, person.account_id) == MAX_DEVICES


@pytest.mark.parametrize("name", ["", "   ", "\n\0\x1b"])
async def test_a_device_needs_a_name(gate: Gate, name: str) -> None:
    person = await gate.person()
    with pytest.raises(Refused) as refused:
        await device(gate, person, name=name)
    assert refused.value.reason is Reason.INVALID


async def test_names_are_tamed(gate: Gate) -> None:
    person = await gate.person()
    assert (await device(gate, person, name="a\r\nb\x1b[31m" + "x" * 500)).device.name == ("ab[31m" + "x" * 500)[
        :MAX_NAME
    ]
    with pytest.raises(Refused):
        await gate.login.devices.make(person, "nothing", (), SELF)


async def test_guessing_app_passwords_is_guessing_and_keeps_no_device_out(gate: Gate) -> None:
    person = await gate.person()
    made = await device(gate, person)
    reasons = [await opens(gate, Secret(new_password(gate.clock)), peer=SCHOOL) for _ in range(6)]
    assert reasons[:3] == [Reason.AUTHENTICATION] * 3
    assert Reason.THROTTLED in reasons
    assert await opens(gate, Secret(PASSWORD), peer=SCHOOL) is Reason.THROTTLED
    for _ in range(2):
        assert isinstance(await opens(gate, made.password, peer=SCHOOL), Principal)


async def test_logging_out_everywhere_ends_all_and_changes_nothing(gate: Gate) -> None:
    person = await gate.person()
    made = await device(gate, person)
    inside = [await gate.enter(), await opens(gate, made.password)]
    version = await gate.login.log_out_everywhere(person, SELF)
    for one in inside:
        assert isinstance(one, Principal)
        with pytest.raises(Refused):
            await gate.login.stays(one)
    assert (await gate.enter()).login_version == version
    assert isinstance(await opens(gate, made.password), Principal)
    standing = await gate.store.read(accounts.get, person.account_id)
    assert standing is not None
    assert Action.SESSIONS_CLOSED in [event.action for event in await gate.history(person)]


async def test_what_a_recovery_revokes_is_on_record(gate: Gate) -> None:
    person = await gate.person()
    for name in ("Téléphone", "Tablette"):
        await device(gate, person, name=name)
    code = await gate.accounts.reset("edupont")
    await gate.login.choosing.activate("edupont", Secret(code.text), Secret("kT9#vbRe!mq"), LOCAL)
    assert await gate.login.devices.listing(person.account_id) == []
    revoked = [event for event in await gate.history(person) if event.action is Action.APP_PASSWORD_REVOKED]
    assert [(event.actor, event.service) for event in revoked] == [("self", "web")] * 2
    assert {event.detail.partition(" ")[2] for event in revoked} == {"Téléphone", "Tablette"}


async def test_revoking_twice_at_once_is_on_record_once(gate: Gate) -> None:
    person = await gate.person()
    made = await device(gate, person)
    both = (gate.login, gate.another().login)
    outcomes = await asyncio.gather(
        *(one.devices.revoke(person.account_id, made.device.id, SELF) for one in both), return_exceptions=True
    )
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]
    revoked = [event for event in await gate.history(person) if event.action is Action.APP_PASSWORD_REVOKED]
    assert len(revoked) == 1
