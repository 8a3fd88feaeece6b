"""What a list's owners are told before it takes no more messages."""

from dataclasses import dataclass
from urllib.parse import quote

from mailserver.mime.fields import Correspondent
from mailserver.notices.house import House, notice


@dataclass(frozen=True, slots=True)
class Ending:
    """The list, and when its last day is over (seconds since 1970)."""

    address: str
    name: str
    ends: int


def ending(house: House, what: Ending, to: str, *, token: bytes, now: float) -> bytes:
    """To the owners: until when it takes messages, and where that can be changed."""
    last = what.ends - 1
    link = f"{house.url}/m/liste/{quote(what.address)}"
    named = f"{what.name} <{what.address}>" if what.name != what.address else what.address
    french = (
        f"Bonjour,\n\n"
        f"La liste {named}, dont vous êtes propriétaire, recevra des messages\n"
        f"jusqu'au {house.jour(last)} inclus. Ensuite, ceux qui lui écrivent apprendront qu'elle est fermée.\n"
        f"Ses membres et ses réglages sont conservés.\n\n"
        f"Pour la garder plus longtemps, changez son dernier jour :\n{link}"
    )
    english = (
        f"Hello,\n\n"
        f"The list {named}, which you own, takes messages\n"
        f"until {house.day(last)}, that day included. After that, those who write to it learn that it is closed.\n"
        f"Its members and settings are kept.\n\n"
        f"To keep it longer, change its last day:\n{link}"
    )
    subject = f"La liste {what.address} se ferme bientôt / The list {what.address} closes soon"
    return notice(house, Correspondent("", to), subject, french, english, token=token, now=now)
