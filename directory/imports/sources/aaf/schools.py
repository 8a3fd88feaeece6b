"""`EtabEducNat`: schools, their classes and groups; and who is which structure number."""

import re
from collections.abc import Iterator, Mapping

from directory.imports.sources.aaf.functions import fields, number
from directory.imports.sources.aaf.requests import Request
from directory.imports.sources.records import Item, Remark, SchoolRecord, TermRecord
from directory.issuing.identifiers import is_uai
from mailserver.model.identity import Tie
from mailserver.texts.causes import Cause

ATTRIBUTES = frozenset(
    {
        *("ENTStructureJointure", "ENTStructureUAI", "ENTEtablissementUAI", "ENTStructureNomCourant"),
        *("ENTStructureTypeStruct", "ENTEtablissementContrat", "street", "postalCode", "l", "postOfficeBox"),
        *("telephoneNumber", "ENTStructureClasses", "ENTStructureGroupes"),
    }
)
PASSED_OVER = frozenset(
    {
        *("ENTStructureSIREN", "ENTStructureCodeTypeStruct", "ENTEtablissementMinistereTutelle"),
        *("ENTEtablissementCodeMinistereTutelle", "facsimileTelephoneNumber", "ENTEtablissementStructRattachFctl"),
        *("ENTEtablissementBassin", "ENTServAcAcademie", "ENTServCodeAcAcademie", "ENTStructureMailSI"),
        *("ENTStructureEmail", "ENTStructureSiteWeb", "categorieStructure"),
    }
)
"""Attributes that are known and of no use here."""

MAX_TEXT = 200
_ACADEMY = re.compile(r"\s*-\s*ac-[\w .'-]+$", re.IGNORECASE)
"""`COLLEGE X-DIJON-ac-DIJON`: every name ends with the academy's."""
_KINDS = (
    ("LYCEE PRO", "LP"),
    ("LYCEE", "LYC"),
    ("COLLEGE", "CLG"),
    ("ECOLE MATERNELLE", "MAT"),
    ("ECOLE", "ELE"),
    ("EREA", "EREA"),
    ("ETABLISSEMENT REGIONAL", "EREA"),
    ("SEGPA", "SEGPA"),
    ("SECTION D", "SEGPA"),
    ("CENTRE D'INFORMATION", "CIO"),
    ("CIO", "CIO"),
    ("INSPECTION", "IEN"),
    ("RECTORAT", "RECT"),
)


class Structures:
    """The UAI code of each structure number: as known before, then as the export's own schools say."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._uais = dict(known)

    def uai(self, structure: str) -> str:
        """Empty: nobody knows this structure. In some exports its number is the UAI itself."""
        found = self._uais.get(structure, "")
        return found or (structure if is_uai(structure) else "")

    def read(self, request: Request, file: str) -> Iterator[Item]:
        """The records of a school."""
        values = request.values
        said = _first(values, "ENTStructureUAI") or _first(values, "ENTEtablissementUAI")
        structure = number(_first(values, "ENTStructureJointure") or request.id)
        uai = "".join(said.split()).upper() or self.uai(structure)
        if not uai:
            yield Remark(request.line, Cause("structure-without-uai", structure=structure[:20]), file)
            return
        if not is_uai(uai):
            # Refused with its line by whoever checks records; people who name it have no school.
            yield SchoolRecord(line=request.line, uai=uai[:20], file=file)
            return
        self._uais[structure] = uai
        yield SchoolRecord(
            line=request.line,
            uai=uai,
            name=_name(values),
            kind=_kind(values),
            contract=_text(values, "ENTEtablissementContrat", 4),
            address=_address(values),
            postcode=_text(values, "postalCode", 16),
            town=_text(values, "l"),
            telephone=_text(values, "telephoneNumber", 40),
            source_key=structure,
            file=file,
        )
        for tie, name in ((Tie.CLASS, "ENTStructureClasses"), (Tie.GROUP, "ENTStructureGroupes")):
            for value in values.get(name, ()):
                code, label = [*fields(value), ""][:2]
                if code:
                    yield TermRecord(request.line, tie, uai, code, label[:MAX_TEXT], file)


def _first(values: Mapping[str, tuple[str, ...]], name: str) -> str:
    return next(iter(values.get(name, ())), "")


def _text(values: Mapping[str, tuple[str, ...]], name: str, length: int = MAX_TEXT) -> str | None:
    """None: not said; empty: erased."""
    return _first(values, name)[:length] if name in values else None


def _name(values: Mapping[str, tuple[str, ...]]) -> str | None:
    name = _text(values, "ENTStructureNomCourant")
    return _ACADEMY.sub("", name) if name else name


def _kind(values: Mapping[str, tuple[str, ...]]) -> str | None:
    said = _text(values, "ENTStructureTypeStruct")
    if not said:
        return said
    upper = said.upper().replace("É", "E").replace("È", "E")
    return next((kind for beginning, kind in _KINDS if upper.startswith(beginning)), upper[:16])


def _address(values: Mapping[str, tuple[str, ...]]) -> str | None:
    if "street" not in values and "postOfficeBox" not in values:
        return None
    box = _first(values, "postOfficeBox")
    return ", ".join(part for part in (_first(values, "street"), f"BP {box}" if box.isdigit() else box) if part)
