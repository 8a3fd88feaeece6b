"""Plain text of messages as HTML: links one can follow, quotations marked by their depth, nothing else."""

import itertools
import re
from urllib.parse import quote

from markupsafe import Markup, escape

from mailserver.mime import Part
from mailserver.mime.body import bodies, flowed
from mailserver.mime.body.text import html_to_text

MAX_SHOWN = 300_000
"""Characters of a message that a page shows; the rest is a download away."""
MAX_LINKS = 500
MAX_DEPTH = 6
"""Nesting of quotations that is shown; deeper ones look like the sixth."""

_LINK = re.compile(
    r"(?P<url>https?://[^\s<>\"'«»]{1,2000})|(?P<address>[\w.+-]{1,64}@(?:[a-zA-Z0-9-]{1,63}\.){1,6}[a-zA-Z]{2,24})"
)
_TRAILING = ".,;:!?…)]}»'\""
_QUOTE = re.compile(r"((?:> ?){1,50})")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")


def body_parts(root: Part) -> tuple[list[Part], list[Part]]:
    """The parts people read as text, and those they read as HTML, if any of it is."""
    return bodies.plain(root), bodies.formatted(root)


def weight(root: Part) -> int:
    """Octets that `readable` and the sanitiser have to read (`offload.computed`)."""
    return sum(part.size for part in {*bodies.plain(root), *bodies.formatted(root)})


def reach(root: Part) -> int:
    """Octets of a message up to the end of its text: what is behind a large attachment is part of it."""
    return max((part.end for parts in body_parts(root) for part in parts), default=0)


def is_beyond(root: Part, upto: int) -> bool:
    """Whether some of its text begins further in than so many octets."""
    return any(part.body >= upto for parts in body_parts(root) for part in parts)


def readable(octets: bytes, root: Part) -> str:
    """The text of a message: its plain parts, and what HTML says that has no plain alternative."""
    plain, formatted = body_parts(root)
    text = _joined(octets, plain)
    return text if text.strip() else _joined(octets, formatted)  # newsletters have an empty alternative


def _joined(octets: bytes, parts: list[Part]) -> str:
    texts, left = [], MAX_SHOWN * 8
    for part in parts:
        if left <= 0:
            break
        if part.type == bodies.HTML:
            texts.append(from_html(part.text(octets, left)))
        else:
            texts.append(flowed.text(part, octets, min(left, MAX_SHOWN * 4)).rstrip("\n"))
        left -= part.size
    return "\n".join(texts)


def from_html(source: str) -> str:
    """HTML as lines: a browser's paragraphs, without its wrapping."""
    text = html_to_text(" ".join(source.split()))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def render(text: str, compose: str) -> Markup:
    """Text as HTML. `compose` is the address that writes to somebody, before the mail address."""
    shown = text[:MAX_SHOWN]
    budget = _Budget(MAX_LINKS)
    out: list[str] = []
    depth = 0
    for line in shown.split("\n"):
        found = _QUOTE.match(line)
        level = min(found.group(1).count(">"), MAX_DEPTH) if found else 0
        if level != depth:
            _strip_line_end(out)
            out.append("</blockquote>" * (depth - level) + "<blockquote>" * (level - depth))
            depth = level
        out.append(_linked(line[found.end() :] if found else line, compose, budget))
        out.append("\n")
    _strip_line_end(out)
    out.append("</blockquote>" * depth)
    return Markup("".join(out))  # noqa: S704 - every piece of foreign text went through `escape`


def addresses(text: str) -> list[str]:
    """The web addresses in a text, as `render` makes links of them."""
    if "://" not in text:
        return []
    found = (one["url"] for one in _LINK.finditer(text[:MAX_SHOWN]) if one["url"])
    return list(itertools.islice(found, MAX_LINKS))


class _Budget:
    def __init__(self, left: int) -> None:
        self.left = left


def _strip_line_end(out: list[str]) -> None:
    """A block begins its own line: the line end before it would show as an empty one."""
    if out and out[-1] == "\n":
        out.pop()


def _linked(line: str, compose: str, budget: _Budget) -> str:
    if budget.left <= 0 or ("://" not in line and "@" not in line):
        return str(escape(line))
    out: list[str] = []
    last = 0
    for found in _LINK.finditer(line):
        budget.left -= 1
        if budget.left < 0:
            break
        word = found.group()
        if found["url"]:
            word = word.rstrip(_TRAILING) if not word.endswith(")") or "(" not in word else word
            target = str(escape(word))
            link = f'<a href="{target}" rel="noopener noreferrer nofollow" target="_blank">{target}</a>'
        else:
            link = f'<a href="{escape(compose)}{quote(word)}">{escape(word)}</a>'
        out.append(str(escape(line[last : found.start()])))
        out.append(link)
        last = found.start() + len(word)
    out.append(str(escape(line[last:])))
    return "".join(out)
