"""The mailboxes somebody may look up, as NOTIFY compares them (RFC 5465), and what LIST says of their names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from imap.wire import responses
from imap.wire.extensions.notify import Event
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import access, mailboxes
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.mailboxes import SEPARATOR, Mailbox

MAILBOX_EVENTS = frozenset(Event) - {Event.SERVER_METADATA_CHANGE}


@dataclass(frozen=True, slots=True)
class VisibleMailbox:
    """Mailboxes by id, with the names somebody knows them by, those they may read, and what they subscribed to."""

    boxes: dict[int, Mailbox]
    """The special uses of others are not told: they are not those of this account."""
    names: dict[int, str]
    readable: frozenset[int]
    subscribed: frozenset[str]
    keys: dict[str, int]
    """`names` the other way round."""
    parents: frozenset[str]
    """Names that have a mailbox below them."""
    withheld: frozenset[int]
    """Mailboxes that could be looked up once and are still there, but not for this account."""

    def line(self, name: str, *, old: str = "", withheld: bool = False, utf8: bool = False) -> bytes:
        """LIST of a name, whether or not a mailbox has it, with all that is true of it (RFC 5465 section 5.5)."""
        key = self.keys.get(name)
        said = ["\\NonExistent"] if key is None else []
        if key is not None or name in self.parents:
            said.append("\\HasChildren" if name in self.parents else "\\HasNoChildren")
        if name in self.subscribed:
            said.append("\\Subscribed")
        if withheld or (key is not None and key not in self.readable):
            said.append("\\NoAccess")
        if key is not None and self.boxes[key].special_use:
            said.append(self.boxes[key].special_use)
        return responses.mailbox_line(name, said, old=old, utf8=utf8)


def look(tx: Tx, viewer: Viewer, known: frozenset[int] = frozenset()) -> VisibleMailbox:
    """In a reader's thread. `known`: what could be looked up once."""
    boxes = {box.id: box for box in mailboxes.listing(tx, viewer.account_id)}
    names = {box.id: box.name for box in boxes.values()}
    readable = set(boxes)
    for reach in access.listing(tx, viewer):
        boxes[reach.box.id] = replace(reach.box, special_use="")
        names[reach.box.id] = reach.name
        if "r" in reach.rights:
            readable.add(reach.box.id)
    lost = sorted(known - boxes.keys())
    withheld = frozenset(box.id for box in mailboxes.by_ids(tx, lost)) if lost else frozenset()
    parents = frozenset(above for name in names.values() for above in _above(name))
    subscribed = frozenset(mailboxes.subscriptions(tx, viewer.account_id))
    keys = {name: key for key, name in names.items()}
    return VisibleMailbox(boxes, names, frozenset(readable), subscribed, keys, parents, withheld)


def _above(name: str) -> Iterator[str]:
    """The levels above a name, nearest first."""
    while SEPARATOR in name:
        name = name.rpartition(SEPARATOR)[0]
        yield name


Wants = Callable[[Event, str, VisibleMailbox], bool]
"""Whether an event is told of a mailbox of this name, with subscriptions as they are in a standing."""


def wants_any(wants: Wants, name: str, standing: VisibleMailbox) -> bool:
    return any(wants(event, name, standing) for event in MAILBOX_EVENTS)


def changed_names(before: VisibleMailbox, after: VisibleMailbox, wants: Wants, utf8: bool) -> list[bytes]:
    """LIST of every name that means something else than before: MailboxName, SubscriptionChange and access that was
    lost or found (sections 5.4, 5.5, 5.9)."""
    told: dict[str, bytes] = {}
    for name, key in sorted(after.keys.items()):
        old = before.names.get(key)
        if old != name and any(wants(Event.MAILBOX_NAME, named, after) for named in (name, old) if named):
            if old is None:
                _with_parent(told, name, after, wants, utf8)
            elif not _follows(told, old, name, before, after):
                told[name] = after.line(name, old=old, utf8=utf8)
        elif _opened(key, before) != _opened(key, after) and wants_any(wants, name, after):
            told[name] = after.line(name, utf8=utf8)
    for name, key in sorted(before.keys.items()):
        if key in after.names:
            continue
        if wants(Event.MAILBOX_NAME, name, before):
            _with_parent(told, name, after, wants, utf8, withheld=key in after.withheld)
        elif key in after.withheld and wants_any(wants, name, before):
            told[name] = after.line(name, withheld=True, utf8=utf8)
    for name in sorted((before.subscribed ^ after.subscribed) - told.keys()):
        if wants(Event.SUBSCRIPTION_CHANGE, name, after if name in after.subscribed else before):
            told[name] = after.line(name, utf8=utf8)
    return list(told.values())


def _opened(key: int, standing: VisibleMailbox) -> bool:
    """Whether a mailbox is not known to be there and closed."""
    return key in standing.readable or not (key in standing.names or key in standing.withheld)


def _with_parent(
    told: dict[str, bytes], name: str, after: VisibleMailbox, wants: Wants, utf8: bool, *, withheld: bool = False
) -> None:
    """A name that was made or removed, and the level right above it, whether it is a mailbox or not (section 5.4)."""
    told[name] = after.line(name, withheld=withheld, utf8=utf8)
    above = name.rpartition(SEPARATOR)[0]
    if above and above not in told and wants(Event.MAILBOX_NAME, above, after):
        told[above] = after.line(above, utf8=utf8)


def _follows(told: dict[str, bytes], old: str, new: str, before: VisibleMailbox, after: VisibleMailbox) -> bool:
    """Whether a mailbox was renamed because one above it was, of which the client is told (section 5.4)."""
    while SEPARATOR in old and SEPARATOR in new:
        old, _, old_end = old.rpartition(SEPARATOR)
        new, _, new_end = new.rpartition(SEPARATOR)
        if old_end != new_end:
            return False
        key = before.keys.get(old)
        if key is not None and after.names.get(key) == new and new in told:
            return True
    return False


def unreadable(standing: VisibleMailbox, wants: Wants, utf8: bool) -> bytes:
    """LIST with \\NoAccess of mailboxes of which events were asked and cannot be told (section 3.1)."""
    refused = sorted(name for name, key in standing.keys.items() if key not in standing.readable)
    return b"".join([standing.line(name, utf8=utf8) for name in refused if wants_any(wants, name, standing)])
