"""The second factor: codes of the generator, recovery codes, drift, replay, throttling, what it closes elsewhere."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from passlib.totp import TOTP  # type: ignore[import-untyped]

from mailserver.login.attempts.throttle import Attempt
from mailserver.login.factors import LONGEST_WAIT, RECOVERY_CODES, WRONG_LIMIT, Proven, _Answer, _take
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account import factors
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record.audit import Action, Origin
from tests.login.conftest import HOME, PASSWORD, SCHOOL, Gate
from tests.store.conftest import create_account
from tests.store.test_moments import behind

SELF = Origin("self", "web")


class Phone:
    """A code generator that goes by the gate's clock."""

    def __init__(self, gate: Gate, secret: str) -> None:
        self._gate = gate
        self._generator = TOTP(secret)

    def code(self, steps: int = 0) -> Secret:
        return Secret(str(self._generator.generate(time=int(self._gate.clock.now()) + 30 * steps).token))


async def switch_on(gate: Gate, person: Principal) -> tuple[Phone, tuple[str, ...]]:
    """The person's phone and recovery codes; the next code is ready."""
    setup = await gate.login.factors.begin(person)
    phone = Phone(gate, setup.secret.replace("-", ""))
    codes = await gate.login.factors.confirm(person, phone.code(), SELF)
    gate.clock.step(30)
    return phone, codes


async def step(gate: Gate, person: Principal, answer: Secret | str, peer: str = HOME) -> Reason | None:
    """Why a second step is refused; None when it is not."""
    secret = Secret(answer) if isinstance(answer, str) else answer
    try:
        await gate.login.second_step(person, secret, peer)
    except Refused as refused:
        return refused.reason
    return None


async def test_whoever_was_in_before_all_logins_ended_confirms_none(gate: Gate) -> None:
    person = await gate.person()
    setup = await gate.login.factors.begin(person)
    await gate.login.log_out_everywhere(person, SELF)
    with pytest.raises(Refused) as refused:
        await gate.login.factors.confirm(person, Phone(gate, setup.secret.replace("-", "")).code(), SELF)
    assert refused.value.reason is Reason.CONFLICT
    assert not await gate.login.factors.is_on(person.account_id)


async def as_now(gate: Gate, person: Principal) -> Principal:
    """Whoever is in since the factor is on: that ended every login of before."""
    found = await gate.worker.directory.by_account(person.account_id)
    assert found is not None
    return found


async def test_whoever_was_in_before_all_logins_ended_gets_no_printed_codes(gate: Gate) -> None:
    """A thief's request that was under way left codes behind that only the thief had."""
    person = await gate.person()
    _, codes = await switch_on(gate, person)
    thief = await as_now(gate, person)
    await gate.login.log_out_everywhere(thief, SELF)
    with pytest.raises(Refused) as refused:
        await gate.login.factors.new_codes(thief, SELF)
    assert refused.value.reason is Reason.CONFLICT
    assert await step(gate, person, codes[0]) is None, "those of the owner are good"


def test_codes_are_guessed_one_after_the_other(store: Store, make_store: Callable[[], Store]) -> None:
    """Workers that compared at the same moment gave as many guesses for one wait as there are."""
    attempt = Attempt(store.write_now(create_account, "edupont"), "", HOME, "web")

    def guess(tx: Tx) -> Proven | int:
        return _take(tx, attempt, _Answer(), None)

    assert [store.write_now(guess) for _ in range(WRONG_LIMIT - 1)] == [0] * (WRONG_LIMIT - 1)
    last, further = behind(make_store, guess, guess)
    assert (last, further > 0) == (0, True)


async def test_it_counts_only_once_it_is_confirmed(gate: Gate) -> None:
    person = await gate.person()
    setup = await gate.login.factors.begin(person)
    assert not await gate.login.factors.is_on(person.account_id)
    assert await gate.login.factors.waiting(person) == setup
    assert setup.uri.startswith("otpauth://totp/")
    assert "emilie.dupont@ac-exemple.fr" in setup.uri
    with pytest.raises(Refused):
        await gate.login.factors.confirm(person, Secret("000000"), SELF)
    await gate.enter()
    again = await gate.login.factors.begin(person)
    assert again.secret != setup.secret
    with pytest.raises(Refused):
        await gate.login.factors.confirm(person, Phone(gate, setup.secret.replace("-", "")).code(), SELF)
    codes = await gate.login.factors.confirm(person, Phone(gate, again.secret.replace("-", "")).code(), SELF)
    assert len(set(codes)) == RECOVERY_CODES
    assert await gate.login.factors.waiting(person) is None
    state = await gate.login.factors.state(person)
    assert (state.is_on, state.codes_left, state.required) == (True, RECOVERY_CODES, False)
    with pytest.raises(Refused, match="on already"):
        await gate.login.factors.begin(person)


async def test_nothing_of_it_is_readable_in_the_database(gate: Gate) -> None:
    person = await gate.person()
    setup = await gate.login.factors.begin(person)
    kept = await gate.store.read(factors.get, person.account_id)
    assert kept is not None
    assert setup.secret.replace("-", "") not in kept.sealed
    assert "enckey" in kept.sealed


async def test_no_code_is_taken_twice_by_any_worker(gate: Gate) -> None:
    """RFC 6238 section 5.2."""
    person = await gate.person()
    phone, _ = await switch_on(gate, person)
    other = gate.another()
    code = phone.code()
    answers = await asyncio.gather(
        *(step(gate, person, code) for _ in range(3)),
        *(_step_at(other.login, person, code) for _ in range(3)),
    )
    assert Counter(answers) == {None: 1, Reason.AUTHENTICATION: 5}
    # Nor an older one, once a newer was taken.
    gate.clock.step(30)
    assert await step(gate, person, phone.code()) is None
    assert await step(gate, person, phone.code(-1)) is Reason.AUTHENTICATION


async def _step_at(login: object, person: Principal, code: Secret) -> Reason | None:
    try:
        await login.second_step(person, code, HOME)  # type: ignore[attr-defined]
    except Refused as refused:
        return refused.reason
    return None


@pytest.mark.parametrize(("drift", "right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_clock_may_be_a_step_off(gate: Gate, drift: int, right: bool) -> None:
    person = await gate.person()
    phone, _ = await switch_on(gate, person)
    gate.clock.step(120)
    assert (await step(gate, person, phone.code(drift)) is None) is right


@pytest.mark.parametrize("answer", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "0" * 10_000, "\0", "-1 2 3"])
async def test_what_is_no_code_is_a_wrong_one(gate: Gate, answer: str) -> None:
    person = await gate.person()
    await switch_on(gate, person)
    assert await step(gate, person, answer) is Reason.AUTHENTICATION


async def test_a_recovery_code_works_once_and_only_for_its_owner(gate: Gate) -> None:
    person, other = await gate.person(), await gate.person("Anne", "Autre")
    _, codes = await switch_on(gate, person)
    await switch_on(gate, other)
    assert await step(gate, other, codes[0]) is Reason.AUTHENTICATION
    assert await step(gate, person, codes[0].lower().replace("-", "")) is None
    assert await step(gate, person, codes[0]) is Reason.AUTHENTICATION
    assert (await gate.login.factors.state(person)).codes_left == RECOVERY_CODES - 1
    fresh = await gate.login.factors.new_codes(await as_now(gate, person), SELF)
    assert await step(gate, person, codes[1]) is Reason.AUTHENTICATION
    assert await step(gate, person, fresh[0]) is None
    details = [event.detail for event in await gate.history(person) if event.action is Action.LOGIN]
    assert details == ["recovery code", "recovery code"]


async def test_wrong_codes_wait_longer_and_longer_and_are_audited(gate: Gate) -> None:
    person = await gate.person()
    phone, _ = await switch_on(gate, person)
    waits = []
    for number in range(WRONG_LIMIT + 12):
        assert await step(gate, person, "000000") is Reason.AUTHENTICATION
        if number + 1 < WRONG_LIMIT:
            continue
        with pytest.raises(Refused) as refused:  # the right one, too
            await gate.login.second_step(person, phone.code(), HOME)
        assert refused.value.reason is Reason.THROTTLED
        waits.append(int("".join(filter(str.isdigit, refused.value.text.split("/")[0]))))
        gate.clock.step(waits[-1] + 1)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert await step(gate, person, phone.code()) is None


async def test_a_right_code_forgives_and_a_known_place_is_not_kept_out(gate: Gate) -> None:
    person = await gate.person()
    phone, _ = await switch_on(gate, person)
    assert await step(gate, person, phone.code(), HOME) is None
    for _ in range(WRONG_LIMIT):
        assert await step(gate, person, "000000", SCHOOL) is Reason.AUTHENTICATION
    assert await step(gate, person, "000000", SCHOOL) is Reason.THROTTLED
    gate.clock.step(30)
    assert await step(gate, person, phone.code(), HOME) is None, "strangers do not keep the owner out"
    failed = [event for event in await gate.history(person) if event.action is Action.LOGIN_FAILED]
    assert {(event.detail, event.peer) for event in failed} == {("code", SCHOOL)}
    assert len(failed) == WRONG_LIMIT


async def test_the_password_alone_opens_the_first_step_of_the_web_only(gate: Gate) -> None:
    person = await gate.person()
    await gate.enter(peer=HOME)
    before = len(await gate.history(person))
    phone, _ = await switch_on(gate, person)
    for service in ("imap", "submission", "dav", "ldap"):
        with pytest.raises(Refused) as refused:
            await gate.login.login("edupont", Secret(PASSWORD), HOME, service)
        assert refused.value.reason is Reason.APP_PASSWORD
        assert "mot de passe d'application" in refused.value.text
        assert refused.value.text.isascii()
        with pytest.raises(Refused) as refused:
            await gate.login.login("edupont", Secret("wrong"), HOME, service)
        assert refused.value.reason is Reason.AUTHENTICATION
        gate.clock.step(3600)
    assert (await gate.login.login("edupont", Secret(PASSWORD), HOME, "web")).account_id == person.account_id
    assert (await gate.login.login("edupont", Secret(PASSWORD), HOME, "web")).account_id == person.account_id
    with pytest.raises(Refused):  # what the web remembers is not for the others
        await gate.login.login("edupont", Secret(PASSWORD), HOME, "imap")
    actions = [event.action for event in (await gate.history(person))[:-before]]
    assert Action.LOGIN not in actions, "nobody has logged in yet"
    person = await gate.login.login("edupont", Secret(PASSWORD), HOME, "web")
    await gate.login.second_step(person, phone.code(), HOME)
    assert (await gate.history(person))[0].action is Action.LOGIN


async def test_every_login_to_the_web_is_on_record_and_a_password_shown_again_is_not(gate: Gate) -> None:
    person = await gate.person()
    await gate.enter(peer=HOME)
    for _ in range(2):
        await gate.login.login("edupont", Secret(PASSWORD), HOME, "web")
    gate.clock.step(100)
    await gate.login.prove_again(person, Secret(PASSWORD), None, HOME)
    services = [event.service for event in await gate.history(person) if event.action is Action.LOGIN]
    assert services == ["web", "web", "imap"]


async def test_switching_on_ends_what_the_password_had_opened(gate: Gate) -> None:
    person = await gate.person()
    inside = await gate.enter()
    await gate.login.stays(inside)
    await switch_on(gate, person)
    with pytest.raises(Refused):
        await gate.login.stays(inside)
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.APP_PASSWORD


async def test_switching_off_gives_the_password_its_doors_back(gate: Gate) -> None:
    person = await gate.person()
    _, codes = await switch_on(gate, person)
    await gate.refusal(secret=PASSWORD)
    assert await gate.login.factors.remove(person.account_id, Origin("it", "console"))
    assert not await gate.login.factors.remove(person.account_id, Origin("it", "console"))
    assert (await gate.enter()).account_id == person.account_id
    assert await step(gate, person, codes[0]) is Reason.AUTHENTICATION
    event = next(event for event in await gate.history(person) if event.action is Action.FACTOR_REMOVED)
    assert (event.actor, event.service) == ("it", "console")


async def test_password_and_code_are_asked_again_before_a_sensitive_step(gate: Gate) -> None:
    person = await gate.person()
    phone, _ = await switch_on(gate, person)

    async def refused(password: str, code: Secret) -> Reason | None:
        try:
            await gate.login.prove_again(person, Secret(password), code, HOME)
        except Refused as refusal:
            return refusal.reason
        return None

    assert await refused("wrong", phone.code()) is Reason.AUTHENTICATION
    assert await refused(PASSWORD, Secret("000000")) is Reason.INVALID
    assert await refused(PASSWORD, phone.code()) is None
    assert await refused(PASSWORD, phone.code()) is Reason.INVALID


@pytest.mark.usefixtures("true_hashing")
async def test_refusals_take_the_same_time_with_and_without_a_factor(gate: Gate) -> None:
    """Enumeration by time: a wrong password tells nothing of the account's protection."""
    await gate.person()
    await switch_on(gate, await gate.person("Anne", "Autre"))
    work = await gate.work_of_refusals(("edupont", "aautre", "nobody"), "abcd-efgh-jkmn-pqrs-tuvw")
    assert work[-1] < 2 * work[0]
