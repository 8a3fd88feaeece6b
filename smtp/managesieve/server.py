"""Opens the ManageSieve port of one worker."""

from mailserver.filters import Scripts
from mailserver.foundation.network.listeners import Listener, Sockets
from mailserver.foundation.network.peers import Crowd, Entry
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.store.engine.transactions import Store
from smtp.door import Door
from smtp.managesieve import replies
from smtp.managesieve.conversation import Conversation

NAME = "sieve"


async def start(*, settings: Settings, store: Store, login: Login, certificate: Certificate, sockets: Sockets) -> Door:
    """Listen on the socket named sieve."""
    door = Door(settings.limits)
    scripts = Scripts(settings=settings, store=store)

    def make(entry: Entry) -> Conversation:
        return Conversation(
            door=door, entry=entry, context=certificate.context, store=store, who=login, scripts=scripts
        )

    if NAME in sockets:
        listener = Listener(
            sockets[NAME],
            name=NAME,
            limits=settings.limits,
            proxy=settings.proxy,
            peers=door.peers,
            make=make,
            refusals=_crowded,
        )
        listener.open()
        door.listens(listener)
    return door


def _crowded(crowd: Crowd) -> bytes:
    return replies.bye(crowd.value, b"TRYLATER")
