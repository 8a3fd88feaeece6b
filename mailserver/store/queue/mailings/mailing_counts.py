"""How many a mailing reaches and who they are; how many of them have read it, by school and without names."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, union_all

from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Population, Role
from mailserver.store.engine.given_rows import given_rows, packed
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail.flags import SEEN
from mailserver.store.queue.mailings import Mailing
from mailserver.store.schema.mail.deletions import deleted_content, deleted_message, deletion
from mailserver.store.schema.mail.messages import mailbox, message
from mailserver.store.schema.outgoing.mailings import mailing_copy
from mailserver.store.schema.people.entries import person, school

CHUNK = 20_000
SCHOOLS = 30
"""Schools that a preview names."""
FEWEST = 5
"""Recipients of a school that is told apart: of fewer one could guess who has read."""
ROUND = 5
"""Readers are told to the next so many: neither does one who opens it show, nor that all of a small school have."""
MAX_COPIES = 500
"""Copies whose readers are counted: a list within a mailing has one each."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a mailing goes to, as it was when it was handed in."""

    populations: tuple[tuple[str, int], ...] = ()
    """People by population; functional boxes and whom only another directory knows: an empty one."""
    schools: tuple[tuple[str, int], ...] = ()
    """The largest, by name."""
    other_schools: tuple[int, int] = (0, 0)
    """The others: how many schools, how many people."""
    without_school: int = 0
    names: tuple[str, ...] = ()
    """Of the first few, as far as the author may see them."""
    lists: tuple[str, ...] = ()
    """The first of the lists that it goes to: their owners may approve it."""
    held: tuple[str, ...] = ()
    """Lists whose own moderators decide for their members."""

    def text(self) -> str:
        """As rows keep it."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_reach(text: str) -> Reach:
    """The same back. Raises BadSyntax."""
    try:
        kept: dict[str, Any] = json.loads(text)
        return Reach(
            populations=tuple((name, count) for name, count in kept["populations"]),
            schools=tuple((name, count) for name, count in kept["schools"]),
            other_schools=(kept["other_schools"][0], kept["other_schools"][1]),
            without_school=kept["without_school"],
            names=tuple(kept["names"]),
            lists=tuple(kept["lists"]),
            held=tuple(kept["held"]),
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadSyntax("the reach of a mailing cannot be read") from error


def _of_whom(dialect: str) -> Statement:
    given = given_rows(dialect, "account")
    return Statement(
        select(person.c.role, person.c.uai, func.count())
        .select_from(given)
        .join(person, person.c.account_id == given.c.account)
        .group_by(person.c.role, person.c.uai)
    )


_OF_WHOM = {dialect: _of_whom(dialect) for dialect in ("sqlite", "postgresql")}


def reach(tx: Tx, accounts: Sequence[int], names: Sequence[str], lists: Sequence[str], held: Sequence[str]) -> Reach:
    """Who these accounts are, by population and school; for `Store.read_slow`."""
    populations: Counter[str] = Counter()
    schools: Counter[str] = Counter()
    for begin in range(0, len(accounts), CHUNK):
        some = packed((account,) for account in accounts[begin : begin + CHUNK])
        for role, uai, count in tx.all(_OF_WHOM[tx.dialect], given=some):
            populations[Role(role).population.value] += count
            schools[uai] += count
    unknown = len(accounts) - populations.total()
    if unknown:
        populations[""] = unknown
    without = schools.pop("", 0)
    largest = schools.most_common(SCHOOLS)
    others = schools.total() - sum(count for _, count in largest)
    known = _names(tx, [uai for uai, _ in largest])
    order = [one.value for one in Population] + [""]
    return Reach(
        tuple((name, populations[name]) for name in order if populations[name]),
        tuple((known.get(uai) or uai, count) for uai, count in largest),
        (len(schools) - len(largest), others),
        without,
        tuple(names),
        tuple(lists),
        tuple(held),
    )


def _names(tx: Tx, uais: Sequence[str]) -> dict[str, str]:
    rows = tx.execute(select(school.c.uai, school.c.name).where(school.c.uai.in_(uais)))
    return {row.uai: row.name for row in rows}


# ---------------------------------------------------------------------- who has read it


@dataclass(frozen=True, slots=True)
class Readers:
    """People of one school."""

    school: str
    """Empty: of small schools, and of none, together."""
    people: int
    read: int
    """About so many of them (ROUND)."""


_STORED = select(mailing_copy.c.stored_id).where(mailing_copy.c.mailing_id == bindparam("row")).limit(MAX_COPIES)
_IS_SEEN = message.c.flags.op("&")(SEEN)
_WAS_SEEN = deleted_message.c.flags.op("&")(SEEN)
_holders = union_all(
    select(mailbox.c.account_id.label("account_id"), _IS_SEEN.label("seen"))
    .join_from(message, mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(message.c.content_id.in_(_STORED)),
    # Who has read it and thrown it away has read it.
    select(mailbox.c.account_id.label("account_id"), _WAS_SEEN.label("seen"))
    .select_from(deleted_content)
    .join(deleted_message, deleted_message.c.id == deleted_content.c.message_id)
    .join(deletion, deletion.c.id == deleted_message.c.deletion_id)
    .join(mailbox, mailbox.c.id == deletion.c.mailbox_id)
    .where(deleted_content.c.content_id.in_(_STORED)),
).subquery("holders")
_each = (
    select(_holders.c.account_id, func.max(_holders.c.seen).label("seen"))
    .group_by(_holders.c.account_id)
    .subquery("each_holder")
)
_READ = Statement(
    select(func.coalesce(person.c.uai, ""), func.count(), func.sum(_each.c.seen))
    .select_from(_each)
    .join(person, person.c.account_id == _each.c.account_id, isouter=True)
    .group_by(func.coalesce(person.c.uai, ""))
)


def read_by_school(tx: Tx, one: Mailing) -> list[Readers]:
    """How many of each school have read it, the largest school first; for `Store.read_slow`.

    Who has it is counted: what filters threw away, and what was removed long ago, is not.
    """
    counted = [(str(uai), int(people), int(read)) for uai, people, read in tx.all(_READ, row=one.id)]
    apart = sorted(
        ((uai, n, read) for uai, n, read in counted if uai and n >= FEWEST), key=lambda row: (-row[1], row[0])
    )
    small = [(n, read) for uai, n, read in counted if not (uai and n >= FEWEST)]
    together = sum(n for n, _ in small), sum(read for _, read in small)
    # Few who are left over would be as few as a small school: the smallest of the others joins them.
    while 0 < together[0] < FEWEST and apart:
        _, n, read = apart.pop()
        together = together[0] + n, together[1] + read
    names = _names(tx, [uai for uai, _, _ in apart])
    found = [Readers(names.get(uai) or uai, n, _rounded(n, read)) for uai, n, read in apart]
    rest = [Readers("", together[0], _rounded(*together))] if together[0] >= FEWEST else []
    return found + rest


def _rounded(people: int, read: int) -> int:
    """About how many of so many have read: sums of these say no more than each of them."""
    return min(people - people % ROUND, (read + ROUND // 2) // ROUND * ROUND)
