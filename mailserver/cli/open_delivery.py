"""The directory of an instance and the delivery of its mail, for commands that write to people or let mail go."""

import contextlib
from collections.abc import Iterator

from mailserver.delivery import Delivery
from mailserver.foundation.settings import Settings
from mailserver.model.identity import Directory
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.engine.transactions import Store


@contextlib.contextmanager
def open_delivery(settings: Settings, store: Store) -> Iterator[tuple[Directory, Delivery]]:
    """Both over this store, until the command is done with them."""
    with contextlib.closing(make_directory(settings, store, store.clock)) as directory:
        yield (
            directory,
            Delivery(settings=settings, store=store, directory=directory, clock=store.clock, changes=store.changes),
        )
