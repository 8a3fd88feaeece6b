"""What somebody is told when an agenda or an address book is shared with them: by whom, and where it is.

Not what it is called: that would let its owner write in the service's name.
"""

from dataclasses import dataclass
from enum import Enum

from mailserver.identity import Principal
from mailserver.mime.fields import Correspondent
from mailserver.notices.house import House, notice


class Use(Enum):
    """What they may do with it."""

    TIMES = "times"
    READ = "read"
    WRITE = "write"


_WORDS = {
    Use.TIMES: ("dont vous voyez les horaires occupés", "of which you see the busy times"),
    Use.READ: ("que vous pouvez lire", "which you may read"),
    Use.WRITE: ("que vous pouvez lire et modifier", "which you may read and change"),
}


@dataclass(frozen=True, slots=True)
class Shared:
    """What is shared, and by whom."""

    owner: str
    """Name and address of whoever shares it."""
    address: str
    is_book: bool
    use: Use


def build(house: House, what: Shared, to: Principal, *, token: bytes, now: float) -> bytes:
    """The notice's octets."""
    kind, kind_en = ("un carnet d'adresses", "an address book") if what.is_book else ("un agenda", "a calendar")
    use, use_en = _WORDS[what.use]
    place = f"{house.url}/contacts/carnets" if what.is_book else f"{house.url}/agenda/agendas"
    french = (
        f"Bonjour {to.name},\n\n"
        f"{what.owner} <{what.address}> partage avec vous {kind}, {use}.\n\n"
        f"Vous n'avez rien à faire : il est parmi les vôtres, sur le site comme dans vos logiciels\n"
        f"d'agenda et de contacts. Si vous n'en voulez pas, vous pouvez le quitter :\n{place}"
    )
    english = (
        f"Hello {to.name},\n\n"
        f"{what.owner} <{what.address}> shares {kind_en} with you, {use_en}.\n\n"
        f"There is nothing to do: it is among yours, on the web site and in your calendar and\n"
        f"contacts programs. If you do not want it, you can leave it:\n{place}"
    )
    subject = "Un carnet d'adresses" if what.is_book else "Un agenda"
    subject_en = "An address book" if what.is_book else "A calendar"
    said = f"{subject} est partagé avec vous / {subject_en} is shared with you"
    return notice(house, Correspondent(to.name, to.address), said, french, english, token=token, now=now)
