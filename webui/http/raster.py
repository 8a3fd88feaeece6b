"""Pictures by their first octets: a type that somebody claims is never believed."""

_MAGIC = (
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/gif", b"GIF87a"),
    ("image/gif", b"GIF89a"),
    ("image/bmp", b"BM"),
)
TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp", "image/avif"})


def sniffed(data: bytes) -> str:
    """The media type of a raster picture; empty for everything else, SVG above all, which is a program."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return next((kind for kind, magic in _MAGIC if data.startswith(magic)), "")
