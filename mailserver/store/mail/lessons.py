"""What people teach about junk, by whatever door: a move into Spam or out of it, an APPEND there, `$Junk`, `$NotJunk`,
an answer.

Every door's move ends in `messages.copy`, every change of flags in `messages.store_flags` or `bulk_flags.flag`: those
note here, in their unit, and nothing is learned before `mailserver.inbound.junk.learning` comes to it. What an
account said last of a message counts, once; so moving it back undoes.
"""

from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum

from sqlalchemy import ColumnElement, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import collect
from mailserver.store.schema.mail.junk import junk_lesson, junk_verdict
from mailserver.store.schema.mail.messages import mailbox, message

JUNK, TRASH = "\\Junk", "\\Trash"
ANSWERED = "\\answered"
MOST = 500
"""Messages of one act that teach, the newest: whoever moves 100,000 has said it well enough."""


class Said(IntEnum):
    """What somebody says of a message. The numbers stand in the store."""

    NOTHING = 0
    SPAM = 1
    HAM = 2


_KEYWORDS = {"$junk": Said.SPAM, "junk": Said.SPAM, "$notjunk": Said.HAM, "notjunk": Said.HAM, "nonjunk": Said.HAM}
"""RFC 5788's registry, and what Thunderbird and Apple's programs set."""
_PUBLIC = (int(Door.SMTP), int(Door.LMTP))
_TEACHING = (*_PUBLIC, int(Door.APPENDED), int(Door.UNKNOWN))
"""Doors whose messages teach: what the house writes is judged by nobody's words."""

for _table in (junk_lesson, junk_verdict):
    collect.also_removes(_table, _table.c.content_id)


def said_by_move(source_use: str, target_use: str) -> Said:
    """What a move or copy says. Throwing junk away says nothing."""
    if target_use == JUNK:
        return Said.NOTHING if source_use == JUNK else Said.SPAM
    return Said.HAM if source_use == JUNK and target_use != TRASH else Said.NOTHING


def said_by_flags(names: Iterable[str]) -> Said:
    """What flags say that are set; two that contradict each other say nothing."""
    said = {_KEYWORDS[name.casefold()] for name in names if name.casefold() in _KEYWORDS}
    return said.pop() if len(said) == 1 else Said.NOTHING


def note_new(tx: Tx, account_id: int, mailbox_id: int, first_uid: int, said: Said) -> None:
    """Something is said of the messages of a mailbox from this UID on."""
    if said is not Said.NOTHING:
        _note(tx, account_id, (message.c.mailbox_id == mailbox_id) & (message.c.uid >= first_uid), said)


def note_appended(
    tx: Tx, account_id: int, mailbox_id: int, use: str, uids: Sequence[int], flags: Sequence[Iterable[str]]
) -> None:
    """Messages were put into a mailbox of this special use, with these flags."""
    told: dict[Said, list[int]] = {}
    for uid, names in zip(uids, flags, strict=True):
        told.setdefault(Said.SPAM if use == JUNK else said_by_flags(names), []).append(uid)
    for said, some in told.items():
        if said is not Said.NOTHING:
            chosen = message.c.uid.in_(some[-MOST:])
            _note(tx, account_id, (message.c.mailbox_id == mailbox_id) & chosen, said)


def may_say(mode: str, names: Collection[str]) -> bool:
    """Whether a change of these flags says something, or answers."""
    if said_by_flags(names) is not Said.NOTHING:
        return True
    return mode != "-" and ANSWERED in {name.casefold() for name in names}


def note_flags(
    tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int], mode: str, names: Collection[str]
) -> None:
    """Flags of these messages were changed: "+" and "=" say something, "-" takes it back."""
    if not uids or not may_say(mode, names):
        return
    said = said_by_flags(names)
    answers = said is Said.NOTHING
    chosen = (message.c.mailbox_id == mailbox_id) & message.c.uid.in_(list(uids[-MOST:]))
    if answers:
        _note_answered(tx, account_id, mailbox_id, chosen)
        return
    if mode != "-":
        _note(tx, account_id, chosen, said)
        return
    here = select(message.c.content_id).where(chosen)
    mine = (junk_lesson.c.account_id == account_id) & junk_lesson.c.content_id.in_(here)
    tx.execute(
        update(junk_lesson).where(mine, junk_lesson.c.wanted == int(said)).values(wanted=int(Said.NOTHING), at=tx.now)
    )


def _note_answered(tx: Tx, account_id: int, mailbox_id: int, chosen: ColumnElement[bool]) -> None:
    """Whoever answers a message takes it for good mail, where they have said nothing else of it. In Spam that says
    nothing: people answer there, too, to be left alone."""
    use = tx.execute(select(mailbox.c.special_use).where(mailbox.c.id == mailbox_id)).scalar()
    rows = _rows(tx, account_id, chosen, Said.HAM) if use != JUNK else []
    if rows:
        tx.insert_ignore(junk_lesson, rows)


def _note(tx: Tx, account_id: int, chosen: ColumnElement[bool], said: Said) -> None:
    rows = _rows(tx, account_id, chosen, said)
    if not rows:
        return
    maker = sqlite.insert if tx.dialect == "sqlite" else postgresql.insert
    clause = maker(junk_lesson)
    tx.execute(
        clause.on_conflict_do_update(
            index_elements=["account_id", "content_id"],
            set_={"wanted": literal(int(said)), "at": literal(tx.now), "public": clause.excluded.public},
        ),
        rows,
    )


def _rows(tx: Tx, account_id: int, chosen: ColumnElement[bool], said: Said) -> list[dict[str, int]]:
    """The lessons of these messages, as far as they teach."""
    newest = (
        select(message.c.content_id, message.c.door)
        .where(chosen, message.c.door.in_(_TEACHING))
        .order_by(message.c.uid.desc())
        .limit(MOST)
    )
    public = {row.content_id: int(row.door in _PUBLIC) for row in tx.execute(newest)}
    return [
        {"account_id": account_id, "content_id": content_id, "wanted": int(said), "public": one, "at": tx.now}
        for content_id, one in sorted(public.items())
    ]
