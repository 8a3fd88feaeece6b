"""Which encoding a CSV file is in, and what shows that text went through a wrong one.

Spreadsheets of French offices write "CSV" in Windows-1252 (a superset of ISO-8859-1), "CSV UTF-8" with a BOM.
"""

import re
from enum import StrEnum
from typing import IO

from mailserver.model.errors import BadSyntax
from mailserver.texts.causes import Cause

MAX_LINE = 1 << 16
"""Octets looked at together."""
_BROKEN = re.compile("[\udc80-\udcff]")
"""What reading with `surrogateescape` leaves of octets that are not of the encoding."""
_CONTINUED = "".join(sorted(set(bytes(range(0x80, 0xC0)).decode("cp1252", "ignore"))))
_TWICE = re.compile(f"[ÃÅ][{re.escape(_CONTINUED)}]")
"""`É`, `œ` and their like in UTF-8, read as Windows-1252: no name and no word of French has such pairs."""


class Encoding(StrEnum):
    """As the operator says it."""

    AUTO = "auto"
    UTF_8 = "utf-8"
    WINDOWS_1252 = "windows-1252"
    ISO_8859_15 = "iso-8859-15"

    @property
    def codec(self) -> str:
        """What to open the file with."""
        return "utf-8-sig" if self is Encoding.UTF_8 else self.value


def detect(file: IO[bytes]) -> Encoding:
    """UTF-8, or Windows-1252 where most of the lines that tell are none. Raises BadSyntax for UTF-16.

    A single line of another encoding decides nothing: it is refused by whoever reads the file.
    """
    well, badly = 0, 0
    first = True
    while line := file.readline(MAX_LINE):
        if first and line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise BadSyntax(Cause("utf-16"))
        if first and line.startswith(b"\xef\xbb\xbf"):
            return Encoding.UTF_8
        first = False
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            badly += 1
        else:
            well += 1
    return Encoding.WINDOWS_1252 if badly > well else Encoding.UTF_8


def fault(text: str, encoding: Encoding) -> Cause | None:
    """What is wrong with a line that was read with `surrogateescape`; None: nothing."""
    if text.isascii():
        return None
    if _BROKEN.search(text):
        return Cause(
            "not-of-encoding", encoding=encoding.value.upper() if encoding is Encoding.UTF_8 else encoding.value
        )
    if _TWICE.search(text):
        return Cause("encoded-twice")
    return None
