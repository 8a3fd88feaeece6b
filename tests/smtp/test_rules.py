"""What people say about their mail in sentences, at the doors that mail comes in by."""

import smtplib

import pytest

from mailserver.filters import Documents
from mailserver.filters.rules import TRASH, Actions, Blocked, Condition, Document, Field, Folder, Match, Rule
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.model.messages.objectids import mailbox_id
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import junk, mailboxes, messages
from mailserver.store.mail.junk import Source, Verdict
from mailserver.store.schema.mail.messages import message
from tests.smtp.dialogues import tls_context
from tests.smtp.filtering import ADA, BOB, FRIEND, ORIGIN, filters_of, flags_of, letter, outgoing, send
from tests.smtp.house import DOMAIN, PASSWORD, House
from tests.smtp.test_filters_hostile import arrive

FILES = (
    b'Content-Type: multipart/mixed; boundary="b"\r\nMIME-Version: 1.0\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
    b'Voici.\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: inline; filename="a.pdf"\r\n\r\n%PDF\r\n'
    b"--b--\r\n"
)
QUARANTINED = AuthenticationResults(Outcome.PASS, Outcome.NONE, Alignment.FAIL, quarantined=True)


@pytest.fixture
def house(filter_house: House) -> House:
    """Its filters are switched off afterwards."""
    return filter_house


def says(house: House, login: str, document: Document) -> None:
    """What the page does."""
    documents = Documents(settings=house.settings, store=house.store)
    account_id = house.people[login].account_id
    before = house.run(documents.read(account_id))
    house.run(documents.change(account_id, before.version, lambda _: document, ORIGIN))
    house.run(documents.start(account_id, ORIGIN))


def submit(house: House, login: str, octets: bytes, *to: str) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login(login, PASSWORD)
        client.sendmail(f"{login}@{DOMAIN}", list(to), octets)


def verdict(house: House, login: str, box: str) -> Verdict | None:
    def look(tx: Tx) -> Verdict | None:
        account_id = house.people[login].account_id
        found = mailboxes.get(tx, account_id, box)
        ((uid, _, _),) = messages.state(tx, found.id)
        content_id = (
            tx.execute(message.select().where(message.c.mailbox_id == found.id, message.c.uid == uid)).one().content_id
        )
        return junk.verdict(tx, account_id, content_id)[0]

    return house.read(look)


def test_who_is_blocked_is_in_spam_and_it_says_why(house: House) -> None:
    says(house, "ada", Document(Blocked(("@ailleurs.fr",))))
    send(house, letter(), ADA, BOB)
    send(house, letter(sender="amie@autre.fr"))
    assert [len(house.mail("ada", box)) for box in ("INBOX", "Junk")] == [1, 1]
    assert len(house.mail("bob")) == 1
    assert verdict(house, "ada", "Junk") == Verdict(Source.FILTER, 0, 0, ("",))
    assert verdict(house, "ada", "INBOX") is None


def test_who_is_blocked_is_in_trash_and_gets_no_answer(house: House) -> None:
    says(house, "ada", Document(Blocked((FRIEND,), to_trash=True)))
    send(house, letter())
    assert [len(house.mail("ada", box)) for box in ("INBOX", "Trash")] == [0, 1]
    filters_of(
        house,
        "ada",
        'require ["fileinto", "special-use", "vacation"];fileinto :specialuse "\\\\Trash" "Trash"; vacation "absente";',
    )
    send(house, letter("Message-ID: <2@ailleurs.fr>"))
    assert len(house.mail("ada", "Trash")) == 2
    assert outgoing(house) == []


def test_who_wrote_and_what_is_attached_is_what_the_server_knows(house: House) -> None:
    """Whoever claims to be of the academy is outside of it; a file is one where the list shows one."""
    outside = Rule((Condition(Field.OUTSIDE),), Actions(tags=("dehors",)))
    attached = Rule((Condition(Field.ATTACHMENT),), Actions(tags=("fichier",)))
    says(house, "ada", Document(rules=(outside, attached)))
    send(house, letter())
    submit(house, "bob", letter(sender=BOB), ADA)
    claims = letter(sender=BOB).replace(b"\r\n\r\nBonjour.\r\n", b"\r\n" + FILES)
    arrive(house, claims)
    assert flags_of(house, "ada", "INBOX") == [("dehors",), (), ("dehors", "fichier")]


def test_a_folder_that_was_renamed_and_one_that_is_gone(house: House) -> None:
    def make(tx: Tx) -> str:
        box = mailboxes.create(tx, house.people["ada"].account_id, "Sorties")
        return mailbox_id(box.uidvalidity)

    known = house.store.write_now(make)
    there = Rule((Condition(Field.SUBJECT, Match.CONTAINS, ("sortie",)),), Actions(Folder("Sorties", known), read=True))
    says(house, "ada", Document(rules=(there,)))
    send(house, letter())
    house.store.write_now(mailboxes.rename, house.people["ada"].account_id, "Sorties", "Excursions")
    send(house, letter("X-A: 2"))
    assert flags_of(house, "ada", "Excursions") == [("\\Seen",), ("\\Seen",)]
    house.store.write_now(mailboxes.remove, house.people["ada"].account_id, "Excursions")
    send(house, letter("X-A: 3"))
    assert flags_of(house, "ada", "INBOX") == [("\\Seen",)]


def test_rules_take_nothing_out_of_spam(house: House) -> None:
    """A rule says who wrote, and that is what a forged message claims."""
    says(
        house,
        "ada",
        Document(rules=(Rule((Condition(Field.SENDER, values=(FRIEND,)),), Actions(TRASH, star=True)),)),
    )
    arrive(house, letter(), results=QUARANTINED)
    assert flags_of(house, "ada", "Junk") == [("$Junk",)]
    found = verdict(house, "ada", "Junk")
    assert found is not None
    assert found.source is Source.POLICY
