"""The browsers that are told while they are closed: shown on two pages, added by a script, taken away by a form."""

import asyncio
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.notices.push import vapid
from mailserver.notices.push.encryption import browser_keys
from mailserver.notices.push.sender import is_allowed
from mailserver.store.web import push_subscriptions
from mailserver.store.web.push_subscriptions import MAX_SUBSCRIPTIONS, NewSubscription
from webui.account.security.user_agent import in_words
from webui.http import headers
from webui.installed.push import browser
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect

MAX_ENDPOINT = 1000
MAX_KEY = 200
PAGES = {"reglages": "/m/reglages/notifications", "appareils": "/compte/appareils"}
"""Where the list is shown, and one is led back to."""


@dataclass(frozen=True, slots=True)
class ShownBrowser:
    """A browser in words."""

    id: int
    name: str
    since: str
    here: bool


@dataclass(frozen=True, slots=True)
class Browsers:
    """The list, and which page it stands on."""

    page: str
    browsers: tuple[ShownBrowser, ...]
    shared: bool
    """The session is one of a shared computer: whoever comes next would be told."""

    @property
    def here(self) -> bool:
        return any(one.here for one in self.browsers)


def is_on(settings: Settings) -> bool:
    """True where closed browsers are told: it is the service worker that shows it."""
    return settings.push.enabled and settings.web.offline


async def listed(services: Services, visit: Visit, page: str) -> Browsers | None:
    """The person's browsers; None where none is told."""
    if not is_on(services.settings):
        return None
    mine = browser.here(services, visit)
    found = await services.store.read(push_subscriptions.listing, visit.account_id)
    shown = (
        ShownBrowser(one.id, one.name, visit.language.plain_date(one.created), one.browser == mine) for one in found
    )
    return Browsers(page, tuple(shown), _is_shared(services, visit))


class Subscribing:
    """What the script asks and the forms post."""

    def __init__(self) -> None:
        self._key = ""

    async def key(self, services: Services, visit: Visit) -> Response:
        """GET /compte/notifications: the key that a browser subscribes with."""
        _require(services)
        if not self._key:
            self._key = (await asyncio.to_thread(vapid.own, services.settings)).public
        return _json(visit, {"cle": self._key})

    async def change(self, services: Services, visit: Visit) -> Response:
        """POST /compte/notifications: one more browser, or one less."""
        _require(services)
        if visit.form.text("faire") == "abonner":
            return await self._subscribe(services, visit)
        await services.store.write(push_subscriptions.remove, visit.account_id, visit.form.number("navigateur"))
        return redirect(visit, PAGES.get(visit.form.text("page"), PAGES["reglages"]), **done("avis-retire"))

    async def _subscribe(self, services: Services, visit: Visit) -> Response:
        if _is_shared(services, visit):
            return _json(visit, {"texte": visit._("Un ordinateur partagé n’est pas prévenu.")}, 422)
        form = visit.form
        endpoint = form.text("adresse")
        token, known = browser.named(services, visit)
        try:
            keys = browser_keys(form.text("cle")[:MAX_KEY], form.text("secret")[:MAX_KEY])
        except ValueError:
            return _json(visit, {"texte": visit._("Ce navigateur n’a pas donné ce qu’il faut.")}, 422)
        if len(endpoint) > MAX_ENDPOINT or not is_allowed(services.settings.push, endpoint):
            return _json(visit, {"texte": visit._("L’académie n’envoie rien par le service de ce navigateur.")}, 422)
        name = in_words(visit, visit.request.headers.get("user-agent", ""))
        new = NewSubscription(endpoint, keys.public, keys.secret, known, name, visit.language.code)
        try:
            await services.store.write(push_subscriptions.subscribe, visit.account_id, new)
        except Refused as refusal:
            if refusal.reason is not Reason.LIMIT:
                raise
            text = visit._("Vous avez déjà %(n)s navigateurs prévenus : retirez-en un.") % {"n": MAX_SUBSCRIPTIONS}
            return _json(visit, {"texte": text}, 422)
        response = _json(visit, {"texte": visit._("Ce navigateur sera prévenu.")})
        browser.name(response, visit, token)
        return response


def _is_shared(services: Services, visit: Visit) -> bool:
    return visit.is_shared(services.settings.web.shared_session_minutes * 60)


def _require(services: Services) -> None:
    if not is_on(services.settings):
        raise Refused(Reason.NOT_FOUND)


def _json(visit: Visit, answer: dict[str, str], status: int = 200) -> Response:
    return JSONResponse(answer, status, headers=headers.page(visit.secure))
