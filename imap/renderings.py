"""Blocks of FETCH lines that were asked for twice lately: the next time nothing is read.

Lists of messages are asked for again and again: by the web clients that fetch the same page at every click, by each
device of a person, by whoever opens a mailbox anew. What is asked for once only (a first synchronisation reads a
mailbox from end to end) takes no room.
"""

from array import array
from collections import OrderedDict
from collections.abc import Hashable

from imap.wire.blocks import Block

LIMIT = 32 * 1024 * 1024
"""Octets that a worker keeps; the least recently used block goes first."""
LARGEST = LIMIT // 8
"""No block takes more than this part of it."""
ASKED = 4096
"""Questions that are remembered without their answer."""


class Renderings:
    """The blocks of one worker, by question: a mailbox, what is asked for, the first UID and how many messages."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[Hashable, Block] = OrderedDict()
        self._asked: OrderedDict[Hashable, None] = OrderedDict()
        self.octets = 0
        """What is kept now."""

    def find(self, question: Hashable, uids: "array[int]") -> Block | None:
        """The block of the first messages of `uids`, as many as it has; None when there is none, or it has others."""
        block = self._blocks.get(question)
        if block is None or block.uids != uids[: len(block.uids)]:
            return None
        self._blocks.move_to_end(question)
        return block

    def offer(self, question: Hashable, block: Block) -> None:
        """Keep a block that just answered a question, if that came before."""
        if question not in self._asked and question not in self._blocks:
            self._asked[question] = None
            if len(self._asked) > ASKED:
                self._asked.popitem(last=False)
            return
        self._asked.pop(question, None)
        octets = block.octets
        before = self._blocks.pop(question, None)
        if before is not None:
            self.octets -= before.octets
        if octets > LARGEST:
            return
        self._blocks[question] = block
        self.octets += octets
        while self.octets > LIMIT:
            _, gone = self._blocks.popitem(last=False)
            self.octets -= gone.octets
