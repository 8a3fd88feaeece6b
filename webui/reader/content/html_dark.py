"""Formatted messages in the dark: turned by one filter, so that contrasts stay what their author made them.

The filter turns light into dark and keeps hues; pictures are turned back. A message whose ground is dark already is
left as it is. No colour of a message is rewritten, so there is nothing to get wrong.
"""

import math
import re
from collections.abc import Iterable

from webui.page.context import Visit

# White becomes the darkest grey, and black the lightest: full black beside full white tires the eyes.
_DARK = (
    "html{background:#131313}main{background:#fff;color:#111;min-height:100vh;"
    "filter:invert(1) hue-rotate(180deg) contrast(.85)}"
    "main img{filter:contrast(1.18) hue-rotate(180deg) invert(1)}"
)
_BODY = re.compile(r"<body\b[^>]{0,4000}", re.IGNORECASE)
_GROUND = re.compile(
    r"(?:bgcolor\s*=\s*[\"']?|background(?:-color)?\s*:\s*)"
    r"(#[0-9a-f]{3}(?:[0-9a-f]{3})?\b|rgba?\(\s*[0-9]{1,3}\s*,\s*[0-9]{1,3}\s*,\s*[0-9]{1,3}|black\b|white\b)",
    re.IGNORECASE,
)
_LOOKED_AT = 200_000
_FEW = 3
_LIGHT = 0.2
"""Luminance from which a ground is light."""


def style(visit: Visit, source: str) -> str:
    """What turns a message dark for this reader, as the address or their settings say; empty: it stays on white."""
    if visit.theme == "clair" or chosen(visit) != "sombre" or is_dark(source):
        return ""
    return _DARK if visit.theme == "sombre" else f"@media screen and (prefers-color-scheme:dark){{{_DARK}}}"


def chosen(visit: Visit) -> str:
    """`sombre` or `blanc`."""
    asked = visit.query("fond")
    return asked if asked in ("sombre", "blanc") else visit.preferences.paper


def is_dark(source: str) -> bool:
    """Whether a message brings a dark ground: that of its body, else most of those in it."""
    body = _BODY.search(source[:_LOOKED_AT])
    whole = list(_grounds(body.group())) if body else []
    if whole:
        return not whole[-1]
    grounds = list(_grounds(source[:_LOOKED_AT]))
    return len(grounds) >= _FEW and sum(grounds) * 3 < len(grounds)


def _grounds(source: str) -> Iterable[bool]:
    """Of each ground that is named, whether it is light."""
    for found in _GROUND.finditer(source):
        yield _luminance(found.group(1).lower()) >= _LIGHT


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1), near enough for light or dark."""
    if colour in ("black", "white"):
        return float(colour == "white")
    if colour.startswith("#"):
        digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
        parts = [int(digits[at : at + 2], 16) for at in (0, 2, 4)]
    else:
        parts = [min(int(one), 255) for one in re.findall(r"[0-9]+", colour)]
    red, green, blue = (math.pow(part / 255, 2.2) for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
