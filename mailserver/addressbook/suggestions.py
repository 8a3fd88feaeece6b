"""Who somebody may mean while they type a recipient.

    await suggestions.people_matching(principal, "emm du", 8)

Everything a person may write to is asked, in this order: whom they wrote to lately, their own cards and groups, whom
they heard from lately, their own lists, functional boxes, lists of the academy that take their mail, and the directory
as far as they see it (`mailserver.model.visibility`). Nobody stands there twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from directory.lists import virtual_lists
from mailserver.addressbook.books import AddressBooks, Entry
from mailserver.foundation.settings import Settings
from mailserver.model.folding import search_key
from mailserver.model.identity import Directory, ListKind, Policy, Principal, Role, Writers
from mailserver.model.rules import Sender
from mailserver.model.rules.lists import Passage, Way, passage
from mailserver.model.visibility import schools_of
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import affiliations
from mailserver.store.people.mailing_lists import lists, personal_lists
from mailserver.store.web.webmail import correspondents
from mailserver.store.web.webmail.correspondents import Recent

MAX_TYPED = 100
"""Characters that are looked at."""
MAX_FOUND = 50
MAX_WORDS = 6
LATELY = 150
"""Sent messages that tell whom somebody writes to."""
MANY_LISTS = 200
"""Lists that are looked at."""
MAX_GROUP = 200
"""Addresses that one group of contacts stands for."""


class Kind(StrEnum):
    """Where a suggestion comes from."""

    RECENT = "recent"
    """Written to lately."""
    HEARD = "heard"
    """Heard from lately."""
    CONTACT = "contact"
    GROUP = "group"
    """Of contacts: `addresses` says whom it stands for."""
    OWN_LIST = "own-list"
    BOX = "box"
    LIST = "list"
    PERSON = "person"
    """Of the directory."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody, or a list, to write to."""

    kind: Kind
    name: str
    addresses: tuple[str, ...]
    """One, but of a group."""
    detail: str = ""
    """What tells them apart: a discipline, an organisation; a list's address says it."""
    members: int = 0
    """Of a group or list; 0: not known."""
    internal: bool = False
    """All addresses are in our domains."""
    also: tuple[Kind, ...] = ()
    """Where else the same address was found."""

    @property
    def address(self) -> str:
        return self.addresses[0]

    @property
    def text(self) -> str:
        """What goes into the recipients' field, a group as its addresses."""
        if len(self.addresses) > 1 or not self.name:
            return ", ".join(self.addresses)
        name = self.name.replace("\\", "\\\\").replace('"', '\\"')
        quoted = f'"{name}"' if any(sign in name for sign in '",;<>@:()[].\\') else name
        return f"{quoted} <{self.address}>"


class Suggestions:
    """One per process."""

    def __init__(self, *, settings: Settings, store: Store, directory: Directory, books: AddressBooks) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._books = books
        self._domains = tuple(f"@{domain.casefold()}" for domain in settings.domains)

    async def people_matching(self, principal: Principal, prefix: str, limit: int = 8) -> list[Suggestion]:
        """The best `limit` (at most MAX_FOUND) suggestions for what was typed so far; of an empty text the people
        written to lately.

        Every word typed has to begin a word of the name, the organisation or the address; case and accents do not
        matter. Raises Temporary when the directory or the database is out of reach.
        """
        limit = min(limit, MAX_FOUND)
        typed = " ".join(prefix[:MAX_TYPED].split())
        words = search_key(typed).split()[:MAX_WORDS]
        async with self._books.alone(principal.account_id):
            own = await self._store.read(self._own, principal, words, limit)
        known = _once(own)
        if len(typed) >= 2 and len(known) < limit:
            for person in await self._directory.search(typed, MAX_FOUND, principal):
                # The directory finds a word anywhere, in our own domain too.
                if _begin(words, f"{person.name} {person.address.partition('@')[0]} {person.login}"):
                    found = Suggestion(Kind.PERSON, person.name, (person.address,), person.discipline)
                    _add(known, found, (person.address, *person.aliases))
        return [self._marked(suggestion) for suggestion in list(known.values())[:limit]]

    async def known_addresses(self, principal: Principal, limit: int) -> Sequence[str]:
        """The addresses that the person wrote to lately and those of their contacts, folded, at most `limit`.

        Raises Temporary.
        """
        async with self._books.alone(principal.account_id):
            return await self._store.read(self._known, principal.account_id, limit)

    def _known(self, tx: Tx, account_id: int, limit: int) -> Sequence[str]:
        lately = [
            correspondent.address.casefold() for correspondent in correspondents.written_to(tx, account_id, LATELY)
        ]
        cards = [
            email.text.casefold() for entry in self._books.entries_of(tx, account_id) for email in entry.card.emails
        ]
        return list(dict.fromkeys((*lately, *cards)))[:limit]

    def _marked(self, one: Suggestion) -> Suggestion:
        return replace(one, internal=all(address.casefold().endswith(self._domains) for address in one.addresses))

    async def acquainted(self, principal: Principal, typed: str) -> list[Suggestion]:
        """Whom a name means among one's own cards, whom one wrote to, and persons of the academy one heard from.

        What somebody was called in a letter is known to its reader, whoever the directory shows them. A stranger who
        wrote is not among them: any name may stand in front of their address.
        """
        words = search_key(typed[:MAX_TYPED]).split()[:MAX_WORDS]
        if not words:
            return []
        async with self._books.alone(principal.account_id):
            own = await self._store.read(self._own, principal, words, MAX_FOUND)
        persons = (Kind.RECENT, Kind.HEARD, Kind.CONTACT)
        found = [
            self._marked(suggestion)
            for suggestion in _once(suggestion for suggestion in own if suggestion.kind in persons).values()
        ]
        return [
            suggestion
            for suggestion in found
            if _begin(words, suggestion.name) and (suggestion.kind is not Kind.HEARD or suggestion.internal)
        ]

    def _own(self, tx: Tx, principal: Principal, words: Sequence[str], limit: int) -> list[Suggestion]:
        """What the store knows, the most likely first."""
        cards = self._books.entries_of(tx, principal.account_id)
        named = {email.text.casefold(): entry.name for entry in cards for email in entry.card.emails}
        lately = (correspondent for correspondent in correspondents.written_to(tx, principal.account_id, LATELY))
        recent = [
            Suggestion(
                Kind.RECENT, named.get(correspondent.address.casefold()) or correspondent.name, (correspondent.address,)
            )
            for correspondent in _likely(lately)
            if not principal.owns(correspondent.address) and "+" + personal_lists.PREFIX not in correspondent.address
        ]
        found = [suggestion for suggestion in recent if _begin(words, f"{suggestion.name} {suggestion.address}")]
        if not words:
            return found[:limit]
        found += contacts(cards, words, limit)
        found += [
            Suggestion(
                Kind.HEARD, named.get(correspondent.address.casefold()) or correspondent.name, (correspondent.address,)
            )
            for correspondent in correspondents.heard_from(tx, principal.account_id, LATELY)
            if not principal.owns(correspondent.address)
            and _begin(words, f"{correspondent.name} {correspondent.address}")
        ]
        found += self._own_lists(tx, principal, words)
        found += self._lists(tx, principal, words, limit)
        return found

    def _own_lists(self, tx: Tx, principal: Principal, words: Sequence[str]) -> list[Suggestion]:
        domain = self._settings.domain
        return [
            Suggestion(Kind.OWN_LIST, owned.name, (owned.address(principal.login, domain),), members=owned.members)
            for owned in personal_lists.listing(tx, principal.account_id)
            if _begin(words, owned.name)
        ]

    def _lists(self, tx: Tx, principal: Principal, words: Sequence[str], limit: int) -> list[Suggestion]:
        """Lists of the academy, functional boxes first, and those that stand for the person's own schools."""
        sender = Sender.person(principal)
        mine = set(lists.containing(tx, (principal.address, *principal.aliases)))
        found = []
        for entry in lists.named(tx, words, MANY_LISTS):
            if not _begin(words, f"{entry.name} {entry.address.partition('@')[0]}"):
                continue
            asked = Passage(lists.policy(tx, entry), lists.owners(tx, entry), entry.address in mine)
            if entry.kind is ListKind.FUNCTION or passage(asked, sender) is not Way.CLOSED:
                kind = Kind.BOX if entry.kind is ListKind.FUNCTION else Kind.LIST
                found.append(Suggestion(kind, entry.name, (entry.address,), entry.address))
        found.sort(key=lambda one: one.kind is not Kind.BOX)
        standing_policy = Policy(Writers(self._settings.lists.standing_writers))
        is_open = passage(Passage(standing_policy, (), is_member=False), sender) is not Way.CLOSED
        if self._settings.lists.standing and is_open and principal.role is not Role.ADMIN:
            ties = affiliations.of(tx, [principal.account_id]).get(principal.account_id, ())
            for uai in sorted(schools_of(principal.uai, ties)):
                for local, name in virtual_lists.of_school(tx, uai):
                    if _begin(words, f"{name} {local.replace('.', ' ')}"):
                        address = f"{local}@{self._settings.domain}"
                        found.append(Suggestion(Kind.LIST, name, (address,), address))
        return found[:limit]


def contacts(cards: Sequence[Entry], words: Sequence[str], limit: int) -> list[Suggestion]:
    """Cards that match, each address of theirs by itself, and groups with the addresses of their contacts."""
    by_uid = {entry.card.uid: entry for entry in cards}
    found: list[Suggestion] = []
    for entry in cards:
        if len(found) >= limit:
            break
        if not _begin(words, entry.words):
            continue
        if entry.card.is_group:
            members = [by_uid[uid] for uid in entry.card.members if uid in by_uid]
            addresses = tuple(dict.fromkeys(member.card.emails[0].text for member in members if member.card.emails))
            if addresses and len(addresses) <= MAX_GROUP:
                found.append(Suggestion(Kind.GROUP, entry.name, addresses, members=len(addresses)))
        else:
            detail = entry.card.organisation
            found += [Suggestion(Kind.CONTACT, entry.name, (email.text,), detail) for email in entry.card.emails]
    return found


def _once(found: Iterable[Suggestion]) -> dict[str, Suggestion]:
    """By address, the first of each; it knows where else the same address stands."""
    known: dict[str, Suggestion] = {}
    for suggestion in found:
        _add(known, suggestion, suggestion.addresses[:1])
    return known


def _add(known: dict[str, Suggestion], one: Suggestion, addresses: Sequence[str]) -> None:
    """Take in somebody who has these addresses, unless one of them is there."""
    keys = [address.casefold() for address in addresses]
    here = next((key for key in keys if key in known), None)
    if here is None:
        known[keys[0]] = one
        return
    first = known[here]
    if one.kind is not first.kind and one.kind not in first.also:
        known[here] = replace(first, name=first.name or one.name, also=(*first.also, one.kind))


def _likely(found: Iterable[Recent]) -> list[Recent]:
    """Those written to often come before those written to last, but not by much."""
    placed = list(enumerate(found))
    return [suggestion for _, suggestion in sorted(placed, key=lambda pair: pair[0] - 5 * pair[1].times)]


def _begin(words: Sequence[str], text: str) -> bool:
    """Whether every word begins a word of the text."""
    key = search_key(text)
    for sign in "-'’.@_":
        key = key.replace(sign, " ")
    pieces = f" {key} {search_key(text)}"
    return all(f" {word}" in pieces for word in words)
