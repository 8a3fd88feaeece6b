"""Filters of people in a house, mail that arrives for them, and what becomes of it."""

import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage

from sqlalchemy import select

from mailserver.filters import Scripts
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.flags import names
from mailserver.store.queue import spool, traces
from mailserver.store.queue.traces import Step, Wanted
from mailserver.store.record.audit import Origin
from mailserver.store.schema.account.filters import filter_memory as remembered
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient
from tests.smtp.house import DOMAIN, House

ORIGIN = Origin("ada", "sieve")
FRIEND = "amie@ailleurs.fr"
ADA, BOB = f"ada@{DOMAIN}", f"bob@{DOMAIN}"
ADAS = f"ada.essai@{DOMAIN}"
"""What Ada's own mail is sent from."""


def letter(*fields: str, to: str = ADA, sender: str = FRIEND, subject: str = "Sortie") -> bytes:
    head = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Message-ID: <1@ailleurs.fr>", *fields]
    return ("\r\n".join(head) + "\r\n\r\nBonjour.\r\n").encode()


def forget(tx: Tx) -> None:
    """The queue is empty, and no filter remembers anything."""
    for table in (queued_recipient, queued_domain, queued, remembered):
        tx.execute(table.delete())


def filters_of(house: House, login: str, script: str, name: str = "principal") -> None:
    """What a door does: keep it, have mail run through it."""
    scripts = Scripts(settings=house.settings, store=house.store)
    house.run(scripts.put(house.people[login].account_id, name, script.encode(), ORIGIN, activate=True))


def off(house: House, login: str) -> None:
    house.run(Scripts(settings=house.settings, store=house.store).activate(house.people[login].account_id, "", ORIGIN))


def send(house: House, octets: bytes, *to: str, sender: str = FRIEND) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.sendmail(sender, list(to) or [ADA], octets)


def flags_of(house: House, login: str, box: str) -> list[tuple[str, ...]]:
    def look(tx: Tx) -> list[tuple[str, ...]]:
        found = mailboxes.get(tx, house.people[login].account_id, box)
        return [names(mask, mailboxes.keywords(tx, found.id)) for _, mask, _ in messages.state(tx, found.id)]

    return house.read(look)


def outgoing(house: House) -> list[tuple[str, str, str, EmailMessage]]:
    """What is queued: reverse-path, recipient, whose brake holds it, message."""

    def look(tx: Tx) -> list[tuple[str, str, str, EmailMessage]]:
        rows = tx.execute(
            select(queued.c.reverse_path, queued_recipient.c.address, queued.c.population, queued.c.content_id)
            .join(queued_domain, queued_domain.c.queued_id == queued.c.id)
            .join(queued_recipient, queued_recipient.c.domain_id == queued_domain.c.id)
            .order_by(queued_recipient.c.id)
        )
        folder = house.settings.data / "blobs"
        return [
            (row.reverse_path, row.address, row.population, parsed(spool.octets(tx, row.content_id, folder)))
            for row in rows.all()
        ]

    return house.read(look)


def parsed(octets: bytes) -> EmailMessage:
    found = message_from_bytes(octets, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def filtered(house: House) -> list[str]:
    """What the record says that filters did, newest first."""
    found = house.read(traces.find, Wanted(0, 1 << 40), 50)
    return [one.detail.name for one in found.rows if one.step is Step.FILTERED]
