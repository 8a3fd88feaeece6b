"""The account's own pages: what protects it, the browsers it is open in, the last logins."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.foundation.network.peers import is_loopback
from mailserver.login import recent
from mailserver.model.clock import DAY
from mailserver.notices.accounts import logins
from mailserver.store.account import login_places, sessions
from mailserver.store.account.sessions import Opened
from mailserver.store.record.audit import Action, Event, Origin
from mailserver.texts.text import Text
from webui.account.security.user_agent import in_words
from webui.account.session.session_start import renew
from webui.installed.push import subscriptions
from webui.page.context import SESSION, Services, Visit, set_cookie
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

SHOWN_LOGINS = 30
SHOWN_DAYS = 30
"""How long an unusual login is shown."""
ID_LETTERS = 24


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """What protects the account, in short."""

    frame: MailShell
    factor_since: str
    codes_left: int
    codes_text: str
    devices_text: str
    sessions_text: str
    unusual: str
    """A login of late that may have been somebody else's; empty: there was none."""


@dataclass(frozen=True, slots=True)
class ShownSession:
    """A browser in which the account is open."""

    id: str
    agent: str
    peer: str
    since: str
    seen: str
    own: bool


@dataclass(frozen=True, slots=True)
class ShownLogin:
    """One or several logins of the same kind in a row."""

    at: str
    door: str
    peer: str
    result: str
    fine: bool
    times: int


@dataclass(frozen=True, slots=True)
class SessionsPage:
    """Sessions and last logins."""

    frame: MailShell
    sessions: tuple[ShownSession, ...]
    logins: tuple[ShownLogin, ...]
    told: bool
    """Browsers may be told while they are closed."""


def origin(visit: Visit) -> Origin:
    """The person themselves, for the audit."""
    return Origin("self", "web", "" if is_loopback(visit.peer) else visit.peer)


def codes_text(visit: Visit, left: int) -> str:
    """How many recovery codes are left."""
    text = visit.language.texts.ngettext(
        "Il vous reste %(n)s code de secours.", "Il vous reste %(n)s codes de secours.", left
    )
    return text % {"n": visit.language.number(left)}


async def show_security(services: Services, visit: Visit) -> Response:
    """GET /compte."""
    state = await services.login.factors.state(visit.principal)
    count = len(await services.login.devices.listing(visit.account_id))
    opened = await services.store.read(sessions.opened, visit.account_id)
    ngettext = visit.language.texts.ngettext
    numbers = {"n": visit.language.number(count)}
    devices = ngettext("%(n)s mot de passe d’application.", "%(n)s mots de passe d’application.", count) % numbers
    numbers = {"n": visit.language.number(len(opened))}
    open_now = ngettext("%(n)s session ouverte.", "%(n)s sessions ouvertes.", len(opened)) % numbers
    page = OverviewPage(
        await surroundings(services, visit),
        visit.language.plain_date(state.since) if state.is_on else "",
        state.codes_left,
        codes_text(visit, state.codes_left),
        devices,
        open_now,
        await _unusual(services, visit),
    )
    return services.pages.answer(visit, "account/security/overview.html", page)


async def _unusual(services: Services, visit: Visit) -> str:
    """What the owner was told of by mail, which a thief can remove."""
    since = int(services.clock.now()) - SHOWN_DAYS * DAY
    one = await services.store.read(login_places.last_unusual, visit.account_id, since)
    if one is None:
        return ""
    said = Text(
        "Connexion inhabituelle le {when} : {why} (adresse {peer}, {program}).",
        when=visit.language.long_date(one.at),
        why=logins.why(one.signs),
        peer=one.peer,
        program=logins.program(one.program),
    )
    return visit.language.say(said)


# ---------------------------------------------------------------------- sessions


async def show_sessions(services: Services, visit: Visit) -> Response:
    """GET /compte/sessions."""
    opened = await services.store.read(sessions.opened, visit.account_id)
    events = await services.store.read(recent.logins, visit.account_id)
    page = SessionsPage(
        await surroundings(services, visit),
        tuple(_shown(services, visit, one) for one in opened),
        _collapsed(visit, events),
        subscriptions.is_on(services.settings),
    )
    return services.pages.answer(visit, "account/security/sessions.html", page)


async def close_sessions(services: Services, visit: Visit) -> Response:
    """POST /compte/sessions: one other session, or everything but this one."""
    if visit.form.has("toutes"):
        await services.login.log_out_everywhere(visit.principal, origin(visit))
        visit, token = await renew(services, visit)
        response = redirect(visit, "/compte/sessions", **done("sessions"))
        set_cookie(response, visit, SESSION, token)
        return response
    wanted = visit.form.text("fermer")
    for one in await services.store.read(sessions.opened, visit.account_id):
        if _id(services, one) == wanted:
            await services.login.close_session(visit.account_id, one.token_hash, origin(visit))
    return redirect(visit, "/compte/sessions", **done("session"))


def _shown(services: Services, visit: Visit, one: Opened) -> ShownSession:
    return ShownSession(
        _id(services, one),
        in_words(visit, one.agent),
        _place(visit, one.peer),
        visit.language.long_date(one.created),
        visit.language.long_date(one.seen),
        one.token_hash == visit.session.token_hash,
    )


def _id(services: Services, one: Opened) -> str:
    """What a form calls a session: neither its token nor what is stored of it."""
    return services.keys.stored(one.token_hash.hex()).hex()[:ID_LETTERS]


# ---------------------------------------------------------------------- last logins


def _collapsed(visit: Visit, events: Sequence[Event]) -> tuple[ShownLogin, ...]:
    """Like ones in a row become one line: a phone that asks every five minutes does not fill the page."""
    runs: list[tuple[Event, int]] = []
    for event in events:
        if runs and _kind(runs[-1][0]) == _kind(event):
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((event, 1))
    return tuple(_line(visit, event, times) for event, times in runs[:SHOWN_LOGINS])


def _kind(event: Event) -> tuple[Action, str, str, str]:
    return event.action, event.service, event.peer, event.detail


def _line(visit: Visit, event: Event, times: int) -> ShownLogin:
    _ = visit._
    doors = {
        "web": _("Webmail"),
        "imap": _("Messages (IMAP)"),
        "submission": _("Envoi (SMTP)"),
        "dav": _("Agenda et contacts"),
        "ldap": _("Annuaire"),
    }
    door = doors.get(event.service, event.service)
    if event.action is Action.LOGIN and event.detail.name == "device":
        door = f"{door}, {event.detail.values['name']}"
    return ShownLogin(
        visit.language.long_date(event.at),
        door,
        _place(visit, event.peer),
        _result(visit, event),
        event.action is Action.LOGIN,
        times,
    )


def _result(visit: Visit, event: Event) -> str:
    _ = visit._
    match event.action, event.detail.name:
        case Action.LOGIN, "recovery-code":
            return _("Réussie, avec un code de secours")
        case Action.LOGIN, _:
            return visit._("Réussie")
        case Action.LOGIN_FAILED, "one-time-code":
            return visit._("Mot de passe juste, code refusé")
        case Action.LOGIN_FAILED, _:
            return visit._("Mot de passe refusé")
        case _, "app-password-needed":
            return visit._("Refusée : un mot de passe d’application est demandé")
        case _:
            return visit._("Refusée : le compte n’était pas ouvert")


def _place(visit: Visit, peer: str) -> str:
    """An address; what has none came from the server itself."""
    return peer if peer and not is_loopback(peer) else visit._("ce serveur")
