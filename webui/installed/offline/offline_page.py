"""What stands in place of a page while there is no network: kept by the service worker in both languages."""

from starlette.responses import Response

from webui.page.context import Guest, Services


async def show(services: Services, guest: Guest) -> Response:
    """GET /hors-connexion?lang=…; the worker puts the pages that it has kept into it."""
    return services.pages.answer(guest, "installed/offline/page.html")
