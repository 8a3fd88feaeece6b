"""Why an update is refused: a result code, a sentence, and how far the name went (RFC 4511 section 4.1.9)."""

from directory.server.wire.messages import Code
from mailserver.model.errors import Reason, Refused


class Fault(Exception):
    """The operation ends with this result; nothing was changed."""

    def __init__(self, code: Code, text: str = "", matched: str = "") -> None:
        super().__init__(text or code.name)
        self.code = code
        self.text = text
        self.matched = matched


CODES = {
    Reason.AUTHENTICATION: Code.INVALID_CREDENTIALS,
    Reason.NOT_ACTIVATED: Code.INVALID_CREDENTIALS,
    Reason.SUSPENDED: Code.INVALID_CREDENTIALS,
    Reason.CLOSED: Code.INVALID_CREDENTIALS,
    Reason.PASSWORD_EXPIRED: Code.INVALID_CREDENTIALS,
    Reason.APP_PASSWORD: Code.INVALID_CREDENTIALS,
    Reason.THROTTLED: Code.BUSY,
    Reason.WEAK_PASSWORD: Code.CONSTRAINT_VIOLATION,
    Reason.INVALID: Code.CONSTRAINT_VIOLATION,
    Reason.CONFLICT: Code.CONSTRAINT_VIOLATION,
    Reason.NO_SUCH_RECIPIENT: Code.CONSTRAINT_VIOLATION,
    Reason.LIMIT: Code.ADMIN_LIMIT_EXCEEDED,
    Reason.NOT_FOUND: Code.NO_SUCH_OBJECT,
    Reason.FORBIDDEN: Code.INSUFFICIENT_ACCESS_RIGHTS,
}
"""The one table from reasons to result codes; anything else is unwillingToPerform."""


def fault_of(refused: Refused) -> Fault:
    """A refusal of the services in LDAP's words. Diagnostics are one line."""
    code = CODES.get(refused.reason, Code.UNWILLING_TO_PERFORM)
    return Fault(code, refused.text.replace("\n", "; "))
