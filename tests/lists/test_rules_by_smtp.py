"""Rules between populations and the emergency brake, felt at every door that sends."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailserver.identity import Population
from mailserver.rules import PRESETS
from mailserver.store import personal_lists, rules, spool
from mailserver.store.transactions import Tx
from tests.harness import Instance
from tests.lists.house import ORIGIN, arrive, at, letter, make_list, populate, queue, send, submitting, without_mail
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House
from tests.waiting import FELT, until

PUPIL, TEACHER, STAFF, OUTSIDE = Population


@pytest.fixture(scope="module")
def school(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("rules") / "dir"
    shutil.copytree(instance_template, directory)
    house = House(directory)
    populate(house)
    yield house
    house.stop()


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


def test_lists_members_here_are_the_lists_business_and_those_outside_are_not(house: House) -> None:
    preset(house, "pupils-supervised")
    address = make_list(house, "mixte", [at("lea"), "amie@ailleurs.fr"])
    assert send(house, "tom", address) == {}
    assert len(house.mail("lea")) == 1
    assert queue(house) == []
    only_outside = make_list(house, "dehors", ["amie@ailleurs.fr"])
    assert only_outside in send(house, "tom", only_outside)
    assert send(house, "ines", only_outside) == {}


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


def test_a_brake_ends_by_itself(house: House) -> None:
    brake(house, PUPIL, int(time.time()) + 3600)
    assert send(house, "tom", at("ines")) != {}
    brake(house, PUPIL, int(time.time()) + 1)
    time.sleep(1.1)
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
    import smtplib

    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
        client.ehlo()
        client.mail("x@ailleurs.fr")
        return client.rcpt("skaci@ac-exemple.fr")[0] == 250
