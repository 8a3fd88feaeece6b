"""One name for a message, from whoever handed it over to whoever has it last; `mailserver trace` tells its way."""

import json
import smtplib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.store.engine.transactions import Tx
from mailserver.store.queue import spool, traces
from mailserver.store.queue.traces import Step, Trace, Wanted, Way
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.store.schema.service.console import message_trace
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.filtering import ADA, BOB, FRIEND, filters_of, letter
from tests.smtp.house import DOMAIN, LIST, House
from tests.waiting import until

ALWAYS = (0, 1 << 40)
FORWARD = f'require ["copy", "variables"]; redirect :copy "{FRIEND}";'
ABSENT = 'require "vacation"; vacation "Absent.";'


def ways(house: House, message_id: str) -> tuple[Way, ...]:
    return house.read(traces.ways, Wanted(*ALWAYS, message_id=message_id), 50).messages


def names_in_queue(house: House) -> set[str]:
    return {entry.name for entry in house.read(spool.show)}


def clear(house: House) -> None:
    house.store.write_now(spool.drop, [entry.id for entry in house.read(spool.show)])


def told(answer: tuple[int, bytes]) -> str:
    """The identifier in a door's answer."""
    assert answer[0] == 250, answer
    return answer[1].decode().split()[-1]


def hand(house: House, octets: bytes, *to: str, sender: str = FRIEND, door: str = "smtp") -> str:
    with (smtplib.LMTP if door == "lmtp" else smtplib.SMTP)("127.0.0.1", house.ports[door], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(sender)
        for address in to:
            client.rcpt(address)
        return told(client.data(octets))


@pytest.mark.parametrize("door", ["smtp", "lmtp"])
def test_what_arrives_and_leaves_by_a_list_has_one_name(house: House, door: str) -> None:
    clear(house)
    octets = letter(to=LIST).replace(b"<1@ailleurs.fr>", f"<list-{door}@ailleurs.fr>".encode())
    name = hand(house, octets, LIST, door=door)
    (way,) = ways(house, f"<list-{door}@ailleurs.fr>")
    assert names_in_queue(house) == {name} == {way.name}
    (step,) = way.steps
    assert step.step is Step.RECEIVED
    assert step.detail == f"given to the lists: {LIST}"
    clear(house)


def test_what_a_filter_sends_on_has_the_name_of_what_came(make_house: HouseMaker) -> None:
    house = make_house(filters={"redirect": "anywhere"})
    for login, script in (("bob", FORWARD), ("ada", f'redirect "{BOB}";')):
        filters_of(house, login, script)
    octets = letter(to=ADA, sender=f"Eve <eve@{DOMAIN}>").replace(b"<1@ailleurs.fr>", b"<twice@ailleurs.fr>")
    name = house.run(house.submission.submit(house.people["eve"], f"eve@{DOMAIN}", [ADA], octets)).name
    (way,) = ways(house, "twice@ailleurs.fr")
    assert names_in_queue(house) == {name} == {way.name}
    said = [(step.step, step.detail.name) for step in way.steps]
    assert set(said) == {(Step.SUBMITTED, "plain"), (Step.FILTERED, "filter-sent-on")}
    assert said.count((Step.FILTERED, "filter-sent-on")) == 2


def test_an_absence_is_part_of_the_way_of_what_it_answers(filter_house: House) -> None:
    house = filter_house
    filters_of(house, "bob", ABSENT)
    octets = letter(to=BOB, sender=ADA).replace(b"<1@ailleurs.fr>", b"<absent@ailleurs.fr>")
    house.run(house.submission.submit(house.people["ada"], ADA, [BOB], octets))
    (way,) = ways(house, "<absent@ailleurs.fr>")
    assert [(step.step, str(step.detail)) for step in way.steps] == [
        (Step.FILTERED, f"absence message sent to {ADA}"),
        (Step.SUBMITTED, ""),
    ]


def test_the_report_of_a_failure_belongs_to_the_message(make_house: HouseMaker) -> None:
    elsewhere = Elsewhere().start()
    try:
        house = make_house(outbound={"smarthost": elsewhere.target, "retry": (1,), "timeout": 5})
        elsewhere.inbox.answers = {"amie@ailleurs.fr": "550 5.1.1 No such user"}
        name = hand(house, letter(to=LIST), LIST, sender="absender@dehors.fr")
        house.start_relay()
        until(lambda: house.read(traces.whole, name).steps[-1].step is Step.FAILED)
        (failed,) = [step for step in house.read(traces.whole, name).steps if step.step is Step.FAILED]
        assert "550 5.1.1 No such user" in failed.detail
    finally:
        elsewhere.stop()


# ---------------------------------------------------------------------- found


def fill(tx: Tx, count: int = 60) -> None:
    for number in range(count):
        message_id = f"<{number}@fill>" if number % 20 else "<same@fill>"
        first = Trace(Step.SUBMITTED, f"F{number:04d}", "f@fill.fr", ["x@a.fr", "y@b.fr"], message_id=message_id)
        traces.record(tx, first)
        traces.record(tx, Trace(Step.SENT, f"F{number:04d}", "f@fill.fr", ["x@a.fr"]))


def test_messages_are_found_by_what_is_known_of_them(make_house: HouseMaker) -> None:
    house = make_house()
    house.store.write_now(fill)
    (way,) = ways(house, "7@fill")
    assert [(step.name, step.step) for step in way.steps] == [("F0007", Step.SUBMITTED), ("F0007", Step.SENT)]
    assert [one.name for one in ways(house, "<same@fill>")] == ["F0040", "F0020", "F0000"]
    assert ways(house, "<nothing@fill>") == ways(house, "<>") == ()
    # A part of what is wanted finds all of it: the step that has no y@b.fr, too.
    found = house.read(traces.ways, Wanted(*ALWAYS, recipient="Y@B"), 3)
    assert [(one.name, len(one.steps)) for one in found.messages] == [("F0059", 2), ("F0058", 2), ("F0057", 2)]
    more = house.read(traces.ways, Wanted(*ALWAYS, recipient="Y@B"), 3, (found.at, found.id))
    assert [one.name for one in more.messages] == ["F0056", "F0055", "F0054"]
    assert house.read(traces.find, Wanted(*ALWAYS, sender="100%"), 3).rows == ()
    assert house.read(traces.find, Wanted(0, 1, sender="fill"), 3).rows == ()


def test_many_with_its_message_id_hide_none_from_who_says_when(
    make_house: HouseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StandingClock()
    house = make_house(clock=clock)
    monkeypatch.setattr(traces, "MAX_ALIKE", 5)

    def sent(tx: Tx, name: str, count: int) -> None:
        for number in range(count):
            step = Trace(Step.SUBMITTED, f"{name}{number}", "f@fill.fr", ["x@a.fr"], message_id="<same@fill>")
            traces.record(tx, step)

    house.store.write_now(sent, "OLD", 1)
    clock.step(3600)
    house.store.write_now(sent, "NEW", 10)
    until_then = Wanted(0, int(clock.now()) - 10, message_id="<same@fill>")
    assert [one.name for one in house.read(traces.ways, until_then, 50).messages] == ["OLD0"]


def test_a_look_is_bounded_and_the_next_goes_on(make_house: HouseMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make_house()
    house.store.write_now(fill)
    monkeypatch.setattr(traces, "SCANNED", 25)
    wanted = Wanted(*ALWAYS, sender="fill", steps=(Step.SUBMITTED,))
    names: list[str] = []
    before, looks = (0, 0), 0
    while True:
        found = house.read(traces.find, wanted, 100, before)
        names += [row.name for row in found.rows]
        before, looks = (found.at, found.id), looks + 1
        if before == (0, 0):
            break
    assert names == [f"F{number:04d}" for number in reversed(range(60))]
    assert looks == 5


# ---------------------------------------------------------------------- the command


def trace(directory: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["trace", str(directory), *words])


def facts(directory: Path, *words: str) -> list[dict[str, Any]]:
    done = trace(directory, *words, "--json")
    assert done.exit_code == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["messages"]
    return found


def test_the_command_tells_every_step_and_what_waits(make_house: HouseMaker) -> None:
    house = make_house(outbound={"smarthost": "127.0.0.1:1", "retry": (3600,)})
    relay = house.start_relay()
    octets = b"From: Ada <" + ADA.encode() + b">\r\nMessage-ID: <told@x>\r\n\r\nx\r\n"
    name = house.run(house.submission.submit(house.people["ada"], ADA, ["x@one.fr", BOB], octets)).name
    until(lambda: all(one.error for one in house.read(spool.show)) and not relay.is_busy)
    house.stop_relays()
    directory = house.settings.directory
    for asked in (["--id", name.lower()], ["--message-id", "told@x"], ["--from", "ada@", "--to", "one.fr"]):
        (message,) = facts(directory, *asked)
        assert message["id"] == name
        assert [step["step"] for step in message["steps"]] == ["submitted", "deferred"]
        assert sorted(message["steps"][0]["recipients"]) == [BOB, "x@one.fr"]
        assert "refuses the connection" in message["steps"][1]["detail"]
        (row,) = message["waiting"]
        assert row["domain"] == "one.fr"
    shown = trace(directory, "--id", name).stdout
    assert "refuses the connection" in shown
    assert "next attempt" in shown
    rows = house.read(audit.find, audit.Wanted(action=Action.TRACED), 20)
    assert any("Message-ID told@x" in str(row.detail) for row in rows)


def test_every_recipient_that_a_row_keeps_is_told(filter_house: House) -> None:
    addresses = [f"{'a' * 16}{number:03}@x.fr" for number in range(39)] + [f"{'b' * 20}@x.fr"]
    assert len(" ".join(addresses)) == traces.MAX_RECIPIENTS
    for name, several in (("0A", addresses), ("0B", [*addresses[1:], addresses[0][1:]])):
        filter_house.store.write_now(traces.record, Trace(Step.RECEIVED, name, FRIEND, several))
        (step,) = filter_house.read(traces.whole, name).steps
        assert list(step.recipients) == several[: len(step.recipients)]
        assert len(step.recipients) + 1 >= len(several)
        row = filter_house.read(_kept, name)
        assert row.split(" ") == list(step.recipients), "no row keeps an address that nobody is told"


def _kept(tx: Tx, name: str) -> str:
    return str(tx.execute(select(message_trace.c.recipients).where(message_trace.c.name == name)).scalar_one())


def test_the_command_says_that_nothing_is_there(make_house: HouseMaker) -> None:
    directory = make_house().settings.directory
    nothing = trace(directory, "--from", "nobody@nowhere.fr")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert "no message was found; steps are kept for 30 days" in nothing.stderr
    assert json.loads(trace(directory, "--id", "0", "--json").stdout) == {"messages": [], "more": False}
    assert trace(directory, "--since", "tomorrow").exit_code == 2
    assert trace(directory, "--limit", "0").exit_code == 2
