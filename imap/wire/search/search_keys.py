"""Search keys, charset and return options of SEARCH, ESEARCH, SORT and THREAD (RFC 3501 section 6.4.4).

The keys become `mailserver.model.messages.criteria` values, whose module says which key is which. Texts are decoded
here, strictly: a charset we do not know, and octets that are not what they are said to be, are refused before anything
is searched.
"""

from collections.abc import Callable, Iterable

from imap.wire.fetch import fetch_items
from imap.wire.fetch.fetch_items import FetchItem
from imap.wire.grammar import BadCharset, Cursor, utf8_text
from imap.wire.search.search_program import (
    SELECTED,
    CancelUpdate,
    Items,
    MailboxFilter,
    MultiSearch,
    Partial,
    Returns,
    Scope,
    Search,
    SearchReturn,
    Sort,
    SortField,
    SortKey,
    Thread,
    ThreadAlgorithm,
)
from imap.wire.sets import LARGEST
from mailserver.model.errors import BadSyntax
from mailserver.model.messages.criteria import (
    MAX_DEPTH,
    MAX_TERMS,
    All,
    And,
    Body,
    Criterion,
    EmailId,
    Flag,
    Header,
    Larger,
    LastResult,
    ModSeq,
    Not,
    Numbers,
    Older,
    Or,
    Received,
    Recent,
    Relation,
    Saved,
    Sent,
    Smaller,
    Text,
    ThreadId,
    Uids,
    Younger,
)

CHARSETS = ("US-ASCII", "UTF-8")
"""Without CHARSET the text is taken as UTF-8, which US-ASCII is a part of: many clients leave it out."""


class _Keys:
    """The search keys of one command; counts them, because each is work for the store."""

    __slots__ = ("_cursor", "_terms")

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._terms = 0

    def all(self) -> Criterion:
        """The keys up to the end of the command: every one must hold."""
        terms = [self.key(1)]
        while self._cursor.skip(b" "):
            terms.append(self.key(1))
        self._cursor.end()
        return _together(terms)

    def key(self, depth: int) -> Criterion:
        self._terms += 1
        if depth > MAX_DEPTH or self._terms > MAX_TERMS:
            raise BadSyntax("Search is too complex")
        cursor = self._cursor
        if cursor.sees(b"("):
            # search-key has at least one key in parentheses; each counts towards MAX_TERMS.
            return _together(cursor.items(lambda: self.key(depth + 1), most=MAX_TERMS))
        if cursor.sees_sequence_set():
            numbers = cursor.sequence_set()
            return LastResult() if numbers.saved else Numbers(numbers.ranges)
        word = cursor.word()
        plain = _PLAIN.get(word)
        if plain is not None:
            return plain
        read = _READERS.get(word)
        if read is not None:
            cursor.space()
            return read(cursor)
        if word == "NOT":
            cursor.space()
            return Not(self.key(depth + 1))
        if word == "OR":
            cursor.space()
            first = self.key(depth + 1)
            cursor.space()
            return Or((first, self.key(depth + 1)))
        raise BadSyntax("Unknown search key")


def _together(terms: list[Criterion]) -> Criterion:
    return terms[0] if len(terms) == 1 else And(tuple(terms))


_PLAIN: dict[str, Criterion] = {
    "ALL": All(),
    "ANSWERED": Flag("\\Answered"),
    "DELETED": Flag("\\Deleted"),
    "DRAFT": Flag("\\Draft"),
    "FLAGGED": Flag("\\Flagged"),
    "SEEN": Flag("\\Seen"),
    "UNANSWERED": Not(Flag("\\Answered")),
    "UNDELETED": Not(Flag("\\Deleted")),
    "UNDRAFT": Not(Flag("\\Draft")),
    "UNFLAGGED": Not(Flag("\\Flagged")),
    "UNSEEN": Not(Flag("\\Seen")),
    "NEW": And((Recent(), Not(Flag("\\Seen")))),
    "OLD": Not(Recent()),
    "RECENT": Recent(),
    "SAVEDATESUPPORTED": All(),  # RFC 8514 section 4.3: every mailbox keeps the date
}


def _field(name: str) -> Callable[[Cursor], Criterion]:
    return lambda cursor: Header(name, cursor.text_astring())


def _header(cursor: Cursor) -> Criterion:
    name = cursor.text_astring()
    cursor.space()
    return Header(name, cursor.text_astring())


def _received(relation: Relation) -> Callable[[Cursor], Criterion]:
    return lambda cursor: Received(relation, cursor.date())


def _saved(relation: Relation) -> Callable[[Cursor], Criterion]:
    return lambda cursor: Saved(relation, cursor.date())


def _sent(relation: Relation) -> Callable[[Cursor], Criterion]:
    return lambda cursor: Sent(relation, cursor.date())


def _uids(cursor: Cursor) -> Criterion:
    uids = cursor.sequence_set()
    return LastResult() if uids.saved else Uids(uids.ranges)


def _between(low: int, high: int) -> Criterion:
    """UIDAFTER and UIDBEFORE (RFC 9738 section 3.2)."""
    return Uids(((low, high),) if low <= high else ())


def _modseq(cursor: Cursor) -> Criterion:
    """MODSEQ [entry-name SP type SP] value (RFC 7162 section 3.1.5): we keep one mod-sequence a message."""
    if cursor.sees(b'"'):
        entry = utf8_text(cursor.string())
        cursor.space()
        if not entry.startswith("/flags/") or cursor.word() not in ("PRIV", "SHARED", "ALL"):
            raise BadSyntax("Malformed MODSEQ")
        cursor.space()
    return ModSeq(cursor.number64())


_READERS: dict[str, Callable[[Cursor], Criterion]] = {
    "BCC": _field("Bcc"),
    "CC": _field("Cc"),
    "FROM": _field("From"),
    "SUBJECT": _field("Subject"),
    "TO": _field("To"),
    "HEADER": _header,
    "BODY": lambda cursor: Body(cursor.text_astring()),
    "TEXT": lambda cursor: Text(cursor.text_astring()),
    "KEYWORD": lambda cursor: Flag(cursor.atom()),
    "UNKEYWORD": lambda cursor: Not(Flag(cursor.atom())),
    "LARGER": lambda cursor: Larger(cursor.number64()),
    "SMALLER": lambda cursor: Smaller(cursor.number64()),
    "UIDAFTER": lambda cursor: _between(cursor.nz_number() + 1, LARGEST),
    "UIDBEFORE": lambda cursor: _between(1, cursor.nz_number() - 1),
    "OLDER": lambda cursor: Older(cursor.nz_number()),
    "YOUNGER": lambda cursor: Younger(cursor.nz_number()),
    "UID": lambda cursor: _uids(cursor),
    "MODSEQ": _modseq,
    "BEFORE": _received(Relation.BEFORE),
    "ON": _received(Relation.ON),
    "SINCE": _received(Relation.SINCE),
    "SENTBEFORE": _sent(Relation.BEFORE),
    "SENTON": _sent(Relation.ON),
    "SENTSINCE": _sent(Relation.SINCE),
    "SAVEDBEFORE": _saved(Relation.BEFORE),
    "SAVEDON": _saved(Relation.ON),
    "SAVEDSINCE": _saved(Relation.SINCE),
    "EMAILID": lambda cursor: EmailId(cursor.objectid()),
    "THREADID": lambda cursor: ThreadId(cursor.objectid()),
}


MAX_NAMES = 1000
"""Mailboxes that one command may name."""


def search(cursor: Cursor, by_uid: bool) -> Search:
    """The arguments of SEARCH, its space included."""
    cursor.space()
    returns, partial, items = _returns(cursor)
    return Search(_program(cursor, returns), by_uid, returns, partial, items)


def esearch(cursor: Cursor) -> MultiSearch:
    """The arguments of ESEARCH (RFC 7377 section 4)."""
    cursor.space()
    sources: tuple[MailboxFilter, ...] = SELECTED
    if cursor.sees_word(b"IN ("):
        cursor.word()
        cursor.space()
        sources = tuple(cursor.items(lambda: mailbox_filter(cursor), most=MAX_NAMES))
        cursor.space()
    returns, partial, items = _returns(cursor)
    asked = frozenset((SearchReturn.ALL,)) if returns is None else returns
    return MultiSearch(_program(cursor, asked), sources, asked, partial, items)


def mailbox_filter(cursor: Cursor) -> MailboxFilter:
    """filter-mailboxes (RFC 5465 section 8) with the scopes of RFC 7377 section 4."""
    try:
        scope = Scope(cursor.word())
    except ValueError:
        raise BadSyntax("Unknown mailbox specifier") from None
    if scope not in (Scope.SUBTREE, Scope.SUBTREE_ONE, Scope.MAILBOXES):
        return MailboxFilter(scope)
    cursor.space()
    if cursor.sees(b"("):
        return MailboxFilter(scope, frozenset(cursor.items(cursor.mailbox, most=MAX_NAMES)))
    return MailboxFilter(scope, frozenset((cursor.mailbox(),)))


def cancel_update(cursor: Cursor) -> CancelUpdate:
    """One or more tags, quoted (RFC 5267 section 5)."""
    tags: list[str] = []
    while not tags or not cursor.at_end():
        cursor.space()
        tags.append(utf8_text(cursor.string()))
    return CancelUpdate(tuple(tags))


def sort(cursor: Cursor, by_uid: bool) -> Sort:
    """The arguments of SORT (RFC 5256 section 5)."""
    cursor.space()
    returns, partial, items = _returns(cursor)
    keys = _each_once(cursor.items(lambda: _sort_key(cursor), most=100))
    cursor.space()
    _charset(cursor, returns)
    cursor.space()
    return Sort(keys, _Keys(cursor).all(), by_uid, returns, partial, items)


def _each_once(keys: Iterable[SortKey]) -> tuple[SortKey, ...]:
    """Without those that change nothing: what is equal by a field is equal by it in reverse, too."""
    first: dict[SortField, SortKey] = {}
    for key in keys:
        first.setdefault(key.field, key)
    return tuple(first.values())


def thread(cursor: Cursor, by_uid: bool) -> Thread:
    """The arguments of THREAD (RFC 5256 section 5)."""
    cursor.space()
    try:
        algorithm = ThreadAlgorithm(cursor.word())
    except ValueError:
        raise BadSyntax("Unknown threading algorithm") from None
    cursor.space()
    _charset(cursor, None)
    cursor.space()
    return Thread(algorithm, _Keys(cursor).all(), by_uid)


def _program(cursor: Cursor, returns: Returns | None) -> Criterion:
    """The keys, and CHARSET before them."""
    if cursor.sees_word(b"CHARSET "):
        if not cursor.charset:
            raise BadSyntax("Texts are in UTF-8, no charset is named")  # RFC 9755 section 3
        cursor.word()
        cursor.space()
        _charset(cursor, returns)
        cursor.space()
    return _Keys(cursor).all()


def _returns(cursor: Cursor) -> tuple[Returns | None, Partial | None, Items]:
    """RETURN (...) and the space behind it (RFC 4731 section 3.1); `()` asks for ALL."""
    if not cursor.sees_word(b"RETURN ("):
        return None, None, ()
    cursor.word()
    cursor.space()
    items: dict[FetchItem, None] = {}
    read = cursor.items(lambda: _return(cursor, items), empty=True, most=20)
    cursor.space()
    options = frozenset(option for option, _ in read)
    ranges = [partial for _, partial in read if partial is not None]
    if len(ranges) > 1 or (ranges and SearchReturn.ALL in options):
        raise BadSyntax("PARTIAL or ALL, and once")  # RFC 9394 section 3.1
    return options or frozenset((SearchReturn.ALL,)), ranges[0] if ranges else None, tuple(items)


def _return(cursor: Cursor, items: dict[FetchItem, None]) -> tuple[SearchReturn, Partial | None]:
    try:
        option = SearchReturn(cursor.word())
    except ValueError:
        raise BadSyntax("Unknown return option") from None
    if option is SearchReturn.UPDATE and (cursor.sees(b" (") or cursor.sees(b"(")):
        cursor.skip(b" ")  # the grammar of RFC 5465 section 8 has none, the example of section 7 has one
        items.update(dict.fromkeys(fetch_items.quiet_items(cursor)))
    if option is not SearchReturn.PARTIAL:
        return option, None
    cursor.space()
    return option, partial_range(cursor)


def partial_range(cursor: Cursor) -> Partial:
    """1:500, or -1:-100 (RFC 9394 section 4, partial-range)."""
    sign = -1 if cursor.skip(b"-") else 1
    first = cursor.nz_number()
    cursor.expect(b":" if sign > 0 else b":-")
    return sign * first, sign * cursor.nz_number()


def _charset(cursor: Cursor, returns: Returns | None) -> None:
    """An unknown charset empties the result that was to be saved (RFC 5182 section 2.1)."""
    name = cursor.text_astring()
    if name.upper() not in CHARSETS:
        raise BadCharset("Unknown charset", saves=bool(returns and SearchReturn.SAVE in returns))


def _sort_key(cursor: Cursor) -> SortKey:
    word = cursor.word()
    reverse = word == "REVERSE"
    if reverse:
        cursor.space()
        word = cursor.word()
    try:
        return SortKey(SortField(word), reverse)
    except ValueError:
        raise BadSyntax("Unknown sort key") from None
