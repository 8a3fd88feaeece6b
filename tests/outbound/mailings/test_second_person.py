"""Who lets a mailing pass: never its author by whatever way, for the people whom it was shown to them for."""

import email
from email import policy

import pytest

from mailserver.delivery import mailing_reach
from mailserver.delivery.held.moderation import Moderation
from mailserver.model.errors import Refused
from mailserver.outbound.mailings.decisions import version_of
from mailserver.outbound.submission import mailing_intake
from mailserver.outbound.submission.waiting.held import HeldSubmissions
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import mailings, spool
from mailserver.store.queue.held import held_submissions, moderation_queue
from mailserver.store.queue.mailings import State, mailing_audience, mailing_counts
from mailserver.store.record.audit import Origin
from tests.clocks import StandingClock
from tests.outbound.mailings.letters import LETTER, SMALL, got, subjects, submit
from tests.outbound.mailings.workers import ADMIN, Worker
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN, LIST, House


def asked(house: House, name: str) -> int:
    return sum("attend votre accord" in subject for subject in subjects(house, name))


def test_for_other_people_than_it_was_shown_for_it_waits_again(
    house: House, worker: Worker, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing_intake, "FEW", 0)
    number = submit(house).mailing
    seen = version_of(worker.get(number))
    clock.step(60)
    worker.approve(number)
    house.store.write_now(lists.remove_members, LIST, ["amie@ailleurs.fr"])
    house.store.write_now(lists.add_members, LIST, ["autre@ailleurs.fr"])
    worker.look()
    one = worker.get(number)
    assert (one.state, one.outside, one.approver) == (State.WAITING, 1, "")
    with pytest.raises(Refused, match="has changed"):
        house.run(worker.decides.approve(number, seen, ADMIN))
    assert worker.get(number).state is State.WAITING
    assert sum(got(house).values()) == 0
    assert asked(house, "admin") == 2
    worker.approve(number)
    worker.look()
    one = worker.get(number)
    assert (one.state, one.approver) == (State.SENT, "admin")
    assert house.read(mailing_audience.of, number) is None, "who it was for is forgotten once it is over"


def test_what_stayed_inside_when_it_was_written_is_not_sent_outside_unasked(house: House, worker: Worker) -> None:
    house.store.write_now(lists.remove_members, LIST, ["amie@ailleurs.fr"])
    ada, to = house.people["ada"], (LIST, f"ida@{DOMAIN}")
    octets = LETTER + b"NIR 1 85 05 78 006 084 91\r\n"
    numbers = [house.run(house.submission.submit(ada, ada.address, to, octets)).mailing for _ in range(2)]
    assert worker.get(numbers[0]).outside == 0
    worker.approve(numbers[0])
    worker.look()
    assert worker.get(numbers[0]).state is State.SENT, "nobody is asked about what stays here"
    worker.approve(numbers[1])
    house.store.write_now(lists.add_members, LIST, ["autre@ailleurs.fr"])
    worker.look()
    assert worker.get(numbers[1]).state is State.FAILED
    assert house.read(spool.show) == []
    assert got(house) == {"ada": 1, "bob": 1, "ida": 1}
    texts = [email.message_from_bytes(one, policy=policy.default).get_content() for one in house.mail("ada")]
    (told,) = (text for text in texts if "n'a pas été envoyé" in text)
    assert "numéro de sécurité sociale" in told
    assert "85 05" not in told


def test_who_left_the_list_makes_no_other_mailing(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing_intake, "FEW", 0)
    number = submit(house).mailing
    worker.approve(number)
    house.store.write_now(lists.remove_members, LIST, [f"bob@{DOMAIN}"])
    worker.look()
    assert worker.get(number).state is State.SENT
    assert got(house)["bob"] == 0


def test_an_audience_is_small_and_knows_who_is_new() -> None:
    everybody = range(5, 600_000, 2)
    kept = mailing_audience.packed(everybody, ["a@un.fr", "B@deux.fr"])
    assert len(kept) < 20_000
    assert mailing_audience.newcomers(kept, everybody, ["A@un.fr", "b@deux.fr"]) == 0
    assert mailing_audience.newcomers(kept, [6, 7, 8], ["c@un.fr"]) == 3
    assert mailing_audience.newcomers(mailing_audience.packed([], []), [1], []) == 1


def test_the_owner_of_a_list_does_not_speak_for_many_who_are_not_on_it(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.store.write_now(lists.set_owners, LIST, [f"bob@{DOMAIN}"])
    alone = submit(house).mailing
    assert house.run(worker.decides.may_approve(worker.get(alone), house.people["bob"]))
    monkeypatch.setattr(mailing_reach, "MAX_ALONE", 0)
    number = submit(house).mailing
    assert not house.run(worker.decides.may_approve(worker.get(number), house.people["bob"]))
    assert house.run(worker.decides.may_approve(worker.get(number), house.people["admin"]))


def test_an_owner_who_accepts_their_own_as_moderator_asks_somebody_else(house: House, worker: Worker) -> None:
    house.store.write_now(lambda tx: lists.change(tx, LIST, {"moderated": 1}))
    house.store.write_now(lists.set_owners, LIST, [f"bob@{DOMAIN}"])
    submit(house, LIST)
    (held,) = house.read(moderation_queue.waiting)
    moderation = Moderation(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        clock=house.clock,
    )
    house.run(moderation.approve(held.id, Origin("ada", "test")))
    (one,) = house.read(mailings.listing)
    assert (one.state, one.approver) == (State.WAITING, "")
    assert (asked(house, "admin"), asked(house, "bob")) == (1, 1)


def test_nobody_approves_their_own_by_letting_it_go(make_house: HouseMaker, clock: StandingClock) -> None:
    wide = (1_000_000, 1_000_000)
    names = ("ten_minutes", "hour", "ten_hours", "new_outside_per_day", "failures_per_hour")
    marks = {"minute": (1, 500), **dict.fromkeys(names, wide)}
    limits = {"teachers": marks, "staff": marks}
    house = make_house(mailings={**SMALL, "approval_above": 4}, clock=clock, sending=limits)
    assert submit(house, LIST, "un@un.fr").waits
    (held,) = house.read(held_submissions.waiting)
    house.store.write_now(lists.add_members, LIST, ["deux@deux.fr", "trois@trois.fr"])
    decides = HeldSubmissions(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        clock=clock,
    )
    house.run(decides.release(held.id, Origin("ada", "test")))
    (one,) = house.read(mailings.listing)
    assert (one.state, one.approver, one.people + one.outside) == (State.WAITING, "", 6)
    assert asked(house, "admin") == 1


@pytest.mark.parametrize("people", range(5, 60))
def test_readers_are_told_roughly(people: int) -> None:
    told = [mailing_counts._rounded(people, read) for read in range(people + 1)]
    assert told == sorted(told)
    assert all(0 <= one <= people and abs(one - read) < 5 for read, one in enumerate(told))
    assert min(told.count(one) for one in set(told)) >= 3, "no number tells of exactly so many"


def test_approved_by_one_and_stopped_by_another_it_still_passes_the_list_of_who_approved_it(
    house: House, worker: Worker
) -> None:
    house.store.write_now(lambda tx: lists.change(tx, LIST, {"moderated": 1}))
    house.store.write_now(lists.set_owners, LIST, [f"ida@{DOMAIN}"])
    number = submit(house, LIST, f"ida@{DOMAIN}", "un@un.fr", "deux@deux.fr").mailing
    worker.approve(number, Origin("ida", "test"))
    house.run(worker.decides.stop(number, ADMIN))
    house.run(worker.decides.resume(number, ADMIN))
    worker.look()
    assert worker.get(number).state is State.SENT
    assert house.read(moderation_queue.waiting) == []
    assert got(house)["bob"] == 1
