"""Words that were looked for, marked in a text as `<mark>`, whatever their case and accents."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from mailserver.mime.body.text import fold

MAX_TEXT = 600


def mark(text: str, words: Sequence[str], limit: int = MAX_TEXT) -> Markup:
    """The text as HTML with the words marked; cut to `limit` characters, near the first word."""
    text = _near(text, words, limit)
    folded, places = _folded(text)
    found = [span for word in words for span in _spans(folded, places, fold(word).strip())]
    spans = sorted(found, key=lambda span: (span[0], -span[1]))
    made, end = Markup(""), 0
    for start, stop in spans:
        if stop <= end:
            continue
        start = max(start, end)
        made += escape(text[end:start]) + Markup("<mark>") + escape(text[start:stop]) + Markup("</mark>")
        end = stop
    return made + escape(text[end:])


def _near(text: str, words: Sequence[str], limit: int) -> str:
    """At most `limit` characters that contain the first word if any does."""
    if len(text) <= limit:
        return text
    folded, places = _folded(text)
    found = [at for at in (folded.find(fold(word).strip()) for word in words if fold(word).strip()) if at >= 0]
    word = places[min(found)] if found else 0
    start = max(0, word - limit // 3)
    if start and not text[start - 1].isspace():  # within a word: what is shown begins with the next one
        start = next((at + 1 for at in range(start, word) if text[at].isspace()), start)
    return ("… " if start else "") + text[start : start + limit].strip() + (" …" if start + limit < len(text) else "")


def _folded(text: str) -> tuple[str, list[int]]:
    """The text as it is compared, and for each of its characters the place it comes from."""
    pieces, places = [], []
    for place, character in enumerate(text):
        piece = " " if character.isspace() else fold(character)
        pieces.append(piece)
        places.extend([place] * len(piece))
    return "".join(pieces), places


def _spans(folded: str, places: Sequence[int], word: str) -> list[tuple[int, int]]:
    """Where a folded word stands in the text."""
    spans: list[tuple[int, int]] = []
    at = folded.find(word) if word else -1
    while at >= 0:
        spans.append((places[at], places[at + len(word) - 1] + 1))
        at = folded.find(word, at + len(word))
    return spans
