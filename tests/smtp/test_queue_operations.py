"""Operators hold, release, retry, cancel and give up what waits: by recipient, destination, sender or age."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailserver.background.queue_sampling import QueueSampling
from mailserver.cli.outgoing import outgoing_queue
from mailserver.cli.outgoing.outgoing_queue import app
from mailserver.model.identity import Population
from mailserver.outbound.submission import queue_admin
from mailserver.outbound.submission.queue_admin import Act
from mailserver.store.account import rules
from mailserver.store.queue import spool, traces, waiting
from mailserver.store.queue.spool import HELD, Selection, selecting
from mailserver.store.queue.traces import Step
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.upkeep import measures
from smtp.relay import dsn
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import DOMAIN, House
from tests.smtp.test_relay import report_in, submit
from tests.waiting import until

ORIGIN = Origin("chef", "console")


@pytest.fixture
def full(house: House) -> House:
    """Rows that no relay is there for."""
    house.store.write_now(spool.drop, [entry.id for entry in house.read(spool.show)])
    submit(house, "x@one.fr", "y@one.fr", "z@two.fr")
    submit(house, "X@one.fr", sender=f"ada@{DOMAIN}")
    return house


def queue(house: House, *words: str) -> Result:
    verb, *more = words
    return CliRunner().invoke(app, [verb, str(house.settings.directory), *more])


def rows(house: House) -> dict[tuple[str, ...], str]:
    """The recipients of each row, and what is said of it."""
    return {entry.recipients: entry.error.name for entry in house.read(spool.show)}


def done(house: House, *words: str) -> dict[str, Any]:
    said = queue(house, *words, "--json")
    assert said.exit_code == 0, said.stderr
    facts: dict[str, Any] = json.loads(said.stdout)
    return facts


def test_what_is_chosen_is_counted_first(full: House) -> None:
    assert done(full, "hold", "--domain", "ONE.fr", "--dry-run") == {"rows": 2, "recipients": 3}
    assert done(full, "cancel", "--recipient", "x@ONE.fr", "--dry-run") == {"rows": 2, "recipients": 2}
    assert done(full, "expire", "--sender", f"ADA@{DOMAIN}", "--domain", "two.fr", "--dry-run")["rows"] == 1
    assert done(full, "expire", "--sender", "<>", "--dry-run")["rows"] == 0
    assert done(full, "expire", "--older-than", "1d", "--dry-run")["rows"] == 0
    told = queue(full, "hold", "--domain", "one.fr")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "2 rows, 3 recipients. Say --yes to do it." in told.stderr
    assert set(rows(full).values()) == {"plain"}
    shown = json.loads(queue(full, "show", "--recipient", "z@two.fr", "--json").stdout)
    assert [one["recipients"] for one in shown] == [["z@two.fr"]]


@pytest.mark.parametrize("words", [("hold",), ("expire",), ("cancel",), ("hold", "1", "--domain", "one.fr")])
def test_an_act_says_on_what(full: House, words: tuple[str, ...]) -> None:
    assert queue(full, *words).exit_code == 2
    assert set(rows(full).values()) == {"plain"}


@pytest.mark.parametrize("bad", [("--older-than", "soon"), ("--domain", "not a domain"), ("--older-than", "0d")])
def test_what_cannot_be_read_changes_nothing(full: House, bad: tuple[str, str]) -> None:
    assert queue(full, "cancel", *bad, "--yes").exit_code == 2
    assert len(rows(full)) == 3


def test_one_recipient_is_held_and_those_beside_it_are_not(full: House) -> None:
    assert done(full, "hold", "--recipient", "x@one.fr", "--yes") == {"held": 2}
    assert rows(full) == {
        ("y@one.fr",): "plain",
        ("z@two.fr",): "plain",
        ("x@one.fr",): HELD.name,
        ("X@one.fr",): HELD.name,
    }
    # Retrying what is chosen leaves what is held; releasing it takes nothing else.
    assert done(full, "retry", "--domain", "one.fr", "--yes") == {"retried": 1}
    assert done(full, "hold", "--domain", "one.fr", "--dry-run") == {"rows": 1, "recipients": 1}
    assert done(full, "release", "--domain", "one.fr", "--yes") == {"released": 2}
    assert HELD.name not in rows(full).values()
    found = full.read(audit.find, audit.Wanted(action=Action.QUEUE_CHANGED), 10)
    assert "hold 2: to x@one.fr" in [str(one.detail) for one in found]


def test_what_is_cancelled_is_told_by_the_trace_alone(full: House) -> None:
    name = next(entry.name for entry in full.read(spool.show) if "z@two.fr" in entry.recipients)
    mails = len(full.mail("ada"))
    assert done(full, "cancel", "--recipient", "z@two.fr", "--yes") == {"dropped": 1}
    step = full.read(traces.whole, name).steps[-1]
    assert (step.step, step.recipients, step.account_id) == (
        Step.DROPPED,
        ("z@two.fr",),
        full.people["ada"].account_id,
    )
    assert "nobody was told" in step.detail
    assert len(full.mail("ada")) == mails
    assert ("z@two.fr",) not in rows(full)


def test_what_is_given_up_is_reported_with_the_last_answer_and_not_sent(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere().start()
    try:
        house = make_house(outbound={"smarthost": elsewhere.target, "retry": (3600,), "timeout": 5})
        elsewhere.inbox.answers = {"late@ailleurs.fr": "450 4.2.1 Greylisted"}
        relay = house.start_relay()
        name = submit(house, "late@ailleurs.fr")
        until(lambda: "450 4.2.1 Greylisted" in [entry.error for entry in house.read(spool.show)])
        until(lambda: not relay.is_busy)
        elsewhere.inbox.answers = {}
        told = queue(house, "expire", "--domain", "ailleurs.fr", "--yes")
        assert told.exit_code == 0, told.stderr
        house.store.write_now(spool.retry, [])  # the news of a command come by the carrier, which a house has not
        until(lambda: house.mail("ada"))
        _, status = report_in(house.mail("ada")[0])
        assert "Status: 5.4.7" in status
        assert "Diagnostic-Code: smtp; 450 4.2.1 Greylisted" in status
        assert house.read(spool.show) == []
        assert elsewhere.inbox.taken == []
        (failed,) = [step for step in house.read(traces.whole, name).steps if step.step is Step.FAILED]
        assert failed.detail == "given up by an operator; before that: 450 4.2.1 Greylisted"
    finally:
        elsewhere.stop()


def test_more_recipients_than_one_report_names_are_told_in_several(
    make_house: HouseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dsn, "SHOWN_FATES", 2)
    house = make_house(outbound={"smarthost": "127.0.0.1:1"})
    to = [f"r{number}@ailleurs.fr" for number in range(5)]
    submit(house, *to)
    assert done(house, "expire", "--domain", "ailleurs.fr", "--yes") == {"expired": 1}
    house.start_relay()
    until(lambda: not house.read(spool.show))
    told = [report_in(octets)[1] for octets in house.mail("ada")]
    assert sorted(status.count("Final-Recipient:") for status in told) == [1, 2, 2]
    assert all(any(f"; {address}" in status for status in told) for address in to)


def test_what_is_being_sent_is_left_alone(full: House) -> None:
    (leased, *_) = full.store.write_now(spool.lease, 1)
    assert full.read(selecting.extent, Selection()).rows == 2
    assert full.store.write_now(queue_admin.act_on, ORIGIN, Act.EXPIRE, Selection(domain="one.fr")) == (1, 0)
    assert full.store.write_now(waiting.give_up, [leased.id]) == 0
    given_up = [one for one in full.store.write_now(spool.lease, 10) if one.given_up is not None]
    assert [one.given_up for one in given_up] == [""]


def test_many_rows_are_taken_by_the_unit(full: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_admin, "BATCH", 1)
    assert done(full, "hold", "--sender", f"ada@{DOMAIN}", "--yes") == {"held": 3}
    assert set(rows(full).values()) == {HELD.name}
    assert done(full, "expire", "--older-than", "1m", "--yes") == {"expired": 0}


def test_rows_of_one_message_are_taken_by_the_unit(full: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list's message has one for each member elsewhere: more than one statement can name."""
    monkeypatch.setattr(outgoing_queue, "PAGE", 1)
    name = next(entry.name for entry in full.read(spool.show) if "z@two.fr" in entry.recipients)
    shown = json.loads(queue(full, "show", name, "--json").stdout)
    assert [one["recipients"] for one in shown] == [["x@one.fr", "y@one.fr"], ["z@two.fr"]]
    assert done(full, "hold", name) == {"held": 2}
    found = full.read(audit.find, audit.Wanted(action=Action.QUEUE_CHANGED), 2)
    assert [str(one.detail).partition(":")[0] for one in found] == ["hold 1", "hold 1"]


def test_all_is_tried_again_by_the_unit_but_what_is_held(full: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_admin, "BATCH", 1)
    full.store.write_now(waiting.hold, [entry.id for entry in full.read(spool.show)][:1])
    assert done(full, "retry") == {"retried": 2}
    found = full.read(audit.find, audit.Wanted(action=Action.QUEUE_CHANGED), 2)
    assert [str(one.detail) for one in found] == ["retry 1: all", "retry 1: all"]


def test_what_was_given_up_is_not_held_nor_leaves_after_all(full: House) -> None:
    assert done(full, "expire", "--domain", "two.fr", "--yes") == {"expired": 1}
    assert done(full, "hold", "--domain", "two.fr", "--yes") == {"held": 0}
    assert rows(full)[("z@two.fr",)] == spool.GIVEN_UP


def test_a_given_up_row_is_reported_even_where_its_author_is_braked(full: House) -> None:
    full.store.write_now(waiting.give_up, [entry.id for entry in full.read(spool.show)][:1])
    full.store.write_now(rules.brake, ORIGIN, Population.TEACHER, 0, "essai")
    try:
        taken = full.store.write_now(spool.lease, 10)
        assert [one.given_up is not None for one in taken] == [True]
    finally:
        full.store.write_now(rules.release, ORIGIN, Population.TEACHER)


# ---------------------------------------------------------------------- how long the queue was


def test_the_queue_is_looked_at_once_in_five_minutes_by_whoever_comes_first(make_house: HouseMaker) -> None:
    clock = StandingClock()
    house = make_house(clock=clock)
    jobs = [QueueSampling(store=house.store, clock=clock) for _ in range(2)]
    start = clock.now() - clock.now() % measures.SAMPLE_SECONDS + 2 * measures.SAMPLE_SECONDS
    clock.step(start - clock.now())
    submit(house, "x@one.fr", "z@two.fr")
    clock.step(100)
    assert [house.run(job.round()) for job in jobs] == [True, False]
    clock.step(measures.SAMPLE_SECONDS)
    house.store.write_now(waiting.hold, [entry.id for entry in house.read(spool.show)][:1])
    assert [house.run(job.round()) for job in reversed(jobs)] == [True, False]
    found = house.read(measures.since, (measures.SAMPLE,), 0)
    assert [(one.count, one.octets) for one in found] == [(2, 100), (1, 100 + measures.SAMPLE_SECONDS)]
