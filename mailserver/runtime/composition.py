"""The services of one worker, wired by hand."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailserver.delivery import Delivery
from mailserver.foundation.changes import Changes
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.model.clock import Clock, SystemClock
from mailserver.model.identity import Directory
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of
from mailserver.submission.submit import Submission

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Services:
    """What the doors are built from."""

    settings: Settings
    clock: Clock
    changes: Changes
    store: Store
    directory: Directory
    login: Login
    delivery: Delivery
    submission: Submission
    certificate: Certificate


def build(settings: Settings) -> Services:
    """Every service of one worker, over the instance's store. Opens nothing until it is used."""
    clock = SystemClock()
    changes = Changes()
    database = settings.database
    store = Store(
        settings.database_url,
        settings.data,
        clock,
        changes,
        readers=database.readers,
        writers=database.writers,
        blobs=folder_of(settings),
    )
    directory = make_directory(settings, store, clock)
    login = Login(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
    delivery = Delivery(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
    submission = Submission(
        settings=settings, store=store, directory=directory, delivery=delivery, clock=clock, changes=changes
    )
    certificate = Certificate(settings.certificate, settings.private_key)
    return Services(settings, clock, changes, store, directory, login, delivery, submission, certificate)
