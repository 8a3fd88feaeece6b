"""An academy with a school, pupils, teachers and staff, over real services and SMTP doors."""

import shutil
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from directory.lists import rosters
from directory.lists.rosters import ListChange, NewList
from mailserver.delivery.held.moderation import Moderation
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import Affiliation, NewPerson, Principal, Role, Tie
from mailserver.store.engine.transactions import Tx
from mailserver.store.people import schools, vocabulary_entries
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import spool
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.held.moderation_queue import Held
from mailserver.store.record.audit import Origin
from tests.smtp.dialogues import tls_context
from tests.smtp.house import DOMAIN, PASSWORD, House

UAI = "0210006T"
ORIGIN = Origin("test", "test")
AMIE, AMI = "amie@ailleurs.fr", "ami@autre.fr"
"""Members outside."""
both_engines = pytest.mark.parametrize("school", ["sqlite", "postgresql"], indirect=True)
"""Of tests that are about what the store keeps."""
PEOPLE = (
    ("tom", Role.PUPIL, (Affiliation(Tie.CLASS, "4B", UAI, "4e B"),)),
    ("lea", Role.PUPIL, (Affiliation(Tie.CLASS, "4B", UAI, "4e B"),)),
    ("max", Role.PUPIL, (Affiliation(Tie.CLASS, "3A", UAI, "3e A"),)),
    ("ines", Role.TEACHER, (Affiliation(Tie.CLASS, "4B", UAI, "4e B"), Affiliation(Tie.DISCIPLINE, "L1300", UAI))),
    ("rose", Role.SECRETARIAT, ()),
    ("paul", Role.STAFF, (Affiliation(Tie.FUNCTION, "DIR", UAI, "Direction"),)),
)


def at(login: str) -> str:
    """An address here."""
    return f"{login}@{DOMAIN}"


@contextmanager
def school_in(folder: Path, template: Path) -> Iterator[House]:
    """A school of its own, served from a copy of an instance."""
    shutil.copytree(template, folder)
    house = House(folder)
    populate(house)
    yield house
    house.stop()


def populate(house: House) -> None:
    """The people of the school."""
    house.store.write_now(schools.upsert, [schools.Facts(UAI, "Lycée Carnot", "LYC")])
    for login, role, ties in PEOPLE:
        wanted = NewPerson(login.title(), "École", role, login=login, uai=UAI, affiliations=ties)
        house.run(add(house, login, wanted))
        house.store.write_now(vocabulary_entries.ensure_many, vocabulary_entries.terms_of(ties))


async def add(house: House, login: str, wanted: NewPerson) -> Principal:
    """Somebody who has activated the account."""
    found = await house.directory.add(wanted)
    await house.directory.set_password(found.account_id, Secret(PASSWORD))
    known = await house.directory.by_account(found.account_id)
    assert known is not None
    house.people[login] = known
    return known


def make_list(house: House, local: str, members: Sequence[str] = (), **changes: Any) -> str:
    """A list of the house."""
    wanted = NewList(at(local), members=tuple(members), **changes)
    house.store.write_now(rosters.make, rosters.ListSettings.of(house.settings), wanted, ORIGIN)
    return at(local)


def change(house: House, address: str, **values: object) -> None:
    """What its owner sets."""
    wanted = ListChange(**values)  # type: ignore[arg-type]
    house.store.write_now(rosters.change, rosters.ListSettings.of(house.settings), address, wanted, ORIGIN)


@contextmanager
def submitting(house: House, login: str) -> Iterator[smtplib.SMTP]:
    """A mail client of a person."""
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login(login, PASSWORD)
        yield client


def letter(sender: str, to: str, subject: str = "Bonjour") -> bytes:
    return f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nTexte\r\n".encode()


def send(house: House, login: str, *recipients: str, subject: str = "Bonjour") -> dict[str, tuple[int, bytes]]:
    """Submit a message; what was refused."""
    with submitting(house, login) as client:
        try:
            return client.sendmail(at(login), list(recipients), letter(at(login), recipients[0], subject))
        except smtplib.SMTPRecipientsRefused as refused:
            return refused.recipients


def arrive(
    house: House, sender: str, *recipients: str, octets: bytes = b"", subject: str = "Bonjour"
) -> dict[str, tuple[int, bytes]]:
    """A message from outside; what was refused."""
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        try:
            return client.sendmail(sender, list(recipients), octets or letter(sender, recipients[0], subject))
        except smtplib.SMTPRecipientsRefused as refused:
            return refused.recipients


def moderation(house: House) -> Moderation:
    return Moderation(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        clock=house.clock,
    )


def waiting(house: House) -> list[Held]:
    return house.read(moderation_queue.waiting)


def queue(house: House) -> list[spool.Entry]:
    return house.read(spool.show)


def without_mail(house: House) -> None:
    """No mail, no lists, an empty queue."""
    house.empty()
    house.store.write_now(_clear)


def _clear(tx: Tx) -> None:
    for entry in lists.listing(tx):
        lists.remove(tx, entry.address)
    spool.drop(tx, [entry.id for entry in spool.show(tx)])
