"""`PersEducNat` and `Eleve`: staff and pupils as the export says them, wholly or in part."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from directory.imports.sources.aaf.functions import (
    HEAD,
    PRINCIPAL,
    Function,
    codes_of_profiles,
    fields,
    function_of,
    number,
    role_of,
)
from directory.imports.sources.aaf.requests import Request, Verb
from directory.imports.sources.aaf.schools import Structures
from directory.imports.sources.records import Departure, Fault, Item, PersonRecord, Remark
from mailserver.model.credentials.proofs import parse_date
from mailserver.model.identity import Affiliation, Role, Tie
from mailserver.texts.causes import Cause

STAFF, PUPIL = "PersEducNat", "Eleve"
MAX_LABELS = 20_000
"""Codes whose label is remembered: there are some hundred functions and disciplines."""

_PERSON = frozenset(
    {
        *("ENTPersonJointure", "ENTPersonDateNaissance", "sn", "givenName", "personalTitle"),
        *("ENTPersonStructRattach", "ENTPersonNomPatro", "ENTPersonNumen"),
    }
)
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    STAFF: _PERSON
    | {
        *("ENTPersonFonctions", "ENTPersonProfils", "PersEducNatPresenceDevantEleves", "ENTEnsFonctionDir"),
        *("ENTAuxEnsClasses", "ENTAuxEnsClassesMatieres", "ENTAuxEnsGroupes", "ENTAuxEnsGroupesMatieres"),
        "ENTAuxEnsClassesPrincipal",
    },
    PUPIL: _PERSON
    | {
        *("ENTEleveClasses", "ENTEleveGroupes", "ENTEleveMEF", "ENTEleveINE", "ENTEleveIne"),
        *("ENTEleveLibelleMEF", "ENTEleveDateEntree", "ENTEleveDateSortie"),
    },
}
PASSED_OVER = frozenset(
    {
        *("ENTPersonAutresPrenoms", "categoriePersonne", "mail", "mobile", "homePhone", "telephoneNumber"),
        *("ENTPersonLogin", "ENTPersonAdresse", "ENTPersonCodePostal", "ENTPersonVille", "ENTPersonPays"),
        *("ENTAuxEnsCategoDiscipline", "ENTAuxEnsMEF", "ENTAuxEnsMatiereEnseignEtab", "ENTAuxEnsDisciplinesPoste"),
        *("ENTPersonCategorieEnseignant", "ENTElevePersRelEleve", "ENTEleveRegime"),
        *("ENTEleveNivFormation", "ENTEleveFiliere", "ENTEleveBoursier", "ENTEleveTransport", "ENTEleveStatutEleve"),
        *("ENTEleveStructRattachId", "ENTEleveCodeEnseignements", "ENTEleveEnseignements", "ENTEleveParents"),
        *("ENTElevePere", "ENTEleveMere", "ENTEleveAutoriteParentale", "ENTElevePersRelEleve1", "ENTEleveMajeur"),
        *("ENTEleveQualitePersRelEleve1", "ENTElevePersRelEleve2", "ENTEleveQualitePersRelEleve2"),
        *("ENTEleveMajeurAnticipe", "ENTEleveVilleNaissance", "ENTEleveDepartementNaissance"),
        *("ENTElevePaysNaissance", "ENTElevePersRelEleveAutres"),
    }
)
"""Attributes that are known and of no use here: addresses, telephones, parents, grants."""

_TITLES = {"M": "M.", "M.": "M.", "MR": "M.", "MR.": "M.", "MME": "Mme", "MLLE": "Mme", "MELLE": "Mme"}
_DATE = re.compile(r"(\d{2})/(\d{2})/(\d{4})", re.ASCII)
_PARTS = re.compile(r"[^\s'’-]+")

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What numbers mean, as read so far: structures, subjects, trainings."""

    structures: Structures
    subjects: dict[str, str] = field(default_factory=dict)
    trainings: dict[str, str] = field(default_factory=dict)
    _labels: dict[tuple[Tie, str], str] = field(default_factory=dict)

    def label(self, tie: Tie, code: str, said: str) -> str:
        """One label for each code, the first that was said: records differ in how they cut and spell it."""
        if len(self._labels) >= MAX_LABELS:
            return natural(said)
        return self._labels.setdefault((tie, code), natural(said))


def read(request: Request, words: Vocabulary, today: date, file: str) -> Iterator[Item]:
    """The records of a person of staff or of a pupil."""
    values = request.values
    key = number(_first(values, "ENTPersonJointure") or request.id)
    if request.verb is Verb.DELETE:
        yield Departure(request.line, number(request.id), file)
        return
    fault = _fault(request)
    if fault:
        yield Fault(request.line, fault, PersonRecord(line=request.line, source_key=key, file=file), file)
        return
    if request.category == PUPIL and _has_left(values, today):
        yield Departure(request.line, key, file)
        return
    known = [(structure, words.structures.uai(structure)) for structure in _structures(request)]
    for structure, uai in known:
        if not uai:
            yield Remark(request.line, Cause("structure-unknown", structure=structure[:20]), file)
    uais = [uai for _, uai in known if uai]
    if request.verb is Verb.MODIFY and "ENTPersonFonctions" not in values:
        for name in ("ENTAuxEnsClassesPrincipal", "ENTEnsFonctionDir"):
            if name in values:
                yield Remark(request.line, Cause("waits-for-full", field=name), file)
    yield (_pupil if request.category == PUPIL else _staff)(request, key, uais, words, file)


def _fault(request: Request) -> Cause | None:
    """What makes a record useless; None: nothing."""
    values = request.values
    whole = request.verb is Verb.ADD
    for name in ("sn", "givenName"):
        # A modification that erases a name is refused too.
        if (whole or name in values) and not _first(values, name):
            return Cause("cell-empty", field=name)
    born = _first(values, "ENTPersonDateNaissance")
    return Cause("not-a-date", field="ENTPersonDateNaissance") if born and not _iso(born) else None


def _staff(request: Request, key: str, uais: Sequence[str], words: Vocabulary, file: str) -> PersonRecord:
    values = request.values
    functions = [
        function for function in map(function_of, values.get("ENTPersonFonctions", ())) if function is not None
    ]
    whole = request.verb is Verb.ADD
    ties: set[Tie] = set()
    found: list[Affiliation] = []
    if whole or "ENTPersonFonctions" in values:
        ties |= {Tie.FUNCTION, Tie.DISCIPLINE, Tie.SCHOOL}
        found += _offices(values, functions, words)
        main = uais[0] if uais else ""
        schools = [*uais, *(words.structures.uai(function.structure) for function in functions)]
        found += [Affiliation(Tie.SCHOOL, uai, uai) for uai in dict.fromkeys(schools) if uai not in ("", main)]
    for tie, names in (
        (Tie.CLASS, ("ENTAuxEnsClassesMatieres", "ENTAuxEnsClasses")),
        (Tie.GROUP, ("ENTAuxEnsGroupesMatieres", "ENTAuxEnsGroupes")),
    ):
        if whole or any(name in values for name in names):
            ties.add(tie)
            found += _places(tie, [value for name in names for value in values.get(name, ())], words)
    return dataclasses.replace(
        _common(request, key, uais, file),
        role=_role(values, functions, whole, words, uais),
        discipline=_discipline(found) if Tie.DISCIPLINE in ties else None,
        numen=_first(values, "ENTPersonNumen") or None,
        affiliations=tuple(found),
        ties=frozenset(ties),
    )


def _pupil(request: Request, key: str, uais: Sequence[str], words: Vocabulary, file: str) -> PersonRecord:
    values = request.values
    whole = request.verb is Verb.ADD
    ties: set[Tie] = set()
    found: list[Affiliation] = []
    for tie, name in ((Tie.CLASS, "ENTEleveClasses"), (Tie.GROUP, "ENTEleveGroupes")):
        if whole or name in values:
            ties.add(tie)
            found += _places(tie, values.get(name, ()), words)
    if whole or "ENTPersonStructRattach" in values:
        ties.add(Tie.SCHOOL)
        found += [Affiliation(Tie.SCHOOL, uai, uai) for uai in dict.fromkeys(uais[1:]) if uai != uais[0]]
    return dataclasses.replace(
        _common(request, key, uais, file),
        role=Role.PUPIL if whole else None,
        discipline=_training(values, words) if whole or "ENTEleveMEF" in values else None,
        ine=_first(values, "ENTEleveINE") or _first(values, "ENTEleveIne") or None,
        affiliations=tuple(found),
        ties=frozenset(ties),
    )


def _common(request: Request, key: str, uais: Sequence[str], file: str) -> PersonRecord:
    """What staff and pupils have in common."""
    values = request.values
    title = _first(values, "personalTitle")
    return PersonRecord(
        line=request.line,
        source_key=key,
        given_name=_name(_first(values, "givenName")) or None,
        surname=_name(_first(values, "sn")) or None,
        birth_date=_iso(_first(values, "ENTPersonDateNaissance")) or None,
        # A structure that nobody knows says nothing; none at all means that there is none any more.
        uai=uais[0] if uais else "" if values.get("ENTPersonStructRattach") == () else None,
        title=_TITLES.get(title.upper(), "") if "personalTitle" in values else None,
        file=file,
    )


# ---------------------------------------------------------------------- parts of a person


def _role(
    values: Values, functions: Sequence[Function], whole: bool, words: Vocabulary, uais: Sequence[str]
) -> Role | None:
    """None when a modification says nothing about it."""
    if not whole and "ENTPersonFonctions" not in values:
        return None
    codes = [function.code for function in functions] or codes_of_profiles(values.get("ENTPersonProfils", ()))
    teaches = _first(values, "PersEducNatPresenceDevantEleves").upper() == "O"
    return role_of(
        codes, teaches, bool(uais) or any(words.structures.uai(function.structure) for function in functions)
    )


def _offices(values: Values, functions: Sequence[Function], words: Vocabulary) -> Iterator[Affiliation]:
    """Functions by school, disciplines taught, being the head of a school or a class's principal teacher."""
    for function in functions:
        uai = words.structures.uai(function.structure)
        yield Affiliation(Tie.FUNCTION, function.code, uai, words.label(Tie.FUNCTION, function.code, function.label))
        if function.teaches and function.post_label:
            code = function.post or function.post_label
            yield Affiliation(Tie.DISCIPLINE, code, "", words.label(Tie.DISCIPLINE, code, function.post_label))
    if not any(function.teaches and function.post_label for function in functions):
        for value in values.get("ENTAuxEnsClassesMatieres", ()):
            subject = [*fields(value), "", "", ""][2]
            if subject:
                label = words.label(Tie.DISCIPLINE, subject, words.subjects.get(subject, subject))
                yield Affiliation(Tie.DISCIPLINE, subject, "", label)
    for value in values.get("ENTEnsFonctionDir", ()):
        uai = words.structures.uai(fields(value)[0])
        if uai:
            yield Affiliation(Tie.FUNCTION, HEAD, uai, words.label(Tie.FUNCTION, HEAD, "Direction"))
    led = {words.structures.uai(structure) for structure, _ in _named(values.get("ENTAuxEnsClassesPrincipal", ()))}
    for uai in sorted(led - {""}):
        yield Affiliation(Tie.FUNCTION, PRINCIPAL, uai, "Professeur principal")


def _places(tie: Tie, values: Sequence[str], words: Vocabulary) -> Iterator[Affiliation]:
    """Classes or groups: `struct$name`, with a subject or not."""
    for code, uai in dict.fromkeys((name, words.structures.uai(structure)) for structure, name in _named(values)):
        if uai:
            yield Affiliation(tie, code, uai)


def _named(values: Sequence[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        structure, name = [*fields(value), ""][:2]
        if structure and name:
            yield structure, name


def _discipline(affiliations: Sequence[Affiliation]) -> str:
    return next(
        (affiliation.label or affiliation.code for affiliation in affiliations if affiliation.kind is Tie.DISCIPLINE),
        "",
    )


def _training(values: Values, words: Vocabulary) -> str:
    """What a pupil is enrolled in, by its label."""
    code = _first(values, "ENTEleveMEF")
    return natural(_first(values, "ENTEleveLibelleMEF") or words.trainings.get(code, code))


def _structures(request: Request) -> list[str]:
    """Structure numbers, the main one first. Where nothing else says it, that of the first function."""
    said = request.values.get("ENTPersonStructRattach", ())
    if not said and request.verb is Verb.ADD:
        said = request.values.get("ENTPersonFonctions", ())[:1]
    return [fields(value)[0] for value in said if fields(value)[0]]


def _has_left(values: Values, today: date) -> bool:
    left = _iso(_first(values, "ENTEleveDateSortie"))
    return bool(left) and left < today.isoformat()


def _iso(text: str) -> str:
    """A date as ISO; empty when it is none. The export's own form goes the short way."""
    found = _DATE.fullmatch(text)
    if found is None:
        return parse_date(text) if text else ""
    try:
        return date(int(found[3]), int(found[2]), int(found[1])).isoformat()
    except ValueError:
        return ""


def _first(values: Values, name: str) -> str:
    return next(iter(values.get(name, ())), "")


def natural(text: str) -> str:
    """`MATHEMATIQUES` shouts; a label that has small letters is left as it is."""
    return text.capitalize() if text.isupper() else text


def _name(text: str) -> str:
    """`DE LA FONTAINE`, as exports write surnames, with small letters: `De La Fontaine`."""
    return _PARTS.sub(lambda part: part[0].capitalize(), text) if text.isupper() and len(text) > 1 else text
