"""Searches that a person saved under a name, and the last ones they made. Scoped by account in every statement."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.sessions import search

OTHERS, EVERYWHERE = -1, -2
"""Instead of a mailbox's number: all that others share with the person, and that together with what is their own."""
MAX_SAVED = 30
MAX_RECENT = 10
MAX_NAME = 60
MAX_WORDS = 300


@dataclass(frozen=True, slots=True)
class Search:
    """A search, saved or made lately."""

    id: int
    name: str
    """Empty for one of the last."""
    words: str
    mailbox_id: int
    """0: in every folder of one's own; OTHERS, EVERYWHERE."""


_COLUMNS = (search.c.id, search.c.name, search.c.words, search.c.mailbox_id)


_SAVED = Statement(
    select(*_COLUMNS)
    .where(search.c.account_id == bindparam("account_id"), search.c.name != "")
    .order_by(search.c.name, search.c.id)
)


def saved(tx: Tx, account_id: int) -> list[Search]:
    """The saved ones, by name."""
    return [Search(*row) for row in tx.all(_SAVED, account_id=account_id)]


def recent(tx: Tx, account_id: int) -> list[Search]:
    """The last ones, newest first."""
    mine = (search.c.account_id == account_id) & (search.c.name == "")
    rows = tx.execute(select(*_COLUMNS).where(mine).order_by(search.c.used.desc(), search.c.id.desc()))
    return [Search(row.id, row.name, row.words, row.mailbox_id) for row in rows]


def made(tx: Tx, account_id: int, words: str, mailbox_id: int) -> None:
    """Remember a search as the last one."""
    mine = (search.c.account_id == account_id) & (search.c.name == "")
    tx.execute(delete(search).where(mine, search.c.words == words))
    _insert(tx, account_id, "", words, mailbox_id)
    kept = select(search.c.id).where(mine).order_by(search.c.used.desc(), search.c.id.desc()).limit(MAX_RECENT)
    tx.execute(delete(search).where(mine, search.c.id.not_in(kept)))


def forget_recent(tx: Tx, account_id: int) -> None:
    """The last searches are forgotten."""
    tx.execute(delete(search).where(search.c.account_id == account_id, search.c.name == ""))


def save(tx: Tx, account_id: int, name: str, words: str, mailbox_id: int) -> None:
    """Save a search; one of the same name is replaced. Raises Refused(INVALID | LIMIT)."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable() or not words or len(words) > MAX_WORDS:
        raise Refused(Reason.INVALID)
    mine = search.c.account_id == account_id
    changed = tx.execute(
        update(search).where(mine, search.c.name == name).values(words=words, mailbox_id=mailbox_id, used=tx.now)
    )
    if changed.rowcount:
        return
    count = tx.execute(select(func.count()).select_from(search).where(mine, search.c.name != "")).scalar() or 0
    if int(count) >= MAX_SAVED:
        raise Refused(Reason.LIMIT)
    _insert(tx, account_id, name, words, mailbox_id)


def forget(tx: Tx, account_id: int, number: int) -> bool:
    """Remove one; False when it is not there."""
    mine = (search.c.account_id == account_id) & (search.c.id == number)
    return bool(tx.execute(delete(search).where(mine)).rowcount)


def _insert(tx: Tx, account_id: int, name: str, words: str, mailbox_id: int) -> None:
    row = {"account_id": account_id, "name": name, "words": words, "mailbox_id": mailbox_id, "used": tx.now}
    tx.execute(insert(search), row)
