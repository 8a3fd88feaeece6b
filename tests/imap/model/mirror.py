"""What one client may believe of its selected mailbox, from nothing but the responses it was sent.

Every response is applied strictly: what RFC 3501 section 7.4.1, RFC 7162 section 3.2.10 or RFC 9586 forbid, and what
could only be said by a server that lost count, is a Violation.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tests.imap.model.reading import Counted, Fetched, Listed, Response, Status, Vanished, Violation

RECENT = "\\Recent"
SYSTEM = frozenset(("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", RECENT))
QUIET = ("NOOP", "CHECK", "IDLE", "STATUS", "UID SEARCH", "SEARCH")
"""Commands that ask for no flags: what they tell of flags is news."""

PATIENCE = 100
"""Commands after which a removal that showed must have been told."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What a session enabled."""

    condstore: bool = False
    qresync: bool = False
    uid_only: bool = False
    rev2: bool = False
    compress: bool = False
    notify: str = ""
    """What of the selected mailbox NOTIFY tells of: SELECTED, SELECTED-DELAYED, or nothing."""

    @property
    def by_uid(self) -> bool:
        """Removals come as VANISHED."""
        return self.qresync or self.uid_only

    @property
    def speaks_uid(self) -> bool:
        """Only UIDs are safe to name: numbers are forbidden, or may move at any time (RFC 5465 section 3)."""
        return self.uid_only or self.notify == "SELECTED"

    def __str__(self) -> str:
        names = [name for name in ("condstore", "qresync", "uid_only", "rev2", "compress") if getattr(self, name)]
        return "+".join([*names, *([self.notify] if self.notify else [])]) or "plain"


@dataclass(slots=True, eq=False)
class Slot:
    """One message number; None: not known yet."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int = 0


@dataclass(frozen=True, slots=True)
class Saved:
    """What a client keeps on disk to come back with (RFC 7162 section 3.2.5)."""

    uidvalidity: int
    modseq: int
    flags: dict[int, frozenset[str]]


class Mirror:
    """The selected mailbox of one session; `opening` until SELECT has completed."""

    def __init__(
        self,
        mode: Mode,
        mailbox: str,
        *,
        read_only: bool = False,
        saved: Saved | None = None,
        limited: bool = False,
    ) -> None:
        """`limited`: the client asks only about the UIDs it kept, so new messages are merely counted."""
        self.mode = mode
        self.mailbox = mailbox
        self.read_only = read_only
        self.opening = True
        self.slots: list[Slot] = []
        self.gone: set[int] = set()
        self.recent = 0
        self.uidvalidity = 0
        self.uidnext = 0
        self.keywords: frozenset[str] = frozenset()
        self.heard = 0
        """The mod-sequence up to which everything has been told."""
        self.due: dict[int, int] = {}
        """Messages a command passed over: expunged, so their removal must be told; for how many commands it was not.

        Not before the very next one: a removal shows a moment before whoever asked for it is answered.
        """
        self._claims: int | None = None
        self._seen = 0
        self._saved = saved
        self._limited = limited
        self.removed: list[int] = []
        """UIDs that were removed since somebody last emptied this."""
        self._earlier: set[int] = set()
        self._changed: dict[int, Fetched] = {}

    # ------------------------------------------------------------------ what a driver asks

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def uids(self) -> list[int]:
        return [slot.uid for slot in self.slots if slot.uid is not None]

    @property
    def complete(self) -> bool:
        """UID and flags of every message are known."""
        return all(slot.uid is not None and slot.flags is not None for slot in self.slots)

    def find(self, uid: int) -> Slot | None:
        return next((slot for slot in self.slots if slot.uid == uid), None)

    def save(self) -> Saved:
        """What the client could write down now; only of a complete mirror."""
        return Saved(self.uidvalidity, self.heard, {slot.uid: _lasting(slot.flags) for slot in self.slots if slot.uid})

    # ------------------------------------------------------------------ responses

    def apply(self, response: Response, command: str) -> None:
        """Take what was said while `command` ran ("" between two commands). Raises Violation."""
        match response:
            case Counted("EXISTS", number):
                self._exists(number)
            case Counted("RECENT", number):
                self._recent(number)
            case Counted(_, number):
                self._expunge(number, command)
            case Vanished(uids, True):
                self._vanished_earlier(uids, command)
            case Vanished(uids, False):
                self._vanished(uids, command)
            case Fetched():
                self._fetched(response, command)
            case Listed("FLAGS", words):
                self.keywords = frozenset(words)
            case Status(code="HIGHESTMODSEQ"):
                self._standing(int(response.arguments))
            case Status(code="UIDVALIDITY"):
                self.uidvalidity = int(response.arguments)
            case Status(code="UIDNEXT"):
                self.uidnext = int(response.arguments)

    def completed(self, command: str, *, expunge: bool) -> None:
        """The tagged line came; `expunge`: removals could be told before it."""
        if self._claims is not None:
            self.heard = self._claims
        else:
            self.heard = max(self.heard, self._seen)
        self._claims, self._seen = None, 0
        for uid in self.due if expunge else ():
            self.due[uid] += 1
            if self.due[uid] > PATIENCE:
                raise Violation(f"{uid} was passed over as expunged, but {PATIENCE} commands did not tell of it")

    def opened(self) -> None:
        """SELECT or EXAMINE has described the mailbox; a client that came back puts together what it kept and heard."""
        if not self.opening:
            return
        self.opening = False
        saved = self._saved
        if saved is None or saved.uidvalidity != self.uidvalidity:
            if self._changed or self._earlier:
                raise Violation("resynchronised, though nothing was kept")
            return
        alive = {uid for uid in saved.flags if uid not in self._earlier} | self._changed.keys()
        if len(alive) > len(self.slots) or (len(alive) < len(self.slots) and not self._limited):
            raise Violation(f"came back from {saved.modseq} to {len(self.slots)} messages, but knows {sorted(alive)}")
        for place, uid in enumerate(sorted(alive)):
            told = self._changed.get(uid)
            slot = self.slots[place]
            slot.uid, slot.flags = uid, told.flags if told is not None else saved.flags[uid]
            slot.modseq = told.modseq or 0 if told is not None else 0
            if told is not None and not told.by_uid and told.number != place + 1:
                raise Violation(f"UID {uid} was told of as {told.number}, and is {place + 1}")

    def stored(self, uids: Iterable[int], mode: str, flags: frozenset[str], told: set[int]) -> None:
        """A silent STORE worked: what was not told of is as the client expects (RFC 3501 section 6.4.6)."""
        for uid in uids:
            slot = self.find(uid)
            if slot is None or slot.flags is None or uid in told:
                continue
            recent = slot.flags & {RECENT}
            old = slot.flags - recent
            slot.flags = recent | (old | flags if mode == "+" else old - flags if mode == "-" else flags)

    def passed_over(self, uid: int) -> None:
        """A command that should have named this message did not: it must be expunged."""
        self.due.setdefault(uid, 0)

    # ------------------------------------------------------------------ counting

    def _exists(self, number: int) -> None:
        if self.opening and self.uidnext:
            self.opened()  # the description is over: this is news
        if not self.opening and number <= len(self.slots):
            raise Violation(f"EXISTS {number}, but there were {len(self.slots)} already")
        self.slots += [Slot() for _ in range(number - len(self.slots))]

    def _recent(self, number: int) -> None:
        if self.mode.rev2:
            raise Violation("RECENT was told to a client of IMAP4rev2")
        if number > len(self.slots):
            raise Violation(f"RECENT {number} of {len(self.slots)}")
        self.recent = number

    def _standing(self, modseq: int) -> None:
        if modseq < (self.heard if not self.opening else 0):
            raise Violation(f"HIGHESTMODSEQ went back from {self.heard} to {modseq}")
        self._claims = modseq

    # ------------------------------------------------------------------ removals

    def _may_remove(self, command: str) -> None:
        self.opened()
        if command in ("FETCH", "STORE", "SEARCH", "SORT", "THREAD"):
            raise Violation(f"a removal during {command} (RFC 3501 section 7.4.1)")
        if not command and self.mode.notify != "SELECTED":
            raise Violation("a removal while no command runs (RFC 3501 section 7.4.1)")

    def _expunge(self, number: int, command: str) -> None:
        if self.mode.by_uid:
            raise Violation("EXPUNGE was told to a client that knows VANISHED")
        self._may_remove(command)
        if not 1 <= number <= len(self.slots):
            raise Violation(f"EXPUNGE {number} of {len(self.slots)}")
        self._remove(number - 1)

    def _vanished(self, uids: Iterable[int], command: str) -> None:
        if not self.mode.by_uid:
            raise Violation("VANISHED was told to a client that enabled neither QRESYNC nor UIDONLY")
        self._may_remove(command)
        for uid in uids:
            if uid in self.gone:
                raise Violation(f"VANISHED {uid} twice")
            place = self._place_of(uid)
            self.slots[place].uid = uid
            self._remove(place)

    def _vanished_earlier(self, uids: Iterable[int], command: str) -> None:
        if not self.mode.qresync or command not in ("SELECT", "EXAMINE", "UID FETCH"):
            raise Violation(f"VANISHED (EARLIER) during {command}")
        for uid in uids:
            if self.find(uid) is not None or (self.opening and uid in self._changed):
                raise Violation(f"VANISHED (EARLIER) {uid}, which is there")
            if self.opening:
                self._earlier.add(uid)
            self.removed.append(uid)

    def _remove(self, place: int) -> None:
        uid = self.slots.pop(place).uid
        if uid is not None:
            self.gone.add(uid)
            self.removed.append(uid)
            self.due.pop(uid, None)

    def _place_of(self, uid: int) -> int:
        """Where a message stands, or the first place where it may. Raises Violation.

        Nothing numbers the messages of a client of UIDONLY: there any that was only counted may be it.
        """
        for place, slot in enumerate(self.slots):
            if slot.uid == uid:
                return place
        counted = next((slot for slot in reversed(self.slots) if slot.uid is None), None)
        if self.mode.uid_only and counted is not None:
            self.slots.remove(counted)
            place = sum(slot.uid is not None and slot.uid < uid for slot in self.slots)
            self.slots.insert(place, counted)
            return place
        for place, slot in enumerate(self.slots):
            if slot.uid is None and self._fits(place, uid):
                return place
        raise Violation(f"UID {uid} is not among {self.uids}")

    def _fits(self, place: int, uid: int) -> bool:
        before = (slot.uid for slot in self.slots[:place] if slot.uid is not None)
        behind = (slot.uid for slot in self.slots[place + 1 :] if slot.uid is not None)
        return max(before, default=0) < uid < min(behind, default=1 << 32)

    # ------------------------------------------------------------------ messages

    def _fetched(self, told: Fetched, command: str) -> None:
        if told.by_uid != self.mode.uid_only:
            raise Violation("UIDFETCH, UIDONLY: both or neither (RFC 9586 section 3.3)")
        if told.modseq is not None and not self.mode.condstore:
            raise Violation("MODSEQ was told to a client that did not ask for it")
        if (
            self.mode.condstore
            and told.flags is not None
            and (told.modseq is None or (told.uid or told.by_uid) is None)
        ):
            raise Violation("flags without UID and MODSEQ after CONDSTORE (RFC 7162 section 3.2.4)")
        self._check_flags(told.flags)
        uid = told.number if told.by_uid else told.uid
        if self._saved is None or uid is None or uid in self._changed or (told.modseq or 0) > (self._claims or 0):
            self.opened()  # the description is over: this is news
        if self.opening and uid is not None:
            if uid in self._earlier:
                raise Violation(f"UID {uid} vanished earlier, and is there")
            self._changed[uid] = replace(told, uid=uid)
        else:
            if not told.by_uid and not 1 <= told.number <= len(self.slots):
                raise Violation(f"FETCH {told.number} of {len(self.slots)}")
            place = self._place_of(told.number) if told.by_uid else told.number - 1
            self._learn(place, uid, told, command)
        self._seen = max(self._seen, told.modseq or 0)

    def _check_flags(self, flags: frozenset[str] | None) -> None:
        if flags is None:
            return
        if unknown := flags - SYSTEM - self.keywords:
            raise Violation(f"flags that FLAGS did not name: {sorted(unknown)}")
        if RECENT in flags and self.mode.rev2:
            raise Violation("\\Recent was told to a client of IMAP4rev2")

    def _learn(self, place: int, uid: int | None, told: Fetched, command: str) -> None:
        slot = self.slots[place]
        if uid is not None and slot.uid is None:
            if uid in self.gone or not self._fits(place, uid):
                raise Violation(f"message {place + 1} is UID {uid}, among {self.uids}; gone: {uid in self.gone}")
            slot.uid = uid
        elif uid is not None and slot.uid != uid:
            raise Violation(f"message {place + 1} is UID {slot.uid}, but was told of as {uid}")
        if told.modseq is not None and told.modseq < slot.modseq:
            raise Violation(f"MODSEQ of UID {slot.uid} went back from {slot.modseq} to {told.modseq}")
        if told.flags is not None and slot.flags is not None:
            same = told.flags == slot.flags
            if told.modseq is not None and told.modseq == slot.modseq and _lasting(told.flags) != _lasting(slot.flags):
                raise Violation(f"UID {slot.uid} at {told.modseq}: {sorted(slot.flags)}, now {sorted(told.flags)}")
            if told.sections and _lasting(told.flags) != _lasting(slot.flags):
                raise Violation(f"UID {slot.uid} has {sorted(told.flags)}, who did not ask would believe {slot.flags}")
            # NOTIFY also tells what it was asked to fetch of new messages, whatever became of them meanwhile.
            if same and not self.mode.notify and command in QUIET and (told.modseq or 0) == slot.modseq:
                raise Violation(f"UID {slot.uid}: told again, though nothing changed")
        slot.flags = told.flags if told.flags is not None else slot.flags
        slot.modseq = told.modseq if told.modseq is not None else slot.modseq


def _lasting(flags: frozenset[str] | None) -> frozenset[str]:
    return (flags or frozenset()) - {RECENT}


lasting = _lasting
