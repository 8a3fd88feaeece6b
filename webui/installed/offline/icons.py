"""The icon as browsers want it: pictures of fixed sizes, drawn of the one SVG when they are first asked for."""

import asyncio
import hashlib

import typst
from starlette.responses import Response

from webui.http import headers
from webui.http.assets import FOREVER, STATIC
from webui.page.context import Guest, Services
from webui.page.dispatch import GuestHandler

SIZES = (192, 512)
_PAGE = """
#set page(width: {size}pt, height: {size}pt, margin: 0pt, fill: {fill})
#image(bytes(sys.inputs.svg), format: "svg", width: 100%, height: 100%)
"""
_GROUND = 'rgb("#1c4f8f")'
"""The icon's own ground: a telephone cuts the corners itself, of a picture that fills its square."""
_SVG = (STATIC / "icon.svg").read_text(encoding="utf-8")
_DIGEST = hashlib.sha256(_SVG.encode()).hexdigest()[:10]


def path(size: int, full: bool) -> str:
    """Where the picture of a size is; `full`: without round corners."""
    return f"/icone{'-plein' if full else ''}-{size}.png"


def address(size: int, full: bool) -> str:
    """The same as it is kept by browsers until the icon is another."""
    return f"{path(size, full)}?{_DIGEST}"


class Icons:
    """The pictures of one process, each drawn once."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[int, bool], bytes] = {}
        self._drawing = asyncio.Lock()

    def of(self, size: int, full: bool) -> GuestHandler:
        """What answers with one of them."""

        async def show(_services: Services, guest: Guest) -> Response:
            async with self._drawing:
                if (size, full) not in self._drawn:
                    self._drawn[size, full] = await asyncio.to_thread(draw, size, full)
            fields = {**headers.page(guest.secure), "Content-Type": "image/png", "Cache-Control": FOREVER}
            return Response(self._drawn[size, full], 200, fields)

        return show


def draw(size: int, full: bool) -> bytes:
    """The icon as PNG."""
    page = _PAGE.format(size=size, fill=_GROUND if full else "none")
    drawn = typst.compile(page.encode(), format="png", ppi=72.0, sys_inputs={"svg": _SVG})
    if not isinstance(drawn, bytes):
        raise TypeError("typst gave no picture")
    return drawn
