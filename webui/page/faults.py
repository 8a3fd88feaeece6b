"""What can go wrong, as pages: the web's one table from reasons to status codes and texts."""

from dataclasses import dataclass

import structlog
from starlette.responses import Response

from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.store.account.bulletins import Bulletin, Kind
from webui.page.context import Guest, Services

log = structlog.get_logger("webui")

STATUS = {
    Reason.AUTHENTICATION: 401,
    Reason.NOT_ACTIVATED: 403,
    Reason.SUSPENDED: 403,
    Reason.CLOSED: 403,
    Reason.THROTTLED: 429,
    Reason.PASSWORD_EXPIRED: 403,
    Reason.WEAK_PASSWORD: 422,
    Reason.APP_PASSWORD: 403,
    Reason.NO_SUCH_RECIPIENT: 422,
    Reason.RELAY_DENIED: 403,
    Reason.SENDER_NOT_OWNED: 403,
    Reason.OVER_QUOTA: 507,
    Reason.TOO_BIG: 413,
    Reason.LOOP: 422,
    Reason.TOO_MANY_RECIPIENTS: 422,
    Reason.REJECTED: 422,
    Reason.NO_SUCH_MAILBOX: 404,
    Reason.MAILBOX_EXISTS: 409,
    Reason.HAS_CHILDREN: 409,
    Reason.CANNOT: 403,
    Reason.READ_ONLY: 403,
    Reason.LIMIT: 422,
    Reason.NOT_FOUND: 404,
    Reason.FORBIDDEN: 403,
    Reason.CONFLICT: 409,
    Reason.INVALID: 422,
    Reason.READ_ONLY_DIRECTORY: 403,
    Reason.DAMAGED: 500,
}
RETRY_SECONDS = 60
MAX_RETRY_SECONDS = 3600
"""Maintenance may end before its time."""


@dataclass(frozen=True, slots=True)
class MaintenancePage:
    """Why nothing works, or nothing may be changed, and until when."""

    closed: bool
    reason: str
    until: str
    rescued: str
    """What was being written: shown, so that it can be copied."""


@dataclass(frozen=True, slots=True)
class FaultPage:
    """An error page: what happened, what to do, a number to quote."""

    status: int
    title: str
    text: str
    incident: str = ""
    back: str = "/"


class TooManyAtOnce(Temporary):
    """An account has as many requests under way as it may."""


def answer(services: Services, guest: Guest, error: Exception) -> Response:
    """The page for an error. A defect of ours is logged with its stack under the number the page shows."""
    match error:
        case Refused(reason=reason):
            return fault(services, guest, STATUS[reason], reason)
        case BadSyntax():
            return fault(services, guest, 400)
        case TooManyAtOnce():
            return fault(services, guest, 429, busy=True)
        case Temporary():
            return fault(services, guest, 503)
        case _:
            incident = services.clock.token(4).hex().upper()
            log.error("request failed", incident=incident, path=_place(guest), exc_info=error)
            return fault(services, guest, 500, incident=incident)


def _place(guest: Guest) -> str:
    """The path without the key of a link, which opens what it leads to to whoever reads it."""
    path, key = guest.request.url.path, guest.request.path_params.get("key")
    return path.replace(key, "…") if isinstance(key, str) and key else path


def fault(
    services: Services,
    guest: Guest,
    status: int,
    reason: Reason | None = None,
    incident: str = "",
    *,
    busy: bool = False,
) -> Response:
    """The error page of a status, worded by its reason; `busy`: it asks for too much at once."""
    title, text = _busy(guest) if busy else _words(guest, status, reason)
    path = guest.request.url.path
    back = next((base for base in ("/s/agenda", "/s/", "/m/", "/agenda") if path.startswith(base)), "/")
    page = FaultPage(status, title, text, incident, back)
    response = services.pages.answer(guest, "portal/fault.html", page, status)
    if status in (429, 503):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def maintenance(services: Services, guest: Guest, why: Bulletin) -> Response:
    """The page of maintenance. It needs no store: nothing of it is asked for here."""
    rescued = guest.form.text("texte")
    until = guest.language.long_date(why.ends)
    page = MaintenancePage(why.kind is Kind.CLOSED, why.text(guest.language.code), until, rescued)
    response = services.pages.answer(guest, "portal/maintenance.html", page, 503)
    left = int(why.ends - guest.now)
    response.headers["Retry-After"] = str(max(RETRY_SECONDS, min(left, MAX_RETRY_SECONDS)))
    return response


def _busy(guest: Guest) -> tuple[str, str]:
    _ = guest._
    return (
        _("Trop de demandes à la fois"),
        _("Ce compte demande trop de pages en même temps. Fermez des fenêtres, et réessayez dans une minute."),
    )


def _words(guest: Guest, status: int, reason: Reason | None) -> tuple[str, str]:
    _ = guest._
    by_reason = {
        Reason.OVER_QUOTA: (
            _("Votre boîte est pleine"),
            _("L’opération demande plus d’espace qu’il n’en reste. Supprimez des messages et videz la corbeille."),
        ),
        Reason.TOO_BIG: (
            _("C’est trop volumineux"),
            _("Ce que vous avez envoyé dépasse la taille permise. Rien n’a été enregistré."),
        ),
        Reason.LIMIT: (
            _("Une limite est atteinte"),
            _("Cela dépasse ce qui est permis : demandez-en moins à la fois, ou supprimez ce qui ne sert plus."),
        ),
        Reason.DAMAGED: (
            _("Ce message est abîmé"),
            _(
                "Ce qui en est conservé ne peut plus être lu. Vos autres messages n’en souffrent pas ; prévenez "
                "l’assistance, qui a peut-être une sauvegarde."
            ),
        ),
        Reason.NO_SUCH_MAILBOX: (
            _("Ce dossier n’existe pas"),
            _("Il a peut-être été renommé ou supprimé."),
        ),
    }
    if reason in by_reason:
        return by_reason[reason]
    by_status = {
        400: (_("Demande incomprise"), _("La page a reçu une demande qu’elle ne comprend pas. Rien n’a été fait.")),
        401: (_("Connexion nécessaire"), _("Votre session est terminée. Connectez-vous de nouveau.")),
        403: (_("Accès refusé"), _("Vous ne pouvez pas faire cela ici.")),
        404: (_("Page introuvable"), _("Cette adresse ne mène nulle part, ou ce qu’elle montrait n’existe plus.")),
        405: (_("Demande incomprise"), _("Cette adresse ne s’utilise pas ainsi.")),
        409: (_("Cela a changé entre-temps"), _("Revenez en arrière et vérifiez avant de recommencer.")),
        413: (_("C’est trop volumineux"), _("Ce que vous avez envoyé dépasse la taille permise.")),
        422: (_("Ce n’est pas possible"), _("Une valeur ne peut pas être acceptée. Rien n’a été fait.")),
        429: (_("Trop d’essais"), _("Patientez quelques minutes avant de recommencer.")),
        503: (
            _("Service momentanément indisponible"),
            _("Rien n’est perdu. Réessayez dans une minute ; l’état du service dit ce qui se passe."),
        ),
        507: (_("Votre boîte est pleine"), _("Supprimez des messages et videz la corbeille.")),
    }
    return by_status.get(
        status,
        (
            _("Une erreur est survenue"),
            _("Elle vient de nous, elle est enregistrée. Réessayez ; si elle revient, citez ce numéro à l’assistance."),
        ),
    )
