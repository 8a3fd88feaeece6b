"""What was learned about junk, row by row; why messages stand in Spam; whose mail never goes there by words alone."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.mime.header.envelope import quote
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.mail.known_senders import LOOKED_AT
from mailserver.store.mail.lessons import Said
from mailserver.store.schema.account.sessions import picture_sender, trusted_sender
from mailserver.store.schema.agendas import collection, item
from mailserver.store.schema.mail.junk import junk_lesson, junk_model, junk_verdict
from mailserver.store.schema.mail.messages import blob, content, mailbox, message

NEWS = -8
"""The "mailbox" whose news say that somebody, or the academy, has learned (`changes.subscribe("mailbox", NEWS, …)`)."""
NOBODY = -1
ACADEMY = 0
"""Stands for the whole academy among the accounts."""
LATELY = 500
"""Sent messages that tell whom an account writes to."""
CANDIDATES = 20
"""Texts with an address in them that are looked at more closely."""
MOST_CLOSELY = 100
"""Accounts of one message whose cards and sent messages are looked through."""


class Source(IntEnum):
    """Who judged a message. The numbers stand in the store."""

    WORDS = 1
    """The filter of the house."""
    SCANNER = 2
    """rspamd."""
    POLICY = 3
    """The domain that the author claims asks for it (DMARC): the message is not authenticated."""
    FILTER = 4
    """The filter of whoever got it."""
    LISTED = 6
    """DNS blocklists have the server that it came from."""


@dataclass(frozen=True, slots=True)
class Model:
    """What one teacher has taught, as the store keeps it. `counts` None: it is as the caller knows it."""

    account_id: int
    revision: int
    spam: int
    ham: int
    counts: bytes | None


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an account says of a message, and what its model has learned of it."""

    account_id: int
    content_id: int
    wanted: Said
    taught: Said
    public: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a message stands in somebody's Spam."""

    source: Source
    score: int
    threshold: int
    """Of the same scale: permille by words, hundredths of a point by the scanner, points by blocklists."""
    reasons: tuple[str, ...] = ()


# ---------------------------------------------------------------------- models

_MODELS = ManyStatement(
    select(
        *(junk_model.c.account_id, junk_model.c.revision, junk_model.c.spam, junk_model.c.ham, junk_model.c.counts)
    ).where(or_(junk_model.c.account_id != ACADEMY, junk_model.c.revision != bindparam("known", type_=BigInteger))),
    junk_model.c.account_id,
)
_REVISION = Statement(
    select(junk_model.c.revision, junk_model.c.spam, junk_model.c.ham).where(
        junk_model.c.account_id == bindparam("account")
    )
)


def models(tx: Tx, account_ids: Sequence[int], known: int = -1) -> dict[int, Model]:
    """The models of the academy and of those of these accounts that have one.

    The academy's comes without its counts when its revision is `known`.
    """
    found = {row[0]: Model(*row) for row in _MODELS.rows(tx, [ACADEMY, *account_ids], known=known)}
    if ACADEMY not in found and (academy := standing(tx, ACADEMY)) is not None:
        found[ACADEMY] = academy
    return found


def standing(tx: Tx, account_id: int) -> Model | None:
    """A model without its counts."""
    row = tx.one(_REVISION, account=account_id)
    return Model(account_id, int(row[0]), int(row[1]), int(row[2]), None) if row is not None else None


def save(tx: Tx, before: Model | None, after: Model) -> None:
    """Put a model in the place of the one it was made from. Raises Refused(CONFLICT): somebody was faster."""
    values = {"spam": after.spam, "ham": after.ham, "counts": after.counts, "at": tx.now}
    if before is None:
        row = {"account_id": after.account_id, "revision": tx.now, **values}
        done = tx.insert_ignore(junk_model, row)
    else:
        mine = (junk_model.c.account_id == after.account_id) & (junk_model.c.revision == before.revision)
        revision = max(before.revision + 1, tx.now)
        done = tx.execute(update(junk_model).where(mine).values(revision=revision, **values)).rowcount
    if not done:
        raise Refused(Reason.CONFLICT, "another process has taught this model meanwhile")
    tx.changed(NOBODY, NEWS)


def forget(tx: Tx, account_id: int | None) -> int:
    """Forget what the academy or an account has taught (None: what everybody has); how many models that were."""
    tx.changed(NOBODY, NEWS)
    if account_id is None:
        tx.execute(delete(junk_lesson))
        return tx.execute(delete(junk_model)).rowcount
    tx.execute(delete(junk_lesson).where(junk_lesson.c.account_id == account_id))
    return tx.execute(delete(junk_model).where(junk_model.c.account_id == account_id)).rowcount


# ---------------------------------------------------------------------- lessons

_LESSONS = select(
    *(junk_lesson.c.account_id, junk_lesson.c.content_id, junk_lesson.c.wanted, junk_lesson.c.taught),
    junk_lesson.c.public,
)
_DUE = Statement(
    _LESSONS.where(junk_lesson.c.wanted != junk_lesson.c.taught).order_by(junk_lesson.c.at).limit(bindparam("limit"))
)
_OF = ManyStatement(_LESSONS, junk_lesson.c.content_id)
_OF_ACADEMY = junk_lesson.alias("of_academy")
_TAUGHT_SINCE = ManyStatement(
    select(junk_lesson.c.account_id, func.count())
    .join(_OF_ACADEMY, _OF_ACADEMY.c.content_id == junk_lesson.c.content_id)
    .where(junk_lesson.c.public == 1, _OF_ACADEMY.c.account_id == ACADEMY, _OF_ACADEMY.c.at > bindparam("since"))
    .group_by(junk_lesson.c.account_id),
    junk_lesson.c.account_id,
)
_WAITING = Statement(select(func.count()).where(junk_lesson.c.wanted != junk_lesson.c.taught))
_SOURCES = ManyStatement(
    select(content.c.id, content.c.parts, blob.c.header, blob.c.octets, blob.c.file).join_from(
        content, blob, blob.c.content_id == content.c.id
    ),
    content.c.id,
)


def due(tx: Tx, limit: int) -> list[Lesson]:
    """Lessons that wait, the oldest first."""
    return [_lesson(row) for row in tx.all(_DUE, limit=limit)]


def waiting(tx: Tx) -> int:
    """How many lessons wait."""
    row = tx.one(_WAITING)
    return int(row[0]) if row is not None else 0


def lessons_of(tx: Tx, content_ids: Sequence[int]) -> list[Lesson]:
    """What anybody, and the academy, says of these messages."""
    return [_lesson(row) for row in _OF.rows(tx, content_ids)] if content_ids else []


def sources(tx: Tx, content_ids: Sequence[int]) -> list[Row]:
    """(content id, packed parts, header frame, body frame or None, file or None) of these messages."""
    return _SOURCES.rows(tx, content_ids) if content_ids else []


def taught(tx: Tx, lessons: Iterable[Lesson]) -> None:
    """These lessons were learned as they were `wanted`. Raises Refused(CONFLICT): one was learned otherwise."""
    for one in lessons:
        mine = (junk_lesson.c.account_id == one.account_id) & (junk_lesson.c.content_id == one.content_id)
        before = junk_lesson.c.taught == int(one.taught)
        if not tx.execute(update(junk_lesson).where(mine, before).values(taught=int(one.wanted))).rowcount:
            raise Refused(Reason.CONFLICT, "this lesson was learned by another process")


def taught_academy(tx: Tx, lessons: Iterable[Lesson]) -> None:
    """The same of the academy, whose lessons follow from those of the accounts."""
    for one in lessons:
        row = {"account_id": ACADEMY, "content_id": one.content_id, "wanted": int(one.wanted)}
        row |= {"taught": int(one.wanted), "public": 0, "at": tx.now}
        maker = sqlite.insert if tx.dialect == "sqlite" else postgresql.insert
        changed = {"wanted": int(one.wanted), "taught": int(one.wanted), "at": tx.now}
        tx.execute(
            maker(junk_lesson).on_conflict_do_update(index_elements=["account_id", "content_id"], set_=changed), row
        )


def taught_since(tx: Tx, account_ids: Sequence[int], since: int) -> dict[int, int]:
    """How many messages of which each of these accounts said something the academy has learned since a moment."""
    return dict(_TAUGHT_SINCE.rows(tx, account_ids, since=since)) if account_ids else {}


def drop_lessons(tx: Tx, limit: int) -> int:
    """Forget lessons that wait, where nothing is to be learned; how many."""
    waiting = tx.all(_DUE, limit=limit)
    for account_id, content_id, _, learned, _ in waiting:
        mine = (junk_lesson.c.account_id == account_id) & (junk_lesson.c.content_id == content_id)
        tx.execute(update(junk_lesson).where(mine).values(wanted=learned))
    return len(waiting)


def _lesson(row: Row) -> Lesson:
    account_id, content_id, wanted, learned, public = row
    return Lesson(account_id, content_id, Said(wanted), Said(learned), bool(public))


# ---------------------------------------------------------------------- verdicts

_INSERT_VERDICT = {
    dialect: Statement(
        maker(junk_verdict).on_conflict_do_nothing(index_elements=["account_id", "content_id"]),
        keys=("account_id", "content_id", "source", "score", "threshold", "reasons", "at"),
    )
    for dialect, maker in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_VERDICT = Statement(
    select(junk_verdict.c.source, junk_verdict.c.score, junk_verdict.c.threshold, junk_verdict.c.reasons).where(
        junk_verdict.c.account_id == bindparam("account"), junk_verdict.c.content_id == bindparam("content")
    )
)
_SAID = Statement(
    select(junk_lesson.c.wanted).where(
        junk_lesson.c.account_id == bindparam("account"), junk_lesson.c.content_id == bindparam("content")
    )
)


def record(tx: Tx, content_id: int, verdicts: Iterable[tuple[int, Verdict]]) -> None:
    """Keep why a message goes to the Spam of these accounts."""
    rows: list[dict[str, Any]] = [
        {
            "account_id": account_id,
            "content_id": content_id,
            "source": int(one.source),
            "score": one.score,
            "threshold": one.threshold,
            "reasons": "\n".join(one.reasons),
            "at": tx.now,
        }
        for account_id, one in verdicts
    ]
    if rows:
        tx.many(_INSERT_VERDICT[tx.dialect], rows)


def verdict(tx: Tx, account_id: int, content_id: int) -> tuple[Verdict | None, Said]:
    """Why delivery put a message into an account's Spam, if it did, and what the account says of it."""
    row, said = (tx.one(one, account=account_id, content=content_id) for one in (_VERDICT, _SAID))
    found = None
    if row is not None:
        source, score, threshold, reasons = row
        known = source in Source.__members__.values()
        found = Verdict(Source(source) if known else Source.WORDS, score, threshold, tuple(reasons.split("\n")))
    return found, Said(said[0]) if said is not None else Said.NOTHING


# ---------------------------------------------------------------------- whom an account knows

_BY_SENDER = (
    select(content.c.id)
    .where(content.c.sender_address.in_([bindparam("spelled"), bindparam("folded")]))
    .order_by(content.c.id.desc())
    .limit(LOOKED_AT)
    .subquery()
)
_RESCUED = ManyStatement(
    select(junk_lesson.c.account_id)
    .join(_BY_SENDER, _BY_SENDER.c.id == junk_lesson.c.content_id)
    # What somebody put into a mailbox, its owner or another, makes nobody known.
    .where(junk_lesson.c.wanted == int(Said.HAM), junk_lesson.c.public == 1),
    junk_lesson.c.account_id,
)
_SHOWING, _TRUSTING = (
    ManyStatement(select(table.c.account_id).where(table.c.sender == bindparam("folded")), table.c.account_id)
    for table in (picture_sender, trusted_sender)
)
_LIKE = bindparam("pattern", type_=Text)
_CARD = Statement(
    select(item.c.text)
    .join(collection, collection.c.id == item.c.collection_id)
    .where(
        collection.c.account_id == bindparam("account"),
        item.c.kind == "VCARD",
        func.lower(item.c.text).like(_LIKE, escape="!"),
    )
    .limit(CANDIDATES)
)
_WRITTEN = Statement(
    select(content.c.envelope)
    .select_from(message.join(content, content.c.id == message.c.content_id))
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.special_use == "\\Sent")
    .order_by(message.c.uid.desc())
    .limit(LATELY)
)


def who_know(tx: Tx, account_ids: Sequence[int], sender: str) -> set[int]:
    """Those of these accounts that have made a sender known by something they did themselves: wrote to them, have them
    on a card, want their pictures shown, called them safe, or took a message of theirs out of Spam.

    That a message came before makes nobody known: whoever sends junk could send a harmless one first. Of more than
    MOST_CLOSELY accounts only what a look-up tells is asked, not their cards nor what they sent.
    """
    if not sender or not account_ids:
        return set()
    folded = sender.casefold()
    known = {
        account for statement in (_SHOWING, _TRUSTING) for (account,) in statement.rows(tx, account_ids, folded=folded)
    }
    known |= {account for (account,) in _RESCUED.rows(tx, account_ids, spelled=sender, folded=folded)}
    others = [account for account in account_ids if account not in known]
    if len(others) <= MOST_CLOSELY:
        known |= {
            account for account in others if _is_carded(tx, account, folded) or _is_written_to(tx, account, sender)
        }
    return known


def who_trust(tx: Tx, account_ids: Sequence[int], sender: str) -> set[int]:
    """Those of these accounts that have called a sender safe, or have them on a card; having written to them is not
    enough. Of more than MOST_CLOSELY accounts their cards are not looked through."""
    if not sender or not account_ids:
        return set()
    folded = sender.casefold()
    trusting = {account for (account,) in _TRUSTING.rows(tx, account_ids, folded=folded)}
    others = [account for account in account_ids if account not in trusting]
    if len(others) > MOST_CLOSELY:
        return trusting
    return trusting | {account for account in others if _is_carded(tx, account, folded)}


def _is_carded(tx: Tx, account: int, folded: str) -> bool:
    escaped = re.sub("([!%_])", r"!\1", folded)
    whole = re.compile(rf"(?<![\w.+-]){re.escape(folded)}(?![\w.-])")
    return any(whole.search(text.lower()) for (text,) in tx.all(_CARD, account=account, pattern=f"%{escaped}%"))


def _is_written_to(tx: Tx, account: int, sender: str) -> bool:
    local, _, domain = sender.rpartition("@")
    address = f"{quote(local)} {quote(domain)})".lower().encode()
    return any(address in bytes(envelope).lower() for (envelope,) in tx.all(_WRITTEN, account=account))
