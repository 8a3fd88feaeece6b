"""The services of one process, wired by hand."""

from dataclasses import dataclass

from mailserver.delivery import Delivery
from mailserver.foundation.changes import Changes
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.model.clock import Clock, SystemClock
from mailserver.model.identity import Directory
from mailserver.outbound.submission.submit import Submission
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of

RELAY_READERS, RELAY_WRITERS = 2, 2
"""Threads of a relay: it asks for many rows at once."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a relay is built from."""

    settings: Settings
    clock: Clock
    changes: Changes
    store: Store
    directory: Directory
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Services(Ground):
    """What the doors are built from."""

    login: Login
    submission: Submission
    certificate: Certificate


def build(settings: Settings) -> Services:
    """Every service of one worker, over the instance's store. Opens nothing until it is used."""
    ground = _ground(settings, settings.database.readers, settings.database.writers)
    clock, changes, store, directory = ground.clock, ground.changes, ground.store, ground.directory
    login = Login(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
    submission = Submission(settings=settings, store=store, directory=directory, delivery=ground.delivery, clock=clock)
    certificate = Certificate(settings.certificate, settings.private_key)
    return Services(settings, clock, changes, store, directory, ground.delivery, login, submission, certificate)


def build_for_relay(settings: Settings) -> Ground:
    """The same of one relay."""
    return _ground(settings, RELAY_READERS, RELAY_WRITERS, gives_way=True)


def _ground(settings: Settings, readers: int, writers: int, *, gives_way: bool = False) -> Ground:
    clock = SystemClock()
    changes = Changes()
    store = Store(
        settings.database_url,
        settings.data,
        clock,
        changes,
        readers=readers,
        writers=writers,
        blobs=folder_of(settings),
        gives_way=gives_way,
    )
    directory = make_directory(settings, store, clock)
    delivery = Delivery(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
    return Ground(settings, clock, changes, store, directory, delivery)
