"""`Directory` over any LDAP server: what its entries say, joined with what the store keeps of the accounts."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog

from directory.entries import tree
from directory.entries.tree import Person, Tree
from directory.issuing import enrolment, identifiers, issuing
from directory.issuing.hashing import MAX_PASSWORD, Passwords
from directory.issuing.issuing import Issued
from directory.ldap import lookups, writing
from directory.ldap.cache import Cache
from directory.ldap.lookups import Expanded, KnownPerson
from directory.ldap.pool import Pool
from directory.schema import names
from mailserver.foundation.settings import Settings
from mailserver.model import visibility
from mailserver.model.clock import Clock
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.folding import MAX_NAME, fold_login, search_key
from mailserver.model.identity import MailingList, NewPerson, PersonChange, Principal, Roster, State
from mailserver.model.unicode import normalize
from mailserver.model.visibility import SERVICE, Viewer, sees
from mailserver.store.account import accounts
from mailserver.store.account.accounts import Mark, Marks, Standing
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import claims, external
from mailserver.store.people.external import Seen
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.notices import DIRECTORY, moved
from mailserver.texts.causes import Cause

log = structlog.get_logger("ldap")

MAX_PATIENCE = 2.0
"""Most seconds that the answer to an unknown login is drawn out."""
FIRST_PATIENCE = 0.03
"""What one argon2 check costs, until the server has shown what it takes."""
UNKNOWN_OCTETS = 32
"""Of a password that nobody knows."""
MAX_FOUND = 1000
"""People of one search."""
MORE = 4
"""How many times as many people a search asks for as it may show."""
MAX_ATTEMPTS = 100
"""Names found taken in the directory while one person is added."""
ORIGIN = Origin("directory", "internal")


class LdapDirectory:
    """The port over an LDAP server. One per process; its threads end with `close`."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        """Raises SettingsError when the section [ldap] cannot be used."""
        assert settings.ldap is not None
        section = settings.ldap
        self.read_only = section.read_only
        self._settings = settings
        self._store = store
        self._clock = clock
        self._base = section.base
        self._tree = Tree(section.base, settings.domain)
        self._passwords = Passwords()
        password = settings.secret(section.password_file).decode("utf-8") if section.password_file else ""
        self._pool = Pool(section, password)
        self._people: Cache[KnownPerson | None] = Cache(section.cache_seconds, clock.monotonic)
        self._lists: Cache[Expanded | None] = Cache(section.cache_seconds, clock.monotonic)
        self._unsubscribe = store.changes.subscribe("account", DIRECTORY, self._forget)
        self._bind_seconds = FIRST_PATIENCE
        """How long the server lately took to refuse a password."""

    def close(self) -> None:
        self._unsubscribe()
        self._pool.close()
        self._passwords.close()

    def _forget(self) -> None:
        """Some worker changed an entry."""
        self._people.clear()
        self._lists.clear()

    # ------------------------------------------------------------------ asking

    async def authenticate(self, login: str, secret: Secret) -> Principal | None:
        """The person if the server accepts their password; in equal time otherwise."""
        known = await self._find(login)
        began = self._clock.monotonic()
        password = normalize("NFC", secret.reveal())
        if known is None or not 0 < len(password) <= MAX_PASSWORD:
            # A login nobody has takes as long as a wrong password: who exists is not told by the time.
            await asyncio.sleep(min(self._bind_seconds, MAX_PATIENCE))
            return None
        accepted = await self._pool.verify(known.dn, password)
        if not accepted:
            spent = self._clock.monotonic() - began
            self._bind_seconds = 0.7 * self._bind_seconds + 0.3 * spent
            return None
        return await self._principal(known)

    async def find(self, login: str) -> Principal | None:
        known = await self._find(login)
        return await self._principal(known) if known is not None else None

    async def by_account(self, account_id: int) -> Principal | None:
        """By the login that the store has for this account, or by the number that an entry carries."""
        standing = await self._store.read(accounts.get, account_id)
        known = await self._find(standing.login) if standing is not None else None
        if known is None:
            known = await self._people.get(f"#{account_id}", lambda: self._numbered(account_id))
        principal = await self._principal(known) if known is not None else None
        return principal if principal is not None and principal.account_id == account_id else None

    async def expand(self, address: str) -> MailingList | None:
        folded = fold_login(address)
        if "@" not in folded:
            return None

        async def ask() -> Expanded | None:
            spellings, _ = self._spellings(folded)
            return await self._pool.run(partial(lookups.expand_group, base=self._base, spellings=spellings))

        known = await self._lists.get(folded, ask)
        return MailingList(known.address, known.name, known.members, known.owner) if known is not None else None

    async def rosters(self, address: str) -> Sequence[Roster]:
        """The list with everybody it comes to; policies are the embedded directory's, so anybody may write to it."""
        known = await self.expand(address)
        if known is None:
            return ()
        owners = (fold_login(known.owner),) if known.owner else ()
        return (
            Roster(known.address, known.name, owners, others=tuple(fold_login(member) for member in known.members)),
        )

    async def search(self, text: str, limit: int, viewer: Principal | None = None) -> Sequence[Principal]:
        # OpenLDAP takes a NUL for the end of the value: what cannot be printed is in nobody's name.
        text = "".join(char if char.isprintable() else " " for char in text[:MAX_NAME])
        if not text.strip() or limit <= 0:
            return ()
        # Some of what is found may not be for this viewer: a few more are asked for.
        wanted = min(limit * MORE, MAX_FOUND)
        found = await self._pool.run(partial(lookups.search_people, base=self._base, text=text, limit=wanted))
        looking = await self._viewer(viewer)
        held = {names.fold(known.person.login): known.person for known in found}
        principals = await self._principals(found)
        return [
            principal for principal in principals if sees(looking, _seen(principal, held[names.fold(principal.login)]))
        ][:limit]

    async def _viewer(self, principal: Principal | None) -> Viewer:
        """Who looks, with every school of theirs."""
        if principal is None:
            return SERVICE
        known = await self._find(principal.login)
        return visibility.viewer(principal, known.person.affiliations if known is not None else ())

    async def of_school(self, uai: str) -> Sequence[Principal]:
        found = await self._pool.run(partial(lookups.of_school, base=self._base, uai=uai))
        principals = await self._principals(found)
        return sorted(principals, key=lambda one: (search_key(one.surname), search_key(one.given_name)))

    async def administrators(self) -> Sequence[Principal]:
        return _open(await self._principals(await self._pool.run(partial(lookups.administrators, base=self._base))))

    async def _find(self, login: str) -> KnownPerson | None:
        """Ask by the name as given and as our first domain spells it.

        `identifier@domain` always delivers, whatever addresses the entry has, and every domain of ours
        stands for the first.
        """
        folded = fold_login(login)
        if not folded:
            return None
        spellings, local = self._spellings(folded)

        async def ask() -> KnownPerson | None:
            return await self._pool.run(partial(lookups.find_person, base=self._base, spellings=spellings, local=local))

        return await self._people.get(folded, ask)

    def _spellings(self, folded: str) -> tuple[tuple[str, ...], str]:
        """A name and its twin in our first domain, and the local part of an address of ours."""
        local, at, domain = folded.rpartition("@")
        if not at or domain not in self._settings.domains:
            return (folded,), ""
        return tuple(dict.fromkeys((folded, f"{local}@{self._settings.domain}"))), local

    async def _numbered(self, account_id: int) -> KnownPerson | None:
        return await self._pool.run(partial(lookups.find_numbered, base=self._base, account_id=account_id))

    # ------------------------------------------------------------------ entries and accounts together

    async def _principal(self, known: KnownPerson) -> Principal | None:
        return next(iter(await self._principals([known])), None)

    async def _principals(self, people: Sequence[KnownPerson]) -> list[Principal]:
        """Join entries with their accounts, which are made when a person is seen for the first time."""
        seen = [self._seen(known.person) for known in people]
        standings = await self._store.read(external.known, seen)
        new = [index for index, person in enumerate(seen) if person.login not in standings]
        if new:
            standings |= await self._store.write(external.adopt, [seen[index] for index in new])
            await self._number([people[index] for index in new], standings)
        pairs = zip(people, seen, strict=True)
        return [self._join(known, standings[person.login]) for known, person in pairs if person.login in standings]

    def _seen(self, person: Person) -> Seen:
        names_held = (fold_login(address) for address in (person.address, *person.aliases))
        held = tuple(name for name in names_held if name)
        return Seen(fold_login(person.login), person.account_id, held, person.role.population)

    async def _number(self, people: Sequence[KnownPerson], standings: Mapping[str, Standing]) -> None:
        """Write the numbers of new accounts into their entries, where these are ours to write."""
        if self.read_only:
            return
        for known in people:
            standing = standings.get(fold_login(known.person.login))
            if standing is None or known.person.account_id:
                continue
            try:
                await self._pool.run(partial(writing.add_number, dn=known.dn, number=standing.id))
            except (Refused, Temporary) as error:
                log.warning("entry keeps no account number", dn=known.dn, error=str(error))

    def _join(self, known: KnownPerson, standing: Standing) -> Principal:
        person = known.person
        login = fold_login(person.login)
        own = f"{login}@{self._settings.domain}"
        others = [alias for alias in (*person.aliases, own) if names.fold(alias) != names.fold(person.address)]
        return Principal(
            account_id=standing.id,
            login=login,
            address=person.address,
            aliases=tuple({names.fold(alias): alias for alias in others}.values()),
            given_name=person.given_name,
            surname=person.surname,
            role=person.role,
            state=standing.state,
            uai=person.uai,
            discipline=person.discipline,
            may_receive=standing.may_receive,
            quota_bytes=self._settings.limits.quota if standing.quota < 0 else standing.quota,
            login_version=standing.login_version,
            display_name=person.display_name,
        )

    # ------------------------------------------------------------------ changing

    async def add(self, person: NewPerson, origin: Origin | None = None) -> Principal:
        """Issue in the store, then add the entry; a name that only the directory knows is claimed and passed over.

        An addition that was interrupted between the two is taken up again by the next one of the same person.
        """
        self._writable()
        person = enrolment.checked(person)
        marks = enrolment.marks(Proofs(self._settings.secret("hmac")), person)
        account_id, issued = await self._unfinished(person, marks) or await self._issue(person, marks)
        entry = Person(
            login=issued.login,
            given_name=person.given_name,
            surname=person.surname,
            address=issued.address,
            aliases=issued.aliases,
            role=person.role,
            account_id=account_id,
            uai=person.uai,
            discipline=person.discipline,
            title=person.title,
            hidden=person.hidden,
            affiliations=person.affiliations,
            display_name=person.display_name,
            common_names=person.common_names,
        )
        dn = self._tree.person_dn(issued.login)
        attributes = tree.person_attributes(entry)
        await self._pool.run(partial(writing.ensure_entry, dn=dn, classes=tree.PERSON_CLASSES, attributes=attributes))
        created = (Action.CREATED, Cause("population", population=(person.role.value,)))
        await self._store.write(_recorded, origin or ORIGIN, account_id, [created])
        self._forget()
        return self._joined(await self._principal(KnownPerson(dn, entry)))

    async def _issue(self, person: NewPerson, marks: Marks) -> tuple[int, Issued]:
        """A new account and its names, which nobody has in the directory either."""
        for _ in range(MAX_ATTEMPTS):
            issued = await self._store.read(_propose, self._settings.domain, person)
            holder = await self._holder(issued)
            if holder is not None:
                await self._store.write(external.adopt, [self._seen(holder.person)])
                continue
            account_id = await self._store.write(_take, issued, person, marks)
            if account_id is not None:
                return account_id, issued
        raise Refused(Reason.LIMIT, "too many homonyms in the directory")

    async def _unfinished(self, person: NewPerson, marks: Marks) -> tuple[int, Issued] | None:
        """What an earlier addition of this person claimed before the directory refused or was out of reach."""
        base = person.login or identifiers.identifier(person.given_name, person.surname)
        source = (person.source, person.source_key)
        for account_id, login in await self._store.read(external.unfinished, fold_login(base), marks, source):
            if await self._pool.run(partial(lookups.find_holder, base=self._base, name=login)) is not None:
                continue
            alias = address = f"{login}@{self._settings.domain}"
            if identifiers.local_part(person.given_name, person.surname):
                names_given = (person.given_name, person.surname)
                address = await self._store.write(_readdress, self._settings.domain, *names_given, account_id)
            return account_id, Issued(login, address, (alias,) if alias != address else ())
        return None

    async def _holder(self, issued: Issued) -> KnownPerson | None:
        """Who already has one of these names in the directory."""
        for name in issued.names:
            found = await self._pool.run(partial(lookups.find_holder, base=self._base, name=name))
            if found is not None:
                return found
        return None

    async def set_password(self, account_id: int, secret: Secret, version: int | None = None) -> None:
        self._writable()
        known = await self._known(account_id)
        kept = await self._hashed(secret)
        if version is not None:
            await self._store.write(accounts.require_version, account_id, version)
        else:  # whoever chooses one meanwhile comes too late, even if the server hears of theirs last
            await self._store.write(accounts.end_logins, account_id)
        await self._pool.run(partial(writing.replace, dn=known.dn, attributes={"userPassword": (kept,)}))
        try:
            await self._store.write(_chosen, account_id, version)
        except Refused:
            # The account was taken back while the server was told: what is as good as no password takes its place.
            unknown = await self._hashed(Secret(self._clock.token(UNKNOWN_OCTETS).hex()))
            await self._pool.run(
                partial(writing.exchange, dn=known.dn, attribute="userPassword", old=kept, new=unknown)
            )
            raise
        self._forget()

    async def _hashed(self, secret: Secret) -> str:
        return "{ARGON2}" + await self._passwords.hash(secret)

    async def change(self, account_id: int, change: PersonChange, origin: Origin | None = None) -> Principal:
        self._writable()
        known = await self._known(account_id)
        new = await self._changed(known.person, account_id, enrolment.checked_change(change))
        before, after = tree.person_attributes(known.person), tree.person_attributes(new)
        differing = {
            name: after.get(name, ())
            for name in sorted({*before, *after} - {"uid", "o"})
            if before.get(name) != after.get(name)
        }
        if differing:
            await self._pool.run(partial(writing.replace_person, dn=known.dn, attributes=differing))
            said = [
                Cause("fields", fields=tuple(differing)),
                *enrolment.said_of_change(_told(known.person), _told(new)),
            ]
            rows = [(Action.CHANGED, one) for one in said]
            await self._store.write(_recorded, origin or ORIGIN, account_id, rows)
            self._forget()
        return self._joined(await self._principal(KnownPerson(known.dn, new)))

    async def _changed(self, old: Person, account_id: int, change: PersonChange) -> Person:
        """The person after the change; a new name claims a new address and keeps the old one as an alias."""
        new = replace(
            old,
            given_name=old.given_name if change.given_name is None else change.given_name,
            surname=old.surname if change.surname is None else change.surname,
            role=old.role if change.role is None else change.role,
            uai=old.uai if change.uai is None else change.uai,
            discipline=old.discipline if change.discipline is None else change.discipline,
            title=old.title if change.title is None else change.title,
            hidden=old.hidden if change.hidden is None else change.hidden,
            affiliations=old.affiliations if change.affiliations is None else change.affiliations,
            extra=old.extra if change.extra is None else tree.load_extra(change.extra),
            account_id=account_id,
        )
        if not new.given_name and not new.surname:
            raise Refused(Reason.INVALID, "a name is missing")
        was, now = ((one.given_name, one.surname) for one in (old, new))
        stays = was == now
        new = replace(
            new,
            display_name=(old.display_name if stays else "") if change.display_name is None else change.display_name,
            common_names=(old.common_names if stays else ()) if change.common_names is None else change.common_names,
        )
        if identifiers.local_part(*was) == identifiers.local_part(*now):
            return new
        address = await self._store.write(_readdress, self._settings.domain, *now, account_id)
        held = dict.fromkeys((old.address, *old.aliases))
        return replace(new, address=address, aliases=tuple(name for name in held if names.fold(name) != address))

    async def remove(self, account_id: int) -> None:
        self._writable()
        standing = await self._store.read(accounts.get, account_id)
        if standing is None or not standing.is_being_erased:
            return
        try:
            known = await self._known(account_id)
            await self._pool.run(partial(writing.remove, dn=known.dn))
        except Refused as refusal:
            if refusal.reason is not Reason.NOT_FOUND:
                raise
        self._forget()

    async def _known(self, account_id: int) -> KnownPerson:
        """The entry of an account as it is now. Raises Refused(NOT_FOUND)."""
        standing = await self._store.read(accounts.get, account_id)
        known = await self._numbered(account_id)
        if known is None and standing is not None:
            known = await self._pool.run(
                partial(lookups.find_person, base=self._base, spellings=(standing.login,), local="")
            )
        if known is None:
            raise Refused(Reason.NOT_FOUND, "no such account")
        return known

    def _joined(self, principal: Principal | None) -> Principal:
        if principal is None:
            raise Refused(Reason.CONFLICT, "the entry carries the number of another account")
        return principal

    def _writable(self) -> None:
        if self.read_only:
            raise Refused(Reason.READ_ONLY_DIRECTORY, "the directory belongs to somebody else: its owner changes it")


def _seen(principal: Principal, person: Person) -> visibility.Seen:
    """What decides who sees a person."""
    schools = visibility.schools_of(person.uai, person.affiliations)
    closed = principal.state is State.CLOSED
    return visibility.Seen(principal.account_id, person.role, schools, person.hidden, closed)


def _open(people: Sequence[Principal]) -> list[Principal]:
    """Without closed accounts, which no address book shows."""
    return [person for person in people if person.state is not State.CLOSED]


def _propose(tx: Tx, domain: str, person: NewPerson) -> Issued:
    """The identifier and address this person would get now."""
    return issuing.issue(tx, domain, person.given_name, person.surname, person.login)


def _take(tx: Tx, issued: Issued, person: NewPerson, marks: Marks) -> int | None:
    """Claim them for an account that waits to be activated; None when somebody was faster.

    Raises Refused(CONFLICT) when the INE or NUMEN is another person's.
    """
    claims.lock(tx)
    for mark, hashed in ((Mark.INE, marks.ine), (Mark.NUMEN, marks.numen)):
        if hashed is not None and accounts.by_mark(tx, mark, hashed) is not None:
            raise Refused(Reason.CONFLICT, f"this {mark.name} is another person's")
    if not claims.is_free(tx, *issued.names):
        return None
    account_id = accounts.create(
        tx,
        issued.login,
        State.PENDING,
        marks,
        person.recovery_address,
        login_given=bool(person.login),
        source=person.source,
        source_key=person.source_key,
    )
    claims.take(tx, account_id, issued.names)
    return account_id


def _chosen(tx: Tx, account_id: int, version: int | None) -> None:
    """What a new password means for the account. Raises Refused(NOT_FOUND | AUTHENTICATION)."""
    if version is not None:
        accounts.require_version(tx, account_id, version)
    accounts.password_chosen(tx, account_id)


def _recorded(tx: Tx, origin: Origin, account_id: int, rows: Sequence[tuple[Action, Cause]]) -> None:
    """Leave audit rows, and tell every worker."""
    audit.record_many(tx, origin, [(action, account_id, detail) for action, detail in rows])
    moved(tx, account_id)


def _told(person: Person) -> Mapping[str, str]:
    """What the audit says of a person by its value."""
    return {"role": person.role.value, "address": person.address}


def _readdress(tx: Tx, domain: str, given_name: str, surname: str, account_id: int) -> str:
    """Claim the address of a new name."""
    claims.lock(tx)
    address = issuing.issue_address(tx, domain, given_name, surname, account_id)
    if claims.owner(tx, address) is None:
        claims.take(tx, account_id, (address,))
    return address
