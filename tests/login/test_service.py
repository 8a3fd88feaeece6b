"""The way in: who enters, what the refused are told, what is remembered and for how long."""

import asyncio
import datetime

import pytest

from directory.issuing.hashing import Kept
from directory.issuing.letters import Letter
from directory.people.lifecycle import Code
from mailserver.login.factors import Setup
from mailserver.login.passwords.provisional import Claim
from mailserver.login.recovery import Question
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import NewPerson, Role, State
from mailserver.store.account import accounts
from mailserver.store.agenda import agendas
from mailserver.store.mail import mailboxes
from mailserver.store.record.audit import Action
from tests.login.conftest import DOMAIN, HOME, LOCAL, NUMEN, PASSWORD, SCHOOL, Gate


@pytest.mark.parametrize("login", ["edupont", "EDUPONT", f"emilie.dupont@{DOMAIN}", f"Edupont@{DOMAIN}"])
async def test_enters_by_every_name(gate: Gate, login: str) -> None:
    person = await gate.person()
    entered = await gate.enter(login)
    assert (entered.account_id, entered.login, entered.state) == (person.account_id, "edupont", State.ACTIVE)


async def test_first_login_makes_mailboxes_and_collections(gate: Gate) -> None:
    person = await gate.person()
    assert await gate.store.read(mailboxes.listing, person.account_id) == []
    await gate.enter()
    names = {box.name for box in await gate.store.read(mailboxes.listing, person.account_id)}
    assert {"INBOX", "Sent", "Drafts", "Trash", "Junk", "Archive"} <= names
    assert len(await gate.store.read(agendas.listing, person.account_id)) >= 3
    standing = await gate.store.read(accounts.get, person.account_id)
    assert standing is not None
    assert standing.last_login >= int(gate.clock.now()) - 5


async def test_every_failure_says_the_same(gate: Gate) -> None:
    """Enumeration: neither the text nor the reason tells an unknown login from a wrong password or a state."""
    await gate.person()
    for given_name in ("Suspendu", "Fermé"):
        await gate.person(given_name, "Test")
    await gate.accounts.suspend("stest", "", may_receive=False)
    await gate.accounts.close("ftest", "")
    await gate.newcomer()
    told = {
        (refusal.reason, refusal.text)
        for refusal in [
            await gate.refusal(login) for login in ("edupont", "nobody", "stest", "ftest", "jnouveau", "", "a" * 9999)
        ]
    }
    assert len(told) == 1
    assert told.pop()[0] is Reason.AUTHENTICATION


async def test_states_are_told_after_the_right_password_only(gate: Gate) -> None:
    person = await gate.person()
    await gate.enter()
    await gate.accounts.suspend("edupont", "enquête", may_receive=False)
    refusal = await gate.refusal(secret=PASSWORD)
    assert refusal.reason is Reason.SUSPENDED
    assert "03 80 00 00 00" in refusal.text
    assert "enquête" not in refusal.text
    assert (await gate.refusal(secret="wrong")).reason is Reason.AUTHENTICATION
    await gate.accounts.close("edupont", "")
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.CLOSED
    await gate.accounts.restore("edupont")
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.SUSPENDED
    await gate.accounts.resume("edupont")
    assert (await gate.enter()).account_id == person.account_id
    actions = [event.action for event in await gate.history(person)]
    assert Action.LOGIN_REFUSED in actions
    assert Action.SUSPENDED in actions


@pytest.mark.usefixtures("true_hashing")
async def test_failures_take_the_same_time(gate: Gate) -> None:
    """Enumeration by time, over the whole way in: the work is compared, which a busy machine leaves as it is."""
    await gate.person()
    await gate.newcomer()
    work = await gate.work_of_refusals(("edupont", "nobody", "jnouveau"), "wrong")
    assert work[-1] < 2 * work[0]


async def test_memory_knows_the_secret_and_the_peer(gate: Gate) -> None:
    await gate.person()
    await gate.enter(peer=HOME)
    assert (await gate.refusal(secret=PASSWORD + "x", peer=HOME)).reason is Reason.AUTHENTICATION
    assert (await gate.refusal(login="edupont2", secret=PASSWORD, peer=HOME)).reason is Reason.AUTHENTICATION
    person = await gate.enter(peer=SCHOOL)
    logins = [event for event in await gate.history(person) if event.action is Action.LOGIN]
    assert [event.peer for event in logins] == [SCHOOL, HOME]


async def test_memory_ends_after_a_minute(gate: Gate) -> None:
    person = await gate.person()
    for seconds in (0, 1, 30, 28, 2):
        gate.clock.step(seconds)
        await gate.enter()
    logins = [event for event in await gate.history(person) if event.action is Action.LOGIN]
    assert len(logins) == 2


async def test_a_state_set_by_another_process_is_felt(gate: Gate) -> None:
    """Even if the news of it is lost: two seconds at most."""
    await gate.person()
    await gate.enter()
    other = gate.another()
    await other.accounts.suspend("edupont", "", may_receive=False)
    gate.clock.step(2.1)
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.SUSPENDED


async def test_news_of_a_state_is_felt_at_once(gate: Gate) -> None:
    await gate.person()
    await gate.enter()
    await gate.accounts.suspend("edupont", "", may_receive=False)
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.SUSPENDED


async def test_a_password_set_by_another_process_is_felt(gate: Gate) -> None:
    await gate.person()
    await gate.enter()
    other = gate.another()
    await other.accounts.set_password("edupont", Secret("Une-autre-9"))
    gate.clock.step(2.1)
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.AUTHENTICATION
    assert (await gate.enter(secret="Une-autre-9")).login == "edupont"


async def test_ten_clients_at_once_prove_it_once(gate: Gate) -> None:
    person = await gate.person()
    await asyncio.gather(*(gate.enter() for _ in range(10)))
    assert [event.action for event in await gate.history(person)].count(Action.LOGIN) == 1


async def test_changing_ones_password(gate: Gate) -> None:
    person = await gate.person()
    await gate.enter()
    with pytest.raises(Exception, match="mot du dictionnaire") as refused:
        await gate.login.choosing.change_password(person, Secret(PASSWORD), Secret("Maison#2026"), LOCAL)
    assert getattr(refused.value, "reason", None) is Reason.WEAK_PASSWORD
    with pytest.raises(Exception, match="incorrect"):
        await gate.login.choosing.change_password(person, Secret("wrong"), Secret("kT9#vbRe!mq"), LOCAL)
    changed = await gate.login.choosing.change_password(person, Secret(PASSWORD), Secret("kT9#vbRe!mq"), LOCAL)
    assert changed.login_version > person.login_version
    assert (await gate.refusal(secret=PASSWORD)).reason is Reason.AUTHENTICATION
    await gate.enter(secret="kT9#vbRe!mq")


async def test_nothing_secret_is_at_rest(gate: Gate, capfd: pytest.CaptureFixture[str]) -> None:
    """Invariant 5: no password, NUMEN, birth date or code in any row, nor in the logs."""
    person = await gate.person(numen="07E9900456XYZ", ine="1234567890A", birth_date="1971-03-31")
    newcomer = await gate.newcomer()
    code = await gate.accounts.reset("jnouveau")
    await gate.enter()
    await gate.refusal("edupont", "Mot-de-passe-3")
    await gate.refusal("Tapé-dans-le-mauvais-champ-7", "x")
    await gate.refusal("jnouveau", NUMEN)
    await gate.login.choosing.activate("jnouveau", Secret(code.text), Secret("kT9#vbRe!mq"), LOCAL)
    rows = "\n".join(
        repr(row) for table in gate.store.read_now(_table_names) for row in gate.store.read_now(_rows, table)
    )
    assert str(person.account_id) in rows
    assert str(newcomer.account_id) in rows
    out, err = capfd.readouterr()
    squeezed = code.text.replace("-", "")
    for secret in (
        PASSWORD,
        "kT9#vbRe!mq",
        NUMEN,
        "07E9900456XYZ",
        "1234567890A",
        "1971-03-31",
        "31/03/1971",
        code.text,
        squeezed,
        "Mot-de-passe-3",
        "mauvais-champ",
    ):
        for text in (rows, out, err):
            assert secret.casefold() not in text.casefold()


def _table_names(_tx: object) -> list[str]:
    from mailserver.store.schema import metadata

    return [table.name for table in metadata.sorted_tables]


def _rows(tx: object, name: str) -> list[object]:
    from sqlalchemy import select

    from mailserver.store.schema import metadata

    return [tuple(row) for row in tx.execute(select(metadata.tables[name]))]  # type: ignore[attr-defined]


async def test_a_password_in_memory_does_not_replace_the_one_that_replaced_it(gate: Gate) -> None:
    """Another worker has set a new one a moment ago, and no news of it has come yet."""
    person = await gate.person()
    await gate.enter()
    await gate.another().login.choosing.change_password(person, Secret(PASSWORD), Secret("kT9#vbRe!mq"), LOCAL)
    with pytest.raises(Refused) as refused:
        await gate.login.choosing.change_password(person, Secret(PASSWORD), Secret("wZ4&xqPl?nd"), LOCAL, "imap")
    assert refused.value.reason is Reason.AUTHENTICATION
    gate.clock.step(10)
    await gate.enter(secret="kT9#vbRe!mq")


def test_no_secret_is_in_what_a_traceback_or_a_log_line_shows() -> None:
    """`repr` of everything that carries a proof in the clear for a while."""
    code, numen, born, ine = "ABCD-EFGH-IJKL-MNOP", "21E2600123ABC", "1985-07-14", "1234567890A"
    day = datetime.date(2026, 9, 1)
    carriers: list[object] = [
        Code(code, 1),
        Letter("Léa", "", "", "lea", "lea@ac-exemple.fr", code, day, has_numen=False, issue=1),
        Setup(code, f"otpauth://totp/{code}"),
        Question("lea", born, Secret(numen)),
        Claim(Secret(numen), born),
        NewPerson("Léa", "Roy", Role.TEACHER, born, numen, ine),
    ]
    for carrier in carriers:
        for shown in (repr(carrier), str(carrier)):
            assert not any(secret in shown for secret in (code, numen, born, ine)), type(carrier).__name__


async def test_a_password_under_way_does_not_come_behind_the_reset(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thief who went on and on choosing passwords had one hashed while the account was taken back: it stood behind
    the reset, opened the account, and the code of its owner was dead."""
    thief = await gate.person()
    keeper = gate.worker.directory.passwords
    keep, codes = keeper.keep, list[Code]()

    async def slowly(secret: Secret) -> Kept:
        kept = await keep(secret)
        if not codes:
            monkeypatch.setattr(keeper, "keep", keep)
            codes.append(await gate.accounts.reset("edupont"))
        return kept

    monkeypatch.setattr(keeper, "keep", slowly)
    with pytest.raises(Refused) as refused:
        await gate.login.choosing.change_password(thief, Secret(PASSWORD), Secret("kT9#vbRe!mq"), LOCAL)
    assert refused.value.reason is Reason.AUTHENTICATION
    assert (await gate.refusal(secret="kT9#vbRe!mq")).reason is Reason.AUTHENTICATION
    owner = await gate.login.choosing.activate("edupont", Secret(codes[0].text), Secret("zP4!wxLo?rt"), LOCAL)
    assert owner.state is State.ACTIVE
    assert (await gate.enter(secret="zP4!wxLo?rt")).account_id == thief.account_id
