"""The end of a first connection: what to remember, the recovery address, the charter; or later, from the account."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from starlette.responses import Response

from mailserver.foundation.settings import Settings
from mailserver.login import charter as charter_acceptance
from mailserver.store.account import recoveries
from webui.account.security.overview import origin
from webui.account.settings.clients import web_address
from webui.http import headers
from webui.page.context import BASES, Services, Visit
from webui.page.flash import announcement
from webui.page.rendering import redirect
from webui.public.pages import addresses

log = structlog.get_logger("webui")

CHARTER = "charter.txt"
"""The authority's charter, plain text in the instance's folder; empty lines between paragraphs."""
MAX_CHARTER = 64 * 1024


@dataclass(frozen=True, slots=True)
class WelcomePage:
    """What there is to remember, and what is left to do."""

    recovery: str
    charter: Sequence[str]
    """Its paragraphs; none: there is no charter, or it was accepted."""
    mail: str
    fault: str = ""
    done: str = ""


async def show_welcome(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /bienvenue."""
    address = await services.store.read(recoveries.address, visit.account_id)
    charter = charter_of(services.settings)
    paragraphs = charter.split("\n\n") if charter and visit.preferences.charter != _digest(charter) else []
    page = WelcomePage(address or "", paragraphs, f"{BASES[visit.session.interface]}/", fault, announcement(visit))
    return services.pages.answer(visit, "account/login/welcome.html", page, 422 if fault else 200)


async def accept(services: Services, visit: Visit) -> Response:
    """POST /bienvenue: the charter is accepted, and on to the mail."""
    charter = charter_of(services.settings)
    if charter and visit.preferences.charter != _digest(charter):
        if not visit.form.has("charte"):
            return await show_welcome(services, visit, visit._("Cochez la case si vous acceptez la charte."))
        await services.store.write(charter_acceptance.accept, origin(visit), visit.account_id, _digest(charter))
    return redirect(visit, f"{BASES[visit.session.interface]}/")


async def take(services: Services, visit: Visit) -> Response:
    """GET /bienvenue/informations: the same as a text file to print or keep. No password is in it."""
    at, person, _ = addresses(services.settings), visit.principal, visit._
    lines = (
        services.settings.web.academy,
        "",
        f"{_('Nom')} : {person.name}",
        f"{_('Identifiant')} : {person.login}",
        f"{_('Adresse')} : {person.address}",
        f"{_('Messagerie')} : {web_address(services.settings)}",
        "",
        f"{_('Réception (IMAP)')} : {at.host}, {at.imaps} (SSL/TLS)",
        f"{_('Envoi (SMTP)')} : {at.host}, {at.submissions} (SSL/TLS)",
        "",
        _("L’académie ne demande jamais votre mot de passe par courriel."),
        services.settings.web.help_contact,
    )
    text = "\n".join(lines) + "\n"
    fields = headers.download(visit.secure, "text/plain; charset=utf-8", f"{person.login}.txt")
    return Response(text.encode(), 200, fields)


def charter_of(settings: Settings) -> str:
    """The charter; empty when the authority has none."""
    try:
        with (settings.directory / CHARTER).open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_CHARTER).replace("\r\n", "\n").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        log.warning("the charter cannot be read", why=str(error))
        return ""


def _digest(charter: str) -> str:
    return hashlib.sha256(charter.encode()).hexdigest()[:32]
