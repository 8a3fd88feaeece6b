"""Annotations of mailboxes and of the server: METADATA (RFC 5464).

Entries below `/shared` are everybody's who reaches the mailbox, those below `/private` each person's own. Entries of
the server are read by all; `/shared` ones are the administration's to set.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, delete, func, insert, select

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.access.acts import record
from mailserver.store.mail.access.reaching import check, find, listing
from mailserver.store.mail.access.rights import Rights, Viewer
from mailserver.store.mail.annotation_octets import EVERYBODY, SERVER, has_room
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import annotation, mailbox_right
from mailserver.texts.causes import Cause

MAX_VALUE = 16 * 1024
"""Octets of a value."""
MAX_ENTRIES = 64
"""Entries of one mailbox, of everybody or of one person."""
TRACES = 64
"""Removed entries that are remembered there for whoever asks what moved."""
PRIVATE, SHARED = "/private/", "/shared/"
SPECIAL_USE = PRIVATE + "specialuse"
"""What LIST says of a mailbox of one's own (RFC 6154 section 4): it is given with CREATE, and read here."""
_SETTING_LOCK = 0x6D657461
_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))))
READING: Rights = frozenset("rswip")


class TooMany(Refused):
    """The mailbox or the server has as many entries as it may."""


class FixedUse(Refused):
    """A mailbox is not put to another use by its annotation."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Entries that somebody changed: of a mailbox by the name that the viewer knows it by; "": of the server."""

    mailbox: str
    entries: tuple[str, ...]


def get(tx: Tx, viewer: Viewer, name: str) -> dict[str, bytes]:
    """Every entry of a mailbox ("": of the server). Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    if not name:
        return of_mailboxes(tx, viewer, [SERVER]).get(SERVER, {})
    box = _readable(tx, viewer, name)[0]
    return of_mailboxes(tx, viewer, [box.id]).get(box.id, {})


def of_mailboxes(tx: Tx, viewer: Viewer, mailbox_ids: Sequence[int]) -> dict[int, dict[str, bytes]]:
    """Entries of several mailboxes, whose readers the caller has checked."""
    found: dict[int, dict[str, bytes]] = {}
    for start in range(0, len(mailbox_ids), mailboxes.IN_LIST):
        here = annotation.c.mailbox_id.in_(mailbox_ids[start : start + mailboxes.IN_LIST])
        rows = tx.execute(_VISIBLE.where(here, _seen_by(viewer), annotation.c.value.is_not(None)))
        for row in rows:
            found.setdefault(row.mailbox_id, {})[row.entry] = row.value
        used = _USED.where(mailbox.c.id.in_(mailbox_ids[start : start + mailboxes.IN_LIST]))
        for row in tx.execute(used.where(mailbox.c.account_id == viewer.account_id)):
            found.setdefault(row.id, {})[SPECIAL_USE] = row.special_use.encode()
    return found


_VISIBLE: Select[Any] = select(
    annotation.c.id, annotation.c.mailbox_id, annotation.c.entry, annotation.c.value
).order_by(annotation.c.mailbox_id, annotation.c.entry)


_USED: Select[Any] = select(mailbox.c.id, mailbox.c.special_use).where(mailbox.c.special_use != "")


def _seen_by(viewer: Viewer) -> ColumnElement[bool]:
    return annotation.c.account_id.in_((EVERYBODY, viewer.account_id))


def change(
    tx: Tx, viewer: Viewer, name: str, values: Mapping[str, bytes | None], *, may_set_server: bool = False
) -> list[int]:
    """Set entries, all or none; None removes one. What the changes are numbered by, for `changed`.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN), TooMany, FixedUse.
    """
    if tx.dialect == "postgresql":  # numbers are to ascend in the order of commits
        tx.one(_LOCK, key=_SETTING_LOCK)
    shared = any(entry.startswith(SHARED) for entry in values)
    box: Mailbox | None = None
    if not name:
        if shared and not may_set_server:
            raise Refused(Reason.FORBIDDEN, "Shared entries of the server are the administration's")
    else:
        box, rights = _readable(tx, viewer, name)
        if shared:
            check(rights, "w")
    if SPECIAL_USE in values and box is not None:
        used = box.special_use if box.account_id == viewer.account_id else ""
        if (values[SPECIAL_USE] or b"") != used.encode():
            raise FixedUse(Reason.CANNOT, "A special use is given when the mailbox is made")
        values = {entry: value for entry, value in values.items() if entry != SPECIAL_USE}
    numbers = []
    for entry, value in values.items():
        owner = viewer.account_id if entry.startswith(PRIVATE) else EVERYBODY
        numbers.append(_put(tx, box.id if box else SERVER, owner, entry, value))
    _tell(tx, viewer, box, values)
    return numbers


def _readable(tx: Tx, viewer: Viewer, name: str) -> tuple[Mailbox, Rights]:
    """RFC 5464 section 3.3: "l", and one of "r", "s", "w", "i", "p"."""
    reach = find(tx, viewer, name, "l")
    if not reach.rights & READING:
        raise Refused(Reason.FORBIDDEN, "You do not have the right to do this here")
    return reach.box, reach.rights


def _put(tx: Tx, mailbox_id: int, owner: int, entry: str, value: bytes | None) -> int:
    here = (annotation.c.mailbox_id == mailbox_id, annotation.c.account_id == owner)
    tx.execute(delete(annotation).where(*here, annotation.c.entry == entry))
    held = annotation.c.value.is_not(None)
    if value is not None and tx.execute(select(func.count()).where(*here, held)).scalar_one() >= MAX_ENTRIES:
        raise TooMany(Reason.LIMIT, "Too many entries")
    if value is not None and not has_room(tx, mailbox_id, owner, len(value)):
        raise TooMany(Reason.LIMIT, "Too much in all entries together")
    if value is None:
        old = select(annotation.c.id).where(*here, annotation.c.value.is_(None)).order_by(annotation.c.id.desc())
        last = tx.execute(old.offset(TRACES).limit(1)).scalar()
        tx.execute(delete(annotation).where(*here, annotation.c.value.is_(None), annotation.c.id <= (last or 0)))
    row = {"mailbox_id": mailbox_id, "account_id": owner, "entry": entry, "value": value}
    return int(tx.execute(insert(annotation).values(row).returning(annotation.c.id)).scalar_one())


def _tell(tx: Tx, viewer: Viewer, box: Mailbox | None, entries: Iterable[str]) -> None:
    """Wake whoever may want to hear of it (`changed`)."""
    if box is not None:
        which = Cause("act-annotated", entries=" ".join(entries))
        record(tx, viewer, box.account_id, box.name, "annotate", detail=which)
        tx.changed(box.account_id, box.id)
        shared_with = tx.execute(
            select(mailbox_right.c.mailbox_id).where(mailbox_right.c.mailbox_id == box.id).limit(1)
        )
        if shared_with.first() is not None or box.account_id != viewer.account_id:
            tx.changed(DIRECTORY, 0)
    elif any(entry.startswith(SHARED) for entry in entries):
        tx.changed(DIRECTORY, 0)
    tx.changed(viewer.account_id, 0)


def latest(tx: Tx) -> int:
    """The number of the newest change there is."""
    return int(tx.execute(select(func.coalesce(func.max(annotation.c.id), 0))).scalar_one())


def changed(tx: Tx, viewer: Viewer, since: int, own: Sequence[int] = ()) -> tuple[int, list[Changed]]:
    """The number of the newest change, and what changed since a number as far as somebody may know; not their `own`."""
    newest = latest(tx)
    if newest <= since:
        return newest, []
    rows = [row for row in tx.execute(_VISIBLE.where(annotation.c.id > since, _seen_by(viewer))) if row.id not in own]
    if not rows:
        return newest, []
    names = {box.id: box.name for box in mailboxes.listing(tx, viewer.account_id)}
    names.update((reach.box.id, reach.name) for reach in listing(tx, viewer) if reach.rights & READING)
    names[SERVER] = ""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.mailbox_id in names:
            found.setdefault(names[row.mailbox_id], []).append(row.entry)
    return newest, [Changed(name, tuple(entries)) for name, entries in found.items()]


__all__ = ["Changed", "FixedUse", "TooMany", "change", "changed", "get", "latest", "of_mailboxes"]
