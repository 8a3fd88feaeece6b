"""What FETCH asks for: attributes, body sections, partial ranges (RFC 3501 sections 6.4.5, 9)."""

from dataclasses import dataclass
from enum import Enum


class Attribute(Enum):
    """Everything FETCH can ask for that is not a body section; the value is its name in the answer."""

    UID = "UID"
    FLAGS = "FLAGS"
    INTERNALDATE = "INTERNALDATE"
    RFC822_SIZE = "RFC822.SIZE"
    MODSEQ = "MODSEQ"
    ENVELOPE = "ENVELOPE"
    BODY = "BODY"
    BODYSTRUCTURE = "BODYSTRUCTURE"


class SectionText(Enum):
    """Which text of a part (RFC 3501 section 9, section-text); a Section without one is the whole part."""

    HEADER = "HEADER"
    HEADER_FIELDS = "HEADER.FIELDS"
    HEADER_FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """BODY[...], BODY.PEEK[...], and RFC822, RFC822.HEADER, RFC822.TEXT, which are other names of it.

    `part` is empty for the message itself. `fields` are header field names in capitals, in the order asked.
    `label` is the name in the answer, ready to write before the literal: `BODY[1.MIME]<0>`, `RFC822.HEADER`.
    """

    part: tuple[int, ...] = ()
    text: SectionText | None = None
    fields: tuple[str, ...] = ()
    start: int | None = None
    length: int | None = None
    peek: bool = False
    label: bytes = b"BODY[]"

    @property
    def partial(self) -> bool:
        """True when only octets `start` to `start + length` are asked for."""
        return self.start is not None


FetchItem = Attribute | Section
