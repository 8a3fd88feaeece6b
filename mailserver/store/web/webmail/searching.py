"""What a search found, newest first, for pages: a huge mailbox is searched piece by piece, the newest piece first.

Of what others share only the mailboxes that may be read now are searched, each by the index of whose it is.
These functions may take seconds: callers use `Store.read_slow`. After each piece they ask `enough`, and answer with
what there is when it says so; a later call goes on where that one ended.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import select

from mailserver.mime.body.structure import unpack
from mailserver.mime.body.text import body_text, fold
from mailserver.model.errors import Refused
from mailserver.model.messages.criteria import And, Criterion, Uids
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import Reach, Viewer
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.messages import blob, content, message
from mailserver.store.search import search
from mailserver.store.web.webmail.reading import _FIRST, _OLDER, Edge, Line, lines, pick

PIECE = 50_000
"""UIDs of one piece."""
FEW = 5000
"""Up to this many found messages are put in order by themselves; of more the mailbox's own order is followed."""
IN_LIST = 500
MAX_GROUPS = 60
"""Mailboxes where something was found, after which the rest is left for another search."""
EXCERPT_OCTETS = 256 * 1024
"""Of one message, where words are looked for to show what stands around them."""
MAX_EXCERPTS = 25

Enough = Callable[[], bool]


class Scope(Enum):
    """Which mailboxes are searched."""

    OWN = "own"
    OTHERS = "others"
    """Those that others share, and those of functional boxes."""
    EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Group:
    """What a search found in one mailbox."""

    box: Mailbox
    total: int
    lines: list[Line]
    """Some of them, newest first."""
    older: bool
    """There are more behind the last line."""
    reached: int
    """UIDs below this one were not searched; 0: all were."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    boxes: list[Mailbox]
    """One's own mailboxes."""
    shared: list[Reach]
    groups: list[Group]
    unsearched: list[Mailbox]
    """Mailboxes that there was no time for."""


def find_in(
    tx: Tx,
    viewer: Viewer,
    mailbox_id: int,
    criterion: Criterion,
    size: int,
    enough: Enough,
    *,
    folder: BlobFolder,
    before: Edge | None = None,
    below: int = 0,
) -> Found:
    """Search one mailbox; a page of `size` messages, the newest or those older than `before`.

    `below`: only UIDs below this one, where an earlier search ended. `folder`: of blobs. Raises
    Refused(NO_SUCH_MAILBOX | FORBIDDEN).
    """
    boxes, shared = mailboxes.listing(tx, viewer.account_id), access.listing(tx, viewer)
    owner, _ = access.require(tx, viewer, mailbox_id, "r")
    box = pick([*boxes, *(reach.box for reach in shared)], mailbox_id)
    uids, reached = _search(tx, owner, box, criterion, folder, below or box.uidnext, enough)
    return Found(boxes, shared, [_group(tx, box, uids, size, before, reached)], [])


def find(
    tx: Tx, viewer: Viewer, scope: Scope, criterion: Criterion, size: int, enough: Enough, *, folder: BlobFolder
) -> Found:
    """Search every mailbox of a scope; the `size` newest messages of each where something was found."""
    boxes, shared = mailboxes.listing(tx, viewer.account_id), access.listing(tx, viewer)
    places: dict[int, list[Mailbox]] = {}
    for box in boxes if scope is not Scope.OTHERS else ():
        places.setdefault(viewer.account_id, []).append(box)
    for reach in shared if scope is not Scope.OWN else ():
        if "r" in reach.rights:
            places.setdefault(reach.box.account_id, []).append(reach.box)
    groups: list[Group] = []
    unsearched: list[Mailbox] = []
    for owner, theirs in places.items():
        full = sorted((box for box in theirs if box.messages), key=lambda box: box.name != mailboxes.INBOX)
        if sum(box.messages for box in full) > PIECE:
            units = [[box] for box in full]
        else:
            units = [full] if full else []
        for unit in units:
            if groups and (enough() or sum(group.total > 0 for group in groups) >= MAX_GROUPS):
                unsearched.extend(unit)
                continue
            groups.extend(_groups(tx, owner, unit, criterion, size, enough, folder))
    return Found(boxes, shared, [group for group in groups if group.total or group.reached], unsearched)


def _groups(
    tx: Tx, owner: int, unit: Sequence[Mailbox], criterion: Criterion, size: int, enough: Enough, folder: BlobFolder
) -> list[Group]:
    """What was found in mailboxes of one account: several small ones at once, or one of any size."""
    if len(unit) == 1:
        uids, reached = _search(tx, owner, unit[0], criterion, folder, unit[0].uidnext, enough)
        return [_group(tx, unit[0], uids, size, None, reached)]
    found = search.among(tx, owner, unit, criterion, folder)
    return [_group(tx, box, found[box.id], size, None, 0) for box in unit]


def _search(
    tx: Tx, account_id: int, box: Mailbox, criterion: Criterion, folder: BlobFolder, below: int, enough: Enough
) -> tuple[list[int], int]:
    """UIDs that were found, and the UID below which nothing was searched."""
    if box.messages <= PIECE and below >= box.uidnext:
        return search.among(tx, account_id, [box], criterion, folder)[box.id], 0
    found: list[int] = []
    while below > 1:
        low = max(1, below - PIECE)
        piece = And((Uids(((low, below - 1),)), criterion))
        found += search.among(tx, account_id, [box], piece, folder)[box.id]
        below = low
        if enough():
            break
    return found, below if below > 1 else 0


def _group(tx: Tx, box: Mailbox, uids: Sequence[int], size: int, before: Edge | None, reached: int) -> Group:
    edges = _few(tx, box.id, uids, before) if len(uids) <= FEW else _many(tx, box.id, uids, before, size + 1)
    page = [edge.uid for edge in edges[:size]]
    return Group(box, len(uids), lines(tx, box.id, page), len(edges) > size, reached)


def _few(tx: Tx, mailbox_id: int, uids: Sequence[int], before: Edge | None) -> list[Edge]:
    """Found messages in order, those older than an edge."""
    edges: list[Edge] = []
    for start in range(0, len(uids), IN_LIST):
        rows = tx.execute(
            select(message.c.internal_date, message.c.uid).where(
                message.c.mailbox_id == mailbox_id, message.c.uid.in_(uids[start : start + IN_LIST])
            )
        )
        edges.extend(Edge(row.internal_date, row.uid) for row in rows)
    edges.sort(key=_order, reverse=True)
    return [edge for edge in edges if before is None or _order(edge) < _order(before)]


def _many(tx: Tx, mailbox_id: int, uids: Iterable[int], before: Edge | None, top: int) -> list[Edge]:
    """The first `top` of many found messages, by going through the mailbox from the newest on."""
    wanted, edges, edge = set(uids), list[Edge](), before
    while len(edges) < top:
        if edge is None:
            rows = tx.all(_FIRST, box=mailbox_id, top=FEW)
        else:
            rows = tx.all(_OLDER, box=mailbox_id, date=edge.date, edge=edge.uid, top=FEW)
        if not rows:
            break
        edges.extend(Edge(date, uid) for date, uid in rows if uid in wanted)
        edge = Edge(*rows[-1])
    return edges[:top]


def _order(edge: Edge) -> tuple[int, int]:
    return edge.date, edge.uid


# ---------------------------------------------------------------------- what stands around the words


def excerpts(
    tx: Tx, viewer: Viewer, shown: Sequence[Line], words: Sequence[str], around: int, *, folder: BlobFolder
) -> dict[int, str]:
    """For messages whose subject and preview have none of the words: the text around the first that its body has.

    Content id -> `around` characters before the word and after it. A bounded number of messages is looked at, and
    the beginning of each.
    """
    folded = [fold(word).strip() for word in words]
    folded = [word for word in folded if word]
    hidden = [line for line in shown if not any(word in fold(f"{line.subject}\n{line.preview}") for word in folded)]
    owners = _owners(tx, viewer, {line.mailbox_id for line in hidden}) if folded else {}
    ids = [line.id for line in hidden if line.mailbox_id in owners and _is_there(tx, owners[line.mailbox_id], line)]
    ids = ids[:MAX_EXCERPTS]
    if not ids:
        return {}
    rows = tx.execute(
        select(content.c.id, content.c.parts, blob.c.header, blob.c.octets, blob.c.file)
        .join(blob, blob.c.content_id == content.c.id)
        .where(content.c.id.in_(ids))
    )
    found = {}
    for row in rows:
        octets = messages.join_octets(folder, row.header, row.octets, row.file)[:EXCERPT_OCTETS]
        text = " ".join(body_text(octets, unpack(row.parts)).split())
        if cut := _cut(text, folded, around):
            found[int(row.id)] = cut
    return found


def _owners(tx: Tx, viewer: Viewer, mailbox_ids: Iterable[int]) -> dict[int, int]:
    """The mailboxes among these that somebody may read, with whose they are."""
    found = {}
    for mailbox_id in mailbox_ids:
        with suppress(Refused):
            found[mailbox_id], _ = access.require(tx, viewer, mailbox_id, "r")
    return found


def _is_there(tx: Tx, owner: int, line: Line) -> bool:
    return any(mailbox_id == line.mailbox_id for mailbox_id, _ in messages.find(tx, owner, line.id))


def _cut(text: str, folded: Sequence[str], around: int) -> str:
    """The text around the first word. Folding changes lengths: the place is looked for again near where it is."""
    whole = fold(text)
    places = [place for place in (whole.find(word) for word in folded) if place >= 0]
    if not places:
        return ""
    place = min(places) * len(text) // max(len(whole), 1)
    start, end = max(0, place - around), min(len(text), place + around)
    return f"{'… ' if start else ''}{text[start:end].strip()}{' …' if end < len(text) else ''}"
