"""What became of a message, told to its author: by what the server wrote, and of nobody that they did not name."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from mailserver.outbound.submission import outcomes
from mailserver.outbound.submission.outcomes import Fate, Fates, State
from mailserver.store.engine.transactions import Tx
from mailserver.store.queue import spool, traces, waiting
from mailserver.store.queue.spool import Options
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.schema.outgoing.spool import queued
from mailserver.texts.causes import Cause
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.filtering import filters_of
from tests.smtp.house import DOMAIN, LIST, House
from tests.waiting import until

ADA, BOB = f"ada@{DOMAIN}", f"bob@{DOMAIN}"


@pytest.fixture
def smarthost() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere().start()
    yield elsewhere
    elsewhere.stop()


def send(house: House, message_id: str, *to: str, login: str = "ada") -> str:
    author = house.people[login]
    octets = f"From: {author.address}\r\nMessage-ID: <{message_id}>\r\nSubject: x\r\n\r\nx\r\n".encode()
    return house.run(house.submission.submit(author, author.address, to, octets)).name


def fates(house: House, message_id: str, login: str = "ada") -> dict[str, Fate]:
    found = house.read(outcomes.of, house.people[login].account_id, message_id, frozenset((DOMAIN,)))
    return {fate.recipient: fate for fate in found.known} if found is not None else {}


def states(house: House, message_id: str, login: str = "ada") -> dict[str, State]:
    return {recipient: fate.state for recipient, fate in fates(house, message_id, login).items()}


def test_by_recipient_with_the_answer_and_the_next_attempt(make_house: HouseMaker, smarthost: Elsewhere) -> None:
    house = make_house(outbound={"smarthost": smarthost.target, "retry": (3600,), "timeout": 5})
    smarthost.inbox.answers = {"bad@loin.fr": "550 5.1.1 Inconnu", "late@loin.fr": "450 4.2.2 Plein"}
    send(house, "many@x", BOB, LIST, "good@loin.fr", "Bad@loin.fr", "late@loin.fr")
    assert states(house, "many@x") == {
        BOB: State.DELIVERED,
        LIST: State.LISTED,
        "good@loin.fr": State.QUEUED,
        "bad@loin.fr": State.QUEUED,
        "late@loin.fr": State.QUEUED,
    }
    smarthost.inbox.answers["Bad@loin.fr"] = smarthost.inbox.answers["bad@loin.fr"]
    relay = house.start_relay()
    until(lambda: any(entry.recipients == ("late@loin.fr",) and entry.error for entry in house.read(spool.show)))
    until(lambda: not relay.is_busy)
    found = fates(house, "<many@x>")
    assert set(found) == {BOB, LIST, "good@loin.fr", "bad@loin.fr", "late@loin.fr"}, "and nobody of the list"
    assert found["good@loin.fr"].state is State.DELIVERED
    refused, late = found["bad@loin.fr"], found["late@loin.fr"]
    assert (refused.state, refused.status, refused.said) == (State.FAILED, "5.1.1", "550 5.1.1 Inconnu")
    assert (late.state, late.status, late.due > late.at) == (State.DEFERRED, "4.2.2", True)
    rows = [entry.id for entry in house.read(spool.show) if entry.recipients == ("late@loin.fr",)]
    house.store.write_now(waiting.hold, rows)
    assert states(house, "many@x")["late@loin.fr"] is State.HELD


def test_nobody_reads_the_fate_of_anothers_message(house: House) -> None:
    send(house, "mine@x", BOB)
    assert states(house, "mine@x", "bob") == {}
    assert states(house, "mine@x", "eve") == {}
    # With the same Message-ID each sees their own.
    send(house, "mine@x", "elsewhere@loin.fr", login="eve")
    assert set(states(house, "mine@x")) == {BOB}
    assert set(states(house, "mine@x", "eve")) == {"elsewhere@loin.fr"}
    assert states(house, "") == states(house, "unknown@x") == {}


def test_where_somebody_has_their_mail_sent_on_to_is_not_told(make_house: HouseMaker) -> None:
    house = make_house(filters={"redirect": "anywhere"})
    filters_of(house, "bob", 'require "copy"; redirect :copy "prive@ailleurs.fr";')
    name = send(house, "on@x", BOB, "prive@ailleurs.fr")
    rows = [row for row in house.read(spool.show) if row.name == name]
    assert len(rows) == 2
    mine = house.read(waiting.of_account, house.people["ada"].account_id, name, house.people["ada"].address)
    assert [row.recipient for row in mine] == ["prive@ailleurs.fr"], "the other row is Bob's"


def record(tx: Tx, account_id: int) -> None:
    def step(kind: Step, *to: str, count: int = 0) -> None:
        recipients = [*to, *(f"x{number}@loin.fr" for number in range(count))]
        traces.record(tx, Trace(kind, "KEPT", ADA, recipients, 1, account_id, message_id="kept@x" if count else ""))

    step(Step.SUBMITTED, "gone@loin.fr", "dropped@loin.fr", count=70)
    step(Step.DROPPED, "dropped@loin.fr")
    step(Step.SENT, "stranger@loin.fr")


def test_what_is_not_on_record_is_not_made_up(house: House) -> None:
    account_id = house.people["ada"].account_id
    house.store.write_now(record, account_id)
    found = house.read(outcomes.of, account_id, "kept@x", frozenset((DOMAIN,)))
    assert isinstance(found, Fates)
    by_name = {fate.recipient: fate.state for fate in found.known}
    assert by_name["gone@loin.fr"] is State.OVER
    assert by_name["dropped@loin.fr"] is State.DROPPED
    assert "stranger@loin.fr" not in by_name
    assert len(by_name) == traces.MAX_NAMED
    assert found.more == 72 - traces.MAX_NAMED


def kept_of(house: House, message_id: str, *steps: tuple[Step, list[str]]) -> dict[str, State]:
    """What its author sees of a message whose steps are these."""
    account_id = house.people["ada"].account_id

    def unit(tx: Tx) -> None:
        for kind, to in steps:
            name = message_id.upper()
            first = message_id if kind is Step.SUBMITTED else ""
            traces.record(tx, Trace(kind, name, ADA, to, 1, account_id, message_id=first))

    house.store.write_now(unit)
    return states(house, message_id)


def test_of_many_long_addresses_none_is_told_in_part(house: House) -> None:
    many = [f"prenom.nom-de-famille-{number:02}@{DOMAIN}" for number in range(45)]
    found = kept_of(house, "long@x", (Step.SUBMITTED, many))
    assert set(found.values()) == {State.DELIVERED}
    assert list(found) == many[: len(found)]
    assert len(found) > 20
    known = house.read(outcomes.of, house.people["ada"].account_id, "long@x", frozenset((DOMAIN,)))
    assert known is not None
    assert known.more == 45 - len(found)


def test_one_address_with_spaces_is_not_three(house: House) -> None:
    quoted = f'"x {BOB} y"@loin.fr'
    found = kept_of(house, "quoted@x", (Step.SUBMITTED, [quoted, "\u00e9\u00a0\u3000z@loin.fr"]), (Step.SENT, [quoted]))
    assert found == {quoted: State.DELIVERED, "\u00e9\u00a0\u3000z@loin.fr": State.OVER}
    wanted = traces.Wanted(0, 1 << 40, recipient=quoted)
    assert len(house.read(traces.find, wanted, 10).rows) == 2


def test_what_was_tried_for_days_ends_with_what_became_of_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_STEPS", 3)
    tried = [(Step.DEFERRED, ["late@loin.fr"])] * 5
    found = kept_of(house, "days@x", (Step.SUBMITTED, ["late@loin.fr"]), *tried, (Step.SENT, ["late@loin.fr"]))
    assert found == {"late@loin.fr": State.DELIVERED}


def test_a_lists_copies_tell_nothing_of_what_was_sent_to_the_same_person(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither that they are on it, nor instead of what became of the message itself, however many they are."""
    monkeypatch.setattr(traces, "MAX_STEPS", 3)
    monkeypatch.setattr(waiting, "MAX_OWN", 3)
    house.store.write_now(spool.drop, [entry.id for entry in house.read(spool.show)])
    name = send(house, "both@x", LIST, "M@loin.fr", "bad@loin.fr")
    account_id = house.people["ada"].account_id

    def copies(tx: Tx) -> None:
        own = Cause("attempt", status="5.1.1", said="550 Inconnu")
        traces.record(tx, Trace(Step.FAILED, name, house.people["ada"].address, ["bad@loin.fr"], 0, account_id, own))
        others = [(f"liste+{number}@{DOMAIN}", f"m{number}@loin.fr") for number in range(5)]
        for path, to in (*others, (f"liste+m@{DOMAIN}", "m@loin.fr")):
            traces.record(tx, Trace(Step.SENT, name, path, [to], 0, account_id))
        content_id = tx.execute(select(queued.c.content_id).where(queued.c.name == name).limit(1)).scalar_one()
        options = Options(name=name, account_id=account_id)
        spool.enqueue_each(tx, content_id, others, lifetime=3600, options=options)

    house.store.write_now(copies)
    found = states(house, "both@x")
    assert found == {LIST: State.LISTED, "m@loin.fr": State.QUEUED, "bad@loin.fr": State.FAILED}
