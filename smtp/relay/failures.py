"""What went wrong with a connection to another server, in a line for people."""

import errno
import os

import aiosmtplib

from mailserver.texts.causes import Cause, plain

_NO_ROUTE = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL))


def described(error: Exception) -> Cause:
    """One line about what went wrong with a connection."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return plain(f"{error.code} {' '.join(error.message.split())}")
    if error.args and isinstance(error.args[0], Cause):
        return error.args[0]
    if isinstance(error, aiosmtplib.SMTPTimeoutError):
        return Cause("no-answer")
    return _of_system(error.__cause__) or plain(str(error) or type(error).__name__)


def _of_system(error: BaseException | None) -> Cause | None:
    """What the operating system says of a connection that was not made."""
    if isinstance(error, ConnectionRefusedError):
        return Cause("connection-refused")
    if isinstance(error, OSError) and error.errno in _NO_ROUTE:
        return Cause("no-route", error=os.strerror(error.errno))
    return None
