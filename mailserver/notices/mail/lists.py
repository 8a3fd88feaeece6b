"""What a list's owners are told: before it takes no more messages, and of members who get nothing any more; what its
authors are told: that its archive was opened to more people."""

from dataclasses import dataclass
from urllib.parse import quote

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.notices.mail.digests import Opening, opened
from mailserver.texts.text import Text


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
    text = Text(
        "Bonjour,\n\n"
        "La liste {named}, dont vous êtes propriétaire, recevra des messages\n"
        "jusqu'au {last} inclus. Ensuite, ceux qui lui écrivent apprendront qu'elle est fermée.\n"
        "Ses membres et ses réglages sont conservés.\n\n"
        "Pour la garder plus longtemps, changez son dernier jour :\n"
        "{link}",
        named=named,
        last=house.day(last),
        link=link,
    )
    subject = house.say(Text("La liste {address} se ferme bientôt", address=what.address))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


@dataclass(frozen=True, slots=True)
class Ended:
    """The list, and the members outside to whom it sends nothing any more."""

    address: str
    name: str
    members: tuple[str, ...]


def ended(house: House, what: Ended, to: str, *, token: bytes, now: float) -> bytes:
    """To the owners: who gets nothing any more, why, and where that can be changed."""
    link = f"{house.url}/m/liste/{quote(what.address)}/messages"
    named = f"{what.name} <{what.address}>" if what.name != what.address else what.address
    text = Text(
        "Bonjour,\n\n"
        "Les messages de la liste {named} reviennent de ces adresses extérieures :\n\n"
        "{members}\n\n"
        "Elle ne leur envoie plus rien. Si une adresse est redevenue bonne, ou pour voir\n"
        "ce qui a été répondu :\n"
        "{link}",
        named=named,
        members="\n".join(what.members),
        link=link,
    )
    subject = house.say(Text("Des membres de la liste {address} ne reçoivent plus rien", address=what.address))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)


@dataclass(frozen=True, slots=True)
class ArchiveOpened:
    """The list, the address of its owners, how many messages of the reader's are in its archive, and to whom it was
    opened."""

    address: str
    name: str
    owner: str
    posts: int
    opening: Opening


def archive_opened(house: House, what: ArchiveOpened, to: str, *, token: bytes, now: float) -> bytes:
    """To somebody with messages in it: who reads them from now on, and whom to ask to take one out."""
    named = f"{what.name} <{what.address}>" if what.name != what.address else what.address
    text = Text(
        "Bonjour,\n\n"
        "Les archives de la liste {named} ont été ouvertes à plus de lecteurs. Vos messages qui y sont : {posts}.\n\n"
        "{opened}\n\n"
        "Ces archives :\n"
        "{link}\n\n"
        "Pour qu'un de vos messages en soit retiré, écrivez aux responsables de la liste : {owner}.",
        named=named,
        posts=what.posts,
        opened=opened(house, what.opening),
        link=f"{house.url}/archives/{quote(what.address)}",
        owner=what.owner,
    )
    subject = house.say(Text("Les archives de la liste {address} ont plus de lecteurs", address=what.address))
    return notice(house, Correspondent("", to), subject, text, token=token, now=now)
