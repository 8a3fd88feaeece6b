"""The page of mail that is sent on to another address, and the one behind the link that this address is sent.

The link is the proof that whoever agrees reads the address. Looking changes nothing (programs follow links); agreeing
is a form.
"""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.model.rules import Denied
from mailserver.store.account.filters import OverBound
from mailserver.store.account.forwards import Forwarding
from webui.filters.proving import prove
from webui.filters.starting import Stopped, start, stopped
from webui.page.context import Guest, Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

MAX_ADDRESS = 320
KEY_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ForwardPage:
    """Where mail is sent on to, who is asked, and the form."""

    frame: MailShell
    allowed: str
    """By the academy: `never`, `academy`, `anywhere`."""
    address: str
    """Where mail is sent on to, by whichever door that was said; empty: nowhere."""
    is_refused: bool
    """It does not take what is sent on at the moment."""
    asked: Forwarding | None
    until: str
    stopped: Stopped
    typed: str = ""
    address_fault: str = ""
    password_fault: str = ""


@dataclass(frozen=True, slots=True)
class AgreementPage:
    """What a link asks, or what became of it."""

    key: str
    name: str = ""
    owner: str = ""
    address: str = ""
    until: str = ""
    outcome: str = ""
    fault: str = ""


async def show_forward(services: Services, visit: Visit) -> Response:
    """GET /reglages/transfert."""
    return await _page(services, visit)


async def change(services: Services, visit: Visit) -> Response:
    """POST /reglages/transfert: the button says what."""
    match visit.form.text("faire"):
        case "demarrer":
            return await start(services, visit, "transfert")
        case "arreter":
            await services.filters.forwards.cancel(visit.account_id, visit.origin)
            return redirect(visit, f"{visit.base}/reglages/transfert", **done("transfert-arrete"))
        case _:
            return await _ask(services, visit)


async def _ask(services: Services, visit: Visit) -> Response:
    """Ask whoever reads an address."""
    fault, status = await prove(services, visit)
    if fault:
        return await _page(services, visit, password_fault=fault, status=status)
    try:
        await services.filters.forwards.ask(
            visit.principal, visit.form.text("adresse")[: MAX_ADDRESS + 1], visit.origin
        )
    except Refused as refusal:
        return await _page(services, visit, address_fault=_why(visit, refusal), status=422)
    return redirect(visit, f"{visit.base}/reglages/transfert", **done("transfert-demande"))


async def _page(
    services: Services, visit: Visit, *, address_fault: str = "", password_fault: str = "", status: int = 200
) -> Response:
    agreed, asked = await services.filters.forwards.current(visit.account_id)
    kept = await services.filters.rules.read(visit.account_id)
    forward = kept.document.forward
    page = ForwardPage(
        await surroundings(services, visit),
        services.settings.filters.redirect,
        forward.address if forward is not None else "",
        bool(agreed is not None and agreed.refusals),
        asked,
        visit.language.plain_date(asked.expires) if asked is not None else "",
        stopped(kept) if forward is not None else Stopped(is_stopped=False, by_hand=""),
        visit.form.text("adresse")[:MAX_ADDRESS] if status != 200 else "",
        address_fault,
        password_fault,
    )
    return services.pages.answer(visit, "filters/forward.html", page, status)


def _why(guest: Guest, refusal: Refused) -> str:
    """Why an address cannot be, in words. Raises what has none."""
    _ = guest._
    if isinstance(refusal, Denied):
        return guest.language.say(refusal.said)
    words = {
        Reason.INVALID: _("Ce n’est pas une adresse de courriel complète, par exemple : prenom@exemple.org"),
        Reason.LOOP: _("C’est votre propre adresse."),
        Reason.CANNOT: _("C’est une liste : elle ne peut pas recevoir vos messages."),
        Reason.FORBIDDEN: _("L’académie ne permet pas cette adresse, ou la personne qui la lit a déjà refusé."),
        Reason.NO_SUCH_RECIPIENT: _("Personne n’a cette adresse."),
        Reason.SUSPENDED: _("Ce compte est suspendu."),
        Reason.OVER_QUOTA: _("Cette boîte est pleine."),
        Reason.LIMIT: _("Trop de demandes aujourd’hui. Réessayez demain."),
    }
    if refusal.reason not in words:
        raise refusal
    return words[refusal.reason]


# ---------------------------------------------------------------------- whoever is asked


async def show_agreement(services: Services, guest: Guest, fault: str = "") -> Response:
    """GET /transfert/{key}."""
    key = str(guest.request.path_params["key"])[:KEY_LENGTH]
    try:
        asked = await services.filters.forwards.find(key)
    except Refused:
        outcome = guest._(
            "Ce lien n’ouvre plus rien : il a déjà servi, il est trop ancien, ou la demande a été retirée."
        )
        return services.pages.answer(guest, "filters/agreement.html", AgreementPage(key, outcome=outcome), 404)
    page = AgreementPage(
        key,
        asked.owner.name,
        asked.owner.address,
        asked.forwarding.address,
        guest.language.plain_date(asked.forwarding.expires),
        fault=fault,
    )
    return services.pages.answer(guest, "filters/agreement.html", page, 422 if fault else 200)


async def agree(services: Services, guest: Guest) -> Response:
    """POST /transfert/{key}."""
    key = str(guest.request.path_params["key"])[:KEY_LENGTH]
    try:
        if guest.form.text("faire") == "accepter":
            asked = await services.filters.forwards.agree(key, guest.peer)
            outcome = guest._("C’est accepté : les messages vous seront renvoyés.")
            if stopped(await services.filters.rules.read(asked.owner.account_id)).is_stopped:
                outcome = guest._(
                    "C’est accepté. Rien n’est renvoyé tant que cette personne n’a pas remis ses règles en service."
                )
        else:
            await services.filters.forwards.decline(key, guest.peer)
            outcome = guest._("C’est refusé : rien ne vous sera renvoyé.")
    except OverBound:
        return await show_agreement(services, guest, guest._("Les filtres de cette personne n’ont plus de place."))
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return await show_agreement(services, guest)
        return await show_agreement(services, guest, _why(guest, refusal))
    return services.pages.answer(guest, "filters/agreement.html", AgreementPage(key, outcome=outcome))
