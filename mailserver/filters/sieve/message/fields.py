"""Header fields as objects."""

from mailserver.filters.sieve.limits import Limits
from mailserver.mime.header import addresses, headers
from mailserver.mime.header.addresses import Mailbox


class HeaderField:
    """One field, read when it is asked for."""

    __slots__ = ("_decoded", "_mailboxes", "name", "value", "written")

    def __init__(self, name: str, written: bytes, value: bytes) -> None:
        self.name = name
        """In lower case."""
        self.written = written
        """All of it, line end included."""
        self.value = value
        """What follows the colon."""
        self._decoded: str | None = None
        self._mailboxes: list[Mailbox] | None = None

    def decoded(self, limits: Limits) -> str:
        """The value in one line, encoded words decoded (RFC 5228 section 5.7)."""
        if self._decoded is None:
            self._decoded = headers.decode(self.value[: 4 * limits.value])[: limits.value]
        return self._decoded

    def mailboxes(self, limits: Limits) -> list[Mailbox]:
        """Its addresses, without the marks of groups and what has no domain (RFC 5228 section 5.1)."""
        if self._mailboxes is None:
            text = headers.as_text(self.value[: limits.value])
            self._mailboxes = [one for one in addresses.parse(text) if one.domain is not None]
        return self._mailboxes


def read_fields(header: bytes) -> list[HeaderField]:
    """The fields of a header in their order."""
    return [HeaderField(*one) for one in headers.written(header)]
