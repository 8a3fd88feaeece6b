"""What somebody is told when an agenda or an address book is shared with them: by whom, and where it is.

Not what it is called: that would let its owner write in the service's name.
"""

from dataclasses import dataclass
from enum import Enum

from mailserver.mime.writing.fields import Correspondent
from mailserver.model.identity import Principal
from mailserver.notices.house import House, notice
from mailserver.texts.text import Text


class Use(Enum):
    """What they may do with it."""

    TIMES = "times"
    READ = "read"
    WRITE = "write"


_WORDS = {
    Use.TIMES: Text("dont vous voyez les horaires occupés"),
    Use.READ: Text("que vous pouvez lire"),
    Use.WRITE: Text("que vous pouvez lire et modifier"),
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
    place = f"{house.url}/contacts/carnets" if what.is_book else f"{house.url}/agenda/agendas"
    text = Text(
        "Bonjour {name},\n\n"
        "{owner} <{address}> partage avec vous {kind}, {use}.\n\n"
        "Vous n'avez rien à faire : il est parmi les vôtres, sur le site comme dans vos logiciels\n"
        "d'agenda et de contacts. Si vous n'en voulez pas, vous pouvez le quitter :\n"
        "{place}",
        name=to.name,
        owner=what.owner,
        address=what.address,
        kind=Text("un carnet d'adresses") if what.is_book else Text("un agenda"),
        use=_WORDS[what.use],
        place=place,
    )
    subject = (
        Text("Un carnet d'adresses est partagé avec vous") if what.is_book else Text("Un agenda est partagé avec vous")
    )
    return notice(house, Correspondent(to.name, to.address), house.say(subject), text, token=token, now=now)
