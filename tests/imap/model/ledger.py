"""What the server has promised to all sessions together, and what must therefore be true of every mailbox.

Messages are known by (UIDVALIDITY, UID). A clock that ticks at every call tells what was over before what began.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from tests.imap.model.mirror import RECENT, lasting
from tests.imap.model.reading import Fetched, Violation

Key = tuple[int, int]
DELETED = "\\Deleted"


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a fresh look found it."""

    uid: int
    token: str
    flags: frozenset[str]
    modseq: int


@dataclass(frozen=True, slots=True)
class Look:
    """A mailbox as a fresh look found it."""

    name: str
    mailbox_id: str
    uidvalidity: int
    uidnext: int
    modseq: int
    messages: tuple[Message, ...]


@dataclass(slots=True)
class Ledger:
    """Acknowledged operations of all sessions."""

    clock: int = 0
    tokens: dict[Key, str] = field(default_factory=dict)
    promised: set[Key] = field(default_factory=set)
    """Messages an acknowledged APPEND, COPY, MOVE or REPLACE has made."""
    doomed: set[Key] = field(default_factory=set)
    """Messages that somebody at least tried to remove, or to mark \\Deleted."""
    origins: dict[Key, Key] = field(default_factory=dict)
    """What a message was copied from: if that was marked \\Deleted, so is the copy."""
    gone: set[Key] = field(default_factory=set)
    """Messages whose removal was acknowledged or told to somebody."""
    uncertain: set[str] = field(default_factory=set)
    """Tokens whose APPEND was never answered: there, or not."""
    strays: set[Key] = field(default_factory=set)
    """Messages that are there by a command whose answer never came."""
    deleted_since: dict[Key, int] = field(default_factory=dict)
    """When \\Deleted was acknowledged; nobody has tried to take it away since."""
    own: dict[Key, dict[str, tuple[bool, int]]] = field(default_factory=dict)
    """Keywords that one session alone sets and clears: their state, and when its STORE began."""
    replaced: dict[Key, int] = field(default_factory=dict)
    """When the last STORE that replaces all flags ended; it may have wiped own keywords."""
    clearing: dict[Key, int] = field(default_factory=dict)
    """STOREs that may take \\Deleted away and still run."""
    cleared: dict[Key, int] = field(default_factory=dict)
    """When the last such STORE ended."""
    observed: dict[tuple[int, int, int], frozenset[str]] = field(default_factory=dict)
    won: dict[tuple[int, int, int], str] = field(default_factory=dict)
    recent: dict[Key, str] = field(default_factory=dict)
    mailboxes: set[str] = field(default_factory=set)
    """MAILBOXID of each mailbox that was ever seen or made."""
    removals: int = 0
    """Acknowledged DELETEs of mailboxes."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Commands that may have been carried out, though their answer never came."""
    counters: dict[int, tuple[int, int]] = field(default_factory=dict)
    history: defaultdict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What was asked and told of each message, for a complaint that one session's words do not explain."""
    counts: dict[str, int] = field(default_factory=dict)

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def note(self, uidvalidity: int, uids: Iterable[int], what: str) -> None:
        """Something was asked or told of these messages."""
        now = self.tick()
        for uid in uids:
            self.history[uidvalidity, uid].append(f"{now} {what}")

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    # ------------------------------------------------------------------ new messages

    def made(self, uidvalidity: int, uids: Iterable[int], tokens: Iterable[str], flags: frozenset[str]) -> None:
        """APPENDUID: these messages are there (RFC 4315 section 3)."""
        for uid, token in zip(uids, tokens, strict=True):
            self._promise((uidvalidity, uid), token)
            if DELETED in flags:
                self.doomed.add((uidvalidity, uid))
                if (uidvalidity, uid) not in self.clearing and (uidvalidity, uid) not in self.cleared:
                    self.deleted_since[uidvalidity, uid] = self.tick()

    def copied(self, source: int, target: int, pairs: Iterable[tuple[int, int]], *, moved: bool) -> None:
        """COPYUID: these messages are there, with what their sources hold."""
        for old, new in pairs:
            token = self.tokens.get((source, old))
            if token is None:
                raise Violation(f"copied {source}:{old}, which nobody has seen")
            self._promise((target, new), token)
            self.origins[target, new] = source, old
            if moved:
                self.gone.add((source, old))

    def _promise(self, key: Key, token: str) -> None:
        if key in self.promised or self.tokens.get(key, token) != token:
            raise Violation(f"UID {key} was given to {self.tokens[key]} before, and now to {token}")
        self.tokens[key] = token
        self.promised.add(key)

    def saw_token(self, uidvalidity: int, uid: int, token: str) -> None:
        """A session fetched the message: its content never changes."""
        known = self.tokens.setdefault((uidvalidity, uid), token)
        if known != token:
            raise Violation(f"UID {uidvalidity}:{uid} is {known}, but its content was shown as {token}")

    # ------------------------------------------------------------------ flags

    def will_change(self, uidvalidity: int, uids: Iterable[int], mode: str, flags: frozenset[str]) -> None:
        """A STORE begins."""
        for key in ((uidvalidity, uid) for uid in uids):
            if DELETED in flags and mode != "-":
                self.doomed.add(key)
            if _clears(mode, flags):
                self.deleted_since.pop(key, None)
                self.clearing[key] = self.clearing.get(key, 0) + 1

    def changed(
        self, uidvalidity: int, uids: Iterable[int], mode: str, flags: frozenset[str], own: str, began: int
    ) -> None:
        """It was acknowledged for these messages."""
        for key in ((uidvalidity, uid) for uid in uids):
            if mode != "=" and own in flags:
                self.own.setdefault(key, {})[own] = (mode == "+", began)
            if DELETED in flags and mode == "+" and key not in self.clearing and self.cleared.get(key, 0) < began:
                self.deleted_since[key] = self.tick()

    def ended(self, uidvalidity: int, uids: Iterable[int], mode: str, flags: frozenset[str]) -> None:
        """It is over, whatever came of it."""
        for key in ((uidvalidity, uid) for uid in uids) if _clears(mode, flags) else ():
            self.cleared[key] = self.tick()
            if mode == "=":
                self.replaced[key] = self.clock
            self.clearing[key] -= 1
            if not self.clearing[key]:
                del self.clearing[key]

    def saw(self, uidvalidity: int, uid: int, told: Fetched, who: str, *, claims: bool) -> None:
        """A session was told of flags: at one mod-sequence all are told the same; \\Recent goes to one of them."""
        if told.flags is None:
            return
        if claims and RECENT in told.flags and self.recent.setdefault((uidvalidity, uid), who) != who:
            raise Violation(f"{uidvalidity}:{uid} is \\Recent to {who}, and was to {self.recent[uidvalidity, uid]}")
        if told.modseq is not None:
            flags = lasting(told.flags)
            if self.observed.setdefault((uidvalidity, uid, told.modseq), flags) != flags:
                before = sorted(self.observed[uidvalidity, uid, told.modseq])
                raise Violation(f"{uidvalidity}:{uid} at {told.modseq} is {sorted(flags)}, and was {before}")

    def outran(self, uidvalidity: int, uid: int, since: int, who: str) -> None:
        """UNCHANGEDSINCE let a change through: nobody else changed the message from the same state."""
        other = self.won.setdefault((uidvalidity, uid, since), who)
        if other != who:
            raise Violation(f"both {who} and {other} changed {uidvalidity}:{uid} as it was at {since}")

    # ------------------------------------------------------------------ removals

    def will_remove(self, uidvalidity: int, uids: Iterable[int]) -> None:
        """A MOVE or REPLACE begins."""
        self.doomed.update((uidvalidity, uid) for uid in uids)

    def will_expunge(self, uidvalidity: int, uids: Iterable[int]) -> dict[Key, int]:
        """An EXPUNGE begins: what it must remove, unless somebody takes \\Deleted away meanwhile."""
        keys = ((uidvalidity, uid) for uid in uids)
        return {key: self.deleted_since[key] for key in keys if key in self.deleted_since}

    def expunged(self, marked: Mapping[Key, int]) -> None:
        """It was acknowledged."""
        self.gone.update(key for key, since in marked.items() if self.deleted_since.get(key) == since)

    def vanished(self, uidvalidity: int, uids: Iterable[int]) -> None:
        """Somebody was told that these messages are gone."""
        self.gone.update((uidvalidity, uid) for uid in uids)

    # ------------------------------------------------------------------ the reckoning

    def check(self, looks: Iterable[Look]) -> None:
        """Compare every promise with the truth, while nobody does anything. Raises Violation."""
        looks = list(looks)
        boxes = {look.mailbox_id for look in looks}
        missing = self.mailboxes - boxes
        least, most = self.removals - self.unanswered["CREATE"], self.removals + self.unanswered["DELETE"]
        if not least <= len(missing) <= most:
            raise Violation(f"{least} to {most} mailboxes were deleted, but {sorted(missing)} are gone")
        self.mailboxes |= boxes
        for look in looks:
            self._check_counters(look)
            self._check_messages(look)
        alive = {look.uidvalidity for look in looks}
        there = {(look.uidvalidity, message.uid) for look in looks for message in look.messages}
        if unwanted := {key for key in (self.gone & self.promised) - self.doomed if not self._inherits(key)}:
            raise Violation(
                f"removed, though nobody wanted that: {[self._known(key, there) for key in sorted(unwanted)]}"
            )
        lost = {key for key in self.promised - there - self.gone - self.doomed if key[0] in alive}
        if lost := {key for key in lost if not self._inherits(key)}:
            raise Violation(f"lost: {sorted((key, self.tokens[key]) for key in lost)}")
        if back := there & self.gone:
            raise Violation(f"removed, but there: {sorted(back)}")
        self.gone |= {key for key in self.promised - there if key[0] in alive}
        self.strays |= there - self.promised
        self.promised |= there

    def _inherits(self, key: Key | None) -> bool:
        """Whether a message may have come as \\Deleted: from one that was marked, or by a COPY that nobody heard of."""
        while key is not None and key not in self.doomed:
            if key in self.strays or key not in self.promised:
                return True
            key = self.origins.get(key)
        return key is not None

    def _known(self, key: Key | None, there: Container[Key]) -> list[object]:
        """All that is known of a message, and of what it was copied from: whether it is there, its flags by
        mod-sequence as sessions were told them, its history."""
        if key is None:
            return []
        flags = [(told[2], sorted(flags)) for told, flags in sorted(self.observed.items()) if told[:2] == key]
        known = [key, self.tokens.get(key), key in there, flags, self.history[key]]
        return [*known, *self._known(self.origins.get(key), there)]

    def _check_counters(self, look: Look) -> None:
        uidnext, modseq = self.counters.get(look.uidvalidity, (0, 0))
        if look.uidnext < uidnext or look.modseq < modseq:
            raise Violation(f"{look.name} went back: UIDNEXT {uidnext} to {look.uidnext}, {modseq} to {look.modseq}")
        self.counters[look.uidvalidity] = look.uidnext, look.modseq
        uids = [message.uid for message in look.messages]
        if uids != sorted(set(uids)) or any(uid >= look.uidnext for uid in uids):
            raise Violation(f"{look.name}: UIDNEXT {look.uidnext}, UIDs {uids}")
        if any(message.modseq > look.modseq for message in look.messages):
            raise Violation(f"{look.name}: HIGHESTMODSEQ {look.modseq} is behind its messages")

    def _check_messages(self, look: Look) -> None:
        for message in look.messages:
            key = look.uidvalidity, message.uid
            if key not in self.tokens and message.token not in self.uncertain:
                raise Violation(f"{look.name}: {key} is {message.token}, which nobody was told of")
            self.saw_token(*key, message.token)
            if DELETED in message.flags:
                self.doomed.add(key)
            told = Fetched(0, False, message.uid, message.flags, message.modseq)
            self.saw(*key, told, "truth", claims=False)
            for keyword, (is_set, began) in self.own.get(key, {}).items():
                if began > self.replaced.get(key, 0) and (keyword in message.flags) != is_set:
                    raise Violation(f"{look.name}: {key} {keyword} should be {is_set}: {sorted(message.flags)}")


def _clears(mode: str, flags: frozenset[str]) -> bool:
    """Whether a STORE may take \\Deleted away."""
    return mode == "=" or (mode == "-" and DELETED in flags)
