"""What is written about letters that wait until their author confirms them: to the author."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import NO_SUBJECT, House, notice
from mailserver.texts.catalogue import NC_
from mailserver.texts.text import Several, Text, Untranslated

PAGE = "/m/envois/a-confirmer"
MAX_SHOWN = 200
MAX_NAMED = 20
NAMELESS = Text("(sans nom)")
_PRIVATE = Text("une donnée confidentielle")
KINDS = {
    "password": Text("votre mot de passe"),
    "numen": Text("un NUMEN"),
    "ine": Text("un INE (identifiant national élève)"),
    "nir": Text("un numéro de sécurité sociale (NIR)"),
    "iban": Text("un numéro de compte bancaire (IBAN)"),
    "uncompared": Text("des mots qui n’ont pas pu être comparés à votre mot de passe"),
}
"""What a letter may give away, by `mailserver.policy.dlp.detectors.Kind`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A letter that waits."""

    subject: str
    kinds: Sequence[str]
    """What it gives away."""
    unread: Sequence[str]
    """Names of its files that nobody could read."""
    expires: int


def asked(house: House, to: Correspondent, what: Asked, *, token: bytes, now: float) -> bytes:
    """To the author: a letter waits, why, and where to decide. Never what it gives away."""
    found = "\n".join(f"- {house.say(KINDS[kind])}" for kind in what.kinds if kind in KINDS)
    if what.unread:
        names = ", ".join(shortened(name) or house.say(NAMELESS) for name in what.unread[:MAX_NAMED])
        found += "\n- " + house.say(Text("des documents joints qui n'ont pas pu être lus : {names}", names=names))
    text = Text(
        "Bonjour,\n\n"
        "Votre message « {subject} » n'est pas parti : il contient, pour des destinataires extérieurs à l'académie,\n"
        "{found}\n\n"
        "Confirmez l'envoi, ou renoncez-y, dans la messagerie :\n"
        "{link}\n\n"
        "Sans réponse de votre part, il ne partira pas ; il attend jusqu'au {expires}.",
        subject=shortened(what.subject) or NO_SUBJECT,
        found=found,
        link=f"{house.url}{PAGE}",
        expires=house.day(what.expires),
    )
    return notice(
        house, to, house.say(Text(NC_("notice", "Votre message attend votre accord"))), text, token=token, now=now
    )


def unasked(kinds: Sequence[str]) -> Text:
    """Why a letter did not leave at its time: a list it goes to has members outside by now."""
    return Text(
        "ce message contient {found}, et irait maintenant aussi à l'extérieur de l'académie. Envoyez-le de nouveau : "
        "vous pourrez le confirmer.",
        found=named(kinds),
    )


def unasked_of_another(kinds: Sequence[str]) -> Text:
    """The same for whoever lets a message of somebody else go: an owner of its list, IT."""
    return Text(
        "ce message contient {found}, et irait maintenant aussi à l'extérieur de l'académie. Son auteur ne l'a pas "
        "confirmé : refusez-le ; il pourra l'envoyer de nouveau, et le confirmer.",
        found=named_of_another(kinds),
    )


def named(kinds: Sequence[str], words: Mapping[str, Text] = KINDS) -> Several:
    """What a letter gives away."""
    known = [words[kind] for kind in dict.fromkeys(kinds) if kind in words]
    return Several(*known[:1], *(Several(Untranslated(", "), one) for one in known[1:]))


def named_of_another(kinds: Sequence[str]) -> Several:
    """The same to whoever did not write it: that a word of it is its author's password, or may be, nobody learns."""
    shown = ["private" if kind == "password" else kind for kind in kinds if kind != "uncompared"]
    return named(shown, {**KINDS, "private": _PRIVATE})


def expired(house: House, to: Correspondent, subjects: Sequence[str], *, token: bytes, now: float) -> bytes:
    """To the author: these waited for their yes, and were not sent."""
    named = [shortened(one) or house.say(NO_SUBJECT) for one in subjects[:MAX_NAMED]]
    lines = "\n".join(f"- {one}" for one in named) + ("\n- …" if len(subjects) > MAX_NAMED else "")
    text = Text(
        "Bonjour,\n\n"
        "Ces messages attendaient votre accord avant de partir. Vous ne l'avez pas donné :\n"
        "ils n'ont pas été envoyés.\n"
        "{lines}",
        lines=lines,
    )
    return notice(house, to, house.say(Text("Messages non envoyés")), text, token=token, now=now)


def shortened(text: str) -> str:
    """Somebody's words in one line, for a notice."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_SHOWN]
