"""The last moves of messages, and taking one of them back."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Refused
from mailserver.store.mail.messages import Quota
from mailserver.store.web.webmail import handling, undo_records
from mailserver.store.withdrawal import reports
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Undoable:
    """A move that can be taken back."""

    id: str
    text: str
    until: str


@dataclass(frozen=True, slots=True)
class UndoPage:
    """The last moves."""

    frame: MailShell
    acts: Sequence[Undoable]


async def last_acts(services: Services, visit: Visit) -> Response:
    """GET /annuler: what can still be taken back."""
    around = await surroundings(services, visit)
    paths = {folder.id: folder.path for folder in around.all_folders}
    found = []
    for token_hash, until, what in await services.store.read(undo_records.undoable, visit.account_id, SHOWN):
        count = len(what.uids)
        text = visit.language.texts.ngettext(
            "%(n)s message, de « %(origin)s » vers « %(place)s »",
            "%(n)s messages, de « %(origin)s » vers « %(place)s »",
            count,
        ) % {
            "n": visit.language.number(count),
            "origin": paths.get(what.origin_id, "?"),
            "place": paths.get(what.place_id, "?"),
        }
        found.append(Undoable(token_hash.hex(), text, visit.language.clock_time(until)))
    return services.pages.answer(visit, "mail/undo.html", UndoPage(around, found))


async def undo(services: Services, visit: Visit) -> Response:
    """POST /annuler: take a move back, by the token of its page or as one of the last acts."""
    try:
        act_id = bytes.fromhex(visit.form.text("acte")[:64])
    except ValueError:
        act_id = b""
    token_hash = act_id or services.keys.stored(visit.form.text("jeton")[:100])
    try:
        viewer, quota = await services.sharing.viewer(visit.principal), Quota.of(services.settings.limits)
        back = await services.store.write(handling.put_back, viewer, token_hash, quota)
    except Refused:
        return redirect(visit, f"{visit.base}/", **done("tard"))
    if back.reported:  # it was reported by mistake
        await services.store.write(reports.take_back, visit.account_id, back.reported)
    return redirect(visit, f"{visit.base}/dossier/{back.mailbox_id}", **done("annuler", back.count))
