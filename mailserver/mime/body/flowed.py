"""Text in `format=flowed` (RFC 3676): lines that their author's program broke, made whole again."""

from mailserver.mime.body.structure import Part
from mailserver.mime.header import headers, parameters

_SEPARATOR = "-- "
"""Before a signature; it ends in a blank, and nothing flows from it (RFC 3676 section 4.3)."""


def text(part: Part, octets: bytes, limit: int) -> str:
    """A part's text (of its first `limit` encoded octets), its lines as long as they were written."""
    written = part.text(octets, limit)
    found = parameters.media_type(headers.first(octets, part.start, part.body, "Content-Type"))
    said = dict(reversed(found[2])) if found is not None else {}
    if part.type != "text/plain" or said.get("format", "").strip().lower() != "flowed":
        return written
    return unwrapped(written, joins=said.get("delsp", "").strip().lower() == "yes")


def unwrapped(written: str, *, joins: bool = False) -> str:
    """Lines that flow on, as one; `joins`: the blank at their end is no part of the text (DelSp=yes, section 4.2).

    A quoted line flows into those of its own depth alone. What begins with `>` and quotes nothing keeps a blank before
    it, by which it was told from a quotation (section 4.4).
    """
    out: list[str] = []
    pieces: list[str] = []
    before = 0
    for line in written.split("\n"):
        said = line.lstrip(">")
        depth = len(line) - len(said)
        said = said.removeprefix(" ")
        if pieces and (depth != before or said == _SEPARATOR):
            out.append(_line(before, "".join(pieces).rstrip(" ")))
            pieces = []
        before = depth
        flows = said.endswith(" ") and said != _SEPARATOR
        pieces.append(said[:-1] if flows and joins else said)
        if not flows:
            out.append(_line(depth, "".join(pieces)))
            pieces = []
    if pieces:
        out.append(_line(before, "".join(pieces).rstrip(" ")))
    return "\n".join(out)


def _line(depth: int, said: str) -> str:
    if said.startswith(">"):
        said = f" {said}"
    return f"{'>' * depth} {said}" if depth and said else ">" * depth + said
