"""What a careful reader would notice about a message, said by the service.

Pure: a message, its links and the academy's domains go in, findings come out; `spoken` puts one in words. A finding
never hides anything and never decides.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mailserver.inbound.impersonation import domains as lookalikes
from mailserver.mime import Part
from webui.page.words import plain
from webui.reader.content.html_view import host

MAX_FINDINGS = 12
MAX_TEXT = 100_000
"""Characters of the text that are looked at for a request for a password."""
MAX_HOSTS = 500


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DANGEROUS = _words(
    "ade adp apk app appx application bat bin chm cmd com command cpl diagcab dll dmg exe gadget hta htm html img inf "
    "iso jar jnlp js jse lnk mht mhtml msc msi msix msp mst one pif ps1 ps2 psc1 reg scf scpt scr sct sh shtml svg "
    "swf sys url vb vbe vbs vhd vhdx website wsc wsf wsh xhtml xht xll xml xsl"
)
"""File endings that run, or open a page that may ask for a password."""
MACROS = _words("docm dotm xlsm xltm xlam xlsb pptm potm ppsm ppam sldm")

_SECRET = re.compile(
    r"mots? de passe|\bmdp\b|\bnumen\b|identifiants? (?:et|de connexion)|codes? (?:secret|confidentiel|d.acc[eè]s)|"
    r"passwords?\b|\bpasscode\b|credentials?\b|\bpin code\b|webmail (?:access|account)",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"confirm|v[eé]rifi|saisi|entre[rz]|renseign|communiqu|envoye|r[eé]pond|mettre [aà] jour|mise [aà] jour|"
    r"valid|r[eé]activ|d[eé]bloqu|suspend|expir|cliqu|connect|verify|update|enter|provide|reply|click|log ?in|sign ?in|"
    r"unlock|reactivat|upgrade",
    re.IGNORECASE,
)
_SETTLED = _words("reponse lien lien-suivi macros nom-collegue nom-autre nom-bureau")
"""Findings that a reader's word about the sender settles: habits of newsletters and of offices. Whoever is made to be
taken for somebody else, a link that is, a request for the password and a file that runs are told whoever wrote."""
_BORROWED = _words("non-verifie nom-service nom-responsable")
"""Findings of a message in the name of the academy, or of somebody of it."""
_NEAR = 400
"""Characters between the secret and the verb."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed: its kind, and the words of the message it is about."""

    kind: str
    shown: str = ""
    real: str = ""
    grave: bool = False
    """Shown as an alarm, not as a remark."""


@dataclass(frozen=True, slots=True)
class Caution:
    """All findings about a message as one notice."""

    title: str
    text: str
    """One sentence."""
    reasons: Sequence[str]
    """Each finding in full, where the sentence is an abridgement."""
    grave: bool
    settled: bool = False
    """The reader may say that the sender's messages are safe: this notice stands no more then."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is looked at."""

    text: str = ""
    hosts: Sequence[str] = ()
    """Hosts of all links."""
    files: Sequence[tuple[str, str]] = ()
    """Names of attachments with their dangerous ending (`danger`)."""


def findings(evidence: Evidence, others: Sequence[Finding], domains: tuple[str, ...]) -> list[Finding]:
    """Everything noticed, the gravest first; no more than MAX_FINDINGS. `others`: what is noticed of who wrote
    (`imitations`), and of links that lie (`links`)."""
    found: dict[Finding, None] = {}
    for one in (
        *others,
        *_links(evidence, domains),
        *_password(evidence, domains),
        *_files(evidence.files),
    ):
        found[one] = None
    return sorted(found, key=lambda one: not one.grave)[:MAX_FINDINGS]


def is_settled_by_trust(noticed: Sequence[Finding]) -> bool:
    """There is something, and all of it is settled by a reader who trusts the sender."""
    return bool(noticed) and all(one.kind in _SETTLED for one in noticed)


def _links(evidence: Evidence, domains: tuple[str, ...]) -> Iterable[Finding]:
    for name in dict.fromkeys(evidence.hosts[:MAX_HOSTS]):
        if imitated := lookalikes.imitates(name, domains):
            yield Finding("lien-domaine", lookalikes.readable(name), imitated, grave=True)
        elif lookalikes.borrows_alphabets(name):
            yield Finding("lien-alphabets", lookalikes.readable(name), name, grave=True)


def _password(evidence: Evidence, domains: Sequence[str]) -> Iterable[Finding]:
    """A request for a password beside a link that does not lead to the academy."""
    elsewhere = next((name for name in evidence.hosts[:MAX_HOSTS] if not _is_official(name, domains)), "")
    if elsewhere and asks_for_secret(evidence.text):
        yield Finding("mot-de-passe", lookalikes.readable(elsewhere), grave=True)


def asks_for_secret(text: str) -> bool:
    """True when a text speaks of a password and, close by, of giving it."""
    text = text[:MAX_TEXT]
    for count, found in enumerate(_SECRET.finditer(text)):
        if count == 20:
            break
        if _ASKED.search(text, max(0, found.start() - _NEAR), found.end() + _NEAR):
            return True
    return False


def _is_official(name: str, domains: Sequence[str]) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for domain in (*domains, "gouv.fr"))


def _files(files: Sequence[tuple[str, str]]) -> Iterable[Finding]:
    for name, ending in files:
        yield Finding("macros" if ending in MACROS else "fichier", name, ending, grave=ending not in MACROS)


def danger(filename: str, media_type: str) -> str:
    """The dangerous ending of an attachment, from its name as it is written or its type; empty when there is none."""
    clean = plain.line(filename).rstrip(". ")  # Windows leaves them out as well
    ending = clean.rpartition(".")[2].lower() if "." in clean else ""
    if ending in DANGEROUS or ending in MACROS:
        return ending
    kind = {
        "text/html": "html",
        "application/xhtml+xml": "xhtml",
        "image/svg+xml": "svg",
        "application/x-msdownload": "exe",
        "application/x-msdos-program": "exe",
        "application/javascript": "js",
        "text/javascript": "js",
        "application/hta": "hta",
    }.get(media_type, "")
    if kind:
        return kind
    return (ending or "?") if plain.has_tricks(filename) else ""


def attached(parts: Iterable[Part]) -> list[tuple[str, str]]:
    """The dangerous ones among attachments: names, and endings."""
    return [
        (plain.line(part.filename, 120) or part.type, ending)
        for part in parts
        if (ending := danger(part.filename, part.type))
    ]


def hosts(addresses: Iterable[str]) -> list[str]:
    """The hosts of addresses, each once."""
    return list(dict.fromkeys(filter(None, map(host, addresses))))


def spoken(finding: Finding, _: Callable[[str], str]) -> str:
    """A finding in the reader's words."""
    texts = {
        "domaine": _("L’adresse de l’expéditeur (%(shown)s) ressemble à %(real)s, mais ce n’est pas elle."),
        "alphabets": _("L’adresse de l’expéditeur mêle des lettres de plusieurs alphabets : %(shown)s (%(real)s)."),
        "nom-mele": _("Le nom de l’expéditeur mêle des lettres de plusieurs alphabets : %(shown)s."),
        "nom-invisible": _("Le nom de l’expéditeur cache des caractères invisibles : %(shown)s."),
        "nom-adresse": _("Le nom affiché contient %(shown)s, mais le message vient de %(real)s."),
        "nom-autre": _("Le nom affiché contient %(shown)s, mais le message vient de %(real)s."),
        "nom-service": _(
            "« %(shown)s » est le nom d’un service de l’académie, mais l’adresse, %(real)s, n’est pas de l’académie."
        ),
        "nom-bureau": _("« %(shown)s » n’est pas de l’académie : ce message vient de %(real)s."),
        "nom-responsable": _(
            "« %(shown)s » est le nom d’un responsable que vous connaissez, mais l’adresse, %(real)s, n’est pas de "
            "l’académie. En cas de doute, appelez cette personne."
        ),
        "nom-collegue": _(
            "Quelqu’un de votre établissement s’appelle %(shown)s ; ce message vient de %(real)s, hors de l’académie."
        ),
        "reponse-imitee": _("Une réponse partirait à %(shown)s, dont l’adresse en imite une autre."),
        "reponse": _("Une réponse partira à %(shown)s, qui n’est pas l’adresse de l’expéditeur."),
        "lien": _("Un lien affiche « %(shown)s » mais mène à « %(real)s »."),
        "lien-officiel": _("Un lien affiche « %(shown)s » mais mène à « %(real)s »."),
        "lien-suivi": _("Des liens de cette lettre d’information passent par %(real)s."),
        "lien-domaine": _("Un lien mène à %(shown)s, qui ressemble à %(real)s mais ne l’est pas."),
        "lien-alphabets": _("Un lien mène à une adresse qui mêle plusieurs alphabets : %(shown)s (%(real)s)."),
        "mot-de-passe": _(
            "Ce message parle de mot de passe et renvoie à %(shown)s, qui n’est pas une page de l’académie. Votre mot "
            "de passe ne se saisit que sur la page de connexion : aucun message ne vous le demandera."
        ),
        "fichier": _("« %(shown)s » est un type de fichier dangereux (.%(real)s) : ne l’ouvrez pas sans certitude."),
        "macros": _("« %(shown)s » peut contenir des macros : ne les activez que si vous attendiez ce fichier."),
        "non-verifie": _("Ce message dit venir de l’académie, mais n’a pas été envoyé depuis un compte de l’académie."),
        "indesirable": _("Ce message a été classé indésirable. Ne donnez jamais votre mot de passe en réponse."),
    }
    return texts[finding.kind] % {"shown": finding.shown, "real": finding.real}


MAX_ABRIDGED = 3


def caution(noticed: Sequence[Finding], domains: Sequence[str], _: Callable[[str], str]) -> Caution | None:
    """One notice for everything noticed, the gravest first; None: there is nothing to say."""
    if not noticed:
        return None
    grave = any(one.grave for one in noticed)
    reasons = [spoken(one, _) for one in noticed]
    if len(noticed) == 1:
        return Caution(_("Méfiance :") if grave else "", reasons[0], (), grave)
    ours = {domain.lower() for domain in domains}
    borrowed = any(one.kind in _BORROWED or (one.kind == "domaine" and one.real in ours) for one in noticed)
    if borrowed:
        title = _("Méfiance : ce message n’est sans doute pas de l’académie.")
    elif grave:
        title = _("Méfiance : ce message pourrait vous tromper.")
    else:
        title = _("À vérifier avant de répondre ou d’ouvrir un fichier.")
    brief = list(dict.fromkeys(_abridged(one, _) for one in noticed))[:MAX_ABRIDGED]
    return Caution(title, _sentence(brief, _), reasons, grave)


def _sentence(clauses: Sequence[str], _: Callable[[str], str]) -> str:
    """Clauses joined to a sentence."""
    joined = (
        clauses[0]
        if len(clauses) == 1
        else _("%(first)s et %(last)s")
        % {
            "first": ", ".join(clauses[:-1]),
            "last": clauses[-1],
        }
    )
    return f"{joined[0].upper()}{joined[1:]}."


def _abridged(finding: Finding, _: Callable[[str], str]) -> str:
    """A finding as a clause of the notice's one sentence."""
    texts = {
        "domaine": _("l’adresse imite %(real)s"),
        "alphabets": _("l’adresse mêle plusieurs alphabets"),
        "nom-mele": _("le nom mêle plusieurs alphabets"),
        "nom-invisible": _("le nom cache des caractères invisibles"),
        "nom-adresse": _("le nom affiche une autre adresse"),
        "nom-autre": _("le nom affiche une autre adresse"),
        "nom-service": _("le nom est celui d’un service de l’académie"),
        "nom-bureau": _("le nom n’est pas celui d’un service de l’académie"),
        "nom-responsable": _("le nom est celui d’un responsable"),
        "nom-collegue": _("le nom est celui d’un collègue"),
        "reponse-imitee": _("une réponse partirait à une adresse imitée"),
        "reponse": _("une réponse partirait à une autre adresse"),
        "lien": _("un lien mène ailleurs"),
        "lien-officiel": _("un lien mène ailleurs"),
        "lien-suivi": _("des liens passent par un autre site"),
        "lien-domaine": _("un lien mène ailleurs"),
        "lien-alphabets": _("un lien mène ailleurs"),
        "mot-de-passe": _("il demande un mot de passe"),
        "fichier": _("un fichier est dangereux"),
        "macros": _("un fichier peut contenir des macros"),
        "non-verifie": _("l’envoi n’est pas d’un compte de l’académie"),
        "indesirable": _("il est classé indésirable"),
    }
    return texts[finding.kind] % {"real": finding.real}
