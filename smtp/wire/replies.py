"""Every reply this door gives, by name, and the one table from `Reason` to reply.

A reply is its finished octets, CRLF included. Every reply but the greeting, the answer to EHLO and the
intermediate ones carries an enhanced code (RFC 2034, RFC 3463).
"""

import base64
from datetime import UTC, datetime

from mailserver.foundation.network.peers import Crowd
from mailserver.model.errors import Greylisted, NoRoom, RateExceeded, Reason, Refused, Temporary
from mailserver.model.folding import strip_marks
from mailserver.model.rules import Braked, Denied, Unauthenticated
from mailserver.texts.text import Text, both_in_ascii
from smtp.wire.framing import Fault


def reply(code: int, enhanced: str, text: str) -> bytes:
    """One line: code, enhanced code, text. Text from outside is made harmless."""
    clean = "".join(character if character.isprintable() else " " for character in text)[:400]
    return f"{code} {enhanced} {clean}\r\n".encode()


def multiline(code: int, lines: list[str]) -> bytes:
    """A reply of several lines (RFC 5321 section 4.2.1)."""
    last = len(lines) - 1
    return "".join(f"{code}{' ' if n == last else '-'}{line}\r\n" for n, line in enumerate(lines)).encode()


def crowded(crowd: Crowd) -> bytes:
    """Instead of a greeting."""
    return TOO_MANY_FROM_PEER if crowd is Crowd.ADDRESS else TOO_MANY_CONNECTIONS


OK = b"250 2.0.0 Ok\r\n"
SENDER_OK = b"250 2.1.0 Ok\r\n"
RECIPIENT_OK = b"250 2.1.5 Ok\r\n"
START_DATA = b"354 End data with <CR><LF>.<CR><LF>\r\n"
BYE = b"221 2.0.0 Bye\r\n"
START_TLS = b"220 2.0.0 Ready to start TLS\r\n"
AUTHENTICATED = b"235 2.7.0 Authentication succeeded\r\n"
CANNOT_VERIFY = b"252 2.5.2 Cannot verify; send the message and see\r\n"

HELP = b"214 2.0.0 EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS; see RFC 5321\r\n"
LMTP_HELP = b"214 2.0.0 LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS; see RFC 2033\r\n"

STOPPING = b"421 4.3.2 Service stopping, try again later\r\n"
IDLE = b"421 4.4.2 Idle for too long\r\n"
TOO_SLOW = b"421 4.4.2 The transaction takes too long\r\n"
TOO_MANY_ERRORS = b"421 4.7.0 Too many errors\r\n"
TOO_MANY_COMMANDS = b"421 4.7.0 Too many commands without a message\r\n"
TOO_MANY_CONNECTIONS = b"421 4.3.2 Too many connections, try again later\r\n"
TOO_MANY_FROM_PEER = b"421 4.7.0 Too many connections from your address\r\n"
TOO_MANY_OF_ACCOUNT = b"421 4.7.0 Too many connections of this account\r\n"
NOT_HTTP = b"421 4.7.0 This is a mail server\r\n"
LOCAL_FAULT = b"451 4.3.0 Local error, try again later\r\n"
TOO_MUCH_AT_ONCE = b"452 4.3.1 Too much mail at once, try again later\r\n"
TOO_MANY_RECIPIENTS = b"452 4.5.3 Too many recipients\r\n"

UNKNOWN_COMMAND = b"500 5.5.1 Command unknown\r\n"
NOT_UTF8 = b"500 5.5.2 Command is not UTF-8\r\n"
LINE_TOO_LONG = b"500 5.5.2 Line too long\r\n"
NO_PARAMETERS = b"501 5.5.4 This command takes no parameters\r\n"
EHLO_NEEDS_NAME = b"501 5.5.4 Your host name is missing or malformed\r\n"
AUTH_CANCELLED = b"501 5.7.0 Authentication cancelled\r\n"
CHUNK_UNREADABLE = b"501 5.5.4 Chunk size unreadable, closing\r\n"
NEEDS_PARAMETER = b"501 5.5.4 This command needs a parameter\r\n"
NOT_IMPLEMENTED = b"502 5.5.1 Not implemented\r\n"
HELLO_FIRST = b"503 5.5.1 Say EHLO first\r\n"
LHLO_FIRST = b"503 5.5.1 Say LHLO first\r\n"
NESTED_MAIL = b"503 5.5.1 A transaction is already open\r\n"
MAIL_FIRST = b"503 5.5.1 Say MAIL first\r\n"
RECIPIENT_FIRST = b"503 5.5.1 No valid recipient\r\n"
CHUNKS_BEGUN = b"503 5.5.1 The message was begun with BDAT\r\n"
CHUNK_REFUSED = b"503 5.5.1 The message was refused; say RSET\r\n"
ALREADY_AUTHENTICATED = b"503 5.5.1 Already authenticated\r\n"
ALREADY_TLS = b"503 5.5.1 TLS is already active\r\n"
NO_AUTH_IN_TRANSACTION = b"503 5.5.1 Not within a transaction\r\n"
UNKNOWN_MECHANISM = b"504 5.5.4 Mechanism not offered\r\n"
AUTH_REQUIRED = b"530 5.7.0 Authentication required\r\n"
TLS_REQUIRED = b"530 5.7.0 Say STARTTLS first\r\n"
REQUIRETLS_NEEDS_TLS = b"530 5.7.10 REQUIRETLS needs TLS; say STARTTLS first\r\n"
NOT_SOMEBODY_ELSE = b"535 5.7.8 Acting for somebody else is not offered\r\n"
TLS_BEFORE_AUTH = b"538 5.7.11 Encryption required for authentication\r\n"
UNKNOWN_PARAMETER = b"555 5.5.4 Parameter unknown\r\n"
MESSAGE_TOO_BIG = b"552 5.3.4 Message too big\r\n"
BARE_LINE_END = b"550 5.5.2 Lines must end with CRLF\r\n"
NUL_OCTETS = b"554 5.6.0 The message contains NUL octets\r\n"
UTF8_NOT_ANNOUNCED = b"553 5.6.7 Non-ASCII address without SMTPUTF8\r\n"
BAD_ADDRESS = b"553 5.1.3 Malformed address\r\n"
BAD_SENDER = b"553 5.1.7 Malformed address\r\n"

FAULTS: dict[Fault, bytes] = {
    Fault.BARE_LINE_END: BARE_LINE_END,
    Fault.NUL: NUL_OCTETS,
    Fault.LINE_TOO_LONG: LINE_TOO_LONG,
    Fault.TOO_BIG: MESSAGE_TOO_BIG,
    Fault.NO_ROOM: TOO_MUCH_AT_ONCE,
}
"""How a message with such octets is answered."""

CODES: dict[Reason, tuple[int, str]] = {
    Reason.AUTHENTICATION: (535, "5.7.8"),
    Reason.NOT_ACTIVATED: (535, "5.7.8"),
    Reason.SUSPENDED: (550, "5.2.1"),
    Reason.CLOSED: (550, "5.2.1"),
    Reason.THROTTLED: (454, "4.7.0"),
    Reason.PASSWORD_EXPIRED: (534, "5.7.9"),
    Reason.WEAK_PASSWORD: (534, "5.7.9"),
    Reason.APP_PASSWORD: (534, "5.7.9"),
    Reason.NO_SUCH_RECIPIENT: (550, "5.1.1"),
    Reason.RELAY_DENIED: (554, "5.7.1"),
    Reason.SENDER_NOT_OWNED: (553, "5.7.1"),
    Reason.OVER_QUOTA: (552, "5.2.2"),
    Reason.TOO_BIG: (552, "5.3.4"),
    Reason.LOOP: (554, "5.4.6"),
    Reason.TOO_MANY_RECIPIENTS: (452, "4.5.3"),
    Reason.REJECTED: (550, "5.7.1"),
    Reason.NO_SUCH_MAILBOX: (550, "5.1.1"),
    Reason.MAILBOX_EXISTS: (554, "5.5.0"),
    Reason.HAS_CHILDREN: (554, "5.5.0"),
    Reason.CANNOT: (554, "5.5.0"),
    Reason.READ_ONLY: (554, "5.2.0"),
    Reason.LIMIT: (452, "4.5.3"),
    Reason.NOT_FOUND: (550, "5.1.1"),
    Reason.FORBIDDEN: (550, "5.7.1"),
    Reason.CONFLICT: (451, "4.3.0"),
    Reason.INVALID: (554, "5.6.0"),
    Reason.READ_ONLY_DIRECTORY: (554, "5.3.0"),
    Reason.DAMAGED: (451, "4.3.0"),
}
"""The only place where a reason becomes an SMTP code."""

AUTHENTICATION_CODES: dict[Reason, tuple[int, str]] = {
    Reason.SUSPENDED: (535, "5.7.8"),
    Reason.CLOSED: (535, "5.7.8"),
}
"""What differs when the reason answers AUTH (RFC 4954 section 6)."""

MESSAGE_CODES: dict[Reason, tuple[int, str]] = {
    Reason.SENDER_NOT_OWNED: (550, "5.7.1"),
}
"""What differs when the reason answers the whole message, and so speaks of its header."""


UNAUTHENTICATED = (550, "5.7.26")
"""No check of who sent it passed (RFC 7372 section 3.3)."""


def refusal(refused: Refused) -> bytes:
    """The reply for a refused command."""
    code, enhanced = CODES[refused.reason]
    return reply(code, enhanced, _plain(refused))


def authentication_refusal(refused: Refused) -> bytes:
    """The reply for a refused login."""
    code, enhanced = AUTHENTICATION_CODES.get(refused.reason) or CODES[refused.reason]
    return reply(code, enhanced, refused.text)


def message_refusal(refused: Refused) -> bytes:
    """The reply for a refused message."""
    code, enhanced = MESSAGE_CODES.get(refused.reason) or CODES[refused.reason]
    if isinstance(refused, Unauthenticated):
        code, enhanced = UNAUTHENTICATED
    return reply(code, enhanced, _plain(refused))


def _plain(error: Refused | Temporary) -> str:
    """A rule speaks French first, and so do people; without SMTPUTF8 a reply is ASCII (RFC 6531 section 3.5)."""
    text = str(error)
    is_said = isinstance(error, Denied | Braked) or (isinstance(error, Refused) and error.reason is Reason.REJECTED)
    if is_said and not text.isascii():
        return strip_marks(text.replace("’", "'")).encode("ascii", "replace").decode("ascii")
    return text


def deferral(error: Temporary) -> bytes:
    """The reply when something is out of reach; RFC 3463 keeps 4.3.1 for a full disk."""
    if isinstance(error, NoRoom):
        return reply(452, "4.3.1", str(error))
    if isinstance(error, Braked | RateExceeded | Greylisted):
        return reply(451, "4.7.1", _plain(error))
    return reply(451, "4.3.0", str(error) or "Try again later")


def goodbye(error: RateExceeded) -> bytes:
    """The reply when a peer brings too much and the connection ends (RFC 5321 section 3.8)."""
    return reply(421, "4.7.0", str(error))


def login_deferral(error: Temporary) -> bytes:
    """The same for AUTH (RFC 4954 section 6)."""
    return reply(454, "4.7.0", str(error) or "Try again later")


def challenge(octets: bytes) -> bytes:
    """A challenge of AUTH; the blank stays even where the challenge is empty (RFC 4954 section 4)."""
    return b"334 " + base64.b64encode(octets) + b"\r\n"


_HELD = Text("retenu, attend l’accord du service informatique")
_UNCONFIRMED = Text("retenu, contient des données personnelles : confirmez-le, voyez le message dans votre boîte")


_MAILING = Text("envoi en nombre, attend l’accord d’une deuxième personne")


def awaits_approval(identifier: str, unread: int = 0) -> bytes:
    """The same; it leaves when a second person lets it."""
    return f"250 2.0.0 held as {identifier}: {both_in_ascii(_MAILING)}{_unread(unread)}\r\n".encode()


def accepted(identifier: str, *, queued: bool, unread: int = 0) -> bytes:
    """The message is committed to disk; of so many of its documents nobody could say what they give away."""
    return f"250 2.0.0 {'queued' if queued else 'delivered'} as {identifier}{_unread(unread)}\r\n".encode()


def _unread(count: int) -> str:
    """Of so many documents of a message nobody could say what they give away."""
    said = Text("documents joints qui n’ont pas pu être lus : {count}", count=count)
    return f": {both_in_ascii(said)}" if count else ""


def held(identifier: str, unread: int = 0) -> bytes:
    """The same; it leaves when IT lets it."""
    return f"250 2.0.0 held as {identifier}: {both_in_ascii(_HELD)}{_unread(unread)}\r\n".encode()


def held_until(identifier: str, due: int, unread: int = 0) -> bytes:
    """The same; it leaves at its time (RFC 4865)."""
    at = f"{datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"250 2.0.0 held as {identifier} until {at}{_unread(unread)}\r\n".encode()


def unconfirmed(identifier: str) -> bytes:
    """The same; it leaves when its author confirms what it gives away."""
    return f"250 2.0.0 held as {identifier}: {both_in_ascii(_UNCONFIRMED)}\r\n".encode()
