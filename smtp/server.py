"""Opens the SMTP ports of one worker."""

import ssl
from collections.abc import Callable

from mailserver.delivery import Delivery
from mailserver.foundation.network.listeners import Listener, Sockets
from mailserver.foundation.network.peers import Entry
from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication.check import Authenticator
from mailserver.inbound.screening.peer_screening import PeerScreening
from mailserver.login import Login
from mailserver.outbound.submission.submit import Submission
from mailserver.reports.tally import Tally
from mailserver.store.engine.transactions import Store
from smtp.conversation import Conversation
from smtp.door import Door
from smtp.exchange import Exchange
from smtp.relay.dsn import Reporter
from smtp.roles import Role
from smtp.submission import Submissions
from smtp.wire import replies

IMPLICIT_TLS = "submissions"


async def start(
    *,
    settings: Settings,
    store: Store,
    login: Login,
    delivery: Delivery,
    submission: Submission,
    certificate: Certificate,
    sockets: Sockets,
) -> Door:
    """Listen on the sockets named smtp, lmtp, submission and submissions."""
    context = certificate.context
    clock = store.clock
    resolver = Resolver(settings.dns)
    authenticator = Authenticator(settings, resolver)
    tally = Tally(settings=settings, store=store, clock=clock)
    screening = PeerScreening(settings=settings, store=store, resolver=resolver, clock=clock)
    reporter = Reporter(settings=settings, delivery=delivery, clock=clock)
    submissions = Submissions(
        settings=settings, delivery=delivery, submission=submission, login=login, reporter=reporter, clock=clock
    )
    roles: dict[str, Role] = {
        "smtp": Exchange(
            settings=settings,
            delivery=delivery,
            authenticator=authenticator,
            clock=clock,
            tally=tally,
            screening=screening,
        ),
        "lmtp": Exchange(
            settings=settings, delivery=delivery, authenticator=authenticator, clock=clock, tally=tally, is_lmtp=True
        ),
        "submission": submissions,
        IMPLICIT_TLS: submissions,
    }
    door = Door(settings.limits)
    screening.start()
    door.ends_with(screening.close)
    door.ends_with(authenticator.close)
    door.ends_with(resolver.close)
    door.ends_with(tally.close)
    for name, role in roles.items():
        if name in sockets:
            listener = Listener(
                sockets[name],
                name=name,
                limits=settings.limits,
                proxy=settings.proxy,
                peers=door.peers,
                make=_factory(door, role, settings, context, login),
                context=context if name == IMPLICIT_TLS else None,
                refusals=replies.crowded,
            )
            listener.open()
            door.listens(listener)
    return door


def _factory(
    door: Door, role: Role, settings: Settings, context: ssl.SSLContext, login: Login
) -> Callable[[Entry], Conversation]:
    def make(entry: Entry) -> Conversation:
        return Conversation(
            door=door,
            entry=entry,
            role=role,
            host=settings.name,
            tls_context=context,
            size_limit=settings.limits.message_size,
            recipient_limit=settings.limits.recipients,
            login=login,
        )

    return make
