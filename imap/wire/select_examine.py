"""SELECT and EXAMINE with their parameters (RFC 4466 section 2.4; RFC 7162 sections 3.1.8, 3.2.5)."""

from collections.abc import Callable

from imap.wire.commands import Command, Resync, Select
from imap.wire.grammar import Cursor
from imap.wire.sets import SequenceSet
from mailserver.model.errors import BadSyntax
from mailserver.model.messages.criteria import STAR


def select(read_only: bool) -> Callable[[Cursor], Command]:
    """The reader of SELECT, or of EXAMINE when `read_only`."""

    def read(cursor: Cursor) -> Command:
        cursor.space()
        mailbox = cursor.mailbox()
        condstore = False
        resync: Resync | None = None
        if cursor.skip(b" "):
            for parameter in cursor.items(lambda: _parameter(cursor), most=10):
                condstore = True  # QRESYNC makes a session CONDSTORE aware as well.
                resync = parameter or resync
        return Select(mailbox, read_only, condstore, resync)

    return read


def _parameter(cursor: Cursor) -> Resync | None:
    word = cursor.word()
    if word == "CONDSTORE":
        return None
    if word != "QRESYNC":
        raise BadSyntax("Unknown parameter")
    cursor.space()
    cursor.expect(b"(")
    uidvalidity = cursor.nz_number()
    cursor.space()
    modseq = cursor.number64()
    known = _plain_set(cursor) if cursor.skip_before_digit(b" ") else None
    numbers = uids = None
    if cursor.skip(b" "):
        cursor.expect(b"(")
        numbers = _ascending_set(cursor)
        cursor.space()
        uids = _ascending_set(cursor)
        cursor.expect(b")")
        if numbers.size() != uids.size():
            raise BadSyntax("As many message numbers as UIDs are needed")
    cursor.expect(b")")
    return Resync(uidvalidity, modseq, known, numbers, uids)


def _plain_set(cursor: Cursor) -> SequenceSet:
    """RFC 7162 section 7: what a client remembers has no `*`."""
    found = cursor.sequence_set()
    if any(STAR in ends for ends in found.ranges):
        raise BadSyntax("No * in what is known")
    return found


def _ascending_set(cursor: Cursor) -> SequenceSet:
    """RFC 7162 section 3.2.5.2: both sets ascend, so that their members stand in pairs."""
    found = _plain_set(cursor)
    last = 0
    for low, high in found.ranges:
        if low <= last or high < low:
            raise BadSyntax("Message sequence match data ascends")
        last = high
    return found
