"""Hostile HTML -> safe HTML for the frame that shows a message's formatted version.

`html_balance` gives the document a bounded depth first. nh3 (ammonia) then rebuilds it from an allow-list: no scripts,
handlers, forms, frames, style sheets, SVG or MathML survive. One attribute filter rewrites what is left: `cid:`
pictures come through us, remote ones are counted and left out, CSS values that could fetch or leave their place are
dropped. The frame's policy and sandbox would stop whatever got through.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import unquote, urlsplit

import nh3

from mailserver.inbound.impersonation.sender import is_same_owner
from mailserver.mime import Part
from mailserver.mime.body import flowed
from mailserver.mime.body.bodies import HTML
from webui.reader.content.html_balance import balanced

MAX_OCTETS = 2 * 1024 * 1024
"""Characters of HTML that are shown; a message may hold more, a page does not."""
OURS = ("/s/piece/", "/m/piece/", "/s/partage/", "/m/partage/", "/s/liste/", "/m/liste/", "/image?")
"""Where the inline parts of messages, and remote pictures, are served."""
MAX_STYLE = 4000
MAX_ADDRESS = 4000


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TAGS = _words(
    "a abbr address b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure font h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong "
    "sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr"
)
_DROPPED_WHOLE = _words(
    "script style title head iframe object embed applet noscript template textarea select option svg math "
    "audio video noframes xmp plaintext noembed"
)
_EVERYWHERE = frozenset({"style", "title", "dir", "lang", "align", "valign", "width", "height", "bgcolor", "color"})
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "*": _EVERYWHERE,
    "a": frozenset({"href", "name"}),
    "img": frozenset({"src", "alt", "border", "hspace", "vspace"}),
    "font": frozenset({"face", "size"}),
    "table": frozenset({"border", "cellpadding", "cellspacing", "summary"}),
    "td": frozenset({"colspan", "rowspan", "headers", "abbr"}),
    "th": frozenset({"colspan", "rowspan", "headers", "abbr", "scope"}),
    "col": frozenset({"span"}),
    "colgroup": frozenset({"span"}),
    "ol": frozenset({"start", "type", "reversed"}),
    "ul": frozenset({"type"}),
    "li": frozenset({"value"}),
    "blockquote": frozenset({"cite"}),
    "time": frozenset({"datetime"}),
}
_KNOWN_ATTRIBUTES: frozenset[str] = frozenset().union(*_ATTRIBUTES.values())
_PROPERTIES = _words(
    "background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width "
    "border-collapse border-color border-left border-left-color border-left-style border-left-width border-radius "
    "border-right border-right-color border-right-style border-right-width border-spacing border-style border-top "
    "border-top-color border-top-style border-top-width border-width clear color direction display float font "
    "font-family font-size font-style font-variant font-weight height letter-spacing line-height list-style-type "
    "margin margin-bottom margin-left margin-right margin-top max-height max-width min-height min-width padding "
    "padding-bottom padding-left padding-right padding-top table-layout text-align text-decoration text-indent "
    "text-transform vertical-align white-space width word-break word-spacing word-wrap"
)
_SCHEMES = frozenset({"http", "https", "mailto", "tel", "cid"})
_FOLLOWED = re.compile(r"\s*(?:https?|mailto|tel):", re.IGNORECASE)
"""What a link may lead to: never to a page of ours by a short address, which the reader could not tell from a word."""
_CALL = re.compile(r"(?:rgb|rgba|hsl|hsla)\([0-9\s.,%/deg]*\)", re.IGNORECASE)
_SHIFTS = re.compile(r"margin|text-indent", re.IGNORECASE)
_NEGATIVE = re.compile(r"-\s*+\.?[0-9]")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """HTML fit for the frame, and what was left out of it."""

    html: str
    remote_images: int
    """Remote pictures that are not shown."""
    shown_images: int = 0
    """Remote pictures that are shown, through us."""


Addresses = Callable[[str], str]
"""From an address in a message to the one that is served; empty for none."""


def nowhere(_source: str) -> str:
    """Remote pictures stay away."""
    return ""


def clean(html: str, inline: Addresses, remote: Addresses = nowhere) -> Cleaned:
    """Clean a message's HTML. `inline` gives the address of the part a `cid:` names, empty when there is none;
    `remote` our address of a picture elsewhere, empty when it is not to be shown.

    CPU grows with the size (40 ms for a newsletter of 250 kB): call it through `offload.computed`.
    """
    blocked = shown = 0

    def rewrite(element: str, attribute: str, value: str) -> str | None:
        nonlocal blocked, shown
        if attribute == "style":
            return _style(value)
        if element == "img" and attribute == "src":
            source = value.strip()
            if source[:4].lower() == "cid:":
                name = source[4:].strip("<> ")
                return inline(name) or inline(unquote(name)) or None  # RFC 2392; few programs encode it
            ours = remote(source)
            blocked, shown = blocked + (not ours), shown + bool(ours)
            return ours or None
        if attribute in ("href", "cite") and (len(value) > MAX_ADDRESS or not _FOLLOWED.match(value)):
            return None
        return value

    done = nh3.clean(
        balanced(html[:MAX_OCTETS], _TAGS, _DROPPED_WHOLE, _KNOWN_ATTRIBUTES),
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WHOLE),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=rewrite,
        strip_comments=True,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        url_schemes=set(_SCHEMES),
        filter_style_properties=set(_PROPERTIES),
        url_relative=_keep_ours,
    )
    return Cleaned(done, blocked, shown)


def source_of(octets: bytes, parts: Sequence[Part]) -> str:
    """The formatted parts of a message as they came, one behind the other; plain ones among them as HTML."""
    return "\n".join(_sources(octets, parts))


def clean_parts(octets: bytes, parts: Sequence[Part], inline: Addresses, remote: Addresses = nowhere) -> Cleaned:
    """`clean` of each, so that none is swallowed by what the one before leaves open."""
    done = [clean(source, inline, remote) for source in _sources(octets, parts)]
    blocked, shown = (sum(getattr(one, name) for one in done) for name in ("remote_images", "shown_images"))
    return Cleaned("\n".join(one.html for one in done), blocked, shown)


def _sources(octets: bytes, parts: Sequence[Part]) -> Iterator[str]:
    left = MAX_OCTETS
    for part in parts:
        text = flowed.text(part, octets, 3 * MAX_OCTETS)[: left + 1]
        left -= len(text)
        yield text if part.type == HTML else f'<div style="white-space: pre-wrap">{escape(text)}</div>'
        if left <= 0:
            return


def _keep_ours(address: str) -> str | None:
    """A message has no base: the only relative addresses are those `clean` put in."""
    return address if address.startswith(OURS) else None


def _style(value: str) -> str | None:
    """Declarations that neither fetch, nor compute, nor push text out of its place."""
    kept = []
    for declaration in value[:MAX_STYLE].split(";"):
        plain = _CALL.sub("", declaration)
        if "(" in plain or "\\" in plain or "@" in plain or "/*" in plain or _moves_away(declaration):
            continue
        kept.append(declaration.strip())
    return "; ".join(filter(None, kept)) or None


def _moves_away(declaration: str) -> bool:
    """Whether a margin or an indent is less than nothing. In steps, each linear: one expression for all of it takes the
    cube of the length of a style made for that, of which a message may hold hundreds."""
    named = _SHIFTS.search(declaration)
    value = declaration[named.end() :].partition(":")[2] if named is not None else ""
    return _NEGATIVE.search(value) is not None


def document(cleaned: str, language: str, title: str, dark: str = "") -> str:
    """The page of the frame: the cleaned message on white paper, in no one's style but its own; with the style of
    `html_dark.style` turned dark."""
    return (
        f'<!doctype html><html lang="{escape(language)}"><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1"><base target="_blank">'
        "<style>html{background:#fff;color:#111;font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
        "body{margin:0}main{display:flow-root;padding:12px}img{max-width:100%;height:auto}table{max-width:100%}"
        "blockquote{margin:8px 0;padding-left:12px;border-left:3px solid #bbb}pre{white-space:pre-wrap}"
        f"{dark}</style><main>{cleaned}</main></html>"
    )


def links(html: str) -> list[str]:
    """Where the links of cleaned HTML lead, at most MAX_LINKS."""
    found = (_unescape(one.group(1)) for one in _HREF.finditer(html))
    return list(itertools.islice(found, MAX_LINKS))


@dataclass(frozen=True, slots=True)
class Lie:
    """A link whose text names one host and whose address leads to another."""

    shown: str
    real: str


def suspicious_links(html: str) -> tuple[Lie, ...]:
    """The links that lie, each pair of hosts once, at most MAX_WARNINGS. Needs `imitations.ready`.

    Works on cleaned HTML, where every link is written the same way and holds no other.
    """
    return tuple(lie for lie, _ in _lies(html))


def marked(html: str, mark: Callable[[Lie], str]) -> str:
    """Cleaned HTML with what is to be said of a lying link behind the first one of its kind. `mark` gives HTML."""
    pieces: list[str] = []
    last = 0
    for lie, end in _lies(html):
        pieces += (html[last:end], mark(lie))
        last = end
    return "".join((*pieces, html[last:]))


def _lies(html: str) -> Iterator[tuple[Lie, int]]:
    """With where each link ends."""
    found: set[Lie] = set()
    end = 0
    for _ in range(MAX_LINKS):
        start = html.find("<a ", end)
        opened = html.find(">", start)
        closed = html.find(_END, opened)
        if min(start, opened, closed) < 0:
            return
        end = closed + len(_END)
        lie = _lie(html[start:opened], html[opened + 1 : min(closed, opened + MAX_LINK_TEXT)])
        if lie is None or lie in found:
            continue
        found.add(lie)
        yield lie, end
        if len(found) == MAX_WARNINGS:
            return


def _lie(head: str, inner: str) -> Lie | None:
    address = _HREF.search(head)
    target = host(_unescape(address.group(1))) if address else ""
    shown = _HOST.search(_INVISIBLE.sub("", _unescape(_TAG.sub("", inner)))) if target else None
    if shown is None:
        return None
    name = shown.group(1).lower()
    if name.rpartition(".")[2] in _FILE_ENDINGS or _same_site(name, target):
        return None
    return Lie(name, target)


MAX_LINKS = 2000
MAX_LINK_TEXT = 2000
MAX_WARNINGS = 10
_END = "</a>"
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
"""What stands between letters and is not seen."""
_HREF = re.compile(r'href="(https?://[^"]{1,4000})"', re.IGNORECASE)
_FILE_ENDINGS = _words(
    "pdf doc docx odt xls xlsx ods ppt pptx odp zip txt csv jpg jpeg png gif html htm md mp3 mp4 ics"
)
"""`planning.pdf` names no host."""
_TAG = re.compile(r"<[^>]{0,4000}>")
_HOST = re.compile(r"(?:^|[\s(<])(?:https?://)?((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24})(?=[/\s:)>]|$)", re.IGNORECASE)


def host(address: str) -> str:
    """The host of an address in lower case; empty when there is none to be read."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _same_site(shown: str, target: str) -> bool:
    shown = shown.removeprefix("www.")
    if target == shown or target.endswith("." + shown) or shown.endswith("." + target.removeprefix("www.")):
        return True
    return is_same_owner(shown, target)


def _unescape(text: str) -> str:
    for name, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(name, character)
    return text
