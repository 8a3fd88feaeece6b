"""What pages say of agendas that are filled from a web address."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mailserver.calendars.feeds import MAX_EVENTS, Fault
from mailserver.store.agenda.agenda_feeds import MAX_FEEDS, Feed
from webui.page.context import Visit


@dataclass(frozen=True, slots=True)
class Told:
    """One of them."""

    host: str
    """Of its address: the rest may be a secret, and stays off the page unless asked for."""
    source: str
    since: str
    """When it was refreshed last."""
    fault: str
    """Why it was not since; empty: it was."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed to subscribe, and why it was refused."""

    address: str = ""
    name: str = ""
    fault: str = ""


NOTHING: Final = Asked()


def told(visit: Visit, feed: Feed) -> Told:
    """What is said of a feed."""
    known = {fault.value: fault for fault in Fault}
    fault = sentence(visit, known.get(feed.fault, Fault.UNREACHABLE)) if feed.fault else ""
    return Told(urlsplit(feed.source).hostname or "", feed.source, visit.language.long_date(feed.refreshed), fault)


def sentence(visit: Visit, fault: Fault) -> str:
    """Why nothing could be had at an address."""
    _ = visit._
    count = visit.language.number(MAX_EVENTS)
    return {
        Fault.ADDRESS: _("Cette adresse ne convient pas. Elle commence par https:// ou webcal://."),
        Fault.UNREACHABLE: _("L’adresse ne répond pas, ou n’est pas sur l’internet public."),
        Fault.GONE: _("Il n’y a rien à cette adresse, ou rien sans mot de passe."),
        Fault.NOT_CALENDAR: _(
            "Il y a bien quelque chose à cette adresse, mais pas d’agenda au format iCalendar (.ics)."
        ),
        Fault.TOO_BIG: _("L’agenda à cette adresse est trop gros : 2 Mo et %(count)s événements au plus.")
        % {"count": count},
        Fault.FULL: _("Vos agendas sont pleins."),
    }[fault]


def too_many(visit: Visit) -> str:
    """Why there is no further subscription."""
    return visit._("C’est trop : %(count)s abonnements au plus, et cent agendas et carnets.") % {"count": MAX_FEEDS}
