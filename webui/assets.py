"""Static files: read once, named by their content, served from memory with their compressed twins.

The bundle in `static/dist` is used when it is there and was made from the sources that lie beside it; else
our own style sheet and scripts are served as they are and icons give way to their text.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file in its encodings."""

    url: str
    media_type: str
    plain: bytes
    gzip: bytes
    brotli: bytes


class Assets:
    """The static files of one process."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or STATIC
        built = _manifest(folder)
        self._by_name: dict[str, Asset] = {}
        for source in sorted(folder.iterdir()):
            if source.suffix in TYPES:
                self._by_name[source.name] = _load(source, folder, built.get(source.name, {}))
        sprite = built.get("icons.svg", {})
        if sprite and (folder / "dist" / sprite["file"]).is_file():
            self._by_name["icons.svg"] = _built(folder / "dist" / sprite["file"])
        notices = folder / "dist" / "THIRD-PARTY.txt"
        if notices.is_file():
            self._by_name["third-party.txt"] = _plain(notices)
        self._by_url = {asset.url: asset for asset in self._by_name.values()}

    @property
    def icons(self) -> str:
        """Address of the icon sprite; empty when it has not been built."""
        return self.url("icons.svg")

    def url(self, name: str) -> str:
        """Address of a file, or empty when there is none."""
        asset = self._by_name.get(name)
        return asset.url if asset else ""

    async def serve(self, request: Request) -> Response:
        """The file of an address, in the best encoding the browser takes."""
        asset = self._by_url.get(request.url.path)
        if asset is None:
            return Response("Not found", 404, media_type="text/plain")
        headers = {
            "Content-Type": asset.media_type,
            "Cache-Control": FOREVER,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        accepted = request.headers.get("accept-encoding", "")
        if asset.brotli and "br" in accepted:
            return Response(asset.brotli, headers={**headers, "Content-Encoding": "br"})
        if "gzip" in accepted:
            return Response(asset.gzip, headers={**headers, "Content-Encoding": "gzip"})
        return Response(asset.plain, headers=headers)


def _manifest(folder: Path) -> Mapping[str, Mapping[str, str]]:
    try:
        manifest = json.loads((folder / "dist" / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _load(source: Path, folder: Path, entry: Mapping[str, str]) -> Asset:
    """The built twin if it was made from this very source, else the source."""
    octets = source.read_bytes()
    if entry.get("source") == hashlib.sha256(octets).hexdigest():
        built = folder / "dist" / entry["file"]
        if built.is_file():
            return _built(built)
    return _plain(source)


def _built(path: Path) -> Asset:
    return Asset(
        f"/static/dist/{path.name}",
        TYPES[path.suffix],
        path.read_bytes(),
        path.with_name(path.name + ".gz").read_bytes(),
        path.with_name(path.name + ".br").read_bytes(),
    )


def _plain(path: Path) -> Asset:
    octets = path.read_bytes()
    digest = hashlib.sha256(octets).hexdigest()[:10]
    packed = zlib.compress(octets, 9, wbits=31)
    url = f"/static/dist/{path.stem}.{digest}{path.suffix}"
    return Asset(url, TYPES[path.suffix], octets, packed, b"")
