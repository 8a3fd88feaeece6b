"""The addresses of the installed application; anybody may ask for them."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from webui.installed.offline import manifest, offline_page, service_worker
from webui.installed.offline.icons import SIZES, Icons, path
from webui.page.dispatch import Doors


def routes(doors: Doors) -> Sequence[BaseRoute]:
    """The manifest, its pictures, the worker, the page without a network."""
    guest, icons = doors.guest, Icons()
    return [
        Route("/manifest.webmanifest", guest(manifest.show)),
        *(Route(path(size, full), guest(icons.of(size, full))) for size in SIZES for full in (False, True)),
        Route("/sw.js", guest(service_worker.show)),
        Route("/hors-connexion", guest(offline_page.show)),
    ]
