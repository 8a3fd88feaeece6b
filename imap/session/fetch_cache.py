"""Blocks of FETCH lines that were asked for twice lately: the next time nothing is read.

Lists of messages are asked for again and again: by the web clients that fetch the same page at every click, by each
device of a person, by whoever opens a mailbox anew. What is asked for once only (a first synchronisation reads a
mailbox from end to end) takes no room.
"""

from array import array
from collections import OrderedDict
from collections.abc import Hashable

from imap.wire.fetch.blocks import Block

LIMIT = 32 * 1024 * 1024
"""Octets that a worker keeps; the least recently used block goes first."""
LARGEST = LIMIT // 8
"""No block takes more than this part of it."""
QUESTION = 1024
"""Octets of a question that names no sections."""
ASKED = 4096
"""Questions of which is remembered that they came, without their answer."""


class FetchCache:
    """The blocks of one worker, by question: a mailbox, what is asked for, the first UID and how many messages."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[Hashable, tuple[Block, int]] = OrderedDict()
        """With the octets that each takes."""
        self._asked: OrderedDict[int, None] = OrderedDict()
        """By hash: a question may be as long as a client likes."""
        self.octets = 0
        """What is kept now."""

    def find(self, question: Hashable, uids: "array[int]") -> Block | None:
        """The block of the first messages of `uids`, as many as it has; None when there is none, or it has others."""
        block, _ = self._blocks.get(question, (None, 0))
        if block is None or block.uids != uids[: len(block.uids)]:
            return None
        self._blocks.move_to_end(question)
        return block

    def offer(self, question: Hashable, block: Block, length: int = 0) -> None:
        """Keep a block that just answered a question, if that came before. `length`: octets of the question."""
        asked = hash(question)
        if asked not in self._asked and question not in self._blocks:
            self._asked[asked] = None
            if len(self._asked) > ASKED:
                self._asked.popitem(last=False)
            return
        self._asked.pop(asked, None)
        octets = block.octets + length + QUESTION
        _, before = self._blocks.pop(question, (None, 0))
        self.octets -= before
        if octets > LARGEST:
            return
        self._blocks[question] = block.joined(), octets
        self.octets += octets
        while self.octets > LIMIT:
            _, (_, gone) = self._blocks.popitem(last=False)
            self.octets -= gone
