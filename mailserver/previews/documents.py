"""Word documents (.docx)."""

import io
from typing import Any

import mammoth  # type: ignore[import-untyped]

from mailserver.previews import archives
from mailserver.previews.cell_values import Habits
from mailserver.previews.markup import MAX_PICTURES, Markup


def write(octets: bytes, out: Markup, _habits: Habits) -> None:
    """The document: headings, lists, tables, emphasis, pictures. Raises Unreadable."""
    archives.opened(octets).close()

    def shown(image: Any) -> dict[str, str]:
        with image.open() as file:
            address = out.address(file.read(MAX_PICTURES + 1))
        return {"src": address} if address else {}

    made = mammoth.convert_to_html(io.BytesIO(octets), convert_image=mammoth.images.img_element(shown))
    out.raw(made.value)
