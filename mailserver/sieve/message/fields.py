"""Header fields as objects."""

from dataclasses import dataclass

from mailserver.mime.header import addresses, headers
from mailserver.mime.header.addresses import Mailbox
from mailserver.sieve.limits import Limits


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One field."""

    name: str
    """In lower case."""
    written: bytes
    """All of it, line end included."""
    value: bytes
    """What follows the colon."""

    def decoded(self, limits: Limits) -> str:
        """The value in one line, encoded words decoded (RFC 5228 section 5.7)."""
        return headers.decode(self.value[: 4 * limits.value])[: limits.value]

    def mailboxes(self, limits: Limits) -> list[Mailbox]:
        """Its addresses, without the marks of groups and what has no domain (RFC 5228 section 5.1)."""
        text = headers.as_text(self.value[: limits.value])
        return [one for one in addresses.parse(text) if one.domain is not None]


def read_fields(header: bytes) -> list[HeaderField]:
    """The fields of a header in their order."""
    return [
        HeaderField(one.name, header[one.start : one.end], header[one.value : one.end])
        for one in headers.fields(header, 0, len(header))
    ]
