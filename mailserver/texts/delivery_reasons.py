"""What an enhanced status code (RFC 3463) means for whoever sent a message, in a sentence, and what to do about it.

The words of the other server are never translated, and never believed further than to tell apart what one code is
used for: they stand beside the sentence as they are.
"""

import re
from dataclasses import dataclass

from mailserver.texts.causes import Cause
from mailserver.texts.text import NOTHING, Several, Text, Untranslated


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message was refused, or waits."""

    why: Text
    advice: Text = NOTHING


DEMANDED = "tls-demanded"
"""The cause of what is not handed over because whoever sent it wants TLS on the whole way (RFC 8689)."""
MAX_READ = 500
"""Characters of another server's words that are looked at."""

_WAIT = Text("Vous n’avez rien à faire.")
_CHECK = Text("Vérifiez l’adresse, puis renvoyez le message.")
_OTHERWISE = Text("Écrivez autrement à cette personne, ou réessayez plus tard.")
_ASK_IT = Text("Signalez-le au service informatique, avec ce message.")

_NO_SUCH_USER = Reason(Text("Cette adresse n’existe pas chez ce destinataire."), _CHECK)
_NO_SUCH_DOMAIN = Reason(Text("Ce domaine n’existe pas, ou ne reçoit pas de courrier."), _CHECK)
_DISABLED = Reason(Text("Cette boîte ne reçoit plus de courrier."), _OTHERWISE)
_FULL = Reason(Text("La boîte de ce destinataire est pleine."), _OTHERWISE)
_TOO_LARGE = Reason(
    Text("Le message est trop volumineux pour ce destinataire."),
    Text("Envoyez des pièces jointes plus petites, ou un lien vers elles."),
)
_JUNK = Reason(Text("L’autre serveur a pris le message pour un indésirable, ou refuse le nôtre."), _ASK_IT)
_FORBIDDEN = Reason(Text("L’autre serveur n’autorise pas ce message."), _OTHERWISE)
_UNPROVEN = Reason(Text("L’autre serveur n’a pas reconnu notre domaine comme expéditeur."), _ASK_IT)
_GREYLISTED = Reason(Text("L’autre serveur demande de réessayer plus tard, comme à tout nouvel expéditeur."), _WAIT)
_TOO_MUCH = Reason(Text("L’autre serveur reçoit trop de messages en ce moment."), _WAIT)
_UNREACHABLE = Reason(Text("L’autre serveur ne répond pas."), _WAIT)
_UNKNOWN_NOW = Reason(Text("L’adresse de l’autre serveur n’a pas pu être trouvée."), _WAIT)
_TLS = Reason(Text("Une connexion chiffrée est exigée, et n’a pas pu être établie."), _ASK_IT)
_DEMANDED = Reason(
    Text("Le chiffrement est exigé pour ce message, et aucun serveur de ce destinataire ne le garantit."),
    Text("Renvoyez-le sans cette exigence s’il n’a rien de confidentiel, ou joignez cette personne autrement."),
)
_LOOP = Reason(Text("Le message tourne en rond entre des serveurs."), _ASK_IT)
_TOO_LATE = Reason(Text("Le message a attendu aussi longtemps que possible sans pouvoir être remis."), _OTHERWISE)
_CONVERSION = Reason(
    Text("L’autre serveur ne sait pas recevoir une adresse ou un texte de cette forme."),
    Text("Écrivez à une adresse sans lettres accentuées, ou sans pièces jointes particulières."),
)
_FAULT = Reason(Text("L’autre serveur est en difficulté."), _WAIT)
_REFUSED = Reason(Text("L’autre serveur a refusé le message."), _OTHERWISE)
_LATER = Reason(Text("L’autre serveur ne prend pas encore le message."), _WAIT)
_TOO_MANY = Reason(Text("Le message a trop de destinataires pour ce serveur."), _OTHERWISE)
_ACCEPTED = Reason(Text("L’autre serveur a pris le message."))

_BY_DETAIL = {
    # X.1: the address
    **dict.fromkeys(("1.1", "1.3", "1.6"), _NO_SUCH_USER),
    **dict.fromkeys(("1.2", "1.10", "4.4"), _NO_SUCH_DOMAIN),
    **dict.fromkeys(("1.7", "1.8"), _UNPROVEN),
    # X.2: the mailbox
    "2.1": _DISABLED,
    "2.2": _FULL,
    "2.3": _TOO_LARGE,
    # X.3, X.4: the system and the network
    "3.1": _FULL,
    "3.2": _FAULT,
    "3.4": _TOO_LARGE,
    **dict.fromkeys(("4.1", "4.2", "4.5"), _UNREACHABLE),
    "4.3": _UNKNOWN_NOW,
    "4.6": _LOOP,
    "4.7": _TOO_LATE,
    # X.5: the protocol
    "5.3": _TOO_MANY,
    # X.6: the content
    **dict.fromkeys(("6.1", "6.3", "6.7", "6.8", "6.9", "6.10"), _CONVERSION),
    # X.7: security; RFC 7372, RFC 7505, RFC 8460, RFC 8461, RFC 8689
    "7.1": _FORBIDDEN,
    "7.2": _FORBIDDEN,
    **dict.fromkeys(("7.4", "7.5", "7.10", "7.11"), _TLS),
    "7.30": _DEMANDED,
    **dict.fromkeys(tuple(f"7.{number}" for number in range(20, 30)), _UNPROVEN),
    "7.28": _TOO_MUCH,
}
_WORDS: tuple[tuple[re.Pattern[str], frozenset[str], Reason], ...] = (
    (re.compile(r"gr[ea]y-?list", re.ASCII), frozenset("4"), _GREYLISTED),
    (
        re.compile(r"\b(?:spam|junk|unsolicited|reputation|block-?list|blacklist|blocked|spamhaus)", re.ASCII),
        frozenset("45"),
        _JUNK,
    ),
    (re.compile(r"\b(?:mailbox|quota)\b.{0,40}\b(?:full|exceed|over)|over ?quota", re.ASCII), frozenset("45"), _FULL),
    (
        re.compile(r"\b(?:user unknown|unknown user|no such (?:user|recipient|mailbox)|does not exist)\b", re.ASCII),
        frozenset("5"),
        _NO_SUCH_USER,
    ),
    (
        re.compile(r"\brate ?limit|too many (?:messages|connections)|try again later", re.ASCII),
        frozenset("4"),
        _TOO_MUCH,
    ),
)
_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})", re.ASCII)


def explain(status: str, said: str = "") -> Reason:
    """The reason behind a status; what is not known by its detail is told by the other server's words, or its class.

    4.4.7 is a delay, not yet the end: nothing is told of it but its words.
    """
    found = _STATUS.fullmatch(status)
    if found is None:
        return _REFUSED
    if isinstance(said, Cause) and said.name == DEMANDED:
        return _DEMANDED
    kind, detail = found[1], f"{int(found[2])}.{int(found[3])}"
    if kind == "2":
        return _ACCEPTED
    by_detail = None if (kind, detail) == ("4", "4.7") else _BY_DETAIL.get(detail)
    if by_detail is _TOO_LATE:
        return _given_up(said)
    by_words = _by_words(kind, said)
    # A policy is refused for many reasons by one code; a code that is plain itself is not doubted.
    if by_detail is not None and not (by_detail is _FORBIDDEN and by_words is not None):
        return by_detail if kind == "5" or by_detail not in (_FORBIDDEN, _NO_SUCH_USER) else by_words or _LATER
    return by_words or (_REFUSED if kind == "5" else _LATER)


def _given_up(said: str) -> Reason:
    """It waited until its end: why it had to, where the last answer tells."""
    last = re.search(rf"\b4{_STATUS.pattern[7:]}\b", said[:MAX_READ])
    if last is None:
        return _TOO_LATE
    behind = explain(last[0], said)
    if behind is _LATER:
        return _TOO_LATE
    return Reason(Several(_TOO_LATE.why, Untranslated(" "), behind.why), _TOO_LATE.advice)


def _by_words(kind: str, said: str) -> Reason | None:
    words = " ".join(said[:MAX_READ].lower().split())
    return next((reason for pattern, kinds, reason in _WORDS if kind in kinds and pattern.search(words)), None)
