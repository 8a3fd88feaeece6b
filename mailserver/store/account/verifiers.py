"""SCRAM verifiers of people's passwords, sealed: nothing here knows the key (`mailserver.foundation.verifiers`)."""

from sqlalchemy import and_, bindparam, delete, insert, select

from mailserver.model.identity import State
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.factors import scram_verifier
from mailserver.store.schema.people.entries import person

_GET = Statement(select(scram_verifier.c.sealed).where(scram_verifier.c.account_id == bindparam("account_id")))
_PUT = Statement(insert(scram_verifier), keys=("account_id", "sealed"))
_REMOVE = Statement(delete(scram_verifier).where(scram_verifier.c.account_id == bindparam("owner")))
_LACKING = Statement(
    select(account.c.id)
    .select_from(account)
    .join(person, person.c.account_id == account.c.id)
    .outerjoin(scram_verifier, scram_verifier.c.account_id == account.c.id)
    .where(
        and_(
            account.c.id >= bindparam("start"),
            account.c.state == State.ACTIVE.value,
            person.c.password != "",
            scram_verifier.c.account_id.is_(None),
        )
    )
    .order_by(account.c.id)
    .limit(1)
)


def get(tx: Tx, account_id: int) -> bytes | None:
    """The sealed verifier of an account's password."""
    row = tx.one(_GET, account_id=account_id)
    return bytes(row[0]) if row is not None else None


def replace(tx: Tx, account_id: int, sealed: bytes) -> None:
    """The password is another one now. Empty: there is none, or nobody knows more of it than its hash."""
    tx.run(_REMOVE, owner=account_id)
    if sealed:
        tx.run(_PUT, account_id=account_id, sealed=sealed)


def lacking(tx: Tx, start: int = 0) -> int:
    """The first active account from `start` on that has a password and no verifier; 0: none."""
    row = tx.one(_LACKING, start=start)
    return int(row[0]) if row is not None else 0
