"""What a recipient is told of a message that is held for IT because there is a virus in it."""

from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text


@dataclass(frozen=True, slots=True)
class Infected:
    """A message that is held."""

    virus: str
    expires: int


def held(house: House, what: Infected, to: str, *, token: bytes, now: float) -> bytes:
    """To a recipient: what was found, and what to do if something was expected.

    Not a word of the message's: a stranger's subject or name would stand in a mail that people believe.
    """
    text = Text(
        "Bonjour,\n\n"
        "Un message qui vous était adressé contient un virus ({virus}).\n"
        "Il ne vous a pas été remis : le service informatique le garde jusqu'au {expires}.\n\n"
        "Vous n'avez rien à faire. Si vous attendiez une pièce jointe, demandez au service informatique\n"
        "ce qu'il en est. D'autres messages retenus ce jour ne vous seront pas annoncés.",
        virus=what.virus,
        expires=house.day(what.expires),
    )
    subject = house.say(Text("Un message infecté a été retenu"))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)
