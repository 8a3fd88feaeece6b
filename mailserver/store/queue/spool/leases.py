"""Work on the queue: take a row for a while, keep it, give it back."""

import contextlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, func, select, update

from mailserver.model.errors import Damaged
from mailserver.model.rules.decisions import Brake
from mailserver.store.account import rules, secured
from mailserver.store.engine.given_rows import given_rows, packed
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.mail import messages
from mailserver.store.octets.files import BlobFolder
from mailserver.store.queue.spool.operating import HELD_UNTIL
from mailserver.store.queue.spool.rows import (
    BRAKED,
    GIVEN_UP,
    HELD,
    LEASE,
    NEWS,
    NOBODY,
    Addressee,
    Leased,
    Notify,
    Signing,
    errors,
)
from mailserver.store.schema.mail.messages import blob, content
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient
from mailserver.texts import causes
from mailserver.texts.causes import NOTHING, Cause

HOLD = 600
"""Seconds after which a held row looks again."""
HEAD = 200
"""Of the rows that are due, so many are looked at for their destinations."""
MOST_PUT_OFF = 1000
"""Rows of one unit."""
_NEXT_DUE = Statement(select(func.min(queued_domain.c.due)))
_DUE = Statement(
    select(
        *(queued_domain.c.id, queued_domain.c.due, queued.c.population, queued_domain.c.error_code),
        queued_domain.c.error_parameters,
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
        queued.c.require_tls,
        content.c.size,
    )
    .join(queued, queued.c.id == queued_domain.c.queued_id)
    .join(content, content.c.id == queued.c.content_id)
    .where(queued_domain.c.domain == bindparam("wanted"), queued_domain.c.due <= bindparam("now", type_=BigInteger))
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
_RECIPIENTS = ManyStatement(
    select(
        *(queued_recipient.c.domain_id, queued_recipient.c.id, queued_recipient.c.address),
        *(queued_recipient.c.notify, queued_recipient.c.orcpt),
    ).order_by(queued_recipient.c.id),
    queued_recipient.c.domain_id,
)


@dataclass(frozen=True, slots=True)
class _Together:
    """What is done to many rows by one statement, given their ids and leases, on one engine."""

    take: Statement
    renew: Statement
    give_back: Statement


def _together(dialect: str) -> _Together:
    given = given_rows(dialect, "row", "token")
    row = update(queued_domain).where(queued_domain.c.id == given.c.row)
    held = row.where(queued_domain.c.lease == given.c.token)
    until, attempts = bindparam("until", type_=BigInteger), queued_domain.c.attempts
    return _Together(
        Statement(row.values(due=until, lease=given.c.token, attempts=attempts + 1)),
        Statement(held.values(due=until).returning(queued_domain.c.lease)),
        Statement(held.values(due=until, lease=0, attempts=attempts - 1)),
    )


_TOGETHER = {dialect: _together(dialect) for dialect in ("sqlite", "postgresql")}
_SMALL = ManyStatement(
    select(blob.c.content_id, blob.c.header, blob.c.octets)
    .join(content, content.c.id == blob.c.content_id)
    .where(blob.c.file.is_(None), content.c.size <= bindparam("most", type_=BigInteger)),
    blob.c.content_id,
)
_BLOB = Statement(select(blob.c.header, blob.c.octets, blob.c.file).where(blob.c.content_id == bindparam("content")))


def next_due(tx: Tx) -> int | None:
    """When the queue wants work next; None when it is empty."""
    row = tx.one(_NEXT_DUE)
    return None if row is None or row[0] is None else int(row[0])


def lease(
    tx: Tx,
    limit: int,
    seconds: int = LEASE,
    *,
    share: int = HEAD,
    first_share: int | None = None,
    proven: Collection[str] = (),
    first: Sequence[str] = (),
    without: Sequence[str] = (),
) -> list[Leased]:
    """Take up to `limit` due rows for this worker and so many seconds, up to `share` of a domain (`first_share`: of one
    that is not `proven`), and none of the domains of `without`. Domains come in the order of what has waited longest,
    after those of `first`, and their rows together. Two workers never get the same row.

    What a population on the brake has sent is put off instead, and lives as much longer. What was being sent when its
    account was secured is held.
    """
    now = tx.now
    taken: list[Leased] = []
    braked = {brake.population.value: brake for brake in rules.brakes(tx)}
    stopped = secured.moments(tx)
    for one in braked.values():
        _hold_due(tx, one, without)
    for domain in dict.fromkeys((*(one for one in first if one not in without), *_due_domains(tx, without))):
        if len(taken) >= limit:
            break
        most = share if first_share is None or domain in proven else first_share
        top = min(most, limit - len(taken))
        for row in tx.all(_DUE, wanted=domain, now=now, top=top):
            number, due, population = row[:3]
            leased = _leased(row, int.from_bytes(tx.clock.token(6), "big") or 1)
            # What was given up leaves no more: nothing holds its report back.
            given_up = leased.given_up is not None
            account_id = leased.account_id
            is_stopped = account_id in stopped and not given_up
            if is_stopped and secured.hold_back(tx, stopped[account_id], account_id, number, leased.created):
                tx.run(_STOP, row=number, seen=due)
                continue
            brake = None if given_up else braked.get(population)
            if brake is not None:
                _hold(tx, number, due, brake.until)
                continue
            taken.append(leased)
    if not taken:
        return []
    # Their rows are locked, or there is no other writer: nobody has taken one meanwhile.
    tx.run(_TOGETHER[tx.dialect].take, until=now + seconds, given=packed(sorted((one.id, one.lease) for one in taken)))
    recipients: dict[int, list[Addressee]] = {}
    for number, place, address, notify, orcpt in _RECIPIENTS.rows(tx, [one.id for one in taken]):
        recipients.setdefault(number, []).append(Addressee(place, address, Notify(notify), orcpt))
    return [replace(one, recipients=tuple(recipients.get(one.id, ()))) for one in taken]


def _due_domains(tx: Tx, without: Sequence[str]) -> list[str]:
    """Domains of the rows that have been due for longest."""
    found = tx.execute(_head(tx, without, queued_domain.c.domain).limit(HEAD)).scalars()
    return list(dict.fromkeys(found))


def _head(tx: Tx, without: Sequence[str], *columns: ColumnElement[Any]) -> Select[Any]:
    """What has been due for longest."""
    due = select(*columns).where(queued_domain.c.due <= tx.now)
    if without:
        due = due.where(queued_domain.c.domain.not_in(without))
    return due.order_by(queued_domain.c.due, queued_domain.c.id)


def put_off(tx: Tx, domain: str, until: int, error: Cause, late: int) -> int:
    """Rows of a destination that cannot be reached wait until then; how many, at most MOST_PUT_OFF.

    Not those whose life ends before, or whose senders are to be told by then that they are late (`late` seconds old):
    their turn comes, without a call.
    """
    chosen = (
        select(queued_domain.c.id)
        .join(queued, queued.c.id == queued_domain.c.queued_id)
        .where(
            queued_domain.c.domain == domain,
            queued_domain.c.due <= tx.now,
            queued_domain.c.error_code != GIVEN_UP,
            queued.c.expires > until,
            (queued_domain.c.warned == 1) | (queued.c.created + late > until),
        )
        .order_by(queued_domain.c.due, queued_domain.c.id)
        .limit(MOST_PUT_OFF)
        .with_for_update(skip_locked=True, of=queued_domain)
    )
    rows = list(tx.execute(chosen).scalars())
    values = {"due": until, "lease": 0, "attempts": queued_domain.c.attempts + 1, **errors(error)}
    tx.execute(update(queued_domain).where(queued_domain.c.id.in_(rows)).values(values))
    return len(rows)


def _hold_due(tx: Tx, brake: Brake, without: Sequence[str]) -> None:
    """What is braked among the rows that have been due for longest is put off together: others stand behind it."""
    head = _head(tx, without, queued_domain.c.id).limit(MOST_PUT_OFF).subquery()
    chosen = (
        select(queued_domain.c.id, queued_domain.c.queued_id)
        .join(queued, queued.c.id == queued_domain.c.queued_id)
        .where(
            queued_domain.c.id.in_(select(head.c.id)),
            queued_domain.c.error_code != GIVEN_UP,
            queued.c.population == brake.population.value,
        )
        .order_by(queued_domain.c.id)
        .with_for_update(skip_locked=True, of=queued_domain)
    )
    rows = [tuple(row) for row in tx.execute(chosen)]
    if not rows:
        return
    now = tx.now
    again = _held_until(now, brake.until)
    held = queued_domain.c.id.in_([row for row, _ in rows])
    tx.execute(update(queued_domain).where(held).values(due=again, lease=0, **errors(BRAKED)))
    messages_held = queued.c.id.in_(sorted({message for _, message in rows}))
    tx.execute(update(queued).where(messages_held).values(expires=queued.c.expires + (again - now)))


def _held_until(now: int, until: int) -> int:
    return min(until, now + HOLD) if until else now + HOLD


def _hold(tx: Tx, number: int, seen: int, until: int) -> None:
    now = tx.now
    again = _held_until(now, until)
    if tx.run(_HOLD, row=number, seen=seen, until=again):
        tx.run(_PROLONG, row=number, longer=again - now)


def _leased(row: Row, token: int) -> Leased:
    """A row of `_DUE` under this lease; its recipients are read later, those of all together."""
    number, _, _, code, parameters, queued_id, domain, attempts, warned, name, message, *rest = row
    account, path, ret, envid, utf8, at, end, signing, found, require_tls, size = rest
    return Leased(
        id=number,
        lease=token,
        queued_id=queued_id,
        domain=domain,
        attempts=attempts + 1,
        warned=bool(warned),
        name=name,
        content_id=message,
        account_id=account,
        reverse_path=path,
        ret=ret,
        envid=envid,
        utf8=bool(utf8),
        created=at,
        expires=end,
        signing=Signing(signing),
        results=found,
        size=size,
        recipients=(),
        require_tls=bool(require_tls),
        given_up=_said_before(parameters) if code == GIVEN_UP else None,
    )


def _said_before(parameters: str) -> Cause:
    said = causes.of_row(GIVEN_UP, parameters).values.get("said")
    return said if isinstance(said, Cause) else NOTHING


def renew(tx: Tx, leases: Sequence[tuple[int, int]], seconds: int = LEASE) -> list[int]:
    """Let leases, given as (row, lease), that are still held last so many seconds from now; which ones."""
    renewed = tx.all(_TOGETHER[tx.dialect].renew, until=tx.now + seconds, given=packed(sorted(leases)))
    return [token for (token,) in renewed]


def give_back(tx: Tx, leases: Sequence[tuple[int, int]], seconds: int = 0) -> None:
    """End leases without a result: the rows are due again so soon, the attempt does not count. Other relays know of
    what is due at once."""
    if not leases:
        return
    if not seconds:
        tx.changed(NOBODY, NEWS)
    tx.run(_TOGETHER[tx.dialect].give_back, until=tx.now + seconds, given=packed(sorted(leases)))


def octets(tx: Tx, content_id: int, folder: BlobFolder) -> bytes:
    """The stored message."""
    row = tx.one(_BLOB, content=content_id)
    assert row is not None, "a queued message holds its content"
    return messages.join_octets(folder, *row)


def small_octets(tx: Tx, content_ids: Sequence[int], most: int, folder: BlobFolder) -> dict[int, bytes]:
    """Those of the stored messages that are no larger and undamaged."""
    found = {}
    for number, header, body in _SMALL.rows(tx, content_ids, most=most) if content_ids else ():
        with contextlib.suppress(Damaged):
            found[number] = messages.join_octets(folder, header, body, None)
    return found
