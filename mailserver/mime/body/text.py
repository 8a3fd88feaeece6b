"""The words of a message: for the search index, for lists of messages, for people without HTML."""

import html
import re
from collections.abc import Iterator

from mailserver.mime.body import bodies
from mailserver.mime.body.structure import Part
from mailserver.mime.header import headers
from mailserver.model.unicode import normalize

MAX_TEXT = 4 * 1024 * 1024
"""Encoded octets of one message that are searchable, all text parts together."""

MAX_PREVIEW = 200
"""Characters of a preview (RFC 8970 section 4)."""

_PREVIEW_PLAIN = 1600
_PREVIEW_HTML = 16 * 1024

# A blank between words must stand wherever a browser would break the line.
_BLOCK_NAMES = (
    "address article aside blockquote body br caption center dd details div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hr html img input label legend li main nav ol option p pre section select summary"
    " table tbody td textarea tfoot th thead title tr ul"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_UNSEEN = frozenset(("script", "style", "title", "template", "noframes"))
_BREAKS = dict.fromkeys((*(_BLOCKS - _UNSEEN), *(f"/{name}" for name in _BLOCKS)), "\n")
"""Tags without attributes that only break the line, and what stands for them: most of them."""
_TAG_NAME = re.compile(r"/?([A-Za-z][A-Za-z0-9]*)")


def header_text(octets: bytes, part: Part) -> str:
    """The decoded fields of a message's header, `name: value` one a line."""
    return "".join(
        f"{field.name}: {headers.decode(octets[field.value : field.end])}\n"
        for field in headers.fields(octets, part.start, min(part.body, part.start + MAX_TEXT))
    )


def body_text(octets: bytes, part: Part) -> str:
    """The decoded text of every text part, and the names of attached files, attached messages with their headers
    included; HTML without its tags. Stops at MAX_TEXT."""
    return "\n".join(_texts(octets, part))


def _texts(octets: bytes, root: Part) -> Iterator[str]:
    left = MAX_TEXT
    for part in root.walk(into_messages=True):
        if left <= 0:
            return
        if part.filename:
            yield part.filename
        if part.is_message:
            message = part.children[0]
            left -= message.body - message.start
            yield header_text(octets, message)
        elif part.type.startswith(("text/", "message/")):
            size = min(part.size, left)
            left -= size
            yield readable(part, part.text(octets, size))


def readable(part: Part, text: str) -> str:
    """The text of a part for reading: HTML without its tags, everything else as it is."""
    return html_to_text(text) if part.type == "text/html" else text


def html_to_text(source: str) -> str:
    """What HTML says, without how. Linear: each piece between two `<` is looked at once."""
    pieces = source.split("<")
    out = [pieces[0]]
    stands_for = _BREAKS.copy()  # tags are written again and again
    unseen = ""
    for piece in pieces[1:]:
        if unseen:
            if unseen == "!--":
                _, closed, text = piece.partition("-->")
                if not closed:
                    continue
                unseen = ""
                out.append(text)
                continue
            if piece[: len(unseen) + 1].lower() != f"/{unseen}":
                continue
            unseen = ""
        tag, closed, text = piece.partition(">")
        written = stands_for.get(tag)
        if written is not None:
            out += (written, text)
        elif tag.startswith("!--"):
            _, closed, text = piece[3:].partition("-->")
            unseen = "" if closed else "!--"
            out.append(text)
        elif (name := _TAG_NAME.match(tag)) is not None:
            word = name.group(1).lower()
            if word in _UNSEEN and not tag.startswith("/"):
                unseen = word
                continue
            stands_for[tag] = "\n" if word in _BLOCKS else ""
            out += (stands_for[tag], text)
        else:
            out.append(text if tag.startswith(("!", "?", "/")) else "<" + piece)  # `a < b`
    return unescape("".join(out))


def unescape(text: str) -> str:
    """Character references undone, numbers of any length among them (Python reads 4,300 digits, and raises)."""
    return html.unescape(_LONG_NUMBER.sub(_short_number, text)) if "&" in text else text


_LONG_NUMBER = re.compile("&#([0-9]{8,})")


def _short_number(reference: re.Match[str]) -> str:
    number = reference[1].lstrip("0") or "0"
    return f"&#{number if len(number) < 8 else '9999999'}"


def preview(octets: bytes, root: Part) -> str:
    """The first words of a message, without quotes and signature: from its plain text, else from its HTML."""
    chosen = next(iter(bodies.plain(root)), None)
    if chosen is None:
        return ""
    if chosen.type == "text/html":
        text = html_to_text(chosen.text(octets, _PREVIEW_HTML))[: 4 * MAX_PREVIEW]
    else:
        text = _own_words(chosen.text(octets, _PREVIEW_PLAIN))
    # Nearly always the first words say it all: what stands behind them changes none of them.
    for some in (text[: 2 * MAX_PREVIEW], text):
        words = " ".join(some.split())
        if len(words) >= MAX_PREVIEW and words[:MAX_PREVIEW].isprintable():
            break
    else:
        words = " ".join(headers.clean(words).split())
    return words[:MAX_PREVIEW].rstrip("\ufffd ")


def _own_words(text: str) -> str:
    """Plain text up to its signature, without quoted lines, unless nothing else is there."""
    text = text.partition("\n-- \n")[0]
    if "\n>" not in text and not text.startswith(">"):
        return text
    own = "\n".join(line for line in text.split("\n") if not line.startswith(">"))
    return own if own.strip() else text


# Combining marks (general category M) of the scripts that mail is written in.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f]+"
)
_APART = (
    ("œ", "oe"),
    ("æ", "ae"),
    ("ø", "o"),
    ("đ", "d"),
    ("ł", "l"),
    ("’", "'"),
    ("‘", "'"),
    ("ʼ", "'"),
    ("\u00ad", ""),
    ("\u200b", ""),
)


def fold(text: str) -> str:
    """The form in which texts are compared: no case, no accents, ligatures apart, one apostrophe, and every
    run of blanks as one space. Words found in it are found whatever way they were typed."""
    for charset, table, apart in _WESTERN:
        try:
            octets = text.encode(charset)
        except UnicodeEncodeError:
            continue
        return _fold_western(octets.translate(table), charset, apart)
    return _one_space(_fold_any(text))


def _fold_western(octets: bytes, charset: str, apart: list[tuple[str, str]]) -> str:
    """What is left to do of a text whose octets went through the table: most are ASCII by now."""
    if octets.isascii():
        text = octets.decode("ascii")
    else:
        text = octets.decode(charset)
        for one, other in apart:
            if one in text:
                text = text.replace(one, other)
    return _SPACES.sub(" ", text)


_PIECE = re.compile(r".{1,16384}(?=[\x00-\x7f]|\Z)|.{1,16384}", re.DOTALL)
"""Ends before a character that nothing combines with. In one piece a long text keeps all other threads waiting."""


def _fold_any(text: str) -> str:
    return "".join([_fold_piece(piece.group()) for piece in _PIECE.finditer(text)])


def _fold_piece(text: str) -> str:
    text = normalize("NFKD", text).casefold()
    for one, other in _APART:
        if one in text:
            text = text.replace(one, other)
    return _MARKS.sub("", normalize("NFKD", text))


_SPACES = re.compile("  +")


def _western(charset: str) -> tuple[str, bytes, list[tuple[str, str]]]:
    """`_fold_any` of each character of a charset (four times as fast, and most French mail is in these two): a table
    from octet to octet, all blanks to a space, and the characters that become none or several."""
    table = bytearray(range(256))
    apart: list[tuple[str, str]] = []
    for octet in range(256):
        one = bytes((octet,)).decode(charset, "ignore")
        folded = " " if one.isspace() else _fold_any(one)
        if len(folded) == 1 and len(folded.encode(charset, "ignore")) == 1:
            table[octet] = folded.encode(charset)[0]
        elif one:
            apart.append((one, folded))
    return charset, bytes(table), apart


_WESTERN = (_western("latin-1"), _western("cp1252"))
"""Latin 1 first: Python encodes it at the speed of copying, windows-1252 by a look-up for each character."""


def _one_space(text: str) -> str:
    """Runs of blanks to one space; one at either end stays one."""
    words = text.split()
    if not words:
        return " " if text else ""
    before = " " if text[0].isspace() else ""
    after = " " if text[-1].isspace() else ""
    return f"{before}{' '.join(words)}{after}"
