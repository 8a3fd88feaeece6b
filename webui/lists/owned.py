"""The academy's lists as their owners see them: policies, members, preview.

An owner is whoever has one of the list's owners' addresses; an administrator, where they may act as one
(`webui.page.administrators`), stands in for every owner, makes lists and says whom a living one finds. To everybody
else such a list is a page that does not exist.
"""

from dataclasses import dataclass, replace

from starlette.responses import Response

from directory.lists import owned_lists, rosters
from directory.lists.list_previews import Preview
from directory.lists.owned_lists import OwnedList
from directory.lists.rosters import ListSettings
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Role, Writers
from mailserver.store.people.mailing_lists.lists import ListEntry
from webui.http.offload import computed
from webui.lists import archive_notes, list_form, list_preview, terms
from webui.lists.list_form import Form
from webui.page.administrators import acting
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words.role_labels import role_choices

_LOOKS = ("apercu", "composer", "fichier")
"""Buttons that store nothing."""


@dataclass(frozen=True, slots=True)
class OwnedPage:
    """One list, or the one about to be made (`entry` None)."""

    frame: MailShell
    entry: ListEntry | None
    form: Form
    waiting: int
    may_query: bool
    writers: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str], ...]
    archives: tuple[tuple[str, str], ...]
    archive_days: int
    ended: str = ""
    """Since when it takes no more messages."""
    preview: Preview | None = None
    fault: str = ""
    added: int | None = None
    """How many members came from a file, none stored yet."""
    roles: tuple[tuple[str, str], ...] = ()


# ---------------------------------------------------------------------- who may


def may_make(services: Services, visit: Visit) -> bool:
    """Administrators make lists, where the directory is ours."""
    return acting(services, visit).role is Role.ADMIN and services.settings.ldap is None


async def lines(services: Services, visit: Visit) -> tuple[OwnedList, ...]:
    """The lists a person looks after."""
    return tuple(await services.store.read(owned_lists.listing, acting(services, visit)))


async def find(services: Services, visit: Visit) -> tuple[ListEntry, Form, int]:
    """The list of the address, its form, and how many messages wait. Raises Refused(NOT_FOUND) for anybody else."""
    address = rosters.canonical(str(visit.request.path_params["address"]))
    found = await services.store.read(owned_lists.find, acting(services, visit), address)
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    return found.entry, list_form.filled(services, visit, found), found.waiting


# ---------------------------------------------------------------------- one list


async def show_list(services: Services, visit: Visit) -> Response:
    """GET /liste/{address}: its policies, members, and whom it finds now."""
    entry, form, waiting = await find(services, visit)
    return await _answer(
        services, visit, entry, form, waiting, await list_preview.of_list(services, visit, entry.address)
    )


async def change(services: Services, visit: Visit) -> Response:
    """POST /liste/{address}: save what is changed, look at a query first, or delete."""
    entry, before, waiting = await find(services, visit)
    action = visit.form.text("faire")
    if action == "supprimer":
        return await _delete(services, visit, entry, before, waiting)
    form = list_form.posted(visit, before, may_query=may_make(services, visit))
    try:
        if action in _LOOKS:
            return await _look(services, visit, entry, form, waiting)
        if form.state and form.state != before.state:
            form = replace(form, state=before.state)
            fault = terms.changed_meanwhile(visit, before.members, form.members)
            return await _answer(services, visit, entry, form, waiting, None, fault)
        list_settings = ListSettings.of(services.settings)
        wanted = list_form.changed(services, form, entry)
        members = await computed(len(form.members), list_form.members, list_settings, entry, before, form)
        older = await services.store.write(
            owned_lists.save, list_settings, entry.address, wanted, members, visit.origin
        )
    except Refused as refusal:
        return await _answer(services, visit, entry, form, waiting, None, list_form.fault(visit, refusal))
    what = done("archives-ouvertes", older) if older else done("liste-gardee")
    return redirect(visit, f"{visit.base}/liste/{entry.address}", **what)


async def _look(services: Services, visit: Visit, entry: ListEntry | None, form: Form, waiting: int) -> Response:
    """Nothing is stored yet: members from a file, a query from choices, or whom the query finds. Raises Refused."""
    action = visit.form.text("faire")
    if action == "fichier":
        added = await list_preview.from_file(visit)
        held_already = {one.casefold() for one in form.members.split()}
        new = [one for one in added if one.casefold() not in held_already]
        form = replace(form, members="\n".join(filter(None, (form.members.rstrip(), *new))))
        return await _answer(services, visit, entry, form, waiting, None, added=len(new))
    if action == "composer" and may_make(services, visit):
        form = replace(form, query=list_preview.composed(visit) or form.query)
    preview = await list_preview.of_query(services, visit, form.query)
    return await _answer(services, visit, entry, form, waiting, preview)


async def _delete(services: Services, visit: Visit, entry: ListEntry, form: Form, waiting: int) -> Response:
    if not may_make(services, visit):
        raise Refused(Reason.FORBIDDEN)
    if not visit.form.has("confirme"):
        fault = visit._("Cochez la case pour confirmer la suppression.")
        return await _answer(services, visit, entry, form, waiting, None, fault)
    await services.store.write(rosters.delete, entry.address, visit.origin)
    return redirect(visit, f"{visit.base}/listes", **done("liste-supprimee"))


# ---------------------------------------------------------------------- a new list


async def begin(services: Services, visit: Visit) -> Response:
    """GET /liste: the form for a new list."""
    if not may_make(services, visit):
        raise Refused(Reason.NOT_FOUND)
    return await _answer(services, visit, None, Form(owners=visit.principal.address), 0, None)


async def create(services: Services, visit: Visit) -> Response:
    """POST /liste: look at a query, or make the list."""
    if not may_make(services, visit):
        raise Refused(Reason.NOT_FOUND)
    form = list_form.posted(visit, Form(), may_query=True)
    try:
        if visit.form.text("faire") in _LOOKS:
            return await _look(services, visit, None, form, 0)
        wanted = list_form.new(services, form)
        await services.store.write(rosters.make, ListSettings.of(services.settings), wanted, visit.origin)
    except Refused as refusal:
        return await _answer(services, visit, None, form, 0, None, list_form.fault(visit, refusal))
    return redirect(visit, f"{visit.base}/liste/{wanted.address}", **done("liste-faite"))


# ---------------------------------------------------------------------- shared


async def _answer(
    services: Services,
    visit: Visit,
    entry: ListEntry | None,
    form: Form,
    waiting: int,
    preview: Preview | None,
    fault: str = "",
    added: int | None = None,
) -> Response:
    _ = visit._
    writers = (
        (Writers.ANYONE.value, _("tout le monde, aussi de l’extérieur")),
        (Writers.HOUSE.value, _("les personnes de l’académie")),
        (Writers.PERSONNEL.value, _("les enseignants et les personnels")),
        (Writers.STAFF.value, _("les personnels administratifs")),
        (Writers.MEMBERS.value, _("ses membres")),
        (Writers.OWNERS.value, _("ses propriétaires")),
    )
    ended = entry.ended(visit.now) if entry is not None else 0
    page = OwnedPage(
        await surroundings(services, visit),
        entry,
        form,
        waiting,
        may_make(services, visit),
        writers,
        terms.answer_choices(visit),
        tuple((readers.value, words) for readers, words in archive_notes.readers(visit).items()),
        services.settings.lists.archive_days,
        visit.language.plain_date(ended) if ended else "",
        preview,
        fault,
        added,
        role_choices(visit),
    )
    return services.pages.answer(visit, "lists/owned.html", page, 422 if fault else 200)
