"""What became of attempts is put down: of one, or of many that another server took whole, by a few statements."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, delete, exists, select, update

from mailserver.store.engine.given_rows import given_rows, packed
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.queue.spool.rows import BRAKED, NEWS, NOBODY, Leased, errors
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient
from mailserver.texts.causes import NOTHING, Cause

_RELEASE = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .values(
        due=bindparam("until"),
        lease=0,
        attempts=queued_domain.c.attempts - bindparam("uncounted", type_=BigInteger),
        warned=bindparam("warned_"),
        **{column: bindparam(f"{column}_") for column in errors(BRAKED)},
    )
)
_DELETE_RECIPIENT = Statement(delete(queued_recipient).where(queued_recipient.c.id == bindparam("row")))
_HELD = Statement(
    select(queued_domain.c.queued_id)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .with_for_update()
)


@dataclass(frozen=True, slots=True)
class _Whole:
    """The statements of `settle_whole` on one engine. Each is given rows of numbers, and is about all of them."""

    held: Statement
    lock: Statement
    recipients: Statement
    domains: Statement
    messages: Statement


def _whole(dialect: str) -> _Whole:
    pairs, numbers = given_rows(dialect, "row", "token"), select(given_rows(dialect, "number").c.number)
    held = select(queued_domain.c.id, queued_domain.c.queued_id).join(pairs, pairs.c.row == queued_domain.c.id)
    is_left = exists(select(queued_domain.c.id).where(queued_domain.c.queued_id == queued.c.id).correlate(queued))
    return _Whole(
        Statement(
            held.where(queued_domain.c.lease == pairs.c.token)
            .order_by(queued_domain.c.id)
            .with_for_update(of=queued_domain)
        ),
        Statement(select(queued.c.id).where(queued.c.id.in_(numbers)).order_by(queued.c.id).with_for_update()),
        Statement(delete(queued_recipient).where(queued_recipient.c.domain_id.in_(numbers))),
        Statement(delete(queued_domain).where(queued_domain.c.id.in_(numbers))),
        Statement(delete(queued).where(queued.c.id.in_(numbers), ~is_left).returning(queued.c.content_id)),
    )


_WHOLE = {dialect: _whole(dialect) for dialect in ("sqlite", "postgresql")}


def settle(
    tx: Tx,
    row: Leased,
    settled: Sequence[int],
    *,
    due: int = 0,
    error: Cause = NOTHING,
    warned: bool = False,
    counts: bool = True,
) -> bool:
    """Record what became of an attempt: recipients whose fate is known, and when to try the others; whether it counts
    as one. Other relays know at once of what is left by one that does not.

    Returns False, changing nothing, when the lease was lost.
    """
    is_over = {addressee.id for addressee in row.recipients} <= set(settled)
    if is_over:
        return bool(settle_whole(tx, [row]))
    if tx.one(_HELD, row=row.id, token=row.lease) is None:
        return False
    for number in settled:
        tx.run(_DELETE_RECIPIENT, row=number)
    said = {f"{column}_": value for column, value in errors(error).items()}
    tx.run(_RELEASE, row=row.id, token=row.lease, until=due, uncounted=int(not counts), warned_=int(warned), **said)
    if not counts:
        tx.changed(NOBODY, NEWS)
    return True


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A row of which a relay could not put down who has the message before it stopped."""

    id: int
    lease: int
    recipients: tuple[int, ...]
    """Those whose servers have it."""


@dataclass(frozen=True, slots=True)
class TakenUp:
    """What such a row was about."""

    name: str
    reverse_path: str
    account_id: int
    addresses: tuple[str, ...]


def settle_left_behind(tx: Tx, row: LeftBehind) -> TakenUp | None:
    """Nobody who has the message gets it again; the others are due at once. None, changing nothing: the lease was lost,
    or it was put down after all."""
    whose = select(queued.c.name, queued.c.reverse_path, queued.c.account_id)
    whose = whose.join(queued_domain, queued_domain.c.queued_id == queued.c.id)
    mine = queued_domain.c.id == row.id, queued_domain.c.lease == row.lease
    found = tx.execute(whose.where(*mine).with_for_update(of=queued_domain)).first()
    if found is None:
        return None
    all_of_it = select(queued_recipient.c.id, queued_recipient.c.address)
    waiting = {one.id: one.address for one in tx.execute(all_of_it.where(queued_recipient.c.domain_id == row.id))}
    taken = [number for number in row.recipients if number in waiting]
    if len(taken) == len(waiting):
        settle_whole(tx, [row])
    else:
        tx.execute(delete(queued_recipient).where(queued_recipient.c.id.in_(taken)))
        tx.execute(update(queued_domain).where(*mine).values(lease=0, due=tx.now))
        tx.changed(NOBODY, NEWS)
    return TakenUp(found.name, found.reverse_path, found.account_id, tuple(waiting[number] for number in taken))


def settle_whole(tx: Tx, rows: Sequence[Leased | LeftBehind]) -> set[int]:
    """`settle` for rows whose recipients are all done with; the ids of those whose lease was not lost. The others stay
    as they are.

    As many statements as one row takes: after each of them the writer's thread has to wait for the interpreter, which
    others use, and everybody waits for the writer.
    """
    of = _WHOLE[tx.dialect]
    held = tx.all(of.held, given=packed((row.id, row.lease) for row in rows))
    if not held:
        return set()
    domains = packed((row,) for row, _ in held)
    messages = packed((message,) for message in dict.fromkeys(message for _, message in held))
    if tx.dialect != "sqlite":  # two workers that settle the last two domains of one message must see each other
        tx.all(of.lock, given=messages)
    tx.run(of.recipients, given=domains)
    tx.run(of.domains, given=domains)
    collect.note(tx, [content_id for (content_id,) in tx.all(of.messages, given=messages)])
    return {row for row, _ in held}
