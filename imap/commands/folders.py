"""Commands about mailboxes: LIST, LSUB, STATUS, CREATE, DELETE, RENAME, SUBSCRIBE, NAMESPACE."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from imap.session.session import Session
from imap.wire import codes, commands, responses
from imap.wire.codes import Code, CodeName
from imap.wire.commands import ListReturn, ListSelect, StatusItem
from imap.wire.extensions.metadata import metadata
from imap.wire.extensions.rights import my_rights_line
from imap.wire.patterns import Matcher, matcher, steps
from imap.wire.responses import Reply, no, ok
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages import objectids
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import ALL, Rights, Viewer, annotations
from mailserver.store.mail.access.rights import write
from mailserver.store.mail.mailboxes import SEPARATOR, Mailbox

TURN = 20
"""Names compared with up to a hundred patterns before the loop may turn."""
MOST_STEPS = 10_000_000
"""Letters of names that one LIST goes over, those of each pattern counted: seconds of the loop."""

Outputs = AsyncGenerator[bytes | Reply, None]


# ---------------------------------------------------------------------- making and removing


async def create(session: Session, command: commands.Create) -> Outputs:
    """RFC 3501 section 6.3.3; USE by RFC 6154 section 3, MAILBOXID by RFC 8474 section 4.1."""
    unknown = [use for use in command.uses if use not in mailboxes.SPECIAL_USES]
    if unknown or len(command.uses) > 1:
        yield no("No such special use", Code(CodeName.USEATTR))
        return
    use = command.uses[0] if command.uses else ""
    try:
        box = await session.services.store.write(access.create, session.viewer, command.mailbox, use)
    except Refused as refusal:
        if use and refusal.reason is Reason.CANNOT:
            yield no(refusal.text, Code(CodeName.USEATTR))
            return
        raise
    yield _respelled(session, command.mailbox)
    yield ok("CREATE completed", codes.mailbox_id(objectids.mailbox_id(box.uidvalidity)))


def _respelled(session: Session, name: str) -> bytes:
    """Under IMAP4rev2 the name a new mailbox has, when the client spelled it otherwise (RFC 9051 section 6.3.4)."""
    spelled = mailboxes.canonical(name)
    if not session.rev2 or spelled == name:
        return b""
    return responses.mailbox_line(spelled, old=name, utf8=True)


async def delete(session: Session, command: commands.Delete) -> Outputs:
    """RFC 3501 section 6.3.4. Whoever has it selected is told goodbye; this session only leaves it."""
    removed = await session.services.store.write(access.remove, session.viewer, command.mailbox)
    selected = session.selected
    if selected is not None and selected.shared.mailbox_id == removed:
        session.unselect()
    yield ok("DELETE completed")


async def rename(session: Session, command: commands.Rename) -> Outputs:
    """RFC 3501 section 6.3.5; what IMAP4rev2 tells of it, RFC 9051 section 7.3.1."""
    await session.services.store.write(access.rename, session.viewer, command.mailbox, command.new)
    if session.rev2:
        new = mailboxes.canonical(command.new.removesuffix(SEPARATOR))
        yield responses.mailbox_line(new, await _missing(session, new), old=command.mailbox, utf8=True)
    yield ok("RENAME completed")


async def _missing(session: Session, name: str) -> tuple[str, ...]:
    """The attribute of a name that only has mailboxes below it, as LIST shows it."""
    try:
        await session.services.store.read(access.find, session.viewer, name)
    except Refused as refusal:
        return ("\\Noselect",) if refusal.reason is Reason.NO_SUCH_MAILBOX else ()
    return ()


async def subscribe(session: Session, command: commands.Subscribe) -> Outputs:
    """RFC 3501 section 6.3.6; the mailbox need not exist."""
    await session.services.store.write(access.subscribe, session.viewer, command.mailbox, True)
    yield ok("SUBSCRIBE completed")


async def unsubscribe(session: Session, command: commands.Unsubscribe) -> Outputs:
    """RFC 3501 section 6.3.7."""
    await session.services.store.write(access.subscribe, session.viewer, command.mailbox, False)
    yield ok("UNSUBSCRIBE completed")


async def namespace(session: Session, command: commands.Namespace) -> Outputs:
    """RFC 2342: what is one's own has no prefix, then mailboxes of others, then those of functional boxes."""
    yield responses.namespace(("",), (f"{access.OTHERS}/",), (f"{access.FUNCTIONS}/",), session.utf8)
    yield ok("NAMESPACE completed")


# ---------------------------------------------------------------------- listing


@dataclass(frozen=True, slots=True)
class _Tree:
    """The account's names: mailboxes, subscriptions, and the levels above them that are no mailboxes."""

    boxes: dict[str, Mailbox]
    subscribed: frozenset[str]
    parents: frozenset[str]
    """Names that have a mailbox below them."""
    rights: dict[str, Rights]
    """On the mailboxes of others (RFC 4314)."""

    @classmethod
    def read(cls, tx: Tx, viewer: Viewer) -> "_Tree":
        boxes = {box.name: box for box in mailboxes.listing(tx, viewer.account_id)}
        rights: dict[str, Rights] = {}
        for reach in access.listing(tx, viewer):
            # The special uses of others are not those of this account.
            boxes[reach.name] = replace(reach.box, name=reach.name, special_use="")
            rights[reach.name] = reach.rights
        subscribed = frozenset(mailboxes.subscriptions(tx, viewer.account_id))
        return cls(boxes, subscribed, _all_above(boxes), rights)


async def _tree(session: Session) -> _Tree:
    await session.refresh_groups()
    return await session.services.store.read(_Tree.read, session.viewer)


def _above(name: str) -> Iterator[str]:
    """The levels above a name, nearest first."""
    while SEPARATOR in name:
        name = name.rpartition(SEPARATOR)[0]
        yield name


def _all_above(names: Iterable[str]) -> frozenset[str]:
    return frozenset(above for name in names for above in _above(name))


async def list_(session: Session, command: commands.List) -> Outputs:
    """RFC 3501 section 6.3.8; options of RFC 5258, RFC 5819, RFC 6154, RFC 8440 and RFC 9590."""
    if not command.extended and command.patterns == ("",):
        yield responses.separator_line()
        yield ok("LIST completed")
        return
    tree = await _tree(session)
    noted = await _annotations(session, tree, command)
    selected = _selected(tree, command.select)
    parents = _all_above(selected) if ListSelect.RECURSIVEMATCH in command.select else frozenset()
    _check_steps(command, selected | parents)
    shown = await _matching(matcher(command.reference, command.patterns), selected | parents)
    # RFC 5258 section 3.5: a parent is told of only for the sake of one that the client does not see itself.
    told = _all_above(selected - shown)
    criteria = [option for option in _CRITERIA if option in command.select]
    for count, name in enumerate(sorted(name for name in shown if name in selected or name in told), 1):
        if count % TURN == 0:
            await asyncio.sleep(0)
        box = tree.boxes.get(name)
        attributes = _attributes(tree, command, name, box)
        yield responses.mailbox_line(name, attributes, below=criteria if name in parents else (), utf8=session.utf8)
        if box is not None and box.id in noted:
            held = noted[box.id]
            yield metadata(name, {entry: held.get(entry) for entry in command.annotations}, session.utf8)
        if ListReturn.MYRIGHTS in command.returns and box is not None:
            yield my_rights_line(name, write(tree.rights.get(name, ALL)), session.utf8)
        if command.status and box is not None and "r" in tree.rights.get(name, ALL):
            values = await _status_values(session, box, command.status)
            yield responses.status(name, values, session.utf8)
    yield ok("LIST completed")


async def _annotations(session: Session, tree: _Tree, command: commands.List) -> dict[int, dict[str, bytes]]:
    """The annotations that LIST is to tell (RFC 9590), by mailbox; those without any are in it, too."""
    if not command.annotations:
        return {}
    readable = [box.id for name, box in tree.boxes.items() if tree.rights.get(name, ALL) & annotations.READING]
    found = await session.services.store.read(annotations.of_mailboxes, session.viewer, readable)
    return {box_id: found.get(box_id, {}) for box_id in readable}


_CRITERIA = (ListSelect.SUBSCRIBED, ListSelect.SPECIAL_USE)
"""The selection options that choose names: RECURSIVEMATCH speaks of them, REMOTE adds nothing here."""


def _selected(tree: _Tree, select: frozenset[ListSelect]) -> frozenset[str]:
    """The names that meet the criteria of RFC 5258 section 3.1 and RFC 6154 section 2."""
    names = tree.subscribed if ListSelect.SUBSCRIBED in select else tree.boxes.keys() | tree.parents
    if ListSelect.SPECIAL_USE not in select:
        return frozenset(names)
    return frozenset(name for name in names if name in tree.boxes and tree.boxes[name].special_use)


def _check_steps(command: commands.List | commands.Lsub, names: Iterable[str]) -> None:
    """Raises Refused(LIMIT) when comparing would keep the loop busy for more than seconds."""
    if steps((command.reference + pattern for pattern in command.patterns), names) > MOST_STEPS:
        raise Refused(Reason.LIMIT, "Too many patterns for so many mailboxes")


async def _matching(matches: Matcher, names: Iterable[str]) -> frozenset[str]:
    """Those of the names that match."""
    found = set()
    for count, name in enumerate(names, 1):
        if count % TURN == 0:
            await asyncio.sleep(0)
        if matches(name):
            found.add(name)
    return frozenset(found)


def _attributes(tree: _Tree, command: commands.List, name: str, box: Mailbox | None) -> list[str]:
    """RFC 3501 section 7.2.2, RFC 3348, RFC 5258 section 3, RFC 6154 section 2."""
    said = []
    if box is None:
        said.append("\\NonExistent" if command.extended else "\\Noselect")
    if box is not None or name in tree.parents:
        said.append("\\HasChildren" if name in tree.parents else "\\HasNoChildren")
    wants_subscribed = ListReturn.SUBSCRIBED in command.returns or ListSelect.SUBSCRIBED in command.select
    if wants_subscribed and name in tree.subscribed:
        said.append("\\Subscribed")
    if box is not None and box.special_use:
        said.append(box.special_use)
    return said


async def lsub(session: Session, command: commands.Lsub) -> Outputs:
    """RFC 3501 section 6.3.9: a `%` also shows the unsubscribed level above a subscribed name, \\Noselect."""
    tree = await _tree(session)
    _check_steps(command, tree.subscribed)
    matches = matcher(command.reference, command.patterns)
    levelled = any("%" in pattern for pattern in command.patterns)
    hidden = (name for name in tree.subscribed if not matches(name)) if levelled else ()
    levels = {above for name in hidden for above in _above(name)}
    for count, name in enumerate(sorted(tree.subscribed | levels), 1):
        if count % TURN == 0:
            await asyncio.sleep(0)
        if not matches(name):
            continue
        attributes: Sequence[str] = () if name in tree.subscribed and name in tree.boxes else ("\\Noselect",)
        yield responses.mailbox_line(name, attributes, lsub=True, utf8=session.utf8)
    yield ok("LSUB completed")


# ---------------------------------------------------------------------- counting


async def status(session: Session, command: commands.Status) -> Outputs:
    """RFC 3501 section 6.3.10; HIGHESTMODSEQ by RFC 7162 section 3.1.7, SIZE by RFC 8438, APPENDLIMIT by RFC 7889,
    MAILBOXID by RFC 8474 section 4.3, DELETED by RFC 9051 section 6.3.11."""
    if StatusItem.HIGHESTMODSEQ in command.items:
        yield session.enable_condstore()
    box = (await session.services.store.read(access.find, session.viewer, command.mailbox, "r")).box
    yield responses.status(command.mailbox, await _status_values(session, box, command.items), session.utf8)
    yield ok("STATUS completed")


async def _status_values(
    session: Session, box: Mailbox, items: Sequence[StatusItem]
) -> list[tuple[StatusItem, int | str]]:
    values: dict[StatusItem, int | str] = {
        StatusItem.MESSAGES: box.messages,
        StatusItem.RECENT: 0,
        StatusItem.UIDNEXT: box.uidnext,
        StatusItem.UIDVALIDITY: box.uidvalidity,
        StatusItem.UNSEEN: box.unseen,
        StatusItem.HIGHESTMODSEQ: box.modseq,
        StatusItem.SIZE: box.octets,
        StatusItem.APPENDLIMIT: session.services.settings.limits.message_size,
        StatusItem.MAILBOXID: objectids.mailbox_id(box.uidvalidity),
    }
    if StatusItem.RECENT in items and box.recent < box.uidnext:
        store = session.services.store
        values[StatusItem.RECENT] = len(await store.read(messages.fetch, box.account_id, box.id, ("uid",), box.recent))
    if StatusItem.DELETED in items:
        values[StatusItem.DELETED] = await session.services.store.read(messages.count_deleted, box.id)
    if StatusItem.DELETED_STORAGE in items:
        values[StatusItem.DELETED_STORAGE] = await session.services.store.read(messages.deleted_octets, box.id)
    return [(item, values[item]) for item in items]
