"""Archives of lists that were opened to more people: which authors of what is in them are still to be told.

`mailing_list.archive_tell` is the account to begin with, so that whoever goes on after a crash begins where it ended;
0: nobody is to be told. Whoever opens and closes an archive all day makes no more than one notice a day of it.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from mailserver.model.clock import DAY, HOUR
from mailserver.model.identity import Archive
from mailserver.store.engine.statements import Tx
from mailserver.store.schema.people.rosters import archived_post, mailing_list

EVERYBODY = 1
"""What the column has when an archive has just been opened: each of its authors is to be told."""
WAITS = HOUR
"""Seconds in which whoever opened it may think better of it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An archive whose authors are being told."""

    address: str
    name: str
    at: int
    widely: bool
    """To everybody with an account here; else to its members."""
    older: int
    begin: int


@dataclass(frozen=True, slots=True)
class Author:
    """Who has messages in it, and how many."""

    account_id: int
    posts: int


_C = mailing_list.c
_READ_BY_MORE = (Archive.MEMBERS.value, Archive.ACADEMY.value)


def untold(tx: Tx, limit: int) -> list[Opened]:
    """Those whose turn it is, the first opened first."""
    begun_or_rested = or_(_C.archive_tell > EVERYBODY, _C.archive_told <= tx.now - DAY)
    due = and_(_C.archive_tell > 0, _C.archive_opened > 0, _C.archive_opened <= tx.now - WAITS, begun_or_rested)
    rows = tx.execute(
        select(_C.address, _C.name, _C.archive_opened, _C.archive, _C.archive_older, _C.archive_tell)
        .where(due, _C.archive.in_(_READ_BY_MORE))
        .order_by(_C.archive_opened, _C.address)
        .limit(limit)
    )
    return [
        Opened(address, name, at, readers == Archive.ACADEMY.value, older, begin)
        for address, name, at, readers, older, begin in map(tuple, rows)
    ]


def authors(tx: Tx, opened: Opened, limit: int) -> list[Author]:
    """The next people here with messages in it of before: who wrote later knew."""
    post = archived_post.c
    rows = tx.execute(
        select(post.account_id, func.count())
        .where(post.list == opened.address, post.withdrawal_id == 0, post.account_id >= opened.begin)
        .where(post.internal_date <= opened.at)
        .group_by(post.account_id)
        .order_by(post.account_id)
        .limit(limit)
    )
    return [Author(int(account_id), int(count)) for account_id, count in map(tuple, rows)]


def told(tx: Tx, opened: Opened, account_id: int) -> bool:
    """This one is told now, and all before them; False when they have been, or when it was opened anew or closed."""
    mine = and_(_same(opened), _C.archive_tell > 0, _C.archive_tell <= account_id)
    began = {"archive_told": tx.now} if opened.begin == EVERYBODY else {}
    return tx.execute(update(mailing_list).where(mine).values(archive_tell=account_id + 1, **began)).rowcount == 1


def finish(tx: Tx, opened: Opened) -> None:
    """Everybody is told."""
    tx.execute(update(mailing_list).where(_same(opened)).values(archive_tell=0))


def _same(opened: Opened) -> ColumnElement[bool]:
    return and_(_C.address == opened.address, _C.archive_opened == opened.at)
