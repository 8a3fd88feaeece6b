"""What is done to an account from its sheet: one form, one button for each act, each by the service of its command."""

import datetime
from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response

from directory.people.lifecycle import Account, farewell
from mailserver.login.attempts import throttle
from mailserver.model.errors import Reason, Refused
from mailserver.notices.accounts.protection import Change
from webui.admin.access import origin
from webui.admin.console_page import done, words
from webui.admin.directory import person
from webui.admin.directory.people import service, show_code
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

MAX_REASON = 500
MAX_DAYS = 3650
Act = Callable[[Services, Visit, Account], Awaitable[str]]
"""Does something to an account; what the next page says was done."""
_OWN = frozenset({"suspendre", "code", "fermer", "facteur"})
"""What nobody does to their own account here: they would lock themselves out."""


class _Fault(Exception):
    """What the person typed cannot be used; the text says why."""


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/comptes/{account}: the button says what."""
    account = await person.find(services, visit)
    what = visit.form.text("faire")
    if what in _OWN and account.principal.account_id == visit.account_id:
        return await person.show_person(services, visit, visit._("Cela ne se fait pas sur son propre compte."))
    try:
        if what == "code":
            return await _code(services, visit, account)
        handler = _ACTS.get(what)
        if handler is None:
            raise Refused(Reason.INVALID)
        said = await handler(services, visit, account)
    except _Fault as fault:
        return await person.show_person(services, visit, str(fault))
    except Refused as refusal:
        return await person.show_person(services, visit, words(visit, refusal))
    return redirect(visit, f"/admin/comptes/{account.principal.account_id}", **done(said))


async def _code(services: Services, visit: Visit, account: Account) -> Response:
    """The password is withdrawn; the code that opens the account again is shown once."""
    if not visit.form.has("verifie"):
        raise _Fault(visit._("Cochez que vous avez vérifié l’identité de la personne."))
    code = await service(services, visit).reset(account.principal.login)
    return show_code(services, visit, account.principal, code)


async def _suspend(services: Services, visit: Visit, account: Account) -> str:
    form = visit.form
    start, until = day(visit, form.text("debut")), day(visit, form.text("fin"), end=True)
    reason = form.text("motif").strip()[:MAX_REASON]
    if not reason:
        raise _Fault(visit._("Un motif est nécessaire : la personne le lira."))
    await service(services, visit).suspend(
        account.principal.login, reason, form.has("recevoir"), start=start, until=until
    )
    return "prevu" if start > visit.now else "suspendu"


async def _resume(services: Services, visit: Visit, account: Account) -> str:
    await service(services, visit).resume(account.principal.login)
    return "rouvert"


async def _close(services: Services, visit: Visit, account: Account) -> str:
    """Now or on a day; erased after the grace, restored until then."""
    form, login = visit.form, account.principal.login
    if form.text("identifiant").strip() != login:
        raise _Fault(visit._("Pour fermer ce compte, tapez son identifiant : %(login)s.") % {"login": login})
    at = day(visit, form.text("jour"))
    grace = form.number("delai")
    if not 0 < grace <= MAX_DAYS:
        raise _Fault(visit._("Le délai avant effacement est un nombre de jours, de 1 à 3650."))
    planned = at > visit.now
    goodbye = farewell(
        services.settings.accounts, at if planned else int(visit.now), replies=form.has("repondre"), grace_days=grace
    )
    reason = form.text("motif").strip()[:MAX_REASON]
    if planned:
        await service(services, visit).plan_closing(login, at, reason, goodbye)
        return "prevu"
    await service(services, visit).close(login, reason, goodbye)
    return "ferme"


async def _keep(services: Services, visit: Visit, account: Account) -> str:
    await service(services, visit).cancel_closing(account.principal.login)
    return "garde"


async def _restore(services: Services, visit: Visit, account: Account) -> str:
    await service(services, visit).restore(account.principal.login)
    return "rouvert"


async def _unlock(services: Services, visit: Visit, account: Account) -> str:
    await services.store.write(throttle.unlock, origin(visit), account.principal.account_id)
    return "debloque"


async def _sessions(services: Services, visit: Visit, account: Account) -> str:
    await services.login.log_out_everywhere(account.principal, origin(visit))
    return "sessions"


async def _device(services: Services, visit: Visit, account: Account) -> str:
    await services.login.devices.revoke(account.principal.account_id, visit.form.number("appareil"), origin(visit))
    return "appareil"


async def _factor(services: Services, visit: Visit, account: Account) -> str:
    if not visit.form.has("verifie"):
        raise _Fault(visit._("Cochez que vous avez vérifié l’identité de la personne."))
    if not await services.login.factors.remove(account.principal.account_id, origin(visit)):
        raise Refused(Reason.CONFLICT)
    await services.telling.changed(account.principal, Change.FACTOR_OFF, origin(visit))
    return "facteur"


async def _quota(services: Services, visit: Visit, account: Account) -> str:
    """In megabytes; empty: the setting's; 0: none."""
    text = visit.form.text("quota").strip()
    if text and (not text.isascii() or not text.isdigit() or len(text) > 9):
        raise _Fault(visit._("Le quota est un nombre de mégaoctets, ou rien."))
    await service(services, visit).set_quota(account.principal.login, int(text) << 20 if text else -1)
    return "quota"


_ACTS: Mapping[str, Act] = {
    "suspendre": _suspend,
    "rouvrir": _resume,
    "fermer": _close,
    "garder": _keep,
    "restaurer": _restore,
    "debloquer": _unlock,
    "sessions": _sessions,
    "appareil": _device,
    "facteur": _factor,
    "quota": _quota,
}


def day(visit: Visit, text: str, *, end: bool = False) -> int:
    """A day of the academy's zone as a date field gives it; `end`: over then. 0 for nothing. Raises _Fault."""
    if not text:
        return 0
    try:
        when = datetime.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=visit.language.zone)
        return int((when + datetime.timedelta(days=1 if end else 0)).timestamp())
    except (ValueError, OverflowError):
        raise _Fault(visit._("Ce n’est pas un jour : écrivez-le comme 2026-12-31.")) from None
