"""The browser that a request comes from, known by a cookie once it is told of news.

Whoever leaves it, or comes after, ends what was there, whether scripts run or not.
"""

from starlette.responses import Response

from mailserver.store.web import push_subscriptions
from webui.page.context import Guest, Services, Visit, set_cookie

BROWSER = "navigateur"
REMEMBERED = 365 * 86400


def here(services: Services, guest: Guest) -> bytes:
    """What the store knows this browser by; empty: it was never told of anything."""
    token = guest.cookie(BROWSER)
    return services.keys.stored(token) if token else b""


def named(services: Services, visit: Visit) -> tuple[str, bytes]:
    """A token for this browser, and what the store knows it by."""
    token = visit.cookie(BROWSER) or services.keys.new_token()
    return token, services.keys.stored(token)


def name(response: Response, visit: Visit, token: str) -> None:
    """Let the browser be known by a token."""
    set_cookie(response, visit, BROWSER, token, seconds=REMEMBERED)


async def left(services: Services, guest: Guest, stays: int = 0) -> None:
    """Somebody logged out of this browser; or this account logged in to it, and nobody else is told there any more."""
    if browser := here(services, guest):
        await services.store.write(push_subscriptions.leave, browser, stays)


async def alone(services: Services, visit: Visit) -> None:
    """The person ended all other sessions: their other browsers are told no more."""
    await services.store.write(push_subscriptions.keep_alone, visit.account_id, here(services, visit))
