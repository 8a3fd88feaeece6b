"""Searches that are kept up: what enters and leaves their results is told (RFC 5267 section 4.3, CONTEXT=SEARCH).

A context remembers the UIDs of its result in the requested order. When the session comes to a newer snapshot, the
messages that changed or came are tested again; the keys of a sort never change, so a message keeps its place among
the others. REMOVEFROM of what was expunged is told before EXPUNGE, ADDTO of what came after EXISTS, so that
message numbers are valid where they stand.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from imap.search.matcher import find, fixed
from imap.search.sort import sort_places
from imap.session.session import Session
from imap.session.snapshot import Difference
from imap.session.view import View
from imap.wire import codes
from imap.wire.fetch.fetch_items import Attribute, FetchItem
from imap.wire.responses import no
from imap.wire.search import search_results
from imap.wire.search.search_program import Returns, SearchReturn, SortKey
from imap.wire.search.search_results import Origin
from imap.wire.sets import ranges_of
from mailserver.model.errors import BadSyntax, Refused, Temporary
from mailserver.model.messages.criteria import STAR, And, Criterion, Older, Uids, Younger, walk

MAX_CONTEXTS = 16
MAX_SORTED = 4
"""Of one session; sorted ones cost more."""
MAX_UIDS = 500_000
"""UIDs that the contexts of one session remember, four octets each."""


@dataclass(slots=True)
class Context:
    """One search that is kept up."""

    origin: Origin
    criterion: Criterion
    """Without message numbers: those were evaluated when the command came (RFC 5267 section 4.3)."""
    keys: tuple[SortKey, ...]
    uids: "array[int]"
    """The result in its order."""
    everything: bool
    """A change of any message may move what others match: `*` is in it."""
    items: tuple[FetchItem, ...] = ()
    """What is told of new messages that come into the result (RFC 5465 section 7)."""


@dataclass(slots=True)
class Contexts:
    """Those of one selected mailbox, by tag."""

    by_tag: dict[str, Context] = field(default_factory=dict)
    wanted: dict[int, tuple[FetchItem, ...]] = field(default_factory=dict)
    """What is to be told of new messages, by UID."""

    def leave(self, view: View, gone: Iterable[int]) -> bytes:
        """REMOVEFROM of expunged messages, while the view still numbers them."""
        lost = set(gone)
        return b"".join([_removed(context, view, lost) for context in self.by_tag.values()]) if lost else b""

    async def catch_up(self, session: Session, difference: Difference) -> bytes:
        """What entered and left the results, when the view has come to its new snapshot."""
        snapshot = session.mailbox.view.snapshot
        places = [*difference.changed, *range(difference.known, len(snapshot))]
        if not places:
            return b""
        moved = array("I", [snapshot.uids[place] for place in places])
        new = frozenset(snapshot.uids[difference.known :])
        said: list[bytes] = []
        for tag, context in list(self.by_tag.items()):
            try:
                line, came = await _follow(session, context, snapshot.uids if context.everything else moved)
                said.append(line)
                if context.items:
                    self.wanted |= {uid: (*self.wanted.get(uid, ()), *context.items) for uid in came & new}
            except (Refused, Temporary):
                del self.by_tag[tag]
                said.append(refuse(tag, "The search can no longer be kept up"))
        return b"".join(said)

    def to_fetch(self) -> dict[int, tuple[FetchItem, ...]]:
        """What the searches want of new messages, by UID, since this was asked the last time."""
        wanted, self.wanted = self.wanted, {}
        return wanted


def check_tag(session: Session, returns: Returns | None) -> None:
    """Raises BadSyntax when a search with UPDATE has the tag of one that is being kept up (RFC 5267 section 4.3)."""
    wanted = returns is not None and SearchReturn.UPDATE in returns
    if wanted and session.selected is not None and session.tag in _by_tag(session):
        raise BadSyntax("Tag reuse")


def follow(
    session: Session,
    origin: Origin,
    criterion: Criterion,
    places: Sequence[int],
    keys: tuple[SortKey, ...] = (),
    items: tuple[FetchItem, ...] = (),
) -> bytes:
    """Keep a result up from now on, or say why not: NO [NOUPDATE] (RFC 5267 section 4.3.1)."""
    view = session.mailbox.view
    if any(isinstance(term, Older | Younger) for term in walk(criterion)):
        return refuse(origin.tag, "What depends on the time of day is not kept up")
    by_tag = _by_tag(session)
    held = list(by_tag.values())
    too_many = len(held) >= MAX_CONTEXTS or (keys and sum(bool(context.keys) for context in held) >= MAX_SORTED)
    if too_many or sum(len(context.uids) for context in held) + len(places) > MAX_UIDS:
        return refuse(origin.tag, "Too many contexts")
    stars = any(isinstance(term, Uids) and any(STAR in ends for ends in term.ranges) for term in walk(criterion))
    uids = array("I", [view.snapshot.uids[place] for place in places])
    by_tag[origin.tag] = Context(origin, fixed(view, criterion), keys, uids, stars, items)
    return session.enable_condstore() if Attribute.MODSEQ in items else b""


def cancel(session: Session, tags: Iterable[str]) -> bool:
    """Keep these up no longer; False, and nothing is done, when one of them is not."""
    known = _by_tag(session)
    wanted = set(tags)
    if not wanted <= known.keys():
        return False
    for tag in wanted:
        del known[tag]
    return True


def _by_tag(session: Session) -> dict[str, Context]:
    """The contexts of the selected mailbox."""
    selected = session.mailbox
    if not isinstance(selected.updates, Contexts):
        selected.updates = Contexts()
    return selected.updates.by_tag


def refuse(tag: str, why: str) -> bytes:
    """NO [NOUPDATE] (RFC 5267 section 4.3.1)."""
    return no(why, codes.no_update(tag)).encode()


async def _follow(session: Session, context: Context, moved: "array[int]") -> tuple[bytes, set[int]]:
    """What moved messages change in a result, and the UIDs of those that came into it."""
    view = session.mailbox.view
    snapshot = view.snapshot
    tested = And((Uids(tuple(ranges_of(moved))), context.criterion))
    matching = {snapshot.uids[place] for place in await find(session, tested)}
    known = set(context.uids)
    left = {uid for uid in moved if uid in known and uid not in matching}
    came = matching - known
    if not left and not came:
        return b"", came
    if not context.keys:
        said = _removed(context, view, left)
        context.uids = array("I", sorted({*context.uids, *came}))
        return said + search_results.added(
            context.origin, [(0, _names(context, view, sorted(came)))] if came else []
        ), came
    wanted = sorted((known - left) | came)
    places = array("I", [place for place in map(snapshot.index, wanted) if place is not None])
    order = array("I", [snapshot.uids[place] for place in await sort_places(session, places, context.keys)])
    there = set(order)
    said = _removed(context, view, known - there)
    came &= there
    runs = _runs(order, came)
    context.uids = order
    added = search_results.added(context.origin, [(place, _names(context, view, uids)) for place, uids in runs])
    return said + added, came


def _removed(context: Context, view: View, lost: set[int]) -> bytes:
    """Take messages out of a result; REMOVEFROM. Positions count down, so that each still holds when it is read."""
    lost = lost.intersection(context.uids)
    if not lost:
        return b""
    if context.keys:
        runs = _runs(context.uids, lost)[::-1]
    else:
        runs = [(0, sorted(lost))]
    context.uids = array("I", [uid for uid in context.uids if uid not in lost])
    return search_results.removed(context.origin, [(place, _names(context, view, uids)) for place, uids in runs])


def _runs(order: Sequence[int], chosen: set[int]) -> list[tuple[int, list[int]]]:
    """Where these stand in an order, counted from 1, neighbours together."""
    runs: list[tuple[int, list[int]]] = []
    for place, uid in enumerate(order, 1):
        if uid not in chosen:
            continue
        if runs and runs[-1][0] + len(runs[-1][1]) == place:
            runs[-1][1].append(uid)
        else:
            runs.append((place, [uid]))
    return runs


def _names(context: Context, view: View, uids: Sequence[int]) -> Sequence[int]:
    return uids if context.origin.by_uid else [view.number(uid) for uid in uids]
