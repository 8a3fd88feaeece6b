"""The relay at the wrong moment: long transfers, connections that break, rows that go, servers that say odd things."""

import asyncio
import smtplib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from mailserver.foundation.metrics import catalogue
from mailserver.model.errors import Temporary
from mailserver.outbound.submission import queue_admin
from mailserver.reports.tally import SessionTally
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool, traces
from mailserver.store.queue.spool import Leased
from mailserver.store.queue.traces import Step
from mailserver.store.record.audit import Origin
from mailserver.texts.causes import NOTHING
from smtp.relay import queue_runner, settling
from smtp.relay.attempt import Courier
from smtp.relay.dsn import Reporter
from smtp.relay.routing import Exchanger
from smtp.relay.seven_bit import Message, SevenBit
from smtp.relay.tls.memory import TlsMemory
from smtp.relay.tls.session_counts import SessionCounts
from smtp.relay.transfer import LeaseOver
from smtp.relay.verdicts import Result
from tests.clocks import StandingClock
from tests.figures import value
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere, Names
from tests.smtp.house import DOMAIN, House
from tests.smtp.test_relay import queue, report_in, submit
from tests.waiting import PATIENCE, until

BOB = f"bob@{DOMAIN}"
LEASE = 3


@pytest.fixture
def second() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere().start()
    yield elsewhere
    elsewhere.stop()


@pytest.fixture
def first(second: Elsewhere) -> Iterator[Elsewhere]:
    """The exchanger that is tried first: on the same port, at an address that nobody else uses."""
    elsewhere = Elsewhere(address="127.0.0.9", port=second.port).start()
    yield elsewhere
    elsewhere.stop()


@pytest.fixture
def names() -> Iterator[Names]:
    server = Names()
    server.known = {
        ("ailleurs.fr", "MX"): ["10 first.fr.", "20 second.fr."],
        ("first.fr", "A"): ["127.0.0.9"],
        ("second.fr", "A"): ["127.0.0.1"],
    }
    yield server
    server.stop()


@pytest.fixture
def house(make_house: HouseMaker, names: Names, first: Elsewhere, second: Elsewhere) -> House:
    """Its mail for ailleurs.fr goes to the first exchanger, or else to the second; it comes again after ten minutes."""
    made = make_house(clock=StandingClock(), outbound={"port": first.port, "retry": (600,), "concurrency": 1})
    made.start_relay(resolver=names.resolver(), lease=LEASE)
    return made


def is_put_off(house: House) -> bool:
    """The one row that waits was tried once."""
    return [(one.attempts, one.sending) for one in queue(house)] == [(1, False)]


def clock_of(house: House) -> StandingClock:
    assert isinstance(house.clock, StandingClock)
    return house.clock


def test_a_transfer_longer_than_the_lease_leaves_once(house: House, first: Elsewhere) -> None:
    clock = clock_of(house)
    first.inbox.hold.clear()
    submit(house, "x@ailleurs.fr")
    until(lambda: first.inbox.held)
    for _ in range(LEASE):
        clock.step(LEASE - 1)
        until(lambda: house.read(spool.next_due) == int(clock.now()) + LEASE)
    first.inbox.hold.set()
    until(lambda: not queue(house))
    assert len(first.inbox.taken) == 1


def test_a_lease_that_was_long_in_coming_is_given_back(
    house: House, first: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is over here before its message could be begun, and nobody waits for its end in the store."""
    clock, real = clock_of(house), spool.lease
    late: list[int] = []

    def lease(tx: Tx, *arguments: Any, **others: Any) -> list[Leased]:
        if not late and spool.next_due(tx) is not None:
            clock.step(LEASE)
            late.append(tx.now)
        return real(tx, *arguments, **others)

    monkeypatch.setattr(spool, "lease", lease)
    submit(house, "x@ailleurs.fr")
    until(lambda: first.inbox.taken)
    assert late
    assert len(first.inbox.taken) == 1


def test_what_is_thrown_away_while_it_leaves_is_not_said_to_have_stayed(house: House, first: Elsewhere) -> None:
    first.inbox.hold.clear()
    name = submit(house, "x@ailleurs.fr")
    until(lambda: first.inbox.held)
    rows = [entry.id for entry in queue(house)]
    assert house.store.write_now(queue_admin.drop, Origin("chef", "console"), rows) == 1
    first.inbox.hold.set()
    until(lambda: house.read(traces.whole, name).steps[-1].step is Step.SENT)
    assert [step.step for step in house.read(traces.whole, name).steps] == [Step.SUBMITTED, Step.DROPPED, Step.SENT]
    assert queue(house) == []


def test_a_relay_that_leaves_ends_what_it_has_and_begins_nothing(
    make_house: HouseMaker, names: Names, first: Elsewhere
) -> None:
    """At a hand-over: who has taken a message and is cut off before the answer would be sent it once more."""
    house = make_house(clock=StandingClock(), outbound={"port": first.port, "retry": (600,), "concurrency": 2})
    leaving = house.start_relay(resolver=names.resolver(), lease=LEASE)
    first.inbox.hold.clear()
    submit(house, "x@ailleurs.fr")
    until(lambda: len(first.inbox.said) == 3)
    house.loop.call_soon_threadsafe(leaving.leave)
    submit(house, "y@ailleurs.fr")
    house.run(leaving._take_work())
    assert [one.sending for one in queue(house)] == [True, False]
    assert leaving.is_busy
    first.inbox.hold.set()
    until(lambda: not leaving.is_busy)
    assert [one.sending for one in queue(house)] == [False]
    assert len(first.inbox.taken) == 1
    house.start_relay(resolver=names.resolver(), lease=LEASE)
    until(lambda: not queue(house))
    assert len(first.inbox.taken) == 2


def test_what_a_relay_that_leaves_has_not_begun_waits_for_nothing(
    make_house: HouseMaker, names: Names, first: Elsewhere
) -> None:
    """Others may send it while one message takes its time."""
    house = make_house(clock=StandingClock(), outbound={"port": first.port, "retry": (600,), "concurrency": 2})
    leaving = house.start_relay(resolver=names.resolver(), lease=LEASE)
    submit(house, "w@ailleurs.fr")
    until(lambda: not queue(house))
    first.inbox.hold.clear()
    submit(house, "x@ailleurs.fr")
    until(lambda: first.inbox.held)
    submit(house, "y@ailleurs.fr")
    until(lambda: [one.sending for one in queue(house)] == [True, True])
    house.loop.call_soon_threadsafe(leaving.leave)
    until(lambda: [one.sending for one in queue(house)] == [True, False])
    first.inbox.hold.set()
    until(lambda: not leaving.is_busy)
    assert [one.attempts for one in queue(house)] == [0]


def test_what_is_leased_while_a_relay_stops_waits_for_no_end_of_a_lease(
    house: House, first: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, begun, go_on = spool.lease, threading.Event(), threading.Event()

    def lease(tx: Tx, *arguments: Any, **others: Any) -> list[Leased]:
        if spool.next_due(tx) is not None:
            begun.set()
            assert go_on.wait(PATIENCE)
        return real(tx, *arguments, **others)

    monkeypatch.setattr(spool, "lease", lease)
    # In a thread: where the lease is of the same group as the message, that waits for it.
    submitting = threading.Thread(target=submit, args=(house, "x@ailleurs.fr"))
    submitting.start()
    assert begun.wait(PATIENCE)
    stopping = threading.Thread(target=house.stop_relays)
    stopping.start()
    until(lambda: all(task.cancelling() for task in house._relays))
    go_on.set()
    submitting.join()
    stopping.join()
    assert [(one.sending, one.attempts) for one in queue(house)] == [(False, 0)]
    assert first.inbox.taken == []


def stopping(house: House) -> threading.Thread:
    """All its relays are told to stop, and know it."""
    thread = threading.Thread(target=house.stop_relays)
    thread.start()
    return thread


def test_a_stop_waits_for_the_answer_of_who_has_the_whole_message(
    make_house: HouseMaker, names: Names, first: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is broken off then is there, and leaves once more."""
    monkeypatch.setattr(queue_runner, "STOP_SECONDS", 0.0)
    monkeypatch.setattr(queue_runner, "ANSWER_SECONDS", PATIENCE)
    house = make_house(outbound={"port": first.port, "retry": (600,)})
    relay = house.start_relay(resolver=names.resolver())
    first.inbox.hold.clear()
    submit(house, "x@ailleurs.fr")
    until(lambda: first.inbox.held)
    with capture_logs() as said:
        thread = stopping(house)
        until(lambda: relay._holding.is_stopping)
        first.inbox.hold.set()
        thread.join()
    assert queue(house) == []
    assert len(first.inbox.taken) == 1
    assert [one for one in said if one["log_level"] != "info"] == [], "nothing may have left twice"


def test_a_stop_leaves_to_the_store_what_it_is_about_to_record(
    make_house: HouseMaker, names: Names, first: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is busy for longer than a stop waits: who has the message is put down all the same."""
    for patience in ("STOP_SECONDS", "ANSWER_SECONDS", "BREAK_SECONDS"):
        monkeypatch.setattr(queue_runner, patience, 0.0)
    # A stop waits for what the relay leases, which waits for the store here: it asks for nothing more.
    house = make_house(clock=StandingClock(), outbound={"port": first.port, "retry": (600,), "concurrency": 1})
    relay = house.start_relay(resolver=names.resolver())
    first.inbox.answers = {"nobody@ailleurs.fr": "550 5.1.1 no"}
    first.inbox.hold.clear()
    submit(house, "x@ailleurs.fr", "nobody@ailleurs.fr")
    until(lambda: first.inbox.held)
    busy, free, before = threading.Event(), threading.Event(), value(catalogue.ATTEMPT_SECONDS)

    def takes_long(tx: Tx) -> None:
        busy.set()
        free.wait(PATIENCE)

    writing = threading.Thread(target=house.store.write_now, args=(takes_long,))
    writing.start()
    until(busy.is_set)
    first.inbox.hold.set()
    until(lambda: value(catalogue.ATTEMPT_SECONDS) > before)
    with capture_logs() as said:
        thread = stopping(house)
        until(lambda: relay._holding.is_stopping and not relay.is_busy)
        free.set()
        writing.join()
        thread.join()
    assert queue(house) == [], "it would leave once more"
    assert [one for one in said if one["log_level"] == "warning"] == [], "nothing may have left twice"
    assert [report_in(one)[0]["Auto-Submitted"] for one in house.mail("ada")] == ["auto-replied"]


def test_a_relay_that_stops_sends_no_message_to_its_end(
    make_house: HouseMaker, names: Names, first: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on has it then, and nobody twice."""
    monkeypatch.setattr(queue_runner, "STOP_SECONDS", PATIENCE)
    house = make_house(outbound={"port": first.port, "retry": (600,)})
    relay = house.start_relay(resolver=names.resolver())
    first.inbox.holds = "RCPT"
    first.inbox.hold.clear()
    submit(house, "x@ailleurs.fr")
    until(lambda: len(first.inbox.said) == 3)
    thread = stopping(house)
    until(lambda: relay._holding.is_stopping)
    first.inbox.hold.set()
    thread.join()
    assert [(one.sending, one.attempts) for one in queue(house)] == [(False, 0)]
    assert first.inbox.taken == []


@pytest.mark.parametrize("refused", [False, True], ids=["taken", "one refused"])
def test_a_relay_that_stops_between_two_groups_of_recipients_has_not_tried_the_second(
    make_house: HouseMaker, names: Names, first: Elsewhere, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    """Who has the message does not get it again; the others are due at once, and nothing was said of them."""
    monkeypatch.setattr(queue_runner, "ANSWER_SECONDS", PATIENCE)
    house = make_house(clock=StandingClock(), outbound={"port": first.port, "retry": (600,)})
    relay = house.start_relay(resolver=names.resolver())
    everybody = [f"x{number}@ailleurs.fr" for number in range(150)]
    first.inbox.answers = {everybody[0]: "550 5.1.1 no"} if refused else {}
    first.inbox.hold.clear()
    submit(house, *everybody)
    until(lambda: first.inbox.held)
    thread = stopping(house)
    until(lambda: relay._holding.is_stopping)
    first.inbox.hold.set()
    thread.join()
    (taken,) = first.inbox.taken
    (left,) = queue(house)
    assert [*taken.rcpt_tos, *left.recipients] == everybody[refused:]
    assert (left.sending, left.attempts, left.due, left.error) == (False, 0, int(house.clock.now()), NOTHING)
    rows = house.read(traces.find, traces.Wanted(0, 1 << 40, recipient="@ailleurs.fr"), 10).rows
    assert Step.DEFERRED not in {row.step for row in rows}
    house.start_relay(resolver=names.resolver())
    until(lambda: not queue(house))
    assert [*taken.rcpt_tos, *first.inbox.taken[1].rcpt_tos] == everybody[refused:]


def test_a_relay_that_is_cut_off_in_a_second_group_of_recipients_sends_nothing_to_the_first_again(
    make_house: HouseMaker, names: Names, first: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the second has the message nobody knows: it is due again."""
    monkeypatch.setattr(queue_runner, "STOP_SECONDS", 0.0)
    monkeypatch.setattr(queue_runner, "ANSWER_SECONDS", 0.0)
    house = make_house(clock=StandingClock(), outbound={"port": first.port, "retry": (600,)})
    house.start_relay(resolver=names.resolver())
    everybody = [f"x{number}@ailleurs.fr" for number in range(150)]
    first.inbox.hold = whole = threading.Event()
    submit(house, *everybody)
    until(lambda: first.inbox.held)
    first.inbox.hold = threading.Event()
    whole.set()
    until(lambda: first.inbox.held == 2)
    house.stop_relays()
    first.inbox.hold.set()
    (left,) = queue(house)
    assert [*first.inbox.taken[0].rcpt_tos, *left.recipients] == everybody
    assert (left.sending, left.attempts, left.due) == (False, 0, int(house.clock.now()))
    found = house.read(traces.find, traces.Wanted(0, 1 << 40, recipient="@ailleurs.fr"), 10).rows
    assert Step.SENT in {row.step for row in found}


def test_nothing_is_begun_while_too_much_that_left_is_not_on_record(
    make_house: HouseMaker, names: Names, first: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves twice if the relay is killed meanwhile."""
    house = make_house(clock=StandingClock(), outbound={"port": first.port, "retry": (600,)})
    monkeypatch.setattr(settling, "MOST_UNSETTLED", 0)
    relay = house.start_relay(resolver=names.resolver(), lease=LEASE)
    submit(house, "x@ailleurs.fr")
    until(lambda: relay._destinations.waiting == 1)

    async def begins() -> bool:
        relay._begin()
        return relay.is_busy

    assert not house.run(begins())
    monkeypatch.undo()
    assert house.run(begins())
    until(lambda: not queue(house))
    assert len(first.inbox.taken) == 1


def test_whoever_may_have_lost_a_lease_does_not_send_the_end(
    house: House, first: Elsewhere, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that was cut off from the database, or frozen, while another one took the message over."""
    first.inbox.holds = "RCPT"
    first.inbox.hold.clear()
    submit(house, "x@ailleurs.fr")
    until(lambda: len(first.inbox.said) == 3)
    monkeypatch.setattr(spool, "renew", out_of_reach)
    clock_of(house).step(LEASE)
    house.start_relay(resolver=names.resolver(), lease=LEASE)
    until(lambda: len(first.inbox.said) == 6)
    first.inbox.hold.set()
    until(lambda: not queue(house))
    house.stop_relays()
    assert len(first.inbox.taken) == 1


def test_a_lease_that_ends_within_a_message(make_house: HouseMaker, second: Elsewhere) -> None:
    house = make_house()
    submit(house, "x@ailleurs.fr")
    (row,) = house.store.write_now(spool.lease, 10)
    octets = house.read(spool.octets, row.content_id, house.store.blobs)
    memory = TlsMemory(house.settings.outbound, house.store, house.clock)
    sessions = SessionCounts(SessionTally(settings=house.settings, store=house.store, clock=house.clock))
    courier = Courier(house.settings, house.clock, memory, sessions)
    there = [Exchanger("second.fr", second.address, second.port)]
    for lasting in range(3):
        left = iter([True] * lasting)
        message = Message(octets, SevenBit(octets, asyncio.Semaphore()))
        sent = courier.send(there, row, message, lambda _ends, left=left: next(left, False))  # type: ignore[misc]
        if lasting < 2:  # DATA, the message with its end
            with pytest.raises(LeaseOver):
                house.run(sent)
        else:
            (verdict,) = house.run(sent).verdicts
            assert verdict.result is Result.DELIVERED
    assert len(second.inbox.taken) == 1


def out_of_reach(tx: Tx, *of: object) -> None:
    raise Temporary("The database is out of reach")


def test_what_the_operator_has_dropped_is_not_reported(house: House, first: Elsewhere) -> None:
    """The row goes while it is being sent: whatever became of it is nobody's news any more."""
    first.inbox.hold.clear()
    first.inbox.answers = {"DATA": "554 5.7.1 No"}
    name = submit(house, "x@ailleurs.fr")
    until(lambda: len(first.inbox.said) == 3)
    assert house.store.write_now(spool.drop, [one.id for one in queue(house)]) == 1
    first.inbox.hold.set()
    submit(house, "y@ailleurs.fr")  # its turn comes once the first attempt is over
    until(lambda: house.mail("ada"))
    (report,) = house.mail("ada")
    assert "y@ailleurs.fr" in report_in(report)[1]
    rows = house.read(traces.find, traces.Wanted(0, 1 << 40, recipient="x@ailleurs.fr"), 10).rows
    assert [row.step for row in rows if row.name == name] == [Step.SUBMITTED]


def test_whoever_has_the_content_may_have_taken_it(house: House, first: Elsewhere, second: Elsewhere) -> None:
    """The connection breaks after the final dot: the other exchanger of the domain does not get the message as well."""
    first.inbox.breaks = {"DATA": 1}
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    assert (len(first.inbox.taken), len(second.inbox.taken)) == (1, 0)


def test_a_quit_that_is_not_answered_changes_nothing(house: House, first: Elsewhere, second: Elsewhere) -> None:
    first.inbox.breaks = {"QUIT": 1}
    submit(house, "x@ailleurs.fr")
    until(lambda: not queue(house))
    house.stop_relays()
    assert first.inbox.quits == 1
    assert (len(first.inbox.taken), len(second.inbox.taken)) == (1, 0)


def test_a_break_between_two_groups_of_recipients(house: House, first: Elsewhere) -> None:
    """Who got the message does not get it again."""
    first.inbox.breaks = {"MAIL": 1}
    everybody = [f"x{number}@ailleurs.fr" for number in range(150)]
    submit(house, *everybody)
    until(lambda: is_put_off(house))
    (taken,) = first.inbox.taken
    assert [*taken.rcpt_tos, *queue(house)[0].recipients] == everybody
    rows = house.read(traces.find, traces.Wanted(0, 1 << 40, recipient="@ailleurs.fr"), 10).rows
    told = {row.step: set(row.recipients) for row in rows}
    assert told[Step.SENT].isdisjoint(told[Step.DEFERRED]), "nor is anybody told that it waits"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("521 5.7.1 We take no mail", "5.7.1"),
        ("503 5.5.1 Not now", "5.5.1"),
        ("550 2.1.5 No such user", "5.0.0"),
        ("554 4.7.0 Never", "5.0.0"),
    ],
)
def test_the_first_digit_decides(house: House, first: Elsewhere, answer: str, status: str) -> None:
    """RFC 5321 section 4.2.1: every 5xx is final; a status of another class is not the report's (RFC 3464, 2.3.4)."""
    first.inbox.answers = {"x@ailleurs.fr": answer}
    submit(house, "x@ailleurs.fr")
    until(lambda: house.mail("ada"))
    assert f"Status: {status}\n" in report_in(house.mail("ada")[0])[1].replace("\r\n", "\n")
    assert queue(house) == []


def test_a_domain_that_is_down_is_not_dialled_for_each_message(house: House, names: Names) -> None:
    """Until the operator wants another try."""
    names.known["first.fr", "A"] = names.known["second.fr", "A"] = ["127.0.0.10"]
    submit(house, "x@ailleurs.fr")
    until(lambda: is_put_off(house))
    asked = len(names.asked)
    submit(house, "y@ailleurs.fr")
    until(lambda: [(one.attempts, one.sending) for one in queue(house)] == [(1, False)] * 2)
    assert len(names.asked) == asked
    house.store.write_now(spool.retry)
    until(lambda: len(names.asked) > asked)


def test_a_suspension_is_news_to_what_is_remembered(house: House) -> None:
    """What was found out about a recipient a moment ago is forgotten, not believed for its time."""
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.ehlo("mx.exemple.org")
        client.mail("x@exemple.org")
        assert client.rcpt(BOB)[0] == 250
        house.store.write_now(accounts.suspend, house.people["bob"].account_id, "test", False)
        assert client.rcpt(BOB)[0] == 550


def test_a_defect_in_reports_sends_nothing_twice(
    house: House, first: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the message is put down; who was refused is tried again, and told of once reports can be written."""
    first.inbox.answers["non@ailleurs.fr"] = "550 5.1.1 no"

    async def broken(*args: object, **options: object) -> None:
        raise ValueError("nobody foresaw it")

    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "write", broken)
        submit(house, "oui@ailleurs.fr", "non@ailleurs.fr")
        until(lambda: is_put_off(house))
    assert [one.recipients for one in queue(house)] == [("non@ailleurs.fr",)]
    house.store.write_now(spool.retry)
    until(lambda: house.mail("ada"))
    assert [one.rcpt_tos for one in first.inbox.taken] == [["oui@ailleurs.fr"]]
    assert "Final-Recipient: rfc822; non@ailleurs.fr" in report_in(house.mail("ada")[0])[1]
    until(lambda: not queue(house))
