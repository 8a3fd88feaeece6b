"""The figures of the whole service for Prometheus, and who may see them."""

import asyncio
import hmac

from starlette.responses import Response

from mailserver.foundation.metrics import exposition
from mailserver.foundation.network.peers import is_loopback, is_within
from mailserver.foundation.settings import SettingsError
from mailserver.model.errors import Reason, Refused
from webui.page.context import Guest, Services

PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Fields that a proxy adds: with one of them who asks is not this machine, even where nobody told us of the proxy."""


async def figures(services: Services, guest: Guest) -> Response:
    """GET /metrics: from this machine and `[metrics] networks`, and with the token where there is one."""
    if not _is_near(services, guest) or not _knows_token(services, guest):
        raise Refused(Reason.NOT_FOUND)
    more = await services.watched.metrics()
    written = await asyncio.to_thread(exposition.written, more)
    return Response(written, media_type=exposition.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _is_near(services: Services, guest: Guest) -> bool:
    if is_within(guest.peer, services.settings.metrics.networks):
        return True
    return is_loopback(guest.peer) and not any(field in guest.request.headers for field in PASSED_ON)


def _knows_token(services: Services, guest: Guest) -> bool:
    """RFC 6750 section 2.1. A token that cannot be read opens nothing."""
    name = services.settings.metrics.token_file
    if not name:
        return True
    try:
        token = services.settings.secret(name).strip()
    except SettingsError:
        return False
    scheme, _, given = guest.request.headers.get("authorization", "").partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token)
