"""What somebody is told whose letter could not leave at its time."""

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import NO_SUBJECT, House, notice
from mailserver.texts.text import Text

MAX_SHOWN = 200


def not_sent(house: House, to: Correspondent, subject: str, why: Text, *, token: bytes, now: float) -> bytes:
    """To its author: it is a draft again."""
    shown = " ".join("".join(char if char.isprintable() else " " for char in subject).split())[:MAX_SHOWN]
    text = Text(
        "Bonjour,\n\n"
        "Votre message n'a pas pu partir :\n"
        "{why}\n\n"
        "Objet : {subject}\n\n"
        "Il est de nouveau dans vos brouillons : corrigez-le, puis envoyez-le.",
        why=why,
        subject=shown or NO_SUBJECT,
    )
    title = house.say(Text("Message non envoyé"))
    return notice(house, to, f"{title}: {shown}".rstrip(": "), text, token=token, now=now)
