"""Content codings that a request takes (RFC 9110 section 12.5.3)."""

import re

_NEVER = re.compile(r"q=0(?:\.0{0,3})?", re.IGNORECASE)


def takes(field: str, coding: str) -> bool:
    """Whether Accept-Encoding has the coding: by its name, or by `*` where that is not named; never with q=0."""
    fallback = False
    for item in field.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        wanted = not any(_NEVER.fullmatch(parameter) for parameter in parameters)
        if name.lower() == coding:
            return wanted
        fallback = fallback or (name == "*" and wanted)
    return fallback
