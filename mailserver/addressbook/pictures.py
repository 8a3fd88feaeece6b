"""Photographs of contacts: whatever raster came, a small JPEG of ours goes in and out. Nothing of the original's octets
(places, comments, a second file behind the picture) survives."""

import io
import threading

from PIL import Image, ImageOps

MAX_OCTETS = 6 * 1024 * 1024
"""Of a file that is looked at."""
MAX_PIXELS = 40_000_000
"""Of a picture that is decoded (decompression bomb)."""
MAX_SCANS = 40
"""Of a progressive JPEG, which has ten: an empty one is a few octets, and goes over every pixel all the same."""
SIDE = 320
"""Pixels of the longer side afterwards."""
_ONE_AT_A_TIME = threading.Lock()
"""Decoded pixels take a few hundred megabytes, whose ever they are."""
_SCAN = b"\xff\xda"
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")


def small(octets: bytes) -> bytes:
    """A picture as a JPEG of at most SIDE by SIDE. Raises ValueError when it is none, or too large.

    Takes up to a second: not for the event loop.
    """
    if not octets or len(octets) > MAX_OCTETS:
        raise ValueError("no picture, or too large")
    if octets.startswith(b"\xff\xd8") and octets.count(_SCAN) > MAX_SCANS:
        raise ValueError("too many scans")
    try:
        with _ONE_AT_A_TIME, Image.open(io.BytesIO(octets), formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
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
