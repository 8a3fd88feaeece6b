"""Messages of two kinds that anybody tells apart, and models that have learned them."""

import random
from pathlib import Path

from mailserver.inbound.junk import counts
from mailserver.inbound.junk.bayes import numbers
from mailserver.inbound.junk.tokens import tokens
from mailserver.mime import scan, unpack
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.messages import Appended

_GOOD = """
réunion conseil classe élèves professeur salle emploi temps rentrée note bulletin collège lycée sortie scolaire cantine
absence retard dossier inscription examen brevet correction copie matière planning surveillance stage
"""
_BAD = """
gagnez casino bonus crypto investissement garanti urgent offre gratuit cliquez remboursement héritage millions pilules
régime maigrir rencontres célibataires crédit immédiat loterie gagnant promotion exceptionnelle livraison
"""
GOOD, BAD = _GOOD.split(), _BAD.split()
OUTSIDE = Provenance(Door.SMTP)


def letter(words: list[str], number: int, sender: str = "", subject: str = "") -> bytes:
    """A message of so many of these words; the same number makes the same message."""
    dice = random.Random(f"{words[0]} {number}")
    text = " ".join(dice.choice(words) for _ in range(40))
    sender = sender or f"expediteur{number}@exemple{number}.org"
    title = subject or " ".join(dice.choice(words) for _ in range(3))
    return (
        f"From: {sender}\r\nTo: ada@ac-exemple.fr\r\nSubject: {title}\r\nMessage-ID: <{number}.{words[0]}@x>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


def good(number: int, sender: str = "") -> bytes:
    return letter(GOOD, number, sender)


def bad(number: int, sender: str = "") -> bytes:
    return letter(BAD, number, sender)


def taught(count: int) -> list[counts.Lesson]:
    """What teaches a model so many of each."""

    def lesson(octets: bytes, spam: int) -> counts.Lesson:
        return counts.Lesson(numbers(tokens(octets, unpack(scan(octets).parts))), spam, 1 - spam)

    return [one for number in range(count) for one in (lesson(bad(number), 1), lesson(good(number), 0))]


def arrive(tx: Tx, account: int, octets: bytes, box: str = "INBOX", provenance: Provenance = OUTSIDE) -> Appended:
    """A message that delivery put into a mailbox."""
    prepared = blobs.prepare(octets, Path())  # small ones need no folder
    content_id, _ = messages.store_content(tx, prepared)
    found = mailboxes.get(tx, account, box)
    return messages.place(tx, account, found.id, content_id, prepared.size, provenance=provenance)
