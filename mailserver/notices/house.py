"""What every notice says of the service: its name, its front page, whom to call, and how days are written."""

import datetime
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mailserver.mime import compose
from mailserver.mime.fields import Correspondent
from mailserver.settings import Settings

HELP = ("l'assistance informatique de l'académie", "the academy's help desk")
"""Whom to call when the settings name nobody: in French, in English."""

_MOIS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class House:
    """The service as its notices name it, by the settings of the moment."""

    settings: Settings

    @property
    def domain(self) -> str:
        return self.settings.domain

    @property
    def academy(self) -> str:
        return self.settings.web.academy

    @property
    def url(self) -> str:
        return self.settings.public_url

    @property
    def help(self) -> tuple[str, str]:
        """Whom to call, in French and in English."""
        contact = self.settings.web.help_contact
        return (contact, contact) if contact else HELP

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.web.timezone)

    def jour(self, moment: int) -> str:
        """`24 novembre 2026`."""
        when = self._at(moment)
        return f"{'1er' if when.day == 1 else when.day} {_MOIS[when.month - 1]} {when.year}"

    def day(self, moment: int) -> str:
        """`24 November 2026`."""
        when = self._at(moment)
        return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"

    def moment(self, moment: int) -> tuple[str, str]:
        """`24/11/2026 08:00` and `2026-11-24 08:00`: for lines that may hold ASCII only."""
        when = self._at(moment)
        return f"{when:%d/%m/%Y %H:%M}", f"{when:%Y-%m-%d %H:%M}"

    def _at(self, moment: int) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(moment, self.zone)


def house_of(settings: Settings) -> House:
    """The house of an instance."""
    return House(settings)


def notice(
    house: House, to: Correspondent, subject: str, french: str, english: str, *, token: bytes, now: float
) -> bytes:
    """A notice from the service in both languages. `token`: random octets for its message id."""
    return compose.build(
        compose.NewMessage(
            author=Correspondent(f"Messagerie, {house.academy}", f"postmaster@{house.domain}"),
            date=now,
            message_id=compose.message_id(token, house.domain),
            to=(to,),
            subject=subject,
            text=both(house, french, english),
            more=(("Auto-Submitted", "auto-generated"),),  # RFC 3834 section 5
        )
    )


def both(house: House, french: str, english: str) -> str:
    """The two halves of a notice, each signed by the service and saying whom to call."""
    return (
        f"{french}\n\nUne question ? Contactez {house.help[0]}.\n"
        f"Aucun message de la messagerie ne vous demandera votre mot de passe.\n\n"
        f"{house.academy}\n\n"
        f"----------\n\n"
        f"{english}\n\nQuestions? Call {house.help[1]}.\n"
        f"No message of the mail service will ever ask for your password.\n\n"
        f"{house.academy}\n"
    )
