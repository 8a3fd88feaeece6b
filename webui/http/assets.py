"""Static files: read once, named by their content, served from memory with their compressed twins.

The bundle in `static/dist` is used when it is there and was made from the sources that lie beside it; else
our own style sheets and scripts are served as they are, icons give way to their text, and the modules of
`frontend/src`, which only upgrade pages and count on each other, are left out all together.
"""

import functools
import hashlib
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from webui.http import codings

STATIC = Path(__file__).parent.parent / "static"
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
    """The static files of a folder; without one, those that belong to the program."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or STATIC
        self._by_name = {path.name: _plain(path) for path in sorted(folder.iterdir()) if path.suffix in TYPES}
        entries = _manifest(folder)
        built = {name: asset for name, entry in entries.items() if (asset := _current(entry, folder)) is not None}
        modules = {name for name, entry in entries.items() if _is_module(name, entry)}
        if not modules <= built.keys():
            built = {name: asset for name, asset in built.items() if name not in modules}
        self._by_name |= built
        notices = folder / "dist" / "THIRD-PARTY.txt"
        if notices.is_file():
            self._by_name["third-party.txt"] = _plain(notices)
        for name, asset in list(self._by_name.items()):
            if name.endswith(".css"):
                self._by_name.update(_themed(name, asset))
        self._by_url = {asset.url: asset for asset in self._by_name.values()}

    @property
    def icons(self) -> str:
        """Address of the icon sprite; empty when it has not been built."""
        return self.url("icons.svg")

    def url(self, name: str, theme: str = "auto") -> str:
        """Address of a file, or empty when there is none; of a style sheet as it is in a theme."""
        asset = self._by_name.get(f"{theme}/{name}") or self._by_name.get(name)
        return asset.url if asset else ""

    def octets(self, name: str) -> bytes:
        """The content of a file, empty when there is none."""
        asset = self._by_name.get(name)
        return asset.plain if asset else b""

    @property
    def urls(self) -> list[str]:
        """Every address: other contents have others."""
        return sorted(self._by_url)

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
        if asset.brotli and codings.takes(accepted, "br"):
            return Response(asset.brotli, headers={**headers, "Content-Encoding": "br"})
        if codings.takes(accepted, "gzip"):
            return Response(asset.gzip, headers={**headers, "Content-Encoding": "gzip"})
        return Response(asset.plain, headers=headers)


@functools.cache
def shipped() -> Assets:
    """Ours, read once: what an upgrade puts in their place while we serve is not ours."""
    return Assets()


def _manifest(folder: Path) -> dict[str, dict[str, object]]:
    try:
        manifest = json.loads((folder / "dist" / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(manifest, dict):
        return {}
    return {name: entry for name, entry in manifest.items() if isinstance(entry, dict)}


def _current(entry: dict[str, object], folder: Path) -> Asset | None:
    """A built file, unless it is missing or older than its sources."""
    path = folder / "dist" / str(entry.get("file", ""))
    if path.is_file() and path.suffix in TYPES and _is_current(entry.get("sources"), folder.parent):
        return _built(path)
    return None


def _is_module(name: str, entry: dict[str, object]) -> bool:
    sources = entry.get("sources")
    return name.endswith(".js") and isinstance(sources, dict) and f"frontend/src/{name}" in sources


def _is_current(sources: object, root: Path) -> bool:
    """True when a file was made from these very sources, as far as they lie here: a wheel has no `frontend/`."""
    if not isinstance(sources, dict) or not sources:
        return False
    return all(
        not (root / path).is_file() or hashlib.sha256((root / path).read_bytes()).hexdigest() == digest
        for path, digest in sources.items()
    )


def _themed(name: str, asset: Asset) -> dict[str, Asset]:
    """A style sheet that asks whether the device is dark, for those who chose: as if it were, and as if not."""
    made = {}
    for theme, (scheme, holds) in _THEMES.items():
        octets = _DARK.sub(holds, _SCHEME.sub(scheme, asset.plain))
        if octets != asset.plain:
            stem = f"{name.removesuffix('.css')}-{theme}"
            made[f"{theme}/{name}"] = _named(stem, ".css", octets)
    return made


_SCHEME = re.compile(rb"color-scheme:\s*light dark")
_DARK = re.compile(rb"\(prefers-color-scheme:\s*dark\)")
_THEMES = {"clair": (b"color-scheme: light", b"(max-width: 0)"), "sombre": (b"color-scheme: dark", b"(min-width: 0)")}


def _built(path: Path) -> Asset:
    return Asset(
        f"/static/dist/{path.name}",
        TYPES[path.suffix],
        path.read_bytes(),
        path.with_name(path.name + ".gz").read_bytes(),
        path.with_name(path.name + ".br").read_bytes(),
    )


def _plain(path: Path) -> Asset:
    return _named(path.stem, path.suffix, path.read_bytes())


def _named(stem: str, suffix: str, octets: bytes) -> Asset:
    digest = hashlib.sha256(octets).hexdigest()[:10]
    packed = zlib.compress(octets, 9, wbits=31)
    return Asset(f"/static/dist/{stem}.{digest}{suffix}", TYPES[suffix], octets, packed, b"")
