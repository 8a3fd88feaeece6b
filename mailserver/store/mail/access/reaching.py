"""Which mailboxes somebody reaches, by which names, with which rights.

One's own have their own names and every right. Those of other people stand below `Partagés/LOGIN`, those of
functional boxes below `Fonctions/NAME` (RFC 2342: other users' and shared namespaces). Who may not look a mailbox up
hears that there is none (RFC 4314 section 6).

A list of rights says what its owner wants. What the rules between populations forbid does not count, whenever it was
given; nor does what is given to everybody or to a list by anybody but the administration.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, case, select

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import ListKind
from mailserver.store.account.populations import Ties, wide_sharers
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.access.rights import ALL, ANYONE, GROUP, NONE, WORDS, Rights, Viewer, is_wide, within
from mailserver.store.mail.mailboxes import SEPARATOR, Mailbox
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import mailbox_right
from mailserver.store.schema.people.entries import claim
from mailserver.store.schema.people.rosters import list_member, mailing_list

OTHERS, FUNCTIONS = mailboxes.RESERVED
_IS_GROUP = (mailbox_right.c.identifier >= GROUP) & (mailbox_right.c.identifier < "%")
"""The sign behind "$" is "%"."""
MAX_SHARED = 5000
"""Mailboxes of others that one person is shown: those that were shared with themselves first, then those of lists."""
MAX_FROM_ONE = 200
"""The same of one person by lists of rights: nobody fills somebody else's listing."""
IN_LIST = 500
UNKNOWN = 1 << 62
"""Since when somebody may read, where nothing says it: later than everything."""


@dataclass(frozen=True, slots=True)
class Reach:
    """A mailbox as somebody reaches it."""

    box: Mailbox
    name: str
    rights: Rights
    since: int = 0
    """When they could first read it, as `listing` says; 0: it is a functional box's, or that was not asked."""


@dataclass(frozen=True, slots=True)
class Held:
    """A functional box that somebody holds."""

    box_id: int
    address: str
    rights: Rights
    words: frozenset[str]


_OWNER = Statement(select(mailbox.c.account_id).where(mailbox.c.id == bindparam("mailbox")))
_BY_LOGIN = Statement(select(account.c.id).where(account.c.login == bindparam("login")))
_BY_LABEL = Statement(
    select(mailing_list.c.box_id)
    .where(
        mailing_list.c.address >= bindparam("low"),
        mailing_list.c.address < bindparam("high"),
        mailing_list.c.kind == ListKind.FUNCTION.value,
        mailing_list.c.box_id > 0,
    )
    .order_by(mailing_list.c.address)
    .limit(1)
)
_MINE = select(claim.c.name).where(claim.c.account_id == bindparam("viewer"), claim.c.live == 1)
_HELD = Statement(
    select(mailing_list.c.box_id, mailing_list.c.address, list_member.c.rights)
    .select_from(list_member.join(mailing_list, mailing_list.c.address == list_member.c.list))
    .where(
        list_member.c.member.in_(_MINE),
        list_member.c.rights != "",
        mailing_list.c.kind == ListKind.FUNCTION.value,
        mailing_list.c.box_id > 0,
    )
    .order_by(mailing_list.c.address)
)


def is_foreign(name: str) -> bool:
    """True for a name in a namespace that is not one's own."""
    return name.partition(SEPARATOR)[0] in mailboxes.RESERVED


def find(tx: Tx, viewer: Viewer, name: str, needs: str = "") -> Reach:
    """A mailbox by the name somebody knows it by, if they have all these rights.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN).
    """
    owner, inner = place(tx, viewer, name)
    if owner == viewer.account_id:
        box = mailboxes.get(tx, owner, inner)
        return Reach(box, box.name, ALL)
    box = mailboxes.get(tx, owner, inner)
    rights = rights_on(tx, viewer, owner, box.id)
    check(rights, needs)
    return Reach(box, name, rights)


def place(tx: Tx, viewer: Viewer, name: str) -> tuple[int, str]:
    """The account behind a name, and the mailbox's name there. Raises Refused(NO_SUCH_MAILBOX)."""
    if not is_foreign(name):
        return viewer.account_id, name
    space, _, rest = name.partition(SEPARATOR)
    label, _, inner = rest.partition(SEPARATOR)
    owner = _owner(tx, space, label) if label and inner and mailboxes.can_be(label) else 0
    if not owner or owner == viewer.account_id:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    return owner, inner


def _owner(tx: Tx, space: str, label: str) -> int:
    if space == OTHERS:
        row = tx.one(_BY_LOGIN, login=label)
    else:  # the sign behind "@" is "A"
        row = tx.one(_BY_LABEL, low=f"{label}@", high=f"{label}A")
    return int(row[0]) if row is not None else 0


def check(rights: Rights, needs: str) -> None:
    """Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN) when one of the needed rights is missing."""
    if rights.issuperset(needs) and rights:
        return
    if "l" not in rights:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    raise Refused(Reason.FORBIDDEN, "You do not have the right to do this here")


def require(tx: Tx, viewer: Viewer, mailbox_id: int, needs: str) -> tuple[int, Rights]:
    """The owner of a mailbox, and somebody's rights there. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    row = tx.one(_OWNER, mailbox=mailbox_id)
    if row is None:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    rights = rights_on(tx, viewer, int(row[0]), mailbox_id)
    check(rights, needs)
    return int(row[0]), rights


def rights_on(tx: Tx, viewer: Viewer, owner: int, mailbox_id: int) -> Rights:
    """What somebody may do in a mailbox: the union of what their identifiers have, without what is taken away."""
    if owner == viewer.account_id:
        return ALL
    given = [held.rights for held in held_boxes(tx, viewer) if held.box_id == owner]
    taken: list[Rights] = []
    for entry in _counting(tx, viewer, _rows(tx, viewer, mailbox_id)):
        (taken if entry.negative else given).append(entry.rights)
    return NONE.union(*given) - NONE.union(*taken)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a list of rights says of somebody, as far as it counts."""

    mailbox_id: int
    owner: int
    negative: bool
    rights: Rights
    since: int


def _counting(tx: Tx, viewer: Viewer, rows: Sequence[Row]) -> list[_Entry]:
    """Rows of lists of rights with what the rules between populations leave; what is taken away always counts."""
    if not rows:
        return []
    ties = Ties(tx, viewer.account_id, dict.fromkeys(row[4] for row in rows))
    found = []
    for mailbox_id, identifier, negative, rights, owner, since in rows:
        kept = frozenset(rights)
        if not negative:
            counts = not is_wide(identifier) or ties.widely(owner)
            kept = within(kept, ties.with_reader(owner)) if counts else NONE
        if kept:
            found.append(_Entry(mailbox_id, owner, bool(negative), kept, since or UNKNOWN))
    return found


def held_boxes(tx: Tx, viewer: Viewer) -> list[Held]:
    """The functional boxes that somebody holds today, by address."""
    found: dict[int, Held] = {}
    for box_id, address, words in tx.all(_HELD, viewer=viewer.account_id):
        before = found.get(box_id)
        said = frozenset(words.split()) | (before.words if before else frozenset())
        rights = NONE.union(*(WORDS.get(word, NONE) for word in said))
        found[box_id] = Held(box_id, address, rights, said)
    return list(found.values())


def listing(tx: Tx, viewer: Viewer) -> list[Reach]:
    """The mailboxes of others that somebody may look up, by name; at most MAX_SHARED."""
    held = {box.box_id: box for box in held_boxes(tx, viewer)}
    boxes = {box.id: box for owner in held for box in mailboxes.listing(tx, owner)}
    given: dict[int, Rights] = {box.id: held[box.account_id].rights for box in boxes.values()}
    since = dict.fromkeys(boxes, 0)
    taken: dict[int, Rights] = {}
    shown: dict[int, set[int]] = {}
    for entry in _counting(tx, viewer, _rows(tx, viewer, 0)):
        of_owner = shown.setdefault(entry.owner, set())
        if not entry.negative and entry.mailbox_id not in boxes:
            if len(of_owner) >= MAX_FROM_ONE and entry.mailbox_id not in of_owner:
                continue
            of_owner.add(entry.mailbox_id)
        if not entry.negative and "r" in entry.rights:
            since[entry.mailbox_id] = min(entry.since, since.get(entry.mailbox_id, UNKNOWN))
        side = taken if entry.negative else given
        side[entry.mailbox_id] = side.get(entry.mailbox_id, NONE) | entry.rights
    missing = [mailbox_id for mailbox_id in given if mailbox_id not in boxes][:MAX_SHARED]
    boxes.update((box.id, box) for box in mailboxes.by_ids(tx, missing))
    names = prefixes(tx, {box.account_id for box in boxes.values() if box.account_id != viewer.account_id})
    found = []
    for box in boxes.values():
        held_rights = given[box.id] - taken.get(box.id, NONE)
        if "l" in held_rights and box.account_id in names:
            name = names[box.account_id] + box.name
            found.append(Reach(box, name, held_rights, since.get(box.id, UNKNOWN)))
    return sorted(found[:MAX_SHARED], key=lambda reach: reach.name)


def prefixes(tx: Tx, owners: Iterable[int]) -> dict[int, str]:
    """What stands before the names of these accounts' mailboxes for everybody else."""
    wanted = list(owners)
    found: dict[int, str] = {}
    for start in range(0, len(wanted), IN_LIST):
        part = wanted[start : start + IN_LIST]
        for row in tx.execute(select(account.c.id, account.c.login).where(account.c.id.in_(part))):
            found[row.id] = f"{OTHERS}/{row.login}/"
        boxes = select(mailing_list.c.box_id, mailing_list.c.address).where(mailing_list.c.box_id.in_(part))
        for row in tx.execute(boxes):
            found[row.box_id] = f"{FUNCTIONS}/{row.address.partition('@')[0]}/"
    return found


_ROWS: Select[Any] = (
    select(
        mailbox_right.c.mailbox_id,
        mailbox_right.c.identifier,
        mailbox_right.c.negative,
        mailbox_right.c.rights,
        mailbox.c.account_id,
        mailbox_right.c.since,
    )
    .join(mailbox, mailbox.c.id == mailbox_right.c.mailbox_id)
    .order_by(case((mailbox_right.c.identifier == ANYONE, 2), (_IS_GROUP, 1), else_=0), mailbox_right.c.mailbox_id)
    .limit(4 * MAX_SHARED)
)
_EVERY_ROW = ManyStatement(_ROWS, mailbox_right.c.identifier)
_ROWS_OF = ManyStatement(_ROWS.where(mailbox_right.c.mailbox_id == bindparam("mailbox")), mailbox_right.c.identifier)


def _rows(tx: Tx, viewer: Viewer, mailbox_id: int) -> list[Row]:
    """Mailbox, identifier, negative or not, rights, owner, and since when: what lists of rights say of somebody.

    Mailbox 0: of every mailbox, their own identifier first, then those of groups, then everybody's.
    """
    if mailbox_id:
        return _ROWS_OF.rows(tx, viewer.identifiers, mailbox=mailbox_id)
    return _EVERY_ROW.rows(tx, viewer.identifiers)


def groups(tx: Tx) -> list[str]:
    """Every group that some list of rights names and that counts: whose membership matters at all."""
    rows = tx.execute(
        select(mailbox_right.c.identifier, mailbox.c.account_id)
        .join(mailbox, mailbox.c.id == mailbox_right.c.mailbox_id)
        .where(_IS_GROUP)
        .distinct()
    ).all()
    able = wide_sharers(tx, {row.account_id for row in rows})
    return sorted({row.identifier for row in rows if row.account_id in able})
