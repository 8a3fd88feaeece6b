"""Where one is after something was done to messages.

After what takes a message out of its folder the reader shows the next one, the one before or the list, as the person
has chosen.
"""

from mailserver.model.errors import Refused
from mailserver.store.mail.access import Viewer
from mailserver.store.web.webmail import Chosen, Edge, handling
from webui.mail import views
from webui.mail.search import search_walk
from webui.page.context import Services, Visit
from webui.page.shell import mail_shell

_STAYING = frozenset({"suivre", "plussuivre", "etiqueter", "desetiqueter", "lu"})
"""What leaves the message that is read where it is, and open."""
_LEAVING = frozenset({"supprimer", "archiver", "indesirable", "desirable", "deplacer", "reporter", "masquer"})
"""What takes it out of its folder: the next one is opened."""


async def next_address(services: Services, visit: Visit, viewer: Viewer, box_id: int, chosen: Chosen) -> str:
    """Where one is after an act. Without a script that has the list beside the reader, that is another message."""
    address, after = return_address(visit, box_id), visit.preferences.after_action
    action, back = visit.form.text("faire"), visit.form.text("retour")
    named = chosen.ids or chosen.whole
    if not visit.form.has("lecteur") or visit.fragment or action not in _LEAVING or after == "liste" or not named:
        return address
    if back.startswith(views.SEARCH):
        return address
    if view := views.of_search(visit.form.text("vue")) if visit.form.text("vue").startswith(views.SEARCH) else "":
        return await _onward(services, visit, viewer, box_id, chosen, view)
    box = await services.store.read(handling.readable, viewer, box_id)
    folder, listed = mail_shell.folder(visit, box, 0), views.kept(visit, visit.form.text("vue"))
    shown = views.of_list(visit, folder, listed, services.settings.domain)
    try:
        above, below = await services.store.read(handling.beside, viewer, box_id, shown, named[0])
    except Refused:  # it has gone meanwhile
        return address
    found = below if after == "suivant" else above
    if not found:
        return f"{visit.base}/dossier/{box_id}?{listed}" if listed else f"{visit.base}/dossier/{box_id}"
    foreign = box.account_id != visit.account_id
    opening = f"{visit.base}/partage/{box_id}/" if foreign else f"{visit.base}/message/"
    whole = "1" if shown.shows_conversations else ""
    return f"{opening}{found}?{mail_shell.query_string(d=box_id, fil=whole, vue=listed)}"


async def _onward(services: Services, visit: Visit, viewer: Viewer, box_id: int, chosen: Chosen, view: str) -> str:
    """The same where a search found the message: the result behind or before it, or all of them."""
    results = f"{visit.base}/{view}"
    lines = await services.store.read(handling.chosen_lines, viewer, box_id, chosen)
    if not lines:
        return results
    above, below = await search_walk.neighbours(services, visit, view, box_id, Edge(lines[0].date, lines[0].uid))
    return (below if visit.preferences.after_action == "suivant" else above) or results


def return_address(visit: Visit, box_id: int) -> str:
    """Back to where the form was: the same page of the folder, a search, or a message. Never elsewhere."""
    back = visit.form.text("retour")
    if back.startswith(("message/", "partage/")) and visit.form.text("faire") in _STAYING:
        return f"{visit.base}/{views.plain_address(back)}"
    return views.list_address(visit, box_id, back)
