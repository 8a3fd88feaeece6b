"""What people are told when the protection of their account changes: second factor, recovery codes, app passwords.

Whoever has got hold of an account does this first, so its owner hears of it. No secret stands in these messages.
"""

from dataclasses import dataclass
from enum import Enum

from mailserver.mime.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.notices.passwords import Owner


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
        "La double authentification de votre compte {login} a été activée\nle {when}{where}.\n\n"
        "Le site web vous demande désormais aussi un code ; Thunderbird, Outlook et votre téléphone\n"
        "ont besoin d'un mot de passe d'application (Mon compte, Appareils).",
        "Two-step login of your account {login} was switched on\nat {when}{where}.\n\n"
        "The web site now asks for a code as well; Thunderbird, Outlook and your phone need an\n"
        "app password (My account, Devices).",
        "Double authentification activée / Two-step login switched on",
    ),
    Change.FACTOR_OFF: (
        "La double authentification de votre compte {login} a été désactivée\nle {when}{where}.\n\n"
        "Le mot de passe ouvre de nouveau tout, sans code.",
        "Two-step login of your account {login} was switched off\nat {when}{where}.\n\n"
        "The password opens everything again, without a code.",
        "Double authentification désactivée / Two-step login switched off",
    ),
    Change.RECOVERY_CODES: (
        "De nouveaux codes de secours ont été créés pour votre compte {login}\nle {when}{where}.\n\n"
        "Les anciens ne sont plus valables.",
        "New recovery codes were made for your account {login}\nat {when}{where}.\n\n"
        "Those before are not good any more.",
        "Nouveaux codes de secours / New recovery codes",
    ),
    Change.APP_PASSWORD: (
        "Un mot de passe d'application a été créé pour votre compte {login}\nle {when}{where} :\n\n    {device}\n\n"
        "Il ouvre votre compte à un programme ou à un téléphone, sans code. Vous pouvez le révoquer\n"
        "dans Mon compte, Appareils.",
        "An app password was made for your account {login}\nat {when}{where}:\n\n    {device}\n\n"
        "It opens your account to a program or a phone, without a code. You can revoke it\n"
        "in My account, Devices.",
        "Nouveau mot de passe d'application / New app password",
    ),
}


def build(
    house: House, owner: Owner, to: str, change: Change, place: Place, device: str = "", *, token: bytes, now: float
) -> bytes:
    """The notice to one of the person's addresses. `device`: the name that an app password was given."""
    french, english, subject = _WORDS[change]
    ou, where = _where(place)
    quand, when = house.moment(int(now))
    facts = {"login": owner.login, "device": device}
    text = (
        f"Bonjour {owner.name},\n\n{french.format(when=quand, where=ou, **facts)}\n\n"
        f"Ce n'était pas vous ? Appelez sans attendre : votre compte peut être bloqué."
    )
    text_en = (
        f"Hello {owner.name},\n\n{english.format(when=when, where=where, **facts)}\n\n"
        f"This was not you? Call at once: your account can be blocked."
    )
    return notice(house, Correspondent(owner.name, to), subject, text, text_en, token=token, now=now)


def _where(place: Place) -> tuple[str, str]:
    if not place.by_owner:
        return " par l'assistance informatique", " by the help desk"
    if not place.peer:
        return " depuis le site web", " on the web site"
    return f" depuis le site web\n(adresse {place.peer})", f" on the web site\n(address {place.peer})"
