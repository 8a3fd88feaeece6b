"""Sharing a folder with people and lists, by role: the rights that IMAP knows (RFC 4314), in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.rules import Denied, may_share_widely
from mailserver.store.mail import access, mailboxes
from mailserver.store.mail.access import ANYONE, GROUP, Rights, Viewer
from mailserver.store.mail.access.rights import WORDS, write
from mailserver.store.web import webmail
from webui.compose.addressing.recipients import identified, spoken
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import Folder, MailShell, surround

ROLES = ("read", "write", "manage")
MAX_NAME = 320


@dataclass(frozen=True, slots=True)
class Share:
    """Somebody who has rights in the folder."""

    identifier: str
    name: str
    is_group: bool
    role: str
    """One of `ROLES`; empty for other rights, which some program gave."""
    letters: str
    taken: bool
    """These rights are taken away, whatever else gives them."""


@dataclass(frozen=True, slots=True)
class SharesPage:
    """Who has what, and a form to give more."""

    frame: MailShell
    folder: Folder
    shares: Sequence[Share]
    fault: str
    typed: str
    with_lists: bool
    """Whoever sees the page may share with lists."""


async def show_shares(services: Services, visit: Visit, fault: str = "", typed: str = "") -> Response:
    """GET /dossier/{box}/partage."""
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    box = webmail.pick(boxes, int(visit.request.path_params["box"]))
    viewer = Viewer(visit.account_id)
    entries = await services.store.read(access.entries, viewer, box.name)
    shares = [await _share(services, visit, *entry) for entry in entries[1:]]
    around = surround(visit, boxes, box.id)
    with_lists = may_share_widely(visit.principal.role.population)
    page = SharesPage(around, around.folder(box.id), shares, fault, typed, with_lists)
    return services.pages.answer(visit, "mail/shares.html", page, 422 if fault else 200)


async def _share(services: Services, visit: Visit, identifier: str, taken: bool, rights: Rights) -> Share:
    role = next((role for role in ROLES if WORDS[role] == rights), "")
    if identifier == ANYONE:
        return Share(identifier, visit._("tout le monde"), True, role, write(rights), taken)
    if identifier.startswith(GROUP):
        return Share(identifier, identifier.removeprefix(GROUP), True, role, write(rights), taken)
    person = await identified(services, visit, identifier)
    name = f"{person.name} ({person.address})" if person is not None else identifier
    return Share(identifier, name, False, role, write(rights), taken)


async def change(services: Services, visit: Visit) -> Response:
    """POST /dossier/{box}/partage: give somebody a role, or take every right back."""
    form = visit.form
    box = await services.store.read(mailboxes.by_id, visit.account_id, int(visit.request.path_params["box"]))
    back = f"{visit.base}/dossier/{box.id}/partage"
    removed = form.text("retirer")[:MAX_NAME]
    if removed:
        await _set(services, visit, box.name, removed, frozenset(), negative=form.has("retires"))
        return redirect(visit, back, **done("partage-retire"))
    role, typed = form.text("role"), form.text("qui").strip()[:MAX_NAME]
    if role not in ROLES:
        raise Refused(Reason.INVALID)
    try:
        identifier = await _identifier(services, typed)
        if identifier == fold_login(visit.principal.login):
            return await show_shares(services, visit, visit._("Ce dossier est déjà à vous."), typed)
        await _set(services, visit, box.name, identifier, WORDS[role])
    except Denied as denied:
        return await show_shares(services, visit, spoken(visit, denied), typed)
    except Refused as refusal:
        if refusal.reason is Reason.LIMIT:
            return await show_shares(services, visit, visit._("Ce dossier est déjà partagé avec trop de monde."), typed)
        if refusal.reason is not Reason.INVALID:
            raise
        fault = visit._("Personne ni aucune liste de l’académie ne porte ce nom. Donnez un identifiant ou une adresse.")
        return await show_shares(services, visit, fault, typed)
    return redirect(visit, back, **done("partage"))


async def _identifier(services: Services, typed: str) -> str:
    """A person by login or address, else a list by its address. Raises Refused(INVALID)."""
    if not typed or typed.casefold() == ANYONE:
        raise Refused(Reason.INVALID)
    if typed.startswith(GROUP):
        return await services.sharing.identifier(typed)
    if await services.directory.find(typed) is not None:
        return await services.sharing.identifier(typed)
    return await services.sharing.identifier(GROUP + typed)


async def _set(
    services: Services, visit: Visit, name: str, identifier: str, rights: Rights, *, negative: bool = False
) -> None:
    viewer = Viewer(visit.account_id)
    await services.store.write(access.change, viewer, name, identifier, "=", rights, visit.origin, negative=negative)
