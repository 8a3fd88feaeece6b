"""Mailboxes that many sessions ask for at about the same time (SELECT): on PostgreSQL one statement for all of them."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Text, bindparam, column, func, literal_column, select, true
from sqlalchemy.dialects import postgresql

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.arrays import Numbers, Texts
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.schema.mail.messages import mailbox


def _each() -> Statement:
    """By account and name, with the place of each among the wanted."""
    arrays = [
        bindparam("accounts", type_=postgresql.ARRAY(BigInteger())),
        bindparam("names", type_=postgresql.ARRAY(Text())),
    ]
    table = func.unnest(*arrays).table_valued(
        column("account", BigInteger), column("name", Text), with_ordinality="nth", name="given"
    )
    given = table.render_derived()
    # Each by the index, however few mailboxes there are: a join would read all of them.
    same = (mailbox.c.account_id == given.c.account, mailbox.c.name == given.c.name)
    found = select(*mailboxes.COLUMNS).where(*same).offset(literal_column("0")).lateral("found")
    return Statement(select(given.c.nth, *found.c).join_from(given, found, true()))


_EACH = _each()
_FEWEST = 10
"""So many PostgreSQL supposes in an array that it does not know yet: for fewer it would make a plan each time, which
takes it longer than to find them."""


def get_each(tx: Tx, wanted: Sequence[tuple[int, str]]) -> list[Mailbox | Refused]:
    """Mailboxes by account and name, each as `mailboxes.get` would return it, or raise."""
    if tx.dialect == "sqlite" or len(wanted) == 1:
        return [_get_or_refusal(tx, account_id, name) for account_id, name in wanted]
    nobody = max(0, _FEWEST - len(wanted))
    accounts = Numbers([*[one[0] for one in wanted], *[0] * nobody])
    names = Texts([*[_known_as(one[1]) for one in wanted], *[None] * nobody])
    found: list[Mailbox | Refused] = [Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox") for _ in wanted]
    for nth, *row in tx.all(_EACH, accounts=accounts, names=names):
        found[nth - 1] = Mailbox(*row)
    return found


def _known_as(name: str) -> str | None:
    name = mailboxes.canonical(name)
    return name if mailboxes.can_be(name) else None


def _get_or_refusal(tx: Tx, account_id: int, name: str) -> Mailbox | Refused:
    try:
        return mailboxes.get(tx, account_id, name)
    except Refused as refusal:
        return refusal
