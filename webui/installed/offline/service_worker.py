"""The service worker (W3C Service Workers) as it is served: what it has to know of this build, then the script."""

import hashlib
import json

from starlette.responses import Response

from webui.http import headers
from webui.http.assets import TYPES, Assets
from webui.page.context import Guest, Services
from webui.page.rendering import NOBODY

POLICY = "default-src 'none'; connect-src 'self'"
"""All that a worker does is to fetch from where it came."""
OFFLINE_PAGE = "/hors-connexion?lang="
FILES = ("style.css", "complete.css", "list.css", "icons.svg")
"""What the page without a network and the last lists are shown with."""

REMOVER = b"""self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) await caches.delete(name);
  await self.registration.unregister();
})()));
"""
"""In place of the worker where there is to be none: it takes away what an earlier one has left, then itself."""


async def show(services: Services, guest: Guest) -> Response:
    """GET /sw.js: browsers compare its octets with those they have, so a new build is a new worker."""
    fields = {**headers.page(guest.secure, POLICY), "Content-Type": TYPES[".js"]}
    return Response(script(services.assets, on=services.settings.web.offline), 200, fields)


def script(assets: Assets, *, on: bool) -> bytes:
    """The worker, or what removes it."""
    worker = assets.octets("worker.js")
    if not on or not worker:
        return REMOVER
    shell = [url for name in FILES if (url := assets.url(name))]
    known = {"pages": OFFLINE_PAGE, "shell": shell, "nobody": NOBODY}
    build = hashlib.sha256(worker + json.dumps(assets.urls).encode()).hexdigest()[:16]
    return f"self.BUILD = {json.dumps({'name': build, **known})};\n".encode() + worker
