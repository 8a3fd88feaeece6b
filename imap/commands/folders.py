"""Commands about mailboxes: LIST, LSUB, STATUS, CREATE, DELETE, RENAME, SUBSCRIBE, NAMESPACE."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from imap.session import Session
from imap.wire import commands, responses
from imap.wire.codes import Code, CodeName
from imap.wire.commands import ListReturn, ListSelect, StatusItem
from imap.wire.patterns import Matcher, matcher
from imap.wire.responses import Reply, no, ok
from mailserver.errors import Reason, Refused
from mailserver.store import mailboxes, messages
from mailserver.store.mailboxes import SEPARATOR, Mailbox
from mailserver.store.transactions import Tx

Outputs = AsyncGenerator[bytes | Reply, None]


# ---------------------------------------------------------------------- making and removing


async def create(session: Session, command: commands.Create) -> Outputs:
    """RFC 3501 section 6.3.3; USE by RFC 6154 section 3."""
    unknown = [use for use in command.uses if use not in mailboxes.SPECIAL_USES]
    if unknown or len(command.uses) > 1:
        yield no("No such special use", Code(CodeName.USEATTR))
        return
    use = command.uses[0] if command.uses else ""
    try:
        await session.services.store.write(mailboxes.create, session.account_id, command.mailbox, use)
    except Refused as refusal:
        if use and refusal.reason is Reason.CANNOT:
            yield no(refusal.text, Code(CodeName.USEATTR))
            return
        raise
    yield ok("CREATE completed")


async def delete(session: Session, command: commands.Delete) -> Outputs:
    """RFC 3501 section 6.3.4. Whoever has it selected is told goodbye; this session only leaves it."""
    selected = session.selected
    box = await session.services.store.read(mailboxes.get, session.account_id, command.mailbox)
    if selected is not None and selected.shared.mailbox_id == box.id and box.name != mailboxes.INBOX:
        session.unselect()
    await session.services.store.write(mailboxes.remove, session.account_id, command.mailbox)
    yield ok("DELETE completed")


async def rename(session: Session, command: commands.Rename) -> Outputs:
    """RFC 3501 section 6.3.5."""
    await session.services.store.write(messages.rename, session.account_id, command.mailbox, command.new)
    yield ok("RENAME completed")


async def subscribe(session: Session, command: commands.Subscribe) -> Outputs:
    """RFC 3501 section 6.3.6; the mailbox need not exist."""
    await session.services.store.write(mailboxes.subscribe, session.account_id, command.mailbox, True)
    yield ok("SUBSCRIBE completed")


async def unsubscribe(session: Session, command: commands.Unsubscribe) -> Outputs:
    """RFC 3501 section 6.3.7."""
    await session.services.store.write(mailboxes.subscribe, session.account_id, command.mailbox, False)
    yield ok("UNSUBSCRIBE completed")


async def namespace(session: Session, command: commands.Namespace) -> Outputs:
    """RFC 2342: everything is personal and has no prefix."""
    yield responses.namespace()
    yield ok("NAMESPACE completed")


# ---------------------------------------------------------------------- listing


@dataclass(frozen=True, slots=True)
class _Tree:
    """The account's names: mailboxes, subscriptions, and the levels above them that are no mailboxes."""

    boxes: dict[str, Mailbox]
    subscribed: frozenset[str]
    parents: frozenset[str]
    """Names that have a mailbox below them."""

    @classmethod
    def read(cls, tx: Tx, account_id: int) -> "_Tree":
        boxes = {box.name: box for box in mailboxes.listing(tx, account_id)}
        subscribed = frozenset(mailboxes.subscriptions(tx, account_id))
        return cls(boxes, subscribed, frozenset(above for name in boxes for above in _above(name)))


def _above(name: str) -> Iterator[str]:
    """The levels above a name, nearest first."""
    while SEPARATOR in name:
        name = name.rpartition(SEPARATOR)[0]
        yield name


async def list_(session: Session, command: commands.List) -> Outputs:
    """RFC 3501 section 6.3.8; options of RFC 5258, RFC 5819 and RFC 6154."""
    if not command.extended and command.patterns == ("",):
        yield responses.separator_line()
        yield ok("LIST completed")
        return
    tree = await session.services.store.read(_Tree.read, session.account_id)
    matches = matcher(command.reference, command.patterns)
    for entry in _entries(tree, command, matches):
        yield responses.mailbox_line(
            entry.name, entry.attributes, subscribed_below=entry.subscribed_below, utf8=session.utf8
        )
        box = tree.boxes.get(entry.name)
        if command.status and box is not None:
            values = await _status_values(session, box, command.status)
            yield responses.status(entry.name, values, session.utf8)
    yield ok("LIST completed")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    attributes: list[str]
    subscribed_below: bool


def _entries(tree: _Tree, command: commands.List, matches: Matcher) -> Iterator[_Entry]:
    """The lines of a LIST, by name."""
    select = command.select
    recursive = ListSelect.RECURSIVEMATCH in select
    below = frozenset(above for name in tree.subscribed for above in _above(name)) if recursive else frozenset()
    for name in sorted(_candidates(tree, select, below)):
        if not matches(name):
            continue
        box = tree.boxes.get(name)
        if ListSelect.SPECIAL_USE in select and (box is None or not box.special_use):
            continue
        child_info = name in below
        if ListSelect.SUBSCRIBED in select and name not in tree.subscribed and not child_info:
            continue
        yield _Entry(name, _attributes(tree, command, name, box), child_info)


def _candidates(tree: _Tree, select: frozenset[ListSelect], below: frozenset[str]) -> Iterable[str]:
    if ListSelect.SUBSCRIBED in select:
        return tree.subscribed | below
    return tree.boxes.keys() | tree.parents


def _hidden_below(tree: _Tree, name: str, matches: Matcher) -> bool:
    """True when a subscribed name below this one is not shown itself."""
    prefix = name + SEPARATOR
    return any(child.startswith(prefix) and not matches(child) for child in tree.subscribed)


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
    tree = await session.services.store.read(_Tree.read, session.account_id)
    matches = matcher(command.reference, (command.pattern,))
    levels = {above for name in tree.subscribed for above in _above(name)} if "%" in command.pattern else set()
    for name in sorted(tree.subscribed | levels):
        if not matches(name):
            continue
        if name in tree.subscribed:
            box = tree.boxes.get(name)
            attributes: Sequence[str] = () if box is not None else ("\\Noselect",)
        elif _hidden_below(tree, name, matches):
            attributes = ("\\Noselect",)
        else:
            continue
        yield responses.mailbox_line(name, attributes, lsub=True, utf8=session.utf8)
    yield ok("LSUB completed")


# ---------------------------------------------------------------------- counting


async def status(session: Session, command: commands.Status) -> Outputs:
    """RFC 3501 section 6.3.10; HIGHESTMODSEQ by RFC 7162 section 3.1.7."""
    if StatusItem.HIGHESTMODSEQ in command.items:
        yield session.enable_condstore()
    box = await session.services.store.read(mailboxes.get, session.account_id, command.mailbox)
    yield responses.status(command.mailbox, await _status_values(session, box, command.items), session.utf8)
    yield ok("STATUS completed")


async def _status_values(session: Session, box: Mailbox, items: Sequence[StatusItem]) -> list[tuple[StatusItem, int]]:
    values = {
        StatusItem.MESSAGES: box.messages,
        StatusItem.RECENT: 0,
        StatusItem.UIDNEXT: box.uidnext,
        StatusItem.UIDVALIDITY: box.uidvalidity,
        StatusItem.UNSEEN: box.unseen,
        StatusItem.HIGHESTMODSEQ: box.modseq,
    }
    if StatusItem.RECENT in items and box.recent < box.uidnext:
        store = session.services.store
        values[StatusItem.RECENT] = len(await store.read(messages.fetch, box.account_id, box.id, ("uid",), box.recent))
    return [(item, values[item]) for item in items]
