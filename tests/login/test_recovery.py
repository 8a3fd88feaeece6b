"""A forgotten password, and the private address it comes back through: what opens, what never tells."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailserver.login import recovery as module
from mailserver.login.passwords.policy import Weakness
from mailserver.login.recovery import CODES_AN_HOUR, Question, Recovery
from mailserver.login.recovery_address import CODES_AN_HOUR as CONFIRMATIONS
from mailserver.login.recovery_address import PrivateAddresses
from mailserver.model.clock import HOUR
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Principal
from mailserver.store.account import accounts, recoveries, sessions
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.text import both
from tests.login.conftest import HOME, LIMIT, LOCAL, NUMEN, PASSWORD, SCHOOL, WINDOW, Gate

INE = "123456789AB"
BORN = "14/07/1985"
PRIVATE = "julie@exemple.org"
CHOSEN = "kT9#vbRe!mq"
CODE = re.compile(r"^    ((?:[A-Z2-7]{4}-){3}[A-Z2-7]{4})\r?$", re.MULTILINE)


@dataclass
class Help:
    """The service under test, and the messages it sent."""

    gate: Gate
    recovery: Recovery
    addresses: PrivateAddresses
    sent: list[tuple[str, str]] = field(default_factory=list)

    async def person(self, **more: Any) -> Principal:
        facts = {"numen": NUMEN, "ine": INE, "birth_date": "1985-07-14", "recovery_address": PRIVATE, **more}
        return await self.gate.person(**facts)

    async def ask(self, login: str = "edupont", birth_date: str = BORN, number: str = NUMEN, peer: str = LOCAL) -> str:
        """Ask; the code that was sent, or nothing."""
        before = len(self.sent)
        await self.recovery.ask(Question(login, birth_date, Secret(number)), peer)
        await self.recovery.settle()
        assert len(self.sent) <= before + 1
        return self.code() if len(self.sent) > before else ""

    def code(self) -> str:
        """The code in the last message."""
        found = CODE.search(self.sent[-1][1])
        assert found, self.sent[-1][1]
        return found[1]

    async def refusal(self, code: str, new: str = CHOSEN, login: str = "edupont") -> Refused:
        with pytest.raises(Refused) as refused:
            await self.recovery.recover(login, Secret(code), Secret(new), LOCAL)
        return refused.value


@pytest.fixture
async def desk(gate: Gate) -> AsyncIterator[Help]:
    sent: list[tuple[str, str]] = []

    async def post(to: str, octets: bytes) -> None:
        sent.append((to, octets.decode()))

    services: dict[str, Any] = {"settings": gate.settings, "store": gate.store, "clock": gate.clock, "post": post}
    recovery = Recovery(directory=gate.worker.directory, login=gate.login, longest_delay=0, **services)
    yield Help(gate, recovery, PrivateAddresses(**services), sent)
    await recovery.settle()


# ---------------------------------------------------------------------- the way back


@pytest.mark.parametrize("number", [NUMEN, NUMEN.lower(), INE, "123 456 789 ab"])
async def test_answers_bring_a_code_and_the_code_a_password(desk: Help, number: str) -> None:
    person = await desk.person()
    code = await desk.ask(number=number)
    assert desk.sent[0][0] == PRIVATE
    assert person.name not in desk.sent[0][1]
    assert "edupont" not in desk.sent[0][1]
    assert (await desk.recovery.prove("edupont", Secret(code.lower()), LOCAL)).account_id == person.account_id
    recovered = await desk.recovery.recover("edupont", Secret(code.replace("-", " ")), Secret(CHOSEN), LOCAL)
    assert recovered.account_id == person.account_id
    assert (await desk.gate.enter(secret=CHOSEN)).account_id == person.account_id
    assert (await desk.gate.refusal(secret=PASSWORD)).reason is Reason.AUTHENTICATION
    assert (await desk.refusal(code)).reason is Reason.AUTHENTICATION
    assert [to for to, _ in desk.sent[1:]] == [person.address, PRIVATE]
    assert all(CODE.search(text) is None for _, text in desk.sent[1:])
    actions = [(event.action, event.detail) for event in await desk.gate.history(person)]
    assert (Action.RECOVERY_ASKED, "code sent") in actions
    assert (Action.PASSWORD_SET, "recovery") in actions


async def test_every_name_of_a_person_will_do(desk: Help) -> None:
    await desk.person()
    for login in ("EDUPONT", " emilie.dupont@ac-exemple.fr "):
        assert await desk.ask(login)


async def test_sessions_and_devices_are_over(desk: Help) -> None:
    person = await desk.person()
    entered = await desk.gate.enter()
    await desk.gate.store.write(
        sessions.open_session, b"t" * 32, person.account_id, entered.login_version, 3600, "simple", LOCAL, "x"
    )
    code = await desk.ask()
    await desk.gate.login.stays(entered)
    assert await desk.gate.store.read(sessions.find, b"t" * 32) is not None
    await desk.recovery.recover("edupont", Secret(code), Secret(CHOSEN), LOCAL)
    assert await desk.gate.store.read(sessions.find, b"t" * 32) is None
    with pytest.raises(Refused):
        await desk.gate.login.stays(entered)


async def test_asking_disturbs_nobody(desk: Help) -> None:
    """No version moves, the old password and every login stand, until the code is used."""
    person = await desk.person()
    entered = await desk.gate.enter()
    for birth_date in (BORN, "15/07/1985", BORN):
        await desk.ask(birth_date=birth_date)
    await desk.gate.login.stays(entered)
    again = await desk.gate.enter(peer=HOME)
    assert again.login_version == entered.login_version
    for _ in range(LIMIT + 1):
        await desk.ask(birth_date="15/07/1985")
    assert (await desk.gate.enter(peer=SCHOOL)).account_id == person.account_id


async def test_the_rules_hold_and_the_code_stays_good(desk: Help) -> None:
    person = await desk.person()
    given = "pV5=zkRu?md"
    await desk.gate.worker.directory.set_password(person.account_id, Secret(given))
    code = await desk.ask()
    for weak in ("court", "Ab1#14071985", PASSWORD):
        assert (await desk.refusal(code, weak)).reason is Reason.WEAK_PASSWORD
    assert (await desk.refusal(code, given)).text == both(Weakness.FORMER.value)
    await desk.recovery.recover("edupont", Secret(code), Secret(CHOSEN), LOCAL)


async def test_a_code_expires_and_the_next_one_replaces_it(desk: Help) -> None:
    await desk.person()
    first = await desk.ask()
    second = await desk.ask()
    assert (await desk.refusal(first)).reason is Reason.AUTHENTICATION
    desk.gate.clock.step(desk.gate.settings.accounts.recovery_minutes * 60 + 1)
    assert (await desk.refusal(second)).reason is Reason.AUTHENTICATION
    third = await desk.ask()
    await desk.recovery.recover("edupont", Secret(third), Secret(CHOSEN), LOCAL)


async def test_a_code_is_for_one_purpose_and_one_person(desk: Help) -> None:
    person = await desk.person()
    await desk.gate.person("Marc", "Autre", recovery_address="marc@exemple.org")
    code = await desk.ask()
    assert (await desk.refusal(code, login="mautre")).reason is Reason.AUTHENTICATION
    assert (await desk.gate.refusal(secret=code)).reason is Reason.AUTHENTICATION
    with pytest.raises(Refused) as refused:
        await desk.gate.login.choosing.activate("edupont", Secret(code), Secret(CHOSEN), LOCAL)
    assert refused.value.reason is Reason.AUTHENTICATION
    with pytest.raises(Refused):
        await desk.addresses.confirm(person, Secret(code), LOCAL)
    printed = await desk.gate.accounts.reset("edupont")
    for one in (code, printed.text):
        desk.gate.clock.step(WINDOW)
        assert (await desk.refusal(one)).reason is Reason.AUTHENTICATION


async def test_a_new_password_kills_the_code(desk: Help) -> None:
    await desk.person()
    code = await desk.ask()
    await desk.gate.accounts.set_password("edupont", Secret("comme on veut"))
    assert (await desk.refusal(code)).reason is Reason.AUTHENTICATION


async def test_guessing_a_code_is_throttled_like_guessing_a_password(desk: Help) -> None:
    await desk.person()
    code = await desk.ask()
    for login in ("edupont", "nobody"):
        reasons = [(await desk.refusal("AAAA-AAAA-AAAA-AAAA", login=login)).reason for _ in range(LIMIT + 1)]
        assert reasons == [Reason.AUTHENTICATION] * LIMIT + [Reason.THROTTLED]
    assert (await desk.recovery.prove("edupont", Secret(code), LOCAL)).login == "edupont", "it is no guess"


# ---------------------------------------------------------------------- who gets none


async def test_nothing_less_than_everything_brings_a_code(desk: Help) -> None:
    person = await desk.person()
    wrong = [
        {"birth_date": ""},
        {"birth_date": "15/07/1985"},
        {"number": ""},
        {"number": "21E2600124ABC"},
        {"number": PASSWORD},
        {"login": "nobody"},
        {"login": "x" * 1000},
        {"number": "\0" * 70},
    ]
    for question in wrong:
        desk.gate.clock.step(WINDOW + 1)
        assert not await desk.ask(**question)
    codes = [event.detail.name for event in await desk.gate.history(person)]
    assert codes.count("recovery-wrong") == 6


@pytest.mark.parametrize("missing", ["numen ine", "birth_date", "recovery_address"])
async def test_who_is_not_known_well_enough_gets_none(desk: Help, missing: str) -> None:
    """An empty answer never matches what is not known."""
    await desk.person(**dict.fromkeys(missing.split(), ""))
    for question in ({}, {"birth_date": ""}, {"number": ""}, {"birth_date": "", "number": ""}):
        desk.gate.clock.step(WINDOW + 1)
        assert not await desk.ask(**question)


async def test_who_may_not_enter_gets_none(desk: Help) -> None:
    await desk.person()
    code = await desk.ask()
    await desk.gate.accounts.suspend("edupont", "", may_receive=True)
    assert not await desk.ask()
    assert (await desk.refusal(code)).reason is Reason.SUSPENDED
    await desk.gate.accounts.close("edupont", "")
    assert not await desk.ask()
    assert (await desk.refusal(code)).reason is Reason.AUTHENTICATION
    await desk.gate.accounts.resume("edupont")
    await desk.gate.accounts.reset("edupont")
    assert not await desk.ask()
    waiting = await desk.gate.newcomer(numen="21E2600999ABC", recovery_address=PRIVATE)
    assert not await desk.ask(waiting.login, number="21E2600999ABC")


async def test_a_directory_of_somebody_else_gives_none(desk: Help) -> None:
    await desk.person()
    desk.gate.worker.directory.read_only = True
    assert not await desk.ask()


# ---------------------------------------------------------------------- how often


async def test_a_few_codes_an_hour(desk: Help) -> None:
    """Who knows the answers cannot fill the private mailbox, nor keep the owner from a code for long."""
    await desk.person()
    codes = [await desk.ask() for _ in range(CODES_AN_HOUR + 3)]
    assert [bool(code) for code in codes] == [True] * CODES_AN_HOUR + [False] * 3
    await desk.recovery.prove("edupont", Secret(codes[CODES_AN_HOUR - 1]), LOCAL)
    desk.gate.clock.step(HOUR + 1)
    assert await desk.ask()


async def test_guessing_answers_is_throttled_in_silence(desk: Help) -> None:
    person = await desk.person()
    for day in range(LIMIT):
        assert not await desk.ask(birth_date=f"{day + 1:02}/07/1985")
    assert not await desk.ask()
    assert "too many questions" in [event.detail for event in await desk.gate.history(person)]
    desk.gate.clock.step(WINDOW + 1)
    assert await desk.ask()


async def test_strangers_keep_nobody_from_a_code(desk: Help) -> None:
    """Their wrong answers do not count where the account is known, nor stop a code that was sent."""
    await desk.person()
    await desk.gate.enter(peer=HOME)
    for day in range(LIMIT + 2):
        assert not await desk.ask(birth_date=f"{day + 1:02}/07/1985", peer=SCHOOL)
    assert not await desk.ask(peer=SCHOOL)
    code = await desk.ask(peer=HOME)
    assert code
    for _ in range(LIMIT + 2):
        await desk.gate.refusal(peer=SCHOOL)
    with pytest.raises(Refused) as refused:
        await desk.recovery.prove("edupont", Secret("ABCD-EFGH-ABCD-EFGH"), SCHOOL)
    assert refused.value.reason is Reason.THROTTLED
    await desk.recovery.recover("edupont", Secret(code), Secret(CHOSEN), SCHOOL)


async def test_a_peer_that_asks_too_much_waits(desk: Help) -> None:
    """Whatever it asks for; loopback (the tests, a proxy of ours) does not."""
    for number in range(LIMIT * 10):
        assert not await desk.ask(f"nobody{number}", peer=SCHOOL)
    with pytest.raises(Refused) as refused:
        await desk.ask(peer=SCHOOL)
    assert refused.value.reason is Reason.THROTTLED
    await desk.ask(peer=HOME)
    desk.gate.clock.step(WINDOW + 1)
    await desk.ask(peer=SCHOOL)


async def test_questions_under_way_are_bounded(desk: Help, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNDER_WAY", 2)
    for _ in range(2):
        await desk.recovery.ask(Question("nobody", "", Secret("")), LOCAL)
    with pytest.raises(Temporary):
        await desk.recovery.ask(Question("nobody", "", Secret("")), LOCAL)
    await desk.recovery.settle()
    await desk.ask("nobody")


async def test_a_message_that_cannot_go_is_not_felt(desk: Help, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await desk.person()

    async def broken(to: str, octets: bytes) -> None:
        raise Temporary("The disk is full")

    code = await desk.ask()
    monkeypatch.setattr(desk.recovery, "_post", broken)
    assert not await desk.ask("edupont", number=INE)
    monkeypatch.undo()
    code = await desk.ask()
    monkeypatch.setattr(desk.recovery._telling, "_post", broken)
    assert (await desk.recovery.recover("edupont", Secret(code), Secret(CHOSEN), LOCAL)).login == person.login


# ---------------------------------------------------------------------- what is told


async def test_the_answer_comes_before_anything_is_looked_at(desk: Help, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enumeration by time: what `ask` asks of the store is the same for everybody, and no account is read by it."""
    await desk.person()
    await desk.gate.person("Sans", "Secours", numen="21E2600777ABC", birth_date="1985-07-14")
    questions = {
        "right": Question("edupont", BORN, Secret(NUMEN)),
        "wrong": Question("edupont", "15/07/1985", Secret(NUMEN)),
        "no address": Question("ssecours", BORN, Secret("21E2600777ABC")),
        "unknown": Question("nobody", BORN, Secret(NUMEN)),
    }
    asked: list[str] = []
    store = desk.gate.store

    def noting(does: Callable[..., Any]) -> Callable[..., Any]:
        def note(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            asked.append(function.__name__)
            return does(function, *args, **kwargs)

        return note

    for name in ("read_now", "read_inline_now", "read_apart_now", "write", "write_now"):
        monkeypatch.setattr(store, name, noting(getattr(store, name)))
    for peer, before in ((LOCAL, []), (HOME, ["_count_peer"])):
        for question in questions.values():
            await desk.recovery.ask(question, peer)
            assert asked == before
            await desk.recovery.settle()
            assert len(asked) > len(before), "what is looked at is looked at afterwards"
            asked.clear()
            desk.gate.clock.step(HOUR)


async def test_nothing_secret_is_logged_or_kept(desk: Help, capsys: pytest.CaptureFixture[str]) -> None:
    person = await desk.person()
    code = await desk.ask()
    await desk.recovery.recover("edupont", Secret(code), Secret(CHOSEN), LOCAL)
    said = capsys.readouterr()
    events = await desk.gate.history(person)
    for secret in (code, code.replace("-", ""), CHOSEN, NUMEN, "1985", PRIVATE):
        assert secret not in said.out + said.err
        assert all(secret not in event.detail for event in events)


# ---------------------------------------------------------------------- the private address


async def test_a_private_address_is_confirmed_by_its_code(desk: Help) -> None:
    person = await desk.person(recovery_address="")
    assert await desk.addresses.propose(person, " Julie.Nouveau@Exemple.ORG ") == "Julie.Nouveau@exemple.org"
    to, text = desk.sent[-1]
    assert to == "Julie.Nouveau@exemple.org"
    assert person.name not in text
    current, pending = await desk.addresses.current(person)
    assert (current, pending.address if pending else "") == ("", to)
    assert not await desk.ask()
    with pytest.raises(Refused) as refused:
        await desk.addresses.confirm(person, Secret("AAAA-AAAA-AAAA-AAAA"), LOCAL)
    assert refused.value.reason is Reason.AUTHENTICATION
    code = CODE.search(text)
    assert code
    assert await desk.addresses.confirm(person, Secret(code[1].lower()), LOCAL) == to
    assert await desk.addresses.current(person) == (to, None)
    assert Action.RECOVERY_SET in [event.action for event in await desk.gate.history(person)]
    assert await desk.ask()
    assert len(desk.sent) == 2


async def test_the_address_before_is_told_and_its_code_dead(desk: Help) -> None:
    person = await desk.person()
    entered = await desk.gate.enter()
    stale = await desk.ask()
    await desk.addresses.propose(person, "ailleurs@exemple.net")
    await desk.addresses.confirm(person, Secret(desk.code()), LOCAL)
    to, text = desk.sent[-1]
    assert to == PRIVATE
    assert "ailleurs@exemple.net" not in text
    assert "edupont" in text
    assert (await desk.refusal(stale)).reason is Reason.AUTHENTICATION
    await desk.gate.login.stays(entered)
    await desk.addresses.remove(person, LOCAL)
    assert desk.sent[-1][0] == "ailleurs@exemple.net"
    assert await desk.addresses.current(person) == ("", None)
    sent = len(desk.sent)
    await desk.addresses.remove(person, LOCAL)
    assert len(desk.sent) == sent


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("emilie.dupont@ac-exemple.fr", Reason.FORBIDDEN),
        ("x@AC-Exemple.FR", Reason.FORBIDDEN),
        ("x@listes.ac-exemple.fr", Reason.FORBIDDEN),
        ("", Reason.INVALID),
        ("julie", Reason.INVALID),
        ("julie@localhost", Reason.INVALID),
        ("julie@[192.0.2.1]", Reason.INVALID),
        ("julie@exemple.org\r\nBcc: x@exemple.org", Reason.INVALID),
        ("a@exemple.org, b@exemple.org", Reason.INVALID),
        ("x" * 2000 + "@exemple.org", Reason.INVALID),
    ],
)
async def test_what_is_no_private_address(desk: Help, text: str, reason: Reason) -> None:
    person = await desk.person()
    with pytest.raises(Refused) as refused:
        await desk.addresses.propose(person, text)
    assert refused.value.reason is reason
    assert desk.sent == []


async def test_codes_to_addresses_are_few_and_guesses_slow(desk: Help) -> None:
    """Nobody fills a stranger's mailbox from here."""
    person = await desk.person()
    with pytest.raises(Refused) as refused:
        await desk.addresses.confirm(person, Secret("AAAA-AAAA-AAAA-AAAA"), LOCAL)
    assert refused.value.reason is Reason.NOT_FOUND
    for _ in range(CONFIRMATIONS):
        await desk.addresses.propose(person, "victime@exemple.net")
    with pytest.raises(Refused) as refused:
        await desk.addresses.propose(person, "victime@exemple.net")
    assert refused.value.reason is Reason.LIMIT
    assert len(desk.sent) == CONFIRMATIONS
    code = desk.code()
    reasons = []
    for _ in range(7):
        with pytest.raises(Refused) as refused:
            await desk.addresses.confirm(person, Secret("AAAA-AAAA-AAAA-AAAA"), LOCAL)
        reasons.append(refused.value.reason)
    assert reasons[-1] is Reason.THROTTLED
    desk.gate.clock.step(600)
    assert await desk.addresses.confirm(person, Secret(code), LOCAL) == "victime@exemple.net"


async def test_whoever_was_in_before_all_logins_ended_sets_no_address(desk: Help) -> None:
    """A thief's request that was under way set an address of theirs behind what took the account back."""
    thief = await desk.person()
    await desk.addresses.propose(thief, "voleur@exemple.net")
    code = Secret(desk.code())
    await desk.gate.login.log_out_everywhere(thief, Origin("self", "web"))
    for attempt in (
        desk.addresses.confirm(thief, code, LOCAL),
        desk.addresses.propose(thief, "autre@exemple.net"),
        desk.addresses.remove(thief, LOCAL),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.reason is Reason.AUTHENTICATION
    assert await desk.gate.store.read(recoveries.address, thief.account_id) == PRIVATE


async def test_a_proposal_expires(desk: Help) -> None:
    person = await desk.person()
    await desk.addresses.propose(person, "ailleurs@exemple.net")
    desk.gate.clock.step(desk.gate.settings.accounts.recovery_minutes * 60 + 1)
    with pytest.raises(Refused) as refused:
        await desk.addresses.confirm(person, Secret(desk.code()), LOCAL)
    assert refused.value.reason is Reason.NOT_FOUND
    assert await desk.gate.store.read(recoveries.address, person.account_id) == PRIVATE
    standing = await desk.gate.store.read(accounts.get, person.account_id)
    assert standing is not None
