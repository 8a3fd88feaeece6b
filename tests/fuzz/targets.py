"""What must hold of any octets, for each parser: a target raises on whatever breaks it.

Expected refusals (BadSyntax and its kinds) are caught; everything else is a find. Octets are taken apart by `Cuts`: the
first ones choose modes and sizes, so that one string of octets is one case.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from directory.entries.tree import Kind, Tree
from directory.server.reading import matching, narrowing
from directory.server.wire import ber, filters, messages
from imap.wire import framing, names, responses, syntax
from imap.wire.commands import Authenticate, Copy, Fetch, Idle, Login, Move, Store, Tagged
from imap.wire.grammar import BadCommand
from imap.wire.sets import SequenceSet, normalise
from mailserver.filters import sieve
from mailserver.mime.body import text
from mailserver.mime.header import casemap, headers, subjects
from mailserver.model.credentials import sasl
from mailserver.model.errors import BadSyntax
from mailserver.model.messages import threads
from mailserver.store.mail import mailboxes
from tests.mime.test_scanning import check

SMALL = framing.Limits(line=60, literal=10, append=40, literals=3, command=120, skip=150)
LIMITS = (SMALL, framing.BEFORE_LOGIN, framing.after_login(4096))


class Cuts:
    """Small numbers from the front of a case; zeros when it is used up."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def number(self, below: int) -> int:
        """A number from 0 to `below` - 1 (at most 256)."""
        at, self._at = self._at, self._at + 1
        return self._octets[at] % below if at < len(self._octets) else 0

    def rest(self) -> bytes:
        """Whatever no number was made of."""
        return self._octets[self._at :]


# IMAP


def imap(octets: bytes) -> None:
    """The framer gives the same events however the stream is cut; each command is parsed or refused, in each mode."""
    cuts = Cuts(octets)
    limits = LIMITS[cuts.number(len(LIMITS))]
    mode = cuts.number(4)
    sizes = [1 + cuts.number(64) for _ in range(4)]
    stream = cuts.rest()
    whole = list(_events([stream], limits, mode))
    assert whole == list(_events(_pieces(stream, sizes), limits, mode)), "cut otherwise, heard otherwise"


def _pieces(stream: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        yield stream[at : at + size]
        at, turn = at + size, turn + 1


def _events(pieces: Iterator[bytes] | list[bytes], limits: framing.Limits, mode: int) -> Iterator[object]:
    """What a connection makes of the pieces: it waits for lines where a command does, and never reads ahead."""
    framer = framing.Framer(limits)
    lines = 0
    for piece in pieces:
        framer.feed(piece)
        while True:
            event = framer.line() if lines else framer.next()
            if event is None:
                break
            yield event
            _check_event(event, limits)
            if lines:
                lines -= 1
            elif isinstance(event, framing.CommandLine):
                said = _parsed(event, mode)
                lines = 2 if isinstance(said, Tagged) and isinstance(said.command, Idle | Authenticate) else 0
                yield said
        assert framer.buffered <= limits.line + limits.skip + len(piece) + 64, "more is kept than may be"


def _check_event(event: object, limits: framing.Limits) -> None:
    match event:
        case framing.CommandLine(text, literals):
            size = len(text) + sum(map(len, literals))
            assert size <= limits.command + 2 * limits.literals, "command too large"
            assert len(literals) <= limits.literals
        case framing.RawLine(line):
            assert len(line) <= limits.line
            assert b"\n" not in line
        case framing.LiteralWanted(size):
            assert size <= max(limits.literal, limits.append)
        case framing.Rejected():
            _lines(responses.rejection(event), 1 + event.fatal)


def _lines(octets: bytes, count: int) -> None:
    assert octets.endswith(b"\r\n")
    assert octets.count(b"\n") == octets.count(b"\r") == octets.count(b"\r\n") == count


def _parsed(line: framing.CommandLine, mode: int) -> Tagged | str:
    """The command, or what is answered; both are compared between cuts."""
    try:
        tagged = syntax.parse(line, utf8=bool(mode & 1), charset=not mode & 2)
    except BadCommand as bad:
        _lines(responses.malformed(bad), 1)
        return repr(bad)
    hash(tagged)
    if isinstance(tagged.command, Login):
        assert "Secret(…)" in repr(tagged)
    if isinstance(tagged.command, Fetch | Store | Copy | Move):
        _check_set(tagged.command.numbers)
    return tagged


def _check_set(chosen: SequenceSet) -> None:
    if chosen.saved:
        return
    assert SequenceSet.parse(chosen.encode()) == chosen
    ranges = chosen.normal(7)
    assert ranges == normalise(ranges)
    for low, high in chosen.numbers(7):
        assert 1 <= low <= high <= 7
    uids = [2, 3, 5, 9]
    for start, stop in chosen.slices(uids):
        assert 0 <= start < stop <= len(uids)


def mailbox_names(octets: bytes) -> None:
    """A name that is accepted has one spelling in each mode, and comes back from it."""
    for utf8 in (False, True):
        try:
            name = names.decode(octets, utf8)
        except BadSyntax:
            continue
        assert names.canonical(name) == name
        if len(name.encode("utf-8")) > mailboxes.MAX_NAME:
            continue
        assert names.decode(names.encode_utf7(name)) == name
        assert names.decode(name.encode("utf-8"), True) == name
        if not utf8 and octets.isascii() and name[:5] != "INBOX":
            assert names.encode_utf7(name) == octets, "two spellings of one name"


# Messages


def mime(octets: bytes) -> None:
    """A message is scanned whatever it is, and what comes out is legal."""
    check(octets)


def subject(octets: bytes) -> None:
    """Subjects, and the keys by which they are compared."""
    shown = headers.decode(octets)
    assert "\n" not in shown
    base = subjects.base_subject(shown)
    assert len(base) <= len(shown)
    assert isinstance(subjects.is_reply_or_forward(shown), bool)
    casemap.collate(base)
    folded = text.fold(shown)
    assert text.fold(folded) == folded, "folding does not rest"


def thread(octets: bytes) -> None:
    """Every message is in the forest once, whatever refers to whatever."""
    cuts = Cuts(octets)
    count = 1 + cuts.number(12)
    links, dates, titles, replies = [], [], [], []
    for _ in range(count):
        links.append([cuts.number(16) for _ in range(1 + cuts.number(6))])
        dates.append(cuts.number(4))
        titles.append(("", "a", "b")[cuts.number(3)])
        replies.append(bool(cuts.number(2)))
    for forest in (threads.by_references(links, dates, titles, replies), threads.by_subject(dates, titles)):
        seen: list[int] = []
        waiting = list(forest.roots)
        while waiting:
            node = waiting.pop()
            assert len(seen) <= 4 * count, "a loop"
            if node < count:
                seen.append(node)
            else:
                assert forest.children[node], "a dummy without children"
            waiting += forest.children.get(node, ())
        assert sorted(seen) == list(range(count))


# LDAP


def ldap(octets: bytes) -> None:
    """Messages are read or refused; a filter that is read has a matcher and narrows."""
    try:
        size = ber.frame(octets, 65_536)
        assert 0 <= size <= len(octets)
        request = messages.decode(octets[:size] if size else octets)
    except (BadSyntax, messages.Malformed):
        request = None
    if request is not None and isinstance(request.operation, messages.Search):
        _check_filter(request.operation.filter)
    ldap_filter(octets)


def ldap_filter(octets: bytes) -> None:
    """A filter alone."""
    try:
        wanted = filters.read(ber.Reader(octets))
    except BadSyntax:
        return
    _check_filter(wanted)


_AROUND = narrowing.Surroundings(Tree("dc=ac-exemple,dc=fr", "ac-exemple.fr"), {})


def _check_filter(wanted: filters.Filter) -> None:
    repr(wanted)
    hash(wanted)
    assert callable(matching.compile_filter(wanted))
    narrowing.kinds_of(wanted)
    for kind in Kind:
        narrowing.narrow(wanted, kind, _AROUND)


# SASL


def login(octets: bytes) -> None:
    """Responses are decoded strictly; a PLAIN message has its three fields."""
    for line in (octets, octets.strip()):
        try:
            decoded = sasl.decode_response(line)
        except BadSyntax:
            continue
        _plain(decoded)
    _plain(octets)


def _plain(message: bytes) -> None:
    try:
        found = sasl.parse_plain(message)
    except BadSyntax:
        return
    assert found.login
    assert found.secret.reveal()
    assert "secret=Secret(…)" in repr(found)
    fields = (found.authorization, found.login, found.secret.reveal())
    assert "\0".join(fields).encode("utf-8") == message


# Filters


_REQUIRE = b"require [%b];\n" % b", ".join(b'"%b"' % name.encode("ascii") for name in sieve.EXTENSIONS)
_MOMENT = datetime(2026, 11, 30, 8, 5, 9, tzinfo=UTC)


def _check_place(error: sieve.SieveError, source: bytes) -> None:
    assert 1 <= error.line <= source.count(b"\n") + 1
    assert 1 <= error.column <= len(source) + 1


def filter_script(octets: bytes) -> None:
    """A script is read or refused with a place in it; one that is read decides or stops, whatever the message."""
    cuts = Cuts(octets)
    required = cuts.number(2)
    size = cuts.number(256)
    rest = cuts.rest()
    source, message = (_REQUIRE if required else b"") + rest[size:], rest[:size]
    try:
        script = sieve.compile(source)
    except sieve.SieveError as error:
        _check_place(error, source)
        return
    with suppress(sieve.RunError):
        actions = sieve.run(script, sieve.Facts.of(message, now=_MOMENT), sieve.NoHost()).actions
        assert actions
        for action in actions:
            edited = getattr(action, "edited", None)
            assert edited is None or edited.applied(message).startswith(edited.header)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "imap": imap,
    "names": mailbox_names,
    "mime": mime,
    "ldap": ldap,
    "subject": subject,
    "thread": thread,
    "sasl": login,
    "sieve": filter_script,
}
