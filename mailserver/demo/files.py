"""Small real files to attach: documents, a picture, tables. Made here, so that the package carries no binaries."""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.mime.writing.compose import Attachment

PAGE = "0 0 595 842"
"""A4 in points."""
LINE = 20
TOP = 770


def pdf(title: str, lines: Sequence[str]) -> bytes:
    """A one-page PDF 1.4 with a title and lines of text, in a font that every viewer has."""
    shown = [f"BT /F2 20 Tf 60 {TOP} Td ({_escape(title)}) Tj ET"]
    shown += [
        f"BT /F1 12 Tf 60 {TOP - 40 - LINE * number} Td ({_escape(line)}) Tj ET" for number, line in enumerate(lines)
    ]
    stream = "\n".join(shown).encode("cp1252", "replace")
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{PAGE}] /Contents 6 0 R "
        "/Resources << /Font << /F1 4 0 R /F2 5 0 R >> >> >>".encode(),
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


Colour = tuple[int, int, int]


def png(width: int, height: int, colour: Callable[[int, int], Colour]) -> bytes:
    """A PNG whose pixels a function gives."""
    rows = b"".join(b"\0" + b"".join(bytes(colour(column, row)) for column in range(width)) for row in range(height))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def _landscape(column: int, row: int) -> Colour:
    """Hills under a morning sky: the picture of the school trip."""
    far = 118 + ((column * 7) % 160 - 80) ** 2 // 210
    near = 165 - (column - 300) ** 2 // 1500
    if row > near and row > 140:
        return 52, 104, 66
    if row > far:
        return 104, 148, 106
    if (column - 400) ** 2 + (row - 52) ** 2 < 26**2:
        return 255, 226, 140
    return 150 + row // 3, 190 + row // 5, 228


def _seats(column: int, row: int) -> Colour:
    """The seating plan of a class: five rows of six tables, a desk in front."""
    if 180 <= column < 300 and 14 <= row < 44:
        return 120, 84, 52
    across, down = (column - 20) % 75, (row - 70) % 46
    if 20 <= column < 460 and 70 <= row < 300 and across < 60 and down < 30:
        return (214, 178, 92) if (column // 75 + row // 46) % 5 else (96, 148, 190)
    return 244, 241, 234


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    type: str
    make: Callable[[], bytes]


def _text(*lines: str) -> Callable[[], bytes]:
    return lambda: "\r\n".join((*lines, "")).encode()


_FILES = {
    "ordre-du-jour": _File(
        "Ordre du jour - conseil pédagogique.pdf",
        "application/pdf",
        lambda: pdf(
            "Conseil pédagogique - ordre du jour",
            [
                "1. Bilan de la rentrée et des évaluations nationales",
                "2. Devoirs faits : inscriptions et intervenants",
                "3. Brevet blanc : dates, salles, surveillances",
                "4. Voyage en Angleterre : avancement et budget",
                "5. Questions diverses",
                "",
                "Salle polyvalente, 17 h - 18 h 30",
            ],
        ),
    ),
    "devis": _File(
        "Devis 2026-1187 Angleterre.pdf",
        "application/pdf",
        lambda: pdf(
            "Horizons Scolaires - devis 2026-1187",
            [
                "Séjour linguistique dans le Kent, 5 jours, 4 nuits",
                "49 élèves, 4 accompagnateurs",
                "Autocar grand tourisme, traversée comprise",
                "Hébergement en familles d'accueil, pension complète",
                "Canterbury, Douvres, une journée à Londres",
                "",
                "Total : 18 620,00 € TTC, soit 380,00 € par élève",
                "Valable trente jours",
            ],
        ),
    ),
    "convocation": _File(
        "Convocation conseil de classe 4e B.pdf",
        "application/pdf",
        lambda: pdf(
            "Conseil de classe de 4e B - premier trimestre",
            ["Salle B12, 17 h 15", "Présidence : Mme Lambert, principale", "Professeur principal : M. Martin"],
        ),
    ),
    "notice": _File(
        "Premiers pas dans la messagerie.pdf",
        "application/pdf",
        lambda: pdf(
            "Premiers pas dans la messagerie",
            [
                "Webmail simplifié : l'essentiel, sur tout navigateur.",
                "Webmail complet : dossiers, recherche, agenda.",
                "Votre logiciel habituel : IMAP et envoi authentifié, avec le même mot de passe.",
                "Agenda et contacts : adresse /dav/ dans votre logiciel.",
                "",
                "Votre mot de passe ne se saisit que sur la page de connexion.",
            ],
        ),
    ),
    "kent": _File("kent.png", "image/png", lambda: png(480, 220, _landscape)),
    "plan": _File("Plan de classe 4e B.png", "image/png", lambda: png(480, 320, _seats)),
    "moyennes": _File(
        "moyennes_4B.csv",
        "text/csv",
        _text(
            "Élève;Anglais;Mathématiques;Français;Histoire-géographie",
            "BENALI Inès;16,5;14;15,5;17",
            "FONTAINE Lucas;11;9,5;12;10",
            "KACI Sofia;15;17,5;14;13,5",
            "MERCIER Hugo;8,5;11;9;12",
        ),
    ),
    "vocabulaire": _File(
        "vocabulary-unit-3.txt",
        "text/plain",
        _text(
            "UNIT 3 - Travelling",
            "a journey : un voyage, un trajet",
            "luggage (uncountable) : des bagages",
            "to catch a train : prendre un train",
            "abroad : à l'étranger",
            "the Channel : la Manche",
        ),
    ),
    "exercices": _File(
        "Devoir maison n°4.pdf",
        "application/pdf",
        lambda: pdf(
            "Devoir maison n° 4 - théorème de Pythagore",
            [
                "Exercice 1. ABC est rectangle en A, AB = 6 cm, AC = 8 cm. Calculer BC.",
                "Exercice 2. Une échelle de 5 m est posée contre un mur ; son pied est à 1,4 m.",
                "À quelle hauteur touche-t-elle le mur ?",
                "Exercice 3. Le triangle de côtés 7, 24 et 25 est-il rectangle ? Justifier.",
            ],
        ),
    ),
    "invitation": _File(
        "invitation.ics",
        "text/calendar",
        _text(
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Théâtre de la Source//FR",
            "BEGIN:VEVENT",
            "UID:representation-scolaire@theatre-source.example",
            "DTSTAMP:20260901T080000Z",
            "DTSTART:20270114T130000Z",
            "DTEND:20270114T150000Z",
            "SUMMARY:Le Malade imaginaire, représentation scolaire",
            "LOCATION:Théâtre de la Source",
            "END:VEVENT",
            "END:VCALENDAR",
        ),
    ),
}


def attachment(name: str) -> Attachment:
    """A file by its name; `cid:` before it makes it a picture of the HTML."""
    key = name.removeprefix("cid:")
    file = _FILES[key]
    return Attachment(file.name, file.type, file.make(), f"{key}@demo" if name != key else "")
