"""A script of one's own behind the page's absence and forward: what both would do of one message, by delivery."""

from collections.abc import Iterator
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailserver.delivery import Envelope
from mailserver.filters import Scripts
from mailserver.filters.documents import Documents
from mailserver.filters.rules import Document
from mailserver.filters.rules.absence import Absence, Others
from mailserver.filters.rules.forward import Forward
from mailserver.model.errors import Refused
from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door
from mailserver.model.rules import Sender
from mailserver.store.record.audit import Origin
from tests.webui.house import House, Visitor, mail

OWNER = Origin("x", "web")
AWAY = Absence(date(2000, 1, 1), None, "Dedans.", "De la page.")
PAST = Absence(date(2000, 1, 1), date(2000, 1, 2), "Dedans.", "De la page.")
STAFF_ONLY = Absence(date(2000, 1, 1), None, "Dedans.", others=Others.NOBODY)
ANSWERS = b'require "vacation"; vacation "Du script.";'
REFUSES = b'require "reject"; reject "Non merci.";'
THROWS_AWAY = b"discard;"
FAILED = "Votre filtre de messages ne fonctionne pas / Your mail filter does not work"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), sqlite_template, filters={"redirect": "anywhere"})
    yield made
    made.close()


def say(house: House, person: Principal, document: Document, own: bytes) -> None:
    """Mail runs through a document, then through a script of the person's own."""
    scripts = Scripts(settings=house.settings, store=house.store)
    documents = Documents(settings=house.settings, store=house.store)
    house.run(scripts.put(person.account_id, "principal", own, OWNER))
    house.run(documents.revise(person.account_id, lambda _: document, OWNER))
    house.run(documents.start(person.account_id, OWNER, beside="principal"))


def write(house: House, person: Principal) -> str:
    """A message comes from an address of its own, which is the answer."""
    address = f"amie-{person.login}@exemple.org"
    sender = Sender.outside(address)
    recipient = house.run(house.delivery.resolve(person.address, sender=sender))
    octets = mail("Sortie", f"Amie <{address}>", to=person.address)
    house.run(house.delivery.deliver(Envelope(address, (recipient,), sender, door=Door.SMTP), octets))
    return address


def told(house: House, address: str) -> list[str]:
    """The texts of what left for an address, oldest first."""
    found = [message_from_bytes(octets, policy=policy.default) for to, octets in house.outgoing() if to == address]
    return [_text(one) for one in found]


def _text(message: EmailMessage) -> str:
    part = message.get_body()
    return str(part.get_content()).strip() if part is not None else ""


@pytest.mark.parametrize(
    ("absence", "answered"),
    [(AWAY, ["De la page."]), (STAFF_ONLY, []), (PAST, ["Du script."]), (None, ["Du script."])],
)
def test_the_page_answers_while_its_absence_lasts(
    house: House, rose: Principal, absence: Absence | None, answered: list[str]
) -> None:
    """Also where it answers nobody: RFC 5230 section 4.7 makes an error of two answers."""
    say(house, rose, Document(absence=absence), ANSWERS)
    assert told(house, write(house, rose)) == answered
    assert house.subjects(rose, "INBOX") == ["Sortie"]


def test_what_the_script_does_beside_its_answer_is_done(house: House, rose: Principal) -> None:
    say(house, rose, Document(absence=AWAY), b'require ["fileinto", "vacation"]; vacation "x"; fileinto "Archive";')
    assert told(house, write(house, rose)) == ["De la page."]
    assert (house.subjects(rose, "INBOX"), house.subjects(rose, "Archive")) == ([], ["Sortie"])


def test_what_the_script_refuses_is_neither_answered_nor_sent_on(house: House, rose: Principal) -> None:
    target = f"ailleurs-{rose.login}@exemple.org"
    say(house, rose, Document(absence=AWAY, forward=Forward(target)), REFUSES)
    with pytest.raises(Refused, match="Non merci"):
        write(house, rose)
    assert [to for to, _ in house.outgoing() if rose.login in to] == []
    assert house.subjects(rose, "INBOX") == []


def test_what_the_script_throws_away_is_not_answered(house: House, rose: Principal) -> None:
    say(house, rose, Document(absence=AWAY), THROWS_AWAY)
    assert told(house, write(house, rose)) == []
    assert house.subjects(rose, "INBOX") == []


def test_what_is_sent_on_goes_there_whatever_the_script_keeps(house: House, rose: Principal) -> None:
    """Who reads their mail elsewhere may keep nothing here; they got it, so it is answered."""
    target = f"ailleurs-{rose.login}@exemple.org"
    say(house, rose, Document(absence=AWAY, forward=Forward(target)), THROWS_AWAY)
    assert told(house, write(house, rose)) == ["De la page."]
    assert len(told(house, target)) == 1
    assert house.subjects(rose, "INBOX") == []


@pytest.mark.parametrize("own", [b'redirect "a@exemple.org"; reject "x";', b'vacation "x"; vacation "y";'])
def test_a_script_that_contradicts_itself_still_fails(house: House, rose: Principal, own: bytes) -> None:
    say(house, rose, Document(forward=Forward("a@exemple.org")), b'require ["reject", "vacation"]; ' + own)
    assert told(house, write(house, rose)) == []
    assert house.subjects(rose, "INBOX") == ["Sortie", FAILED]


def test_the_pages_say_so(house: House, rose: Principal) -> None:
    browser: Visitor = house.visitor()
    browser.log_in(rose.login)
    said = "passe ensuite"
    assert said not in browser.get("/s/reglages/absence").text
    say(house, rose, Document(forward=Forward("a@exemple.org")), ANSWERS)
    assert said in browser.get("/s/reglages/absence").text
    assert said in browser.get("/m/reglages/transfert").text
