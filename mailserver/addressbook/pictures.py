"""Photographs of contacts: whatever raster came, a small JPEG of ours goes in and out. Nothing of the original's octets
(places, comments, a second file behind the picture) survives."""

import asyncio
import hashlib
import io
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor

from PIL import Image, ImageOps

from mailserver.model.errors import Temporary

MAX_OCTETS = 6 * 1024 * 1024
"""Of a file that is looked at."""
MAX_PIXELS = 50_000_000
"""Of a JPEG that can be read at a fraction of its size, as cameras make them."""
MAX_DECODED = 16_000_000
"""Of any other, which is decoded whole (decompression bomb)."""
MAX_SCANS = 40
"""Of a progressive JPEG, which has ten: an empty one is a few octets, and goes over every pixel all the same."""
SIDE = 320
"""Pixels of the longer side afterwards."""
REMEMBERED = 16 * 1024 * 1024
"""Octets of small pictures that a worker remembers."""
MAX_WAITING, MAX_WAITING_EACH = 200, 20
"""Pictures that wait to be drawn in one worker; those of one account."""
_SCAN = b"\xff\xda"
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")


def small(octets: bytes) -> bytes:
    """A picture as a JPEG of at most SIDE by SIDE. Raises ValueError when it is none, or too large.

    Takes a good part of a second: not for the event loop (`Pictures`).
    """
    if not octets or len(octets) > MAX_OCTETS:
        raise ValueError("no picture, or too large")
    if octets.startswith(b"\xff\xd8") and octets.count(_SCAN) > MAX_SCANS:
        raise ValueError("too many scans")
    try:
        with Image.open(io.BytesIO(octets), formats=_FORMATS) as picture:
            is_plain = picture.format == "JPEG" and "progressive" not in picture.info
            if picture.width * picture.height > (MAX_PIXELS if is_plain else MAX_DECODED):
                raise ValueError("too many pixels")
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((SIDE, SIDE))
            flat = Image.new("RGB", upright.size, "white")
            layer = upright.convert("RGBA")
            flat.paste(layer, mask=layer)
    except Exception as error:
        raise ValueError("not a picture that can be read") from error
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=85)
    return out.getvalue()


class Pictures:
    """Draws the pictures of one worker in a thread of their own, each once: nobody else's work waits behind them.

    One at a time, as decoded pixels take a hundred megabytes. What was drawn is remembered by a hash of its octets, so
    a card that is looked at again costs nothing, whichever way its picture came: by the web, an import or CardDAV.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._drawn: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0
        self._drawing: dict[bytes, asyncio.Future[bytes]] = {}
        self._waiting: Counter[int] = Counter()

    async def small(self, account_id: int, octets: bytes) -> bytes:
        """`small` of these octets, for an account. Raises ValueError, and Temporary when too many are waited for."""
        key = hashlib.sha256(octets).digest()
        if key in self._drawn:
            self._drawn.move_to_end(key)
            return _found(self._drawn[key])
        if self._waiting[account_id] >= MAX_WAITING_EACH or self._waiting.total() >= MAX_WAITING:
            raise Temporary("too many pictures are waited for")
        self._waiting[account_id] += 1
        try:
            if key not in self._drawing:
                self._drawing[key] = asyncio.ensure_future(self._draw(key, octets))
            return _found(await asyncio.shield(self._drawing[key]))
        finally:
            self._waiting[account_id] -= 1
            if not self._waiting[account_id]:
                del self._waiting[account_id]

    async def _draw(self, key: bytes, octets: bytes) -> bytes:
        """The small picture; empty when there is none. Remembered either way."""
        try:
            drawn = await asyncio.get_running_loop().run_in_executor(self._thread, _try, octets)
        finally:
            del self._drawing[key]
        self._drawn[key] = drawn
        self._size += len(drawn) + len(key)
        while self._size > REMEMBERED:
            gone, lost = self._drawn.popitem(last=False)
            self._size -= len(lost) + len(gone)
        return drawn

    def close(self) -> None:
        """Draw no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _try(octets: bytes) -> bytes:
    try:
        return small(octets)
    except ValueError:
        return b""


def _found(drawn: bytes) -> bytes:
    if not drawn:
        raise ValueError("not a picture that can be read, or too large")
    return drawn
