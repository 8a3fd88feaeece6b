"""Makes AAF exports of an academy that does not exist: schools, staff, pupils and their parents, full and delta.

Everything follows from the seed: person number n is always the same person, so a delta can say what changed of
somebody whom a full export named. Run as a program it writes an export:

    python -m tests.directory.imports.aaf_generator FOLDER --staff 300 --pupils 3000 --schools 12
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape, quoteattr

from directory.issuing.identifiers import uai_letter

ENCODING = "iso-8859-15"
PER_FILE = 10_000
DATE = "20261124"
LATER = "20261125"

GIVEN = (
    *("Léa", "Zoé", "Chloé", "Inès", "Maëlys", "Anaïs", "Loïc", "Gaël", "Noël", "Joël", "Théo", "Hugo", "Nathan"),
    *("Jean-François", "Marie-Ève", "Anne-Sophie", "Jean-Baptiste", "Pierre", "Paul", "Marc", "Camille", "Louise"),
    *("Emma", "Jade", "Manon", "Sarah", "Lucas", "Enzo", "Mohamed", "Yanis", "Fatoumata", "Aïcha", "Öykü", "Mateo"),
    *("Cœlia", "Mærwen", "François", "Françoise", "Hélène", "Agnès", "Côme", "Aurélien", "Clément", "Éloïse", "Élise"),
    *("Jules", "Arthur", "Rose", "Alice", "Lina", "Adam", "Raphaël", "Gabriel", "Ambre", "Tom", "Victoire", "D'Arcy"),
)
SURNAMES = (
    *("Martin", "Bernard", "Dubois", "Thomas", "Robert", "Richard", "Petit", "Durand", "Leroy", "Moreau", "Simon"),
    *("Laurent", "Lefèvre", "Michel", "Garcia", "David", "Bertrand", "Roux", "Vincent", "Fournier", "Girard", "André"),
    *("N'Guyen", "d'Ormesson", "L'Hôpital", "Le Dupond", "de La Fontaine", "Lebœuf", "Cœur", "Bœuf", "Ÿzerman"),
    *("O'Brien", "Müller", "Nuñez", "Gonçalves", "Saint-Étienne", "Le Goff", "du Plessis", "Ben Saïd", "Diallo"),
)
SYLLABLES = (
    *("ba", "ber", "bo", "bri", "ca", "cha", "che", "cou", "da", "de", "dou", "du", "fa", "fer", "fon", "gau", "ge"),
    *("gi", "la", "le", "lo", "ma", "mé", "mo", "na", "né", "pa", "pé", "pou", "ra", "ré", "ro", "sa", "sé", "ta"),
    *("té", "tou", "va", "vi", "vé"),
)
ENDINGS = ("rd", "t", "x", "ux", "n", "nd", "l", "ll", "s", "c", "ot", "in", "on", "eau", "ier", "ay", "ez", "el")
DEPARTMENTS = ("021", "058", "071", "089")
TOWNS = ("Dijon", "Beaune", "Nevers", "Mâcon", "Chalon-sur-Saône", "Auxerre", "Sens", "Semur-en-Auxois", "Le Creusot")
KINDS = (
    ("COLLEGE", "CLG", ("6", "5", "4", "3"), "10010012110"),
    ("LYCEE GENERAL ET TECHNOLOGIQUE", "LYC", ("2NDE", "1G", "TG"), "20010018110"),
    ("LYCEE PROFESSIONNEL", "LP", ("2PRO", "1PRO", "TPRO"), "24730001110"),
    ("ECOLE ELEMENTAIRE", "ELE", ("CP", "CE1", "CE2", "CM1", "CM2"), "00610003110"),
)
SUBJECTS = (
    ("L0202", "LETTRES MODERNES", "020700", "FRANCAIS"),
    ("L1300", "MATHEMATIQUES", "061300", "MATHEMATIQUES"),
    ("L1000", "HISTOIRE GEOGRAPHIE", "043700", "HISTOIRE-GEOGRAPHIE"),
    ("L0422", "ANGLAIS", "030201", "ANGLAIS LV1"),
    ("L1500", "SCIENCES PHYSIQUES", "062700", "PHYSIQUE-CHIMIE"),
    ("L1600", "SCIENCES DE LA VIE ET DE LA TERRE", "062900", "SVT"),
    ("L1900", "EDUCATION PHYSIQUE ET SPORTIVE", "100100", "EPS"),
)
OFFICES = (
    ("DIR", "DIRECTION", "D0010", "PROVISEUR"),
    ("ADF", "PERSONNELS ADMINISTRATIFS", "A0030", "SECRETAIRE"),
    ("EDU", "EDUCATION", "E0030", "CONSEILLER PRINCIPAL D'EDUCATION"),
    ("DOC", "DOCUMENTATION", "L0080", "DOCUMENTATION"),
    ("AED", "ASSISTANT D'EDUCATION", "S0010", "ASSISTANT D'EDUCATION"),
    ("LAB", "PERSONNELS DE LABORATOIRE", "T0010", "TECHNICIEN"),
)

FIRST_STRUCTURE = 1000
FIRST_STAFF = 1_000_000
FIRST_PUPIL = 5_000_000
FIRST_PARENT = 9_000_000

Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the export, by the number that is theirs there."""

    number: int
    given: str
    surname: str
    birth: str
    title: str
    school: int
    turn: int
    """Says which class, groups, subject and office they have."""


@dataclass(frozen=True, slots=True)
class Academy:
    """An academy and its exports."""

    staff: int
    pupils: int
    schools: int
    seed: int = 2026

    # ------------------------------------------------------------------ who there is

    def uai(self, school: int) -> str:
        digits = f"{DEPARTMENTS[school % len(DEPARTMENTS)]}{school // len(DEPARTMENTS):04d}"
        return digits + uai_letter(digits)

    def classes(self, school: int) -> list[str]:
        levels = KINDS[school % len(KINDS)][2]
        return [f"{level}{letter}" for level in levels for letter in "ABCD"]

    def groups(self, school: int) -> list[str]:
        return [f"{level}LAT-{number}" for level in KINDS[school % len(KINDS)][2] for number in (1, 2)]

    def teacher(self, index: int) -> Person:
        return self._person(FIRST_STAFF + index, 1962, 40)

    def pupil(self, index: int) -> Person:
        return self._person(FIRST_PUPIL + index, 2008, 12)

    def _person(self, number: int, year: int, span: int) -> Person:
        random = Random(self.seed << 32 | number)
        title = random.choice(("M.", "Mme"))
        birth = f"{random.randint(1, 28):02d}/{random.randint(1, 12):02d}/{year + random.randrange(span)}"
        return Person(
            number,
            random.choice(GIVEN),
            surname(random),
            birth,
            title,
            random.randrange(self.schools),
            random.randrange(1 << 20),
        )

    # ------------------------------------------------------------------ attributes

    def school_values(self, school: int) -> Values:
        label, _, _, mef = KINDS[school % len(KINDS)]
        town = TOWNS[school % len(TOWNS)]
        classes = self.classes(school)
        return {
            "ENTStructureJointure": (str(FIRST_STRUCTURE + school),),
            "ENTStructureUAI": (self.uai(school),),
            "ENTEtablissementUAI": (self.uai(school),),
            "ENTStructureSIREN": (f"1921{school:010d}",),
            "ENTStructureNomCourant": (f"{label} DE L'ÎLE N°{school}-{town.upper()}-ac-DIJON",),
            "ENTStructureTypeStruct": (label,),
            "ENTEtablissementMinistereTutelle": ("MINISTERE DE L'EDUCATION NATIONALE",),
            "ENTEtablissementContrat": ("PR" if school % 9 == 8 else "PU",),
            "street": (f"{school % 90 + 1} rue de l'Église",),
            "postalCode": (f"{DEPARTMENTS[school % 4][1:]}000",),
            "l": (town,),
            "telephoneNumber": (f"+33 3 80 {school % 100:02d} 00 00",),
            "facsimileTelephoneNumber": (),
            "ENTServAcAcademie": ("DIJON",),
            "ENTStructureClasses": [f"{name}$Classe de {name}${mef}" for name in classes],
            "ENTStructureGroupes": [f"{name}$Latin {name}${'$'.join(classes[:2])}" for name in self.groups(school)],
        }

    def staff_values(self, person: Person) -> Values:
        structure = FIRST_STRUCTURE + person.school
        teaches = person.turn % 10 < 8
        code, label, taught, _ = SUBJECTS[person.turn % len(SUBJECTS)]
        classes = self.classes(person.school)
        mine = [classes[(person.turn + step * 3) % len(classes)] for step in range(4)] if teaches else []
        office = OFFICES[person.turn // 10 % len(OFFICES)]
        function = ("ENS", "ENSEIGNEMENT", code, label) if teaches else office
        return {
            **_identity(person),
            "mail": (),
            "ENTPersonStructRattach": (str(structure),),
            "ENTAuxEnsCategoDiscipline": (f"{structure}${label}",) if teaches else (),
            "ENTAuxEnsMatiereEnseignEtab": (f"{structure}${taught}",) if teaches else (),
            "ENTAuxEnsClassesMatieres": [f"{structure}${name}${taught}" for name in dict.fromkeys(mine)],
            "ENTAuxEnsGroupesMatieres": (
                (f"{structure}${self.groups(person.school)[0]}${taught}",) if teaches and person.turn % 5 == 0 else ()
            ),
            "ENTAuxEnsClassesPrincipal": (f"{structure}${mine[0]}",) if teaches and person.turn % 7 == 0 else (),
            "ENTPersonFonctions": ("$".join((str(structure), *function)),),
            "PersEducNatPresenceDevantEleves": ("O" if teaches else "N",),
        }

    def pupil_values(self, person: Person) -> Values:
        structure = FIRST_STRUCTURE + person.school
        classes, groups = self.classes(person.school), self.groups(person.school)
        index = person.number - FIRST_PUPIL
        return {
            **_identity(person),
            "ENTPersonStructRattach": (str(structure),),
            "ENTEleveStructRattachId": (str(index),),
            "ENTEleveINE": (f"{index:09d}{'ABCDEFGHJK'[index % 10]}{'ABCDEFGHJK'[index // 10 % 10]}",),
            "ENTEleveMEF": (KINDS[person.school % len(KINDS)][3],),
            "ENTEleveLibelleMEF": (f"MEF DE {KINDS[person.school % len(KINDS)][0]}",),
            "ENTEleveRegime": ("DEMI-PENSIONNAIRE DANS L'ETABLISSEMENT",),
            "ENTEleveClasses": (f"{structure}${classes[person.turn % len(classes)]}",),
            "ENTEleveGroupes": (f"{structure}${groups[person.turn % len(groups)]}",) if person.turn % 3 == 0 else (),
            "ENTElevePersRelEleve": (f"{FIRST_PARENT + index}$1$1$1$0$0",),
            "ENTPersonVille": (TOWNS[person.turn % len(TOWNS)],),
            "ENTPersonPays": ("FRANCE",),
        }

    def parent_values(self, child: Person) -> Values:
        parent = replace(child, number=FIRST_PARENT + child.number - FIRST_PUPIL, given="Dominique", birth="")
        return {**_identity(parent), "mail": (f"parent{parent.number}@example.org",)}

    # ------------------------------------------------------------------ exports

    def write_full(self, folder: Path, parents: bool = False) -> list[Path]:
        """A complete export; the files that were written."""
        schools, pupils = range(self.schools), range(self.pupils)
        written = [
            *self._write(folder, "EtabEducNat", (self._school(number) for number in schools)),
            *self._write(folder, "MatiereEducNat", (_subject(subject) for subject in SUBJECTS)),
            *self._write(folder, "MefEducNat", (_training(kind) for kind in KINDS)),
            *self._write(folder, "PersEducNat", (self._staff(self.teacher(index)) for index in range(self.staff))),
            *self._write(folder, "Eleve", (self._pupil(self.pupil(index)) for index in pupils)),
        ]
        if parents:
            family = (self._parent(self.pupil(index)) for index in pupils)
            written += self._write(folder, "PersRelEleve", family)
        return written

    def write_delta(self, folder: Path, changes: int) -> list[Path]:
        """The day after: of ten changes, two arrivals, one departure, three moves, four changes of class or name.

        Arrivals are people whom the full export does not know.
        """
        staff: list[str] = []
        pupils: list[str] = []
        for index in range(changes):
            random = Random(f"{self.seed} delta {index}")
            to_staff = index % 11 == 0
            lines, of = (staff, self.staff) if to_staff else (pupils, self.pupils)
            # A stride of its own for each, so that nobody is named twice.
            number = index * max(1, of // changes) % of
            lines.append(self._change(index % 10, to_staff, number, of + index, random))
        return [*self._write(folder, "PersEducNat", staff, "Delta"), *self._write(folder, "Eleve", pupils, "Delta")]

    def _change(self, what: int, to_staff: bool, index: int, unknown: int, random: Random) -> str:
        make: Callable[[int], Person] = self.teacher if to_staff else self.pupil
        values: Callable[[Person], Values] = self.staff_values if to_staff else self.pupil_values
        category = "PersEducNat" if to_staff else "Eleve"
        person = make(index)
        if what < 2:
            return self._staff(make(unknown)) if to_staff else self._pupil(make(unknown))
        if what == 2:
            return delete("categoriePersonne", category, person.number)
        if what < 6:
            moved = replace(person, school=(person.school + 1) % self.schools, turn=random.randrange(1 << 20))
            return modify("categoriePersonne", category, person.number, _difference(values(person), values(moved)))
        if what == 6:
            married = {"sn": (f"{person.surname}-Dufœur",)}
            return modify("categoriePersonne", category, person.number, married)
        turned = replace(person, turn=person.turn + 70)
        return modify("categoriePersonne", category, person.number, _difference(values(person), values(turned)))

    def _school(self, number: int) -> str:
        return add("categorieStructure", "EtabEducNat", FIRST_STRUCTURE + number, self.school_values(number))

    def _staff(self, person: Person) -> str:
        return add("categoriePersonne", "PersEducNat", person.number, self.staff_values(person))

    def _pupil(self, person: Person) -> str:
        return add("categoriePersonne", "Eleve", person.number, self.pupil_values(person))

    def _parent(self, child: Person) -> str:
        number = FIRST_PARENT + child.number - FIRST_PUPIL
        return add("categoriePersonne", "PersRelEleve", number, self.parent_values(child))

    def _write(self, folder: Path, family: str, records: Iterable[str], mode: str = "Complet") -> list[Path]:
        date = DATE if mode == "Complet" else LATER
        return write_files(folder, f"ENT_{self.uai(0)}_{mode}_{date}_{family}", records)


def surname(random: Random) -> str:
    """One in four from a list of common names, so that there are homonyms; the others made of syllables."""
    if random.random() < 0.25:
        return random.choice(SURNAMES)
    made = "".join(random.choice(SYLLABLES) for _ in range(random.randint(1, 3))) + random.choice(ENDINGS)
    return made.capitalize()


def _identity(person: Person) -> Values:
    return {
        "ENTPersonJointure": (str(person.number),),
        "ENTPersonDateNaissance": (person.birth,) if person.birth else (),
        "ENTPersonNomPatro": (person.surname,),
        "sn": (person.surname,),
        "givenName": (person.given,),
        "ENTPersonAutresPrenoms": (person.given,),
        "personalTitle": (person.title,),
    }


def _difference(before: Values, after: Values) -> Values:
    return {name: found for name, found in after.items() if before.get(name) != found}


def _subject(subject: tuple[str, str, str, str]) -> str:
    values = {"ENTMatJointure": (subject[2],), "ENTLibelleMatiere": (subject[3],)}
    return add("categorieMatiere", "MatiereEducNat", subject[2], values)


def _training(kind: tuple[str, str, tuple[str, ...], str]) -> str:
    values = {"ENTMefJointure": (kind[3],), "ENTLibelleMef": (f"MEF DE {kind[0]}",), "ENTMEFSTAT11": (kind[3],)}
    return add("categorieMef", "MefEducNat", kind[3], values)


# ---------------------------------------------------------------------- XML


def add(operational: str, category: str, number: int | str, values: Values) -> str:
    """An `addRequest`."""
    attributes = "".join(f"<attr name={quoteattr(name)}>{_values(found)}</attr>\n" for name, found in values.items())
    return (
        f"<addRequest>\n{_head(operational, category, number)}<attributes>\n{attributes}</attributes>\n</addRequest>\n"
    )


def modify(operational: str, category: str, number: int | str, values: Values) -> str:
    """A `modifyRequest`."""
    changes = "".join(
        f'<modification name={quoteattr(name)} operation="replace">{_values(found)}</modification>\n'
        for name, found in values.items()
    )
    head = _head(operational, category, number)
    return f"<modifyRequest>\n{head}<modifications>\n{changes}</modifications>\n</modifyRequest>\n"


def delete(operational: str, category: str, number: int | str) -> str:
    """A `deleteRequest`."""
    return f"<deleteRequest>\n{_head(operational, category, number)}</deleteRequest>\n"


def document(records: Iterable[str], encoding: str = ENCODING) -> Iterator[bytes]:
    """A file: declaration, document type, root."""
    yield f'<?xml version="1.0" encoding="{encoding.upper()}"?>\n'.encode("ascii")
    yield b'<!DOCTYPE ficAlimMENESR SYSTEM "ficAlimMENESR.dtd">\n<ficAlimMENESR>\n'
    for record in records:
        yield record.encode(encoding, "xmlcharrefreplace")
    yield b"</ficAlimMENESR>\n"


def write_files(folder: Path, name: str, records: Iterable[str], encoding: str = ENCODING) -> list[Path]:
    """`name_0000.xml` and so on, so many records in each."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    held: list[str] = []
    for record in records:
        held.append(record)
        if len(held) == PER_FILE:
            written.append(_write_file(folder, name, len(written), held, encoding))
            held = []
    if held or not written:
        written.append(_write_file(folder, name, len(written), held, encoding))
    return written


def _write_file(folder: Path, name: str, number: int, records: Sequence[str], encoding: str) -> Path:
    path = folder / f"{name}_{number:04d}.xml"
    with path.open("wb") as file:
        file.writelines(document(records, encoding))
    return path


def _head(operational: str, category: str, number: int | str) -> str:
    return (
        f"<operationalAttributes><attr name={quoteattr(operational)}><value>{category}</value></attr>"
        f"</operationalAttributes>\n<identifier><id>{number}</id></identifier>\n"
    )


def _values(found: Sequence[str]) -> str:
    return "".join(f"<value>{escape(value)}</value>" for value in found) or "<value/>"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the AAF export of an academy that does not exist.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--staff", type=int, default=300)
    parser.add_argument("--pupils", type=int, default=3000)
    parser.add_argument("--schools", type=int, default=12)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--delta", type=int, default=0, help="Also a delta of so many changes, in FOLDER-delta.")
    given = parser.parse_args()
    academy = Academy(given.staff, given.pupils, given.schools, given.seed)
    academy.write_full(given.folder, parents=True)
    if given.delta:
        academy.write_delta(given.folder.with_name(given.folder.name + "-delta"), given.delta)


if __name__ == "__main__":
    main()
