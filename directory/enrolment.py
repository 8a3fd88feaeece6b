"""Making and changing a person: plain functions over one transaction, for the adapter, imports and consoles.

`checked` is pure and comes first; the functions then issue, claim and write in one unit, and leave an
audit row.
"""

import dataclasses
from dataclasses import dataclass

from directory import issuing
from mailserver.address import parse
from mailserver.errors import BadSyntax, Reason, Refused
from mailserver.identity import NewPerson, PersonChange, Role, State
from mailserver.proofs import Proofs, parse_date
from mailserver.store import accounts, audit, claims, people, schools
from mailserver.store.accounts import Mark, Marks
from mailserver.store.audit import Action, Origin
from mailserver.store.people import Entry
from mailserver.store.statements import Tx

MAX_TEXT = 200
"""Characters of a name or discipline."""


@dataclass(frozen=True, slots=True)
class Academy:
    """What issuing needs to know of the instance."""

    domain: str
    proofs: Proofs


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person just created."""

    account_id: int
    login: str
    address: str


def checked(person: NewPerson) -> NewPerson:
    """The same person, every field in its canonical form. Raises Refused(INVALID) naming the field."""
    given_name, surname = _text("given_name", person.given_name), _text("surname", person.surname)
    if not given_name and not surname:
        raise Refused(Reason.INVALID, "a name is missing")
    birth_date = parse_date(person.birth_date) if person.birth_date else ""
    if person.birth_date and not birth_date:
        raise Refused(Reason.INVALID, "birth_date: not a date")
    numen, ine, uai = (_code(text) for text in (person.numen, person.ine, person.uai))
    if numen and not issuing.is_numen(numen):
        raise Refused(Reason.INVALID, "numen: not the shape of a NUMEN")
    if ine and not issuing.is_ine(ine):
        raise Refused(Reason.INVALID, "ine: not the shape of an INE")
    if uai and not issuing.is_uai(uai):
        raise Refused(Reason.INVALID, f"uai: {uai!r} is not the shape of a UAI")
    return dataclasses.replace(
        person,
        given_name=given_name,
        surname=surname,
        birth_date=birth_date,
        numen=numen,
        ine=ine,
        uai=uai,
        discipline=_text("discipline", person.discipline),
        login=person.login.strip(),
        recovery_address=_recovery(person.recovery_address),
    )


def checked_change(wanted: PersonChange) -> PersonChange:
    """The same change, every field in its canonical form. Raises Refused(INVALID) naming the field."""
    uai = _code(wanted.uai) if wanted.uai is not None else None
    if uai and not issuing.is_uai(uai):
        raise Refused(Reason.INVALID, f"uai: {uai!r} is not the shape of a UAI")
    return dataclasses.replace(
        wanted,
        given_name=_optional("given_name", wanted.given_name),
        surname=_optional("surname", wanted.surname),
        uai=uai,
        discipline=_optional("discipline", wanted.discipline),
    )


def marks(proofs: Proofs, person: NewPerson) -> Marks:
    """The keyed hashes of what we know of a person and do not keep."""
    return Marks(
        numen=proofs.numen(person.numen) if person.numen else None,
        ine=proofs.ine(person.ine) if person.ine else None,
        birth_date=proofs.birth_date(person.birth_date) if person.birth_date else None,
    )


def enrol(tx: Tx, academy: Academy, person: NewPerson, origin: Origin, password_hash: str = "") -> Enrolled:
    """Create a checked person: identifier, address, account, entry, school. A password activates the account.

    Raises Refused(CONFLICT | INVALID | LIMIT).
    """
    claims.lock(tx)
    known = marks(academy.proofs, person)
    for mark, hashed in ((Mark.INE, known.ine), (Mark.NUMEN, known.numen)):
        if hashed is not None and accounts.by_mark(tx, mark, hashed) is not None:
            raise Refused(Reason.CONFLICT, f"this {mark.name} is another person's")
    issued = issuing.issue(tx, academy.domain, person.given_name, person.surname, person.login)
    account_id = accounts.create(
        tx, issued.login, State.PENDING, known, person.recovery_address, login_given=bool(person.login)
    )
    claims.take(tx, account_id, issued.names)
    people.insert_entries(
        tx,
        [
            {
                "account_id": account_id,
                "given_name": person.given_name,
                "surname": person.surname,
                "address": issued.address,
                "aliases": " ".join(issued.aliases),
                "role": person.role.value,
                "uai": person.uai,
                "discipline": person.discipline,
                "password": password_hash,
            }
        ],
    )
    if person.uai:
        schools.ensure(tx, (person.uai,))
    if password_hash:
        accounts.password_chosen(tx, account_id)
    audit.record(tx, origin, Action.CREATED, account_id, person.role.value)
    return Enrolled(account_id, issued.login, issued.address)


def change(tx: Tx, academy: Academy, account_id: int, wanted: PersonChange, origin: Origin) -> Entry:
    """Change a person's entry; a new name brings a new address and keeps the old one as an alias.

    Raises Refused(NOT_FOUND | INVALID | LIMIT).
    """
    entry = people.by_account(tx, account_id)
    if entry is None:
        raise Refused(Reason.NOT_FOUND, "no such person")
    values = _differences(entry, wanted)
    if not values:
        return entry
    if "given_name" in values or "surname" in values:
        given = values.get("given_name", entry.given_name)
        values |= _renamed(tx, academy, entry, given, values.get("surname", entry.surname))
    people.change_entry(tx, account_id, values)
    if values.get("uai"):
        schools.ensure(tx, (values["uai"],))
    audit.record(tx, origin, Action.CHANGED, account_id, " ".join(sorted(values)))
    changed = people.by_account(tx, account_id)
    if changed is None:
        raise Refused(Reason.NOT_FOUND, "no such person")
    return changed


def _differences(entry: Entry, wanted: PersonChange) -> dict[str, str]:
    """Columns that the change sets to something else. Raises Refused(INVALID)."""
    change = checked_change(wanted)
    new = {
        "given_name": change.given_name,
        "surname": change.surname,
        "role": change.role.value if change.role is not None else None,
        "uai": change.uai,
        "discipline": change.discipline,
    }
    old = {
        "given_name": entry.given_name,
        "surname": entry.surname,
        "role": entry.role.value,
        "uai": entry.uai,
        "discipline": entry.discipline,
    }
    return {name: value for name, value in new.items() if value is not None and value != old[name]}


def _renamed(tx: Tx, academy: Academy, entry: Entry, given_name: str, surname: str) -> dict[str, str]:
    """The address that goes with a new name, claimed; the others stay as aliases."""
    if not given_name and not surname:
        raise Refused(Reason.INVALID, "a name is missing")
    same = issuing.local_part(given_name, surname) == issuing.local_part(entry.given_name, entry.surname)
    if same:
        return {}
    claims.lock(tx)
    address = issuing.issue_address(tx, academy.domain, given_name, surname, entry.account_id)
    if claims.is_free(tx, address):
        claims.take(tx, entry.account_id, (address,))
    aliases = [alias for alias in (entry.address, *entry.aliases) if alias != address]
    return {"address": address, "aliases": " ".join(dict.fromkeys(aliases))}


def role_of(text: str) -> Role:
    """A role by its name in files and on the command line. Raises Refused(INVALID)."""
    try:
        return Role(text.strip().lower())
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise Refused(Reason.INVALID, f"role: {text.strip()[:MAX_TEXT]!r} is none of {known}") from None


def _text(field: str, text: str) -> str:
    """One line of bounded text with single spaces. Raises Refused(INVALID)."""
    clean = " ".join(text.split())
    if len(clean) > MAX_TEXT:
        raise Refused(Reason.INVALID, f"{field}: longer than {MAX_TEXT} characters")
    if not clean.isprintable():
        raise Refused(Reason.INVALID, f"{field}: has characters that cannot be printed")
    return clean


def _optional(field: str, text: str | None) -> str | None:
    return None if text is None else _text(field, text)


def _code(text: str) -> str:
    """NUMEN, INE and UAI as people type them: any case, any spaces."""
    return "".join(text.split()).upper()[:MAX_TEXT]


def _recovery(text: str) -> str:
    """Raises Refused(INVALID) when it is no address."""
    if not text.strip():
        return ""
    try:
        return str(parse(text.strip()))
    except BadSyntax as error:
        raise Refused(Reason.INVALID, f"recovery_address: {error}") from None
