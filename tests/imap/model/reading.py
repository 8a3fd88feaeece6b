"""What a server says, as values: an IMAP response parser that shares nothing with the server's own writer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field


class Violation(AssertionError):
    """The server broke a rule; the text says which."""


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, BYE; `tag` is empty when untagged."""

    tag: str
    condition: str
    code: str = ""
    arguments: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Counted:
    """EXISTS, RECENT, EXPUNGE."""

    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Vanished:
    uids: tuple[int, ...]
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """FETCH of a message number, or UIDFETCH of a UID."""

    number: int
    by_uid: bool = False
    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int | None = None
    sections: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """FLAGS, or what SEARCH found."""

    kind: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """ESEARCH: its tag and its results as they came."""

    tag: str
    results: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Counters:
    """STATUS of a mailbox."""

    mailbox: str
    items: dict[str, str]


@dataclass(frozen=True, slots=True)
class Other:
    """What no check looks at: LIST, CAPABILITY, ENABLED."""

    line: bytes


Response = Status | Counted | Vanished | Fetched | Listed | Found | Counters | Other

_STATUS = re.compile(rb"(\S+) (OK|NO|BAD|BYE)(?: \[([^\] ]+) ?((?:[^\]\"]|\"[^\"]*\")*)\])?(?: (.*))?", re.DOTALL)
_COUNTED = re.compile(rb"\* (\d+) (EXISTS|RECENT|EXPUNGE)")
_VANISHED = re.compile(rb"\* VANISHED (\(EARLIER\) )?([\d:,]+)")
_FETCH = re.compile(rb"\* (\d+) (FETCH|UIDFETCH) \(")
_SEARCH = re.compile(rb"\* SEARCH((?: \d+)*)")
_ESEARCH = re.compile(rb"\* ESEARCH \(TAG \"([^\"]+)\"\)(?: UID)?(.*)")
_STATUSES = re.compile(rb"\* STATUS (\"[^\"]*\"|\S+) \((.*)\)")
_FLAGS = re.compile(rb"\* FLAGS \((.*)\)")
_RESULT = re.compile(rb" (ADDTO|REMOVEFROM) \(([^)]*)\)| (MIN|MAX|COUNT|ALL|MODSEQ) (\(\d+\)|[\d:,]+)")


def parse(line: bytes) -> Response:
    """One response, without its CRLF, its literals where they stood. Raises Violation."""
    for pattern, make in _FORMS:
        match = pattern.fullmatch(line)
        if match is not None:
            return make(match)
    match = _FETCH.match(line)
    if match is not None:
        return _fetched(line, match)
    if re.match(rb"\* (VANISHED|\d+|SEARCH|FLAGS|STATUS)\b", line):
        raise Violation(f"malformed: {line[:200]!r}")
    return Other(line)


def numbers(spelled: str) -> list[int]:
    """The members of a sequence set without `*`, in the order given."""
    found: list[int] = []
    for part in spelled.split(",") if spelled else []:
        low, _, high = part.partition(":")
        found += range(int(low), int(high or low) + 1)
    return found


def literal_size(line: bytes) -> int | None:
    """Octets that follow the line as a literal."""
    match = re.search(rb"~?\{(\d+)\}$", line)
    return int(match[1]) if match else None


def _status(match: "re.Match[bytes]") -> Status:
    tag, condition, code, arguments, text = ((group or b"").decode() for group in match.groups())
    return Status("" if tag == "*" else tag, condition, code, arguments, text)


def _search(match: "re.Match[bytes]") -> Listed:
    return Listed("SEARCH", tuple(match[1].decode().split()))


def _esearch(match: "re.Match[bytes]") -> Found:
    results: list[tuple[str, str]] = []
    for update, members, name, value in _RESULT.findall(match[2]):
        results.append(((update or name).decode(), (members or value).decode()))
    if b"".join(one.group() for one in _RESULT.finditer(match[2])) != match[2]:
        raise Violation(f"malformed ESEARCH: {match[0][:200]!r}")
    return Found(match[1].decode(), tuple(results))


def _counters(match: "re.Match[bytes]") -> Counters:
    words = match[2].decode().split()
    return Counters(match[1].decode().strip('"'), dict(zip(words[::2], words[1::2], strict=True)))


def _vanished(match: "re.Match[bytes]") -> Vanished:
    return Vanished(tuple(numbers(match[2].decode())), match[1] is not None)


_FORMS = (
    (_COUNTED, lambda match: Counted(match[2].decode(), int(match[1]))),
    (_VANISHED, _vanished),
    (_SEARCH, _search),
    (_ESEARCH, _esearch),
    (_STATUSES, _counters),
    (_FLAGS, lambda match: Listed("FLAGS", tuple(match[1].decode().split()))),
    (_STATUS, _status),
)


def _fetched(line: bytes, match: "re.Match[bytes]") -> Fetched:
    """The items of a FETCH line; each attribute may come once."""
    items = dict[str, bytes]()
    for name, value in _items(line[match.end() :]):
        if name in items:
            raise Violation(f"{name} twice in {line[:200]!r}")
        items[name] = value
    flags = items.pop("FLAGS", None)
    modseq = items.pop("MODSEQ", None)
    uid = items.pop("UID", None)
    return Fetched(
        int(match[1]),
        match[2] == b"UIDFETCH",
        int(uid) if uid is not None else None,
        frozenset(flags.decode().split()) if flags is not None else None,
        int(modseq) if modseq is not None else None,
        items,
    )


_ITEM = re.compile(
    rb"([A-Z0-9.]+(?:\[[^\]]*\])?(?:<\d+>)?) (?:\(([^()]*)\)|(\d+)|NIL|\"((?:[^\"\\]|\\.)*)\"|\{(\d+)\}\r\n)"
)


def _items(octets: bytes) -> Iterator[tuple[str, bytes]]:
    place = 0
    while octets[place : place + 1] != b")":
        match = _ITEM.match(octets, place)
        if match is None:
            raise Violation(f"malformed FETCH items: {octets[place : place + 200]!r}")
        place = match.end()
        value = next((group for group in match.groups()[1:4] if group is not None), b"")
        if match[5] is not None:
            value = octets[place : place + int(match[5])]
            place += int(match[5])
        yield match[1].decode(), value
        if octets[place : place + 1] == b" ":
            place += 1
    if place + 1 != len(octets):
        raise Violation(f"more behind FETCH: {octets[place : place + 200]!r}")
