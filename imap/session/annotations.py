"""What others change in annotations, for a client that enabled METADATA (RFC 5464 section 4.4)."""

from collections.abc import Callable, Iterable

from imap.wire.extensions.metadata import metadata_changed
from mailserver.foundation.changes import Changes
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.access import Viewer, annotations
from mailserver.store.record.notices import DIRECTORY


class AnnotationNews:
    """Of one session. Nothing is asked until something moved in the account, or in what is shared."""

    def __init__(self, store: Store, changes: Changes, account_id: int, heard: int) -> None:
        """`heard`: the newest change the client need not be told of."""
        self._store = store
        self._heard = heard
        self._own: set[int] = set()
        self._moved = False
        self._stops: list[Callable[[], None]] = [
            changes.subscribe("account", key, self._note) for key in (account_id, DIRECTORY)
        ]

    def _note(self) -> None:
        self._moved = True

    def made(self, numbers: Iterable[int]) -> None:
        """The client itself made these changes: it is not told of them."""
        self._own.update(numbers)

    async def told(self, viewer: Viewer, utf8: bool, wants: Callable[[str], bool]) -> bytes:
        """METADATA responses without values, of what others changed since the last call in mailboxes that are wanted.

        Raises Temporary.
        """
        if not self._moved:
            return b""
        self._moved = False
        self._heard, found = await self._store.read(annotations.changed, viewer, self._heard, tuple(self._own))
        self._own.clear()
        return b"".join(
            metadata_changed(change.mailbox, change.entries, utf8) for change in found if wants(change.mailbox)
        )

    def close(self) -> None:
        for stop in self._stops:
            stop()
