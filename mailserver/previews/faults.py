"""Why a file cannot be shown."""

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with it."""

    BROKEN = "broken"
    """It is not what it says, or damaged."""
    ENCRYPTED = "encrypted"
    TOO_BIG = "too-big"
    """It holds more, or takes longer, than is done for a look at it."""

    UNOPENED = "unopened"
    """The program that was to open it did not: it is damaged, or under a password."""
    NO_PROGRAM = "no-program"
    """That program cannot be started here."""


EXIT_CODES = {Fault.BROKEN: 3, Fault.ENCRYPTED: 4, Fault.TOO_BIG: 5}
"""How the process that reads says it."""


class Unreadable(Exception):
    """Nothing can be shown of it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault
