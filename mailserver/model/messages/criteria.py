"""The search language as frozen values: what an IMAP SEARCH says and what the web's search field says.

A criterion is pure: the IMAP grammar (`imap.wire.search.search_keys`) and the web build the same values, and
`mailserver.store.search.search` answers them. RFC 3501 section 6.4.4 keys map so:

    ALL                                   All()
    k1 k2 ...                             And((k1, k2, ...))
    OR k1 k2                              Or((k1, k2))
    NOT k                                 Not(k)
    SEEN, ANSWERED, FLAGGED, DELETED,
      DRAFT, KEYWORD x                    Flag("\\Seen"), ..., Flag("x")
    UNSEEN, UN..., UNKEYWORD x            Not(Flag(...))
    RECENT, OLD, NEW                      Recent(), Not(Recent()), And((Recent(), Not(Flag("\\Seen"))))
    BEFORE, ON, SINCE                     Received(Relation.BEFORE | ON | SINCE, day)
    SENTBEFORE, SENTON, SENTSINCE         Sent(relation, day)
    SAVEDBEFORE, SAVEDON, SAVEDSINCE      Saved(relation, day) (RFC 8514); SAVEDATESUPPORTED is All()
    EMAILID x, THREADID x (RFC 8474)      EmailId(x), ThreadId(x)
    OLDER n, YOUNGER n (RFC 5032)         Older(n), Younger(n)
    LARGER n, SMALLER n                   Larger(n), Smaller(n)
    BCC, CC, FROM, SUBJECT, TO s          Header("Bcc", s), ...
    HEADER f s                            Header(f, s); an empty s asks whether the field is there
    BODY s, TEXT s                        Body(s), Text(s)
    1:5,7                                 Numbers(((1, 5), (7, 7)))
    UID 1:5,7                             Uids(((1, 5), (7, 7)))
    UIDAFTER n, UIDBEFORE n (RFC 9738)    Uids of one range, or of none
    $ (RFC 5182)                          LastResult()
    MODSEQ n (RFC 7162 section 3.1.5)     ModSeq(n)

What only a session knows (message numbers, \\Recent, the last result) is replaced by UIDs with `rewrite` before
the store is asked. Texts are decoded; comparison ignores case and accents.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, tzinfo
from enum import Enum

STAR = 0
"""`*` in a range: the largest number or UID in use (0 is never a number, RFC 3501 section 9 nz-number)."""

MAX_DEPTH = 100
"""Nesting of NOT, OR and parentheses; a parser refuses more, so that recursion stays bounded."""

MAX_TERMS = 1000
"""Terms of one search, counted through the whole tree."""


class Relation(Enum):
    """How a day compares with the one given."""

    BEFORE = "before"
    ON = "on"
    SINCE = "since"


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class And:
    """Every term holds; no terms: every message."""

    terms: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One term holds; no terms: no message."""

    terms: tuple["Criterion", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: "Criterion"


@dataclass(frozen=True, slots=True)
class Flag:
    """A system flag (`\\Seen`) or a keyword is set; names compare without case."""

    name: str


@dataclass(frozen=True, slots=True)
class Recent:
    """The session was the first to be told of the message."""


@dataclass(frozen=True, slots=True)
class Received:
    """The internal date's day, in UTC as INTERNALDATE shows it; for people in the zone of their clock."""

    relation: Relation
    day: date
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The day in the Date field, as written there (RFC 3501: time and zone are disregarded)."""

    relation: Relation
    day: date


@dataclass(frozen=True, slots=True)
class Saved:
    """The day the message came into this mailbox, in UTC as SAVEDATE shows it."""

    relation: Relation
    day: date


@dataclass(frozen=True, slots=True)
class EmailId:
    """The message's content has this identifier (`objectids.email_id`)."""

    value: str


@dataclass(frozen=True, slots=True)
class ThreadId:
    """The message's thread has this identifier (`objectids.thread_id`)."""

    value: str


@dataclass(frozen=True, slots=True)
class Older:
    """Came at least so many seconds ago (RFC 5032 section 3)."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Younger:
    """Came at most so many seconds ago."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Larger:
    """More octets than this."""

    octets: int


@dataclass(frozen=True, slots=True)
class Smaller:
    """Fewer octets than this."""

    octets: int


@dataclass(frozen=True, slots=True)
class Header:
    """A field of this name contains the text; an empty text asks only whether the field is there."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """The decoded text of the message's parts contains the text."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """The header or the body contains the text."""

    text: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """Message sequence numbers of a session, as inclusive ranges; either end may be STAR."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Uids:
    """Unique identifiers, as inclusive ranges; either end may be STAR, in either order."""

    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class LastResult:
    """What the session's last search with SAVE found."""


@dataclass(frozen=True, slots=True)
class ModSeq:
    """Changed at or after this mod-sequence (the entry name and type are accepted and change nothing)."""

    value: int


@dataclass(frozen=True, slots=True)
class HasAttachment:
    """At least one part is an attachment (the web's `a:pj`)."""


@dataclass(frozen=True, slots=True)
class AttachmentNamed:
    """The name of an attachment contains the text (the web's `pj:bulletin`)."""

    text: str


Criterion = (
    All
    | And
    | Or
    | Not
    | Flag
    | Recent
    | Received
    | Sent
    | Saved
    | EmailId
    | ThreadId
    | Older
    | Younger
    | Larger
    | Smaller
    | Header
    | Body
    | Text
    | Numbers
    | Uids
    | LastResult
    | ModSeq
    | HasAttachment
    | AttachmentNamed
)


def rewrite(criterion: Criterion, change: Callable[[Criterion], Criterion]) -> Criterion:
    """The tree with its leaves replaced."""
    match criterion:
        case And(terms):
            return And(tuple(rewrite(term, change) for term in terms))
        case Or(terms):
            return Or(tuple(rewrite(term, change) for term in terms))
        case Not(term):
            return Not(rewrite(term, change))
        case _:
            return change(criterion)


def walk(criterion: Criterion) -> Iterator[Criterion]:
    """Every criterion of the tree, this one first."""
    waiting: list[Criterion] = [criterion]
    while waiting:
        one = waiting.pop()
        yield one
        match one:
            case And(terms) | Or(terms):
                waiting.extend(terms)
            case Not(term):
                waiting.append(term)
            case _:
                pass


def mentions_modseq(criterion: Criterion) -> bool:
    """True when the search names a mod-sequence: the answer then carries the highest one found (RFC 7162
    section 3.1.5), and the session becomes CONDSTORE aware."""
    return any(isinstance(term, ModSeq) for term in walk(criterion))
