"""What people are where: functions, disciplines, classes, groups, further schools (`identity.Affiliation`).

Kept in one canonical form (`canonical`): codes folded by `folding.code_key`, UAI codes in upper case, and a
further school's code is its UAI. Whoever compares with what an export says compares canonical forms.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import code_key
from mailserver.model.identity import Affiliation, Tie
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.record.notices import moved
from mailserver.store.schema.people.entries import affiliation, person
from mailserver.texts.causes import Cause

MAX_TIES = 400
"""Of one person: a substitute teacher of twenty schools with every class of each fits."""
MAX_CODE = 120
"""Characters of a code or label."""
MAX_UAI = 8
IN_LIST = 1000
"""Values of one IN list: both engines bound the parameters of a statement."""

_COLUMNS = (
    affiliation.c.account_id,
    affiliation.c.kind,
    affiliation.c.uai,
    affiliation.c.code,
    affiliation.c.label,
)
_OF = ManyStatement(select(*_COLUMNS), affiliation.c.account_id)
_TIE = {tie.value: tie for tie in Tie}
_INSERT = Statement(insert(affiliation), keys=("account_id", "kind", "uai", "code", "label"))
_ONE = (
    affiliation.c.account_id == bindparam("owner"),
    affiliation.c.kind == bindparam("tie"),
    affiliation.c.uai == bindparam("school"),
    affiliation.c.code == bindparam("number"),
)
_DELETE = Statement(delete(affiliation).where(*_ONE))
_RELABEL = Statement(update(affiliation).where(*_ONE).values(label=bindparam("text")))

_Key = tuple[Tie, str, str]


def canonical(affiliations: Iterable[Affiliation]) -> tuple[Affiliation, ...]:
    """The form in which affiliations are kept: folded, in order, none twice. Raises Refused(INVALID | LIMIT)."""
    kept: dict[_Key, Affiliation] = {}
    for tie in affiliations:
        uai, code = tie.uai.strip().upper(), code_key(tie.code)
        if tie.kind is Tie.SCHOOL:
            uai = code = uai or code
        label = " ".join(tie.label.split())
        if not code:
            raise Refused(Reason.INVALID, Cause("code-missing", field=tie.kind.value))
        if len(code) > MAX_CODE or len(label) > MAX_CODE or not label.isprintable():
            raise Refused(Reason.INVALID, Cause("code-too-long", field=tie.kind.value))
        if uai and not (uai.isascii() and uai.isalnum() and len(uai) <= MAX_UAI):
            raise Refused(Reason.INVALID, Cause("not-a-uai", field=tie.kind.value))
        kept.setdefault((tie.kind, uai, code), Affiliation(tie.kind, code, uai, label))
    if len(kept) > MAX_TIES:
        raise Refused(Reason.LIMIT, Cause("too-many-ties", most=MAX_TIES))
    return tuple(kept[key] for key in sorted(kept))


# ---------------------------------------------------------------------- reading


def of(tx: Tx, account_ids: Iterable[int]) -> dict[int, tuple[Affiliation, ...]]:
    """The affiliations of several people; those who have none are left out."""
    found: dict[int, list[Affiliation]] = {}
    for account_id, kind, uai, code, label in sorted(_OF.rows(tx, list(account_ids))):
        found.setdefault(account_id, []).append(Affiliation(_TIE[kind], code, uai, label))
    return {account_id: tuple(ties) for account_id, ties in found.items()}


# ---------------------------------------------------------------------- writing


def replace(tx: Tx, account_id: int, affiliations: Sequence[Affiliation]) -> bool:
    """Set everything a person is; False when it is so already. Raises Refused(INVALID | LIMIT)."""
    return bool(replace_many(tx, {account_id: affiliations}))


def replace_many(tx: Tx, wanted: Mapping[int, Sequence[Affiliation]]) -> set[int]:
    """The same for many people, in a few statements; the accounts for which something changed."""
    before = of(tx, wanted)
    gone: list[dict[str, str | int]] = []
    new: list[dict[str, str | int]] = []
    renamed: list[dict[str, str | int]] = []
    changed: set[int] = set()
    for account_id, affiliations in wanted.items():
        held = {_key(tie): tie for tie in before.get(account_id, ())}
        now = {key: _named(tie, held.get(key)) for key, tie in _keyed(canonical(affiliations))}
        if held == now:
            continue
        changed.add(account_id)
        gone += [_place(account_id, key) for key in held if key not in now]
        new += [_row(account_id, tie) for key, tie in now.items() if key not in held]
        renamed += [
            {**_place(account_id, key), "text": tie.label}
            for key, tie in now.items()
            if key in held and held[key].label != tie.label
        ]
    for statement, rows in ((_DELETE, gone), (_RELABEL, renamed), (_INSERT, new)):
        if rows:
            tx.many(statement, rows)
    _touch(tx, changed)
    return changed


def _touch(tx: Tx, account_ids: set[int]) -> None:
    for ids in _portions(account_ids):
        # Rows of people who were created in this second need not be written again.
        tx.execute(
            update(person).where(person.c.account_id.in_(ids), person.c.modified < tx.now).values(modified=tx.now)
        )
    for account_id in account_ids:
        moved(tx, account_id)


def _portions(account_ids: Iterable[int]) -> Iterator[list[int]]:
    ids = list(account_ids)
    return (ids[start : start + IN_LIST] for start in range(0, len(ids), IN_LIST))


def _keyed(affiliations: Iterable[Affiliation]) -> Iterator[tuple[_Key, Affiliation]]:
    return ((_key(tie), tie) for tie in affiliations)


def _named(one: Affiliation, held: Affiliation | None) -> Affiliation:
    """What comes without a label keeps the one it had."""
    return held if held is not None and not one.label else one


def _key(one: Affiliation) -> _Key:
    return one.kind, one.uai, one.code


def _place(account_id: int, key: _Key) -> dict[str, str | int]:
    return {"owner": account_id, "tie": key[0].value, "school": key[1], "number": key[2]}


def _row(account_id: int, one: Affiliation) -> dict[str, str | int]:
    return {
        "account_id": account_id,
        "kind": one.kind.value,
        "uai": one.uai,
        "code": one.code,
        "label": one.label,
    }
