"""The sealed letters: identifier, address, one-time code with its QR, how to connect. One A4 page a person.

Set by typst as tagged PDF (PDF/UA-1): a reader of screens reads it in order. Pure: facts in, octets out. What
is about a person enters the page as data, never as markup. Takes milliseconds a letter: not for the event loop.
"""

import datetime
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from urllib.parse import quote

import segno
import typst

from mailserver.texts.catalogue import N_
from mailserver.texts.dates import Day
from mailserver.texts.languages import ENGLISH, FRENCH
from mailserver.texts.text import Text

MAX_LETTERS = 2500
_SHEET = resources.files("directory.issuing").joinpath("letter.typ").read_bytes()
"""Pages of one document: the largest school fits."""
_SUMMARY = {
    False: N_(
        "Votre compte de messagerie académique : identifiant {login}, adresse {address}. Ouvrez {url}/activation, "
        "saisissez l’identifiant et le code à usage unique avant le {expires}, et choisissez un mot de passe."
    ),
    True: N_(
        "Votre compte de messagerie académique {login} a besoin d’un autre mot de passe : l’ancien ne fonctionne plus. "
        "Ouvrez {url}/activation, saisissez l’identifiant et le code à usage unique avant le {expires}, "
        "et choisissez un mot de passe."
    ),
}
"""By whether it is a renewal. The letter is in French; what it comes to stands below in English."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How one connects to this academy's service, the same in every letter."""

    academy: str
    domain: str
    url: str
    """Of the web interface, without a slash at the end."""
    imap: str
    """`host, port 993 (TLS)`."""
    submission: str
    help_contact: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What one person is told. The code is in here and on paper, nowhere else."""

    name: str
    detail: str
    """Class, function or discipline."""
    school: str
    login: str
    address: str
    code: str = field(repr=False)
    expires: datetime.date
    has_numen: bool
    """True when the NUMEN opens the account as well."""
    issue: int
    """How many codes this account has been given, this one included."""
    renewal: bool = False
    """The account was in use: the code opens it again, with another password."""


def render(letters: Sequence[Letter], connection: Connection, printed_by: str, today: datetime.date) -> bytes:
    """The PDF, a page for each letter. Raises ValueError for none or more than MAX_LETTERS."""
    if not 0 < len(letters) <= MAX_LETTERS:
        raise ValueError("from 1 to MAX_LETTERS letters")
    sheet = {
        "title": f"Messagerie académique : {len(letters)} lettre{'s' if len(letters) > 1 else ''}",
        "heading": "Votre messagerie académique",
        "academy": connection.academy,
        "domain": connection.domain,
        "date": f"Le {day(today)}",
        "connection": _connection(connection),
        "caution": (
            f"Votre mot de passe ne se saisit que sur {connection.url} : aucun message ne vous le demandera jamais. "
            "Ne confiez cette lettre à personne."
        ),
        "letters": [_page(letter, connection, printed_by, today) for letter in letters],
    }
    inputs = {"sheet": json.dumps(sheet)}
    try:
        return _document(inputs, accessible=True)
    except typst.TypstError:
        # A name in a script that no font here has: the standard refuses it, and the person still needs a letter.
        return _document(inputs, accessible=False)


def _document(inputs: dict[str, str], *, accessible: bool) -> bytes:
    pdf = typst.compile(_SHEET, format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"] if accessible else [])
    if not isinstance(pdf, bytes):
        raise TypeError("typst gave no document")
    return pdf


def day(date: datetime.date) -> str:
    """`1er septembre 2026`."""
    return Day(date).to(FRENCH)


def activation_address(url: str, login: str, code: str) -> str:
    """Where the QR leads. The code stands behind `#`, which browsers never send: it enters no log."""
    return f"{url}/activation?identifiant={quote(login)}#{code}"


def _page(letter: Letter, connection: Connection, printed_by: str, today: datetime.date) -> dict[str, object]:
    if letter.renewal:
        intro = (
            "Un nouveau code a été demandé pour votre compte : votre ancien mot de passe ne fonctionne plus. "
            "Vos messages sont toujours là."
        )
    else:
        intro = "Un compte vous attend. Cette lettre contient tout ce qu’il faut pour l’ouvrir."
    steps = [
        f"Ouvrez {connection.url}/activation, ou visez le carré ci-dessus avec l’appareil photo d’un téléphone.",
        "Saisissez votre identifiant et le code"
        + (" (ou votre NUMEN et votre date de naissance)." if letter.has_numen else "."),
        "Choisissez un mot de passe que vous êtes seul à connaître : le code cesse alors de servir.",
    ]
    summary = Text(
        _SUMMARY[letter.renewal],
        login=letter.login,
        address=letter.address,
        url=connection.url,
        expires=letter.expires.isoformat(),
    )
    return {
        "name": letter.name,
        "detail": letter.detail,
        "school": letter.school,
        "login": letter.login,
        "address": letter.address,
        "code": letter.code,
        "expires": day(letter.expires),
        "intro": intro,
        "way": "Choisir un nouveau mot de passe" if letter.renewal else "Première connexion",
        "steps": steps,
        "english": summary.to(ENGLISH),
        "qr": _qr(activation_address(connection.url, letter.login, letter.code)),
        "qr_text": f"Code QR vers {connection.url}/activation",
        "reference": f"Imprimé par {printed_by} le {day(today)} · code n° {letter.issue}",
    }


def _connection(connection: Connection) -> list[tuple[str, str]]:
    lines = [
        ("Sur le web", connection.url),
        ("Courrier (IMAP)", connection.imap),
        ("Envoi (SMTP)", connection.submission),
        ("Agenda, contacts", f"{connection.url}/dav/"),
    ]
    if connection.help_contact:
        lines.append(("Assistance", connection.help_contact))
    return lines


def _qr(text: str) -> str:
    """The QR code as SVG."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", border=2)
    return out.getvalue().decode()
