"""What every notice says of the service: its name, its front page, whom to call, and how days are written."""

import datetime
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from mailserver.foundation.settings import Settings
from mailserver.mime.header import dates
from mailserver.mime.writing import compose
from mailserver.mime.writing.fields import Correspondent
from mailserver.store.account import stored_preferences
from mailserver.store.engine.transactions import Store
from mailserver.texts.catalogue import N_, NC_
from mailserver.texts.dates import Day, Moment
from mailserver.texts.languages import LanguageCode
from mailserver.texts.text import Text, Untranslated, spoken

HELP = Text("l'assistance informatique de l'académie")
"""Whom to call when the settings name nobody."""
HALVES = "\n----------\n\n"
"""Between the two languages of a mail."""
NO_SUBJECT = Text(NC_("notice", "(sans objet)"))

_SIGNED = N_(
    "{text}\n\nUne question ? Contactez {help}.\n"
    "Aucun message de la messagerie ne vous demandera votre mot de passe.\n\n"
    "{academy}\n"
)


@dataclass(frozen=True, slots=True)
class House:
    """The service as its notices name it, by the settings of the moment, and the language it speaks in them."""

    settings: Settings
    language: LanguageCode | None = None
    """Of whoever reads; None: it is not known, and both are spoken."""

    def say(self, text: Text, between: str = " / ") -> str:
        """A text in the reader's language."""
        return spoken(text, self.language, between)

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
    def help(self) -> Text:
        """Whom to call."""
        contact = self.settings.web.help_contact
        return Untranslated(contact) if contact else HELP

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.web.timezone)

    def day(self, moment: int) -> Day:
        """`24 novembre 2026`."""
        return Day(self._at(moment).date())

    def moment(self, moment: int) -> Moment:
        """`24/11/2026 08:00`."""
        return Moment(self._at(moment))

    def _at(self, moment: int) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(moment, self.zone)


def house_of(settings: Settings) -> House:
    """The house of an instance."""
    return House(settings)


async def house_for(store: Store, house: House, account_id: int) -> House:
    """The house as it speaks to somebody. Raises Temporary."""
    return replace(house, language=(await store.read(stored_preferences.preferences, account_id)).reads)


def notice(house: House, to: Correspondent, subject: str, text: Text, *, token: bytes, now: float) -> bytes:
    """A notice from the service in the language of its reader. `token`: random octets for its message id."""
    return compose.build(
        compose.NewMessage(
            author=Correspondent(f"Messagerie, {house.academy}", f"postmaster@{house.domain}"),
            date=now,
            message_id=compose.message_id(token, house.domain),
            to=(to,),
            subject=subject,
            text=house.say(Text(_SIGNED, text=text, help=house.help, academy=house.academy), HALVES),
            more=(("Auto-Submitted", "auto-generated"),),  # RFC 3834 section 5
            zone=dates.offset(now, house.zone),
        )
    )
