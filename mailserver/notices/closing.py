"""The notices before a planned closing: when it happens, what is lost, how to take one's mail along."""

from dataclasses import dataclass

from mailserver.mime.fields import Correspondent
from mailserver.notices.house import House, notice

EXPORT_PATH = "/compte/export"


@dataclass(frozen=True, slots=True)
class Closing:
    """Whose account closes, and when what happens."""

    name: str
    login: str
    address: str
    close_at: int
    erase_at: int
    """0: nobody has said."""


def build(house: House, closing: Closing, to: str, *, token: bytes, now: float) -> bytes:
    """The notice to one of the person's addresses."""
    end = closing.erase_at
    until = f"jusqu'au {house.jour(end)}" if end else "pendant un temps"
    until_en = f"until {house.day(end)}" if end else "for a while"
    french = (
        f"Bonjour {closing.name},\n\n"
        f"Votre compte de messagerie {closing.login} ({closing.address}) sera fermé\n"
        f"le {house.jour(closing.close_at)}. Vous ne pourrez alors plus vous y connecter.\n\n"
        f"Avant cette date, vous pouvez emporter vos messages, vos agendas et vos contacts :\n"
        f"connectez-vous à {house.url}{EXPORT_PATH}\n\n"
        f"Après la fermeture, tout reste conservé {until} et peut être rétabli ou\n"
        f"vous être remis sur demande ; ensuite tout est effacé."
    )
    english = (
        f"Hello {closing.name},\n\n"
        f"Your mail account {closing.login} ({closing.address}) will be closed\n"
        f"on {house.day(closing.close_at)}. You will not be able to log in after that.\n\n"
        f"Until then you can take your messages, calendars and contacts along:\n"
        f"log in at {house.url}{EXPORT_PATH}\n\n"
        f"After the closing everything is kept {until_en} and can be restored or\n"
        f"handed to you on request; then everything is erased."
    )
    subject = (
        f"Fermeture de votre compte le {house.jour(closing.close_at)} / "
        f"Your account closes on {house.day(closing.close_at)}"
    )
    return notice(house, Correspondent(closing.name, to), subject, french, english, token=token, now=now)
