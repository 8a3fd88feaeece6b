"""LIST, LSUB and STATUS (RFC 3501 sections 6.3.8 to 6.3.10; RFC 5258, 5819, 6154)."""

from collections.abc import Iterable
from enum import Enum
from typing import TypeVar

from imap.wire.commands import List, ListReturn, ListSelect, Lsub, Status, StatusItem
from imap.wire.extensions import metadata
from imap.wire.grammar import Cursor
from mailserver.model.errors import BadSyntax

MAX_PATTERNS = 100
"""Patterns of one LIST: each name is compared with each."""

E = TypeVar("E", bound=Enum)


def list_(cursor: Cursor) -> List:
    """RFC 5258 section 6, `list`; the plain form is the part of it without options."""
    cursor.space()
    select: frozenset[ListSelect] = frozenset()
    extended = cursor.sees(b"(")
    if extended:
        select = frozenset(cursor.items(lambda: _option(ListSelect, cursor.word()), empty=True, most=20))
        cursor.space()
    reference = cursor.list_mailbox()
    cursor.space()
    if cursor.sees(b"("):
        extended = True
        patterns = cursor.items(cursor.list_mailbox, most=MAX_PATTERNS)
    else:
        patterns = [cursor.list_mailbox()]
    returns: frozenset[ListReturn] = frozenset()
    wanted: tuple[StatusItem, ...] = ()
    annotations: tuple[str, ...] = ()
    if cursor.skip(b" "):
        extended = True
        returns, wanted, annotations = _returns(cursor)
    if ListSelect.RECURSIVEMATCH in select and not select & {ListSelect.SUBSCRIBED, ListSelect.SPECIAL_USE}:
        # RFC 5258 section 3.1: it qualifies another option and means nothing alone.
        raise BadSyntax("RECURSIVEMATCH needs another selection option")
    return List(reference or "", _possible(reference, patterns), select, returns, wanted, extended, annotations)


def _possible(reference: str | None, patterns: Iterable[str | None]) -> tuple[str, ...]:
    """The patterns that names can match: one that cannot be a name is no error, it finds nothing."""
    return () if reference is None else tuple(pattern for pattern in patterns if pattern is not None)


def _returns(cursor: Cursor) -> tuple[frozenset[ListReturn], tuple[StatusItem, ...], tuple[str, ...]]:
    """RETURN (...); STATUS and METADATA in it have their own lists (RFC 5819 section 2, RFC 9590 section 4)."""
    if cursor.word() != "RETURN":
        raise BadSyntax("Expected RETURN")
    cursor.space()
    wanted: list[StatusItem] = []
    annotations: dict[str, None] = {}

    def option() -> ListReturn | None:
        word = cursor.word()
        if word == "METADATA":
            cursor.space()
            annotations.update(dict.fromkeys(metadata.entries(cursor)))
            return None
        if word != "STATUS":
            return _option(ListReturn, word)
        cursor.space()
        wanted.extend(_status_items(cursor))
        return None

    options = cursor.items(option, empty=True, most=20)
    return frozenset(option for option in options if option), tuple(dict.fromkeys(wanted)), tuple(annotations)


def _option(kind: type[E], word: str) -> E:
    try:
        return kind(word)
    except ValueError:
        raise BadSyntax("Unknown option") from None


def _status_items(cursor: Cursor) -> tuple[StatusItem, ...]:
    return tuple(dict.fromkeys(cursor.items(lambda: _option(StatusItem, cursor.word()), most=50)))


def lsub(cursor: Cursor) -> Lsub:
    cursor.space()
    reference = cursor.list_mailbox()
    cursor.space()
    return Lsub(reference or "", _possible(reference, (cursor.list_mailbox(),)))


def status(cursor: Cursor) -> Status:
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    return Status(mailbox, _status_items(cursor))
