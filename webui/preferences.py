"""The settings page: display, reading, writing, language, interface."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.preferences import Preferences
from mailserver.store import mailboxes, sessions
from webui.frame import Frame, done, surround
from webui.language import SUPPORTED
from webui.rendering import redirect
from webui.visit import BASES, INTERFACE, LANGUAGE, Services, Visit, set_cookie

PAGE_SIZES = (25, 50, 100)
TEXT_SIZES = ("normal", "grand", "tres-grand")
MAX_SIGNATURE = 2000
YEAR = 365 * 86400


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """The form with what is chosen."""

    frame: Frame
    chosen: Preferences


async def show(services: Services, visit: Visit) -> Response:
    """GET /reglages."""
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    page = SettingsPage(surround(visit, boxes), visit.preferences)
    return services.pages.answer(visit, "mail/settings.html", page)


async def save(services: Services, visit: Visit) -> Response:
    """POST /reglages: keep what is valid; a value that is none stays as it was."""
    form, before = visit.form, visit.preferences
    language, interface, text_size = form.text("langue"), form.text("interface"), form.text("taille_texte")
    chosen = Preferences(
        language=language if language in SUPPORTED else before.language,
        interface=interface if interface in BASES else before.interface,
        page_size=form.number("par_page") if form.number("par_page") in PAGE_SIZES else before.page_size,
        text_size=text_size if text_size in TEXT_SIZES else before.text_size,
        formatted=form.text("lecture") == "forme",
        answer_below=form.text("reponse") == "dessous",
        signature=form.text("signature").replace("\r\n", "\n").strip()[:MAX_SIGNATURE],
    )
    await services.store.write(sessions.save_preferences, visit.account_id, chosen)
    if chosen.interface != visit.session.interface:
        await services.store.write(sessions.choose_interface, visit.session.token_hash, chosen.interface)
    response = redirect(visit, f"{BASES[chosen.interface]}/reglages", **done("reglages"))
    set_cookie(response, visit, LANGUAGE, chosen.language or visit.language.code, seconds=YEAR)
    set_cookie(response, visit, INTERFACE, chosen.interface, seconds=YEAR)
    return response
