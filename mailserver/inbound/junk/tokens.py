"""The tokens of a message: what the filter counts. Pure, and bounded whatever the octets.

Words are folded as for the search (no case, no accents). A token says where it stood: `s:` the subject, `f:` the
sender, `h:` the host of a link, `m:` the form of the message, `a:` what authentication found; words of the text have
no mark.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

from mailserver.mime import Part
from mailserver.mime.body.text import fold, readable
from mailserver.mime.header import headers

MAX_TOKENS = 1500
"""Different tokens of one message."""
MAX_TEXT = 48 * 1024
"""Encoded octets of text that are read, all parts together."""
MAX_PARTS = 50
WINDOW = 512 * 1024
"""Octets of a message that are looked at."""
MAX_FIELD = 4096
"""Octets of a header field that are read."""
MAX_HEADER = 64 * 1024
MAX_LINKS = 100

SHORTEST, LONGEST = 3, 24
"""Characters of a word; of a longer one counts only that it is long."""
_RUN = re.compile(rf"[\w$€%-]{{{SHORTEST},}}")
_APART = bytes(at if chr(at).isalnum() or chr(at) in "_$¤%-" else 32 for at in range(256))
"""Octets of Latin 1: what belongs to no word becomes a blank."""
_MARKS = "¤’“”–…"
"""Of no word. Without them, and with `¤` for `€`, French text is nearly always Latin 1, which is cut quickly."""
_HOST = re.compile(r"://(?:[^\s/@\"'<>]{0,100}@)?([\w.\-]{1,253})")
_SCHEMES = ("http", "https")
_ADDRESS = re.compile(r"([^\s<>@\"(),;:]{1,64})@([\w.\-]{1,253})")
_RESULT = re.compile(r"\b(spf|dkim|dmarc|arc|iprev)=([a-z]{1,12})")
_NUMERIC = re.compile(r"[\d.]+")
_SHOUTING = re.compile(r"\b[A-ZÀ-Ý]{4,}\b")


_DECODED = frozenset(("subject", "from", "reply-to", "x-mailer", "authentication-results", "to"))
"""Fields that are read; of others it counts that they are there."""


def tokens(octets: bytes, root: Part) -> list[str]:
    """What is counted of a message, each token once, the header's first."""
    found: dict[str, None] = {}
    for some in _all(octets[:WINDOW], root):
        found.update(dict.fromkeys(some))
        if len(found) >= MAX_TOKENS:
            break
    return list(found)[:MAX_TOKENS]


def _all(octets: bytes, root: Part) -> Iterator[Iterable[str]]:
    """The tokens, some at a time."""
    yield _header(octets, root)
    parts = [part for part, _ in zip(root.walk(into_messages=True), range(MAX_PARTS), strict=False)]
    yield _form(parts)
    left = MAX_TEXT
    texts: list[str] = []
    for part in parts:
        if left <= 0:
            break
        if is_read(part):
            size = min(part.size, left)
            left -= size
            source = part.text(octets, size)
            yield _links(source)
            texts.append(readable(part, source))
    known: dict[str, None] = {}
    for text in texts:
        yield _new_words(text, known)


def is_read(part: Part) -> bool:
    """Whether the text of a part is looked at."""
    return part.type.startswith("text/") and not part.is_attachment


def words(text: str) -> list[str]:
    """The words of a text."""
    return _counted(_runs(text))


def _new_words(text: str, known: dict[str, None]) -> list[str]:
    """The different words of a text that are not `known` yet, which they are from then on: an answer says again what it
    answers to, and HTML what stands beside it as plain text."""
    new = [run for run in dict.fromkeys(_runs(text)) if run not in known]
    known.update(dict.fromkeys(new))
    return _counted(new)


def _counted(runs: Iterable[str]) -> list[str]:
    """What counts of runs of characters: of a long one only that it is long."""
    return [run if len(run) <= LONGEST else f"m:long-{min(len(run) // 10, 20)}" for run in runs if len(run) >= SHORTEST]


def _runs(text: str) -> list[str]:
    """What `_RUN` finds of a folded text, and shorter ones, too."""
    for mark in _MARKS:
        text = text.replace(mark, " ")
    text = fold(text.replace("€", "¤"))
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        return _RUN.findall(text.replace("¤", "€"))
    return octets.translate(_APART).decode("latin-1").replace("¤", "€").split()


# ---------------------------------------------------------------------- the header


def _header(octets: bytes, root: Part) -> Iterator[str]:
    fields: dict[str, str] = {}
    names = (
        "subject",
        "from",
        "reply-to",
        "x-mailer",
        "list-unsubscribe",
        "authentication-results",
        "to",
        "message-id",
        "received",
    )
    for field in headers.named(octets, root.start, min(root.body, root.start + MAX_HEADER), *names):
        if field.name == "authentication-results" and "received" in fields:
            continue  # below our own Received: whoever sent it wrote that
        if field.name not in fields:  # of several the topmost: what this service wrote stands above what came
            value = octets[field.value : min(field.end, field.value + MAX_FIELD)]
            fields[field.name] = headers.decode(value) if field.name in _DECODED else ""
    yield from _subject(fields.get("subject", ""))
    yield from _sender(fields.get("from", ""), fields.get("reply-to", ""))
    yield from (f"m:mailer-{word}" for word in words(fields.get("x-mailer", ""))[:3])
    if "list-unsubscribe" in fields:
        yield "m:list"
    if "@" not in fields.get("to", ""):
        yield "m:no-to"
    if "message-id" not in fields:
        yield "m:no-id"
    for method, result in _RESULT.findall(fields.get("authentication-results", "").lower())[:10]:
        yield f"a:{method}={result}"


def _subject(subject: str) -> Iterator[str]:
    found = words(subject)[:50]
    yield from (f"s:{word}" for word in found)
    yield from (f"s:{one} {other}" for one, other in pairwise(found))
    if len(_SHOUTING.findall(subject)) > 1:
        yield "m:shouting"
    if "!" in subject:
        yield "m:exclaiming"


def _sender(sender: str, answers: str) -> Iterator[str]:
    address = _ADDRESS.search(fold(sender))
    if address is None:
        yield "f:none"
        return
    yield f"f:{address[0]}"
    yield from (f"f:@{host}" for host in _suffixes(address[2]))
    yield from (f"f:{word}" for word in words(sender[: sender.rfind("<")] if "<" in sender else "")[:6])
    answer = _ADDRESS.search(fold(answers))
    if answer is not None and answer[2] != address[2]:
        yield "f:answers-elsewhere"


# ---------------------------------------------------------------------- the form, and links


def _form(parts: Iterable[Part]) -> Iterator[str]:
    kinds = set()
    for part in parts:
        kinds.add(part.type)
        yield f"m:{part.type[:40]}"
        if part.charset:
            yield f"m:charset-{part.charset[:20].lower()}"
        if part.is_attachment:
            yield f"m:file-{part.filename.rpartition('.')[2][-5:].lower()}"
    if "text/html" in kinds and "text/plain" not in kinds:
        yield "m:html-alone"


def _links(source: str) -> Iterator[str]:
    hosts = dict.fromkeys(host.lower().strip(".") for host in islice(_hosts(source), MAX_LINKS))
    for host in hosts:
        if _NUMERIC.fullmatch(host):
            yield "m:numeric-link"
            continue
        if "xn--" in host:
            yield "m:puny-link"
        yield from (f"h:{name}" for name in _suffixes(host))
    if hosts:
        yield f"m:links-{len(hosts).bit_length()}"


def _hosts(source: str) -> Iterator[str]:
    """The hosts of links. A search for what both schemes end with takes a tenth of the time of one for either case."""
    for found in _HOST.finditer(source):
        if source[max(found.start() - 5, 0) : found.start()].lower().endswith(_SCHEMES):
            yield found[1]


def _suffixes(host: str) -> Iterator[str]:
    """A host and what it lies below: whoever changes the first label each day keeps the last two."""
    labels = host.split(".")[-4:]
    for start in range(max(len(labels) - 1, 1)):
        yield ".".join(labels[start:])
