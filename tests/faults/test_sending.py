"""What mail needs on its way out fails for hours: nothing is lost or leaves twice, and its author is told once."""

import contextlib
import itertools
import smtplib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from mailserver.model.clock import DAY, HOUR
from mailserver.model.errors import NoRoom, Temporary
from mailserver.outbound.submission import queue_admin
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool
from mailserver.store.record.audit import Origin
from tests.clocks import StandingClock
from tests.ports import free_port
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere, Names
from tests.smtp.house import DOMAIN, House
from tests.smtp.test_relay import MESSAGE, queue, report_in, submit
from tests.smtp.test_unknown_commit import message
from tests.waiting import until

BOB = f"bob@{DOMAIN}"
LONGEST = 4 * HOUR
"""No attempt is put off for longer, as the settings are."""


@pytest.fixture
def smarthost() -> Iterator[Elsewhere]:
    """One that nobody has started yet."""
    elsewhere = Elsewhere(port=free_port("127.0.0.1"))
    yield elsewhere
    elsewhere.stop()


@pytest.fixture
def house(make_house: HouseMaker, smarthost: Elsewhere) -> House:
    """Time stands still in it; all its mail leaves by the smarthost."""
    return make_house(clock=StandingClock(), outbound={"smarthost": smarthost.target, "timeout": 5})


def pass_time(house: House, seconds: float, **options: Any) -> None:
    """Between two looks of the relay: a lease that is being taken would end with the step."""
    house.stop_relays()
    house.clock.step(seconds)  # type: ignore[attr-defined]
    house.start_relay(**options)


def later(house: House, seconds: float, **options: Any) -> None:
    """So much time passes, and the relay has done what was due then."""
    pass_time(house, seconds, **options)
    look(house)


def wake(house: House) -> None:
    house.store.write_now(lambda tx: tx.changed(0, spool.NEWS))


def look(house: House) -> None:
    wake(house)
    until(lambda: all(not one.sending and one.due > house.clock.now() for one in queue(house)))


def taken(elsewhere: Elsewhere) -> Counter[str]:
    return Counter(address for one in elsewhere.inbox.taken for address in one.rcpt_tos)


def test_a_smarthost_that_is_dead_for_hours(house: House, smarthost: Elsewhere) -> None:
    """After four hours its author hears that it waits, once; when the relay is back all of it leaves, once."""
    house.start_relay()
    submit(house, "x@ailleurs.fr", "y@ailleurs.fr")
    look(house)
    for _ in range(12):
        later(house, HOUR)
    (report,) = house.mail("ada")
    assert "Action: delayed" in report_in(report)[1]
    smarthost.start()
    pass_time(house, LONGEST)
    wake(house)
    until(lambda: not queue(house))
    assert taken(smarthost) == {"x@ailleurs.fr": 1, "y@ailleurs.fr": 1}
    assert len(house.mail("ada")) == 1


@pytest.mark.parametrize("days", [1, 400])
def test_a_clock_that_jumps_and_comes_back_while_mail_waits(house: House, smarthost: Elsewhere, days: int) -> None:
    """Nothing is given up by it, and once it is right again nothing waits for the time of before."""
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    look(house)
    house.clock.jump(days * DAY)  # type: ignore[attr-defined]
    look(house)
    assert [one.attempts for one in queue(house)] == [2]
    assert [report for report in house.mail("ada") if "Action: failed" in report_in(report)[1]] == []
    house.clock.jump(-days * DAY)  # type: ignore[attr-defined]
    wake(house)
    until(lambda: all(not one.sending and one.due <= house.clock.now() + LONGEST for one in queue(house)))
    smarthost.start()
    pass_time(house, LONGEST)
    wake(house)
    until(lambda: not queue(house))
    assert taken(smarthost) == {"x@ailleurs.fr": 1}


def test_a_clock_that_goes_back_a_day_while_mail_waits(house: House, smarthost: Elsewhere) -> None:
    """What an operator holds stays where it is."""
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    submit(house, "held@autre.fr")
    look(house)
    held = next(one for one in queue(house) if one.domain == "autre.fr")
    house.store.write_now(queue_admin.hold, Origin("essai", "console"), [held.id])
    house.clock.jump(-DAY)  # type: ignore[attr-defined]
    wake(house)
    until(lambda: any(one.attempts == 2 and not one.sending for one in queue(house)))
    assert {one.domain: one.due - house.clock.now() < LONGEST for one in queue(house)} == {
        "ailleurs.fr": True,
        "autre.fr": False,
    }


def test_who_sends_is_killed_while_the_clock_is_ahead(house: House, smarthost: Elsewhere) -> None:
    """Once it is right again their lease lasts as long as one that is given now."""
    submit(house, "x@ailleurs.fr")
    house.clock.jump(30 * DAY)  # type: ignore[attr-defined]
    assert len(house.store.write_now(spool.lease, 9)) == 1
    house.clock.jump(-30 * DAY)  # type: ignore[attr-defined]
    smarthost.start()
    house.start_relay()
    until(lambda: all(one.due <= house.clock.now() + spool.LEASE for one in queue(house)))
    assert taken(smarthost) == {}, "they may be alive"
    pass_time(house, spool.LEASE + 1)
    wake(house)
    until(lambda: not queue(house))
    assert taken(smarthost) == {"x@ailleurs.fr": 1}


def test_names_that_cannot_be_looked_up_for_hours(make_house: HouseMaker, smarthost: Elsewhere) -> None:
    """That nobody knows a domain's servers now is no word that there are none."""
    names = Names()
    names.known = {("ailleurs.fr", "MX"): ["10 mx.ailleurs.fr."], ("mx.ailleurs.fr", "A"): ["127.0.0.1"]}
    names.broken = {"ailleurs.fr", "mx.ailleurs.fr"}
    house = make_house(clock=StandingClock(), outbound={"port": smarthost.port, "timeout": 5})
    smarthost.start()
    house.start_relay(resolver=names.resolver())
    submit(house, "x@ailleurs.fr")
    look(house)
    for _ in range(6):
        later(house, HOUR, resolver=names.resolver())
    assert taken(smarthost) == {}
    assert ["Action: delayed" in report_in(one)[1] for one in house.mail("ada")] == [True]
    names.broken.clear()
    pass_time(house, LONGEST, resolver=names.resolver())
    wake(house)
    until(lambda: not queue(house))
    assert taken(smarthost) == {"x@ailleurs.fr": 1}
    house.stop_relays()
    names.stop()


# ---------------------------------------------------------------------- a disk that is full


def limit(tx: Tx, pages: int) -> None:
    """What a full disk does: the database may not grow."""
    tx._cursor.execute(f"PRAGMA max_page_count={pages}")


def ballast(tx: Tx, number: int, octets: int) -> None:
    tx._cursor.execute("CREATE TABLE IF NOT EXISTS ballast (octets)")
    tx._cursor.executemany("INSERT INTO ballast VALUES (zeroblob(?))", [(octets,)] * number)


def fill_up(house: House) -> None:
    """Until not one page is left."""
    house.store.write_now(ballast, 1, 1)
    house.store.write_now(limit, 1)  # SQLite takes the present size
    for octets in (400_000, 40_000, 3000, 1):
        with contextlib.suppress(NoRoom):
            while True:
                house.store.write_now(ballast, 1, octets)


def empty_out(house: House) -> None:
    house.store.write_now(limit, 1 << 30)


def offer(house: House, octets: bytes) -> int:
    """Mail from outside; the code of its answer."""
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.ehlo("mx.exemple.org")
        client.mail("x@exemple.org")
        code = client.rcpt(BOB)[0]
        return client.data(octets)[0] if code == 250 else code


def test_a_disk_that_fills_while_mail_leaves(house: House, smarthost: Elsewhere) -> None:
    """What the other server has is not sent again, however long nobody can write down that it has it; what is offered
    meanwhile, from inside and outside, is refused for now and is nowhere."""
    smarthost.start()
    smarthost.inbox.hold.clear()
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: smarthost.inbox.held)
    fill_up(house)
    smarthost.inbox.hold.set()
    until(lambda: smarthost.inbox.taken)
    large = message(20_000)
    with pytest.raises(Temporary):
        submit(house, "y@ailleurs.fr", octets=MESSAGE + large)
    assert offer(house, large) == 452
    empty_out(house)
    until(lambda: not queue(house))
    assert taken(smarthost) == {"x@ailleurs.fr": 1}
    assert house.mail("bob") == []
    submit(house, "y@ailleurs.fr", octets=MESSAGE + large)
    assert offer(house, large) == 250
    until(lambda: not queue(house))
    assert taken(smarthost) == {"x@ailleurs.fr": 1, "y@ailleurs.fr": 1}
    assert len(house.mail("bob")) == 1


def test_a_disk_with_little_left_takes_what_fits(house: House, smarthost: Elsewhere) -> None:
    """99 %: a small letter goes in and out beside a large one that is refused."""
    smarthost.start()
    house.start_relay()
    house.store.write_now(ballast, 40, 4000)
    fill_up(house)
    house.store.write_now(lambda tx: tx._cursor.execute("DELETE FROM ballast WHERE octets = zeroblob(4000)").fetchall())
    said = list(itertools.takewhile(lambda code: code == 250, (offer(house, message(20_000)) for _ in range(10))))
    assert 0 < len(said) < 10
    assert (offer(house, message(20_000)), offer(house, message(100))) == (452, 250)
    submit(house, "x@ailleurs.fr")
    until(lambda: not queue(house))
    assert taken(smarthost) == {"x@ailleurs.fr": 1}
    assert len(house.mail("bob")) == len(said) + 1


# ---------------------------------------------------------------------- large messages


def test_the_store_of_large_messages_goes_away_while_one_waits(house: House, smarthost: Elsewhere) -> None:
    """It is not taken for damaged: it leaves, whole and once, when its octets are there again. Small mail goes on."""
    large = MESSAGE + message(150_000)
    submit(house, "x@ailleurs.fr", octets=large)
    blobs = house.settings.data / "blobs"
    blobs.rename(blobs.with_name("away"))
    smarthost.start()
    house.start_relay()
    submit(house, "small@autre.fr")
    until(lambda: taken(smarthost))
    assert offer(house, large) in (451, 452)
    pass_time(house, HOUR)
    wake(house)
    until(lambda: [one.attempts for one in queue(house)] == [2])
    assert taken(smarthost) == {"small@autre.fr": 1}
    assert house.mail("ada") == []
    blobs.with_name("away").rename(blobs)
    pass_time(house, spool.LEASE + 1)
    wake(house)
    until(lambda: not queue(house))
    assert taken(smarthost) == {"small@autre.fr": 1, "x@ailleurs.fr": 1}
    assert smarthost.inbox.octets[-1].endswith(large)
    assert house.mail("ada") == []
