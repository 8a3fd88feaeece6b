"""HTML as it is written piece by piece: bounded, and always balanced."""

import base64
from html import escape

MAX_CHARACTERS = 1_500_000
"""Of the text of one preview."""
MAX_PICTURES = 5 * 1024 * 1024
"""Octets of all pictures of one preview, which travel inside it."""
MAX_CELLS = 15_000
"""Cells of tables, which a browser has to lay out."""
_PICTURES = (
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF8"),
)


class Markup:
    """What is written so far."""

    def __init__(self, *, everything: bool = False) -> None:
        self.everything = everything
        """What a page does not show is written, too: nobody looks at it, numbers are looked for in it."""
        self._pieces: list[str] = []
        self._left = MAX_CHARACTERS * (2 if everything else 1)
        self._pictures = MAX_PICTURES
        self._cells = MAX_CELLS
        self.cut = False
        """True once something did not fit."""

    def says_nothing(self, text: str, *, pictures: bool) -> None:
        """A page on which this text stands: where it is none but pictures, something may be written in these. Whoever
        looks at the page sees them; whoever looks for numbers has not read it."""
        self.cut = self.cut or (self.everything and pictures and not text.strip())

    @property
    def full(self) -> bool:
        """True when no more is taken."""
        return self._left <= 0

    def raw(self, markup: str) -> None:
        """Tags of ours, or HTML that a library made: taken even when full, so that what is open is closed."""
        self._left -= len(markup)
        self._pieces.append(markup)

    def text(self, text: str) -> None:
        """Text of the file."""
        if len(text) > self._left:
            self.cut = True
            text = text[: max(self._left, 0)]
        if text:
            self._left -= len(text)
            self._pieces.append(escape(text, quote=False))

    def lines(self, text: str) -> None:
        """Text of the file, as it stands."""
        self.raw("<pre>")
        self.text(text)
        self.raw("</pre>")

    def takes_cells(self, count: int) -> bool:
        """Whether there is room for so many more cells, which are counted."""
        self._cells -= count
        return self._cells >= 0

    def picture(self, octets: bytes, alt: str = "") -> None:
        """A picture, unless it is none that browsers show, or too much."""
        if address := self.address(octets):
            self._pieces.append(f'<img src="{address}" alt="{escape(alt)}">')

    def address(self, octets: bytes) -> str:
        """A picture as an address that holds it; empty when it is left out."""
        kind = next((kind for kind, magic in _PICTURES if octets.startswith(magic)), "")
        if not kind or len(octets) > self._pictures:
            self.cut = self.cut or bool(kind)
            return ""
        self._pictures -= len(octets)
        return f"data:{kind};base64,{base64.b64encode(octets).decode('ascii')}"

    @property
    def pieces(self) -> int:
        """How many are written so far."""
        return len(self._pieces)

    def finish(self, start: int = 0) -> str:
        """All of it, or from a piece on."""
        return "".join(self._pieces[start:])
