"""Mailboxes of an account: create, rename, delete, subscribe, special use.

Names are Unicode text with "/" between levels. INBOX is always upper case and is never deleted. Deleting a
mailbox that has children leaves them (RFC 3501 section 6.3.4 lets the name vanish).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)

from mailserver.model.errors import Reason, Refused
from mailserver.model.unicode import has_controls, normalize
from mailserver.store.engine.given_rows import given_rows, insert_missing, packed
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.mail import deletions
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import expunged, keyword, mailbox, message, subscription
from mailserver.store.schema.mail.sharing import annotation, mailbox_right
from mailserver.store.schema.mail.webmail import retention

SEPARATOR = "/"
INBOX = "INBOX"
SPECIAL = {
    "Drafts": "\\Drafts",
    "Sent": "\\Sent",
    "Junk": "\\Junk",
    "Trash": "\\Trash",
    "Archive": "\\Archive",
}
"""Folders every account starts with; clients show them translated by their special use (RFC 6154)."""
SPECIAL_USES = frozenset(SPECIAL.values())
RESERVED = ("Partagés", "Fonctions")
"""First levels under which everybody sees mailboxes of other people and of functional boxes (`store.mail.access`)."""

MAX_NAME = 1000
"""Octets of a name in UTF-8."""
MAX_DEPTH = 20
MAX_MAILBOXES = 5000
MAX_SUBSCRIPTIONS = 10_000
IN_LIST = 500


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox as its row says. `recent` is the first UID no session has been told about.

    Removals are remembered since `expunged_floor`, a mod-sequence; of earlier ones only what is gone is known.
    """

    id: int
    account_id: int
    name: str
    uidvalidity: int
    uidnext: int
    modseq: int
    recent: int
    messages: int
    unseen: int
    flagged: int
    octets: int
    special_use: str
    flags_modseq: int
    expunged_floor: int


COLUMNS = (
    mailbox.c.id,
    mailbox.c.account_id,
    mailbox.c.name,
    mailbox.c.uidvalidity,
    mailbox.c.uidnext,
    mailbox.c.modseq,
    mailbox.c.recent,
    mailbox.c.messages,
    mailbox.c.unseen,
    mailbox.c.flagged,
    mailbox.c.octets,
    mailbox.c.special_use,
    mailbox.c.flags_modseq,
    mailbox.c.expunged_floor,
)
_ALL: Select[Any] = select(*COLUMNS).where(mailbox.c.account_id == bindparam("account"))
_BY_NAME = Statement(_ALL.where(mailbox.c.name == bindparam("name")))
_BY_ID = Statement(_ALL.where(mailbox.c.id == bindparam("mailbox")))
_IS_THERE = Statement(
    select(mailbox.c.id).where(mailbox.c.account_id == bindparam("account"), mailbox.c.id == bindparam("mailbox"))
)
_LOCK = Statement(_ALL.where(mailbox.c.id == bindparam("mailbox")).with_for_update())
_LIST = Statement(_ALL.order_by(mailbox.c.name))
_BY_USE = Statement(_ALL.where(mailbox.c.special_use == bindparam("use")).order_by(mailbox.c.id).limit(1))
_WITH_USE = ManyStatement(
    select(mailbox.c.account_id, func.min(mailbox.c.id))
    .where(mailbox.c.special_use == bindparam("use"))
    .group_by(mailbox.c.account_id),
    mailbox.c.account_id,
)
_INSERT = Statement(
    insert(mailbox).returning(mailbox.c.id),
    keys=("account_id", "name", "uidvalidity", "special_use", "created"),
)
_MINT = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.uidvalidity == 0)
    .values(uidvalidity=mailbox.c.id)
)
_LOCK_FOLDERS = Statement(
    select(account.c.id).where(account.c.id == bindparam("account")).with_for_update(key_share=True)
)
_KEYWORDS = Statement(
    select(keyword.c.name).where(keyword.c.mailbox_id == bindparam("mailbox")).order_by(keyword.c.bit)
)


def _new_rows(dialect: str) -> tuple[Statement, Statement]:
    """The mailboxes that accounts start with, and their subscriptions, of all that are `given`."""
    given, wanted = given_rows(dialect, "account"), {INBOX: "", **SPECIAL}
    each = (select(cast(name, Text).label("name"), cast(use, Text).label("use")) for name, use in wanted.items())
    folders = union_all(*each).subquery("folders")
    rows = given.join(folders, given.c.account > 0)
    now = bindparam("moment", type_=BigInteger)
    boxes = select(given.c.account, folders.c.name, literal_column("0"), folders.c.use, now).select_from(rows)
    names = select(given.c.account, folders.c.name).select_from(rows)
    keys = ("account_id", "name", "uidvalidity", "special_use", "created")
    return (
        Statement(insert_missing(dialect, mailbox, keys, boxes.where(given.c.account > 0))),
        Statement(insert_missing(dialect, subscription, keys[:2], names.where(given.c.account > 0))),
    )


_NEW = {dialect: _new_rows(dialect) for dialect in ("sqlite", "postgresql")}


def listing(tx: Tx, account_id: int) -> list[Mailbox]:
    """Every mailbox of the account, by name."""
    return [Mailbox(*row) for row in tx.all(_LIST, account=account_id)]


def get(tx: Tx, account_id: int, name: str) -> Mailbox:
    """A mailbox by name. Raises Refused(NO_SUCH_MAILBOX)."""
    name = canonical(name)
    row = tx.one(_BY_NAME, account=account_id, name=name) if can_be(name) else None
    if row is None:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    return Mailbox(*row)


def can_be(name: str) -> bool:
    """Whether a database can be asked for a name: PostgreSQL takes no NUL in a text, and neither engine half a
    character; modified UTF-7 can spell both."""
    return "\0" not in name and name.encode("utf-8", "replace").decode() == name


def by_id(tx: Tx, account_id: int, mailbox_id: int) -> Mailbox:
    """A mailbox by id, if it is the account's. Raises Refused(NO_SUCH_MAILBOX)."""
    row = tx.one(_BY_ID, account=account_id, mailbox=mailbox_id)
    if row is None:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    return Mailbox(*row)


def check(tx: Tx, account_id: int, mailbox_id: int) -> None:
    """Raises Refused(NO_SUCH_MAILBOX) unless a mailbox is the account's."""
    if tx.one(_IS_THERE, account=account_id, mailbox=mailbox_id) is None:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")


def by_ids(tx: Tx, mailbox_ids: Sequence[int]) -> list[Mailbox]:
    """Mailboxes of anybody, by id: for whoever has looked at their rights. Those that are gone are left out."""
    found: list[Mailbox] = []
    for start in range(0, len(mailbox_ids), IN_LIST):
        chosen = mailbox.c.id.in_(mailbox_ids[start : start + IN_LIST])
        found += [Mailbox(*tuple(row)) for row in tx.execute(select(*COLUMNS).where(chosen))]
    return found


def lock(tx: Tx, account_id: int, mailbox_id: int) -> Mailbox:
    """The same, its row locked until the commit: the only way to mint UIDs and mod-sequences."""
    row = tx.one(_LOCK, account=account_id, mailbox=mailbox_id)
    if row is None:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    return Mailbox(*row)


def lock_all(tx: Tx, mailbox_ids: Iterable[int]) -> None:
    """Lock mailboxes that one unit is going to fill, in the order that every unit keeps; SQLite has one writer."""
    ids = sorted(set(mailbox_ids))
    if tx.dialect == "postgresql" and len(ids) > 1:
        _lock_in_order(tx, ids)


def _lock_in_order(tx: Tx, ids: Sequence[int]) -> None:
    for start in range(0, len(ids), IN_LIST):
        here = mailbox.c.id.in_(ids[start : start + IN_LIST])
        tx.execute(select(mailbox.c.id).where(here).order_by(mailbox.c.id).with_for_update())


def lock_named(
    tx: Tx, accounts: Iterable[int], names: Iterable[str], uses: Iterable[str], more: Iterable[int] = ()
) -> None:
    """`lock_all` for INBOX, the mailboxes of these names and those of these special uses of some accounts, and `more`;
    one alone, too."""
    if tx.dialect != "postgresql":
        return
    wanted = mailbox.c.name.in_(sorted({INBOX, *names})) | mailbox.c.special_use.in_(sorted(uses))
    numbers = sorted(set(accounts))
    found: list[int] = []
    for start in range(0, len(numbers), IN_LIST):
        here = mailbox.c.account_id.in_(numbers[start : start + IN_LIST])
        found += tx.execute(select(mailbox.c.id).where(here, wanted)).scalars()
    _lock_in_order(tx, sorted({*found, *more}))


def by_use(tx: Tx, account_id: int, special_use: str) -> Mailbox | None:
    """The account's mailbox of a special use such as `\\Trash`."""
    row = tx.one(_BY_USE, account=account_id, use=special_use)
    return Mailbox(*row) if row is not None else None


def with_use(tx: Tx, account_ids: Sequence[int], special_use: str) -> dict[int, int]:
    """The same of many accounts: the mailbox's id of each that has one."""
    return dict(_WITH_USE.rows(tx, account_ids, use=special_use))


def keywords(tx: Tx, mailbox_id: int) -> tuple[str, ...]:
    """Keyword names of a mailbox in bit order (`store.mail.flags`)."""
    return tuple(row[0] for row in tx.all(_KEYWORDS, mailbox=mailbox_id))


def provision(tx: Tx, account_id: int) -> None:
    """Make INBOX and the special folders that are missing, and subscribe them. Safe when two come together."""
    wanted = {INBOX: "", **SPECIAL}
    existing = {box.name for box in listing(tx, account_id)}
    missing = [name for name in wanted if name not in existing]
    if not missing:
        return
    rows = [_new_row(tx, account_id, name, wanted[name]) for name in missing]
    tx.insert_ignore(mailbox, rows)
    _mint_uidvalidity(tx, account_id)
    tx.insert_ignore(subscription, [{"account_id": account_id, "name": name} for name in missing])
    tx.changed(account_id, 0)


def provision_new(tx: Tx, account_ids: Sequence[int]) -> None:
    """The same for many accounts, by a few statements for all of them; those that have mailboxes are left out."""
    theirs = select(mailbox.c.account_id).where(mailbox.c.account_id.in_(account_ids)).distinct()
    known = set(tx.execute(theirs).scalars())
    new = [account_id for account_id in account_ids if account_id not in known]
    if not new:
        return
    given, (boxes, names) = packed((one,) for one in new), _NEW[tx.dialect]
    tx.run(boxes, given=given, moment=tx.now)
    unminted = (mailbox.c.account_id.in_(new), mailbox.c.uidvalidity == 0)
    tx.execute(update(mailbox).where(*unminted).values(uidvalidity=mailbox.c.id))
    tx.run(names, given=given)
    for one in new:
        tx.changed(one, 0)


def create(tx: Tx, account_id: int, name: str, special_use: str = "") -> Mailbox:
    """Create a mailbox and the levels above it (RFC 3501 section 6.3.3).

    Raises Refused(MAILBOX_EXISTS | INVALID | LIMIT).
    """
    name = _free_name(name)
    lock_folders(tx, account_id)
    existing = {box.name for box in listing(tx, account_id)}
    if name in existing:
        raise Refused(Reason.MAILBOX_EXISTS, "Mailbox already exists")
    if special_use and by_use(tx, account_id, special_use) is not None:
        raise Refused(Reason.CANNOT, "Another mailbox has this special use")
    if not special_use and name in SPECIAL and by_use(tx, account_id, SPECIAL[name]) is None:
        special_use = SPECIAL[name]  # deleted and made again: still what clients look for
    _check_room(len(existing), [name, *_missing_parents(name, existing)])
    _create_parents(tx, account_id, name, existing)
    tx.one(_INSERT, **_new_row(tx, account_id, name, special_use))
    _mint_uidvalidity(tx, account_id)
    tx.changed(account_id, 0)
    return get(tx, account_id, name)


def remove(tx: Tx, account_id: int, name: str) -> int:
    """Delete a mailbox and its messages, which are kept aside; its id. Raises Refused(NO_SUCH_MAILBOX | CANNOT)."""
    if canonical(name) == INBOX:
        raise Refused(Reason.CANNOT, "INBOX cannot be deleted")
    lock_folders(tx, account_id)
    box = get(tx, account_id, name)
    box = lock(tx, account_id, box.id)
    deletions.keep_mailbox(tx, account_id, box.id, box.name)
    for table in (message, expunged, keyword, mailbox_right, annotation, retention):
        tx.execute(delete(table).where(table.c.mailbox_id == box.id))
    tx.execute(delete(mailbox).where(mailbox.c.id == box.id))
    tx.changed(account_id, box.id)
    tx.changed(account_id, 0)
    return box.id


def rename(tx: Tx, account_id: int, old: str, new: str) -> None:
    """Rename a mailbox and everything below it (RFC 3501 section 6.3.5), also a level above others that is none itself;
    INBOX is `messages.rename`'s business.

    Raises Refused(NO_SUCH_MAILBOX | MAILBOX_EXISTS | CANNOT | INVALID | LIMIT).
    """
    old = canonical(old)
    new = _free_name(new)
    lock_folders(tx, account_id)
    boxes = {box.name: box for box in listing(tx, account_id)}
    if old == INBOX:
        raise Refused(Reason.CANNOT, "INBOX keeps its name; see messages.rename")
    moving = {name: new + name[len(old) :] for name in boxes if name == old or name.startswith(old + SEPARATOR)}
    if not moving:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    staying = boxes.keys() - moving.keys()
    if new.startswith(old + SEPARATOR):
        raise Refused(Reason.CANNOT, "A mailbox cannot move below itself")
    if new == old or new in boxes or staying & set(moving.values()):
        raise Refused(Reason.MAILBOX_EXISTS, "Mailbox already exists")
    for target in moving.values():
        check_name(target)
    _check_room(len(boxes), _missing_parents(new, staying))
    _create_parents(tx, account_id, new, set(staying))
    for name, target in moving.items():
        tx.execute(update(mailbox).where(mailbox.c.id == boxes[name].id).values(name=target))
    tx.changed(account_id, 0)


def subscriptions(tx: Tx, account_id: int) -> set[str]:
    """Subscribed names, also of mailboxes that no longer exist."""
    rows = tx.execute(select(subscription.c.name).where(subscription.c.account_id == account_id))
    return {row[0] for row in rows}


def subscribe(tx: Tx, account_id: int, name: str, subscribed: bool) -> None:
    """Add or remove a subscription. Raises Refused(LIMIT | INVALID)."""
    name = check_name(name) if subscribed else canonical(name)
    if not subscribed and not can_be(name):
        return  # nobody ever subscribed to it
    if not subscribed:
        tx.execute(delete(subscription).where(subscription.c.account_id == account_id, subscription.c.name == name))
    else:
        if len(subscriptions(tx, account_id)) >= MAX_SUBSCRIPTIONS:
            raise Refused(Reason.LIMIT, "Too many subscriptions")
        tx.insert_ignore(subscription, {"account_id": account_id, "name": name})
    tx.changed(account_id, 0)


def canonical(name: str) -> str:
    """INBOX in upper case whatever the case it was written in (RFC 3501 section 5.1); NFC elsewhere."""
    name = normalize("NFC", name)
    head, separator, rest = name.partition(SEPARATOR)
    return INBOX + separator + rest if head.upper() == INBOX else name


def _free_name(name: str) -> str:
    """The canonical name of a mailbox to be. Raises Refused(INVALID | CANNOT)."""
    name = check_name(name.rstrip(SEPARATOR))
    if name.partition(SEPARATOR)[0] in RESERVED:
        raise Refused(Reason.CANNOT, "This name is kept for mailboxes of others")
    return name


def check_name(name: str) -> str:
    """The canonical name. Raises Refused(INVALID) when it cannot be one."""
    name = canonical(name)
    levels = name.split(SEPARATOR)
    if not name or not all(levels):
        raise Refused(Reason.INVALID, "A mailbox name needs text at every level")
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME or len(levels) > MAX_DEPTH:
        raise Refused(Reason.INVALID, "Mailbox name is too long")
    if has_controls(name):
        raise Refused(Reason.INVALID, "Mailbox name has control characters")
    return name


def lock_folders(tx: Tx, account_id: int) -> None:
    """One change of the account's folders at a time: names, special uses and rights are looked at before they are
    taken, and on PostgreSQL another unit may commit in between."""
    tx.one(_LOCK_FOLDERS, account=account_id)


def _check_room(count: int, new: Sequence[str]) -> None:
    """Room for these beside so many, levels above others included: else somebody who renames the same mailbox again
    and again leaves some behind each time. Raises Refused(LIMIT)."""
    if new and count + len(new) > MAX_MAILBOXES:
        raise Refused(Reason.LIMIT, "Too many mailboxes")


def _missing_parents(name: str, existing: Collection[str]) -> list[str]:
    levels = name.split(SEPARATOR)
    parents = (SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels)))
    return [parent for parent in parents if parent not in existing]


def _create_parents(tx: Tx, account_id: int, name: str, existing: set[str]) -> None:
    for parent in _missing_parents(name, existing):
        tx.one(_INSERT, **_new_row(tx, account_id, parent, ""))
        existing.add(parent)
    _mint_uidvalidity(tx, account_id)


def _new_row(tx: Tx, account_id: int, name: str, special_use: str) -> dict[str, int | str]:
    return {
        "account_id": account_id,
        "name": name,
        "uidvalidity": 0,
        "special_use": special_use,
        "created": tx.now,
    }


def _mint_uidvalidity(tx: Tx, account_id: int) -> None:
    """UIDVALIDITY is the row's own number: it ascends and is never used twice (RFC 3501 section 2.3.1.1)."""
    tx.run(_MINT, account=account_id)
