"""The page of senders: whose mail one does not want to see, and whose messages one has called safe."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.filters.rules import Blocked, Document, Faulty
from mailserver.filters.rules.senders import named, normal
from mailserver.filters.sieve import SieveError
from mailserver.model.errors import Reason, Refused
from mailserver.store.account.filters import OverBound
from mailserver.store.mail import known_senders
from mailserver.store.mail.known_senders import MAX_SENDER
from webui.filters.starting import Stopped, start, stopped
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.reader import message_parts
from webui.reader.flash_texts import back


@dataclass(frozen=True, slots=True)
class SendersPage:
    """Both lists, and a field for each."""

    frame: MailShell
    blocked: Sequence[tuple[str, str]]
    """As rules name them, and as people read them."""
    to_trash: bool
    trusted: Sequence[str]
    version: str
    stopped: Stopped
    field: str = ""
    """What is wrong: `bloquer` or `confiance`."""
    fault: str = ""
    typed: str = ""


async def show_senders(services: Services, visit: Visit) -> Response:
    """GET /reglages/expediteurs."""
    return await _page(services, visit)


async def change(services: Services, visit: Visit) -> Response:
    """POST /reglages/expediteurs: one sender more or less, or where the blocked ones go."""
    form, action = visit.form, visit.form.text("faire")
    if action == "demarrer":
        return await start(services, visit, "expediteurs")
    typed = form.text("expediteur")[:MAX_SENDER]
    try:
        await _change(services, visit, action, typed)
    except Faulty as faulty:
        return await _page(services, visit, action, visit.language.say(faulty.text), typed, 422)
    except (OverBound, SieveError):
        fault = visit._("Vos règles n’ont plus assez de place pour un expéditeur de plus.")
        return await _page(services, visit, action, fault, typed, 422)
    return redirect(visit, f"{visit.base}/reglages/expediteurs", **done("expediteurs"))


async def _change(services: Services, visit: Visit, action: str, typed: str) -> None:
    rules, account_id, origin = services.filters.rules, visit.account_id, visit.origin
    match action:
        case "bloquer":
            await rules.block(account_id, normal(typed), origin)
        case "debloquer":
            await rules.unblock(account_id, typed, origin)
        case "confiance":
            await rules.trust(account_id, _address(typed), origin)
        case "mefiance":
            await services.store.write(known_senders.distrust, account_id, typed)
        case "ou":
            to_trash = visit.form.text("ou") == "corbeille"
            version = visit.form.text("version")[:100]
            await rules.change(account_id, version, lambda now: _sent_to(now, to_trash), origin)
        case _:
            raise Refused(Reason.INVALID)


def _sent_to(document: Document, to_trash: bool) -> Document:
    return replace(document, blocked=Blocked(document.blocked.senders, to_trash))


def _address(typed: str) -> str:
    """One address: nobody trusts a whole domain. Raises Faulty."""
    found = normal(typed)
    return found if not found.startswith("@") else normal(f"{typed.strip()}@")


async def block_sender(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/bloquer: no more of this sender. Raises Refused(NOT_FOUND)."""
    found, _ = await message_parts.load(services, visit, upto=0)
    shown = {"forme": 1} if visit.query("forme") == "1" else {}
    try:
        await services.filters.rules.block(visit.account_id, normal(found.sender_address), visit.origin)
    except (Faulty, OverBound, SieveError):
        return back(visit, found.id, found.box.id, "bloque-echec", **shown)
    kept = await services.filters.rules.read(visit.account_id)
    said = "bloque-arrete" if stopped(kept).is_stopped else "bloque"
    return back(visit, found.id, found.box.id, said, **shown)


async def _page(
    services: Services, visit: Visit, field: str = "", fault: str = "", typed: str = "", status: int = 200
) -> Response:
    kept = await services.filters.rules.read(visit.account_id)
    chosen = await services.store.read(known_senders.chosen, visit.account_id)
    blocked = kept.document.blocked
    page = SendersPage(
        await surroundings(services, visit),
        [(sender, named(sender)) for sender in sorted(blocked.senders, key=named)],
        blocked.to_trash,
        [one.sender for one in chosen if one.trusted],
        kept.version,
        stopped(kept),
        field,
        fault,
        typed,
    )
    return services.pages.answer(visit, "filters/senders.html", page, status)
