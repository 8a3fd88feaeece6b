"""A session that ends while somebody writes: how long it still has, and a new one without leaving the page.

The page's script asks for the password over the text and posts it here; nothing that is written leaves the page.
"""

from starlette.responses import JSONResponse, Response

from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account import sessions
from mailserver.store.account.sessions import Former
from webui.account.security.password_feedback import MAX_PASSWORD
from webui.account.security.second_factor import MAX_CODE
from webui.account.session import stash
from webui.account.session.session_start import open_session, wait_text, waiting_seconds
from webui.http import headers
from webui.page import faults
from webui.page.context import SESSION, Guest, Services, set_cookie
from webui.page.dispatch import session_owner


async def state(services: Services, guest: Guest) -> Response:
    """GET /session/etat: seconds until the browser's session ends, 0 for none. Asking does not prolong it."""
    token = guest.cookie(SESSION)
    found = await services.store.read(sessions.find, services.keys.stored(token)) if token else None
    left = 0
    if found is not None and found[0].current:
        left = max(0, found[0].expires - int(services.clock.now()))
    return _json(guest, {"reste": left})


async def renew(services: Services, guest: Guest) -> Response:
    """POST /session/renouveler: the same person's password (and code) for a new session; a fresh mark for the forms."""
    former = await services.store.read(sessions.former, services.keys.stored(guest.cookie(SESSION)))
    principal = await services.directory.by_account(former.account_id) if former else None
    if former is None or principal is None:
        text = guest._("Votre session est terminée depuis trop longtemps. Copiez votre texte, puis reconnectez-vous.")
        return _json(guest, {"texte": text}, 403)
    try:
        return await _renewed(services, guest, principal, former)
    except Refused as refusal:
        return _refusal(guest, refusal)


async def _renewed(services: Services, guest: Guest, principal: Principal, former: Former) -> Response:
    secret, code = Secret(guest.form.text("mot_de_passe")[:MAX_PASSWORD]), guest.form.text("code").strip()[:MAX_CODE]
    proven = await services.login.login(principal.login, secret, guest.peer, "web", guest.agent)
    if proven.account_id != principal.account_id:
        raise Refused(Reason.AUTHENTICATION)
    if await services.login.factors.is_on(proven.account_id):
        if not code:
            return _json(guest, {"code": True, "texte": guest._("Saisissez aussi le code de votre application.")}, 422)
        await services.login.second_step(proven, Secret(code), guest.peer, guest.agent)
    token = await open_session(services, guest, proven, former.lifetime, former.interface)
    # What was parked meanwhile is still on the page.
    await stash.take(services, guest, proven.account_id)
    mark = services.keys.mark(session_owner(services.keys.stored(token)))
    response = _json(guest, {"marque": mark})
    stash.forget(response, guest)
    set_cookie(response, guest, SESSION, token)
    return response


def _refusal(guest: Guest, refusal: Refused) -> Response:
    _ = guest._
    if refusal.reason is Reason.THROTTLED:
        text = wait_text(guest, waiting_seconds(refusal))
    elif refusal.reason in (Reason.SUSPENDED, Reason.CLOSED):
        text = _("Ce compte est suspendu ou fermé. Copiez votre texte et appelez l’assistance.")
    elif refusal.reason is Reason.AUTHENTICATION:
        text = _("Ce mot de passe, ou ce code, n’est pas le bon.")
    else:
        text = _("Copiez votre texte, puis reconnectez-vous par la page d’accueil.")
    return _json(guest, {"texte": text}, faults.STATUS.get(refusal.reason, 403))


def _json(guest: Guest, answer: dict[str, object], status: int = 200) -> Response:
    return JSONResponse(answer, status, headers=headers.page(guest.secure))
