"""Tag soup -> balanced HTML of bounded depth, so that the sanitiser behind it works in linear time.

HTML's own rules for broken nesting let a small document cost a parser minutes (20,000 open `<div>` are enough). This
pass reads tags leniently, drops whole what is never shown, and writes what is left properly nested, at most
`MAX_DEPTH` deep. It promises nothing about safety: `html_view` gives its output to the sanitiser.
"""

import re
from collections.abc import Collection, Iterator

MAX_DEPTH = 100
MAX_TAGS = 40_000
"""Tags of one message; what follows is cut."""
MAX_REFERENCES = 50_000
"""Character references in the text; the parser behind takes more than linear time for them."""
MAX_ATTRIBUTES = 30

_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^>]*+>?|</(?![a-zA-Z])[^>]*+>?"
    r"|<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:-]*+)"
    r"(?P<rest>(?:[^>=]++|=\s*+(?:\"[^\"]*+\"?|'[^']*+'?)?)*+)>?",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(
    r"([^\s=>/\"'<]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"?|'([^']*+)'?|([^\s>]*+)))?|."  # the dot: whatever is no attribute
)
_STRAY_AMPERSAND = re.compile(r"&(?!(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});)")
_VOID = frozenset({"br", "hr", "img", "col", "wbr"})
_WALLS = frozenset({"table", "td", "th", "caption"})
"""An end tag inside a cell closes nothing outside of it."""
_BLOCKS = "address blockquote center dd details div dl dt figcaption figure h1 h2 h3 h4 h5 h6 hr li ol p pre table ul"
_PARAGRAPH_ENDS = frozenset(_BLOCKS.split())
_CELLS = ("td", "th")
_ROWS = ("tr", *_CELLS)
_GROUPS = ("tbody", "thead", "tfoot", "caption", "colgroup", *_ROWS)
_IMPLIED_ENDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "li": (("li",), ("ul", "ol", *_WALLS)),
    "dt": (("dt", "dd"), ("dl", *_WALLS)),
    "dd": (("dt", "dd"), ("dl", *_WALLS)),
    "td": (_CELLS, ("tr", "table")),
    "th": (_CELLS, ("tr", "table")),
    "tr": (_ROWS, ("table", "tbody", "thead", "tfoot")),
    "tbody": (_GROUPS, ("table",)),
    "thead": (_GROUPS, ("table",)),
    "tfoot": (_GROUPS, ("table",)),
}
"""A start tag -> the open elements it ends, and where the search for them stops."""


def balanced(html: str, tags: Collection[str], dropped: Collection[str], attributes: Collection[str]) -> str:
    """The same document with only these tags and attributes; the content of `dropped` elements is left out."""
    writer = _Writer()
    at = 0
    for count, token in enumerate(_tokens(html, dropped)):
        writer.text(html[at : token.start()])
        at = token.end()
        name = (token["name"] or "").lower()
        if name in dropped and not token["close"]:
            at = _end_of(html, name, at)
        elif name in tags:
            if token["close"]:
                writer.end(name)
            else:
                writer.start(name, _attributes(token["rest"], attributes))
        if count >= MAX_TAGS:
            break
    else:
        writer.text(html[at:])
    return writer.finish()


def _tokens(html: str, dropped: Collection[str]) -> Iterator[re.Match[str]]:
    at = 0
    while (token := _TOKEN.search(html, at)) is not None:
        yield token
        at = token.end()
        name = (token["name"] or "").lower()
        if name in dropped and not token["close"]:
            at = _end_of(html, name, at)


def _end_of(html: str, name: str, at: int) -> int:
    """Where the content of an element that is left out ends: before its end tag, or with the document."""
    end = re.compile(rf"</{re.escape(name)}(?![a-zA-Z0-9:-])", re.IGNORECASE).search(html, at)
    return end.start() if end else len(html)


def _attributes(rest: str, allowed: Collection[str]) -> str:
    written: dict[str, str] = {}
    for count, found in enumerate(_ATTRIBUTE.finditer(rest)):
        name = (found[1] or "").lower()
        if name in allowed and name not in written:
            value = next((text for text in found.groups()[1:] if text is not None), "")
            written[name] = _STRAY_AMPERSAND.sub("&amp;", value).replace('"', "&quot;")
        if count > MAX_ATTRIBUTES * 4 or len(written) >= MAX_ATTRIBUTES:
            break
    return "".join(f' {name}="{value}"' for name, value in written.items())


class _Writer:
    """Writes tags so that every element is closed inside its parent."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._open: list[str] = []
        self._references = 0

    def text(self, text: str) -> None:
        if "&" in text:
            self._references += text.count("&")
            bounded = self._references <= MAX_REFERENCES
            text = _STRAY_AMPERSAND.sub("&amp;", text) if bounded else text.replace("&", "")
        if "<" in text:
            text = text.replace("<", "&lt;")
        self._out.append(text)

    def start(self, name: str, attributes: str) -> None:
        if name in _PARAGRAPH_ENDS:
            self._end_any(("p",), tuple(_WALLS))
        if name in _IMPLIED_ENDS:
            self._end_any(*_IMPLIED_ENDS[name])
        if name in _VOID:
            self._out.append(f"<{name}{attributes}>")
        elif len(self._open) < MAX_DEPTH:
            self._open.append(name)
            self._out.append(f"<{name}{attributes}>")

    def end(self, name: str) -> None:
        self._end_any((name,), () if name in _WALLS or name in _GROUPS else tuple(_WALLS))

    def _end_any(self, names: tuple[str, ...], stops: tuple[str, ...]) -> None:
        """Close down to the outermost open element of these names, looking no further than a stop."""
        depth = -1
        for index in range(len(self._open) - 1, -1, -1):
            here = self._open[index]
            if here in names:
                depth = index
                if len(names) == 1:
                    break
            elif here in stops or here == "table":
                break
        if depth >= 0:
            self._close_to(depth)

    def _close_to(self, depth: int) -> None:
        while len(self._open) > depth:
            self._out.append(f"</{self._open.pop()}>")

    def finish(self) -> str:
        self._close_to(0)
        return "".join(self._out)
