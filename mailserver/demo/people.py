"""Who lives in the demo academy: schools, persons, lists, and whom they write with elsewhere."""

from dataclasses import dataclass

from directory.issuing.identifiers import uai_letter
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.identity import Affiliation, NewPerson, Role, Tie, Writers
from mailserver.store.people.schools import Facts


def _uai(digits: str) -> str:
    return digits + uai_letter(digits)


TILLEULS = _uai("0219801")
ROSTAND = _uai("0219802")
FERRY = _uai("0589803")

SCHOOLS = (
    Facts(TILLEULS, "Collège Les Tilleuls", "CLG", "PU", "3 rue des Tilleuls", "21000", "Dijon", "03 53 01 42 10"),
    Facts(ROSTAND, "Lycée Jean-Rostand", "LYC", "PU", "12 avenue de la Gare", "21200", "Beaune", "03 53 01 42 20"),
    Facts(
        FERRY, "École élémentaire Jules-Ferry", "ECOLE", "PU", "Place du Marché", "58000", "Nevers", "03 53 01 42 30"
    ),
)

ACADEMY = "Académie"


def school_name(uai: str) -> str:
    """Where somebody works; the academy itself for those of no school."""
    return next((school.name for school in SCHOOLS if school.uai == uai), ACADEMY)


PASSWORD = "Academie#2026"  # noqa: S105 - the demo's, told to everybody
NUMEN = "21E2600123ABC"
BORN = "1999-09-12"
"""Of the teacher who has not activated her account."""
OPEN = ("edupont", "mmartin", "skaci", "rleroy", "admin")
"""Accounts that can be entered with PASSWORD."""
WAITING = "jnouveau"
SUSPENDED = "gparti"
SUSPENSION = "Départ en retraite, en attente de la clôture du compte"

PEOPLE = (
    NewPerson("Émilie", "Dupont", Role.TEACHER, "1988-03-14", uai=TILLEULS, discipline="Anglais"),
    NewPerson("Marc", "Martin", Role.TEACHER, "1979-11-02", uai=TILLEULS, discipline="Mathématiques"),
    NewPerson("Sophie", "Bernard", Role.TEACHER, "1984-06-21", uai=TILLEULS, discipline="Français"),
    NewPerson("Karim", "Haddad", Role.TEACHER, "1990-01-30", uai=TILLEULS, discipline="Histoire-géographie"),
    NewPerson("Claire", "Moreau", Role.TEACHER, "1992-09-09", uai=TILLEULS, discipline="SVT"),
    NewPerson("Julien", "Petit", Role.TEACHER, "1987-12-11", uai=TILLEULS, discipline="EPS"),
    NewPerson("Nathalie", "Rousseau", Role.TEACHER, "1975-04-27", uai=TILLEULS, discipline="Documentation"),
    NewPerson("Isabelle", "Lambert", Role.STAFF, "1971-08-19", uai=TILLEULS, discipline="Direction"),
    NewPerson("Philippe", "Girard", Role.STAFF, "1981-02-05", uai=TILLEULS, discipline="Vie scolaire"),
    NewPerson("Anne", "Leclerc", Role.STAFF, "1983-10-16", uai=TILLEULS, discipline="Infirmerie"),
    NewPerson("Régine", "Leroy", Role.SECRETARIAT, "1969-05-23", uai=TILLEULS, discipline="Secrétariat"),
    NewPerson("Sofia", "Kaci", Role.PUPIL, "2013-07-08", ine="100200301AA", uai=TILLEULS),
    NewPerson("Lucas", "Fontaine", Role.PUPIL, "2013-01-25", ine="100200302AB", uai=TILLEULS),
    NewPerson("Inès", "Benali", Role.PUPIL, "2013-11-17", ine="100200303AC", uai=TILLEULS),
    NewPerson("Hugo", "Mercier", Role.PUPIL, "2012-12-30", ine="100200304AD", uai=TILLEULS),
    NewPerson("Hélène", "Chevalier", Role.STAFF, "1968-03-03", uai=ROSTAND, discipline="Direction"),
    NewPerson("Laurent", "Fournier", Role.TEACHER, "1985-07-29", uai=ROSTAND, discipline="Physique-chimie"),
    NewPerson("Julie", "Nouveau", Role.TEACHER, BORN, NUMEN, uai=ROSTAND, discipline="Anglais"),
    NewPerson("Valérie", "Roux", Role.SECRETARIAT, "1977-06-06", uai=ROSTAND, discipline="Secrétariat"),
    NewPerson("Martine", "Dubois", Role.STAFF, "1970-10-10", uai=FERRY, discipline="Direction"),
    NewPerson("Céline", "Faure", Role.TEACHER, "1994-02-18", uai=FERRY, discipline="Professorat des écoles"),
    NewPerson("Gérard", "Parti", Role.TEACHER, "1962-01-06", uai=FERRY, discipline="Professorat des écoles"),
    NewPerson("Olivier", "Renaud", Role.STAFF, "1982-08-31", discipline="Direction des systèmes d'information"),
)

_TEACHERS = ("edupont", "mmartin", "sbernard", "khaddad", "cmoreau", "jpetit", "nrousseau")
_OFFICE = ("ilambert", "pgirard", "aleclerc", "rleroy")


CLASS = "4B"
FUNCTIONS = {
    "Direction": ("DIR", "Direction"),
    "Vie scolaire": ("EDU", "Éducation"),
    "Infirmerie": ("MDS", "Personnels médico-sociaux"),
    "Documentation": ("DOC", "Documentation"),
    "Secrétariat": ("ADF", "Personnels administratifs"),
}
"""The functions of the academy's exports, by what people of the demo do."""
DISCIPLINES = {
    "Anglais": "L0422",
    "Mathématiques": "L1300",
    "Français": "L0202",
    "Histoire-géographie": "L1000",
    "SVT": "L1600",
    "EPS": "L1900",
    "Physique-chimie": "L1500",
    "Professorat des écoles": "G0000",
}


def ties(person: NewPerson) -> tuple[Affiliation, ...]:
    """What somebody of the demo is where: function, discipline, class."""
    found = []
    if person.discipline in FUNCTIONS:
        found.append(Affiliation(Tie.FUNCTION, *_placed(FUNCTIONS[person.discipline], person.uai)))
    elif person.role is Role.TEACHER:
        found.append(Affiliation(Tie.FUNCTION, *_placed(("ENS", "Enseignement"), person.uai)))
        code = DISCIPLINES[person.discipline]
        found.append(Affiliation(Tie.DISCIPLINE, *_placed((code, person.discipline), person.uai)))
    in_class = person.role in (Role.TEACHER, Role.PUPIL) and person.discipline != "Documentation"
    if person.uai == TILLEULS and in_class:
        found.append(Affiliation(Tie.CLASS, *_placed((CLASS, "4e B"), TILLEULS)))
    return tuple(found)


def _placed(named: tuple[str, str], uai: str) -> tuple[str, str, str]:
    code, label = named
    return code, uai, label


@dataclass(frozen=True, slots=True)
class Living:
    """A list whose members a query finds."""

    name: str
    title: str
    query: str
    writers: Writers
    owner: str = "admin"


LIVING = (
    Living(
        f"enseignants.{TILLEULS.lower()}",
        "Enseignants du collège Les Tilleuls",
        f"role=teacher uai={TILLEULS}",
        Writers.HOUSE,
        "rleroy",
    ),
    Living(
        "maths.21", "Professeurs de mathématiques de la Côte-d'Or", "discipline=L1300 department=021", Writers.PERSONNEL
    ),
    Living("secretariats.lycees", "Secrétariats des lycées", "role=secretariat kind=LYC", Writers.PERSONNEL),
)


@dataclass(frozen=True, slots=True)
class Roster:
    """A distribution list; members are identifiers or the names of other lists."""

    name: str
    title: str
    owner: str
    members: tuple[str, ...]


LISTS = (
    Roster("professeurs.tilleuls", "Professeurs du collège Les Tilleuls", "rleroy", _TEACHERS),
    Roster("personnels.tilleuls", "Personnels du collège Les Tilleuls", "rleroy", ("professeurs.tilleuls", *_OFFICE)),
    Roster("equipe.4b", "Équipe pédagogique de 4e B", "mmartin", (*_TEACHERS[:6], "pgirard")),
    Roster("eleves.4b", "Élèves de 4e B", "pgirard", ("skaci", "lfontaine", "ibenali", "hmercier")),
    Roster("anglais", "Professeurs d'anglais de l'académie", "edupont", ("edupont", "jnouveau")),
    Roster("secretariats", "Secrétariats de l'académie", "admin", ("rleroy", "vroux")),
    Roster("directions", "Chefs d'établissement", "admin", ("ilambert", "hchevalier", "mdubois")),
)

ELSEWHERE = {
    "nbenali": Correspondent("Nadia Benali", "nadia.benali@courriel.example"),
    "fkaci": Correspondent("Farid Kaci", "farid.kaci@courriel.example"),
    "smercier": Correspondent("Sandrine Mercier", "sandrine.mercier@boite.example"),
    "horizons": Correspondent("Horizons Scolaires", "reservations@horizons-scolaires.example"),
    "musee": Correspondent("Musée des Beaux-Arts, publics scolaires", "scolaires@musee.example"),
    "preau": Correspondent("Les Éditions du Préau", "lettre@editions-du-preau.example"),
    "mairie": Correspondent("Mairie, service des écoles", "ecoles@mairie.example"),
    "gallia": Correspondent("Papeterie Gallia", "commandes@papeterie-gallia.example"),
    "theatre": Correspondent("Théâtre de la Source", "jeunepublic@theatre-source.example"),
    "college_kent": Correspondent("Sarah Whitfield", "s.whitfield@oakwood-school.example"),
    "veille": Correspondent("CERT Éducation", "veille@cert-education.example"),
}

SIGNATURES = {
    "edupont": "Émilie Dupont\nProfesseure d'anglais, collège Les Tilleuls",
    "mmartin": "Marc Martin\nProfesseur de mathématiques, collège Les Tilleuls\nProfesseur principal de 4e B",
    "sbernard": "Sophie Bernard, lettres modernes",
    "khaddad": "K. Haddad\nHistoire-géographie, EMC",
    "cmoreau": "Claire Moreau (SVT)",
    "nrousseau": "Nathalie Rousseau\nProfesseure documentaliste, CDI des Tilleuls\nOuvert lundi-vendredi, 8 h-17 h",
    "ilambert": "Isabelle Lambert\nPrincipale du collège Les Tilleuls",
    "pgirard": "Philippe Girard\nCPE, vie scolaire, poste 12",
    "aleclerc": "Anne Leclerc, infirmerie",
    "rleroy": "Régine Leroy\nSecrétariat de direction, collège Les Tilleuls\n03 53 01 42 10",
    "hchevalier": "Hélène Chevalier\nProviseure du lycée Jean-Rostand",
    "lfournier": "Laurent Fournier\nPhysique-chimie, lycée Jean-Rostand",
    "orenaud": "Olivier Renaud\nDirection des systèmes d'information",
    "admin": "Le service de messagerie de l'académie\nAucun courriel ne vous demandera jamais votre mot de passe.",
}
