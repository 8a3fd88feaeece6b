"""Rules between populations and the emergency brake, felt at every door that sends."""

import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailserver.model.identity import ListKind, Population, Writers
from mailserver.model.rules import PRESETS
from mailserver.operations.health.doctor import examine
from mailserver.operations.health.findings import Grade
from mailserver.store.account import rules
from mailserver.store.engine.transactions import Tx
from mailserver.store.people.mailing_lists import personal_lists
from mailserver.store.queue import spool
from tests.harness import Instance
from tests.lists.house import (
    ORIGIN,
    UAI,
    arrive,
    at,
    letter,
    make_list,
    moderation,
    populate,
    queue,
    school_in,
    send,
    submitting,
    waiting,
    without_mail,
)
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House
from tests.waiting import FELT, until

PUPIL, OUTSIDE = Population.PUPIL, Population.OUTSIDE


@pytest.fixture(scope="module")
def school(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with school_in(tmp_path_factory.mktemp("rules") / "dir", instance_template) as house:
        yield house


@pytest.fixture
def house(school: House) -> Iterator[House]:
    without_mail(school)
    yield school
    school.store.write_now(_nothing_forbidden)


def _nothing_forbidden(tx: Tx) -> None:
    rules.set_table(tx, ORIGIN, "open", ())
    for population in Population:
        rules.release(tx, ORIGIN, population)


def preset(house: House, name: str) -> None:
    house.store.write_now(rules.set_table, ORIGIN, name, PRESETS[name])


def brake(house: House, population: Population, until: int = 0) -> None:
    house.store.write_now(rules.brake, ORIGIN, population, until, "essai")


def test_without_rules_everybody_writes_to_everybody(house: House) -> None:
    assert send(house, "tom", at("ines"), at("lea"), "x@ailleurs.fr") == {}
    assert arrive(house, "x@ailleurs.fr", at("tom")) == {}


def test_the_table_binds_direct_recipients(house: House) -> None:
    preset(house, "pupils-supervised")
    refused = send(house, "tom", at("ines"), at("lea"), "x@ailleurs.fr", at("rose"), at("tom"))
    assert set(refused) == {at("lea"), "x@ailleurs.fr"}
    code, text = refused[at("lea")]
    assert code == 550
    assert text == b"5.7.1 Les eleves ne peuvent pas ecrire aux eleves. / Pupils may not write to pupils."
    assert b"people outside the academy" in refused["x@ailleurs.fr"][1]
    assert send(house, "ines", at("tom"), "x@ailleurs.fr") == {}
    code, text = arrive(house, "x@ailleurs.fr", at("tom"), at("ines"))[at("tom")]
    assert (code, text[:5]) == (550, b"5.7.1")
    assert len(house.mail("ines")) == 2


def test_somebody_outside_who_claims_a_teachers_address_is_outside(house: House) -> None:
    preset(house, "pupils-inside")
    assert at("tom") in arrive(house, at("ines"), at("tom"))


def test_reports_come_back_to_whoever_may_write_outside(house: House) -> None:
    house.store.write_now(rules.forbid, ORIGIN, OUTSIDE, PUPIL, denied=True)
    assert arrive(house, "", at("tom")) == {}
    preset(house, "pupils-inside")
    assert at("tom") in arrive(house, "", at("tom"))


def test_postmaster_stays_open_to_all(house: House) -> None:
    preset(house, "pupils-supervised")
    brake(house, PUPIL)
    assert send(house, "tom", at("postmaster")) == {}
    preset(house, "inside")
    brake(house, OUTSIDE)
    assert arrive(house, "x@ailleurs.fr", at("abuse")) == {}


def test_the_table_binds_members_of_lists(house: House) -> None:
    preset(house, "pupils-supervised")
    mixed = make_list(house, "mixte", [at("lea"), at("ines"), at("tom"), "amie@ailleurs.fr"])
    assert send(house, "tom", mixed) == {}
    assert [len(house.mail(one)) for one in ("lea", "ines", "tom")] == [0, 1, 1]
    assert queue(house) == []
    assert arrive(house, "x@ailleurs.fr", mixed) == {}
    assert [len(house.mail(one)) for one in ("lea", "ines", "tom")] == [0, 2, 1]
    assert send(house, "ines", mixed) == {}
    assert [len(house.mail(one)) for one in ("lea", "ines", "tom")] == [1, 3, 2]
    only_outside = make_list(house, "dehors", ["amie@ailleurs.fr"])
    assert only_outside in send(house, "tom", only_outside)
    assert send(house, "ines", only_outside) == {}


def test_a_list_of_people_whom_a_rule_protects_is_refused_at_rcpt(house: House) -> None:
    preset(house, "pupils-inside")
    by_hand = make_list(house, "eleves.4b", [at("lea"), at("tom")], named=("parent@ailleurs.fr",))
    living = make_list(house, "les-eleves", query="role=pupil", writers=Writers.ANYONE)
    outer = make_list(house, "tout", [living])
    moderated = make_list(house, "moderee", [at("lea")], moderated=True, owners=(at("ines"),))
    for sender in ("parent@ailleurs.fr", at("ines")):
        for address in (by_hand, living, outer, moderated):
            code, text = arrive(house, sender, address)[address]
            assert (code, text[:5]) == (550, b"5.7.1"), address
            assert b"may not write to pupils" in text
    assert waiting(house) == [], "nothing is held for an owner who may not let it pass"
    assert send(house, "ines", by_hand, living, outer) == {}
    assert house.mail("lea") != []


def test_the_table_binds_owners_and_somebody_answers_for_every_list(house: House) -> None:
    club = make_list(house, "club", [at("ines")], owners=(at("tom"), at("ines")))
    pupils = make_list(house, "eleves", [at("lea"), at("tom")])
    journal = make_list(house, "journal", [at("ines")], owners=(pupils,))
    addresses = [one.replace("@", f"{suffix}@") for one in (club, journal) for suffix in ("-owner", "-bounces")]
    preset(house, "pupils-inside")
    for sender in ("x@ailleurs.fr", ""):
        assert arrive(house, sender, *addresses) == {}
    assert house.mail("tom") == house.mail("lea") == []
    assert (len(house.mail("ines")), len(house.mail("admin"))) == (2, 2)
    preset(house, "pupils-supervised")
    assert send(house, "max", *addresses) == {}
    assert house.mail("tom") == house.mail("lea") == []
    assert (len(house.mail("ines")), len(house.mail("admin"))) == (3, 3)
    assert send(house, "ines", *addresses) == {}
    assert (len(house.mail("tom")), len(house.mail("lea"))) == (1, 1)


def test_reports_reach_owners_who_may_write_outside(house: House) -> None:
    club = make_list(house, "club", [at("ines")], owners=(at("tom"),))
    house.store.write_now(rules.forbid, ORIGIN, OUTSIDE, PUPIL, denied=True)
    assert arrive(house, "", club.replace("@", "-bounces@")) == {}
    assert len(house.mail("tom")) == 1


def test_an_owners_approval_does_not_change_who_sent(house: House) -> None:
    make_list(house, "debat", [at("lea"), at("paul")], moderated=True, owners=(at("ines"),))
    assert arrive(house, "x@ailleurs.fr", at("debat")) == {}
    preset(house, "pupils-inside")
    (one,) = waiting(house)
    assert house.run(moderation(house).approve(one.id, ORIGIN)) == 1
    assert (len(house.mail("lea")), len(house.mail("paul"))) == (0, 1)


def test_a_functional_box_counts_as_staff(house: House) -> None:
    box = make_list(house, "ce.0210006t", [at("rose")], kind=ListKind.FUNCTION)
    assert arrive(house, "x@ailleurs.fr", box) == {}
    preset(house, "inside")
    assert arrive(house, "x@ailleurs.fr", box)[box][0] == 550
    assert send(house, "tom", box) == {}


def test_new_lists_of_classes_and_schools_take_mail_from_the_house(house: House) -> None:
    living = make_list(house, "vivante", query="role=pupil")
    of_school = make_list(house, "du-lycee", [at("lea")], uai=UAI)
    by_hand = make_list(house, "a-la-main", [at("lea")])
    refused = arrive(house, "x@ailleurs.fr", living, of_school, by_hand)
    assert set(refused) == {living, of_school}
    assert send(house, "tom", living, of_school) == {}


def test_check_names_lists_that_take_mail_from_outside_for_whom_a_rule_protects(house: House) -> None:
    open_list = make_list(house, "ouverte", [at("lea"), at("tom"), at("ines")])
    make_list(house, "fermee", [at("lea")], writers=Writers.HOUSE)
    named = make_list(house, "nommee", [at("lea")], writers=Writers.HOUSE, named=("parent@ailleurs.fr",))
    make_list(house, "des-profs", [at("ines")])
    outer = make_list(house, "autour", [at("fermee"), open_list])

    def warnings() -> list[str]:
        found = examine(house.settings, dns_too=False)
        return [one.text.to("en") for one in found if one.subject == "lists" and one.grade is Grade.WARNING]

    assert warnings() == []
    preset(house, "pupils-inside")
    said = warnings()
    assert [one.partition(" ")[0] for one in said] == sorted([open_list, named, outer])
    assert "a rule keeps 2 of its members from it (pupil)" in next(one for one in said if one.startswith(open_list))


def test_the_brake_stops_a_population_whoever_it_writes_to(house: House) -> None:
    address = make_list(house, "mixte", [at("lea")])
    brake(house, PUPIL)
    for recipient in (at("ines"), at("tom"), address, "x@ailleurs.fr", at("mixte-owner")):
        code, text = send(house, "tom", recipient)[recipient]
        assert (code, text[:5]) == (550, b"5.7.1")
        assert b"suspendu" in text
        assert b"Concerned: pupils" in text
    assert send(house, "ines", at("tom")) == {}
    brake(house, OUTSIDE)
    code, text = arrive(house, "x@ailleurs.fr", at("ines"))[at("ines")]
    assert (code, text[:5]) == (451, b"4.7.1"), "what comes from outside waits where it is"


def test_a_brake_pulled_between_rcpt_and_data_holds(house: House) -> None:
    with submitting(house, "tom") as client:
        client.mail(at("tom"))
        assert client.rcpt(at("ines"))[0] == 250
        brake(house, PUPIL)
        code, text = client.data(letter(at("tom"), at("ines")))
    assert (code, text[:5]) == (550, b"5.7.1")
    assert house.mail("ines") == []


@pytest.mark.parametrize(
    ("recipients", "answer"),
    [(("ines",), 451), (("postmaster", "ines"), 451), (("list",), 451), (("postmaster",), 250)],
)
def test_a_brake_pulled_while_a_message_comes_from_outside(
    house: House, recipients: tuple[str, ...], answer: int
) -> None:
    """After RCPT was answered: who is not postmaster alone waits at the other side."""
    address = make_list(house, "mixte", [at("ines")])
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.ehlo("mx.ailleurs.fr")
        client.mail("x@ailleurs.fr")
        for recipient in recipients:
            assert client.rcpt(address if recipient == "list" else at(recipient))[0] == 250
        brake(house, OUTSIDE)
        code, text = client.data(letter("x@ailleurs.fr", at("ines")))
    assert (code, text[:5] == b"4.7.1") == (answer, answer == 451)
    assert house.mail("ines") == []


def test_a_brake_ends_by_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    end = int(house.clock.now()) + 3600
    brake(house, PUPIL, end)
    assert send(house, "tom", at("ines")) != {}
    monkeypatch.setattr(house.clock, "now", lambda: float(end))
    assert send(house, "tom", at("ines")) == {}


def test_what_was_queued_is_held_and_leaves_after_the_release(make_house: Callable[..., House]) -> None:
    elsewhere = Elsewhere().start()
    house = make_house("held", outbound={"smarthost": elsewhere.target})
    populate(house)
    try:
        send(house, "tom", "x@ailleurs.fr", subject="eleve")
        send(house, "ines", "y@ailleurs.fr", subject="prof")
        brake(house, PUPIL)
        house.start_relay()
        until(lambda: len(queue(house)) == 1)
        assert [one.rcpt_tos for one in elsewhere.inbox.taken] == [["y@ailleurs.fr"]]
        (entry,) = queue(house)
        assert entry.error == spool.BRAKED

        def release(tx: Tx) -> None:
            rules.release(tx, ORIGIN, PUPIL)
            spool.release(tx, PUPIL)

        house.store.write_now(release)
        until(lambda: queue(house) == [])
        assert [one.rcpt_tos for one in elsewhere.inbox.taken][1:] == [["x@ailleurs.fr"]]
    finally:
        house.stop()
        elsewhere.stop()


def test_personal_lists_obey_the_table(house: House) -> None:
    house.store.write_now(personal_lists.create, house.people["tom"].account_id, "amis", [at("lea"), at("ines")])
    preset(house, "pupils-supervised")
    address = "tom+liste.amis@ac-exemple.fr"
    code, text = send(house, "tom", address)[address]
    assert (code, text[:5]) == (550, b"5.7.1")
    assert at("lea").encode() in text


def test_a_personal_list_leads_nobody_outside_who_may_not_go_there(house: House) -> None:
    tom = house.people["tom"].account_id
    house.store.write_now(personal_lists.create, tom, "dehors", ["amie@ailleurs.fr", at("ines")])
    preset(house, "pupils-supervised")
    address = "tom+liste.dehors@ac-exemple.fr"
    code, text = send(house, "tom", address)[address]
    assert (code, text[:5]) == (550, b"5.7.1")
    assert b"amie@ailleurs.fr" in text
    assert queue(house) == []
    assert house.mail("ines") == []


def test_every_worker_feels_a_rule_within_seconds(fresh: Callable[..., Instance]) -> None:
    instance = fresh("--demo")
    instance.start("--workers", "2")

    def accepted() -> set[bool]:
        return {_accepts(instance) for _ in range(12)}

    assert accepted() == {True}
    instance.command("rules", "set", "DIR", "outside", "pupil", "deny")
    until(lambda: accepted() == {False}, FELT)
    instance.command("rules", "preset", "DIR", "open")
    until(lambda: accepted() == {True}, FELT)


def _accepts(instance: Instance) -> bool:
    """A connection of its own: the kernel chooses a worker."""
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
        client.ehlo()
        client.mail("x@ailleurs.fr")
        return client.rcpt("skaci@ac-exemple.fr")[0] == 250
