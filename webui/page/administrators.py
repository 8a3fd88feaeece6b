"""Who acts as an administrator, and from where: what the role opens stays shut elsewhere, whichever page it is on."""

from dataclasses import replace

from mailserver.foundation.network.peers import is_loopback, is_within
from mailserver.foundation.settings import Settings
from mailserver.model.identity import Principal, Role
from webui.page.context import Services, Visit


def is_near(settings: Settings, peer: str) -> bool:
    """Whether an administrator may act as one from there; this machine always may."""
    networks = settings.web.admin_networks
    return not networks or is_loopback(peer) or is_within(peer, networks)


def acting(services: Services, visit: Visit) -> Principal:
    """The person, for pages on which administrators stand in for others; one who is elsewhere is of the staff there."""
    person = visit.principal
    if person.role is Role.ADMIN and not is_near(services.settings, visit.peer):
        return replace(person, role=Role.STAFF)
    return person
