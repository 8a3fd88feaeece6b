"""The doors of one worker: imported once, opened on their sockets."""

import importlib
from typing import TYPE_CHECKING, Protocol

from mailserver.foundation.network.listeners import Sockets
from mailserver.foundation.network.peers import Peers
from mailserver.runtime.composition import Ground, Services
from mailserver.store.engine import migrate

if TYPE_CHECKING:
    from smtp.relay.queue_runner import Relay

DOORS = (
    "agenda.application",
    "directory.server",
    "imap.connection.door",
    "smtp.managesieve.server",
    "smtp.relay.queue_runner",
    "smtp.server",
    "webui.app.server",
)

LIBRARIES = (
    "babel.numbers",
    "confusable_homoglyphs.utils",
    "dateutil.parser",
    "radicale.group.none",
    "radicale.hook.none",
    "radicale.sharing.none",
    "radicale.web.none",
    "twisted.internet.asyncioreactor",
    "twisted.internet.ssl",
    "twisted.internet.unix",
    "uvicorn.lifespan.off",
)
"""What libraries import only once it is needed: an upgrade may have another version of it by then."""


class Door(Protocol):
    """A protocol that listens."""

    @property
    def peers(self) -> Peers:
        """Who is connected."""

    def leave_ports(self) -> None:
        """Accept no more; who is there stays."""

    async def stop(self, grace: float) -> None:
        """Stop listening, let what is under way end within `grace` seconds, close the rest."""


def load() -> None:
    """Import what the doors need, and read what belongs to the code, once for all workers that are forked afterwards.

    They share the memory of it, and one that replaces a dead one serves in a fraction of the time. It serves this
    version, whatever an upgrade has put in the place of our files meanwhile: until a restart both have to go on.
    """
    for name in (*DOORS, *LIBRARIES):
        importlib.import_module(name)
    import webui.app.server

    webui.app.server.read_files()
    migrate.newest()


async def start(services: Services, sockets: Sockets) -> list[Door]:
    """Open every door on its sockets."""
    import agenda.application
    import directory.server
    import imap.connection.door
    import smtp.managesieve.server
    import smtp.server
    import webui.app.server

    settings, store, changes = services.settings, services.store, services.changes
    dav = agenda.application.create(settings=settings, store=store, login=services.login)
    return [
        await smtp.server.start(
            settings=settings,
            store=store,
            login=services.login,
            delivery=services.delivery,
            submission=services.submission,
            certificate=services.certificate,
            sockets=sockets,
        ),
        await imap.connection.door.start(
            settings=settings,
            store=store,
            changes=changes,
            login=services.login,
            directory=services.directory,
            certificate=services.certificate,
            sockets=sockets,
        ),
        await smtp.managesieve.server.start(
            settings=settings, store=store, login=services.login, certificate=services.certificate, sockets=sockets
        ),
        await directory.server.start(
            settings=settings,
            store=store,
            directory=services.directory,
            login=services.login,
            certificate=services.certificate,
            sockets=sockets,
        ),
        await webui.app.server.start(
            settings=settings,
            store=store,
            clock=services.clock,
            directory=services.directory,
            login=services.login,
            delivery=services.delivery,
            submission=services.submission,
            dav=dav,
            certificate=services.certificate,
            sockets=sockets,
        ),
    ]


def make_relay(services: Ground) -> "Relay":
    """What empties the outgoing queue."""
    from smtp.relay.queue_runner import Relay

    settings, store, clock = services.settings, services.store, services.clock
    return Relay(settings=settings, store=store, delivery=services.delivery, clock=clock, changes=services.changes)
