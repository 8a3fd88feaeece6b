"""Messages in which a virus was found, held for IT. They share the stored content; deciding removes the row."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, delete, func, insert, select, update

from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.messages.authentication import NOT_CHECKED, AuthenticationResults
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.schema.mail.junk import infected
from mailserver.store.schema.mail.messages import content

MAX_WAITING = 10_000
MAX_OCTETS = 2 * 1024**3
"""Messages that are held, and what they weigh; more have to come again. They count for nobody's quota."""
BATCH = 50

collect.also_held_by(infected, infected.c.content_id)


@dataclass(frozen=True, slots=True)
class Infected:
    """A message about to be held."""

    name: str
    """The identifier told to whoever handed it over."""
    virus: str
    reverse_path: str
    recipients: tuple[str, ...]
    door: int
    expires: int
    results: AuthenticationResults = NOT_CHECKED
    untold: int = -1
    """The place of the first recipient who is told later; -1: none is."""
    require_tls: bool = False
    """It goes nowhere but over TLS (RFC 8689)."""
    found: str = ""
    """The results in words, for a seal of what is passed on."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that is held, with what IT must know of it."""

    id: int
    content_id: int
    name: str
    virus: str
    reverse_path: str
    recipients: tuple[str, ...]
    door: int
    authentication: int
    untold: int
    held: int
    expires: int
    sender: str
    subject: str
    size: int
    require_tls: int
    found: str


_ALL = select(
    *(infected.c.id, infected.c.content_id, infected.c.name, infected.c.virus, infected.c.reverse_path),
    *(infected.c.recipients, infected.c.door, infected.c.authentication, infected.c.untold),
    *(infected.c.held, infected.c.expires),
    *(content.c.sender, content.c.subject, content.c.size, infected.c.require_tls, infected.c.results),
).join_from(infected, content, content.c.id == infected.c.content_id)
_WEIGHT = Statement(
    select(func.count(), func.coalesce(func.sum(content.c.size), 0)).join_from(
        infected, content, content.c.id == infected.c.content_id
    )
)
_INSERT = Statement(
    insert(infected),
    keys=(
        "content_id",
        "name",
        "virus",
        "reverse_path",
        "recipients",
        "door",
        "authentication",
        "untold",
        "held",
        "expires",
        "require_tls",
        "results",
    ),
)
_TAKE = Statement(delete(infected).where(infected.c.id == bindparam("row")).returning(infected.c.content_id))


def hold(tx: Tx, content_id: int, one: Infected) -> None:
    """Keep a message for IT. Raises Temporary: too many are kept."""
    row = tx.one(_WEIGHT)
    if row is not None and (row[0] >= MAX_WAITING or row[1] >= MAX_OCTETS):
        raise Temporary("Too many infected messages are held")
    tx.run(
        _INSERT,
        content_id=content_id,
        name=one.name,
        virus=one.virus,
        reverse_path=one.reverse_path,
        recipients="\n".join(one.recipients),
        door=one.door,
        authentication=one.results.packed,
        untold=one.untold,
        held=tx.now,
        expires=one.expires,
        require_tls=int(one.require_tls),
        results=one.found,
    )


def waiting(tx: Tx, after: int = 0, limit: int = 500) -> list[Held]:
    """What is held, oldest first, with ids greater than `after`."""
    rows = tx.execute(_ALL.where(infected.c.id > after).order_by(infected.c.id).limit(limit))
    return [_held(tuple(row)) for row in rows]


def get(tx: Tx, held_id: int) -> Held | None:
    """One of them."""
    row = tx.execute(_ALL.where(infected.c.id == held_id)).first()
    return _held(tuple(row)) if row is not None else None


def expired(tx: Tx) -> list[Held]:
    """What was held long enough; at most BATCH."""
    rows = tx.execute(_ALL.where(infected.c.expires <= tx.now).order_by(infected.c.expires).limit(BATCH))
    return [_held(tuple(row)) for row in rows]


def partly_told(tx: Tx) -> list[Held]:
    """Messages some of whose recipients have not been told yet; at most BATCH."""
    rows = tx.execute(_ALL.where(infected.c.untold >= 0).order_by(infected.c.id).limit(BATCH))
    return [_held(tuple(row)) for row in rows]


def tell(tx: Tx, held: Held, untold: int) -> None:
    """More recipients are being told, up to this place. Raises Refused(CONFLICT): somebody else tells them."""
    as_read = (infected.c.id == held.id) & (infected.c.untold == held.untold)
    if not tx.execute(update(infected).where(as_read).values(untold=untold)).rowcount:
        raise Refused(Reason.CONFLICT, "another process tells them")


def take(tx: Tx, held_id: int) -> None:
    """Decide about a message: it is held no more. Raises Refused(NOT_FOUND): somebody was faster."""
    row = tx.one(_TAKE, row=held_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "this message is held no more: somebody has decided already")
    collect.note(tx, [int(row[0])])


def keep_for(tx: Tx, held: Held, recipients: Sequence[str]) -> None:
    """The others have got a message: it is held for these alone. Raises Refused(NOT_FOUND): somebody was faster."""
    as_read = (infected.c.id == held.id) & (infected.c.recipients == "\n".join(held.recipients))
    # Nobody is told twice a day: to begin anew costs nothing.
    anew = case((infected.c.untold >= 0, 0), else_=-1)
    if not tx.execute(update(infected).where(as_read).values(recipients="\n".join(recipients), untold=anew)).rowcount:
        raise Refused(Reason.NOT_FOUND, "somebody has decided about this message meanwhile")


def _held(row: Row) -> Held:
    number, content_id, name, virus, path, recipients, *rest = row
    return Held(number, content_id, name, virus, path, tuple(recipients.split("\n")), *rest)
