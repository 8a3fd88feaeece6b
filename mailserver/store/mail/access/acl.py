"""Lists of rights: reading them, and changing what others may do in a mailbox (RFC 4314 section 3)."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, delete, func, insert, literal, select

from mailserver.model.errors import Reason, Refused
from mailserver.model.rules import Sharing
from mailserver.store.account import accounts
from mailserver.store.account.populations import check_sharing, check_wide_sharing, limit, wide_sharers
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.access.reaching import MAX_FROM_ONE, MAX_SHARED, find
from mailserver.store.mail.access.rights import (
    ALL,
    GROUP,
    NONE,
    READING,
    TELLING,
    Rights,
    Viewer,
    is_wide,
    within,
    write,
)
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import mailbox_right
from mailserver.texts.causes import Cause

MAX_ENTRIES = 200
"""Identifiers in one mailbox's list."""
MAX_ACCOUNT_ENTRIES = 20_000
"""The same of all mailboxes of an account."""
MAX_READERS = 200
"""Identifiers that all mailboxes of an account are shared with: each of these readers is shown their names."""

Entry = tuple[str, bool, Rights]
"""An identifier, whether its rights are taken away, and the rights."""


def owner_name(tx: Tx, account_id: int) -> str:
    """The identifier of the owner of mailboxes: a login, or a functional box's address."""
    return str(tx.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one())


def entries(tx: Tx, viewer: Viewer, name: str) -> list[Entry]:
    """GETACL: the owner first. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    reach = find(tx, viewer, name, "a")
    return [(owner_name(tx, reach.box.account_id), False, ALL), *_entries(tx, reach.box.id)]


def _entries(tx: Tx, mailbox_id: int) -> list[Entry]:
    rows = tx.execute(
        select(mailbox_right.c.identifier, mailbox_right.c.negative, mailbox_right.c.rights)
        .where(mailbox_right.c.mailbox_id == mailbox_id)
        .order_by(mailbox_right.c.identifier, mailbox_right.c.negative)
    )
    return [(row.identifier, bool(row.negative), frozenset(row.rights)) for row in rows]


def mine(tx: Tx, viewer: Viewer, name: str) -> Rights:
    """MYRIGHTS. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    rights = find(tx, viewer, name).rights
    if not rights & TELLING:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    return rights


def always(tx: Tx, viewer: Viewer, name: str, identifier: str) -> Rights:
    """LISTRIGHTS: the rights an identifier has in a mailbox whatever its list says: the owner's are all.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN).
    """
    reach = find(tx, viewer, name, "a")
    return ALL if identifier == owner_name(tx, reach.box.account_id) else NONE


def change(
    tx: Tx, viewer: Viewer, name: str, identifier: str, mode: str, rights: Rights, origin: Origin, *, negative: bool
) -> None:
    """SETACL and DELETEACL: mode "=" sets, "+" adds, "-" removes; no rights left: no entry left.

    The identifier is one that `mailserver.policy.viewers` knows. Giving asks the rules between populations; taking
    back does not, but who is in a group is asked for the administration's lists of rights only (`groups`), so nobody
    else's denial of one is taken: it would not hold. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN | CANNOT | LIMIT |
    AUTHENTICATION), Denied.
    """
    accounts.still_in(tx, origin)
    box = find(tx, viewer, name, "a").box
    mailboxes.lock(tx, box.account_id, box.id)
    if identifier == owner_name(tx, box.account_id):
        if negative or (mode == "=" and rights != ALL) or (mode == "-" and rights):
            raise Refused(Reason.CANNOT, "The owner always has every right")
        return
    if rights and mode != "-" and (not negative or identifier.startswith(GROUP)):
        _check_giving(tx, viewer, box, identifier, rights)
    held = {(identifier, taken): had for identifier, taken, had in _entries(tx, box.id)}
    before = held.get((identifier, negative), NONE)
    after = rights if mode == "=" else before | rights if mode == "+" else before - rights
    here = (
        mailbox_right.c.mailbox_id == box.id,
        mailbox_right.c.identifier == identifier,
        mailbox_right.c.negative == int(negative),
    )
    since = tx.execute(select(mailbox_right.c.since).where(*here)).scalar() if "r" in before else None
    tx.execute(delete(mailbox_right).where(*here))
    if after:
        if len(held) >= MAX_ENTRIES and not before:
            raise Refused(Reason.LIMIT, "Too many identifiers have rights here")
        if not before:
            _check_room(tx, box.account_id, (identifier,))
        values = {
            "mailbox_id": box.id,
            "identifier": identifier,
            "negative": int(negative),
            "rights": "".join(sorted(after)),
            "since": tx.now if since is None else since,
        }
        tx.execute(insert(mailbox_right).values(**values))
    who = f"-{identifier}" if negative else identifier
    was, now = ((write(rights) or "nothing",) for rights in (before, after))
    said = Cause("mailbox-rights", mailbox=box.name, number=box.id, who=who, before=was, rights=now)
    audit.record(tx, origin, Action.RIGHTS_CHANGED, box.account_id, said)
    told(tx, box, identifier)


def _check_giving(tx: Tx, viewer: Viewer, box: Mailbox, identifier: str, rights: Rights) -> None:
    """The rules bind the owner, and whoever gives in the owner's name. Raises Denied."""
    givers = dict.fromkeys((box.account_id, viewer.account_id))
    if is_wide(identifier):
        check_wide_sharing(tx, givers)
        return
    reader = _account(tx, identifier)
    if reader is not None:
        check_sharing(tx, givers, reader, Sharing.READING if rights <= READING else Sharing.CHANGING)


def grantable(tx: Tx, viewer: Viewer, name: str, identifier: str) -> Rights:
    """LISTRIGHTS: the rights that may be given to an identifier in a mailbox (RFC 4314 section 3.7).

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN).
    """
    box = find(tx, viewer, name, "a").box
    givers = (box.account_id, viewer.account_id)
    if is_wide(identifier):
        return ALL if wide_sharers(tx, givers) == set(givers) else NONE
    reader = _account(tx, identifier)
    return ALL if reader is None else within(ALL, limit(tx, givers, reader))


def _account(tx: Tx, identifier: str) -> int | None:
    """The account that an identifier stands for; None: everybody, a group, or nobody who is left."""
    found = tx.execute(select(account.c.id).where(account.c.login == identifier)).scalar()
    return int(found) if found is not None else None


def _check_room(tx: Tx, account_id: int, identifiers: Sequence[str]) -> None:
    """Room for one more mailbox of an account for each of these identifiers. Raises Refused(LIMIT)."""
    ours = mailbox.c.account_id == account_id
    counted = select(func.count()).select_from(mailbox_right.join(mailbox, mailbox.c.id == mailbox_right.c.mailbox_id))
    readers = select(func.count(mailbox_right.c.identifier.distinct())).select_from(
        mailbox_right.join(mailbox, mailbox.c.id == mailbox_right.c.mailbox_id)
    )
    held = mailbox_right.c.identifier.in_(identifiers)
    new = len(identifiers) - int(tx.execute(readers.where(ours, held)).scalar_one())
    if int(tx.execute(counted.where(ours)).scalar_one()) + len(identifiers) > MAX_ACCOUNT_ENTRIES:
        raise Refused(Reason.LIMIT, "Too many rights were given")
    if new and int(tx.execute(readers.where(ours)).scalar_one()) + new > MAX_READERS:
        raise Refused(Reason.LIMIT, "Mailboxes are shared with too many")
    for column, most, where in (
        (mailbox_right.c.identifier, MAX_FROM_ONE, held & ours),
        (mailbox_right.c.identifier, MAX_SHARED, held),
    ):
        full = (
            select(column)
            .join(mailbox, mailbox.c.id == mailbox_right.c.mailbox_id)
            .where(where)
            .group_by(column)
            .having(func.count() >= most)
        )
        if tx.execute(full.limit(1)).first() is not None:
            raise Refused(Reason.LIMIT, "Too many mailboxes are shared with this identifier")


def told(tx: Tx, box: Mailbox, identifier: str) -> None:
    """Whoever has the mailbox open, or may see it from now on, looks again."""
    tx.changed(box.account_id, box.id)
    tx.changed(box.account_id, 0)
    person = tx.execute(select(account.c.id).where(account.c.login == identifier)).scalar()
    tx.changed(int(person) if person is not None else DIRECTORY, 0)


def inherit(tx: Tx, parent_id: int, child_id: int) -> None:
    """A new mailbox has the rights of the one above it (section 1: the server's choice).

    Raises Refused(LIMIT): the account would have given too many.
    """
    owner = tx.execute(select(mailbox.c.account_id).where(mailbox.c.id == parent_id)).scalar()
    identifiers = list(dict.fromkeys(identifier for identifier, _, _ in _entries(tx, parent_id)))
    if owner is not None and identifiers:
        _check_room(tx, int(owner), identifiers)
    rows = select(
        func.coalesce(child_id, 0),
        *(mailbox_right.c[name] for name in ("identifier", "negative", "rights")),
        literal(tx.now, BigInteger),
    ).where(mailbox_right.c.mailbox_id == parent_id)
    tx.execute(insert(mailbox_right).from_select(["mailbox_id", "identifier", "negative", "rights", "since"], rows))


def shared_with(tx: Tx, account_id: int) -> dict[int, int]:
    """How many identifiers have rights in each mailbox of an account; only where any has."""
    rows = tx.execute(
        select(mailbox_right.c.mailbox_id, func.count(mailbox_right.c.identifier.distinct()).label("others"))
        .join(mailbox, mailbox.c.id == mailbox_right.c.mailbox_id)
        .where(mailbox.c.account_id == account_id)
        .group_by(mailbox_right.c.mailbox_id)
    )
    return {int(row.mailbox_id): int(row.others) for row in rows}
