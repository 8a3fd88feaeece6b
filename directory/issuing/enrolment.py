"""Making and changing a person: plain functions over one transaction, for the adapter, imports and consoles.

`checked` is pure and comes first; the functions then issue, claim and write in one unit, and leave an
audit row.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from directory.entries.person_entries import is_secret
from directory.issuing import identifiers, issuing
from directory.issuing.hashing import NO_PASSWORD, Kept
from directory.schema import names
from mailserver.model.address import parse
from mailserver.model.credentials.proofs import Proofs, parse_date
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Affiliation, NewPerson, PersonChange, Role, State, Tie
from mailserver.store.account import accounts
from mailserver.store.account.accounts import Mark, Marks
from mailserver.store.engine.statements import Tx
from mailserver.store.people import affiliations, bulk_people, claims, people, schools, vocabulary_entries
from mailserver.store.people.bulk_people import Known
from mailserver.store.people.people import Entry
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

MAX_TEXT = 200
"""Characters of a name or discipline."""
MAX_COMMON_NAMES = 10
"""Values of `cn` of one person."""
_READ_BY_ALL = frozenset(("given_name", "surname", "discipline"))
_DIGIT = re.compile("[0-9]")
MAX_EXTRA = 65_536
"""Characters of further attributes, as JSON."""
TITLES = {
    **dict.fromkeys(("m", "m.", "mr", "monsieur"), "M."),
    **dict.fromkeys(("mme", "mme.", "madame", "mlle", "mlle.", "mademoiselle"), "Mme"),
}
"""Exports write the two in several ways; the administration has written no `Mlle` since 2012."""


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


def by_numen(tx: Tx, hashed: bytes) -> Entry | None:
    """Whose NUMEN has this keyed hash."""
    account_id = accounts.by_mark(tx, Mark.NUMEN, hashed)
    return people.by_account(tx, account_id) if account_id else None


def checked(person: NewPerson) -> NewPerson:
    """The same person, every field in its canonical form. Raises Refused(INVALID) naming the field."""
    given_name, surname = _text("given_name", person.given_name), _text("surname", person.surname)
    if not given_name and not surname:
        raise Refused(Reason.INVALID, "a name is missing")
    birth_date = parse_date(person.birth_date) if person.birth_date else ""
    if person.birth_date and not birth_date:
        raise Refused(Reason.INVALID, Cause("not-a-date", field="birth_date"))
    numen, ine, uai = (_code(text) for text in (person.numen, person.ine, person.uai))
    if numen and not identifiers.is_numen(numen):
        raise Refused(Reason.INVALID, Cause("not-numen"))
    if ine and not identifiers.is_ine(ine):
        raise Refused(Reason.INVALID, Cause("not-ine"))
    if uai and not identifiers.is_uai(uai):
        raise Refused(Reason.INVALID, Cause("not-uai", field="uai", uai=uai))
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
        recovery_address=checked_recovery(person.recovery_address),
        title=checked_title(person.title),
        affiliations=_placed(person.affiliations),
        source=_text("source", person.source),
        source_key=_text("source_key", person.source_key),
        display_name=_shown("displayName", person.display_name),
        common_names=_common_names(person.common_names),
    )


def checked_change(wanted: PersonChange) -> PersonChange:
    """The same change, every field in its canonical form. Raises Refused(INVALID) naming the field."""
    uai = _code(wanted.uai) if wanted.uai is not None else None
    if uai and not identifiers.is_uai(uai):
        raise Refused(Reason.INVALID, Cause("not-uai", field="uai", uai=uai))
    return dataclasses.replace(
        wanted,
        given_name=_optional("given_name", wanted.given_name),
        surname=_optional("surname", wanted.surname),
        uai=uai,
        discipline=_optional("discipline", wanted.discipline),
        title=checked_title(wanted.title) if wanted.title is not None else None,
        affiliations=_placed(wanted.affiliations) if wanted.affiliations is not None else None,
        extra=_extra(wanted.extra),
        display_name=_shown("displayName", wanted.display_name) if wanted.display_name is not None else None,
        common_names=_common_names(wanted.common_names) if wanted.common_names is not None else None,
    )


def marks(proofs: Proofs, person: NewPerson) -> Marks:
    """The keyed hashes of what we know of a person and do not keep."""
    return Marks(
        numen=proofs.numen(person.numen) if person.numen else None,
        ine=proofs.ine(person.ine) if person.ine else None,
        birth_date=proofs.birth_date(person.birth_date) if person.birth_date else None,
    )


def enrol(tx: Tx, academy: Academy, person: NewPerson, origin: Origin, kept: Kept = NO_PASSWORD) -> Enrolled:
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
        tx,
        issued.login,
        State.PENDING,
        known,
        person.recovery_address,
        login_given=bool(person.login),
        source=person.source,
        source_key=person.source_key,
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
                "title": person.title,
                "hidden": int(person.hidden),
                **shown_columns(person.given_name, person.surname, person.display_name, person.common_names),
                "password": kept.hash,
            }
        ],
    )
    if person.affiliations:
        affiliations.replace(tx, account_id, person.affiliations)
    know_places(tx, person.uai, person.affiliations)
    if kept.hash:
        accounts.password_chosen(tx, account_id, kept.verifier)
    audit.record(tx, origin, Action.CREATED, account_id, Cause("population", population=(person.role.value,)))
    return Enrolled(account_id, issued.login, issued.address)


def change(tx: Tx, academy: Academy, account_id: int, wanted: PersonChange, origin: Origin) -> Entry:
    """Change a person's entry; a new name brings a new address and keeps the old one as an alias.

    Display name and common names that were given before follow the new name, unless the change says them.

    Raises Refused(NOT_FOUND | INVALID | LIMIT).
    """
    claims.lock(tx)  # what the entry becomes follows from what it is
    known = bulk_people.by_ids(tx, (account_id,)).get(account_id)
    if known is None or not known.has_entry:
        raise Refused(Reason.NOT_FOUND, "no such person")
    change = checked_change(wanted)
    values = _differences(known, change)
    if "given_name" in values or "surname" in values:
        given, surname = values.get("given_name", known.given_name), values.get("surname", known.surname)
        values |= _renamed(tx, academy, known, str(given), str(surname))
    values |= _shown_otherwise(known, change)
    moved = change.affiliations is not None and affiliations.replace(tx, account_id, change.affiliations)
    if values:
        people.change_entry(tx, account_id, values)
    if values or moved:
        know_places(tx, change.uai or "", change.affiliations or ())
        told = tuple(sorted([*values, "affiliations"] if moved else values))
        was = known._asdict()
        said = [Cause("fields", fields=told), *said_of_change(was, {**was, **values})]
        audit.record_many(tx, origin, [(Action.CHANGED, account_id, one) for one in said])
    entry = people.by_account(tx, account_id)
    if entry is None:
        raise Refused(Reason.NOT_FOUND, "no such person")
    return entry


def said_of_change(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Cause]:
    """What the record says by its value, before and after: what somebody may do follows from it, or who they are."""
    said = []
    if before["role"] not in ("", after["role"]):
        said.append(Cause("population-changed", before=(str(before["role"]),), after=(str(after["role"]),)))
    if before["address"] not in ("", after["address"]):
        said.append(Cause("address-changed", before=str(before["address"]), after=str(after["address"])))
    return said


def know_places(tx: Tx, uai: str, held: Iterable[Affiliation]) -> None:
    """Make sure that the schools and terms that a person's entry speaks of are there."""
    held = tuple(held)
    places = {tie.uai for tie in held if tie.uai} | {tie.code for tie in held if tie.kind is Tie.SCHOOL}
    if uai:
        places.add(uai)
    if places:
        schools.ensure(tx, places)
    if held:
        vocabulary_entries.ensure_many(tx, vocabulary_entries.terms_of(held))


def _differences(known: Known, change: PersonChange) -> dict[str, str | int]:
    """Columns that a checked change sets to something else."""
    new: dict[str, str | int | None] = {
        "given_name": change.given_name,
        "surname": change.surname,
        "role": change.role.value if change.role is not None else None,
        "uai": change.uai,
        "discipline": change.discipline,
        "title": change.title,
        "hidden": int(change.hidden) if change.hidden is not None else None,
        "extra": change.extra,
    }
    return {name: value for name, value in new.items() if value is not None and value != getattr(known, name)}


def _shown_otherwise(known: Known, change: PersonChange) -> dict[str, str | int]:
    """The columns of display name and common names, where a checked change makes them otherwise: both or none."""
    given = known.given_name if change.given_name is None else change.given_name
    surname = known.surname if change.surname is None else change.surname
    stays = (given, surname) == (known.given_name, known.surname)
    display_name, common_names = change.display_name, change.common_names
    if display_name is None:
        display_name = known.display_name if stays else ""
    if common_names is None:
        common_names = tuple(known.common_names.split("\n")) if known.common_names and stays else ()
    new = shown_columns(given, surname, display_name, common_names)
    same = new == {"display_name": known.display_name, "common_names": known.common_names}
    return {} if same else {**new}


def shown_columns(given_name: str, surname: str, display_name: str, common_names: Sequence[str]) -> dict[str, str]:
    """Display name and common names as they are kept: nothing, where they are what follows from the names."""
    follows = f"{given_name} {surname}".strip()
    return {
        "display_name": display_name if display_name != follows else "",
        "common_names": "\n".join(common_names) if tuple(common_names) != (follows,) else "",
    }


def _renamed(tx: Tx, academy: Academy, entry: Known, given_name: str, surname: str) -> dict[str, str | int]:
    """The address that goes with a new name, claimed; the others stay as aliases."""
    if not given_name and not surname:
        raise Refused(Reason.INVALID, "a name is missing")
    same = identifiers.local_part(given_name, surname) == identifiers.local_part(entry.given_name, entry.surname)
    if same:
        return {}
    address = issuing.issue_address(tx, academy.domain, given_name, surname, entry.account_id)
    claims.take_or_revive(tx, entry.account_id, address)
    aliases = [alias for alias in (entry.address, *entry.aliases.split()) if alias != address]
    return {"address": address, "aliases": " ".join(dict.fromkeys(aliases))}


def role_of(text: str) -> Role:
    """A role by its name in files and on the command line. Raises Refused(INVALID)."""
    try:
        return Role(text.strip().lower())
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise Refused(Reason.INVALID, Cause("role-unknown", role=text.strip()[:MAX_TEXT], known=known)) from None


def _text(field: str, text: str) -> str:
    """One line of bounded text with single spaces. Raises Refused(INVALID)."""
    clean = " ".join(text.split())
    if len(clean) > MAX_TEXT:
        raise Refused(Reason.INVALID, Cause("text-too-long", field=field, most=MAX_TEXT))
    if not clean.isprintable():
        raise Refused(Reason.INVALID, Cause("text-unprintable", field=field))
    if field in _READ_BY_ALL:
        check_secrets(field, clean)
    return clean


def check_secrets(field: str, text: str) -> None:
    """A column that slipped would put a NUMEN or an INE where everybody reads it. Raises Refused(INVALID)."""
    if not text.isalpha() and _DIGIT.search(text) and is_secret(text):
        raise Refused(Reason.INVALID, Cause("secret-there", field=field))


def _shown(field: str, text: str) -> str:
    """A name that a person is shown under. Raises Refused(INVALID).

    Line breaks are refused rather than made spaces, and so is what nobody sees, by which two names look alike.
    """
    if names.has_invisible(text):
        raise Refused(Reason.INVALID, Cause("text-unprintable", field=field))
    if is_secret(text):
        raise Refused(Reason.INVALID, f"{field}: this looks like a NUMEN or an INE, which are secrets")
    return _text(field, text)


def _common_names(found: Sequence[str]) -> tuple[str, ...]:
    if len(found) > MAX_COMMON_NAMES:
        raise Refused(Reason.LIMIT, f"cn: at most {MAX_COMMON_NAMES} values")
    return tuple(filter(None, (_shown("cn", text) for text in found)))


def _optional(field: str, text: str | None) -> str | None:
    return None if text is None else _text(field, text)


def _code(text: str) -> str:
    """NUMEN, INE and UAI as people type them: any case, any spaces."""
    return "".join(text.split()).upper()[:MAX_TEXT]


def checked_title(text: str) -> str:
    """`M.`, `Mme` or nothing. Raises Refused(INVALID)."""
    word = text.strip().lower()
    if word and word not in TITLES:
        raise Refused(Reason.INVALID, Cause("not-title", title=text.strip()[:20]))
    return TITLES.get(word, "")


def _placed(held: Iterable[Affiliation]) -> tuple[Affiliation, ...]:
    """Affiliations in canonical form, each at a school by its UAI or nowhere in particular. Raises Refused."""
    kept = affiliations.canonical(held)
    for tie in kept:
        if tie.uai and not identifiers.is_uai(tie.uai):
            raise Refused(Reason.INVALID, Cause("not-uai", field=tie.kind.value, uai=tie.uai))
    return kept


def _extra(text: str | None) -> str | None:
    if text is not None and len(text) > MAX_EXTRA:
        raise Refused(Reason.LIMIT, "too many further attributes")
    return text


def checked_recovery(text: str) -> str:
    """A private address in canonical form. Raises Refused(INVALID) when it is no address."""
    if not text.strip():
        return ""
    try:
        return str(parse(text.strip()))
    except BadSyntax as error:
        raise Refused(Reason.INVALID, Cause("recovery-address", error=str(error))) from None
