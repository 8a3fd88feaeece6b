"""Messages to moderated lists that wait for an owner. They share the stored content; deciding removes the row."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, select

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population
from mailserver.model.messages.authentication import NOT_CHECKED, AuthenticationResults
from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.people.rosters import held_key, held_message, mailing_list

MAX_WAITING = 500
MAX_OCTETS = 512 * 1024**2
"""Messages that one list holds, and what they weigh; what is more is refused. They count for nobody's quota, and
whoever wrote them may be anybody."""
BATCH = 50

collect.also_held_by(held_message, held_message.c.content_id)


class Full(Refused):
    """A list holds as many messages as it may."""

    def __init__(self, name: str) -> None:
        super().__init__(Reason.LIMIT, f"{name}: too many messages wait for this list's owners")
        self.list = name


@dataclass(frozen=True, slots=True)
class Owner:
    """Who was told of a message that waits."""

    account_id: int = 0
    """A person's or a functional box's; 0: somebody elsewhere."""
    address: str = ""
    """Of somebody elsewhere."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A message about to wait."""

    list: str
    reverse_path: str
    account_id: int
    population: Population
    expires: int
    keys: tuple[tuple[bytes, Owner], ...] = ()
    """What each owner's link carries, as the store keeps it."""
    door: Door = Door.UNKNOWN
    results: AuthenticationResults = NOT_CHECKED
    name: str = ""
    """The identifier told to whoever handed it over."""
    require_tls: bool = False
    """It goes nowhere but over TLS (RFC 8689)."""
    found: str = ""
    """The results in words, for a seal of what is passed on."""
    cleared: bool = False
    """Its author lets go what it gives away to people outside."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits, with what an owner must know of it."""

    id: int
    list: str
    list_name: str
    content_id: int
    reverse_path: str
    account_id: int
    population: Population
    door: int
    """Which door took it (`mailserver.model.messages.provenance`)."""
    authentication: int
    held: int
    expires: int
    name: str
    sender: str
    subject: str
    preview: str
    size: int
    require_tls: int
    found: str
    cleared: int


_COLUMNS = (
    *(held_message.c.id, held_message.c.list, mailing_list.c.name, held_message.c.content_id),
    *(held_message.c.reverse_path, held_message.c.account_id, held_message.c.population, held_message.c.door),
    *(held_message.c.authentication, held_message.c.held, held_message.c.expires),
    held_message.c.name,
    *(content.c.sender, content.c.subject, content.c.preview, content.c.size),
    held_message.c.require_tls,
    held_message.c.results,
    held_message.c.cleared,
)
_ALL = (
    select(*_COLUMNS)
    .join_from(held_message, content, content.c.id == held_message.c.content_id)
    .join(mailing_list, mailing_list.c.address == held_message.c.list)
)
_INSERT = Statement(
    insert(held_message).returning(held_message.c.id),
    keys=(
        "list",
        "content_id",
        "reverse_path",
        "account_id",
        "population",
        "door",
        "authentication",
        "held",
        "expires",
        "name",
        "require_tls",
        "results",
        "cleared",
    ),
)
_INSERT_KEY = Statement(insert(held_key), keys=("token", "held_id", "owner_account", "owner"))
_LOCK = Statement(
    select(mailing_list.c.address).where(mailing_list.c.address == bindparam("list")).with_for_update(key_share=True)
)
_WEIGHT = Statement(
    select(func.count(), func.coalesce(func.sum(content.c.size), 0))
    .join_from(held_message, content, content.c.id == held_message.c.content_id)
    .where(held_message.c.list == bindparam("list"))
)
_TAKE = Statement(
    delete(held_message).where(held_message.c.id == bindparam("row")).returning(held_message.c.content_id)
)


def lock(tx: Tx, lists: Sequence[str]) -> None:
    """Only this unit adds to what waits for these lists' owners until its commit; SQLite has one writer. A unit that
    puts messages into mailboxes, too, locks lists first."""
    if tx.dialect == "postgresql":
        for address in sorted(lists):
            tx.one(_LOCK, list=address)


def hold(tx: Tx, content_id: int, wanted: Hold) -> int:
    """Keep a message for a list's owners; how many waited already. Raises Full."""
    lock(tx, [wanted.list])
    row = tx.one(_WEIGHT, list=wanted.list)
    waiting, octets = map(int, row) if row is not None else (0, 0)
    if waiting >= MAX_WAITING or octets >= MAX_OCTETS:
        raise Full(wanted.list)
    inserted = tx.one(
        _INSERT,
        list=wanted.list,
        content_id=content_id,
        reverse_path=wanted.reverse_path,
        account_id=wanted.account_id,
        population=wanted.population.value,
        door=int(wanted.door),
        authentication=wanted.results.packed,
        held=tx.now,
        expires=wanted.expires,
        name=wanted.name,
        require_tls=int(wanted.require_tls),
        results=wanted.found,
        cleared=int(wanted.cleared),
    )
    assert inserted is not None
    keys = [
        {"token": token, "held_id": inserted[0], "owner_account": owner.account_id, "owner": owner.address}
        for token, owner in wanted.keys
    ]
    if keys:
        tx.many(_INSERT_KEY, keys)
    return waiting


def waiting(tx: Tx, lists: Sequence[str] | None = None) -> list[Held]:
    """What waits, oldest first: of these lists, or (None) of all."""
    wanted = _ALL if lists is None else _ALL.where(held_message.c.list.in_(lists))
    return [_held(tuple(row)) for row in tx.execute(wanted.order_by(held_message.c.id))]


def get(tx: Tx, held_id: int) -> Held | None:
    """One of them."""
    row = tx.execute(_ALL.where(held_message.c.id == held_id)).first()
    return _held(tuple(row)) if row is not None else None


def by_token(tx: Tx, token: bytes) -> tuple[Held, Owner] | None:
    """What the link in an owner's mail leads to, and whose it is."""
    row = tx.execute(select(held_key).where(held_key.c.token == token)).first()
    found = get(tx, row.held_id) if row is not None else None
    return (found, Owner(row.owner_account, row.owner)) if row is not None and found is not None else None


def expired(tx: Tx) -> list[Held]:
    """What has waited too long; at most BATCH."""
    rows = tx.execute(_ALL.where(held_message.c.expires <= tx.now).order_by(held_message.c.expires).limit(BATCH))
    return [_held(tuple(row)) for row in rows]


def take(tx: Tx, held_id: int) -> int:
    """Decide about a message: it waits no more. Its content. Raises Refused(NOT_FOUND): somebody was faster."""
    tx.execute(delete(held_key).where(held_key.c.held_id == held_id))
    row = tx.one(_TAKE, row=held_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "this message waits no more: somebody has decided already")
    collect.note(tx, [int(row[0])])
    return int(row[0])


def drop(tx: Tx, name: str, account_id: int) -> int:
    """Let go of a message that its author takes back, in every list where it waits; how many."""
    return len(clear(tx, and_(held_message.c.account_id == account_id, held_message.c.name == name)))


def remove(tx: Tx, condition: ColumnElement[bool]) -> list[Held]:
    """`clear`, and which they were."""
    seen = [tuple(row) for row in tx.execute(_ALL.where(condition).order_by(held_message.c.id))]
    gone = clear(tx, condition)
    return [_held(row) for row in seen if row[0] in gone]


def clear(tx: Tx, condition: ColumnElement[bool]) -> set[int]:
    """Let go of the messages for which a condition holds, with their links; their numbers. What an owner decided about
    meanwhile is none of them."""
    # Links first, as `take` does: on PostgreSQL who decides at this moment is waited for here.
    mine = select(held_message.c.id).where(condition)
    tx.execute(delete(held_key).where(held_key.c.held_id.in_(mine)))
    rows = tx.execute(delete(held_message).where(condition).returning(held_message.c.id, held_message.c.content_id))
    gone = {int(number): int(content_id) for number, content_id in map(tuple, rows)}
    collect.note(tx, list(gone.values()))
    return set(gone)


def _held(row: tuple[object, ...]) -> Held:
    number, address, name, content_id, path, account_id, population, *rest = row
    return Held(number, address, name, content_id, path, account_id, Population(str(population)), *rest)  # type: ignore[arg-type]
