"""Lists from the point of view of people: which of them somebody is in, and who a message to one will come to."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from directory.lists import list_expansion, virtual_lists
from directory.lists.rosters import ROLE_ADDRESSES, ListSettings
from mailserver.model import selection
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Archive, ListKind, Principal, Role, Tie
from mailserver.model.visibility import schools_of
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.posts import digest_posts
from mailserver.store.people import affiliations, people
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.search import selecting

MAX_LIVING = 500
"""Living lists of which it is asked whether they find somebody."""
MAX_NAMED = 200
"""Members of a preview who are named, and dangling ones."""
MAX_FOUND = 5000
"""Addresses that are taken from a file."""
_ADDRESS = re.compile(r"[^\s,;:<>\"'()\[\]@]{1,64}@[^\s,;:<>\"'()\[\]@]{1,255}")


@dataclass(frozen=True, slots=True)
class Received:
    """A list that somebody is in."""

    address: str
    name: str
    living: bool = False
    archive: Archive = Archive.NONE
    """Who reads what it has sent on."""
    digest: bool | None = None
    """They get a message a day; None: it sends none."""
    archive_opened: int = 0
    archive_older: int = 0


@dataclass(frozen=True, slots=True)
class Outlook:
    """Who a message to a list would come to now, lists within it included."""

    accounts: tuple[int, ...]
    """People here who take mail."""
    outside: int
    """Addresses elsewhere."""
    dangling: tuple[str, ...]
    """Addresses of ours that lead to nobody any more, at most MAX_NAMED."""
    away: tuple[str, ...]
    """Addresses of people who take no mail now: suspended, closed, or their mailbox is full."""
    inner: int
    """Lists within it."""

    @property
    def count(self) -> int:
        return len(self.accounts) + self.outside


def received_by(tx: Tx, list_settings: ListSettings, person: Principal) -> list[Received]:
    """The lists somebody is in, by name: by address, found by a query, or those that stand for schools and classes."""
    mine = lists.containing(tx, (person.address, *person.aliases))
    chosen = digest_posts.chosen_by(tx, person.account_id)
    found = {
        entry.address: _received(entry, chosen) for address in mine if (entry := lists.get(tx, address)) is not None
    }
    living = [entry for entry in lists.listing(tx) if entry.kind is ListKind.LIVING]
    for entry in living[:MAX_LIVING]:
        if entry.address not in found and finds(tx, entry.query, person.account_id):
            found[entry.address] = _received(entry, chosen)
    for received in standing(tx, list_settings, person) if list_settings.standing else ():
        found.setdefault(received.address, received)
    return sorted(found.values(), key=lambda one: (one.name.casefold(), one.address))


def choose_digest(tx: Tx, person: Principal, address: str, *, digest: bool) -> None:
    """Somebody wants a message a day of a list they are in, or each. Raises Refused(NOT_FOUND)."""
    entry = lists.get(tx, address)
    if entry is None or entry.kind is ListKind.FUNCTION or not _is_in(tx, entry, person):
        raise Refused(Reason.NOT_FOUND)
    digest_posts.choose(tx, address, person.account_id, digest=digest)


def outlook(tx: Tx, list_settings: ListSettings, address: str) -> Outlook:
    """Who a list comes to. At most what one message may come to is looked at (`list_expansion.walk`)."""
    walked = list_expansion.walk(tx, list_settings, address)
    accounts = dict.fromkeys(account for roster in walked for account in roster.accounts)
    others = dict.fromkeys(member for roster in walked for member in roster.others)
    lost = dangling(tx, list_settings, others)
    absent = list(dict.fromkeys(account for roster in walked for account in roster.absent if account not in accounts))
    away = sorted(entry.address for entry in people.by_accounts(tx, absent[:MAX_NAMED]).values())
    outside = len(others) - len(lost)
    return Outlook(tuple(accounts), outside, tuple(lost[:MAX_NAMED]), tuple(away), max(len(walked) - 1, 0))


def addresses_in(text: str) -> list[str]:
    """Every address that stands in a file, in its order, none twice, at most MAX_FOUND."""
    found: dict[str, str] = {}
    for match in _ADDRESS.finditer(text):
        address = match[0].strip(".")
        if "." in address.rpartition("@")[2] and address.isprintable():
            found.setdefault(address.casefold(), address)
            if len(found) >= MAX_FOUND:
                break
    return list(found.values())


def _is_in(tx: Tx, entry: ListEntry, person: Principal) -> bool:
    """Whether somebody is in one list, by address or found by its query: no other list is looked at."""
    if entry.kind is ListKind.LIVING:
        return finds(tx, entry.query, person.account_id)
    return entry.address in lists.containing(tx, (person.address, *person.aliases))


def _received(entry: ListEntry, chosen: Mapping[str, bool]) -> Received:
    digest = None if entry.kind is ListKind.FUNCTION else chosen.get(entry.address, entry.digest)
    is_living, opened, older = entry.kind is ListKind.LIVING, entry.archive_opened, entry.archive_older
    return Received(entry.address, entry.name, is_living, entry.archive, digest, opened, older)


def finds(tx: Tx, query: str, account_id: int) -> bool:
    """Whether a living list's query finds somebody."""
    try:
        who = selection.parse(query)
    except BadSyntax:
        return False
    return selecting.finds(tx, who, account_id)


def standing(tx: Tx, list_settings: ListSettings, person: Principal) -> list[Received]:
    """The lists of one's own schools, and of one's own classes and groups, that find one."""
    ties = affiliations.of(tx, [person.account_id]).get(person.account_id, ())
    slugs = {
        slug
        for tie in ties
        if tie.kind in (Tie.CLASS, Tie.GROUP)
        for slug in virtual_lists.slugs(tie.label, tie.code)
        if slug
    }
    wanted = {f"enseignants.{slug}" if person.role is Role.TEACHER else slug for slug in slugs}
    found = []
    for uai in sorted(schools_of(person.uai, ties)):
        for local, _ in virtual_lists.of_school(tx, uai):
            first = local.rpartition(".")[0]
            if first not in virtual_lists.GROUPS and first not in wanted:
                continue
            entry = virtual_lists.find(tx, local)
            if entry is not None and selecting.finds(tx, entry[1], person.account_id):
                found.append(Received(f"{local}@{list_settings.domain}", entry[0], living=True))
    return found


def dangling(tx: Tx, list_settings: ListSettings, addresses: Iterable[str]) -> list[str]:
    """Those of our domains' addresses that lead to nobody: a member who left, a list that was deleted."""
    ours = [list_settings.fold(address) for address in addresses if list_settings.is_local(address)]
    known = people.logins(tx, ours).keys() | lists.existing(tx, ours)
    return [address for address in ours if address not in known and not _leads_somewhere(tx, list_settings, address)]


def _leads_somewhere(tx: Tx, list_settings: ListSettings, address: str) -> bool:
    """Whether an address of ours that is nobody's and no list's is still received."""
    local = address.rpartition("@")[0]
    base, plus, _ = local.partition("+")
    if local in ROLE_ADDRESSES or (list_settings.standing and virtual_lists.find(tx, local) is not None):
        return True
    return bool(plus) and people.find(tx, f"{base}@{list_settings.domain}") is not None
