"""What moderation writes: to a list's owners that a message waits, to its author what became of it."""

from dataclasses import dataclass

from mailserver.mime.fields import Correspondent
from mailserver.notices.house import House, notice

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
    french = (
        f"Bonjour,\n\n"
        f"Un message attend votre décision avant d'être envoyé à la liste\n"
        f"{_shown(what.list_name)} <{what.list_address}>, dont vous êtes propriétaire.\n\n"
        f"De : {_shown(what.sender)}\n"
        f"Objet : {_shown(what.subject) or '(sans objet)'}\n\n"
        f"Pour l'accepter ou le refuser :\n{link}\n\n"
        f"Sans réponse, il sera abandonné le {house.jour(what.expires)}."
    )
    english = (
        f"Hello,\n\n"
        f"A message waits for your decision before it goes to the list\n"
        f"{_shown(what.list_name)} <{what.list_address}>, which you own.\n\n"
        f"From: {_shown(what.sender)}\n"
        f"Subject: {_shown(what.subject) or '(none)'}\n\n"
        f"To accept or reject it:\n{link}\n\n"
        f"Without an answer it will be dropped on {house.day(what.expires)}."
    )
    subject = f"Un message attend votre décision / A message waits for you: {what.list_address}"
    return notice(house, Correspondent("", to), subject, french, english, token=token, now=now)


def decided(house: House, what: Decided, to: str, *, token: bytes, now: float) -> bytes:
    """To the author: the list did not take the message."""
    shown = _shown(what.subject) or "(sans objet / none)"
    if what.in_time:
        why = f"\n\nMotif : {_shown(what.reason)}" if what.reason else ""
        why_en = f"\n\nReason: {_shown(what.reason)}" if what.reason else ""
        french = f"Les propriétaires de la liste {what.list_address} n'ont pas accepté votre message{why}"
        english = f"The owners of the list {what.list_address} did not accept your message{why_en}"
    else:
        french = (
            f"Votre message à la liste {what.list_address} attendait la décision de ses propriétaires.\n"
            f"Aucun n'a répondu à temps : il n'a pas été envoyé."
        )
        english = (
            f"Your message to the list {what.list_address} waited for its owners to decide.\n"
            f"None of them answered in time: it was not sent."
        )
    subject = f"Message non diffusé / Message not sent: {what.list_address}"
    told = (f"Bonjour,\n\n{french}\n\nObjet : {shown}", f"Hello,\n\n{english}\n\nSubject: {shown}")
    return notice(house, Correspondent("", to), subject, *told, token=token, now=now)


def _shown(text: str) -> str:
    """One line of somebody else's words."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_SHOWN]
