"""What somebody writes again and again: signatures, and models (named texts)."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access import boxes
from mailserver.store.schema.mail.writing import model, signature

MAX_KEPT = 100
"""Signatures, or models, of one account."""
MAX_NAME = 80
MAX_MODEL = 20_000
"""Characters of a model's text."""
MAX_FORMATTED = 60_000
"""Of the same as HTML."""
NEW, REPLY, ANY = "new", "reply", ""
PURPOSES = (ANY, NEW, REPLY)


@dataclass(frozen=True, slots=True)
class Signature:
    """A named signature. `sender`: the address it belongs to, empty for any."""

    id: int
    name: str
    text: str
    sender: str = ""
    purpose: str = ANY

    @property
    def state(self) -> str:
        """What it says by now, as a form brings it back."""
        return _state(self)


@dataclass(frozen=True, slots=True)
class Model:
    """A named text; `owner` is the account of the person, or of a functional box."""

    id: int
    owner: int
    name: str
    subject: str
    text: str
    html: str = ""
    """The text formatted and cleaned; empty: it is plain."""

    @property
    def state(self) -> str:
        """What it says by now, as a form brings it back."""
        return _state(self)


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model without what it says."""

    id: int
    owner: int
    name: str


def _state(kept: Signature | Model) -> str:
    return hashlib.sha256(json.dumps(astuple(kept)).encode()).hexdigest()[:32]


def signatures(tx: Tx, account_id: int) -> list[Signature]:
    """The person's signatures by name."""
    rows = tx.execute(
        select(signature.c.id, signature.c.name, signature.c.text, signature.c.sender, signature.c.purpose)
        .where(signature.c.account_id == account_id)
        .order_by(signature.c.name, signature.c.id)
    )
    return [Signature(*tuple(row)) for row in rows]


def save_signature(tx: Tx, account_id: int, wanted: Signature, seen: str = "") -> None:
    """Keep a signature, a new one with id 0; `seen`: its state where it was read. Raises Refused(NOT_FOUND | LIMIT),
    Refused(CONFLICT): it has changed meanwhile."""
    _lock(tx, signature, wanted.id)
    _check(signatures(tx, account_id), wanted, seen)
    values = {
        "name": wanted.name[:MAX_NAME],
        "text": wanted.text,
        "sender": wanted.sender,
        "purpose": wanted.purpose,
    }
    _save(tx, signature, account_id, wanted.id, values)


def remove_signature(tx: Tx, account_id: int, number: int, seen: str = "") -> None:
    """Delete a signature; an unknown one is fine. Raises Refused(CONFLICT): it has changed since it was `seen`."""
    _lock(tx, signature, number)
    _check(signatures(tx, account_id), number, seen)
    tx.execute(delete(signature).where(signature.c.account_id == account_id, signature.c.id == number))


def models(tx: Tx, account_id: int) -> list[Model]:
    """The person's models, and those of the functional boxes in whose name they may write, by name."""
    owners = _owners(tx, account_id)
    rows = tx.execute(
        select(model.c.id, model.c.account_id, model.c.name, model.c.subject, model.c.text, model.c.html)
        .where(model.c.account_id.in_(owners))
        .order_by(model.c.name, model.c.id)
    )
    return [Model(*tuple(row)) for row in rows]


def model_names(tx: Tx, account_id: int) -> list[ModelName]:
    """The names of the same."""
    rows = tx.execute(
        select(model.c.id, model.c.account_id, model.c.name)
        .where(model.c.account_id.in_(_owners(tx, account_id)))
        .order_by(model.c.name, model.c.id)
    )
    return [ModelName(*tuple(row)) for row in rows]


def one_model(tx: Tx, account_id: int, number: int) -> Model | None:
    """One of them; None: it is gone, or is none of theirs."""
    row = tx.execute(
        select(model.c.id, model.c.account_id, model.c.name, model.c.subject, model.c.text, model.c.html).where(
            model.c.id == number, model.c.account_id.in_(_owners(tx, account_id))
        )
    ).first()
    return Model(*tuple(row)) if row is not None else None


def save_model(tx: Tx, account_id: int, wanted: Model, seen: str = "") -> None:
    """Keep a model of the person or of one of their boxes; what a box's people share stays theirs, and one's own may
    be given to a box; `seen`: its state where it was read.

    Raises Refused(FORBIDDEN | NOT_FOUND | LIMIT | TOO_BIG), Refused(CONFLICT): it has changed meanwhile.
    """
    if len(wanted.text) > MAX_MODEL or len(wanted.html) > MAX_FORMATTED:
        raise Refused(Reason.TOO_BIG)
    owners = _owners(tx, account_id)
    if wanted.owner not in owners:
        raise Refused(Reason.FORBIDDEN)
    _lock(tx, model, wanted.id)
    _check(models(tx, account_id), wanted, seen)
    values = {"name": wanted.name[:MAX_NAME], "subject": wanted.subject, "text": wanted.text, "html": wanted.html}
    if wanted.id and wanted.owner != account_id:
        _give(tx, account_id, wanted)
    _save(tx, model, wanted.owner, wanted.id, values)


def _give(tx: Tx, account_id: int, wanted: Model) -> None:
    """Give one of the person's own models to a box, where there is room for it; any other stays where it is."""
    mine = (model.c.id == wanted.id, model.c.account_id == account_id)
    if tx.execute(select(model.c.id).where(*mine)).first() is None:
        return
    _require_room(tx, model, wanted.owner)
    tx.execute(update(model).where(*mine).values(account_id=wanted.owner))


def remove_model(tx: Tx, account_id: int, number: int, seen: str = "") -> None:
    """Delete a model; an unknown one is fine. Raises Refused(CONFLICT): it has changed since it was `seen`."""
    _lock(tx, model, number)
    _check(models(tx, account_id), number, seen)
    owners = _owners(tx, account_id)
    tx.execute(delete(model).where(model.c.account_id.in_(owners), model.c.id == number))


def _lock(tx: Tx, table: Any, number: int) -> None:
    if number:
        tx.execute(select(table.c.id).where(table.c.id == number).with_for_update())


def _check(kept: Sequence[Signature] | Sequence[Model], wanted: Signature | Model | int, seen: str) -> None:
    """Raises Refused(CONFLICT): it says something else than where it was seen, and than what is wanted."""
    number = wanted if isinstance(wanted, int) else wanted.id
    now = next((one for one in kept if one.id == number), None)
    if seen and now is not None and now.state != seen and now != wanted:
        raise Refused(Reason.CONFLICT, "It was changed meanwhile")


def _owners(tx: Tx, account_id: int) -> list[int]:
    return [account_id, *boxes.sendable(tx, account_id).values()]


def _save(tx: Tx, table: Any, account_id: int, number: int, values: dict[str, str]) -> None:
    if number:
        mine = (table.c.id == number, table.c.account_id == account_id)
        if not tx.execute(update(table).where(*mine).values(**values)).rowcount:
            raise Refused(Reason.NOT_FOUND)
        return
    _require_room(tx, table, account_id)
    tx.execute(insert(table).values(account_id=account_id, **values))


def _require_room(tx: Tx, table: Any, account_id: int) -> None:
    if tx.execute(select(func.count()).where(table.c.account_id == account_id)).scalar_one() >= MAX_KEPT:
        raise Refused(Reason.LIMIT)
