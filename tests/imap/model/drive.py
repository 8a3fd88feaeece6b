"""Rounds of actions by a crowd of sessions; after each round all stand still and everything is compared."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.imap.model import truth
from tests.imap.model.actions import choose
from tests.imap.model.choosing import FIXED
from tests.imap.model.client import Disconnected
from tests.imap.model.ledger import Ledger, Look
from tests.imap.model.mirror import Mode
from tests.imap.model.reading import Violation
from tests.imap.model.session import SETTLING, MailboxDeleted, Person, Session
from tests.imap.model.visiting import come_back, enter

ACTIONS = 20
"""Of each session, in a round."""
THINKING = 0.05
"""Seconds."""

MODES = (
    Mode(),
    Mode(condstore=True),
    Mode(condstore=True, qresync=True),
    Mode(uid_only=True),
    Mode(rev2=True),
    Mode(condstore=True, qresync=True, compress=True),
    Mode(notify="SELECTED-DELAYED"),
    Mode(condstore=True, qresync=True, notify="SELECTED"),
    Mode(condstore=True, uid_only=True),
    Mode(condstore=True, qresync=True, rev2=True),
    Mode(condstore=True, compress=True),
    Mode(condstore=True, qresync=True, uid_only=True, rev2=True),
)


class Failure(AssertionError):
    """What went wrong, with the seed and the last lines of the session that noticed."""


@dataclass(slots=True)
class Crowd:
    """The sessions, and what they were promised."""

    person: Person
    seed: int
    lockstep: bool = False
    """One action at a time: what happens depends on the seed alone, save for news in IDLE and NOTIFY."""
    sessions: list[Session] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    rounds: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def report(self) -> str:
        counts = self.ledger.counts
        done = ", ".join(f"{name} {counts[name]}" for name in sorted(counts) if name != "responses")
        return (
            f"seed {self.seed}: {len(self.sessions)} sessions, {self.rounds} rounds, {counts.get('responses', 0)} "
            f"responses checked; {done}"
        )


async def run(person: Person, seed: int, seconds: float, *, sessions: int, lockstep: bool = False) -> str:
    """Run rounds for so long, one at least; what was done. Raises Failure."""
    crowd = Crowd(person, seed, lockstep)
    crowd.sessions = [
        Session(number + 1, person, MODES[number % len(MODES)], crowd.ledger, f"{seed}") for number in range(sessions)
    ]
    deadline = time.monotonic() + seconds
    await _prepare(crowd)
    try:
        while not crowd.rounds or time.monotonic() < deadline:
            await _round(crowd)
            crowd.rounds += 1
    finally:
        for session in crowd.sessions:
            await session.close()
    return crowd.report()


async def _prepare(crowd: Crowd) -> None:
    first = Session(0, crowd.person, Mode(), crowd.ledger, "")
    await first.log_in()
    for name in FIXED[1:]:
        await first.command("CREATE", name, allow=("ALREADYEXISTS",))
    await first.leave(politely=True)
    crowd.ledger.check(await truth.look(crowd.person))


@asynccontextmanager
async def _blaming(crowd: Crowd, session: Session) -> AsyncIterator[None]:
    try:
        yield
    except (Violation, Disconnected, OSError) as error:
        trace = "\n".join(list(session.trace)[-300:])
        what = f"{type(error).__name__}: {error}"
        raise Failure(f"seed {crowd.seed}, round {crowd.rounds}, {session}: {what}\n{trace}") from error


async def _round(crowd: Crowd) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for session in crowd.sessions:
                group.create_task(_act(crowd, session))
    except BaseExceptionGroup as several:  # the first to fail stopped the others
        raise several.exceptions[0] from None
    looks = await truth.look(crowd.person)
    for session in crowd.sessions:
        async with _blaming(crowd, session):
            await _settle(crowd, session, looks)
    try:
        crowd.ledger.check(looks)
    except Violation as violation:
        raise Failure(f"seed {crowd.seed}, round {crowd.rounds}: {violation}") from violation
    for session in crowd.sessions:
        async with _blaming(crowd, session):
            await _travel(session, looks)


async def _act(crowd: Crowd, session: Session) -> None:
    for _ in range(ACTIONS):
        async with _blaming(crowd, session):
            if crowd.lockstep:
                async with crowd.turn:
                    await _step(session)
            else:
                await _step(session)


async def _step(session: Session) -> None:
    try:
        if not session.connected:
            await enter(session)
        if session.mirror is not None:
            await session.fill()
        if session.random.random() < 0.3:  # a client that thinks acts on what was true a moment ago
            await asyncio.sleep(session.random.uniform(0, THINKING))
        await choose(session)(session)
    except MailboxDeleted:
        session.ledger.uncertain |= session.at_stake
        session.ledger.unanswered[session.running] += 1
        await session.close()
    session.at_stake.clear()


async def _settle(crowd: Crowd, session: Session, looks: list[Look]) -> None:
    """After one NOOP (with PostgreSQL: a moment later) a session believes what is true."""
    deadline = time.monotonic() + (0 if crowd.person.exact else SETTLING)
    while True:
        with suppress(MailboxDeleted):
            if not session.connected:
                return
            await session.command("NOOP")
            if session.mirror is not None:
                await session.fill()
            wrong = truth.differences(session, looks)
            if not wrong:
                session.keep()
                return
            if time.monotonic() > deadline:
                raise Violation(wrong)
            await asyncio.sleep(0.05)
            continue
        await session.close()


async def _travel(session: Session, looks: list[Look]) -> None:
    """Come back from some state of the past: that leads to the truth as well."""
    if not session.archive or not session.connected:
        return
    _, saved = session.random.choice(list(session.archive))
    true = next((look for look in looks if look.uidvalidity == saved.uidvalidity), None)
    if true is None:
        return
    await come_back(session, true.name, saved)
    if wrong := truth.differences(session, looks):
        raise Violation(f"came back from {saved.modseq}: {wrong}")
