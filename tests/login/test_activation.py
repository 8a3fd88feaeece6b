"""From NUMEN or one-time code to a password of one's own; the provisional secret is dead then."""

import asyncio
import time

import pytest

from mailserver.login.checks import EVEN_SECONDS
from mailserver.login.passwords.provisional import Proof
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal, State
from mailserver.store.record.audit import Action
from tests.login.conftest import DOMAIN, LIMIT, LOCAL, NUMEN, PASSWORD, SCHOOL, WINDOW, Gate

CHOSEN = "kT9#vbRe!mq"


BORN = "14/07/1985"
OTHER = "21E2600999XYZ"


async def activate(gate: Gate, proof: str, chosen: str = CHOSEN, birth_date: str = BORN) -> Principal:
    return await gate.login.choosing.activate("jnouveau", Secret(proof), Secret(chosen), LOCAL, birth_date=birth_date)


async def refusal(gate: Gate, proof: str, chosen: str = CHOSEN, birth_date: str = BORN) -> Refused:
    with pytest.raises(Refused) as refused:
        await activate(gate, proof, chosen, birth_date)
    return refused.value


@pytest.mark.parametrize("numen", [NUMEN, NUMEN.lower(), f" {NUMEN[:3]} {NUMEN[3:]} "])
async def test_the_numen_activates_once(gate: Gate, numen: str) -> None:
    person = await gate.newcomer()
    assert (await gate.refusal("jnouveau", numen)).reason is Reason.NOT_ACTIVATED
    activated = await activate(gate, numen)
    assert (activated.account_id, activated.state) == (person.account_id, State.ACTIVE)
    assert (await gate.enter("jnouveau", CHOSEN)).login == "jnouveau"
    assert (await gate.refusal("jnouveau", numen)).reason is Reason.AUTHENTICATION
    assert (await refusal(gate, numen)).reason is Reason.AUTHENTICATION
    assert Action.ACTIVATED in [event.action for event in await gate.history(person)]


@pytest.mark.parametrize("birth_date", ["14/07/1985", "1985-07-14", " 14.07.1985 "])
async def test_the_numen_needs_the_birth_date(gate: Gate, birth_date: str) -> None:
    await gate.newcomer()
    for wrong in ("15/07/1985", "nonsense", "", " "):
        assert (await refusal(gate, NUMEN, birth_date=wrong)).reason is Reason.AUTHENTICATION
        gate.clock.step(WINDOW)
    assert (await activate(gate, NUMEN, birth_date=birth_date)).state is State.ACTIVE


async def test_the_numen_is_enough_where_no_birth_date_is_known(gate: Gate) -> None:
    await gate.newcomer(birth_date="")
    _, proven = await gate.login.choosing.prove("jnouveau", Secret(NUMEN), LOCAL)
    assert proven is Proof.WHOLE
    assert (await activate(gate, NUMEN, birth_date="")).state is State.ACTIVE


async def test_the_first_step_says_what_is_missing_and_sets_nothing(gate: Gate) -> None:
    person = await gate.newcomer()
    for birth_date, proof in (("", Proof.HALF), (BORN, Proof.WHOLE)):
        proven = await gate.login.choosing.prove("jnouveau", Secret(NUMEN), LOCAL, birth_date=birth_date)
        assert (proven[0].account_id, proven[1]) == (person.account_id, proof)
    for login, numen, birth_date in (
        ("jnouveau", NUMEN, "15/07/1985"),
        ("jnouveau", "21E2600124ABC", BORN),
        ("nobody", NUMEN, BORN),
    ):
        with pytest.raises(Refused) as refused:
            await gate.login.choosing.prove(login, Secret(numen), LOCAL, birth_date=birth_date)
        assert refused.value.reason is Reason.AUTHENTICATION
    assert (await gate.accounts.find("jnouveau")).standing.state is State.PENDING


async def test_guessing_the_birth_date_is_throttled(gate: Gate) -> None:
    """Whoever holds the NUMEN of somebody still has to guess one of some 15,000 days."""
    await gate.newcomer()
    for day in range(LIMIT):
        assert (await refusal(gate, NUMEN, birth_date=f"{day + 1:02}/07/1985")).reason is Reason.AUTHENTICATION
    assert (await refusal(gate, NUMEN)).reason is Reason.THROTTLED
    with pytest.raises(Refused) as refused:
        await gate.login.choosing.prove("jnouveau", Secret(NUMEN), LOCAL, birth_date=BORN)
    assert refused.value.reason is Reason.THROTTLED


async def test_the_code_needs_no_birth_date_but_a_wrong_one_stops_it(gate: Gate) -> None:
    await gate.newcomer()
    code = await gate.accounts.reset("jnouveau")
    assert (await refusal(gate, code.text, birth_date="15/07/1985")).reason is Reason.AUTHENTICATION
    assert (await activate(gate, code.text, birth_date="")).state is State.ACTIVE


async def test_a_weak_password_is_refused_with_every_rule_it_breaks(gate: Gate) -> None:
    await gate.newcomer()
    refused = await refusal(gate, NUMEN, "nouveau")
    assert refused.reason is Reason.WEAK_PASSWORD
    assert len(refused.text.splitlines()) >= 5
    assert (await gate.refusal("jnouveau", NUMEN)).reason is Reason.NOT_ACTIVATED
    assert (await refusal(gate, NUMEN, "Ab1#14071985")).reason is Reason.WEAK_PASSWORD
    assert (await refusal(gate, NUMEN, f"x{NUMEN.lower()}#A")).reason is Reason.WEAK_PASSWORD


async def test_a_one_time_code(gate: Gate) -> None:
    await gate.newcomer()
    code = await gate.accounts.reset("jnouveau")
    for typed in (code.text, code.text.lower().replace("-", " ")):
        assert (await gate.refusal("jnouveau", typed)).reason is Reason.NOT_ACTIVATED
    assert (await activate(gate, code.text.lower())).state is State.ACTIVE
    assert (await refusal(gate, code.text)).reason is Reason.AUTHENTICATION


async def test_strangers_keep_nobody_from_using_a_code(gate: Gate) -> None:
    """Nobody guesses 80 random bits: the right ones are no guess. A NUMEN waits."""
    await gate.newcomer()
    code = await gate.accounts.reset("jnouveau")
    for _ in range(LIMIT + 2):
        await gate.refusal("jnouveau", peer=SCHOOL)
    assert (await refusal(gate, NUMEN)).reason is Reason.THROTTLED
    assert (await refusal(gate, code.text, birth_date="15/07/1985")).reason is Reason.THROTTLED
    assert (await activate(gate, code.text)).state is State.ACTIVE


async def test_one_code_activates_once_however_many_use_it_at_once(gate: Gate) -> None:
    """Two workers; the second one's password does not replace the first one's."""
    person = await gate.newcomer()
    code = await gate.accounts.reset("jnouveau")
    workers = (gate.login, gate.another().login)
    outcomes = await asyncio.gather(
        *(
            worker.choosing.activate("jnouveau", Secret(code.text), Secret(f"kT9#vbRe!m{number}"), LOCAL)
            for number, worker in enumerate(workers * 2)
        ),
        return_exceptions=True,
    )
    done = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Principal)]
    assert len(done) == 1, outcomes
    refused = [outcome.reason for outcome in outcomes if isinstance(outcome, Refused)]
    assert refused == [Reason.AUTHENTICATION] * 3
    gate.clock.step(60)  # three wrong ones after the right one are a reason to wait
    assert await gate.enter("jnouveau", f"kT9#vbRe!m{done[0]}")
    assert [event.action for event in await gate.history(person)].count(Action.ACTIVATED) == 1


async def test_a_code_expires_and_the_next_one_replaces_it(gate: Gate) -> None:
    await gate.newcomer(numen="")
    first = await gate.accounts.reset("jnouveau")
    second = await gate.accounts.reset("jnouveau")
    assert (await refusal(gate, first.text)).reason is Reason.AUTHENTICATION
    gate.clock.step(gate.settings.accounts.code_days * 86400 + 1)
    assert (await refusal(gate, second.text)).reason is Reason.AUTHENTICATION
    third = await gate.accounts.reset("jnouveau")
    assert (await activate(gate, third.text)).state is State.ACTIVE


async def test_a_code_is_nobody_elses(gate: Gate) -> None:
    await gate.newcomer()
    await gate.person()
    code = await gate.accounts.reset("edupont")
    assert (await refusal(gate, code.text)).reason is Reason.AUTHENTICATION


async def test_a_reset_ends_the_password_and_does_not_revive_the_numen(gate: Gate) -> None:
    person = await gate.person(numen=NUMEN)
    await gate.enter()
    code = await gate.accounts.reset("edupont")
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.AUTHENTICATION
    assert (await gate.refusal(secret=NUMEN)).reason is Reason.AUTHENTICATION
    account = await gate.accounts.find("edupont")
    assert account.standing.state is State.PENDING
    activated = await gate.login.choosing.activate("edupont", Secret(code.text), Secret(CHOSEN), LOCAL)
    assert (activated.account_id, activated.state) == (person.account_id, State.ACTIVE)


async def test_a_suspended_newcomer_is_told_so(gate: Gate) -> None:
    await gate.newcomer()
    await gate.accounts.suspend("jnouveau", "", may_receive=False)
    assert (await refusal(gate, NUMEN)).reason is Reason.SUSPENDED
    assert (await gate.refusal("jnouveau", NUMEN)).reason is Reason.SUSPENDED
    assert (await gate.refusal("jnouveau", "wrong")).reason is Reason.AUTHENTICATION
    await gate.accounts.resume("jnouveau")
    assert (await activate(gate, NUMEN)).state is State.ACTIVE


async def test_suspended_and_reset_waits_for_activation_when_resumed(gate: Gate) -> None:
    await gate.person()
    await gate.accounts.suspend("edupont", "", may_receive=False)
    await gate.accounts.reset("edupont")
    account = await gate.accounts.resume("edupont")
    assert account.standing.state is State.PENDING


async def test_guessing_a_numen_is_throttled(gate: Gate) -> None:
    await gate.newcomer()
    for number in range(LIMIT):
        assert (await refusal(gate, f"21E26001{number:02}ABC")).reason is Reason.AUTHENTICATION
    assert (await refusal(gate, NUMEN)).reason is Reason.THROTTLED
    assert (await gate.refusal("jnouveau", NUMEN)).reason is Reason.THROTTLED


@pytest.mark.alone
@pytest.mark.usefixtures("true_hashing")
async def test_wrong_proofs_take_the_same_time(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enumeration by time: nothing slow is compared here, so every failure is drawn out alike."""
    monkeypatch.setattr(gate.clock, "monotonic", time.monotonic)  # what is drawn out is measured
    await gate.newcomer()
    await gate.person()
    spans: dict[str, list[float]] = {"jnouveau": [], "edupont": [], "nobody": []}
    for _ in range(7):
        for login, taken in spans.items():
            gate.clock.step(10_000)
            for work in (
                gate.login.choosing.prove(login, Secret(OTHER), LOCAL, birth_date=BORN),
                gate.login.choosing.prove_recovery(login, Secret(OTHER), LOCAL),
            ):
                began = time.perf_counter()
                with pytest.raises(Refused):
                    await work
                taken.append(time.perf_counter() - began)
    least = [min(taken) for taken in spans.values()]  # what a busy machine adds is in every other one
    assert min(least) >= EVEN_SECONDS
    assert max(least) < 1.4 * min(least)


async def test_unknown_logins_fail_as_wrong_proofs_do(gate: Gate) -> None:
    for login in ("nobody", "", f"nobody@{DOMAIN}"):
        with pytest.raises(Refused) as refused:
            await gate.login.choosing.activate(login, Secret(NUMEN), Secret(CHOSEN), LOCAL)
        assert refused.value.reason is Reason.AUTHENTICATION
