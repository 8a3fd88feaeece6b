"""Lists of the embedded directory: making and changing them, and what may be in them (who receives: `receivers`)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from directory.lists import box_holders, roster_record, virtual_lists
from mailserver.foundation.settings import Settings
from mailserver.model import selection
from mailserver.model.address import parse
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Answers, Archive, ListKind, Writers
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access import boxes
from mailserver.store.mail.access.rights import WORDS
from mailserver.store.mail.messages import NO_QUOTA, Quota
from mailserver.store.mail.posts import archived_posts
from mailserver.store.people import claims, people
from mailserver.store.people.mailing_lists import archive_openings, lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

MAX_NAME = 200
MAX_MOMENT = 4_102_444_800
"""The year 2100, in seconds since 1970."""
MIN_SIZE = 10 * 1024
MAX_SIZE = 1024 * 1024 * 1024
"""Octets of a list's own bound on messages; that of the house holds besides."""
MAX_HOURLY = 10_000
OWNER_SUFFIXES = ("-bounces", "-owner")
"""Ends of addresses that lead to a list's owners."""
ROLE_ADDRESSES = ("postmaster", "abuse")


@dataclass(frozen=True, slots=True)
class ListSettings:
    """What the settings of the instance say of every list."""

    domains: tuple[str, ...]
    quota: Quota = NO_QUOTA
    """Of accounts without one of their own."""
    standing: bool = True
    standing_writers: Writers = Writers.PERSONNEL

    @classmethod
    def of(cls, settings: Settings) -> "ListSettings":
        """As an instance is set up."""
        return cls(
            tuple(domain.casefold() for domain in settings.domains),
            Quota.of(settings.limits),
            settings.lists.standing,
            Writers(settings.lists.standing_writers),
        )

    @property
    def domain(self) -> str:
        return self.domains[0]

    def is_local(self, address: str) -> bool:
        """True for an address in one of our domains."""
        return address.rpartition("@")[2].casefold() in self.domains

    def fold(self, address: str) -> str:
        """Folded; in the first of our domains where it is in any."""
        folded = fold_login(address)
        local, at, domain = folded.rpartition("@")
        return f"{local}@{self.domain}" if at and domain in self.domains[1:] else folded

    def fold_all(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """Several, none twice."""
        return tuple(dict.fromkeys(map(self.fold, addresses)))


@dataclass(frozen=True, slots=True)
class ListChange:
    """What a change of a list sets; None leaves a thing as it is."""

    name: str | None = None
    query: str | None = None
    writers: Writers | None = None
    moderated: bool | None = None
    hidden_members: bool | None = None
    owners: tuple[str, ...] | None = None
    named: tuple[str, ...] | None = None
    uai: str | None = None
    answers: Answers | None = None
    ends: int | None = None
    """From when on it takes no more messages (seconds since 1970); 0: it goes on."""
    may_leave: bool | None = None
    as_list: bool | None = None
    max_size: int | None = None
    max_hourly: int | None = None
    archive: Archive | None = None
    older: bool = False
    """Those who read the archive read what was kept for fewer before, too."""
    digest: bool | None = None


@dataclass(frozen=True, slots=True)
class NewList:
    """A list to be made. With a query it is living, and has no members by hand."""

    address: str
    name: str = ""
    owners: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    query: str = ""
    writers: Writers | None = None
    """None: people of the house for a living list and for a school's, anybody for others and for functional boxes."""
    named: tuple[str, ...] = ()
    moderated: bool = False
    hidden_members: bool = False
    uai: str = ""
    kind: ListKind | None = None
    answers: Answers = Answers.AUTHOR
    ends: int = 0


def canonical(address: str) -> str:
    """An address as lists keep it. Raises Refused(INVALID)."""
    try:
        return fold_login(str(parse(address.strip())))
    except BadSyntax as error:
        raise Refused(Reason.INVALID, f"{address}: {error}") from None


def checked_query(text: str) -> str:
    """A query in its one form. Raises Refused(INVALID)."""
    try:
        return selection.write(selection.parse(text))
    except BadSyntax as error:
        raise Refused(Reason.INVALID, f"query: {error}") from None


# ---------------------------------------------------------------------- making and changing


def create(tx: Tx, address: str, name: str, owner: str, members: Sequence[str]) -> None:
    """Make a list by hand. Every address is canonical. Raises Refused(CONFLICT | LIMIT)."""
    claims.take_for_function(tx, address)
    lists.create(tx, address, name, owner)
    if members:
        lists.add_members(tx, address, members)


def make(tx: Tx, list_settings: ListSettings, wanted: NewList, origin: Origin) -> None:
    """Make a list as somebody asks for it. Raises Refused(CONFLICT | LIMIT | INVALID | NO_SUCH_RECIPIENT)."""
    wanted = replace(
        wanted,
        address=list_settings.fold(wanted.address),
        owners=list_settings.fold_all(wanted.owners),
        members=list_settings.fold_all(wanted.members),
        named=list_settings.fold_all(wanted.named),
    )
    check_address(list_settings, wanted.address)
    if wanted.query and wanted.members:
        raise Refused(Reason.INVALID, "a living list's members are found, not written down")
    kind = wanted.kind or (ListKind.LIVING if wanted.query else ListKind.MANUAL)
    if (kind is ListKind.LIVING) != bool(wanted.query):
        raise Refused(Reason.INVALID, "a living list has a query, and only a living list has one")
    _check_terms(kind, wanted.answers, wanted.ends)
    for group in (wanted.members, wanted.owners, wanted.named):
        check_known(tx, list_settings, group)
    claims.take_for_function(tx, wanted.address)
    lists.create(
        tx,
        wanted.address,
        _checked_name(wanted.name or wanted.address),
        wanted.owners[0] if wanted.owners else "",
        {
            "kind": kind.value,
            "query": checked_query(wanted.query) if wanted.query else "",
            "writers": (wanted.writers or _usual_writers(kind, wanted.uai)).value,
            "moderated": int(wanted.moderated),
            "hidden_members": int(wanted.hidden_members),
            "uai": wanted.uai.upper()[:8],
            "answers": wanted.answers.value,
            "ends": wanted.ends,
        },
    )
    lists.set_owners(tx, wanted.address, wanted.owners)
    if wanted.named:
        lists.set_writers(tx, wanted.address, wanted.named)
    if kind is ListKind.FUNCTION:
        box_holders.check(tx, wanted.members)
        lists.add_members(tx, wanted.address, box_holders.one_each(tx, wanted.members, ()))
        boxes.ensure(tx, wanted.address)
    elif wanted.members:
        lists.add_members(tx, wanted.address, wanted.members)
    audit.record(tx, origin, Action.LIST_CHANGED, 0, Cause("list-made", address=wanted.address))
    _record_first(tx, wanted, origin)


def _record_first(tx: Tx, wanted: NewList, origin: Origin) -> None:
    """Who is in a list from its first day on."""
    entry = require(tx, wanted.address)
    if entry.kind is ListKind.FUNCTION:
        roster_record.holders(tx, entry, {}, origin)
    else:
        roster_record.people(tx, entry.address, roster_record.MEMBERS, (), wanted.members, origin)
    roster_record.people(tx, entry.address, roster_record.OWNERS, (), wanted.owners, origin)
    roster_record.people(tx, entry.address, roster_record.WRITERS, (), wanted.named, origin)


def _usual_writers(kind: ListKind, uai: str) -> Writers:
    """Who writes to a new list of which nobody has said it: lists of classes and schools take mail from the house."""
    return Writers.HOUSE if kind is ListKind.LIVING or (kind is ListKind.MANUAL and uai) else Writers.ANYONE


def change(tx: Tx, list_settings: ListSettings, address: str, wanted: ListChange, origin: Origin) -> int:
    """Change what a list is; how many messages of its archive were opened to more people.

    Raises Refused(NOT_FOUND | INVALID | LIMIT | NO_SUCH_RECIPIENT).
    """
    entry = require(tx, address)
    values: dict[str, str | int] = {}
    if wanted.name is not None:
        values["name"] = _checked_name(wanted.name or entry.address)
    if wanted.query is not None:
        if entry.kind is not ListKind.LIVING:
            raise Refused(Reason.INVALID, f"{address}: only a living list has a query")
        values["query"] = checked_query(wanted.query)
    if wanted.writers is not None:
        values["writers"] = wanted.writers.value
    if wanted.moderated is not None:
        values["moderated"] = int(wanted.moderated)
    if wanted.hidden_members is not None:
        values["hidden_members"] = int(wanted.hidden_members)
    if wanted.uai is not None:
        values["uai"] = wanted.uai.upper()[:8]
    if wanted.answers is not None:
        values["answers"] = wanted.answers.value
    if wanted.ends is not None:
        values["ends"] = wanted.ends
    values |= _limits(entry.kind, wanted)
    opening = _opening(tx, entry, wanted)
    values |= opening
    if wanted.digest is not None:
        if wanted.digest and entry.kind is ListKind.FUNCTION:
            raise Refused(Reason.INVALID, "a functional box sends nothing on: it has no digests")
        values["digest"] = int(wanted.digest)
    _check_terms(entry.kind, wanted.answers or Answers.AUTHOR, wanted.ends or 0)
    if values:
        lists.change(tx, entry.address, values)
    _set_people(tx, list_settings, entry, wanted, origin)
    said = (
        *sorted(values),
        *(["owners"] if wanted.owners is not None else []),
        *(["named writers"] if wanted.named is not None else []),
    )
    audit.record(tx, origin, Action.LIST_CHANGED, 0, Cause("list-fields", address=address, fields=said or ("nothing",)))
    older = int(opening.get("archive_older", 0))
    if opening.get("archive_opened"):
        readers = (wanted.archive or entry.archive).value
        detail = Cause("list-archive-opened", address=address, readers=(readers,), count=older)
        audit.record(tx, origin, Action.LIST_CHANGED, 0, detail)
    return older


def _set_people(
    tx: Tx, list_settings: ListSettings, entry: lists.ListEntry, wanted: ListChange, origin: Origin
) -> None:
    """Owners and named writers, each on record by name. Raises Refused(LIMIT | NO_SUCH_RECIPIENT)."""
    if wanted.owners is not None:
        check_known(tx, list_settings, wanted.owners)
        before, after = lists.owners(tx, entry), list_settings.fold_all(wanted.owners)
        lists.set_owners(tx, entry.address, after)
        roster_record.people(tx, entry.address, roster_record.OWNERS, before, after, origin)
    if wanted.named is not None:
        check_known(tx, list_settings, wanted.named)
        before, after = lists.named_writers(tx, entry.address), list_settings.fold_all(wanted.named)
        lists.set_writers(tx, entry.address, after)
        roster_record.people(tx, entry.address, roster_record.WRITERS, before, after, origin)


def _opening(tx: Tx, entry: lists.ListEntry, wanted: ListChange) -> dict[str, str | int]:
    """Who reads the archive from now on. What was kept for fewer stays theirs unless it is opened as well, and what is
    closed is closed at once, whenever it was sent on. Raises Refused(INVALID)."""
    if wanted.archive is None and not wanted.older:
        return {}
    readers = wanted.archive or entry.archive
    if readers is not Archive.NONE and entry.kind is ListKind.FUNCTION:
        raise Refused(Reason.INVALID, "a functional box sends nothing on: it has no archive")
    older = archived_posts.open_older(tx, entry.address, readers) if wanted.older else 0
    values: dict[str, str | int] = {} if wanted.archive is None else {"archive": readers.value}
    if older or not entry.archive.includes(readers):
        opened = {"archive_opened": tx.now, "archive_older": older, "archive_tell": archive_openings.EVERYBODY}
        return {**values, **opened}
    if readers is entry.archive or (readers is Archive.MEMBERS and entry.archive_older):
        return values  # older messages that were opened stay so to members, whose authors are told
    return {**values, "archive_opened": 0, "archive_older": 0, "archive_tell": 0}


def _limits(kind: ListKind, wanted: ListChange) -> dict[str, int]:
    """Who leaves, how it is written to those outside, how large and how often. Raises Refused(INVALID)."""
    values = {
        "may_leave": wanted.may_leave,
        "as_list": wanted.as_list,
        "max_size": wanted.max_size,
        "max_hourly": wanted.max_hourly,
    }
    given = {name: int(value) for name, value in values.items() if value is not None}
    if given and kind is ListKind.FUNCTION:
        raise Refused(Reason.INVALID, "a functional box sends no copies: it has no limits of a list")
    if given.get("may_leave") and kind is ListKind.LIVING:
        raise Refused(Reason.INVALID, "nobody leaves a living list: its members follow from the directory")
    if not 0 <= given.get("max_size", 0) <= MAX_SIZE or 0 < given.get("max_size", MIN_SIZE) < MIN_SIZE:
        raise Refused(Reason.INVALID, f"a message's size is bounded by {MIN_SIZE} to {MAX_SIZE} octets, or by 0: not")
    if not 0 <= given.get("max_hourly", 0) <= MAX_HOURLY:
        raise Refused(Reason.INVALID, f"messages of an hour are bounded by 1 to {MAX_HOURLY}, or by 0: not")
    return given


def check_address(list_settings: ListSettings, address: str) -> None:
    """Raises Refused(INVALID) when no list can have this address."""
    local, _, _ = address.rpartition("@")
    if not list_settings.is_local(address) or local in ROLE_ADDRESSES or local.endswith(OWNER_SUFFIXES):
        raise Refused(Reason.INVALID, f"{address}: no list can have this address")


def _check_terms(kind: ListKind, answers: Answers, ends: int) -> None:
    """A functional box is a mailbox: it sends no copies, and stands as long as the function."""
    if kind is ListKind.FUNCTION and (answers is not Answers.AUTHOR or ends):
        raise Refused(Reason.INVALID, "a functional box has neither an end nor another address for answers")
    if not 0 <= ends < MAX_MOMENT:
        raise Refused(Reason.INVALID, "a list ends before the year 2100")


def _checked_name(name: str) -> str:
    clean = " ".join(name.split())
    if not clean or len(clean) > MAX_NAME or not clean.isprintable():
        raise Refused(Reason.INVALID, f"a name has 1 to {MAX_NAME} printable characters")
    return clean


def require(tx: Tx, address: str) -> lists.ListEntry:
    """The list of this address. Raises Refused(NOT_FOUND)."""
    entry = lists.get(tx, address)
    if entry is None:
        raise Refused(Reason.NOT_FOUND, f"{address}: no such list")
    return entry


def check_known(tx: Tx, list_settings: ListSettings, addresses: Sequence[str]) -> None:
    """Addresses of ours must lead to somebody, or to a list. Raises Refused(NO_SUCH_RECIPIENT) naming the first."""
    for address in unknown(tx, list_settings, addresses):
        raise Refused(Reason.NO_SUCH_RECIPIENT, Cause("address-nobody", address=address))


def unknown(tx: Tx, list_settings: ListSettings, addresses: Sequence[str]) -> Iterator[str]:
    """Those of our addresses that lead to nobody, and to no list."""
    ours = [address for address in addresses if list_settings.is_local(address)]
    folded = [list_settings.fold(address) for address in ours]
    known = people.logins(tx, folded).keys() | lists.existing(tx, folded)
    for address, whole in zip(ours, folded, strict=True):
        local = whole.rpartition("@")[0]
        if whole in known or local in ROLE_ADDRESSES:
            continue
        if list_settings.standing and virtual_lists.find(tx, local) is not None:
            continue
        base, plus, _ = local.partition("+")
        if not (plus and people.find(tx, f"{base}@{list_settings.domain}")):
            yield address


def edit(tx: Tx, address: str, add: Sequence[str], remove: Sequence[str]) -> tuple[int, int]:
    """Add and remove members; how many of each. Raises Refused(NOT_FOUND | LIMIT | INVALID)."""
    entry = require(tx, address)
    if entry.kind is ListKind.LIVING and (add or remove):
        raise Refused(Reason.INVALID, f"{address}: a living list's members are found, not written down")
    if entry.kind is ListKind.FUNCTION:
        return box_holders.edit(tx, entry, add, remove)
    removed = lists.remove_members(tx, entry.address, remove) if remove else 0
    added = lists.add_members(tx, entry.address, add) if add else 0
    return added, removed


def hold(
    tx: Tx,
    list_settings: ListSettings,
    address: str,
    wanted: Mapping[str, Collection[str]],
    removed: Sequence[str],
    origin: Origin,
) -> None:
    """Say who holds a functional box with which words (`store.mail.access.rights.WORDS`), and who no longer does.

    Raises Refused(NOT_FOUND | INVALID | LIMIT | NO_SUCH_RECIPIENT).
    """
    entry = require(tx, list_settings.fold(address))
    if entry.kind is not ListKind.FUNCTION:
        raise Refused(Reason.INVALID, f"{address}: not a functional box")
    held = {list_settings.fold(address): words for address, words in wanted.items()}
    for words in held.values():
        if not words or not set(words) <= WORDS.keys():
            raise Refused(Reason.INVALID, f"a holder's words are of {', '.join(WORDS)}")
    before = dict(lists.holders(tx, entry.address))
    gone = (*removed, *box_holders.also_held_as(tx, entry, held, held))
    _edit_checked(tx, list_settings, address, tuple(held), gone, origin)
    ordered = {address: " ".join(word for word in WORDS if word in words) for address, words in held.items()}
    lists.set_rights(tx, entry.address, ordered)
    roster_record.holders(tx, entry, before, origin)


def edit_checked(
    tx: Tx, list_settings: ListSettings, address: str, add: Sequence[str], remove: Sequence[str], origin: Origin
) -> tuple[int, int]:
    """The same as somebody asks for it. Raises Refused(NO_SUCH_RECIPIENT), too."""
    entry = require(tx, list_settings.fold(address))
    if entry.kind is ListKind.FUNCTION:
        before = dict(lists.holders(tx, entry.address))
        done = _edit_checked(tx, list_settings, address, add, remove, origin)
        roster_record.holders(tx, entry, before, origin)
        return done
    touched = tuple(dict.fromkeys((*list_settings.fold_all(add), *_spellings(list_settings, remove))))
    held = lists.among(tx, entry.address, touched)
    done = _edit_checked(tx, list_settings, address, add, remove, origin)
    now = lists.among(tx, entry.address, touched)
    roster_record.people(tx, entry.address, roster_record.MEMBERS, held, now, origin)
    return done


def _spellings(list_settings: ListSettings, addresses: Sequence[str]) -> tuple[str, ...]:
    """What was put in before addresses were folded may stand in another of our domains: both."""
    return tuple(dict.fromkeys((*addresses, *list_settings.fold_all(addresses))))


def _edit_checked(
    tx: Tx, list_settings: ListSettings, address: str, add: Sequence[str], remove: Sequence[str], origin: Origin
) -> tuple[int, int]:
    check_known(tx, list_settings, add)
    done = edit(tx, list_settings.fold(address), list_settings.fold_all(add), _spellings(list_settings, remove))
    audit.record(
        tx, origin, Action.LIST_CHANGED, 0, Cause("list-members", address=address, added=done[0], gone=done[1])
    )
    return done


def delete(tx: Tx, address: str, origin: Origin | None = None) -> None:
    """Delete a list; its address stays a function's. Raises Refused(NOT_FOUND)."""
    entry = require(tx, address)
    held = dict(lists.holders(tx, entry.address))
    lists.remove(tx, entry.address)
    if origin is not None:
        audit.record(tx, origin, Action.LIST_CHANGED, 0, Cause("list-deleted", address=address))
        roster_record.holders(tx, entry, held, origin)
