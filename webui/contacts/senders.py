"""Senders for whom a person has chosen something: whose messages they call safe, and whose remote pictures are shown.

Both are given where a message is read, and taken back here.
"""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.store.mail import known_senders
from mailserver.store.mail.known_senders import MAX_SENDER
from webui.contacts.page_context import PAGE, Around, around, home
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.paging import Numbered, numbered
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

_CHANGES = {"confiance": known_senders.distrust, "images": known_senders.hide_pictures}


@dataclass(frozen=True, slots=True)
class SendersPage:
    """Some of them, by address."""

    frame: MailShell
    around: Around
    senders: Numbered[known_senders.Chosen]


async def show_senders(services: Services, visit: Visit) -> Response:
    """GET /contacts/expediteurs."""
    found = await services.store.read(known_senders.chosen, visit.account_id)
    place = await around(services, visit, "expediteurs")
    page = SendersPage(await surroundings(services, visit), place, numbered(visit, found, PAGE))
    return services.pages.answer(visit, "contacts/senders.html", page)


async def change(services: Services, visit: Visit) -> Response:
    """POST /contacts/expediteurs: take one choice back; one that is not there is fine."""
    forget = _CHANGES.get(visit.form.text("faire"))
    if forget is not None:
        await services.store.write(forget, visit.account_id, visit.form.text("expediteur")[:MAX_SENDER])
    return redirect(visit, f"{home(visit)}/expediteurs", page=visit.form.number("page"), **done("expediteur"))
