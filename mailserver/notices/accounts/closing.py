"""The notices before a planned closing: when it happens, what is lost, how to take one's mail along."""

from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text

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
    until = Text("jusqu'au {day}", day=house.day(end)) if end else Text("pendant un temps")
    close_day = house.day(closing.close_at)
    text = Text(
        "Bonjour {name},\n\n"
        "Votre compte de messagerie {login} ({address}) sera fermé\n"
        "le {close_day}. Vous ne pourrez alors plus vous y connecter.\n\n"
        "Avant cette date, vous pouvez emporter vos messages, vos agendas et vos contacts :\n"
        "connectez-vous à {url}{path}\n\n"
        "Après la fermeture, tout reste conservé {until} et peut être rétabli ou\n"
        "vous être remis sur demande ; ensuite tout est effacé.",
        name=closing.name,
        login=closing.login,
        address=closing.address,
        close_day=close_day,
        url=house.url,
        path=EXPORT_PATH,
        until=until,
    )
    subject = house.say(Text("Fermeture de votre compte le {day}", day=close_day))
    return notice(house, Correspondent(closing.name, to), subject, text, token=token, now=now)
