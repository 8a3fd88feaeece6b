"""What is known of a person as JSON: for the plan's own memory, and for the record by which a change is taken back.

NUMEN, INE and birth date are in it as the keyed hashes they are everywhere.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from directory.imports.records import PersonRecord
from directory.imports.target import Candidate
from mailserver.identity import Affiliation, Role, Tie
from mailserver.store.accounts import Marks
from mailserver.store.roll import ENTRY_FIELDS, Known

_OCTETS = frozenset(("numen", "ine", "birth_date"))
_COMPACT = (",", ":")
_ARRIVAL = (
    *ENTRY_FIELDS,
    *("affiliations", "numen", "ine", "birth_date", "recovery_address", "source", "source_key"),
)
"""What must be as the import left it for an arrival to be taken back."""
_RECORD = tuple(field.name for field in fields(PersonRecord) if field.name not in ("numen", "ine", "password"))


def dump(known: Known, names: Iterable[str] = Known._fields) -> str:
    """Some facts by name."""
    return json.dumps(
        {name: _plain(name, getattr(known, name)) for name in names}, ensure_ascii=False, separators=_COMPACT
    )


def load(text: str) -> dict[str, Any]:
    """The facts as `Known` holds them."""
    return {name: _rich(name, value) for name, value in json.loads(text).items()}


def seal(known: Known) -> str:
    """A digest of what an import made somebody new."""
    return hashlib.blake2b(dump(known, _ARRIVAL).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _plain(name: str, value: Any) -> Any:
    if name in _OCTETS:
        return value.hex() if value is not None else None
    if name == "affiliations":
        return [(one.kind.value, one.code, one.uai, one.label) for one in value]
    return value


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
    values: dict[str, Any] = {name: value for name in _RECORD if (value := getattr(record, name)) not in (None, "", ())}
    # "Erase" is not "not said".
    values |= {name: "" for name in _RECORD if getattr(record, name) == ""}
    if record.affiliations:
        values["affiliations"] = _plain("affiliations", record.affiliations)
    values["ties"] = [tie.value for tie in record.ties]
    values["marks"] = [_plain(name, getattr(marks, name)) for name in ("numen", "ine", "birth_date")]
    values["candidate"] = (candidate.place, candidate.account_id, candidate.departs, candidate.password_hash)
    return json.dumps(values, ensure_ascii=False, separators=_COMPACT)


def load_candidate(text: str) -> Candidate:
    """The candidate of a line of the plan."""
    values: Mapping[str, Any] = json.loads(text)
    said = {name: value for name, value in values.items() if name in _RECORD}
    said["ties"] = frozenset(map(Tie, values["ties"]))
    said["affiliations"] = _rich("affiliations", values.get("affiliations", ()))
    if "role" in said:
        said["role"] = Role(said["role"])
    marks = Marks(*(bytes.fromhex(mark) if mark is not None else None for mark in values["marks"]))
    place, account_id, departs, password_hash = values["candidate"]
    return Candidate(PersonRecord(**said), marks, place, account_id, departs, bool(password_hash), password_hash)
