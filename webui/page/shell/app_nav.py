"""The rail: the applications of the complete interface, and who sees which."""

from dataclasses import dataclass

from mailserver.model.identity import Role
from webui.page.context import Visit

_ELSEWHERE = (("/m/liste/", "/m/listes"), ("/compte", "/m/reglages"), ("/m/dossiers", "/m/reglages"))
"""Pages whose address does not begin like their application's."""


@dataclass(frozen=True, slots=True)
class Application:
    """One entry of the rail."""

    title: str
    address: str
    icon: str
    current: bool
    desk: bool
    """Of the office: phones have it in the menu of the account alone."""


def applications(visit: Visit) -> tuple[Application, ...]:
    """What the person may open; the one whose page is shown is marked."""
    _ = visit._
    known = [
        (_("Messages"), "/m/", "mail"),
        (_("Agenda"), "/agenda", "calendar-days"),
        (_("Contacts"), "/contacts", "contact-round"),
        (_("Listes"), "/m/listes", "users"),
        (_("Réglages"), "/m/reglages", "settings"),
    ]
    if visit.principal.role in (Role.SECRETARIAT, Role.ADMIN):
        known.append((_("Secrétariat"), "/secretariat", "printer"))
    if visit.principal.role is Role.ADMIN:
        known.append((_("Console"), "/admin", "shield"))
    path = visit.request.url.path
    places = [(address, address) for _title, address, _icon in known] + list(_ELSEWHERE)
    if path.startswith("/m/dossier/") and path.rpartition("/")[2] in ("modifier", "partage", "importer"):
        path = "/m/dossiers"  # what is set of one, not what is in it
    current = max(
        (place for place in places if path.startswith(place[0])), key=lambda one: len(one[0]), default=("", "")
    )[1]
    desks = ("/secretariat", "/admin")
    return tuple(
        Application(title, address, icon, address == current, address in desks) for title, address, icon in known
    )
