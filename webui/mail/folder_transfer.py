"""A folder leaves as a zip file of mbox files, and messages come in from .eml, .mbox and .zip, with a report."""

import asyncio
from dataclasses import dataclass

import structlog
from starlette.responses import Response

from mailserver.accounts.data_export import folder, message_import
from mailserver.accounts.data_export.message_import import Report, Why
from mailserver.accounts.data_export.zipping import path
from mailserver.store.mail import mailboxes
from mailserver.store.mail.messages import Quota
from mailserver.store.web import webmail
from webui.http import headers
from webui.http.turns import Turns
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import Folder, MailShell, surround

log = structlog.get_logger("webui")

MAX_BROUGHT = 256 * 1024 * 1024
"""Octets of the files of one import."""
AT_ONCE = 2
"""Exports and imports that one worker makes at the same time: each keeps a thread busy."""


@dataclass(frozen=True, slots=True)
class ReportPage:
    """What became of an import."""

    frame: MailShell
    folder: Folder
    report: Report
    refused: tuple[tuple[str, str], ...]
    """Where, and why in words."""
    fault: str
    limit: int


class FolderFiles:
    """Exports and imports. One per worker."""

    def __init__(self) -> None:
        self._turns = Turns(AT_ONCE)

    async def export(self, services: Services, visit: Visit) -> Response:
        """POST /dossier/{box}/exporter: the archive, as it is made."""
        box = await services.store.read(mailboxes.by_id, visit.account_id, int(visit.request.path_params["box"]))
        name = path(box.name).replace("/", "-")
        day = visit.language.day(visit.now)
        pieces = folder.stream(services.store, visit.account_id, box, visit.language.zone)
        fields = headers.download(visit.secure, "application/zip", f"{name}-{day}.mbox.zip")
        return self._turns.answer(visit.account_id, pieces, fields)

    async def bring(self, services: Services, visit: Visit) -> Response:
        """POST /dossier/{box}/importer: what the files hold, into the folder; then the report."""
        box_id = int(visit.request.path_params["box"])
        form, limits = visit.form, services.settings.limits
        report, fault = Report(), ""
        if form.oversize:
            fault = visit._("Ces fichiers sont trop volumineux. Importez-les en plusieurs fois.")
        elif not form.files:
            fault = visit._("Choisissez au moins un fichier.")
        else:
            with self._turns.hold(visit.account_id):
                report = await asyncio.to_thread(
                    message_import.bring,
                    services.store,
                    visit.account_id,
                    box_id,
                    [(file.filename or "?", file.file) for file in form.files],
                    limits,
                    Quota.of(limits),
                )
            log.info("messages imported", account=visit.account_id, imported=report.imported, refused=report.refused)
        boxes = await services.store.read(mailboxes.listing, visit.account_id)
        box = webmail.pick(boxes, box_id)
        around = surround(visit, boxes, box.id)
        refused = tuple((where, _why(visit, why)) for where, why in report.told)
        page = ReportPage(around, around.folder(box.id), report, refused, fault, MAX_BROUGHT)
        return services.pages.answer(visit, "mail/import.html", page, 422 if fault else 200)


def _why(visit: Visit, why: Why) -> str:
    _ = visit._
    return {
        Why.TOO_BIG: _("trop volumineux"),
        Why.HEADER: _("en-tête trop volumineux"),
        Why.NO_MESSAGE: _("ce n’est pas un message"),
        Why.DAMAGED: _("fichier endommagé ou chiffré"),
        Why.UNKNOWN_KIND: _("ce genre de fichier n’est pas importé"),
        Why.FULL: _("votre boîte est pleine"),
        Why.TOO_MANY: _("trop de messages en une fois"),
    }[why]
