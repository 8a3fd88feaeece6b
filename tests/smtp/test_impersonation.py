"""Mail from elsewhere in the name of the house: what is kept beside the message for each who gets it."""

import shutil
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from mailserver.foundation.settings import Settings
from mailserver.model.identity import Affiliation, NewPerson, PersonChange, Role, Tie
from mailserver.model.messages.impersonation import Signs
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import known_senders, mailboxes, messages
from mailserver.store.people import namesakes
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN, LIST, House

SCHOOL, OTHER = "0210006T", "0211234A"
HEAD, COLLEAGUE, FARAWAY = "Hélène Chef <h@fai.test>", "Paul Voisin <paul@fai.test>", "Jean Loin <jean@fai.test>"
NOTHING = Signs.NOT_JUDGED


@pytest.fixture(scope="module")
def shared(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Ada and Bob work at a school; Eve nowhere that is known; Zoe at the same, besides hers."""
    directory = tmp_path_factory.mktemp("impersonation") / "dir"
    shutil.copytree(instance_template, directory)
    house = House(directory, impersonation={"partners": ["ent.test"]})
    for name in ("ada", "bob"):
        house.run(house.directory.change(house.people[name].account_id, PersonChange(uai=SCHOOL)))
    further = (Affiliation(Tie.SCHOOL, SCHOOL, SCHOOL),)
    zoe = PersonChange(uai=OTHER, affiliations=further)
    house.run(house.directory.change(house.people["zoe"].account_id, zoe))
    heads = (Affiliation(Tie.FUNCTION, "DIR", SCHOOL),)
    for given, surname, role, uai, ties in (
        ("Hélène", "Chef", Role.STAFF, SCHOOL, heads),
        ("Paul", "Voisin", Role.TEACHER, SCHOOL, ()),
        ("Jean", "Loin", Role.TEACHER, OTHER, ()),
        ("Lola", "Pupille", Role.PUPIL, SCHOOL, ()),
    ):
        house.run(house.directory.add(NewPerson(given, surname, role, uai=uai, affiliations=ties)))
    yield house
    house.stop()


@pytest.fixture
def house(shared: House) -> House:
    shared.empty()
    return shared


def arrive(house: House, author: str, *logins: str, more: str = "", port: str = "smtp") -> None:
    to = [one if "@" in one else f"{one}@{DOMAIN}" for one in logins or ("ada",)]
    kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
    octets = f"From: {author}\r\n{more}Subject: x\r\n\r\nx\r\n".encode()
    with kind("127.0.0.1", house.ports[port], timeout=60) as client:
        client.sendmail("rebond@fai.test", to, octets, ["SMTPUTF8"] if not author.isascii() else [])


def kept(house: House, login: str = "ada", box: str = "INBOX") -> Signs:
    """Of the newest message."""

    def read(tx: Tx) -> int:
        account = house.people[login].account_id
        found = mailboxes.get(tx, account, box)
        (row,) = messages.fetch_uids(tx, account, found.id, ("uid", "impersonation"), [found.uidnext - 1])
        return int(row[-1])

    signs = Signs.stored(house.read(read))
    assert signs.judged
    return signs & ~Signs.JUDGED


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
def test_what_the_header_shows_is_kept_for_everybody(house: House, port: str) -> None:
    for login in ("ada", "eve"):
        arrive(house, "Marc <marc@ac-exernple.fr>", login, port=port)
        assert kept(house, login) == Signs.DOMAIN
    arrive(house, "Rectorat <x@evil.test>", more="Reply-To: x@ac-exemple-fr.com\r\n", port=port)
    assert kept(house) == Signs.SERVICE | Signs.ANSWERS_ALIKE
    arrive(house, "Rectorat <x@mail.ent.test>", port=port)
    assert kept(house) == NOTHING


def test_a_name_of_the_school_is_told_to_the_school(house: House) -> None:
    """One message, stored once, says what it means to each; also where a head has their name second."""
    arrive(house, HEAD, "ada", "eve", "zoe")
    assert (kept(house), kept(house, "zoe"), kept(house, "eve")) == (Signs.HEAD, Signs.HEAD, NOTHING)
    arrive(house, "VOISIN Paul <paul@fai.test>", "ada", "eve")
    assert (kept(house), kept(house, "eve")) == (Signs.COLLEAGUE, NOTHING)
    arrive(house, FARAWAY, "ada", "zoe")
    assert (kept(house), kept(house, "zoe")) == (NOTHING, Signs.COLLEAGUE)
    assert house.mail("ada")[-1] == house.mail("zoe")[-1]
    arrive(house, "Lola Pupille <lola@fai.test>")
    assert kept(house) == NOTHING, "families have the names of pupils"


def test_of_many_who_bear_a_name_a_head_is_looked_at(house: House) -> None:
    heads = (Affiliation(Tie.FUNCTION, "DIR", SCHOOL),)
    for number in range(namesakes.MAX_NAMESAKES + 1):
        ties = heads if number == namesakes.MAX_NAMESAKES else ()
        place = SCHOOL if ties else OTHER
        person = NewPerson("Marie", "Martin", Role.TEACHER, uai=place, affiliations=ties)
        house.run(house.directory.add(person))
    arrive(house, "Marie Martin <marie@fai.test>")
    assert kept(house) == Signs.HEAD


def test_who_administers_the_service_is_known_to_all(house: House) -> None:
    arrive(house, "Admin Essai <admin@fai.test>", "eve")
    assert kept(house, "eve") == Signs.HEAD


def test_one_s_own_name_is_no_colleague_s(house: House) -> None:
    arrive(house, "Ada Essai <ada@fai.test>", "ada", "bob")
    assert (kept(house), kept(house, "bob")) == (NOTHING, Signs.COLLEAGUE)


def test_by_a_list_it_is_told_to_members(house: House) -> None:
    arrive(house, COLLEAGUE, LIST, "eve")
    assert (kept(house), kept(house, "bob"), kept(house, "eve")) == (Signs.COLLEAGUE, Signs.COLLEAGUE, NOTHING)
    arrive(house, "Marc <marc@ac-exernple.fr>", LIST)
    assert kept(house, "bob") == Signs.DOMAIN


def test_a_private_address_that_one_knows_is_no_surprise(house: House) -> None:
    """Whom somebody wrote to, for colleagues; of a head only their own word for the address counts."""
    account = house.people["ada"].account_id
    for address in ("paul@fai.test", "h@fai.test"):
        octets = f"From: ada@{DOMAIN}\r\nTo: {address}\r\nSubject: x\r\n\r\nx\r\n".encode()
        author = house.people["ada"]
        sending = house.submission.submit(author, author.address, (address,), octets, save_to_sent=True)
        house.run(sending)
    arrive(house, COLLEAGUE, "ada", "bob")
    assert (kept(house), kept(house, "bob")) == (NOTHING, Signs.COLLEAGUE)
    arrive(house, f"Paul Voisin <autre@fai.test>, {COLLEAGUE.replace('Paul Voisin', 'P')}")
    assert kept(house) == Signs.COLLEAGUE, "whom one knows vouches for nobody else"
    arrive(house, HEAD)
    assert kept(house) == Signs.HEAD
    house.store.write_now(known_senders.trust, account, "h@fai.test")
    arrive(house, HEAD)
    assert kept(house) == NOTHING
    house.store.write_now(known_senders.distrust, account, "h@fai.test")


def unjudged(house: House, login: str) -> bool:
    """Whether nothing is kept of the newest message."""

    def read(tx: Tx) -> int:
        account = house.people[login].account_id
        found = mailboxes.get(tx, account, "INBOX")
        (row,) = messages.fetch_uids(tx, account, found.id, ("uid", "impersonation"), [found.uidnext - 1])
        return int(row[-1])

    return house.read(read) == 0


def test_what_the_house_sends_is_not_judged(house: House) -> None:
    author = house.people["ada"]
    octets = f"From: Paul Voisin <{author.address}>\r\nTo: bob@{DOMAIN}\r\nSubject: x\r\n\r\nx\r\n".encode()
    house.run(house.submission.submit(author, author.address, (f"bob@{DOMAIN}",), octets))
    assert unjudged(house, "bob")


def test_by_setting_nothing_is_judged(make_house: HouseMaker) -> None:
    house = make_house("unjudged", impersonation={"judge": False, "subject_mark": "[!]"})
    arrive(house, "Marc <marc@ac-exernple.fr>")
    assert unjudged(house, "ada")
    assert b"\r\nSubject: x\r\n" in house.mail("ada")[-1]


def test_a_mark_goes_before_what_imitates_somebody_whoever_gets_it(make_house: HouseMaker) -> None:
    """Also by LMTP, and where the header is full; not for a name that is somebody's to some."""
    limit = 8192
    house = make_house("dir", impersonation={"subject_mark": "[!]"}, limits={"header_size": limit})
    for port in ("smtp", "lmtp"):
        arrive(house, "Marc <marc@ac-exernple.fr>", port=port)
        assert b"\r\nSubject: [!]\r\n x\r\n" in house.mail("ada")[-1]
    arrive(house, "Bob Essai <bob@fai.test>")
    arrive(house, "Assistance <x@editeur.test>")
    for stored in house.mail("ada")[-2:]:
        assert b"\r\nSubject: x\r\n" in stored
    author = "Marc <marc@ac-exernple.fr>"
    room = limit - len(f"From: {author}\r\nX: \r\nSubject: x\r\n")
    arrive(house, author, more=f"X: {'x' * room}\r\n")
    assert b"\r\nSubject: [!]\r\n x\r\n" in house.mail("ada")[-1]
    arrive(house, author, more="Subject: y\r\n" * 9)
    assert b"\r\nSubject: [!]\r\n y\r\n" in house.mail("ada")[-1]
    assert house.mail("ada")[-1].endswith(b"\r\nSubject: [!]\r\n x\r\n\r\nx\r\n")


@pytest.mark.parametrize("mark", ["a\nb", " x", "x ", "=?utf-8?q?x?=", "x" * 61])
def test_a_mark_that_cannot_stand_there_is_refused(mark: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"domain": DOMAIN, "impersonation": {"subject_mark": mark}})


def test_a_long_header_is_judged_too(house: House) -> None:
    arrive(house, "Marc <marc@ac-exernple.fr>", more="".join(f"X-{n}: {'x' * 900}\r\n" for n in range(40)))
    assert kept(house) == Signs.DOMAIN
