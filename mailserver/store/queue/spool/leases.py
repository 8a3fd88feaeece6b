"""Work on the queue: take a row for a while, keep it, give it back, settle it."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, bindparam, delete, func, select, update

from mailserver.store.account import rules, secured
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import messages
from mailserver.store.octets.files import BlobFolder
from mailserver.store.queue.spool.operating import HELD_UNTIL
from mailserver.store.queue.spool.rows import (
    BRAKED,
    GIVEN_UP,
    HELD,
    RECIPIENTS,
    Addressee,
    Leased,
    Notify,
    Signing,
    errors,
    remove,
)
from mailserver.store.schema.mail import blob
from mailserver.store.schema.spool import queued, queued_domain, queued_recipient
from mailserver.texts import causes
from mailserver.texts.causes import NOTHING, Cause

LEASE = 15
"""Seconds a lease lasts unless renewed: as long as mail waits for a worker that was killed while sending it."""
HOLD = 600
"""Seconds after which a held row looks again."""
_NEXT_DUE = Statement(select(func.min(queued_domain.c.due)))
_DUE = Statement(
    select(
        *(queued_domain.c.id, queued_domain.c.due, queued.c.population, queued.c.account_id, queued.c.created),
        queued_domain.c.error_code,
    )
    .join(queued, queued.c.id == queued_domain.c.queued_id)
    .where(queued_domain.c.due <= bindparam("now", type_=BigInteger))
    .order_by(queued_domain.c.due, queued_domain.c.id)
    .limit(bindparam("top", type_=BigInteger))
    .with_for_update(skip_locked=True, of=queued_domain)  # PostgreSQL: workers that come together share the work
)
_HOLD = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.due == bindparam("seen"))
    .values(due=bindparam("until"), lease=0, **errors(BRAKED))
)
_STOP = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.due == bindparam("seen"))
    .values(due=HELD_UNTIL, lease=0, **errors(HELD))
)
_MESSAGE = select(queued_domain.c.queued_id).where(queued_domain.c.id == bindparam("row"))
_PROLONG = Statement(
    update(queued)
    .where(queued.c.id.in_(_MESSAGE))
    .values(expires=queued.c.expires + bindparam("longer", type_=BigInteger))
)
_TAKE = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.due == bindparam("seen"))
    .values(due=bindparam("until"), lease=bindparam("token"), attempts=queued_domain.c.attempts + 1)
)
_LEASED = Statement(
    select(
        queued_domain.c.id,
        queued_domain.c.lease,
        queued.c.id,
        queued_domain.c.domain,
        queued_domain.c.attempts,
        queued_domain.c.warned,
        queued.c.name,
        queued.c.content_id,
        queued.c.account_id,
        queued.c.reverse_path,
        queued.c.ret,
        queued.c.envid,
        queued.c.utf8,
        queued.c.created,
        queued.c.expires,
        queued.c.signing,
        queued.c.results,
        queued_domain.c.error_code,
        queued_domain.c.error_parameters,
    )
    .join(queued, queued.c.id == queued_domain.c.queued_id)
    .where(queued_domain.c.id == bindparam("row"))
)
_RENEW = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .values(due=bindparam("until"))
)
_GIVE_BACK = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .values(due=bindparam("now"), lease=0, attempts=queued_domain.c.attempts - 1)
)
_RELEASE = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .values(
        due=bindparam("until"),
        lease=0,
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
_BLOB = Statement(select(blob.c.header, blob.c.octets, blob.c.file).where(blob.c.content_id == bindparam("content")))


def next_due(tx: Tx) -> int | None:
    """When the queue wants work next; None when it is empty."""
    row = tx.one(_NEXT_DUE)
    return None if row is None or row[0] is None else int(row[0])


def lease(tx: Tx, limit: int, seconds: int = LEASE) -> list[Leased]:
    """Take up to `limit` due rows for this worker and so many seconds. Two workers never get the same row.

    What a population on the brake has sent is put off instead, and lives as much longer. What was being sent when its
    account was secured is held.
    """
    now = tx.now
    taken = []
    braked = {brake.population.value: brake for brake in rules.brakes(tx)}
    stopped = secured.moments(tx)
    for number, due, population, account_id, created, code in tx.all(_DUE, now=now, top=limit):
        # What was given up leaves no more: nothing holds its report back.
        given_up = code == GIVEN_UP
        if (
            not given_up
            and account_id in stopped
            and secured.hold_back(tx, stopped[account_id], account_id, number, created)
        ):
            tx.run(_STOP, row=number, seen=due)
            continue
        brake = None if given_up else braked.get(population)
        if brake is not None:
            _hold(tx, number, due, brake.until)
            continue
        token = int.from_bytes(tx.clock.token(6), "big") or 1
        if tx.run(_TAKE, row=number, seen=due, until=now + seconds, token=token):
            taken.append(_leased(tx, number))
    return taken


def _hold(tx: Tx, number: int, seen: int, until: int) -> None:
    again = min(until, tx.now + HOLD) if until else tx.now + HOLD
    if tx.run(_HOLD, row=number, seen=seen, until=again):
        tx.run(_PROLONG, row=number, longer=again - tx.now)


def _leased(tx: Tx, number: int) -> Leased:
    row = tx.one(_LEASED, row=number)
    assert row is not None
    identity, token, queued_id, domain, attempts, warned, name, content, *rest, code, parameters = row
    account, path, ret, envid, utf8, at, end, signing, found = rest
    recipients = tuple(
        Addressee(place, address, Notify(notify), orcpt)
        for place, address, notify, orcpt in tx.all(RECIPIENTS, row=number)
    )
    return Leased(
        id=identity,
        lease=token,
        queued_id=queued_id,
        domain=domain,
        attempts=attempts,
        warned=bool(warned),
        name=name,
        content_id=content,
        account_id=account,
        reverse_path=path,
        ret=ret,
        envid=envid,
        utf8=bool(utf8),
        created=at,
        expires=end,
        signing=Signing(signing),
        results=found,
        recipients=recipients,
        given_up=_said_before(parameters) if code == GIVEN_UP else None,
    )


def _said_before(parameters: str) -> Cause:
    said = causes.of_row(GIVEN_UP, parameters).values.get("said")
    return said if isinstance(said, Cause) else NOTHING


def renew(tx: Tx, leases: Sequence[tuple[int, int]], seconds: int = LEASE) -> list[int]:
    """Let leases, given as (row, lease), that are still held last so many seconds from now; which ones."""
    return [token for row, token in leases if tx.run(_RENEW, row=row, token=token, until=tx.now + seconds)]


def give_back(tx: Tx, leases: Sequence[tuple[int, int]]) -> None:
    """End leases without a result: the rows are due again at once, the attempt does not count."""
    for row, token in leases:
        tx.run(_GIVE_BACK, row=row, token=token, now=tx.now)


def octets(tx: Tx, content_id: int, folder: BlobFolder) -> bytes:
    """The stored message."""
    row = tx.one(_BLOB, content=content_id)
    assert row is not None, "a queued message holds its content"
    return messages.join_octets(folder, *row)


def settle(
    tx: Tx,
    row: Leased,
    settled: Sequence[int],
    *,
    due: int = 0,
    error: Cause = NOTHING,
    warned: bool = False,
) -> bool:
    """Record what became of an attempt: recipients whose fate is known, and when to try the others.

    Returns False, changing nothing, when the lease was lost.
    """
    if tx.one(_HELD, row=row.id, token=row.lease) is None:
        return False
    for number in settled:
        tx.run(_DELETE_RECIPIENT, row=number)
    if {addressee.id for addressee in row.recipients} <= set(settled):
        remove(tx, [row.id])
    else:
        said = {f"{column}_": value for column, value in errors(error).items()}
        tx.run(_RELEASE, row=row.id, token=row.lease, until=due, warned_=int(warned), **said)
    return True
