"""The three kinds of error that cross a module border; every door translates them into its protocol.

Anything else that is raised is a defect of ours: it is logged with its stack and answered with a
constant text.
"""

from enum import Enum

from mailserver.texts.causes import Cause


class Reason(Enum):
    """Why a legal request is refused. Each door owns one table from these to its own codes."""

    AUTHENTICATION = "authentication"
    """Wrong login or secret; says nothing about which."""
    NOT_ACTIVATED = "not-activated"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    THROTTLED = "throttled"
    """Too many attempts; try later."""
    PASSWORD_EXPIRED = "password-expired"  # noqa: S105
    WEAK_PASSWORD = "weak-password"  # noqa: S105
    APP_PASSWORD = "app-password"  # noqa: S105
    """The secret was right, but this door takes an app password, or one of another scope."""

    NO_SUCH_RECIPIENT = "no-such-recipient"
    RELAY_DENIED = "relay-denied"
    SENDER_NOT_OWNED = "sender-not-owned"
    OVER_QUOTA = "over-quota"
    TOO_BIG = "too-big"
    LOOP = "loop"
    TOO_MANY_RECIPIENTS = "too-many-recipients"
    REJECTED = "rejected"
    """The recipient's own filter refuses the message, in the recipient's words."""

    NO_SUCH_MAILBOX = "no-such-mailbox"
    MAILBOX_EXISTS = "mailbox-exists"
    HAS_CHILDREN = "has-children"
    CANNOT = "cannot"
    """The operation can never succeed on this object (RFC 5530 CANNOT)."""
    READ_ONLY = "read-only"
    LIMIT = "limit"
    NOT_FOUND = "not-found"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    """The object moved since it was read."""
    INVALID = "invalid"
    """Well-formed, but a value is not acceptable; the text says which."""
    DAMAGED = "damaged"
    """What is stored of this one object is damaged or lost; others are not."""
    READ_ONLY_DIRECTORY = "read-only-directory"
    """The directory belongs to somebody else: its owner changes it."""


class BadSyntax(Exception):
    """The peer sent something its protocol does not allow. The text is safe to send back."""


class Refused(Exception):
    """A legal request that cannot be granted. `text` is safe to show to the person or peer."""

    def __init__(self, reason: Reason, text: str = "") -> None:
        super().__init__(text or reason.value)
        self.reason = reason
        self.text = text or reason.value


class Damaged(Refused):
    """What was stored is not what is read: an object costs itself, never those beside it."""

    def __init__(self, fault: Cause) -> None:
        super().__init__(Reason.DAMAGED, "This message is damaged in the storage")
        self.fault = fault
        """What was found."""


class Temporary(Exception):
    """Try again later: a resource is out of reach. The text is safe to send back."""


class RateExceeded(Temporary):
    """A peer brings too much within too short a time."""


class Greylisted(Temporary):
    """Nobody knows the sender yet, who is asked to come again (RFC 6647)."""


class NoRoom(Temporary):
    """The same because the disk is full: the peer may try again when its operators have made room."""


class DamagedDatabase(Temporary):
    """Pages of the database are damaged: what lies on others can be read. A writer is told to come again."""


class NewerSchema(Temporary):
    """The database belongs to a newer version of the program; the text says what to do."""


class OlderSchema(Temporary):
    """The schema was taken back under a program that serves."""


class NotThere(Temporary):
    """A database, key or folder of the instance is missing, or belongs to another: nothing is made in its stead."""
