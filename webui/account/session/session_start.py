"""Into the house: a session is opened and leads to the chosen interface, or the person is told why not."""

import re
from dataclasses import dataclass, replace

import structlog
from starlette.responses import Response

from mailserver.login.attempts.throttle import TooManyAttempts
from mailserver.login.passwords import renewal
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal, State
from mailserver.store.account import accounts, sessions, stored_preferences
from webui.account.session import second_step_page, stash
from webui.account.session.second_step_page import Wish as Wish
from webui.compose import writing
from webui.installed.push import browser
from webui.page import agenda_links
from webui.page.context import (
    BASES,
    COMPLETE,
    INTERFACE,
    LANGUAGE,
    SESSION,
    SIMPLE,
    Guest,
    Services,
    Visit,
    drop_cookie,
    set_cookie,
)
from webui.page.dispatch import session_owner
from webui.page.flash import done
from webui.page.rendering import NOBODY, READER, redirect

log = structlog.get_logger("webui")

YEAR = 365 * 86400
_OF_THE_OTHER = {SIMPLE: ("/m/", "/agenda"), COMPLETE: ("/s/",)}
"""Pages that whoever chose this interface is not led to."""


@dataclass(frozen=True, slots=True)
class SuspendedPage:
    """What a suspended person is told, after a right password only."""

    since: str
    until: str
    """The suspension ends by itself; empty: nobody has said when."""
    reason: str
    may_receive: bool
    kept_text: bool


@dataclass(frozen=True, slots=True)
class ClosedPage:
    """What somebody is told whose account was closed, after a right password only."""

    since: str
    kept_until: str
    """Until when it can be opened again; empty: nobody has said when."""


async def enter(services: Services, guest: Guest, principal: Principal, wish: Wish) -> Response:
    """The first step was right: ask for the code where there is a second factor, else let the person in."""
    if await services.login.factors.is_on(principal.account_id):
        return second_step_page.ask(services, guest, principal, wish)
    return await admit(services, guest, principal, wish)


async def admit(services: Services, guest: Guest, principal: Principal, wish: Wish) -> Response:
    """Open a session and lead to the chosen interface, with the text that was waiting if there is any."""
    web = services.settings.web
    lifetime = web.shared_session_minutes * 60 if wish.shared else web.session_hours * 3600
    token = await open_session(services, guest, principal, lifetime, wish.interface)
    await browser.left(services, guest, principal.account_id)
    language = await _note_language(services, guest, principal)
    response = await _destination(services, guest, principal, wish, token)
    set_cookie(response, guest, SESSION, token)
    if not wish.shared:
        set_cookie(response, guest, INTERFACE, wish.interface, seconds=YEAR)
        if language:  # for the help, and whatever else asks for no session
            set_cookie(response, guest, LANGUAGE, language, seconds=YEAR)
    return response


async def _note_language(services: Services, guest: Guest, principal: Principal) -> str:
    """Mail of the service's own is written in the language of the pages, while the person has chosen none.

    Returns the one that they have chosen, empty for none.
    """
    known, spoken = await services.store.read(stored_preferences.preferences, principal.account_id), guest.language.code
    if not known.language and known.spoken != spoken:
        await services.store.write(stored_preferences.revise_preferences, principal.account_id, {"spoken": spoken})
    return known.language


async def open_session(services: Services, guest: Guest, principal: Principal, lifetime: int, interface: str) -> str:
    """A new session instead of the browser's former one; its token."""
    token = services.keys.new_token()
    former = guest.cookie(SESSION)
    if former:
        await services.store.write(sessions.close, services.keys.stored(former))
    await services.store.write(
        sessions.open_session,
        services.keys.stored(token),
        principal.account_id,
        principal.login_version,
        lifetime,
        interface,
        guest.peer,
        guest.agent,
    )
    return token


async def renew(services: Services, visit: Visit) -> tuple[Visit, str]:
    """Go on with this session alone, under a new token, after it ended all: a copy of the old cookie is dead, too.

    Returns the visit that forms are now made for, and the token to set.
    """
    token = services.keys.new_token()
    fresh = services.keys.stored(token)
    version = visit.principal.login_version
    await services.store.write(sessions.renew, visit.account_id, visit.session.token_hash, fresh, version)
    await browser.alone(services, visit)
    session = replace(visit.session, token_hash=fresh, current=True)
    return replace(visit, session=session, owner=session_owner(fresh)), token


async def _destination(services: Services, guest: Guest, principal: Principal, wish: Wish, token: str) -> Response:
    base = BASES[wish.interface]
    parked = await stash.take(services, guest, principal.account_id)
    if parked is None:
        return redirect(guest, _wanted(wish) or f"{base}/")
    visit = await _visit(services, guest, principal, wish, token)
    try:
        draft = await writing.restore(services, visit, parked)
    except Refused as refusal:
        log.warning("parked text could not become a draft", account=principal.account_id, why=refusal.reason.value)
        if _is_held_up(services, visit):
            return redirect(guest, f"{base}/")
        response = await writing.given_back(services, visit, parked)
        stash.forget(response, guest)
        return response
    response = redirect(guest, f"{base}/ecrire/{draft}", **done("fichiers" if parked.lost_files else "retrouve"))
    stash.forget(response, guest)
    return response


def _wanted(wish: Wish) -> str:
    """The page that was asked for before the login, in the chosen interface; empty: it has none, or none was."""
    if wish.interface == SIMPLE and re.match(r"/agenda(?:[/?]|$)", wish.next):
        return agenda_links.simplified(wish.next)
    if re.match(r"/[sm]/listes?(?:[/?]|$)", wish.next):  # notices to owners of lists know no interface
        return BASES[wish.interface] + wish.next[2:]
    return "" if wish.next.startswith(_OF_THE_OTHER[wish.interface]) else wish.next


def _is_held_up(services: Services, visit: Visit) -> bool:
    """Whether something has to be done before any page is open: a second factor, a new password."""
    known = accounts.NEVER if services.directory.read_only else visit.session.renewal
    must_renew = renewal.is_expired(services.settings.passwords, known, visit.now)
    return must_renew or (not visit.session.factor_on and services.login.factors.required(visit.principal))


async def _visit(services: Services, guest: Guest, principal: Principal, wish: Wish, token: str) -> Visit:
    """The person's visit within the request that logged them in."""
    token_hash = services.keys.stored(token)
    found = await services.store.read(sessions.find, token_hash)
    if found is None:
        raise Refused(Reason.AUTHENTICATION)
    return Visit(
        request=guest.request,
        language=guest.language,
        owner=session_owner(token_hash),
        now=guest.now,
        session=found[0],
        principal=principal,
        preferences=found[1],
        interface=wish.interface,
    )


async def suspended(services: Services, guest: Guest, account_id: int, *, kept_text: bool = False) -> Response:
    """The page of a suspended or closed account: since when, until when, what still works, whom to call."""
    standing = await services.store.read(accounts.get, account_id)
    if standing is None:
        raise Refused(Reason.SUSPENDED)
    since = guest.language.plain_date(standing.since)
    if standing.state is State.CLOSED:
        kept = guest.language.plain_date(standing.erase_at) if standing.erase_at else ""
        response = services.pages.answer(guest, "account/session/closed.html", ClosedPage(since, kept), 403)
    else:
        until = guest.language.long_date(standing.suspend_until) if standing.suspend_until else ""
        page = SuspendedPage(since, until, standing.reason, standing.may_receive, kept_text)
        response = services.pages.answer(guest, "account/session/suspended.html", page, 403)
    drop_cookie(response, guest, SESSION)
    response.headers[READER] = NOBODY
    return response


# ---------------------------------------------------------------------- waiting


def waiting_seconds(refusal: Refused) -> int:
    """How long a throttled person has to wait; a minute when it does not say."""
    return max(1, refusal.seconds) if isinstance(refusal, TooManyAttempts) else 60


def wait_text(guest: Guest, seconds: int) -> str:
    """The wait in words."""
    if seconds < 60:
        text = guest.language.texts.ngettext(
            "Trop d’essais. Patientez %(n)s seconde avant de recommencer.",
            "Trop d’essais. Patientez %(n)s secondes avant de recommencer.",
            seconds,
        )
        return text % {"n": seconds}
    minutes = -(-seconds // 60)
    text = guest.language.texts.ngettext(
        "Trop d’essais. Patientez %(n)s minute avant de recommencer.",
        "Trop d’essais. Patientez %(n)s minutes avant de recommencer.",
        minutes,
    )
    return text % {"n": minutes}
