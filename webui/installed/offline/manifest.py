"""The web application manifest (W3C Application Manifest): what the interface is called and looks like installed."""

import json

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from webui.http import headers
from webui.installed.offline.icons import SIZES, address
from webui.page.context import BASES, Guest, Services

MEDIA_TYPE = "application/manifest+json"
LIGHT, DARK = ("#f3f5f9", "#ffffff"), ("#0f1217", "#171b22")
"""Of the window's frame, and of the page before it is there: `raised` and `ground` of the style sheet."""


async def show(services: Services, guest: Guest) -> Response:
    """GET /manifest.webmanifest?lang=…&interface=…&theme=…: browsers ask for it without cookies."""
    if not services.settings.web.offline:
        raise Refused(Reason.NOT_FOUND)
    text = json.dumps(_manifest(services, guest), ensure_ascii=False)
    fields = {**headers.page(guest.secure), "Content-Type": MEDIA_TYPE, "Cache-Control": "public, max-age=3600"}
    return Response(text.encode(), 200, fields)


def _manifest(services: Services, guest: Guest) -> dict[str, object]:
    _, interface = guest._, guest.query("interface")
    base = BASES.get(interface, "")
    frame, ground = DARK if guest.query("theme") == "sombre" else LIGHT
    return {
        "id": "/",
        "name": f"{_('Messagerie académique')} – {services.settings.web.academy}",
        "short_name": _("Messagerie"),
        "description": _("Messages, agenda et contacts de l’académie."),
        "lang": guest.language.code,
        "dir": "ltr",
        "start_url": f"{base}/",
        "scope": "/",
        "display": "standalone",
        "theme_color": frame,
        "background_color": ground,
        "icons": _icons(services),
        "shortcuts": _shortcuts(guest, base, interface),
    }


def _icons(services: Services) -> list[dict[str, str]]:
    drawn = [
        {"src": address(size, mask), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for mask, purpose in ((False, "any"), (True, "maskable"))
        for size in SIZES
    ]
    vector = {"src": services.assets.url("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
    return [*drawn, vector]


def _shortcuts(guest: Guest, base: str, interface: str) -> list[dict[str, str]]:
    if not base:
        return []
    agenda = "/agenda" if interface == "complet" else "/s/agenda"
    return [
        {"name": guest._("Écrire un message"), "url": f"{base}/ecrire"},
        {"name": guest._("Agenda"), "url": agenda},
    ]
