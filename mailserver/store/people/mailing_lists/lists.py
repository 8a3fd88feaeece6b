"""Lists of the embedded directory: who they are, what their owners decided, who is in them.

Members are addresses: of people, of other lists, or outside. Of a living list they are what its query finds
(`store.people.search.selecting`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, or_, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login, search_key
from mailserver.model.identity import Answers, Archive, ListKind, Policy, Writers
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.mail.posts import archived_posts, digest_posts
from mailserver.store.people.mailing_lists import outside_members
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.people.rosters import (
    held_key,
    held_message,
    list_delivery,
    list_member,
    list_owner,
    list_post,
    list_writer,
    mailing_list,
)

MAX_MEMBERS = 50_000
"""Of one list: the whole staff of the largest academy fits."""
MAX_OWNERS = 20
MAX_WRITERS = 500
IN_LIST = 1000


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A list without its members."""

    address: str
    name: str
    owner: str
    created: int
    modified: int
    kind: ListKind = ListKind.MANUAL
    query: str = ""
    writers: Writers = Writers.ANYONE
    moderated: bool = False
    hidden_members: bool = False
    uai: str = ""
    box_id: int = 0
    """Of a functional box: the account that owns its mailboxes."""
    answers: Answers = Answers.AUTHOR
    ends: int = 0
    """From when on it takes no more messages (seconds since 1970); 0: nobody has said."""
    may_leave: bool = True
    as_list: bool = False
    max_size: int = 0
    max_hourly: int = 0
    archive: Archive = Archive.NONE
    digest: bool = False
    """Who has not chosen gets a message a day."""
    archive_opened: int = 0
    """When its archive was opened to more people; 0: it was not."""
    archive_older: int = 0
    """Messages of before that were opened with it."""

    def ended(self, now: float) -> int:
        """Since when it takes no more messages; 0: it takes them."""
        return self.ends if 0 < self.ends <= now else 0


_ALL: Select[Any] = select(
    mailing_list.c.address,
    mailing_list.c.name,
    mailing_list.c.owner,
    mailing_list.c.created,
    mailing_list.c.modified,
    mailing_list.c.kind,
    mailing_list.c.query,
    mailing_list.c.writers,
    mailing_list.c.moderated,
    mailing_list.c.hidden_members,
    mailing_list.c.uai,
    mailing_list.c.box_id,
    mailing_list.c.answers,
    mailing_list.c.ends,
    mailing_list.c.may_leave,
    mailing_list.c.as_list,
    mailing_list.c.max_size,
    mailing_list.c.max_hourly,
    mailing_list.c.archive,
    mailing_list.c.digest,
    mailing_list.c.archive_opened,
    mailing_list.c.archive_older,
)
_GET = Statement(_ALL.where(mailing_list.c.address == bindparam("address")))
_MEMBERS = Statement(
    select(list_member.c.member).where(list_member.c.list == bindparam("address")).order_by(list_member.c.member)
)
_OWNERS = Statement(
    select(list_owner.c.owner).where(list_owner.c.list == bindparam("address")).order_by(list_owner.c.owner)
)
_WRITERS = Statement(
    select(list_writer.c.writer).where(list_writer.c.list == bindparam("address")).order_by(list_writer.c.writer)
)


# ---------------------------------------------------------------------- reading


def listing(tx: Tx) -> list[ListEntry]:
    """Every list, by address."""
    return [_entry(tuple(row)) for row in tx.execute(_ALL.order_by(mailing_list.c.address))]


def get(tx: Tx, address: str) -> ListEntry | None:
    """A list by its address."""
    row = tx.one(_GET, address=fold_login(address))
    return _entry(row) if row is not None else None


def existing(tx: Tx, addresses: Sequence[str]) -> set[str]:
    """Which of these folded addresses are lists."""
    found: set[str] = set()
    for start in range(0, len(addresses), IN_LIST):
        part = addresses[start : start + IN_LIST]
        found.update(tx.execute(select(mailing_list.c.address).where(mailing_list.c.address.in_(part))).scalars())
    return found


def members(tx: Tx, address: str) -> tuple[str, ...]:
    """The addresses of a list's members, in order."""
    return tuple(row[0] for row in tx.all(_MEMBERS, address=fold_login(address)))


def among(tx: Tx, address: str, wanted: Sequence[str]) -> list[str]:
    """Those of these addresses that are members of a list, in their order."""
    found: set[str] = set()
    for start in range(0, len(wanted), IN_LIST):
        part = list_member.c.member.in_(wanted[start : start + IN_LIST])
        found.update(tx.execute(select(list_member.c.member).where(list_member.c.list == address, part)).scalars())
    return [one for one in wanted if one in found]


def holders(tx: Tx, address: str) -> list[tuple[str, str]]:
    """Who holds a functional box, and with which rights."""
    rows = tx.execute(
        select(list_member.c.member, list_member.c.rights)
        .where(list_member.c.list == fold_login(address), list_member.c.rights != "")
        .order_by(list_member.c.member)
    )
    return [(member, rights) for member, rights in map(tuple, rows)]


def owners(tx: Tx, entry: ListEntry) -> tuple[str, ...]:
    """Every owner's address, folded, the first one first."""
    first = (fold_login(entry.owner),) if entry.owner else ()
    return tuple(dict.fromkeys((*first, *(row[0] for row in tx.all(_OWNERS, address=entry.address)))))


def named_writers(tx: Tx, address: str) -> tuple[str, ...]:
    """Addresses that may write whatever the policy says."""
    return tuple(row[0] for row in tx.all(_WRITERS, address=fold_login(address)))


def policy(tx: Tx, entry: ListEntry) -> Policy:
    """What the owners decided."""
    named = frozenset(named_writers(tx, entry.address))
    return Policy(
        entry.writers,
        named,
        entry.moderated,
        entry.hidden_members,
        entry.answers,
        entry.ended(tx.now),
        may_leave=entry.may_leave and entry.kind is ListKind.MANUAL,
        as_list=entry.as_list,
        max_size=entry.max_size,
        max_hourly=entry.max_hourly,
        archive=entry.archive,
        digest=entry.digest,
    )


def containing(tx: Tx, addresses: Sequence[str]) -> list[str]:
    """Addresses of the lists that have one of these among their members: for whoever may see members at all."""
    rows = tx.execute(
        select(list_member.c.list)
        .where(list_member.c.member.in_([fold_login(address) for address in addresses]))
        .distinct()
        .order_by(list_member.c.list)
    )
    return [row[0] for row in rows]


def within(tx: Tx, address: str) -> list[ListEntry]:
    """The lists that are members of a list, by address."""
    inner = _ALL.join(list_member, list_member.c.member == mailing_list.c.address).where(list_member.c.list == address)
    return [_entry(tuple(row)) for row in tx.execute(inner.order_by(mailing_list.c.address))]


def owned_by(tx: Tx, addresses: Sequence[str]) -> list[ListEntry]:
    """The lists that somebody with these addresses owns, by address."""
    folded = [fold_login(address) for address in addresses]
    further = select(list_owner.c.list).where(list_owner.c.owner.in_(folded))
    wanted = _ALL.where(or_(mailing_list.c.owner.in_(folded), mailing_list.c.address.in_(further)))
    return [_entry(tuple(row)) for row in tx.execute(wanted.order_by(mailing_list.c.address))]


def named(tx: Tx, words: Sequence[str], limit: int) -> list[ListEntry]:
    """Lists whose name or address has every one of these words, by name."""
    has = (
        or_(
            mailing_list.c.name_key.contains(search_key(word), autoescape=True),
            mailing_list.c.address.contains(fold_login(word), autoescape=True),
        )
        for word in words
        if search_key(word) and fold_login(word)
    )
    rows = tx.execute(_ALL.where(*has).order_by(mailing_list.c.name_key, mailing_list.c.address).limit(limit))
    return [_entry(tuple(row)) for row in rows]


def ending(tx: Tx, ahead: int, limit: int) -> list[ListEntry]:
    """Lists that end within so many seconds and whose owners have not been told of it."""
    near = mailing_list.c.ends.between(tx.now + 1, tx.now + ahead)
    wanted = _ALL.where(near, mailing_list.c.told_of != mailing_list.c.ends)
    return [_entry(tuple(row)) for row in tx.execute(wanted.order_by(mailing_list.c.ends).limit(limit))]


def told_of_end(tx: Tx, address: str, ends: int) -> bool:
    """The owners are told now; False when they have been, or when it ends at another time by now."""
    mine = and_(mailing_list.c.address == address, mailing_list.c.ends == ends, mailing_list.c.told_of != ends)
    return tx.execute(update(mailing_list).where(mine).values(told_of=ends)).rowcount == 1


# ---------------------------------------------------------------------- writing


def create(tx: Tx, address: str, name: str, owner: str, more: Mapping[str, str | int] | None = None) -> None:
    """Add a list; its address is claimed already. Raises Refused(CONFLICT) when there is one."""
    values: dict[str, str | int] = {
        "address": fold_login(address),
        "name": name,
        "name_key": search_key(name),
        "owner": owner,
        "created": tx.now,
        "modified": tx.now,
        **(more or {}),
    }
    if not tx.insert_ignore(mailing_list, values):
        raise Refused(Reason.CONFLICT, f"{address}: this list exists already")
    forget_posts(tx, fold_login(address))  # what was on its way to one of this address while that was deleted
    tx.changed(DIRECTORY, 0)


def change(tx: Tx, address: str, values: Mapping[str, str | int]) -> None:
    """Set columns of a list; `name` brings its key."""
    changed = dict(values)
    if "name" in changed:
        changed["name_key"] = search_key(str(changed["name"]))
    tx.execute(update(mailing_list).where(mailing_list.c.address == address).values(**changed, modified=tx.now))
    tx.changed(DIRECTORY, 0)


def add_members(tx: Tx, address: str, added: Iterable[str]) -> int:
    """Add members; how many were new. Raises Refused(LIMIT) beyond MAX_MEMBERS."""
    new = sum(tx.insert_ignore(list_member, {"list": address, "member": member}) for member in added)
    held = tx.execute(select(func.count()).where(list_member.c.list == address)).scalar_one()
    if held > MAX_MEMBERS:
        raise Refused(Reason.LIMIT, f"a list has at most {MAX_MEMBERS} members")
    _touch(tx, address)
    return new


def remove_members(tx: Tx, address: str, removed: Sequence[str]) -> int:
    """Remove members; how many were there."""
    count = 0
    for start in range(0, len(removed), IN_LIST):
        part = removed[start : start + IN_LIST]
        done = tx.execute(delete(list_member).where(list_member.c.list == address, list_member.c.member.in_(part)))
        count += int(done.rowcount)
    _touch(tx, address)
    return count


def set_rights(tx: Tx, address: str, rights: Mapping[str, str]) -> None:
    """What members of a functional box may do, by address; empty: nothing but receive its mail."""
    for member, words in rights.items():
        same = (list_member.c.list == address, list_member.c.member == member)
        tx.execute(update(list_member).where(*same).values(rights=words))
    _touch(tx, address)


def set_owners(tx: Tx, address: str, owned: Sequence[str]) -> None:
    """Replace the owners; the first is the one that address books show. Raises Refused(LIMIT)."""
    if len(owned) > MAX_OWNERS:
        raise Refused(Reason.LIMIT, f"a list has at most {MAX_OWNERS} owners")
    tx.execute(delete(list_owner).where(list_owner.c.list == address))
    for owner in owned[1:]:
        tx.insert_ignore(list_owner, {"list": address, "owner": owner})
    change(tx, address, {"owner": owned[0] if owned else ""})


def set_writers(tx: Tx, address: str, writers: Sequence[str]) -> None:
    """Replace the named writers. Raises Refused(LIMIT)."""
    if len(writers) > MAX_WRITERS:
        raise Refused(Reason.LIMIT, f"a list names at most {MAX_WRITERS} writers")
    tx.execute(delete(list_writer).where(list_writer.c.list == address))
    for writer in writers:
        tx.insert_ignore(list_writer, {"list": address, "writer": writer})
    _touch(tx, address)


def remove(tx: Tx, address: str) -> bool:
    """Delete a list with its members and what it held; False when there was none."""
    waiting = held_message.c.list == address
    tx.execute(delete(held_key).where(held_key.c.held_id.in_(select(held_message.c.id).where(waiting))))
    collect.note(tx, select(held_message.c.content_id).where(waiting))
    posts = select(list_post.c.id).where(list_post.c.list == address)
    tx.execute(delete(list_delivery).where(list_delivery.c.post_id.in_(posts)))
    for table in (held_message, list_member, list_owner, list_writer, list_post):
        tx.execute(delete(table).where(table.c.list == address))
    outside_members.keep_those_who_left(tx, address)
    forget_posts(tx, address)
    done = tx.execute(delete(mailing_list).where(mailing_list.c.address == address))
    tx.changed(DIRECTORY, 0)
    return bool(done.rowcount)


def forget_posts(tx: Tx, address: str) -> None:
    """Nothing that a list of this address has sent on is read or sent any more."""
    archived_posts.disown(tx, address)
    digest_posts.forget_list(tx, address)


def _touch(tx: Tx, address: str) -> None:
    tx.execute(update(mailing_list).where(mailing_list.c.address == address).values(modified=tx.now))
    tx.changed(DIRECTORY, 0)


def _entry(row: tuple[Any, ...]) -> ListEntry:
    address, name, owner, created, modified, kind, query, writers, moderated, hidden, uai, box_id, *terms = row
    answers, ends, may_leave, as_list, max_size, max_hourly, archive, digest, opened, older = terms
    return ListEntry(
        address=address,
        name=name,
        owner=owner,
        created=created,
        modified=modified,
        kind=ListKind(kind),
        query=query,
        writers=Writers(writers),
        moderated=bool(moderated),
        hidden_members=bool(hidden),
        uai=uai,
        box_id=box_id,
        answers=Answers(answers),
        ends=ends,
        may_leave=bool(may_leave),
        as_list=bool(as_list),
        max_size=max_size,
        max_hourly=max_hourly,
        archive=Archive(archive),
        digest=bool(digest),
        archive_opened=opened,
        archive_older=older,
    )
