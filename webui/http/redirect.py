"""The door without TLS for everybody: it leads to the one with TLS. Only what a certificate authority asks for is
answered here, because it asks without TLS (http-01, RFC 8555 section 8.3)."""

import re
from urllib.parse import quote, urlsplit

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mailserver.foundation.settings import Settings

CHALLENGES = "/.well-known/acme-challenge/"
MOST_PATH = 2000
"""Characters of an address that is led on; a longer one leads to the front page."""
_NAME = re.compile(r"[a-z0-9.-]{1,253}")
"""Of a host: `banque.example/.ac-exemple.fr` ends like ours, and leads elsewhere."""


class Redirect:
    """Before the pages, at the door `redirect`."""

    def __init__(self, pages: ASGIApp, settings: Settings) -> None:
        self._pages = pages
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(CHALLENGES):
            await self._pages(scope, receive, send)
        elif scope["type"] == "http":
            await _away(self._target(scope), scope["method"])(scope, receive, send)

    def _target(self, scope: Scope) -> str:
        """The same address with TLS: under a name of ours that was asked for, else where people find us."""
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        name = host.partition(":")[0].lower()
        base = self._settings.public_url
        if _NAME.fullmatch(name) and any(
            name == domain or name.endswith(f".{domain}") for domain in self._settings.domains
        ):
            port = urlsplit(base).port
            base = f"https://{name}" + (f":{port}" if port else "")
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else quote(scope["path"])
        query = scope["query_string"].decode("latin-1")
        path += f"?{query}" if query else ""
        return base + path if path.startswith("/") and len(path) <= MOST_PATH else f"{base}/"


def _away(target: str, method: str) -> Response:
    """Whoever posted here has sent it in clear already: it is not asked to do so again (RFC 9110 section 15.4.4)."""
    if method not in ("GET", "HEAD"):
        return Response(status_code=403, headers={"Connection": "close"})
    safe = "".join(each if each.isprintable() and each.isascii() and each != " " else quote(each) for each in target)
    return Response(status_code=301, headers={"Location": safe, "Cache-Control": "max-age=300"})
