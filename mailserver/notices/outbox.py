"""What somebody is told whose letter could not leave at its time."""

from mailserver.mime.fields import Correspondent
from mailserver.notices.house import House, notice

MAX_SHOWN = 200


def not_sent(house: House, to: Correspondent, subject: str, why: tuple[str, str], *, token: bytes, now: float) -> bytes:
    """To its author: it is a draft again. `why`: in French, in English."""
    shown = " ".join("".join(char if char.isprintable() else " " for char in subject).split())[:MAX_SHOWN]
    french = (
        f"Bonjour,\n\n"
        f"Votre message n'a pas pu partir :\n"
        f"{why[0]}\n\n"
        f"Objet : {shown or '(sans objet)'}\n\n"
        f"Il est de nouveau dans vos brouillons : corrigez-le, puis envoyez-le."
    )
    english = (
        f"Hello,\n\n"
        f"Your message could not leave:\n"
        f"{why[1]}\n\n"
        f"Subject: {shown or '(none)'}\n\n"
        f"It is in your drafts again: put it right, then send it."
    )
    title = f"Message non envoyé / Message not sent: {shown}".rstrip(": ")
    return notice(house, to, title, french, english, token=token, now=now)
