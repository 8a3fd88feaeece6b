"""What a mail program submits for later: it waits where letters planned in the web wait, and leaves once."""

import email
import smtplib
from collections.abc import Sequence
from datetime import UTC, datetime
from email import policy

import pytest

from mailserver.outbound.submission.waiting.confirmed import UnconfirmedMail
from mailserver.outbound.submission.waiting.scheduled import ScheduledMail
from mailserver.policy.viewers import Sharing
from mailserver.store.account import accounts
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import outbox, spool, traces
from mailserver.store.queue.held import unconfirmed
from mailserver.store.queue.outbox import Waiting
from mailserver.store.queue.traces import Step, Wanted
from mailserver.store.record.audit import Origin
from mailserver.store.upkeep import erasure
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.filtering import ADA, BOB
from tests.smtp.house import DOMAIN, LIST, PASSWORD, House

HOUR = 3600
OUTSIDE = "amie@ailleurs.fr"
NIR = "1 85 05 78 006 084 91"


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def house(make_house: HouseMaker, clock: StandingClock) -> House:
    return make_house(clock=clock)


@pytest.fixture
def worker(house: House) -> ScheduledMail:
    return ScheduledMail(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        submission=house.submission,
        sharing=Sharing(
            directory=house.directory, store=house.store, changes=house.changes, clock=house.clock, domain=DOMAIN
        ),
        clock=house.clock,
    )


def octets(text: str = "Bonjour", to: str = BOB) -> bytes:
    return f"From: <{ADA}>\r\nTo: <{to}>\r\nSubject: Rentrée\r\n\r\n{text}\r\n".encode()


def submit(
    house: House, message: bytes, option: str, recipients: Sequence[tuple[str, Sequence[str]]] = ((BOB, ()),)
) -> tuple[int, str]:
    """The answer to a message."""
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as door:
        door.starttls(context=tls_context())
        door.login("ada", PASSWORD)
        code, said = door.mail(ADA, [option, "ENVID=QQ1", "RET=HDRS", "BODY=8BITMIME"])
        assert code == 250, said
        for address, options in recipients:
            assert door.rcpt(address, list(options))[0] == 250
        code, said = door.data(message)
        return code, said.decode()


def decides(house: House) -> UnconfirmedMail:
    return UnconfirmedMail(
        settings=house.settings,
        store=house.store,
        delivery=house.delivery,
        submission=house.submission,
        clock=house.clock,
    )


def waiting(house: House) -> list[Waiting]:
    return house.read(outbox.listing, house.people["ada"].account_id)


def steps(house: House) -> list[Step]:
    return [one.step for one in reversed(house.read(traces.find, Wanted(0, 2**40, ADA), 9).rows)]


def test_it_waits_beside_what_is_planned_in_the_web_and_leaves_once(
    house: House, clock: StandingClock, worker: ScheduledMail
) -> None:
    due = int(clock.now()) + HOUR
    told = (OUTSIDE, ("NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;amie@ailleurs.fr"))
    code, said = submit(house, octets(), "HOLDFOR=3600", [(BOB, ["NOTIFY=SUCCESS"]), told])
    assert code == 250
    assert said.endswith(f" until {datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}")
    (one,) = waiting(house)
    assert (one.due, one.planned, one.subject) == (due, True, "Rentrée")
    assert house.run(worker.round()) == 0
    assert (house.mail("bob"), house.read(spool.show), steps(house)) == ([], [], [Step.HELD])
    clock.step(HOUR)
    assert house.run(worker.round()) == 1
    assert house.run(worker.round()) == 0
    assert waiting(house) == []
    (delivered,) = house.mail("bob")
    assert delivered.count(b"Received:") == 1
    assert b"with ESMTPSA id " + said.split()[3].encode() in delivered
    assert OUTSIDE.encode() not in delivered, "it was a blind copy"
    (row,) = house.store.write_now(spool.lease, 9)
    (addressee,) = row.recipients
    assert (row.name, row.envid, row.ret) == (said.split()[3], "QQ1", "HDRS")
    assert (addressee.notify, addressee.orcpt) == (spool.Notify.SUCCESS | spool.Notify.DELAY, f"rfc822;{OUTSIDE}")
    assert Step.SUBMITTED in steps(house)
    (report,) = (email.message_from_bytes(one, policy=policy.default) for one in house.mail("ada"))
    assert report.get_content_type() == "multipart/report"
    assert "Original-Envelope-Id: QQ1" in report.as_string()


def test_until_a_moment_and_another_time_set_in_the_web(
    house: House, clock: StandingClock, worker: ScheduledMail
) -> None:
    account_id = house.people["ada"].account_id
    moment = datetime.fromtimestamp(clock.now() + 2 * HOUR, UTC)
    submit(house, octets(), f"HOLDUNTIL={moment:%Y-%m-%dT%H:%M:%SZ}")
    (one,) = waiting(house)
    assert one.due == moment.timestamp()
    house.store.write_now(outbox.plan, account_id, one.id, int(clock.now()) + HOUR)
    clock.step(HOUR)
    house.run(worker.round())
    assert len(house.mail("bob")) == 1


def test_called_back_it_is_a_draft_with_everybody_in_it(
    house: House, clock: StandingClock, worker: ScheduledMail
) -> None:
    account_id = house.people["ada"].account_id
    submit(house, octets(), "HOLDFOR=60", [(BOB, ()), (OUTSIDE, ())])
    (one,) = waiting(house)
    house.store.write_now(outbox.call_back, account_id, one.id)
    (draft,) = house.mail("ada", "Drafts")
    assert email.message_from_bytes(draft, policy=policy.default)["Bcc"] == OUTSIDE
    assert draft.endswith(octets())
    clock.step(HOUR)
    house.run(worker.round())
    assert (waiting(house), house.mail("bob")) == ([], [])


def test_what_gives_something_away_is_asked_about_first_and_waits_on(
    house: House, clock: StandingClock, worker: ScheduledMail
) -> None:
    ada = house.people["ada"]
    code, said = submit(house, octets(NIR, OUTSIDE), "HOLDFOR=3600", [(OUTSIDE, ())])
    assert (code, "confirm" in said) == (250, True)
    assert waiting(house) == []
    (one,) = house.read(unconfirmed.listing, ada.account_id)
    house.run(decides(house).send(ada, one.id, Origin("ada", "test")))
    assert house.read(unconfirmed.listing, ada.account_id) == []
    assert [letter.due for letter in waiting(house)] == [int(clock.now()) + HOUR]
    assert house.read(spool.show) == []
    clock.step(HOUR)
    house.run(worker.round())
    assert [entry.domain for entry in house.read(spool.show)] == ["ailleurs.fr"]


def test_a_list_that_has_somebody_outside_by_then_is_asked_about_when_it_leaves(
    house: House, clock: StandingClock, worker: ScheduledMail
) -> None:
    ada = house.people["ada"]
    house.store.write_now(lists.remove_members, LIST, [OUTSIDE])
    code, said = submit(house, octets(NIR, LIST), "HOLDFOR=3600", [(LIST, ())])
    assert (code, "confirm" in said) == (250, False), "it stays in the academy"
    house.store.write_now(lists.add_members, LIST, [OUTSIDE])
    clock.step(HOUR)
    house.run(worker.round())
    assert (house.read(spool.show), house.mail("bob")) == ([], [])
    (one,) = house.read(unconfirmed.listing, ada.account_id)
    assert waiting(house) == []
    assert house.run(worker.round()) == 0
    assert len(house.mail("ada")) == 1, "it is asked once"
    house.run(decides(house).send(ada, one.id, Origin("ada", "test")))
    assert [entry.domain for entry in house.read(spool.show)] == ["ailleurs.fr"]
    assert len(house.mail("bob")) == 1


def test_what_its_author_may_send_counts_when_it_leaves(make_house: HouseMaker, clock: StandingClock) -> None:
    marks = {"teachers": dict.fromkeys(("minute", "ten_minutes", "hour", "ten_hours"), (1, 2))}
    house = make_house(clock=clock, sending=marks)
    answers = [submit(house, octets(), "SIZE=1") for _ in range(3)]
    assert answers[-1][0] == 452, "they have sent enough for now"
    for _ in range(2):
        code, said = submit(house, octets(), "HOLDFOR=3600")
        assert (code, " until " in said) == (250, True)


def test_a_login_that_ended_meanwhile_sends_nothing(house: House, clock: StandingClock, worker: ScheduledMail) -> None:
    account_id = house.people["ada"].account_id
    submit(house, octets(), "HOLDFOR=60")
    house.store.write_now(accounts.suspend, account_id, "", False)
    clock.step(HOUR)
    house.run(worker.round())
    assert house.mail("bob") == []
    assert len(house.mail("ada", "Drafts")) == 1


def test_so_many_wait_and_so_much(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    account_id = house.people["ada"].account_id
    submit(house, octets(), "HOLDFOR=60")
    monkeypatch.setattr(outbox, "MAX_WAITING", 1)
    assert submit(house, octets(), "HOLDFOR=60") == (452, "4.5.3 too many letters wait")
    monkeypatch.undo()
    house.store.write_now(accounts.set_quota, account_id, 50)
    assert submit(house, octets(), "HOLDFOR=60") == (452, "4.5.3 the letters that wait are too large")
    assert len(waiting(house)) == 1
    while house.store.write_now(erasure.step, account_id):
        continue
    assert waiting(house) == []
