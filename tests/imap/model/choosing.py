"""What an action is about: mailboxes, messages and flags, by the session's own random numbers."""

from tests.imap.model.ledger import DELETED
from tests.imap.model.mirror import Slot
from tests.imap.model.session import VOLATILE, Session, spell

FIXED = ("INBOX", "Commun", "Commun/Archives")
PASSING = tuple(f"{VOLATILE}{number}" for number in range(3))
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Commun1", "$Commun2")
MISSING = ("TRYCREATE", "NONEXISTENT")
HOT = 5
"""Messages, the first of a mailbox, that are chosen more often."""


def somewhere(session: Session) -> str:
    return session.random.choice(FIXED * 2 + PASSING)


def some(session: Session, most: int = 6) -> list[Slot]:
    """Some messages, or none when there is none."""
    known = [slot for slot in session.selected.slots if slot.uid is not None and slot.flags is not None]
    if session.random.random() < 0.5:  # those that everybody wants
        known = known[:HOT]
    return session.random.sample(known, min(len(known), session.random.randint(1, most)))


def named_by(session: Session, slots: list[Slot]) -> tuple[str, str, list[int]]:
    """How a command names messages: its prefix, the set, the UIDs meant, ascending."""
    uids = sorted(slot.uid for slot in slots if slot.uid is not None)
    if session.mode.speaks_uid or session.random.random() < 0.5:
        return "UID ", spell(uids), uids
    places = {slot.uid: place for place, slot in enumerate(session.selected.slots, 1)}
    return "", spell(places[uid] for uid in uids), uids


def some_flags(session: Session, most: int) -> frozenset[str]:
    names = session.random.sample((*FLAGS, session.keyword), session.random.randint(0, most))
    return frozenset([*names, DELETED] if session.random.random() < 0.25 else names)


def must_be_gone(session: Session, uids: list[int]) -> None:
    for uid in uids:
        if session.selected.find(uid) is not None:
            session.selected.passed_over(uid)
