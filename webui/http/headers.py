"""Security headers: what each kind of answer allows a browser to do."""

from collections.abc import Mapping
from urllib.parse import quote

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; media-src 'self'; form-action 'self'; manifest-src 'self'; "
    "worker-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; report-uri /csp-rapport"
)
BODY_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
"""A message's own HTML. No scripts, ever; `allow-same-origin` lets its inline images come with the session."""
PRINT_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self' 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin allow-modals allow-popups allow-popups-to-escape-sandbox"
)
"""Messages for paper: as their bodies, in our sheet; `allow-modals` lets the browser print."""
ATTACHMENT_POLICY = "default-src 'none'; sandbox"

TEXT_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox"
OFFICE_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""An office file that was made HTML: of no origin, it brings its pictures along and fetches nothing."""
PDF_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""A PDF opened in a tab of its own. Browsers do not start their viewer in a sandbox; it is one itself: what a PDF runs
reaches neither our origin nor the network."""

_FEATURES = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation",
    "gyroscope", "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-get",
    "screen-wake-lock", "usb", "xr-spatial-tracking",
)  # fmt: skip
_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _FEATURES),
    "Cache-Control": "no-store",
}
TRANSPORT_SECURITY = "max-age=63072000"
"""Two years, on the TLS door only (RFC 6797 section 7.2)."""

INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"})
"""Raster images may be shown; everything else is a download, HTML, SVG and XML above all."""


def page(secure: bool, policy: str = PAGE_POLICY) -> dict[str, str]:
    """Headers of a page of ours, or of a message's body under its own policy."""
    headers = {**_COMMON, "Content-Security-Policy": policy}
    if secure:
        headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
    return headers


def download(secure: bool, media_type: str, filename: str) -> dict[str, str]:
    """Headers of octets that somebody else wrote: saved, never run."""
    headers = page(secure, ATTACHMENT_POLICY)
    headers["Content-Disposition"] = disposition("attachment", filename)
    headers["Content-Type"] = media_type if _is_plain_type(media_type) else "application/octet-stream"
    return headers


def shown_image(secure: bool, media_type: str) -> Mapping[str, str]:
    """Headers of a raster image of a message, shown in its body."""
    return {**page(secure, ATTACHMENT_POLICY), "Content-Type": media_type, "Content-Disposition": "inline"}


def shown(secure: bool, media_type: str, filename: str, policy: str) -> dict[str, str]:
    """Headers of an attachment that is looked at in the browser."""
    return {
        **page(secure, policy),
        "Content-Type": media_type,
        "Content-Disposition": disposition("inline", filename),
    }


def disposition(kind: str, filename: str) -> str:
    """A Content-Disposition field; names beyond ASCII by RFC 6266 and RFC 8187."""
    name = "".join(char for char in filename if char.isprintable() and char not in '/\\:*?"<>|').strip(". ")[:150]
    name = name or "piece-jointe"
    if name.isascii():
        return f'{kind}; filename="{name}"'
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _is_plain_type(media_type: str) -> bool:
    """True for a type a browser may be told: ours to say only when it runs nothing."""
    if not media_type.isascii() or any(char in media_type for char in "\r\n;, "):
        return False
    kind, _, subtype = media_type.partition("/")
    if kind in ("audio", "video") or media_type in INLINE_TYPES:
        return True
    return kind == "application" and (
        subtype in ("pdf", "zip", "msword", "rtf", "octet-stream", "vnd.ms-excel", "vnd.ms-powerpoint")
        or subtype.startswith(("vnd.openxmlformats-officedocument.", "vnd.oasis.opendocument."))
    )
