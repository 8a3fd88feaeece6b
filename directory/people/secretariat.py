"""What a school's secretariat does for its own people: look, print sealed letters, give new codes.

A secretariat sees the schools it belongs to and nothing else; an administrator sees every school. A code is
made when its letter is printed, never before, and stands on that letter only: what is kept is a keyed hash,
the audit row, and how many letters there were.
"""

import asyncio
import datetime
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from directory.issuing import letters
from directory.issuing.letters import Connection, Letter
from directory.lists import handover
from directory.lists.handover import Box
from directory.lists.rosters import ListSettings
from directory.people.lifecycle import Accounts, Code
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, Clock
from mailserver.model.credentials.proofs import Proofs, new_code
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Affiliation, Directory, Principal, Role, State, Tie
from mailserver.store.account import accounts, idempotency
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.people import affiliations, schools
from mailserver.store.people import letters as record
from mailserver.store.people.letters import Doorstep, Entry, Moved, Printing
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.schools import School
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

UNIT = 50
"""Codes of one unit: mail that arrives meanwhile waits no longer than that takes."""
MAX_LOGGED = 500
MAX_PRINTINGS = 30
BATCH_OCTETS = 4
_SHOWN = {Role.PUPIL: (Tie.CLASS,), Role.TEACHER: (Tie.DISCIPLINE, Tie.FUNCTION)}
RENEWING_SECONDS = 60
"""Longest time from the press of the button to the letter."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a school, and how far they are from their first connection."""

    principal: Principal
    doorstep: Doorstep
    detail: str
    """Class, discipline or function."""
    may_be_opened: bool
    """The viewer may hold a code of this account: whoever has it gains nothing beyond what is theirs."""

    @property
    def waits(self) -> bool:
        """True for somebody whom the viewer may print a letter for."""
        return self.may_be_opened and self.doorstep.state is State.PENDING


@dataclass(frozen=True, slots=True)
class Printed:
    """A document of letters."""

    pdf: bytes
    letters: int


@dataclass(frozen=True, slots=True)
class Logged:
    """A line of a school's log with the person it is about."""

    entry: Entry
    person: Principal


@dataclass(frozen=True, slots=True)
class Move:
    """Somebody who came to the school, or left it."""

    moved: Moved
    person: Principal


class Secretariat:
    """One per process."""

    def __init__(self, *, settings: Settings, directory: Directory, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._directory = directory
        self._store = store
        self._clock = clock
        self._proofs = Proofs(settings.secret("hmac"))

    async def schools(self, viewer: Principal) -> list[School]:
        """The schools whose people this person looks after. Raises Refused(FORBIDDEN) when it is nobody's task."""
        if viewer.role is Role.ADMIN:
            return await self._store.read(schools.listing)
        if viewer.role is not Role.SECRETARIAT:
            raise Refused(Reason.FORBIDDEN)
        ties = (await self._store.read(affiliations.of, [viewer.account_id])).get(viewer.account_id, ())
        codes = dict.fromkeys((viewer.uai, *(tie.code for tie in ties if tie.kind is Tie.SCHOOL)))
        found = [await self._store.read(schools.get, uai) for uai in codes if uai]
        return [school for school in found if school is not None]

    async def school(self, viewer: Principal, uai: str) -> School:
        """One of them. Raises Refused(FORBIDDEN | NOT_FOUND); another's school is not found."""
        for school in await self.schools(viewer):
            if school.uai == uai.upper():
                return school
        raise Refused(Reason.NOT_FOUND, f"{uai}: no such school")

    async def people(self, viewer: Principal, uai: str) -> list[Member]:
        """Everybody of a school but those who left, by name. Raises Refused(FORBIDDEN | NOT_FOUND)."""
        await self.school(viewer, uai)
        own = {school.uai for school in await self.schools(viewer)}
        principals = [
            principal for principal in await self._directory.of_school(uai) if principal.state is not State.CLOSED
        ]
        ids = [principal.account_id for principal in principals]
        steps = await self._store.read(record.doorsteps, ids)
        ties = await self._store.read(affiliations.of, ids)
        members = []
        for principal in principals:
            if principal.account_id in steps:
                here = ties.get(principal.account_id, ())
                opens = viewer.role is Role.ADMIN or _may_be_opened(principal, here, own)
                members.append(Member(principal, steps[principal.account_id], _detail(principal, here, uai), opens))
        return members

    async def print_letters(
        self, viewer: Principal, uai: str, wanted: Iterable[int], origin: Origin, *, again: bool = True
    ) -> Printed:
        """Letters with fresh codes for people who wait for activation; a code printed before is dead.

        They lie by class or discipline, then by name. Who opened their account while the codes were made gets none; who
        has a printed code that is still good gets one only `again`. Raises Refused(FORBIDDEN | NOT_FOUND | LIMIT), and
        INVALID when nobody needs a letter.
        """
        asked = set(wanted)
        if len(asked) > letters.MAX_LETTERS:
            raise Refused(Reason.LIMIT, f"at most {letters.MAX_LETTERS} letters at a time")
        members = [person for person in await self.people(viewer, uai) if person.principal.account_id in asked]
        waiting = [member for member in members if member.waits]
        expires = int(self._clock.now()) + self._settings.accounts.code_days * DAY
        waiting.sort(key=_by_class)
        batch = self._batch()
        codes = {member.principal.account_id: Code(new_code(self._clock), expires) for member in waiting}
        hashes = [(account_id, self._proofs.code(code.text)) for account_id, code in codes.items()]
        given: set[int] = set()
        for start in range(0, len(hashes), UNIT):
            given |= await self._store.write(
                _hand_out, origin, hashes[start : start + UNIT], expires, batch, again=again
            )
        waiting = [member for member in waiting if member.principal.account_id in given]
        if not waiting:
            raise Refused(Reason.INVALID, "nobody here waits for a letter")
        pdf = await self._render(viewer, uai, waiting, codes)
        return Printed(pdf, len(waiting))

    async def renew(
        self, viewer: Principal, uai: str, account_id: int, origin: Origin, *, again: bool = True
    ) -> Printed:
        """Withdraw somebody's password and print the letter with the code that opens the account again.

        Raises Refused(NOT_FOUND), CONFLICT for a suspended account, FORBIDDEN also for one that opens more than the
        viewer's own and for one's own: whoever holds a session only must not get hold of the account. CANNOT: a letter
        whose code is still good was printed already, perhaps a moment ago, and another was not asked for (`again`).
        """
        member = next(
            (person for person in await self.people(viewer, uai) if person.principal.account_id == account_id), None
        )
        if member is None:
            raise Refused(Reason.NOT_FOUND, "nobody of this school")
        if member.doorstep.state is State.SUSPENDED:
            raise Refused(Reason.CONFLICT, "the account is suspended")
        if not member.may_be_opened or account_id == viewer.account_id:
            raise Refused(Reason.FORBIDDEN)
        if not await self._store.write(_begin_renewal, account_id, member.doorstep.letters, again):
            raise Refused(Reason.CANNOT, "a letter was printed already")
        desk = Accounts(
            directory=self._directory, store=self._store, proofs=self._proofs, clock=self._clock, origin=origin
        )
        code = await desk.reset(member.principal.login)
        await self._store.write(audit.record, origin, Action.LETTER_PRINTED, account_id, self._batch())
        return Printed(await self._render(viewer, uai, [member], {account_id: code}), 1)

    async def log(self, viewer: Principal, uai: str) -> list[Logged]:
        """Codes, letters and first connections of a school, newest first. Raises Refused(FORBIDDEN | NOT_FOUND)."""
        known = {person.principal.account_id: person.principal for person in await self.people(viewer, uai)}
        entries = await self._store.read(record.journal, list(known), MAX_LOGGED)
        return [Logged(entry, known[entry.account_id]) for entry in entries]

    async def printed(self, viewer: Principal, uai: str) -> dict[int, Entry]:
        """The last letter of each account of a school, as far as the log goes back. Raises as `log`."""
        found: dict[int, Entry] = {}
        for logged in await self.log(viewer, uai):
            if logged.entry.action is Action.LETTER_PRINTED:
                found.setdefault(logged.entry.account_id, logged.entry)
        return found

    async def printings(self, viewer: Principal, uai: str) -> list[Printing]:
        """The latest printings of a school's letters, newest first. Raises Refused(FORBIDDEN | NOT_FOUND)."""
        ids = [person.principal.account_id for person in await self.people(viewer, uai)]
        return await self._store.read(record.printings, ids, MAX_PRINTINGS)

    async def of_printing(self, viewer: Principal, uai: str, batch: str) -> set[int]:
        """The accounts of a printing. Raises Refused(FORBIDDEN | NOT_FOUND)."""
        ids = [person.principal.account_id for person in await self.people(viewer, uai)]
        return await self._store.read(record.of_batch, ids, batch)

    async def moves(self, viewer: Principal, uai: str, since: float) -> list[Move]:
        """Who came and who left since a moment, and who will leave, the latest first.

        Raises Refused(FORBIDDEN | NOT_FOUND).
        """
        await self.school(viewer, uai)
        people = {principal.account_id: principal for principal in await self._directory.of_school(uai)}
        found = await self._store.read(record.moves, list(people), int(since))
        return [Move(account_id, people[account_id.account_id]) for account_id in found]

    async def boxes(self, viewer: Principal, uai: str) -> tuple[list[Box], list[ListEntry]]:
        """The functional boxes and the lists of a school. Raises Refused(FORBIDDEN | NOT_FOUND)."""
        members = await self.people(viewer, uai)
        known = {member.principal.account_id for member in members if member.may_be_opened}
        return await self._store.read(handover.of_school, viewer, uai.upper(), known)

    async def hand_over(
        self, viewer: Principal, place: tuple[str, str], change: tuple[int, Sequence[str]], origin: Origin
    ) -> None:
        """Hand a functional box over: `handover.hand_over`. Raises Refused(FORBIDDEN | NOT_FOUND | INVALID)."""
        members = await self.people(viewer, place[0])
        known = {member.principal.account_id: member.principal for member in members if member.may_be_opened}
        list_settings = ListSettings.of(self._settings)
        await self._store.write(
            handover.hand_over, list_settings, viewer, (place[0].upper(), place[1]), change, known, origin
        )

    def _batch(self) -> Cause:
        """What the letters of one document have on record, and no others."""
        return Cause(record.BATCH, batch=self._clock.token(BATCH_OCTETS).hex())

    async def _render(self, viewer: Principal, uai: str, members: Sequence[Member], codes: dict[int, Code]) -> bytes:
        school = await self.school(viewer, uai)
        pages = [self._letter(member, school, codes[member.principal.account_id]) for member in members]
        today = self._date(self._clock.now())
        return await asyncio.to_thread(letters.render, pages, self._connection(), viewer.login, today)

    def _letter(self, member: Member, school: School, code: Code) -> Letter:
        principal = member.principal
        return Letter(
            # A display name says how the person is called, `Mme` and all.
            name=f"{principal.title} {principal.name}".strip() if not principal.display_name else principal.name,
            detail=member.detail,
            school="\n".join(filter(None, (f"{school.name or school.uai} ({school.uai})", school.town))),
            login=principal.login,
            address=principal.address,
            code=code.text,
            expires=self._date(code.expires),
            has_numen=member.doorstep.has_numen,
            issue=member.doorstep.letters + 1,
            renewal=member.doorstep.activated > 0,
        )

    def _connection(self) -> Connection:
        settings = self._settings
        return Connection(
            academy=settings.web.academy,
            domain=settings.domain,
            url=settings.public_url,
            imap=f"{settings.name}, port {settings.listen.imaps} (TLS)",
            submission=f"{settings.name}, port {settings.listen.submissions} (TLS)",
            help_contact=settings.web.help_contact,
        )

    def _date(self, seconds: float) -> datetime.date:
        return datetime.datetime.fromtimestamp(seconds, ZoneInfo(self._settings.web.timezone)).date()


def _may_be_opened(person: Principal, ties: Sequence[Affiliation], own: set[str]) -> bool:
    """True unless the account opens more than a secretariat's own: an administrator's, or that of another secretariat
    which also looks after schools that are not the viewer's."""
    if person.role is not Role.SECRETARIAT:
        return person.role is not Role.ADMIN
    return {person.uai, *(tie.code for tie in ties if tie.kind is Tie.SCHOOL)} <= own | {""}


def _by_class(member: Member) -> tuple[bool, str]:
    """Pupils first, class by class; whoever sorts by this keeps the order of names."""
    return member.principal.role is not Role.PUPIL, member.detail


def _hand_out(
    tx: Tx, origin: Origin, hashes: Sequence[tuple[int, bytes]], expires: int, batch: Cause, *, again: bool
) -> set[int]:
    """Keep the codes of those who still wait; who they are. A letter that is out is replaced only `again`."""
    if not again:
        steps = record.doorsteps(tx, [account_id for account_id, _ in hashes])
        hashes = [digest for digest in hashes if digest[0] in steps and not steps[digest[0]].has_letter(tx.now)]
    given = {account_id for account_id, hashed in hashes if accounts.set_waiting_code(tx, account_id, hashed, expires)}
    audit.record_many(
        tx, origin, [(Action.LETTER_PRINTED, account_id, batch) for account_id, _ in hashes if account_id in given]
    )
    return given


def _begin_renewal(tx: Tx, account_id: int, letters: int, again: bool) -> bool:
    """True for the one press of the button that prints the letter after so many; a second one sees the first."""
    step = record.doorsteps(tx, [account_id]).get(account_id)
    if step is None or step.letters != letters or (step.has_letter(tx.now) and not again):
        return False
    claim = hashlib.sha256(f"letter of {account_id} after {letters}".encode()).digest()
    return idempotency.claim(tx, claim, account_id, RENEWING_SECONDS)


def _detail(person: Principal, ties: Sequence[Affiliation], uai: str) -> str:
    """What a person is at this school, in words."""
    here = [tie for tie in ties if tie.uai in ("", uai)]
    for kind in _SHOWN.get(person.role, (Tie.FUNCTION,)):
        words = list(dict.fromkeys(tie.label or tie.code for tie in here if tie.kind is kind))
        if words:
            return ", ".join(words[:4])
    return person.discipline
