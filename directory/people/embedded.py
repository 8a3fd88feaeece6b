"""`Directory` over the embedded directory's own tables, so that a worker never dials itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory.issuing import enrolment
from directory.issuing.enrolment import Academy
from directory.issuing.hashing import Kept, Passwords
from directory.lists import list_expansion, rosters
from mailserver.foundation.settings import Settings
from mailserver.foundation.verifiers import Verifiers
from mailserver.model import visibility
from mailserver.model.clock import Clock
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import MAX_NAME, fold_login
from mailserver.model.identity import MailingList, NewPerson, PersonChange, Principal, Roster
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import affiliations, people
from mailserver.store.people.people import Entry
from mailserver.store.people.search.conditions import All, Condition, Contains, Field, Some, named, visible
from mailserver.store.record.audit import Origin
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.upkeep import erasure

REMEMBERED = 20_000
"""Logins and addresses whose answer is kept in memory."""
REMEMBERED_SECONDS = 2.0
"""How long at most, should the news of a change get lost."""
MAX_FOUND = 1000
"""People of one search."""
MAX_OF_SCHOOL = 10_000
"""People of one school."""
MAX_WORDS = 8
"""Words of one search: each is a condition."""
ORIGIN = Origin("directory", "internal")


@dataclass(frozen=True, slots=True)
class _Remembered:
    """An answer, when it was given, and how far the store was then."""

    principal: Principal | None
    at: float
    generation: int


class EmbeddedDirectory:
    """The port over `store.people.people`. One per process; its threads end with `close`."""

    read_only = False

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self.academy = Academy(settings.domain, Proofs(settings.secret("hmac")))
        self.passwords = Passwords(verifiers=Verifiers.wanted(settings))
        self._aliases = frozenset(settings.aliases)
        self._settings = settings
        self._store = store
        self._clock = clock
        self._remembered: dict[str, _Remembered] = {}
        self._changes_heard = 0
        self._unsubscribe = store.changes.subscribe("account", DIRECTORY, self._forget)

    def close(self) -> None:
        """Stop the threads that hash."""
        self._unsubscribe()
        self.passwords.close()

    def _forget(self) -> None:
        """Some worker changed a person."""
        self._remembered.clear()
        self._changes_heard += 1

    # ------------------------------------------------------------------ asking

    async def authenticate(self, login: str, secret: Secret) -> Principal | None:
        """The person if the password is theirs; an unknown login takes as long as a wrong password."""
        found = await self._store.read_apart(people.find_with_password, self._name(login))
        entry, kept = found if found is not None else (None, "")
        right = await self.passwords.verify(secret, kept)
        return self._principal(entry) if entry is not None and right else None

    async def find(self, login: str) -> Principal | None:
        """A person by identifier or any address: from memory, or by one statement.

        A known person is remembered until the news of a change, an unknown name until anything at all is
        committed by anybody: who was just created is found.
        """
        name = self._name(login)
        if not name:
            return None
        now, kept = self._clock.monotonic(), self._remembered.get(name)
        kept = kept if kept is not None and now - kept.at < REMEMBERED_SECONDS else None
        if kept is not None and kept.principal is not None:
            return kept.principal
        generation = self._store.changes.generation()
        if kept is not None and kept.generation == generation:
            return None
        heard = self._changes_heard
        entry = await self._store.read_apart(people.find, name)
        principal = self._principal(entry) if entry is not None else None
        # What was read before a change that was heard of meanwhile may be old: it is not remembered.
        if heard == self._changes_heard:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[name] = _Remembered(principal, now, generation)
        return principal

    async def by_account(self, account_id: int) -> Principal | None:
        """A person by our own id, always as the store has them now."""
        entry = await self._store.read_apart(people.by_account, account_id)
        return self._principal(entry) if entry is not None else None

    async def expand(self, address: str) -> MailingList | None:
        """A distribution list, lists within it replaced by their members."""
        name = self._name(address)
        return (
            await self._store.read(list_expansion.expand, name, rosters.ListSettings.of(self._settings))
            if "@" in name
            else None
        )

    async def rosters(self, address: str) -> Sequence[Roster]:
        """The list of this address and every list within it, members as they are now."""
        name = self._name(address)
        return (
            await self._store.read(list_expansion.walk, rosters.ListSettings.of(self._settings), name)
            if "@" in name
            else ()
        )

    async def search(self, text: str, limit: int, viewer: Principal | None = None) -> Sequence[Principal]:
        """People each word of the text is found in, by name, identifier or address, as far as the viewer sees them."""
        words = text[:MAX_NAME].split()[:MAX_WORDS]
        if not words or limit <= 0:
            return ()
        found = await self._store.read(_search, words, min(limit, MAX_FOUND), viewer)
        return [self._principal(entry) for entry in found]

    async def of_school(self, uai: str) -> Sequence[Principal]:
        """Everybody of a school, as their main one or a further one."""
        found = await self._store.read(people.of_school, uai.upper(), MAX_OF_SCHOOL)
        return [self._principal(entry) for entry in found]

    async def administrators(self) -> Sequence[Principal]:
        """The people of role admin."""
        return [self._principal(entry) for entry in await self._store.read(people.administrators)]

    # ------------------------------------------------------------------ changing

    async def add(self, person: NewPerson, origin: Origin | None = None) -> Principal:
        """Create a person, issuing identifier and address."""
        checked = enrolment.checked(person)
        enrolled = await self._store.write(enrolment.enrol, self.academy, checked, origin or ORIGIN)
        principal = await self.by_account(enrolled.account_id)
        if principal is None:
            raise Refused(Reason.CONFLICT, "the person is gone already")
        return principal

    async def change(self, account_id: int, change: PersonChange, origin: Origin | None = None) -> Principal:
        """Change a person's entry."""
        by = origin or ORIGIN
        return self._principal(await self._store.write(enrolment.change, self.academy, account_id, change, by))

    async def set_password(self, account_id: int, secret: Secret, version: int | None = None) -> None:
        """Set the password as it is."""
        await self._store.write(keep_password, account_id, await self.passwords.keep(secret), version)

    async def remove(self, account_id: int) -> None:
        """Remove a person's entry; their names lead nowhere from now on."""
        await self._store.write(_remove, account_id)

    # ------------------------------------------------------------------ shared

    def _name(self, login: str) -> str:
        """The folded login or address; one in another of our domains stands for the same in the first."""
        folded = fold_login(login)
        local, at, domain = folded.rpartition("@")
        return f"{local}@{self.academy.domain}" if at and domain in self._aliases else folded

    def _principal(self, entry: Entry) -> Principal:
        return entry.principal(self._settings.limits.quota)


def _remove(tx: Tx, account_id: int) -> None:
    standing = accounts.get(tx, account_id)
    if standing is not None and accounts.require(tx, account_id).is_being_erased:
        erasure.remove_entry(tx, account_id)


def keep_password(tx: Tx, account_id: int, kept: Kept, version: int | None = None) -> None:
    """A new password, and what it means for the account, in one unit. Raises Refused(NOT_FOUND), AUTHENTICATION: the
    account has moved since this `version`."""
    if version is not None:
        accounts.require_version(tx, account_id, version)
    people.set_password(tx, account_id, kept.hash)
    accounts.password_chosen(tx, account_id, kept.verifier)


def _search(tx: Tx, words: Sequence[str], limit: int, viewer: Principal | None) -> list[Entry]:
    ties = affiliations.of(tx, (viewer.account_id,)) if viewer is not None else {}
    who = visibility.viewer(viewer, ties.get(viewer.account_id, ()) if viewer is not None else ())
    return people.by_name(tx, All((visible(who), *map(_holds, words))), limit)


def _holds(word: str) -> Condition:
    return Some((named(word), *(Contains(field, middle=(word,)) for field in (Field.LOGIN, Field.PRIMARY_ADDRESS))))
