"""What the operators tell everybody: announcements on the portal and above the mail, and maintenance windows.

For a console or a command: `post`, `revise`, `withdraw`, `listing`, each a function of a transaction as everywhere
(`await store.write(bulletins.post, origin, draft)`). Every change is audited and told to all workers, whose
`mailserver.notices.announcements.Announcements` shows it on the next request. Times are seconds since the epoch.

Kinds: `ANNOUNCEMENT` is shown from `begins` to `ends`. `READ_ONLY` and `CLOSED` are maintenance of the web interface:
announced from 48 hours before, then mail can be read and sent but nothing else changed, or every page but the state of
the service and the administration answers 503 with reason and end. They need an end; it may be moved while they last.

People close announcements (`close`): what was closed stays so until it is revised or they ask for it (`reopen`); an
urgent one comes back with the next session.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.service.bulletins import bulletin, bulletin_closed
from mailserver.texts.causes import Cause

NEWS = -4
"""The "mailbox" whose news say that a bulletin has moved (`changes.subscribe("mailbox", NEWS, …)`)."""
NOBODY = -1
"""The account of those news."""
MAX_TEXT = 500
MAX_BULLETINS = 50
"""Whose time is not over."""
KEPT_SECONDS = 400 * 86400
"""How long after their end they are listed."""


class Kind(StrEnum):
    """What a bulletin is."""

    ANNOUNCEMENT = "announcement"
    READ_ONLY = "read-only"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Draft:
    """A bulletin as it is written."""

    kind: Kind
    begins: int
    ends: int
    """0: until it is withdrawn (announcements only)."""
    fr: str
    """The announcement, or the reason of the maintenance: plain text."""
    en: str = ""
    """Empty: the French text is shown to everybody."""
    urgent: bool = False
    """Shown as a warning."""


@dataclass(frozen=True, slots=True)
class Bulletin:
    """A bulletin as it was posted."""

    id: int
    kind: Kind
    begins: int
    ends: int
    urgent: bool
    fr: str
    en: str
    author: str
    written: int

    def text(self, language: str) -> str:
        """The text in `fr` or `en`."""
        return self.en if language == "en" and self.en else self.fr

    def holds(self, now: float) -> bool:
        """True while its time is."""
        return self.begins <= now and (not self.ends or now < self.ends)


@dataclass(frozen=True, slots=True)
class Closed:
    """That somebody has closed an announcement."""

    written: int
    """Which version of it."""
    at: int

    def hides(self, one: Bulletin, session: int) -> bool:
        """Whether it stays away from a session that began then."""
        return self.written == one.written and (not one.urgent or self.at >= session)


_COLUMNS = (
    bulletin.c.id,
    bulletin.c.kind,
    bulletin.c.begins,
    bulletin.c.ends,
    bulletin.c.urgent,
    bulletin.c.fr,
    bulletin.c.en,
    bulletin.c.author,
    bulletin.c.written,
)


def listing(tx: Tx, *, past: bool = False) -> list[Bulletin]:
    """Those whose time is now or to come, the next to begin first; with `past` those of the last year, too."""
    lasting = (bulletin.c.ends == 0) | (bulletin.c.ends > tx.now - (KEPT_SECONDS if past else 0))
    rows = tx.execute(select(*_COLUMNS).where(lasting).order_by(bulletin.c.begins, bulletin.c.id))
    return [
        Bulletin(
            row.id, Kind(row.kind), row.begins, row.ends, bool(row.urgent), row.fr, row.en, row.author, row.written
        )
        for row in rows
    ]


def post(tx: Tx, origin: Origin, draft: Draft) -> int:
    """Post a bulletin; its id. Raises Refused(INVALID | LIMIT)."""
    values = _values(draft, tx.now)
    lasting = (bulletin.c.ends == 0) | (bulletin.c.ends > tx.now)
    if int(tx.execute(select(func.count()).select_from(bulletin).where(lasting)).scalar() or 0) >= MAX_BULLETINS:
        raise Refused(Reason.LIMIT)
    posted = tx.execute(insert(bulletin).values(**values, author=origin.actor, written=tx.now).returning(bulletin.c.id))
    number = int(posted.scalar_one())
    _changed(tx, origin, _told("bulletin-posted", number, draft))
    return number


def revise(tx: Tx, origin: Origin, number: int, draft: Draft) -> None:
    """Change a bulletin; whoever closed it sees it again. Raises Refused(NOT_FOUND | INVALID)."""
    written = tx.execute(select(bulletin.c.written).where(bulletin.c.id == number)).scalar()
    if written is None:
        raise Refused(Reason.NOT_FOUND)
    # No two versions were written at the same second: that is how a closing knows its own.
    values = {**_values(draft, tx.now), "author": origin.actor, "written": max(tx.now, int(written) + 1)}
    tx.execute(update(bulletin).where(bulletin.c.id == number).values(**values))
    _changed(tx, origin, _told("bulletin-revised", number, draft))


def withdraw(tx: Tx, origin: Origin, number: int) -> None:
    """Take a bulletin away; maintenance that lasts is over. Raises Refused(NOT_FOUND)."""
    if not tx.execute(delete(bulletin).where(bulletin.c.id == number)).rowcount:
        raise Refused(Reason.NOT_FOUND)
    _changed(tx, origin, Cause("bulletin-withdrawn", number=number))


# ---------------------------------------------------------------------- closed by their readers


def closed(tx: Tx, account_id: int) -> Mapping[int, Closed]:
    """What somebody has closed, by bulletin."""
    here = bulletin_closed.c.account_id == account_id
    rows = tx.execute(
        select(bulletin_closed.c.bulletin_id, bulletin_closed.c.written, bulletin_closed.c.at).where(here)
    )
    return {row.bulletin_id: Closed(row.written, row.at) for row in rows}


def close(tx: Tx, account_id: int, number: int, written: int) -> None:
    """Somebody has read an announcement as it was written then. What they closed and is over is forgotten, so that
    there are never more of these than bulletins. Raises Refused(NOT_FOUND)."""
    lasting = (bulletin.c.ends == 0) | (bulletin.c.ends > tx.now)
    found = tx.execute(
        select(bulletin.c.id).where(
            bulletin.c.id == number, bulletin.c.kind == Kind.ANNOUNCEMENT.value, bulletin.c.written == written, lasting
        )
    ).first()
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    # The account's row is locked where rows can be: what is closed twice at once is put in one after the other.
    tx.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    mine = bulletin_closed.c.account_id == account_id
    known = select(bulletin.c.id).where(lasting)
    gone = (bulletin_closed.c.bulletin_id == number) | bulletin_closed.c.bulletin_id.not_in(known)
    tx.execute(delete(bulletin_closed).where(mine, gone))
    values = {"account_id": account_id, "bulletin_id": number, "written": written, "at": tx.now}
    tx.execute(insert(bulletin_closed).values(**values))


def reopen(tx: Tx, account_id: int, number: int) -> None:
    """Show somebody again what they closed; what they did not close is fine."""
    mine = bulletin_closed.c.account_id == account_id
    tx.execute(delete(bulletin_closed).where(mine, bulletin_closed.c.bulletin_id == number))


def _values(draft: Draft, now: int) -> dict[str, str | int]:
    fr, en = draft.fr.strip(), draft.en.strip()
    lasts = draft.ends > max(draft.begins, now) or (draft.ends == 0 and draft.kind is Kind.ANNOUNCEMENT)
    if not fr or max(len(fr), len(en)) > MAX_TEXT or draft.begins < 0 or not lasts:
        raise Refused(Reason.INVALID)
    urgent = int(draft.urgent)
    return {
        "kind": draft.kind.value,
        "begins": draft.begins,
        "ends": draft.ends,
        "urgent": urgent,
        "fr": fr,
        "en": en,
    }


def _told(name: str, number: int, draft: Draft) -> Cause:
    return Cause(name, number=number, kind=(draft.kind.value,), start=draft.begins, end=draft.ends, text=draft.fr)


def _changed(tx: Tx, origin: Origin, detail: Cause) -> None:
    audit.record(tx, origin, Action.BULLETIN_CHANGED, 0, detail)
    tx.changed(NOBODY, NEWS)
