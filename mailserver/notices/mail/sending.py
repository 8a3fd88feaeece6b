"""What is written when an account has sent more than is usual: to its owner, and to IT."""

from collections.abc import Sequence

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import NO_SUBJECT, House, notice
from mailserver.texts.text import Text

PAGE = "/admin/envois-retenus"
MAX_SHOWN = 200
MAX_NAMED = 20
"""Messages that a notice names."""


def held(house: House, to: Correspondent, why: Text, expires: int, *, token: bytes, now: float) -> bytes:
    """To the owner: what waits, why, and what to do if it was somebody else."""
    text = Text(
        "Bonjour,\n\n"
        "Votre compte vient d'envoyer plus de messages que d'habitude :\n"
        "{why}.\n\n"
        "Vos messages ne sont pas perdus. Ils attendent la décision du service informatique,\n"
        "au plus tard jusqu'au {expires} ; ceux que vous enverrez maintenant attendront peut-être aussi.\n\n"
        "Si ce n'est pas vous qui écrivez, changez tout de suite votre mot de passe et appelez\n"
        "{help}.",
        why=why,
        expires=house.day(expires),
        help=house.help,
    )
    return notice(house, to, house.say(Text("Vos messages attendent avant de partir")), text, token=token, now=now)


def told(house: House, to: str, login: str, why: Text, *, token: bytes, now: float) -> bytes:
    """To IT: whose messages wait, and where to decide."""
    text = Text(
        "Bonjour,\n\n"
        "Le compte {login} envoie plus que permis : {why}.\n"
        "Ses messages attendent votre décision :\n"
        "{link}\n\n"
        "Si le compte est piraté : mailserver account secure DIR {login}",
        login=login,
        why=why,
        link=f"{house.url}{PAGE}",
    )
    subject = house.say(Text("Envois retenus"))
    return notice(house, Correspondent("", to), f"{subject}: {login}", text, token=token, now=now)


def dropped(house: House, to: Correspondent, subjects: Sequence[str], *, token: bytes, now: float) -> bytes:
    """To the owner: these messages were not sent."""
    named = [_shown(one) or house.say(NO_SUBJECT) for one in subjects[:MAX_NAMED]]
    lines = "\n".join(f"- {one}" for one in named) + ("\n- …" if len(subjects) > MAX_NAMED else "")
    text = Text(
        "Bonjour,\n\n"
        "Des messages de votre compte attendaient la décision du service informatique.\n"
        "Ils n'ont pas été envoyés :\n"
        "{lines}\n\n"
        "Leurs copies, s'il y en a, sont toujours dans vos messages envoyés.",
        lines=lines,
    )
    return notice(house, to, house.say(Text("Messages non envoyés")), text, token=token, now=now)


def partly(house: House, to: Correspondent, subject: str, left: Sequence[str], *, token: bytes, now: float) -> bytes:
    """To the owner: a message that waited has left, but not for these."""
    named = ", ".join(left[:MAX_NAMED]) + (", …" if len(left) > MAX_NAMED else "")
    text = Text(
        "Bonjour,\n\nVotre message « {subject} », qui attendait, est parti.\nIl n'a pas pu être remis à : {named}.",
        subject=_shown(subject) or NO_SUBJECT,
        named=named,
    )
    return notice(house, to, house.say(Text("Message envoyé en partie")), text, token=token, now=now)


def _shown(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_SHOWN]
