"""NOTIFY (RFC 5465): the command as a value, and its grammar (section 8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from imap.wire.codes import Code, CodeName
from imap.wire.fetch import fetch_items
from imap.wire.fetch.fetch_items import FetchItem
from imap.wire.grammar import Cursor
from imap.wire.search import search_keys
from imap.wire.search.search_program import MailboxFilter, Scope
from mailserver.model.errors import BadSyntax

MAX_GROUPS = 50


class Event(Enum):
    """What can happen (section 5)."""

    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    FLAG_CHANGE = "FlagChange"
    MAILBOX_NAME = "MailboxName"
    SUBSCRIPTION_CHANGE = "SubscriptionChange"
    MAILBOX_METADATA_CHANGE = "MailboxMetadataChange"
    SERVER_METADATA_CHANGE = "ServerMetadataChange"


Events = frozenset[Event]
MESSAGE_EVENTS: Events = frozenset((Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE, Event.FLAG_CHANGE))
_PAIR: Events = frozenset((Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE))
_EVENTS = {event.value.upper(): event for event in Event}


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Mailboxes, and what of them is to be told; no events: nothing (NONE)."""

    mailboxes: MailboxFilter
    events: Events = frozenset()
    items: tuple[FetchItem, ...] = ()
    """What is fetched of new messages of the selected mailbox."""
    delayed: bool = False
    """SELECTED-DELAYED: removals wait for a command."""


@dataclass(frozen=True, slots=True)
class Notify:
    """RFC 5465 section 3; no groups: NOTIFY NONE. `unknown`: events this server does not know."""

    groups: tuple[EventGroup, ...] = ()
    status: bool = False
    unknown: tuple[str, ...] = ()


def notify(cursor: Cursor) -> Notify:
    cursor.space()
    word = cursor.word()
    if word == "NONE":
        return Notify()
    if word != "SET":
        raise BadSyntax("NOTIFY takes SET or NONE")
    cursor.space()
    status = cursor.sees_word(b"STATUS ")
    if status:
        cursor.word()
        cursor.space()
    unknown: dict[str, None] = {}
    groups = [_group(cursor, unknown)]
    while cursor.skip(b" "):
        if len(groups) >= MAX_GROUPS:
            raise BadSyntax("Too many event groups")
        groups.append(_group(cursor, unknown))
    if sum(group.mailboxes.scope is Scope.SELECTED for group in groups) > 1:
        raise BadSyntax("The selected mailbox is named twice")  # section 6.1
    return Notify(tuple(groups), status, tuple(unknown))


def _group(cursor: Cursor, unknown: dict[str, None]) -> EventGroup:
    cursor.expect(b"(")
    delayed = cursor.sees_word(b"SELECTED-DELAYED ")
    if delayed:
        cursor.word()
        mailboxes = MailboxFilter(Scope.SELECTED)
    else:
        mailboxes = search_keys.mailbox_filter(cursor)
    cursor.space()
    if cursor.sees_word(b"NONE)"):
        cursor.word()
        cursor.expect(b")")
        return EventGroup(mailboxes, delayed=delayed)
    items: list[FetchItem] = []
    selected = mailboxes.scope is Scope.SELECTED
    found = cursor.items(lambda: _event(cursor, items, unknown, selected), most=20)
    cursor.expect(b")")
    events = frozenset(event for event in found if event is not None)
    if 0 < len(events & _PAIR) < len(_PAIR) or (Event.FLAG_CHANGE in events and not events & _PAIR):
        raise BadSyntax("MessageNew, MessageExpunge: both, and FlagChange only with them")  # section 5
    if selected and not events <= MESSAGE_EVENTS:
        raise BadSyntax("Of the selected mailbox only what becomes of messages is told")  # section 8
    return EventGroup(mailboxes, events, tuple(dict.fromkeys(items)), delayed)


def _event(cursor: Cursor, items: list[FetchItem], unknown: dict[str, None], selected: bool) -> Event | None:
    name = cursor.word()
    event = _EVENTS.get(name)
    if event is None:
        unknown[name] = None
    elif event is Event.MESSAGE_NEW and cursor.sees(b" ("):
        if not selected:
            raise BadSyntax("Only of the selected mailbox messages are fetched")  # section 5.1
        cursor.space()
        items += fetch_items.quiet_items(cursor)
    return event


def bad_event() -> Code:
    """The events there are (section 3.1)."""
    return Code(CodeName.BADEVENT, b"(%s)" % " ".join(event.value for event in Event).encode("ascii"))


def events_of(groups: Iterable[EventGroup]) -> Events:
    """Everything that any of the groups asks for."""
    return frozenset(event for group in groups for event in group.events)
