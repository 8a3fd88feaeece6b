"""SEARCH, SORT, THREAD and their kin as frozen values. `imap.wire.search.search_keys` makes them from octets."""

from dataclasses import dataclass
from enum import Enum

from imap.wire.fetch.fetch_items import FetchItem
from imap.wire.patterns import SEPARATOR
from mailserver.model.messages.criteria import Criterion


class SearchReturn(Enum):
    """What an extended search answers, and what it does beside that."""

    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    """These four: RFC 4731 section 3.1."""
    PARTIAL = "PARTIAL"
    """RFC 9394 section 3.1; comes with a range."""
    SAVE = "SAVE"
    """RFC 5182 section 2.1."""
    UPDATE = "UPDATE"
    """RFC 5267 section 4.3; may come with items to fetch."""
    CONTEXT = "CONTEXT"
    """RFC 5267 section 4.2: a hint, which changes nothing."""


Returns = frozenset[SearchReturn]

Items = tuple[FetchItem, ...]
"""What is fetched of new messages that come into a result which is kept up (RFC 5465 section 7)."""

Partial = tuple[int, int]
"""Results from the one to the other, counted from 1; negative: from the last, which is -1 (RFC 9394 section 4)."""


@dataclass(frozen=True, slots=True)
class Search:
    """RFC 3501 section 6.4.4. `returns` is None without RETURN: the answer is then a SEARCH line.

    An empty RETURN list means ALL (RFC 4731 section 3.1) and is given as such.
    """

    criterion: Criterion
    by_uid: bool = False
    returns: Returns | None = None
    partial: Partial | None = None
    items: Items = ()


class SortField(Enum):
    """Keys of SORT (RFC 5256 section 3, RFC 5957 section 4)."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    DISPLAYFROM = "DISPLAYFROM"
    DISPLAYTO = "DISPLAYTO"
    FROM = "FROM"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of SORT and its direction."""

    field: SortField
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """RFC 5256 BASE.6.4.SORT; `returns` as in Search (RFC 5267 section 3)."""

    keys: tuple[SortKey, ...]
    criterion: Criterion
    by_uid: bool = False
    returns: Returns | None = None
    partial: Partial | None = None
    items: Items = ()


class ThreadAlgorithm(Enum):
    """RFC 5256 BASE.6.4.THREAD."""

    ORDEREDSUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"


@dataclass(frozen=True, slots=True)
class Thread:
    """RFC 5256 BASE.6.4.THREAD."""

    algorithm: ThreadAlgorithm
    criterion: Criterion
    by_uid: bool = False


class Scope(Enum):
    """Which mailboxes are meant (RFC 5465 section 6, RFC 7377 section 2.2)."""

    SELECTED = "SELECTED"
    INBOXES = "INBOXES"
    PERSONAL = "PERSONAL"
    SUBSCRIBED = "SUBSCRIBED"
    SUBTREE = "SUBTREE"
    SUBTREE_ONE = "SUBTREE-ONE"
    MAILBOXES = "MAILBOXES"


@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """A scope, with names where it needs them."""

    scope: Scope
    names: frozenset[str] = frozenset()

    def holds(self, name: str) -> bool:
        """Whether a mailbox is one of the names, or lies below one as the scope says; as quick for thousands."""
        if name in self.names:
            return True
        above = name.rpartition(SEPARATOR)[0]
        if self.scope is Scope.SUBTREE_ONE:
            return above in self.names
        while self.scope is Scope.SUBTREE and above:
            if above in self.names:
                return True
            above = above.rpartition(SEPARATOR)[0]
        return False


SELECTED = (MailboxFilter(Scope.SELECTED),)


@dataclass(frozen=True, slots=True)
class MultiSearch:
    """ESEARCH (RFC 7377 section 2); always by UID, and always answered by ESEARCH lines."""

    criterion: Criterion
    sources: tuple[MailboxFilter, ...] = SELECTED
    returns: Returns = frozenset((SearchReturn.ALL,))
    partial: Partial | None = None
    items: Items = ()


@dataclass(frozen=True, slots=True)
class CancelUpdate:
    """RFC 5267 section 4.3.5: the tags of the searches whose updates are to end."""

    tags: tuple[str, ...]
