"""What is known of a person as JSON: for the plan's own memory, and for the record by which a change is taken back.

NUMEN, INE and birth date are in it as the keyed hashes they are everywhere.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from directory.imports.sources.records import PersonRecord
from directory.imports.target import Candidate
from mailserver.model.identity import Affiliation, Role, Tie
from mailserver.store.account.accounts import Marks
from mailserver.store.people.bulk_people import ENTRY_FIELDS, Known

_OCTETS = frozenset(("numen", "ine", "birth_date"))
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SHOWN = ("display_name", "common_names")
"""What no import gives somebody new."""
_ARRIVAL = (
    *(name for name in ENTRY_FIELDS if name not in _SHOWN),
    *("affiliations", "numen", "ine", "birth_date", "recovery_address", "source", "source_key"),
)
"""What must be as the import left it for an arrival to be taken back."""
_RECORD = tuple(field.name for field in fields(PersonRecord) if field.name not in ("numen", "ine", "password"))


def dump(known: Known, names: Iterable[str] = Known._fields) -> str:
    """Some facts by name."""
    values: dict[str, Any] = {name: getattr(known, name) for name in names}
    return _JSON.encode(_made_plain(values))


def load(text: str) -> dict[str, Any]:
    """The facts as `Known` holds them."""
    return {name: _rich(name, value) for name, value in json.loads(text).items()}


def seal(known: Known) -> str:
    """A digest of what an import made somebody new."""
    names = (*_ARRIVAL, *(name for name in _SHOWN if getattr(known, name)))
    return hashlib.blake2b(dump(known, names).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _made_plain(values: dict[str, Any]) -> dict[str, Any]:
    """The same values as JSON can hold them; most are plain already."""
    for name in _OCTETS & values.keys():
        values[name] = _hex(values[name])
    if "affiliations" in values:
        values["affiliations"] = _rows(values["affiliations"])
    return values


def _hex(octets: bytes | None) -> str | None:
    return octets.hex() if octets is not None else None


def _rows(held: Iterable[Affiliation]) -> list[tuple[str, str, str, str]]:
    return [(tie.kind.value, tie.code, tie.uai, tie.label) for tie in held]


def _rich(name: str, value: Any) -> Any:
    if name in _OCTETS:
        return bytes.fromhex(value) if value is not None else None
    if name == "affiliations":
        return tuple(Affiliation(Tie(kind), code, uai, label) for kind, code, uai, label in value)
    return value


# ---------------------------------------------------------------------- candidates


def dump_candidate(candidate: Candidate) -> str:
    """A line of the plan."""
    record, marks = candidate.record, candidate.marks
    # None is "not said" and left out, an empty text is "erase" and is not.
    values: dict[str, Any] = {name: value for name in _RECORD if (value := getattr(record, name)) is not None}
    if record.affiliations:
        values["affiliations"] = _rows(record.affiliations)
    values["ties"] = [tie.value for tie in record.ties]
    values["marks"] = (_hex(marks.numen), _hex(marks.ine), _hex(marks.birth_date))
    secrets = (candidate.password_hash, candidate.verifier.hex(), candidate.confirmed)
    values["candidate"] = (candidate.place, candidate.account_id, candidate.departs, *secrets)
    return _JSON.encode(values)


def load_candidate(text: str) -> Candidate:
    """The candidate of a line of the plan."""
    values: Mapping[str, Any] = json.loads(text)
    said = {name: value for name, value in values.items() if name in _RECORD}
    said["ties"] = frozenset(map(Tie, values["ties"]))
    said["affiliations"] = _rich("affiliations", values.get("affiliations", ()))
    if "role" in said:
        said["role"] = Role(said["role"])
    marks = Marks(*(bytes.fromhex(mark) if mark is not None else None for mark in values["marks"]))
    place, account_id, departs, kept, verifier, confirmed = values["candidate"]
    sealed = bytes.fromhex(verifier)
    return Candidate(PersonRecord(**said), marks, place, account_id, departs, bool(kept), kept, sealed, confirmed)
