"""The lines of a FETCH.

Three ways, by what is asked: the snapshot alone; columns (rendered at delivery, or fields of headers that are kept
apart), a range of rows a lot; body sections, a few megabytes a lot, and each large message by itself, in its account's
turn, from the disk (`mailserver.foundation.large_answers`). A message that another session expunged meanwhile is left
out and counted.
"""

import asyncio
from array import array
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import IO, Any, cast

from imap.answers import bodies, body_sections, international, untagged
from imap.answers.batches import column, flag_lines
from imap.answers.bodies import Bodies
from imap.answers.fields import is_listed
from imap.answers.held_messages import Columns, HeldMessages
from imap.session import message_limit
from imap.session.message_cache import TOGETHER
from imap.session.session import Selected, Session
from imap.session.view import LOT, Lot, cut
from imap.wire.fetch import blocks, fetch_lines
from imap.wire.fetch.blocks import Block
from imap.wire.fetch.fetch_items import Attribute, Coding, FetchItem, OnDisk, Section, Unknown
from imap.wire.flags import SEEN
from mailserver.foundation.large_answers import LARGE, Kept, new_file
from mailserver.model.errors import DamagedDatabase, Reason, Refused
from mailserver.store.engine.statements import Row
from mailserver.store.mail import access, messages
from mailserver.store.mail.messages import LIGHT

Slices = Iterable[tuple[int, int]]
ROWS = 400
"""Messages whose columns are read at once."""
BODY_ROWS = 200
"""Messages whose octets are read at once, as long as they are small."""
HEADER_ROWS = 1000
"""The same where only fields of headers are asked: each lot wakes a thread and the loop."""
FEW = 4
"""Messages that are read without waking a thread, when they are small."""
CHUNK = 64 * 1024
"""Octets from which a section is handed on uncopied, among messages that are told of one by one."""
WHOLE = 512 * 1024
"""Octets up to which sections are told of all together."""

COLUMNS = {
    Attribute.INTERNALDATE: "internal_date",
    Attribute.RFC822_SIZE: "size",
    Attribute.ENVELOPE: "envelope",
    Attribute.BODY: "body",
    Attribute.BODYSTRUCTURE: "bodystructure",
    Attribute.SAVEDATE: "saved",
    Attribute.PREVIEW: "preview",
    Attribute.EMAILID: "hash",
    Attribute.THREADID: "thread",
}
"""Attributes that are columns of the store."""


class Answer:
    """The lines of one FETCH.

    `missing` counts messages that turned out to be gone; `damaged` has the numbers (UIDs under UIDONLY) of those whose
    octets cannot be read; `undecodable` says that a part was left out (RFC 3516
    section 4.3).
    """

    def __init__(self, session: Session, selected: Selected, items: Sequence[FetchItem]) -> None:
        self._session = session
        self._uid_only = session.uid_only
        self._selected = selected
        self._attributes = tuple(item for item in items if isinstance(item, Attribute))
        self._sections = tuple(item for item in items if isinstance(item, Section))
        self._columns = tuple(COLUMNS[item] for item in self._attributes if item in COLUMNS)
        self._utf8_columns = international.places(self._columns) if session.utf8 else ()
        self._plain = all(section.coding is Coding.KEPT for section in self._sections)
        self._renderings = session.services.snapshots.renderings
        self._held = HeldMessages(session, selected, self._columns, self._sections)
        self.missing = 0
        self.undecodable = False
        self.damaged: list[int] = []

    def lines(self, slices: Slices) -> AsyncGenerator[bytes, None]:
        if self._by_message:
            return self._with_sections(slices)
        return self._from_columns(slices) if self._columns or self._sections else self._from_snapshot(slices)

    @property
    def _by_message(self) -> bool:
        """Whether it takes the octets of messages, not columns alone."""
        sections = self._sections
        return bool(sections) and (len(sections) > 1 or not is_listed(sections[0]) or self._marks())

    def at_once(self, slices: Sequence[tuple[int, int]]) -> bytes | None:
        """The lines of messages without ghosts among them, if that is little and takes no thread; else None."""
        selected, count, store = self._selected, message_limit.count(slices), self._session.services.store
        if not self._sections and not self._columns:
            if count > LOT:
                return None
            known = flag_lines(selected.view, slices, self._attributes, self._renderings, uid_only=self._uid_only)
            return b"".join(known)
        if count > TOGETHER or self._utf8_columns:
            return None
        lot = selected.view.lot(slices)
        if count > FEW:
            return self._page(lot)
        if self._sections and self._marks() and any(not mask & SEEN for mask in lot.flags):
            return None
        found = self._held.few(lot.uids)
        if found is None and store.near:
            found = self._held.read_few_now(lot.uids)
        if found is None or len(found.uids) != len(lot.uids):  # gone, or damaged: the other way tells
            return None
        said = b"".join(self._body_lines(lot, found, frozenset()))
        return None if self.undecodable else said

    def _page(self, lot: Lot) -> bytes | None:
        """The lines of a page of a list, if it is at hand; else None."""
        if self._by_message:
            return None
        block = self._kept(lot.uids)
        if block is not None:
            return self._lines(block, lot)
        held = self._held.page(lot.uids)
        return self._from_read(lot, lot.uids, held) if held is not None else None

    async def _from_snapshot(self, slices: Slices) -> AsyncGenerator[bytes, None]:
        for lines in flag_lines(
            self._selected.view, slices, self._attributes, self._renderings, uid_only=self._uid_only
        ):
            yield lines
            await asyncio.sleep(0)

    # ------------------------------------------------------------------ columns

    def _lot(self, most: int) -> int:
        """How many messages to deal with at once: the names of the sections stand in the answer for each."""
        return min(most, 1 + WHOLE // (1 + sum(len(section.label) for section in self._sections)))

    async def _from_columns(self, slices: Slices, most: int = ROWS) -> AsyncGenerator[bytes, None]:
        view = self._selected.view
        for group in cut(slices, self._lot(most)):
            lot = view.lot(group)
            block = self._kept(lot.uids)
            if block is not None:
                yield self._lines(block, lot)
                await asyncio.sleep(0)
                continue
            found = await self._read(lot.uids)
            if found is not None:
                yield self._from_read(lot, *found)
                continue
            # It takes more than columns, or there is too much in them.
            again = self._with_sections(group) if self._sections else self._from_columns(group, LIGHT)
            async for octets in again:
                yield octets

    def _from_read(self, lot: Lot, uids: Sequence[int], columns: list[Sequence[Any]]) -> bytes:
        """The lines of a lot whose columns were read of the messages that are there."""
        if len(uids) != len(lot.uids):
            self.missing += len(lot.uids) - len(uids)
            lot = _keep(lot, set(uids))
        sections = columns[len(self._columns) :]
        block = blocks.make(self._attributes, lot.uids, self._lasting(lot, columns), self._sections, sections)
        self._offer(lot.uids, block)
        return self._lines(block, lot)

    def _question(self, uids: "array[int]") -> tuple[object, ...]:
        """What is asked about these messages, as the `FetchCache` knows it."""
        first = uids[0] if uids else 0
        asked = self._attributes, self._sections, self._session.utf8
        return (self._selected.shared.mailbox_id, asked, first, len(uids))

    def _kept(self, uids: "array[int]") -> Block | None:
        return self._renderings.find(self._question(uids), uids)

    def _offer(self, uids: "array[int]", block: Block) -> None:
        """Keep a block of the first of these messages for the next time."""
        if len(block.uids) > FEW and block.uids == uids[: len(block.uids)]:
            length = sum(section.octets for section in self._sections)
            self._renderings.offer(self._question(uids), block, length)

    def _lines(self, block: Block, lot: Lot) -> bytes:
        """The lines of a block, which is about all messages of the lot."""
        names = self._selected.view.snapshot.names
        return blocks.lines(block, lot.numbers, lot.flags, lot.modseqs, names, uid_only=self._uid_only)

    async def _read(self, uids: "array[int]") -> Columns | None:
        """UIDs, columns, and the section if there is one; None when that takes more than columns, or is too much."""
        held = self._held.page(uids)
        try:
            read = (uids, held) if held is not None else await self._read_now(uids)
        except Refused as refusal:
            if refusal.reason is Reason.NO_SUCH_MAILBOX:  # deleted meanwhile: the news will say so
                return [], [[] for _ in (*self._columns, *self._sections)]
            raise
        if read is None or not self._utf8_columns or not read[0]:
            return read
        found, columns = read
        width = len(self._columns)
        shown = await self._in_utf8(found, list(zip(*columns[:width], strict=True)))
        return found, [*zip(*shown, strict=True), *columns[width:]]

    async def _read_now(self, uids: "array[int]") -> Columns | None:
        """`_read`, of the store, as it is there."""
        store, mailbox_id = self._session.services.store, self._selected.shared.mailbox_id
        wanted = self._selected.owner, mailbox_id
        if len(uids) > TOGETHER:
            if self._sections:
                return await store.read(bodies.read_fields, *wanted, uids, self._columns, self._sections[0])
            return await store.read(messages.fetch_columns_of, *wanted, self._columns, uids)
        return await self._held.read_page(uids)

    async def _in_utf8(self, uids: Sequence[int], rows: list[Row]) -> list[Row]:
        """Columns of these messages as a session that takes UTF-8 shall see them."""
        where = self._utf8_columns
        suspects = international.suspects(uids, rows, where)
        if not suspects:
            return rows
        store = self._session.services.store
        shown = await store.read(
            international.read, self._selected.owner, self._selected.shared.mailbox_id, suspects, where, store.blobs
        )
        return [
            international.put(row, shown[uid], where) if uid in shown else row
            for uid, row in zip(uids, rows, strict=True)
        ]

    def _lasting(self, lot: Lot, columns: Sequence[Sequence[Any]]) -> list[Sequence[int | bytes | str]]:
        """The values of each attribute that never changes, of all messages of the lot: `columns` are those read."""
        read = iter(columns)
        lasting = (item for item in self._attributes if item not in blocks.DYNAMIC)
        return [next(read) if item in COLUMNS else lot.uids for item in lasting]

    def _named(self, lot: Lot) -> Sequence[int]:
        """The messages of a lot as an answer names them."""
        return lot.uids if self._uid_only else lot.numbers

    # ------------------------------------------------------------------ sections

    async def _with_sections(self, slices: Slices) -> AsyncGenerator[bytes, None]:
        """\\Seen is set, and told, unless every section was asked with PEEK."""
        view, marks = self._selected.view, self._marks()
        most = self._lot(HEADER_ROWS if all(map(body_sections.in_header, self._sections)) else BODY_ROWS)
        for group in cut(slices, most):
            lot = view.lot(group)
            newly = await self._mark_seen(lot) if marks else frozenset()
            if newly:
                yield await untagged.news(self._session, expunge=False)
                lot = view.lot(group)
            place, width = 0, most
            while place < len(lot.uids):
                part = lot.part(place, place + width)
                block = None if newly else self._kept(part.uids)
                if block is not None:
                    place += len(block.uids)
                    width = min(most, len(block.uids) * 2)
                    yield self._lines(block, part.part(0, len(block.uids)))
                    await asyncio.sleep(0)
                    continue
                found = await self._read_bodies(part.uids)
                if not found.done:
                    place, width = place + 1, 1
                    async with aclosing(self._large_message(part.part(0, 1), newly)) as pieces:
                        async for octets in pieces:
                            yield octets
                    continue
                self._count(part, found)
                place += found.done
                width = min(most, found.done * 2)  # large messages: do not read rows only to put them back
                for octets in self._body_lines(part, found, newly):
                    yield octets

    async def _large_message(self, lot: Lot, newly: frozenset[int]) -> AsyncGenerator[bytes, None]:
        """The line of the one message of a lot. Raises Temporary: the account, or the worker, has no room for it.

        Its octets are in memory only while it is the account's turn, in which nobody waits for a peer.
        """
        found, kept = await self._keep(lot)
        try:
            self._count(lot, found)
            for place, uid in enumerate(found.uids):
                for piece in self._message_pieces(lot, found, place, uid in newly):
                    if isinstance(piece, OnDisk):
                        async for octets in kept.pieces(piece.start, piece.octets):
                            yield octets
                    else:
                        yield piece
        finally:
            kept.close()

    async def _keep(self, lot: Lot) -> tuple[Bodies, Kept]:
        """What was read of one large message, and the file with its large sections. Raises Temporary."""
        large, account_id = self._session.services.large, self._session.viewer.account_id
        async with large.turn(account_id, LARGE):
            file = new_file()
            reading = asyncio.create_task(self._read_bodies(lot.uids, file))
            try:
                found = await asyncio.shield(reading)
            except BaseException:
                await asyncio.wait([reading])  # whoever goes away has the turn for as long as a thread reads for them
                with suppress(OSError):  # a full disk is told of already
                    file.close()
                raise
            return found, await large.keep(account_id, file, lambda written: written.tell())

    def _count(self, lot: Lot, found: Bodies) -> None:
        """Note which messages have no line."""
        self.missing += found.done - len(found.uids) - len(found.damaged)
        self.damaged += [self._named(lot)[lot.uids.index(uid)] for uid in found.damaged]

    def _marks(self) -> bool:
        """Whether these sections set \\Seen."""
        selected = self._selected
        return not selected.read_only and "s" in selected.rights and any(not section.peek for section in self._sections)

    async def _mark_seen(self, lot: Lot) -> frozenset[int]:
        """Set \\Seen where it is missing; the UIDs (RFC 3501 section 6.4.5, BODY[])."""
        unseen = array("I", [uid for uid, mask in zip(lot.uids, lot.flags, strict=True) if not mask & SEEN])
        if not unseen:
            return frozenset()
        session, selected = self._session, self._selected
        modseq, _, _ = await session.services.store.write(
            access.store_flags, session.viewer, selected.shared.mailbox_id, unseen, "+", ("\\Seen",)
        )
        if modseq:
            selected.view.answered(modseq)
        return frozenset(unseen)

    async def _read_bodies(self, uids: "array[int]", file: IO[bytes] | None = None) -> Bodies:
        """Raises Refused, Temporary."""
        session, mailbox_id = self._session, self._selected.shared.mailbox_id
        store = session.services.store
        wanted = (self._selected.owner, mailbox_id, uids, self._columns, self._sections, store.blobs)
        try:
            few: Bodies | None = None
            if file is None and len(uids) <= FEW:
                few = self._held.few(uids) or await self._held.read_few(uids)
            found = few if few is not None else await store.read(bodies.read, *wanted, file)
            if not self._utf8_columns:
                return found
            return replace(found, columns=await self._in_utf8(found.uids, found.columns))
        except DamagedDatabase:
            # One message at a time tells which of them lies on a page that cannot be read.
            return await self._read_bodies(uids[:1]) if len(uids) > 1 else Bodies([], [], [], 1, (uids[0],))
        except Refused as refusal:
            if refusal.reason is Reason.NO_SUCH_MAILBOX:
                return Bodies([], [], [], len(uids))
            raise

    def _body_lines(self, lot: Lot, found: Bodies, newly: frozenset[int]) -> Iterator[bytes]:
        """The lines of these messages: small ones at once, large ones with their octets as they are."""
        if not found.uids:
            return
        part, lot = lot.uids, lot if len(lot.uids) == len(found.uids) else _keep(lot, set(found.uids))
        worth_it = len(found.uids) > FEW and self._plain
        if worth_it and newly.isdisjoint(found.uids) and found.whole(WHOLE):
            contents = cast("list[tuple[bytes, ...]]", list(zip(*found.sections, strict=True)))
            lasting = self._lasting(lot, list(zip(*found.columns, strict=True)))
            block = blocks.make(self._attributes, lot.uids, lasting, self._sections, contents)
            self._offer(part, block)
            yield self._lines(block, lot)
            return
        held: list[bytes] = []
        for place, uid in enumerate(found.uids):
            for piece in self._message_pieces(lot, found, place, uid in newly):
                assert isinstance(piece, bytes)
                if len(piece) >= CHUNK:
                    yield b"".join(held)
                    held.clear()
                    yield piece
                else:
                    held.append(piece)
        yield b"".join(held)

    def _message_pieces(self, lot: Lot, found: Bodies, place: int, newly_seen: bool) -> list[bytes | OnDisk]:
        """The line of the message at this place."""
        attributes = self._told_with(newly_seen)
        row = self._body_row(lot, place, attributes, found.columns[place])
        sections = list(zip(self._sections, found.sections[place], strict=True))
        self.undecodable = self.undecodable or Unknown.CTE in found.sections[place]
        names = self._selected.view.snapshot.names
        return fetch_lines.with_sections(attributes, row, sections, names, uid_only=self._uid_only)

    def _told_with(self, newly_seen: bool) -> tuple[Attribute, ...]:
        """The attributes of a message; its flags are told when the FETCH itself changed them."""
        if not newly_seen:
            return self._attributes
        more = self._session.flag_attributes
        return self._attributes + tuple(item for item in more if item not in self._attributes)

    def _body_row(
        self, lot: Lot, place: int, attributes: Sequence[Attribute], columns: Row
    ) -> tuple[int | bytes | str, ...]:
        read = iter(columns)
        values = (next(read) if item in COLUMNS else column(lot, item)[place] for item in attributes)
        return (self._named(lot)[place], *values)


def _keep(lot: Lot, uids: set[int]) -> Lot:
    """The messages of a lot that have these UIDs."""
    return lot.keep(place for place, uid in enumerate(lot.uids) if uid in uids)
