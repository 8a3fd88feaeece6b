"""What moderation writes: to a list's owners that a message waits, to its author what became of it."""

from dataclasses import dataclass

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import NO_SUBJECT, House, notice
from mailserver.texts.catalogue import NC_
from mailserver.texts.text import Text

PATH = "/moderation/"
MAX_SHOWN = 200
"""Characters of a subject or sender that a notice repeats."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits for a list's owners."""

    list_address: str
    list_name: str
    sender: str
    subject: str
    expires: int
    key: str
    """What the link carries."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A message that a list will not send."""

    list_address: str
    subject: str
    reason: str = ""
    """What an owner wrote; empty: nothing, or nobody decided in time."""
    in_time: bool = True


def waiting(house: House, what: Waiting, to: str, *, token: bytes, now: float) -> bytes:
    """To the owners: who wrote, about what, and where to decide."""
    link = f"{house.url}{PATH}{what.key}"
    text = Text(
        "Bonjour,\n\n"
        "Un message attend votre décision avant d'être envoyé à la liste\n"
        "{list_name} <{list_address}>, dont vous êtes propriétaire.\n\n"
        "De : {sender}\n"
        "Objet : {subject}\n\n"
        "Pour l'accepter ou le refuser :\n"
        "{link}\n\n"
        "Sans réponse, il sera abandonné le {expires}.",
        list_name=_shown(what.list_name),
        list_address=what.list_address,
        sender=_shown(what.sender),
        subject=_shown(what.subject) or NO_SUBJECT,
        link=link,
        expires=house.day(what.expires),
    )
    subject = house.say(Text(NC_("notice", "Un message attend votre décision")))
    return notice(house, Correspondent("", to), f"{subject}: {what.list_address}", text, token=token, now=now)


def decided(house: House, what: Decided, to: str, *, token: bytes, now: float) -> bytes:
    """To the author: the list did not take the message."""
    text = Text("Bonjour,\n\n{fate}\n\nObjet : {subject}", fate=_fate(what), subject=_shown(what.subject) or NO_SUBJECT)
    subject = house.say(Text("Message non diffusé"))
    return notice(house, Correspondent("", to), f"{subject}: {what.list_address}", text, token=token, now=now)


def _fate(what: Decided) -> Text:
    if not what.in_time:
        return Text(
            "Votre message à la liste {list} attendait la décision de ses propriétaires.\n"
            "Aucun n'a répondu à temps : il n'a pas été envoyé.",
            list=what.list_address,
        )
    refused = Text("Les propriétaires de la liste {list} n'ont pas accepté votre message", list=what.list_address)
    return Text("{refused}\n\nMotif : {why}", refused=refused, why=_shown(what.reason)) if what.reason else refused


def _shown(text: str) -> str:
    """One line of somebody else's words."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_SHOWN]
