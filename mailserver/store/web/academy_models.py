"""Models of letters that the academy gives to its people, by role: operators write them, and every change is audited.

`Model.html` is hostile as every HTML is: whoever saves one has cleaned it, and so does whoever puts it into a letter.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Role
from mailserver.model.sending import letter_fields
from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail.writing import academy_model as table
from mailserver.store.web.signatures import MAX_FORMATTED, MAX_MODEL, MAX_NAME
from mailserver.texts.causes import Cause

MAX_MODELS = 60
MAX_SUBJECT = 500


@dataclass(frozen=True, slots=True)
class AcademyDraft:
    """A model as it is written."""

    name: str
    roles: frozenset[Role]
    """Who is offered it."""
    subject: str
    text: str
    html: str = ""
    """The text formatted and cleaned; empty: it is plain."""


@dataclass(frozen=True, slots=True)
class AcademyModel:
    """A model as it is kept."""

    id: int
    draft: AcademyDraft
    author: str
    written: int

    @property
    def state(self) -> str:
        """What it says by now, as a form brings it back."""
        draft = self.draft
        said = (draft.name, sorted(draft.roles), draft.subject, draft.text, draft.html)
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class AcademyModelName:
    """A model without what it says."""

    id: int
    name: str


_KEPT = (
    *(table.c.id, table.c.name, table.c.roles, table.c.subject),
    *(table.c.text, table.c.html, table.c.author, table.c.written),
)


def listing(tx: Tx) -> list[AcademyModel]:
    """All of them by name, for those who write them."""
    return [_read(row) for row in tx.execute(select(*_KEPT).order_by(table.c.name, table.c.id))]


def names(tx: Tx, role: Role) -> list[AcademyModelName]:
    """Those that people of a role are offered, by name."""
    rows = tx.execute(select(table.c.id, table.c.name, table.c.roles).order_by(table.c.name, table.c.id))
    return [AcademyModelName(row.id, row.name) for row in rows if role in _roles(row.roles)]


def one_for(tx: Tx, role: Role, number: int) -> AcademyDraft | None:
    """What one of them says; None: it is gone, or is not for that role."""
    row = tx.execute(select(*_KEPT).where(table.c.id == number)).first()
    found = _read(row).draft if row is not None else None
    return found if found is not None and role in found.roles else None


def save(tx: Tx, origin: Origin, number: int, draft: AcademyDraft, seen: str = "") -> int:
    """Keep a model, a new one with number 0; its number. `seen`: its state where it was read.

    Raises Refused(NOT_FOUND | INVALID | LIMIT), Refused(CONFLICT): somebody else changed it meanwhile.
    """
    values = {**_values(draft), "author": origin.actor, "written": tx.now}
    if not number:
        if int(tx.execute(select(func.count()).select_from(table)).scalar_one()) >= MAX_MODELS:
            raise Refused(Reason.LIMIT, Cause("models-full", most=MAX_MODELS))
        number = int(tx.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())
        _told(tx, origin, "model-made", number, draft.name, draft.roles)
        return number
    _check(tx, number, seen)
    if not tx.execute(update(table).where(table.c.id == number).values(**values)).rowcount:
        raise Refused(Reason.NOT_FOUND)
    _told(tx, origin, "model-revised", number, draft.name, draft.roles)
    return number


def withdraw(tx: Tx, origin: Origin, number: int, seen: str = "") -> None:
    """Take a model away; letters that have its words keep them. Raises Refused(NOT_FOUND), CONFLICT as `save` does."""
    _check(tx, number, seen)
    row = tx.execute(delete(table).where(table.c.id == number).returning(table.c.name, table.c.roles)).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    _told(tx, origin, "model-withdrawn", number, row.name, _roles(row.roles))


def _check(tx: Tx, number: int, seen: str) -> None:
    """Raises Refused(CONFLICT): it says something else than where it was seen."""
    row = tx.execute(select(*_KEPT).where(table.c.id == number).with_for_update()).first()
    if seen and row is not None and _read(row).state != seen:
        raise Refused(Reason.CONFLICT, "It was changed meanwhile")


def _values(draft: AcademyDraft) -> dict[str, str]:
    if not draft.name.strip() or not draft.text.strip() or not draft.roles:
        raise Refused(Reason.INVALID, Cause("model-empty"))
    if len(draft.text) > MAX_MODEL or len(draft.html) > MAX_FORMATTED:
        raise Refused(Reason.INVALID, Cause("model-too-long", most=MAX_MODEL))
    used = letter_fields.fields(f"{draft.subject} {draft.html or draft.text}")
    if len(used) > letter_fields.MAX_FIELDS:
        raise Refused(Reason.INVALID, Cause("model-fields", most=letter_fields.MAX_FIELDS))
    for name in used:
        if name not in letter_fields.FIELDS:
            raise Refused(Reason.INVALID, Cause("model-field", name=f"{{{name}}}"))
    return {
        "name": draft.name[:MAX_NAME],
        "roles": " ".join(role.value for role in Role if role in draft.roles),
        "subject": draft.subject[:MAX_SUBJECT],
        "text": draft.text,
        "html": draft.html,
    }


def _read(row: Row[Any]) -> AcademyModel:
    draft = AcademyDraft(row.name, _roles(row.roles), row.subject, row.text, row.html)
    return AcademyModel(row.id, draft, row.author, row.written)


def _roles(text: str) -> frozenset[Role]:
    """A role that is no more is nobody's."""
    return frozenset(role for role in Role if role.value in text.split())


def _told(tx: Tx, origin: Origin, sentence: str, number: int, name: str, roles: frozenset[Role]) -> None:
    those = tuple(role.value for role in Role if role in roles)
    audit.record(tx, origin, Action.MODEL_CHANGED, 0, Cause(sentence, number=number, name=name, roles=those))
