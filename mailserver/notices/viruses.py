"""What a recipient is told of a message that is held for IT because there is a virus in it."""

from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import NO_SUBJECT, House, notice
from mailserver.texts.text import Text

MAX_SHOWN = 200
"""Characters of a subject or sender that a notice repeats."""


@dataclass(frozen=True, slots=True)
class Infected:
    """A message that is held."""

    sender: str
    subject: str
    virus: str
    expires: int


def held(house: House, what: Infected, to: str, *, token: bytes, now: float) -> bytes:
    """To a recipient: who wrote, about what, what was found, and what to do if it was expected."""
    text = Text(
        "Bonjour,\n\n"
        "Un message qui vous était adressé contient un virus ({virus}).\n"
        "Il ne vous a pas été remis : le service informatique le garde jusqu'au {expires}.\n\n"
        "De : {sender}\n"
        "Objet : {subject}\n\n"
        "Vous n'avez rien à faire. Si vous attendiez ce message, dites à son expéditeur que sa pièce\n"
        "jointe est infectée, ou demandez au service informatique ce qu'il en est.",
        virus=_shown(what.virus),
        sender=_shown(what.sender),
        subject=_shown(what.subject) or NO_SUBJECT,
        expires=house.day(what.expires),
    )
    subject = house.say(Text("Un message infecté a été retenu"))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


def _shown(text: str) -> str:
    """One line of somebody else's words."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_SHOWN]
