"""Columns and octets of messages for FETCH, out of what the worker keeps of them, and what is read to be kept."""

from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from imap.answers import bodies
from imap.answers.bodies import Bodies
from imap.answers.fields import many_chooser
from imap.session.session import Selected, Session
from imap.wire.fetch.fetch_items import Section
from mailserver.store.engine.statements import Row, Tx
from mailserver.store.mail import messages

Columns = tuple[Sequence[int], list[Sequence[Any]]]
"""UIDs, and columns beside them."""


class HeldMessages:
    """The messages of a mailbox, as far as one FETCH asks: these columns and sections."""

    def __init__(
        self, session: Session, selected: Selected, columns: tuple[str, ...], sections: tuple[Section, ...]
    ) -> None:
        self._store = session.services.store
        self._cache = session.services.snapshots.messages
        self._owner = selected.owner
        self._mailbox_id = selected.shared.mailbox_id
        self._columns = columns
        self._sections = sections
        self._page = (*columns, "listed") if sections else columns
        """What a page of a list takes; its fields of headers are one section."""

    # ------------------------------------------------------------------ pages of lists

    def page(self, uids: "array[int]") -> list[Sequence[Any]] | None:
        """Columns, and the section if there is one, of these messages; None when one is not known."""
        rows = self._cache.find(self._mailbox_id, uids, self._page)
        return self._with_fields(list(zip(*rows, strict=True))) if rows else None

    async def read_page(self, uids: "array[int]") -> Columns | None:
        """The same, read, with the UIDs that are there; None when that takes more, or is too much. Raises Refused."""
        # A page of the largest envelopes would keep the loop: where the store is near a thread reads, too.
        read = self._store.read if self._store.near else self._store.read_apart
        wanted = self._owner, self._mailbox_id, self._page, uids
        got = await read(messages.fetch_columns_of, *wanted, complete=bool(self._sections))
        if got is None:
            return None
        found, columns = got
        self._cache.keep(self._mailbox_id, found, self._page, list(zip(*columns, strict=True)))
        shown = self._with_fields(columns)
        return (found, shown) if shown is not None else None

    def _with_fields(self, columns: list[Sequence[Any]]) -> list[Sequence[Any]] | None:
        """Columns with the section instead of the fields that are kept apart; None where those of one are not."""
        if not self._sections:
            return columns
        if None in columns[-1]:
            return None
        return [*columns[:-1], many_chooser(self._sections[0])(columns[-1])]

    # ------------------------------------------------------------------ a few with their octets

    def few(self, uids: "array[int]") -> Bodies | None:
        """Columns and sections of a few messages, if that is little and known."""
        rows = self._cache.find(self._mailbox_id, uids, self._few[1:])
        if rows is None:
            return None
        found = [(uid, *row) for uid, row in zip(uids, rows, strict=True)]
        if self._sections and not bodies.small(found, self._columns, self._sections):
            return None
        return self._cut(found, uids)

    async def read_few(self, uids: "array[int]") -> Bodies | None:
        """The same, read; None when that is not little. Raises Refused, Temporary."""
        return self._new(await self._store.read_apart(self._rows_of_few, uids), uids)

    def read_few_now(self, uids: "array[int]") -> Bodies | None:
        """The same where the store is near."""
        return self._new(self._store.read_inline_now(self._rows_of_few, uids), uids)

    @cached_property
    def _few(self) -> tuple[str, ...]:
        """What is read of a few messages."""
        return bodies.columns_of_small(self._columns, self._sections) if self._sections else ("uid", *self._columns)

    def _rows_of_few(self, tx: Tx, uids: "array[int]") -> list[Row] | None:
        if self._sections:
            return bodies.read_small(tx, self._owner, self._mailbox_id, uids, self._columns, self._sections)
        return messages.fetch_uids(tx, self._owner, self._mailbox_id, self._few, uids)

    def _new(self, rows: list[Row] | None, uids: "array[int]") -> Bodies | None:
        """What was read; it is kept, unless a message is damaged."""
        found = self._cut(rows, uids) if rows is not None else None
        if rows and found is not None and not found.damaged:
            values = [row[1:] for row in rows]
            self._cache.keep(self._mailbox_id, [row[0] for row in rows], self._few[1:], values)
        return found

    def _cut(self, rows: list[Row], uids: "array[int]") -> Bodies:
        if self._sections:
            return bodies.cut_small(rows, uids, self._columns, self._sections, self._store.blobs)
        return Bodies([row[0] for row in rows], [row[1:] for row in rows], [[] for _ in rows], len(uids))
