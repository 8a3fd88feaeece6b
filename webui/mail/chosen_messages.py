"""Which messages a form names.

Messages (`m`), conversations by their newest message (`c`), or with `tout=dossier` all that the list shows (`vue`: its
parameters); of both what was there when the page was made (`avant`: the UID that the next message was to have).
"""

from dataclasses import replace

from mailserver.store.mail.access import Viewer
from mailserver.store.web.webmail import Chosen, handling
from webui.mail import views
from webui.page.context import Services, Visit
from webui.page.shell import mail_shell

MAX_TICKED = 150
"""More than the largest page holds."""


async def read_chosen(services: Services, visit: Visit, viewer: Viewer, box_id: int) -> Chosen | None:
    """What the form names; None: nothing. Raises BadSyntax, Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    ids, whole = visit.form.numbers("m", MAX_TICKED), visit.form.numbers("c", MAX_TICKED)
    before = visit.form.number("avant")
    if visit.form.text("tout") == "dossier":
        box = await services.store.read(handling.readable, viewer, box_id)
        wanted = views.from_text(visit.form.text("vue"), visit.preferences)
        folder = mail_shell.folder(visit, box, 0)
        view = views.view(wanted, folder, visit.preferences, services.settings.domain)
        return Chosen(everything=replace(view, before=before))
    if ids and visit.form.has("lecteur"):
        # Where the list is of conversations the message that is read stands for its own, as in the list.
        back = visit.form.text("retour")
        listed = back if "=" in back and "/" not in back else visit.form.text("vue")
        box = await services.store.read(handling.readable, viewer, box_id)
        if not back.startswith(views.SEARCH) and views.acts_whole(visit, mail_shell.folder(visit, box, 0), listed):
            return Chosen((), ids, before=before)
    return Chosen(ids, whole, before=before) if ids or whole else None
