"""The collation i;unicode-casemap (RFC 5051): what SORT and THREAD compare (RFC 5256 section 7, RFC 5255 section 4).

Each character becomes its titlecase, then its full decomposition; the results compare by code point, which is the
order of their octets in UTF-8. Case is ignored, accents are not: a letter with one sorts right behind the plain
one's words. (SEARCH ignores both: `text.fold`.)
"""

import unicodedata

_KEPT = 20_000
"""Characters whose mapping is remembered: every script in use, less than an attack could name."""


class _Mapping(dict[int, str]):
    """Code point -> what it becomes, found out when it is first asked for."""

    def __missing__(self, code: int) -> str:
        one = chr(code)
        title = one.title()  # one character becomes several only by rules RFC 5051 does not use (ß)
        mapped = unicodedata.normalize("NFKD", title if len(title) == 1 else one)
        if len(self) < _KEPT:
            self[code] = mapped
        return mapped


_MAPPING = _Mapping()


def collate(text: str) -> str:
    """The key by which a text is compared: for equality and for order."""
    return text.upper() if text.isascii() else text.translate(_MAPPING)
