"""What the functions of the export make of somebody here.

| function | who | role |
| --- | --- | --- |
| DIR | head of a school, or deputy | secretariat: they hand over the letters of their school |
| ADF, ADM, ACP, AES | administration of a school | secretariat |
| ENS | teacher | teacher |
| DOC | teacher-librarian | teacher |
| EDU, CFC, ORI | education, guidance, continuing training | staff |
| AED, SUR, ASE | supervision, assistants | staff |
| LAB, ALB, OUV, TEC, CTR, MDS | laboratory, workshops, technicians, health | staff |
| anything else, known or not | | staff |

Of several functions the first in the order of this table decides. Somebody without any is a teacher when the
export says that they stand in front of pupils (`PersEducNatPresenceDevantEleves`), else staff. Nobody becomes an
administrator by an export, and the secretariat's rights end at the school of the person (`uai`): without
one, a secretary is staff.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailserver.model.identity import Role

HEAD, PRINCIPAL = "DIR", "PP"
"""`PP` is ours: principal teacher of a class of the school."""

_SECRETARIAT = (HEAD, "ADF", "ADM", "ACP", "AES")
_TEACHING = ("ENS", "DOC")
_PROFILES = {
    "NATIONAL_ENS": "ENS",
    "NATIONAL_DOC": "DOC",
    "NATIONAL_DIR": HEAD,
    "NATIONAL_EVS": "EDU",
    "NATIONAL_ETA": "LAB",
    "NATIONAL_ACA": "ACA",
    "NATIONAL_COL": "COL",
}
"""Profiles of the portals' format, where there are no functions."""


@dataclass(frozen=True, slots=True)
class Function:
    """`struct$code$label$postCode$postLabel`."""

    structure: str
    code: str
    label: str
    post: str
    post_label: str

    @property
    def teaches(self) -> bool:
        return self.code in _TEACHING


def fields(value: str) -> list[str]:
    """The parts between dollar signs; the prefix `AC-DIJON$` of directories is not one of them."""
    parts = [part.strip() for part in value.split("$")]
    return parts[1:] if parts[0].startswith("AC-") else parts


def number(value: str) -> str:
    """A person's or structure's number, with or without that prefix."""
    return fields(value)[0] if "$" in value else value


def function_of(value: str) -> Function | None:
    """None when it names no structure or no code."""
    parts = [*fields(value), "", "", "", "", ""][:5]
    if not parts[0] or not parts[1]:
        return None
    return Function(parts[0], parts[1].upper(), parts[2], parts[3].upper(), parts[4])


def role_of(codes: Collection[str], teaches: bool, has_school: bool) -> Role:
    """The table above."""
    if any(code in codes for code in _SECRETARIAT):
        return Role.SECRETARIAT if has_school else Role.STAFF
    if any(code in codes for code in _TEACHING) or (not codes and teaches):
        return Role.TEACHER
    return Role.STAFF


def codes_of_profiles(profiles: Sequence[str]) -> list[str]:
    """Function codes that stand for the profiles of the portals' format."""
    return [_PROFILES[profile.upper()] for profile in profiles if profile.upper() in _PROFILES]
