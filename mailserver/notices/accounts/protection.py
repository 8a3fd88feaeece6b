"""What people are told when the protection of their account changes: second factor, recovery codes, app passwords.

Whoever has got hold of an account does this first, so its owner hears of it. No secret stands in these messages.
"""

from dataclasses import dataclass
from enum import Enum

from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.house import House, notice
from mailserver.texts.catalogue import N_, NC_
from mailserver.texts.text import Text


class Change(Enum):
    """What has changed."""

    FACTOR_ON = "factor on"
    FACTOR_OFF = "factor off"
    RECOVERY_CODES = "recovery codes"
    APP_PASSWORD = "app password"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change was made."""

    by_owner: bool
    """On the web site, by somebody who proved to be the owner; False: by the academy's IT."""
    peer: str = ""
    """The address it came from; empty: not known."""


_WORDS = {
    Change.FACTOR_ON: (
        Text(NC_("notice", "Double authentification activée")),
        N_(
            "La double authentification de votre compte {login} a été activée\n"
            "le {when}{where}.\n\n"
            "Le site web vous demande désormais aussi un code ; Thunderbird, Outlook et votre téléphone\n"
            "ont besoin d'un mot de passe d'application (Mon compte, Appareils)."
        ),
    ),
    Change.FACTOR_OFF: (
        Text("Double authentification désactivée"),
        N_(
            "La double authentification de votre compte {login} a été désactivée\n"
            "le {when}{where}.\n\n"
            "Le mot de passe ouvre de nouveau tout, sans code."
        ),
    ),
    Change.RECOVERY_CODES: (
        Text("Nouveaux codes de secours"),
        N_(
            "De nouveaux codes de secours ont été créés pour votre compte {login}\n"
            "le {when}{where}.\n\n"
            "Les anciens ne sont plus valables."
        ),
    ),
    Change.APP_PASSWORD: (
        Text("Nouveau mot de passe d'application"),
        N_(
            "Un mot de passe d'application a été créé pour votre compte {login}\n"
            "le {when}{where} :\n\n"
            "    {device}\n\n"
            "Il ouvre votre compte à un programme ou à un téléphone, sans code. Vous pouvez le révoquer\n"
            "dans Mon compte, Appareils."
        ),
    ),
}
"""The subject, and what has happened."""


def build(
    house: House, owner: Owner, to: str, change: Change, place: Place, device: str = "", *, token: bytes, now: float
) -> bytes:
    """The notice to one of the person's addresses. `device`: the name that an app password was given."""
    subject, told = _WORDS[change]
    when, where = house.moment(int(now)), _where(place)
    text = Text(
        "Bonjour {name},\n\n{told}\n\nCe n'était pas vous ? Appelez sans attendre : votre compte peut être bloqué.",
        name=owner.name,
        told=Text(told, when=when, where=where, login=owner.login, device=device),
    )
    return notice(house, Correspondent(owner.name, to), house.say(subject), text, token=token, now=now)


def _where(place: Place) -> Text:
    if not place.by_owner:
        return Text(" par l'assistance informatique")
    if not place.peer:
        return Text(" depuis le site web")
    return Text(" depuis le site web\n(adresse {peer})", peer=place.peer)
