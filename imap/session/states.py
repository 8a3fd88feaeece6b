"""The states of a session (RFC 3501 section 3)."""

from enum import Enum


class State(Enum):
    """RFC 3501 section 3."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


class Turn(Enum):
    """What a command asks of its connection once its tagged line is written."""

    TLS = "tls"
    DEFLATE = "deflate"
    STRANGER = "stranger"
    """Whoever goes on is somebody we do not know (RFC 8437)."""


ANY = frozenset(State)
BEFORE_LOGIN = frozenset({State.NOT_AUTHENTICATED})
AFTER_LOGIN = frozenset({State.AUTHENTICATED, State.SELECTED})
IN_MAILBOX = frozenset({State.SELECTED})
