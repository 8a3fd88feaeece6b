"""What is wrong with a script, and what went wrong when it ran."""

from mailserver.texts.languages import ENGLISH
from mailserver.texts.text import Text


class SieveError(Exception):
    """A script that cannot be used: where its first fault stands, and what it is, in a sentence for its author."""

    def __init__(self, line: int, column: int, text: Text) -> None:
        super().__init__(f"{line}:{column}: {text.to(ENGLISH)}")
        self.line = line
        """From 1."""
        self.column = column
        """From 1, in characters."""
        self.text = text


class RunError(Exception):
    """A script that failed with this message: the message is kept, and its owner is told why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.to(ENGLISH))
        self.text = text


class Exhausted(RunError):
    """A script that was stopped because it asked for more work than it had."""


class Fault(Exception):
    """The same as SieveError while the script is read: a place is an offset."""

    def __init__(self, at: int, text: Text) -> None:
        super().__init__(text.message)
        self.at = at
        self.text = text
