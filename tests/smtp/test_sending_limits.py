"""How much one account may send: counted over doors and workers, held for IT past one mark, refused past the next."""

import asyncio
import email
import smtplib
from collections.abc import Iterator
from datetime import datetime
from email import policy
from zoneinfo import ZoneInfo

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.model.rules.sentences import SentTooMuch
from mailserver.outbound.submission.departure import Outcome
from mailserver.outbound.submission.waiting.held import HeldSubmissions
from mailserver.store.account import accounts
from mailserver.store.queue import sent_counts, spool, traces
from mailserver.store.queue.held import held_submissions
from mailserver.store.queue.traces import Step, Wanted
from mailserver.store.record import audit, trusted_clock
from mailserver.store.record.audit import Action, Origin
from mailserver.store.upkeep import erasure
from mailserver.texts.languages import ENGLISH
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.filtering import ADA, BOB, filters_of, letter
from tests.smtp.house import DOMAIN, PASSWORD, House
from tests.waiting import until

IT = Origin("it", "test")
WIDE = (1_000_000, 1_000_000)
MARKS = {
    "minute": (3, 5),
    **dict.fromkeys(("ten_minutes", "hour", "ten_hours", "new_outside_per_day", "failures_per_hour"), WIDE),
}
MESSAGE = f"From: Ada <{ADA}>\r\nTo: {BOB}\r\nSubject: Sortie\r\n\r\nBonjour\r\n".encode()


@pytest.fixture
def clock() -> StandingClock:
    """Noon of a Tuesday, when no mark is divided."""
    made = StandingClock()
    noon = datetime(2026, 11, 3, 12, tzinfo=ZoneInfo("Europe/Paris")).timestamp()
    made.step(noon - made.now())
    return made


@pytest.fixture
def limited(make_house: HouseMaker, clock: StandingClock) -> House:
    return make_house(clock=clock, sending={"teachers": MARKS})


def submit(house: House, *recipients: str, **options: bool) -> Outcome:
    return house.run(house.submission.submit(house.people["ada"], ADA, recipients, MESSAGE, **options))  # type: ignore[arg-type]


def waiting(house: House) -> list[held_submissions.Held]:
    return house.read(held_submissions.waiting)


def decides(house: House) -> HeldSubmissions:
    return HeldSubmissions(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        clock=house.clock,
    )


def subjects(house: House, login: str) -> list[str]:
    return [str(email.message_from_bytes(octets, policy=policy.default)["Subject"]) for octets in house.mail(login)]


def test_a_message_waits_and_then_it_is_refused(limited: House, clock: StandingClock) -> None:
    """Every door counts for the same account; the sentence says when to try again, and then it is taken."""
    with smtplib.SMTP("127.0.0.1", limited.ports["submission"], timeout=60) as door:
        door.starttls(context=tls_context())
        door.login("ada", PASSWORD)
        door.sendmail(ADA, [BOB], MESSAGE)
        submit(limited, BOB, "x@ailleurs.fr")
        assert len(limited.mail("bob")) == 2
        door.sendmail(ADA, [BOB], MESSAGE)
        submit(limited, "y@ailleurs.fr", save_to_sent=True)
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            door.sendmail(ADA, [BOB], MESSAGE)
    assert refusal.value.smtp_code == 452
    said = str(refusal.value.smtp_error)
    assert "6 destinataires en une minute, pour 5 permis" in said
    assert "2026-11-03 12:0" in said
    assert len(limited.mail("bob")) == 2
    assert [entry.domain for entry in limited.read(spool.show)] == ["ailleurs.fr"]
    assert [[target.address for target in one.targets] for one in waiting(limited)] == [[BOB], ["y@ailleurs.fr"]]
    assert subjects(limited, "ada")[0].startswith("Vos messages attendent avant de partir")
    assert len(limited.mail("ada")) == 1, "told once, however much waits"
    assert len(limited.mail("ada", "Sent")) == 1
    assert "ada" in subjects(limited, "admin")[0]
    steps = [one.step for one in limited.read(traces.find, Wanted(0, 2**40, ADA), 10).rows]
    assert steps.count(Step.HELD) == 2
    with pytest.raises(SentTooMuch):
        submit(limited, BOB)
    clock.step(130)
    submit(limited, BOB)
    assert len(limited.mail("bob")) == 3


@pytest.mark.parametrize(
    ("hour", "times", "again"),
    [(19, 2, "2026-11-03 20:51"), (5, 1, "2026-11-03 06:00"), (12, 2, "2026-11-03 13:31")],
)
def test_when_to_try_again_is_right_where_night_begins_or_ends(
    make_house: HouseMaker, clock: StandingClock, hour: int, times: int, again: str
) -> None:
    """By night half as much is permitted: what leaves the window may not be enough, or be more than has to."""
    house = make_house(clock=clock, sending={"teachers": MARKS | {"minute": WIDE, "hour": (4, 8)}})
    clock.step(datetime(2026, 11, 3, hour, 30, tzinfo=ZoneInfo("Europe/Paris")).timestamp() - clock.now())
    four = tuple(f"{name}@{DOMAIN}" for name in ("bob", "eve", "zoe", "admin"))
    for number in range(times):
        clock.step(number * 20 * 60)
        submit(house, *four)
    with pytest.raises(SentTooMuch) as refusal:
        submit(house, BOB)
    said = refusal.value.said.to(ENGLISH)
    assert said.endswith(f"{again}."), said
    clock.step(datetime.fromisoformat(again).replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() - clock.now() - 60)
    with pytest.raises(SentTooMuch):
        submit(house, BOB)
    clock.step(60)
    submit(house, BOB)


def test_it_can_always_be_asked(limited: House) -> None:
    for _ in range(8):
        submit(limited, f"postmaster@{DOMAIN}")
    assert waiting(limited) == []
    submit(limited, BOB)
    assert len(limited.mail("bob")) == 1


def test_what_waits_leaves_or_does_not(limited: House) -> None:
    submit(limited, *[f"{name}@{DOMAIN}" for name in ("bob", "eve", "zoe")])
    for _ in range(2):
        submit(limited, BOB)
    first, second = waiting(limited)
    released = limited.run(decides(limited).release(first.id, IT))
    assert (released.recipients, released.left) == (1, ())
    assert len(limited.mail("bob")) == 2
    assert limited.mail("bob")[1].count(b"Received:") == 1
    with pytest.raises(Refused) as refusal:
        limited.run(decides(limited).release(first.id, IT))
    assert refusal.value.reason is Reason.NOT_FOUND
    assert limited.run(decides(limited).drop([first.id, second.id], IT)) == 1
    assert waiting(limited) == []
    assert len(limited.mail("bob")) == 2
    assert subjects(limited, "ada")[-1].startswith("Messages non envoyés")
    assert b"- Sortie" in limited.mail("ada")[-1]
    rows = limited.read(audit.find, audit.Wanted(action=Action.SUBMISSION_DECIDED), 9)
    assert [str(row.detail).rpartition(": ")[2] for row in rows] == ["dropped", "released"]


def test_who_cannot_get_it_is_told_to_its_author(limited: House) -> None:
    submit(limited, *[f"{name}@{DOMAIN}" for name in ("bob", "eve", "zoe", "admin")])
    limited.store.write_now(accounts.close, limited.people["eve"].account_id, "test")
    (one,) = waiting(limited)
    released = limited.run(decides(limited).release(one.id, IT))
    assert released.left == (f"eve@{DOMAIN}",)
    assert len(limited.mail("bob")) == 1
    assert f"eve@{DOMAIN}".encode() in limited.mail("ada")[-1]


def test_a_suspended_author_sends_nothing(limited: House) -> None:
    submit(limited, *[f"{name}@{DOMAIN}" for name in ("bob", "eve", "zoe", "admin")])
    limited.store.write_now(accounts.suspend, limited.people["ada"].account_id, "test", False)
    (one,) = waiting(limited)
    with pytest.raises(Refused) as refusal:
        limited.run(decides(limited).release(one.id, IT))
    assert refusal.value.reason is Reason.SUSPENDED
    assert len(waiting(limited)) == 1
    limited.store.write_now(accounts.close, limited.people["ada"].account_id, "test")
    while limited.store.write_now(erasure.step, limited.people["ada"].account_id):
        pass
    assert waiting(limited) == []


def test_nobody_decides(limited: House, clock: StandingClock) -> None:
    submit(limited, *[f"{name}@{DOMAIN}" for name in ("bob", "eve", "zoe", "admin")])
    assert limited.run(decides(limited).expire()) == 0
    clock.step(7 * 86400 + 1)
    limited.store.write_now(trusted_clock.believe)
    assert limited.run(decides(limited).expire()) == 1
    assert limited.mail("bob") == []
    assert subjects(limited, "ada")[-1].startswith("Messages non envoyés")


def test_two_workers_count_together(make_house: HouseMaker, clock: StandingClock) -> None:
    one, other = (make_house(clock=clock, sending={"teachers": MARKS}) for _ in range(2))
    for house in (one, other, one):
        submit(house, BOB)
    submit(other, BOB)
    assert len(waiting(one)) == 1
    assert len(one.mail("bob")) == 3


def test_of_messages_sent_at_once_none_is_overlooked(limited: House) -> None:
    async def all_at_once() -> list[Outcome | BaseException]:
        send = limited.submission.submit
        return await asyncio.gather(
            *[send(limited.people["ada"], ADA, [BOB], MESSAGE) for _ in range(20)], return_exceptions=True
        )

    found = limited.run(all_at_once())
    assert sum(isinstance(one, SentTooMuch) for one in found) == 15
    assert (len(limited.mail("bob")), len(waiting(limited))) == (3, 2)


def test_what_filters_send_counts_and_does_not_wait(limited: House) -> None:
    filters_of(limited, "ada", f'require "copy"; redirect :copy "{BOB}";')
    with smtplib.SMTP("127.0.0.1", limited.ports["smtp"], timeout=60) as door:
        for number in range(5):
            octets = letter().replace(b"<1@", f"<{number}@".encode())
            door.sendmail("amie@ailleurs.fr", [ADA], octets)
    assert len(limited.mail("bob")) == 3
    assert len(limited.mail("ada")) >= 5, "what was not sent on is still there"
    submit(limited, BOB)
    assert len(waiting(limited)) == 1


def test_what_may_not_be_sent_on_uses_up_nothing_of_the_day(make_house: HouseMaker, clock: StandingClock) -> None:
    house = make_house(clock=clock, sending={"teachers": MARKS}, filters={"redirects_per_day": 5})
    filters_of(house, "ada", f'require "copy"; redirect :copy "{BOB}";')
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as door:
        for number in range(8):
            if number == 5:
                clock.step(130)
            door.sendmail("amie@ailleurs.fr", [ADA], letter().replace(b"<1@", f"<{number}@".encode()))
    assert len(house.mail("bob")) == 5


def test_what_waits_makes_nobody_known(make_house: HouseMaker, clock: StandingClock) -> None:
    """Sent once more it waits again; strangers are counted once, and known when something left for them."""
    house = make_house(clock=clock, sending={"teachers": MARKS | {"minute": WIDE, "new_outside_per_day": (2, 4)}})
    strangers = [f"{name}@ailleurs.fr" for name in "abc"]
    for _ in range(3):
        submit(house, *strangers)
    assert [one.counted for one in waiting(house)] == [3, 3, 3]
    assert house.read(spool.show) == []
    submit(house, "d@ailleurs.fr")
    with pytest.raises(SentTooMuch):
        submit(house, "e@ailleurs.fr")
    clock.step(86400 + 60)
    house.store.write_now(sent_counts.sweep)
    submit(house, *strangers)
    first, *_, last = waiting(house)
    assert last.counted == 3
    house.run(decides(house).release(first.id, IT))
    submit(house, *strangers)
    assert len(waiting(house)) == 4
    assert len(house.read(spool.show)) == 2


def test_new_correspondents_elsewhere(make_house: HouseMaker, clock: StandingClock) -> None:
    house = make_house(clock=clock, sending={"teachers": MARKS | {"minute": WIDE, "new_outside_per_day": (2, 3)}})
    submit(house, "a@ailleurs.fr", "b@ailleurs.fr")
    submit(house, "A@ailleurs.fr", "b@ailleurs.fr")
    assert waiting(house) == []
    submit(house, "c@ailleurs.fr")
    with pytest.raises(SentTooMuch):
        submit(house, "d@ailleurs.fr")
    submit(house, "a@ailleurs.fr", BOB)
    assert len(waiting(house)) == 1
    clock.step(86400 + 60)
    submit(house, "d@ailleurs.fr")
    assert len(waiting(house)) == 1


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    made = Elsewhere().start()
    yield made
    made.stop()


def test_addresses_that_others_refuse(make_house: HouseMaker, clock: StandingClock, elsewhere: Elsewhere) -> None:
    elsewhere.inbox.answers = {f"{number}@ailleurs.fr": "550 5.1.1 No such user" for number in range(3)}
    house = make_house(
        clock=clock,
        outbound={"smarthost": elsewhere.target, "retry": (1,), "timeout": 5},
        sending={"teachers": MARKS | {"minute": WIDE, "failures_per_hour": (2, 9)}},
    )
    house.start_relay()
    submit(house, *elsewhere.inbox.answers)
    until(lambda: not house.read(spool.show))
    submit(house, BOB)
    assert [one.what.value for one in waiting(house)] == ["failures"]


def test_what_is_sent_on_and_refused_is_not_its_owners_failure(
    make_house: HouseMaker, clock: StandingClock, elsewhere: Elsewhere
) -> None:
    elsewhere.inbox.answers = {"prive@ailleurs.fr": "550 5.7.1 Junk"}
    house = make_house(
        clock=clock,
        outbound={"smarthost": elsewhere.target, "retry": (1,), "timeout": 5},
        sending={"teachers": MARKS | {"minute": WIDE, "failures_per_hour": (1, 9)}},
        filters={"redirect": "anywhere"},
    )
    house.start_relay()
    filters_of(house, "ada", 'require "copy"; redirect :copy "prive@ailleurs.fr";')
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as door:
        for number in range(3):
            door.sendmail("amie@ailleurs.fr", [ADA], letter().replace(b"<1@", f"<{number}@".encode()))
    until(lambda: not house.read(spool.show))
    assert house.read(sent_counts.usage, house.people["ada"].account_id).minutes[0].failures == 0
    submit(house, BOB)
    assert waiting(house) == []


def test_nobody_is_told_that_what_waits_arrived(limited: House) -> None:
    """The answer says that it waits; the report that was asked for comes when it has left (RFC 3461 section 5.2.3)."""
    with smtplib.SMTP("127.0.0.1", limited.ports["submission"], timeout=60) as door:
        door.starttls(context=tls_context())
        door.login("ada", PASSWORD)
        door.mail(ADA, ["RET=HDRS", "ENVID=q1"])
        for name in ("bob", "eve", "zoe", "admin"):
            door.rcpt(f"{name}@{DOMAIN}", ["NOTIFY=SUCCESS"])
        code, said = door.data(MESSAGE)
    assert code == 250
    (one,) = waiting(limited)
    assert said.decode() == (
        f"2.0.0 held as {one.options.name}: retenu, attend l'accord du service informatique"
        " / held, waits for IT to let it go"
    )
    assert len(limited.mail("ada")) == 1, "the notice alone"
    limited.run(decides(limited).release(one.id, IT))
    report = email.message_from_bytes(limited.mail("ada")[-1])
    assert report.get_content_type() == "multipart/report"
    status = str(report.get_payload(1))
    assert status.count("Action: delivered") == 4
    assert "Original-Envelope-Id: q1" in status


def test_a_list_that_grows_meanwhile_lets_nothing_past_the_bound(
    limited: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(limited, *[f"{name}@{DOMAIN}" for name in ("bob", "eve", "zoe", "admin")])
    (one,) = waiting(limited)
    monkeypatch.setitem(limited.settings.limits.__dict__, "recipients", 3)
    with pytest.raises(Refused) as refusal:
        limited.run(decides(limited).release(one.id, IT))
    assert refusal.value.reason is Reason.TOO_MANY_RECIPIENTS
    assert len(waiting(limited)) == 1


def test_an_account_may_send_more_for_a_while(limited: House, clock: StandingClock) -> None:
    ada = limited.people["ada"].account_id
    limited.store.write_now(sent_counts.allow, ada, 2, int(clock.now()) + 3600)
    for _ in range(6):
        submit(limited, BOB)
    assert waiting(limited) == []
    submit(limited, BOB)
    assert len(waiting(limited)) == 1
    limited.store.write_now(sent_counts.forget, ada)
    submit(limited, BOB)
    assert len(waiting(limited)) == 1


def test_at_night_less_is_enough(limited: House, clock: StandingClock) -> None:
    clock.step(10 * 3600)
    submit(limited, BOB)
    submit(limited, BOB)
    assert len(waiting(limited)) == 1


def test_what_is_over_is_removed(limited: House, clock: StandingClock) -> None:
    ada = limited.people["ada"].account_id
    submit(limited, BOB, "x@ailleurs.fr")
    limited.store.write_now(sent_counts.allow, ada, 2, int(clock.now()) + 60)
    assert limited.store.write_now(sent_counts.sweep) == 0
    clock.step(11 * 3600)
    assert limited.store.write_now(sent_counts.sweep) == 2
    clock.step(401 * 86400)
    assert limited.store.write_now(sent_counts.sweep) == 1
