"""What makes the sender of a message look like somebody else, as one value.

The store keeps it in one small number beside the message (`message.impersonation`), written when the message came.
"""

from enum import IntFlag


class Signs(IntFlag):
    """Of one message, for one account. The numbers stand in the store."""

    NOT_JUDGED = 0
    JUDGED = 1 << 0
    """Somebody looked: without another sign there is nothing to say."""
    DOMAIN = 1 << 1
    """The domain of the address is made to be taken for another."""
    ALPHABETS = 1 << 2
    """That domain mixes alphabets, or is in letters that only look Latin."""
    SERVICE = 1 << 3
    """The name is that of a service of the academy, the address is from elsewhere."""
    HEAD = 1 << 4
    """The name is that of whoever heads the recipient's school, or administers the service."""
    ADDRESS_IN_NAME = 1 << 5
    """The name holds an address of the academy or of the government, which is not the sender's."""
    ANSWERS_ALIKE = 1 << 6
    """Answers go to a domain that is made to be taken for another."""
    COLLEAGUE = 1 << 7
    """The name is that of somebody of the recipient's school."""
    OTHER_ADDRESS = 1 << 8
    """The name holds another address than the sender's."""
    MIXED_NAME = 1 << 9
    """The name mixes alphabets."""
    ANSWERS = 1 << 10
    """Answers go elsewhere."""
    DESK = 1 << 11
    """The name is one that any firm's help desk has, and nothing shows that its domain sent this."""
    HIDDEN = 1 << 12
    """The name holds, within a word, what nobody sees."""

    @classmethod
    def stored(cls, number: int) -> "Signs":
        """From the column of the store; what is none of ours says nothing."""
        return cls(number & _ALL)

    @property
    def judged(self) -> bool:
        return Signs.JUDGED in self


_ALL = sum(Signs)
