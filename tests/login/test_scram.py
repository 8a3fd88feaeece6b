"""Logins by SCRAM-SHA-256: for whom, when it is offered, and the same policy as with the password."""

import asyncio
import time

import pytest

from directory.issuing.hashing import Kept, Passwords
from directory.people.embedded import keep_password
from mailserver.foundation.settings import LoginSettings
from mailserver.foundation.settings import Passwords as PasswordRules
from mailserver.login.checks import EVEN_SECONDS
from mailserver.model.credentials.sasl import Secret
from mailserver.model.credentials.sasl_scram import parse_opening, parse_proof
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.store.account import verifiers
from mailserver.store.record.audit import Action
from tests.login.conftest import HOME, LIMIT, LOCAL, NUMEN, PASSWORD, SCHOOL, WINDOW, Gate
from tests.login.test_factors import switch_on
from tests.scram import ScramClient

CHOSEN = "kT9#vbRe!mq"


@pytest.fixture
def ways() -> LoginSettings:
    return LoginSettings(scram=True)


@pytest.fixture
def passwords() -> PasswordRules:
    return PasswordRules(renewal_days=100, notice_days=())


async def enter(gate: Gate, login: str = "edupont", password: str = PASSWORD, peer: str = LOCAL) -> Principal:
    """A whole dialogue, in which the server proves itself, too."""
    client = ScramClient(login, password)
    opening = parse_opening(client.first())
    challenged = await gate.login.scram.begin(opening)
    proof = parse_proof(opening, challenged, client.final(challenged))
    principal, final = await gate.login.scram.finish(opening, proof, peer, "imap")
    assert client.heard(final)
    return principal


async def refusal(gate: Gate, login: str = "edupont", password: str = "wrong", peer: str = LOCAL) -> Refused:
    with pytest.raises(Refused) as refused:
        await enter(gate, login, password, peer)
    return refused.value


async def is_offered(gate: Gate) -> bool:
    await gate.login.scram.look()
    return gate.login.scram.ready


async def test_by_identifier_and_by_address(gate: Gate) -> None:
    person = await gate.person()
    for name in ("edupont", "EDupont", "emilie.dupont@ac-exemple.fr", "edupont@ac-exemple.fr"):
        assert (await enter(gate, name)).account_id == person.account_id
    assert [event.action for event in await gate.history(person)].count(Action.LOGIN) == 4
    assert (await refusal(gate)).reason is Reason.AUTHENTICATION


async def test_a_password_chosen_at_another_worker_counts_at_once(gate: Gate) -> None:
    person = await gate.person()
    await gate.another().login.choosing.change_password(person, Secret(PASSWORD), Secret(CHOSEN), LOCAL)
    assert (await refusal(gate, password=PASSWORD)).reason is Reason.AUTHENTICATION
    assert (await enter(gate, password=CHOSEN)).account_id == person.account_id


async def test_it_is_offered_once_every_active_account_has_a_verifier(gate: Gate) -> None:
    """Those who wait or are suspended are not asked for: nobody logs in to them."""
    assert await is_offered(gate)
    person, other = await gate.person(), await gate.person("Marc", "Martin")
    await gate.newcomer()
    assert await is_offered(gate)
    hasher = Passwords(threads=1)
    for one in (other, person):
        await gate.store.write(keep_password, one.account_id, Kept(hasher.hash_now(Secret(PASSWORD))))
        assert not await is_offered(gate), "only the hash of the password is known"
    hasher.close()
    assert (await refusal(gate, password=PASSWORD)).reason is Reason.AUTHENTICATION
    await gate.login.choosing.change_password(person, Secret(PASSWORD), Secret(CHOSEN), LOCAL)
    assert not await is_offered(gate)
    await gate.accounts.suspend(other.login, "", may_receive=False)
    assert await is_offered(gate)
    await gate.accounts.resume(other.login)
    assert not await is_offered(gate)
    await gate.accounts.set_password(other.login, Secret(PASSWORD))
    assert await is_offered(gate)
    assert (await enter(gate, other.login)).account_id == other.account_id


async def test_whoever_activates_has_one(gate: Gate) -> None:
    await gate.newcomer()
    assert (await refusal(gate, "jnouveau", NUMEN)).reason is Reason.AUTHENTICATION
    await gate.login.choosing.activate("jnouveau", Secret(NUMEN), Secret(CHOSEN), LOCAL, birth_date="1985-07-14")
    assert (await enter(gate, "jnouveau", CHOSEN)).login == "jnouveau"


async def test_a_reset_ends_it(gate: Gate) -> None:
    person = await gate.person()
    await gate.accounts.reset(person.login)
    assert await gate.store.read(verifiers.get, person.account_id) is None
    assert (await refusal(gate, password=PASSWORD)).reason is Reason.AUTHENTICATION


async def test_the_states_of_accounts_after_the_right_proof_only(gate: Gate) -> None:
    await gate.person()
    await gate.accounts.suspend("edupont", "", may_receive=False)
    assert (await refusal(gate, password=PASSWORD)).reason is Reason.SUSPENDED
    assert (await refusal(gate)).reason is Reason.AUTHENTICATION
    await gate.accounts.resume("edupont")
    gate.clock.step(101 * 86400)
    assert (await refusal(gate, password=PASSWORD)).reason is Reason.PASSWORD_EXPIRED
    await gate.accounts.close("edupont", "")
    assert (await refusal(gate, password=PASSWORD)).reason is Reason.CLOSED


async def test_with_a_second_factor_it_takes_an_app_password_and_so_plain(gate: Gate) -> None:
    person = await gate.person()
    await switch_on(gate, person)
    assert (await refusal(gate, password=PASSWORD)).reason is Reason.APP_PASSWORD
    assert (await refusal(gate)).reason is Reason.AUTHENTICATION
    assert await is_offered(gate)


async def test_guesses_are_counted_with_those_of_passwords(gate: Gate) -> None:
    await gate.person()
    for _ in range(LIMIT - 1):
        assert (await refusal(gate, peer=SCHOOL)).reason is Reason.AUTHENTICATION
    assert (await gate.refusal(peer=SCHOOL)).reason is Reason.AUTHENTICATION
    assert (await refusal(gate, password=PASSWORD, peer=SCHOOL)).reason is Reason.THROTTLED
    assert (await gate.refusal(secret=PASSWORD, peer=SCHOOL)).reason is Reason.THROTTLED
    gate.clock.step(WINDOW)
    await enter(gate, peer=SCHOOL)


async def test_a_burst_buys_no_further_guesses(gate: Gate) -> None:
    await gate.person()
    reasons = [one.reason for one in await asyncio.gather(*(refusal(gate, peer=HOME) for _ in range(LIMIT + 3)))]
    assert reasons.count(Reason.AUTHENTICATION) == LIMIT
    assert reasons.count(Reason.THROTTLED) == 3


@pytest.mark.usefixtures("true_hashing")
async def test_nobody_is_told_from_somebody(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """By form, by the salt at each question, by what follows, by time; whoever has no verifier is nobody."""
    monkeypatch.setattr(gate.clock, "monotonic", time.monotonic)  # what is drawn out is measured
    await gate.person()
    await gate.newcomer()
    salts = {}
    for login in ("edupont", "jnouveau", "nobody", "nobody@ac-exemple.fr", "somebody", "x" * 900):
        asked = [await gate.login.scram.begin(parse_opening(ScramClient(login, "").first())) for _ in range(2)]
        (_, salt, rounds), (_, again, _) = (one.split(b",") for one in asked)
        assert (salt, len(salt), rounds) == (again, 26, b"i=10000")
        salts[login] = salt
        began = time.monotonic()
        refused = await refusal(gate, login)
        assert (refused.reason, refused.text) == (Reason.AUTHENTICATION, (await gate.refusal()).text)
        assert time.monotonic() - began >= EVEN_SECONDS
        gate.clock.step(2 * WINDOW)
    assert salts["nobody"] == salts["nobody@ac-exemple.fr"]
    assert len(set(salts.values())) == len(salts) - 1


async def test_somebody_else_does_not_finish_the_dialogue(gate: Gate) -> None:
    """A proof holds for one name and one nonce."""
    await gate.person()
    await gate.person("Marc", "Martin")
    client = ScramClient("edupont", PASSWORD)
    opening = parse_opening(client.first())
    first, second = [await gate.login.scram.begin(opening) for _ in range(2)]
    assert first != second
    proof = parse_proof(opening, first, client.final(first))
    other = parse_opening(ScramClient("mmartin", PASSWORD).first())
    with pytest.raises(Refused):
        await gate.login.scram.finish(other, proof, LOCAL, "imap")


async def test_an_erased_account_keeps_none(gate: Gate) -> None:
    gone = await gate.worker.directory.add(NewPerson("Luc", "Parti", Role.TEACHER))
    await gate.accounts.set_password(gone.login, Secret(PASSWORD))
    assert await gate.store.read(verifiers.get, gone.account_id) is not None
    await gate.accounts.close(gone.login, "")
    await gate.accounts.erase(gone.login)
    assert await gate.store.read(verifiers.get, gone.account_id) is None
