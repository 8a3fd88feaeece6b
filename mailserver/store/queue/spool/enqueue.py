"""A message enters the queue: a row for each domain."""

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, insert, select

from mailserver.model.clock import Clock
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.queue.spool.rows import DEFAULT_NOTIFY, NAME_LENGTH, NEWS, NOBODY, Options, Target
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient

_INSERT_QUEUED = Statement(
    insert(queued).returning(queued.c.id),
    keys=(
        *("name", "content_id", "account_id", "population", "reverse_path"),
        *("ret", "envid", "utf8", "created", "expires", "signing", "results", "require_tls"),
    ),
)
_INSERT_DOMAIN = Statement(
    insert(queued_domain).returning(queued_domain.c.id),
    keys=("queued_id", "domain", "due", "lease", "attempts", "warned", "error"),
)
_INSERT_RECIPIENT = Statement(insert(queued_recipient), keys=("domain_id", "address", "notify", "orcpt"))
_INSERT_MESSAGE = Statement(
    insert(queued),
    keys=(
        *("name", "content_id", "account_id", "population", "reverse_path"),
        *("ret", "envid", "utf8", "created", "expires", "signing", "results", "require_tls"),
    ),
)
_INSERT_ROW = Statement(
    insert(queued_domain), keys=("queued_id", "domain", "due", "lease", "attempts", "warned", "error")
)
_BY_PATH = ManyStatement(
    select(queued.c.id, queued.c.reverse_path).where(queued.c.content_id == bindparam("content")),
    queued.c.reverse_path,
)
_ROWS = ManyStatement(select(queued_domain.c.id, queued_domain.c.queued_id), queued_domain.c.queued_id)
_NO_OPTIONS = Options()
EACH = 1000
"""Recipients of one round of statements."""


def new_name(clock: Clock) -> str:
    """An identifier for a message on its way, told to the submitter and written in trace fields and logs."""
    return clock.token(NAME_LENGTH // 2).hex().upper()


def enqueue(
    tx: Tx,
    content_id: int,
    reverse_path: str,
    targets: Iterable[Target | str],
    *,
    lifetime: int,
    options: Options = _NO_OPTIONS,
) -> int:
    """Queue a stored content for remote recipients, due at once: a row per domain. Returns its id."""
    now = tx.now
    row = tx.one(
        _INSERT_QUEUED,
        name=options.name or new_name(tx.clock),
        content_id=content_id,
        account_id=options.account_id,
        population=options.population,
        reverse_path=reverse_path,
        ret=options.ret,
        envid=options.envid,
        utf8=int(options.utf8),
        created=now,
        expires=now + lifetime,
        signing=int(options.signing),
        results=options.results,
        require_tls=int(options.require_tls),
    )
    assert row is not None
    by_domain: dict[str, list[Target]] = {}
    for target in targets:
        known = Target(target) if isinstance(target, str) else target
        by_domain.setdefault(known.domain, []).append(known)
    for domain, group in by_domain.items():
        _enqueue_domain(tx, row[0], domain, group, now)
    tx.changed(NOBODY, NEWS)
    return int(row[0])


def enqueue_each(
    tx: Tx,
    content_id: int,
    targets: Sequence[tuple[str, str]],
    *,
    lifetime: int,
    options: Options = _NO_OPTIONS,
) -> None:
    """Queue a stored content for remote recipients, each under a reverse-path of their own, in a few statements.

    `targets`: reverse-path and recipient; no reverse-path twice, and none of them in the queue.
    """
    now = tx.now
    common = {
        "name": options.name or new_name(tx.clock),
        "content_id": content_id,
        "account_id": options.account_id,
        "population": options.population,
        "ret": options.ret,
        "envid": options.envid,
        "utf8": int(options.utf8),
        "created": now,
        "expires": now + lifetime,
        "signing": int(options.signing),
        "results": options.results,
        "require_tls": int(options.require_tls),
    }
    for start in range(0, len(targets), EACH):
        by_path = dict(targets[start : start + EACH])
        tx.many(_INSERT_MESSAGE, [{**common, "reverse_path": path} for path in by_path])
        numbers = _BY_PATH.rows(tx, list(by_path), content=content_id)
        recipients = {number: Target(by_path[path]) for number, path in numbers}
        row = {"due": now, "lease": 0, "attempts": 0, "warned": 0, "error": ""}
        tx.many(
            _INSERT_ROW,
            [{**row, "queued_id": number, "domain": target.domain} for number, target in recipients.items()],
        )
        rows = _ROWS.rows(tx, list(recipients))
        plain = {"notify": int(DEFAULT_NOTIFY), "orcpt": ""}
        tx.many(
            _INSERT_RECIPIENT,
            [{**plain, "domain_id": place, "address": recipients[number].address} for place, number in rows],
        )
    tx.changed(NOBODY, NEWS)


def _enqueue_domain(tx: Tx, queued_id: int, domain: str, targets: Sequence[Target], due: int) -> None:
    row = tx.one(_INSERT_DOMAIN, queued_id=queued_id, domain=domain, due=due, lease=0, attempts=0, warned=0, error="")
    assert row is not None
    tx.many(
        _INSERT_RECIPIENT,
        [
            {
                "domain_id": row[0],
                "address": target.address,
                "notify": int(target.notify),
                "orcpt": target.orcpt,
            }
            for target in targets
        ],
    )
