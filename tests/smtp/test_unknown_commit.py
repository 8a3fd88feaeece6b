"""PostgreSQL commits, and its answer is lost: nobody knows, so nothing is done twice and nothing is undone."""

import random
import shutil
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.store.queue import spool, traces
from mailserver.store.queue.traces import Step
from tests.clocks import StandingClock
from tests.cutting import Cutter
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import DOMAIN, House
from tests.smtp.test_relay import queue, submit
from tests.waiting import until

BOB = f"bob@{DOMAIN}"

pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture(scope="module")
def house(instance_template: Path, tmp_path_factory: pytest.TempPathFactory, cutter: Cutter) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("unknown") / "dir"
    shutil.copytree(instance_template, directory)
    made = House(directory, database={"url": cutter.url})
    yield made
    made.stop()


def message(octets: int) -> bytes:
    """So many octets that nothing compresses: many of them are kept in a file of their own."""
    body = random.Random(octets).randbytes(octets).hex()
    lines = "\r\n".join(body[start : start + 72] for start in range(0, len(body), 72))
    return f"From: x@exemple.org\r\nSubject: {octets}\r\n\r\n{lines}\r\n".encode()


@pytest.mark.parametrize("size", [100, 150_000])
def test_a_delivery_whose_commit_is_unknown(house: House, cutter: Cutter, size: int) -> None:
    house.empty()
    octets = message(size)
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.ehlo("mx.exemple.org")
        client.mail("x@exemple.org")
        assert client.rcpt(BOB)[0] == 250
        cutter.arm()
        code, text = client.data(octets)
    assert cutter.cut.is_set()
    assert (code, text[:5]) == (451, b"4.3.0"), "nobody knows whether it is there: its sender comes again"
    (stored,) = house.mail("bob")
    assert stored.endswith(octets), "what was committed is whole"
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        assert client.sendmail("x@exemple.org", [BOB], octets) == {}, "and the house works on"
    assert len(house.mail("bob")) == 2


def test_what_a_relay_could_not_put_down_before_it_stopped_leaves_once(
    instance_template: Path, tmp_path: Path, house: House, cutter: Cutter
) -> None:
    """It is stopped while the database is away, and another begins when that is back and the lease is over."""
    shutil.copytree(instance_template, tmp_path / "dir")
    elsewhere = Elsewhere().start()
    elsewhere.inbox.hold.clear()
    elsewhere.inbox.answers = {"later@ailleurs.fr": "451 4.2.0 later"}
    clock = StandingClock()
    outbound = {"smarthost": elsewhere.target, "retry": (600,)}
    other = House(tmp_path / "dir", clock=clock, database={"url": cutter.url}, outbound=outbound)
    try:
        other.start_relay()
        submit(other, "x@ailleurs.fr", "later@ailleurs.fr")
        until(lambda: elsewhere.inbox.held)
        cutter.go_down()
        elsewhere.inbox.hold.set()
        until(lambda: elsewhere.inbox.taken)
        before = cutter.refused
        until(lambda: cutter.refused >= before + 2)  # writing it down has failed
        other.stop_relays()
        assert len(list((tmp_path / "dir" / "data" / "relay").iterdir())) == 1
        cutter.come_back()
        clock.step(spool.LEASE + 1)
        elsewhere.inbox.answers = {}
        other.start_relay()
        until(lambda: not queue(other))
        assert [sorted(one.rcpt_tos) for one in elsewhere.inbox.taken] == [["x@ailleurs.fr"], ["later@ailleurs.fr"]]
        assert list((tmp_path / "dir" / "data" / "relay").iterdir()) == []
        wanted = traces.Wanted(0, 1 << 40, recipient="x@ailleurs.fr", steps=(Step.SENT,))
        assert [one.detail.name for one in other.read(traces.find, wanted, 9).rows] == ["left-before-stop"]
    finally:
        cutter.come_back()
        other.stop()
        elsewhere.stop()


def test_what_leaves_while_the_database_is_away_leaves_once(
    instance_template: Path, tmp_path: Path, house: House, cutter: Cutter
) -> None:
    """The other server takes the message, and nobody can write that down before the database is back."""
    shutil.copytree(instance_template, tmp_path / "dir")
    elsewhere = Elsewhere().start()
    elsewhere.inbox.hold.clear()
    outbound = {"smarthost": elsewhere.target, "retry": (600,)}
    other = House(tmp_path / "dir", clock=StandingClock(), database={"url": cutter.url}, outbound=outbound)
    try:
        other.start_relay()
        submit(other, "x@ailleurs.fr")
        until(lambda: len(elsewhere.inbox.said) == 3)
        cutter.go_down()
        elsewhere.inbox.hold.set()
        until(lambda: elsewhere.inbox.taken)
        before = cutter.refused
        until(lambda: cutter.refused >= before + 2)  # writing it down has failed
        cutter.come_back()
        until(lambda: not queue(other))  # time stands still: no lease runs out
        assert len(elsewhere.inbox.taken) == 1
    finally:
        cutter.come_back()
        other.stop()
        elsewhere.stop()
