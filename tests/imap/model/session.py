"""One client of the crowd: a connection, what it enabled, its mirror; every response passes here."""

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from tests.imap.model.client import Connection, connected
from tests.imap.model.ledger import Ledger
from tests.imap.model.mirror import Mirror, Mode, Saved, Slot
from tests.imap.model.reading import Counters, Fetched, Found, Listed, Other, Response, Status, Violation, numbers

HEADER = "BODY.PEEK[HEADER.FIELDS (X-Model)]"
SETTLING = 20.0
"""Seconds that news of another worker may take (PostgreSQL's notices; SQLite shows commits at once)."""
FILLINGS = 50
"""Attempts to learn of every message while others go on adding and expunging: many on a busy machine."""
ARCHIVED = 12
"""States that a client of QRESYNC keeps to come back to."""
SILENT = ("FETCH", "STORE", "SEARCH")
"""Commands during which no removal is told (RFC 3501 section 7.4.1)."""
OF_SELECTED = ("EXPUNGE", "UID EXPUNGE", "STORE", "UID STORE", "FETCH", "UID FETCH", "SEARCH", "UID SEARCH")
LEAVING = ("CLOSE", "UNSELECT", "LOGOUT")
"""Commands before whose end nothing need be told."""
VOLATILE = "Passage"
"""How the names of mailboxes begin that are renamed and deleted."""


class MailboxDeleted(Exception):
    """The server said goodbye, because somebody deleted the selected mailbox."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who logs in, and where."""

    port: int
    login: str
    password: str
    exact: bool = True
    """Every worker sees what any of them committed at once (SQLite); else news take a moment (PostgreSQL)."""


@dataclass(slots=True)
class Answer:
    """What came of a command."""

    status: Status
    said: list[Response] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.status.condition == "OK"

    @property
    def told(self) -> list[Fetched]:
        return [one for one in self.said if isinstance(one, Fetched)]

    def codes(self, name: str) -> list[str]:
        """Arguments of this response code, on whichever line it came."""
        lines = [one for one in (*self.said, self.status) if isinstance(one, Status)]
        return [line.arguments for line in lines if line.code == name]


Hook = Callable[[Response], None]


class Session:
    """A client. `number` also names its own keyword, which nobody else sets or clears; 0 only looks."""

    def __init__(self, number: int, person: Person, mode: Mode, ledger: Ledger, seed: str) -> None:
        self.number, self.person, self.mode, self.ledger = number, person, mode, ledger
        self.random = random.Random(f"{seed}/{number}")
        self.keyword = f"$Own{number}"
        self.trace: deque[str] = deque(maxlen=400)
        self.mirror: Mirror | None = None
        self._next_mirror: Mirror | None = None
        self._filled: Mirror | None = None
        self.archive: deque[tuple[str, Saved]] = deque(maxlen=ARCHIVED)
        self.contexts: dict[str, tuple[str, set[int]]] = {}
        """Searches that are kept up, by tag: a keyword, and the UIDs that have it (RFC 5267 section 4.3)."""
        self.running = ""
        """The command whose answer is awaited."""
        self.at_stake: set[str] = set()
        """Contents that the action at hand may store somewhere, even if its answer never comes."""
        self.statuses: dict[str, dict[str, str]] = {}
        """What NOTIFY told of mailboxes that are not selected."""
        self._stack: AsyncExitStack | None = None
        self._connection: Connection | None = None
        self._tags = 0
        self._logins = 0

    def __str__(self) -> str:
        return f"session {self.number} ({self.mode})"

    @property
    def who(self) -> str:
        """This login: what is \\Recent to it is recent to no other."""
        return f"{self.number}.{self._logins}"

    @property
    def connected(self) -> bool:
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        assert self._connection is not None
        return self._connection

    @property
    def selected(self) -> Mirror:
        assert self.mirror is not None
        return self.mirror

    # ------------------------------------------------------------------ coming and going

    async def log_in(self) -> None:
        self._stack = AsyncExitStack()
        self._connection = await self._stack.enter_async_context(connected(self.person.port, self.trace))
        self._logins += 1
        await self.command("LOGIN", f"{self.person.login} {self.person.password}")
        wanted = {"CONDSTORE": self.mode.condstore and not self.mode.qresync, "QRESYNC": self.mode.qresync}
        wanted |= {"UIDONLY": self.mode.uid_only, "IMAP4rev2": self.mode.rev2}
        if names := [name for name, on in wanted.items() if on]:
            await self.command("ENABLE", " ".join(names))
        if self.mode.compress:
            await self.command("COMPRESS", "DEFLATE")
            self.connection.compress()
        if self.mode.notify:
            items = "UID FLAGS MODSEQ" if self.mode.condstore else "UID FLAGS"
            await self.command(
                "NOTIFY",
                f"SET STATUS ({self.mode.notify} (MessageNew ({items}) MessageExpunge FlagChange))"
                " (PERSONAL (MessageNew MessageExpunge FlagChange))",
            )

    async def leave(self, *, politely: bool) -> None:
        """Log out, or just vanish."""
        self.keep()
        if politely:
            await self.command("LOGOUT")
        await self.close()

    async def close(self) -> None:
        self.forget()
        self.statuses.clear()
        if self._stack is not None:
            await self._stack.aclose()
            self._stack = self._connection = None

    def keep(self) -> None:
        """Write down what is known, to come back with it."""
        if self.mode.qresync and self.mirror is not None and self.mirror.complete and not self.mirror.due:
            self.archive.append((self.mirror.mailbox, self.mirror.save()))

    # ------------------------------------------------------------------ speaking

    async def command(
        self,
        verb: str,
        rest: str = "",
        *literals: bytes,
        allow: Sequence[str] = (),
        may_be_bad: bool = False,
        hook: Hook | None = None,
    ) -> Answer:
        """Send a command and take its whole answer. NO only with one of these codes; BAD never, or rarely.

        Raises Violation.

        `{}` in `rest` stands for a literal.
        """
        tag, self.running = self._tag(), verb
        line = f"{tag} {verb} {rest}".rstrip().encode()
        for literal in literals:
            line = line.replace(b"{}", b"{%d+}\r\n%b" % (len(literal), literal), 1)
        self.connection.send(line + b"\r\n")
        return await self._finish(tag, verb, allow, hook, may_be_bad=may_be_bad)

    async def select(self, mirror: Mirror, parameter: str) -> bool:
        """SELECT or EXAMINE what the mirror is of; the one before counts until CLOSED (RFC 7162 section 3.2.11)."""
        self.keep()
        self._next_mirror = mirror
        if self.mirror is None:
            self._turn()
        verb = "EXAMINE" if mirror.read_only else "SELECT"
        answer = await self.command(verb, f"{mirror.mailbox}{parameter}", allow=("NONEXISTENT",))
        if self._next_mirror is not None:
            raise Violation(f"{verb} without CLOSED of the mailbox before")
        if not answer.ok:
            self.mirror = None
            return False
        mirror.opened()
        mirror.completed(verb, expunge=True)
        return True

    def _turn(self) -> None:
        self.forget()
        self.mirror, self._next_mirror = self._next_mirror, None
        self.contexts.clear()

    def forget(self) -> None:
        """No mailbox is selected any more; what NOTIFY told of it was before it was."""
        if self.mirror is not None:
            self.statuses.pop(self.mirror.mailbox, None)
        self.mirror = None
        self.contexts.clear()

    async def idle(self, seconds: float) -> None:
        """RFC 2177."""
        tag = self._tag()
        self.connection.send(f"{tag} IDLE\r\n".encode())
        while True:
            response = await self._next()
            if isinstance(response, Other) and response.line.startswith(b"+"):
                break
            self._take(response, "", None)
        while (news := await self.connection.read(seconds)) is not None:
            self._take(news, "IDLE", None)
        self.connection.send(b"DONE\r\n")
        await self._finish(tag, "IDLE", (), None)

    async def listen(self, seconds: float) -> None:
        """Hear what the server says of itself (RFC 5465)."""
        while (news := await self.connection.read(seconds)) is not None:
            self._take(news, "", None)

    def abandon(self, rest: str, literal: bytes) -> None:
        """Send an APPEND and go, whatever comes of it."""
        line = f"{self._tag()} APPEND {rest}".encode().replace(b"{}", b"{%d+}\r\n%b" % (len(literal), literal))
        self.connection.send(line + b"\r\n")

    def _tag(self) -> str:
        self._tags += 1
        return f"s{self.number}t{self._tags}"

    async def _next(self) -> Response:
        response = await self.connection.read()
        if response is None:
            raise Violation("no answer")
        return response

    async def _finish(
        self, tag: str, verb: str, allow: Sequence[str], hook: Hook | None, *, may_be_bad: bool = False
    ) -> Answer:
        said: list[Response] = []
        while True:
            response = await self._next()
            self._take(response, verb, hook)
            if not isinstance(response, Status) or not response.tag:
                said.append(response)
                continue
            if response.tag != tag:
                raise Violation(f"answer to {response.tag} instead of {tag}")
            if response.code == "NONEXISTENT" and verb in OF_SELECTED and self.selected.mailbox.startswith(VOLATILE):
                raise MailboxDeleted  # no word of it has arrived, but it is
            if (response.condition == "BAD" and not may_be_bad) or (
                response.condition == "NO" and response.code not in allow
            ):
                raise Violation(f"{verb} was answered {response}")
            if self.mirror is not None and not self.mirror.opening and verb not in LEAVING:
                self.mirror.completed(verb, expunge=verb not in SILENT)
                if self.mode.notify and self._filled is self.mirror and not self.mirror.complete and verb not in SILENT:
                    self._expect_own(self.mirror, [*said, response])
            self.ledger.count(verb)
            return Answer(response, said)

    def _expect_own(self, mirror: Mirror, said: Sequence[Response]) -> None:
        """NOTIFY tells of new messages what was asked, unless the session made them itself (RFC 5465 section 5.2):
        those are only counted, and `fill` asks for them."""
        made = 0
        for response in said:
            if isinstance(response, Status) and response.code in ("APPENDUID", "COPYUID"):
                uidvalidity, *_, uids = response.arguments.split()
                made += len(numbers(uids)) if int(uidvalidity) == mirror.uidvalidity else 0
        if sum(slot.uid is None or slot.flags is None for slot in mirror.slots) > made:
            raise Violation("NOTIFY did not tell of new messages what was asked of them")
        self._filled = None

    # ------------------------------------------------------------------ hearing

    def _take(self, response: Response, verb: str, hook: Hook | None) -> None:
        self.ledger.count("responses")
        mirror = self.mirror
        if isinstance(response, Status) and response.condition == "BYE":
            if mirror is not None and mirror.mailbox.startswith(VOLATILE) and "deleted" in response.text:
                raise MailboxDeleted
            if verb != "LOGOUT":
                raise Violation(f"the server ended the session: {response.text}")
        if isinstance(response, Counters) and (self.mode.notify or verb != "STATUS"):
            self._count(response)
        if isinstance(response, Found):
            self._update(response)
        if self._next_mirror is not None:
            if isinstance(response, Status) and response.code == "CLOSED":
                self._turn()
                return
            verb = ""
        if mirror is not None:
            mirror.apply(response, verb)
            self._report(mirror, response)
        elif isinstance(response, Fetched) and self.number:
            raise Violation(f"{response} without a mailbox")
        if hook is not None:
            hook(response)

    def _report(self, mirror: Mirror, response: Response) -> None:
        """Compare with what the others have heard."""
        if mirror.removed:
            self.ledger.vanished(mirror.uidvalidity, mirror.removed)
            self.ledger.note(mirror.uidvalidity, mirror.removed, f"{self.who} was told that it is gone")
            mirror.removed.clear()
        if not isinstance(response, Fetched):
            return
        uid = self.uid_of(response)
        if uid is None:
            return
        self.ledger.saw(mirror.uidvalidity, uid, response, self.who, claims=not mirror.read_only)
        for name, octets in response.sections.items():
            if name.startswith("BODY[HEADER"):
                token = octets.decode().strip().removeprefix("X-Model: ")
                self.ledger.saw_token(mirror.uidvalidity, uid, token)

    def uid_of(self, told: Fetched) -> int | None:
        """Which message a response that was just taken is about."""
        if told.by_uid:
            return told.number
        if told.uid is None and not self.selected.opening:
            return self.selected.slots[told.number - 1].uid
        return told.uid

    def _count(self, told: Counters) -> None:
        if not self.mode.notify:
            raise Violation(f"{told} without NOTIFY")
        self.statuses.setdefault(told.mailbox, {}).update(told.items)

    def _update(self, found: Found) -> None:
        """ADDTO and REMOVEFROM of a search that is kept up."""
        for name, value in found.results:
            if name not in ("ADDTO", "REMOVEFROM"):
                continue
            if found.tag not in self.contexts:
                raise Violation(f"{name} for {found.tag}, which is no search of this mailbox")
            members = self.contexts[found.tag][1]
            changed = [uid for spelled in value.split()[1::2] for uid in numbers(spelled)]
            wrong = set(changed) & members if name == "ADDTO" else set(changed) - members
            if wrong or len(changed) != len(set(changed)):
                raise Violation(f"{name} {changed}, but the result was {sorted(members)}")
            members.symmetric_difference_update(changed)

    # ------------------------------------------------------------------ knowing all

    async def fill(self) -> None:
        """Learn UID, flags and content of the messages that were only counted."""
        for _ in range(FILLINGS):
            mirror = self.selected
            unknown = [place for place, slot in enumerate(mirror.slots) if not self._knows(slot)]
            if not unknown:
                self._filled = mirror
                return
            items = f"(UID FLAGS {'MODSEQ ' if self.mode.condstore else ''}{HEADER})"
            if self.mode.speaks_uid:
                before = mirror.slots[: 0 if self.mode.uid_only else unknown[0]]
                known = [slot.uid for slot in before if slot.uid is not None]
                await self.command("UID FETCH", f"{max(known, default=0) + 1}:* {items}")
            else:
                await self.command(
                    "FETCH", f"{spell([place + 1 for place in unknown])} {items}", allow=("EXPUNGEISSUED",)
                )
            if not all(map(self._knows, mirror.slots)):  # expunged meanwhile: that will be told
                await self.command("NOOP")
        raise Violation(f"{self}: EXISTS counts messages that cannot be fetched: {self.selected.slots}")

    def _knows(self, slot: Slot) -> bool:
        return slot.flags is not None and (self.selected.uidvalidity, slot.uid) in self.ledger.tokens

    def check_search(self, keyword: str, found: Iterable[int], *, by_uid: bool) -> None:
        """A search for a keyword (or "ALL"), at the moment its result came."""
        mirror = self.selected
        result = set(found)
        slots = {slot.uid if by_uid else place: slot for place, slot in enumerate(mirror.slots, 1)}
        counted = sum(slot.uid is None for slot in mirror.slots) if by_uid else 0
        if len(strange := result - slots.keys()) > counted:
            raise Violation(f"{sorted(strange)} were found, but are not there")
        for name, slot in slots.items():
            if slot.uid is None or slot.flags is None:
                continue
            has = keyword == "ALL" or keyword in slot.flags
            if name in result and not has:
                raise Violation(f"{name} was found, but has no {keyword}: {sorted(slot.flags)}")
            if has and name not in result:
                mirror.passed_over(slot.uid)

    def found(self, response: Response, tag: str) -> list[int] | None:
        """The result in a SEARCH or ESEARCH response."""
        if isinstance(response, Listed) and response.kind == "SEARCH":
            return [int(word) for word in response.words]
        if isinstance(response, Found) and response.tag == tag:
            return numbers(dict(response.results).get("ALL", ""))
        return None

    @property
    def tag(self) -> str:
        """Of the command sent last."""
        return f"s{self.number}t{self._tags}"


def spell(members: Iterable[int]) -> str:
    """A sequence set, its runs shortened."""
    ranges: list[list[int]] = []
    for member in sorted(members):
        if ranges and ranges[-1][1] == member - 1:
            ranges[-1][1] = member
        else:
            ranges.append([member, member])
    return ",".join(f"{low}:{high}" if low < high else f"{low}" for low, high in ranges)
