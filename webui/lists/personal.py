"""A person's own distribution lists, and the way to those they own: see, make, change, delete."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from directory.lists import membership, rosters
from directory.lists.membership import Received
from directory.lists.owned_lists import OwnedList
from directory.lists.rosters import ListSettings
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Archive
from mailserver.store.people.mailing_lists import personal_lists
from mailserver.store.people.mailing_lists.personal_lists import MAX_LISTS, MAX_MEMBERS, MAX_NAME, PersonalList
from webui.compose.addressing import recipients
from webui.compose.addressing.recipients import Question
from webui.lists import archive_notes, list_preview, owned, terms
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

MAX_TEXT = 120_000
"""Characters of the members' field: a thousand names with their addresses."""


@dataclass(frozen=True, slots=True)
class Row:
    """One of the person's lists and its address."""

    list: PersonalList
    address: str


@dataclass(frozen=True, slots=True)
class ListsPage:
    """All of them, and the lists of the academy that the person owns."""

    frame: MailShell
    rows: tuple[Row, ...]
    owned: tuple[OwnedList, ...]
    may_make: bool
    fault: str = ""
    name: str = ""
    members: str = ""
    questions: tuple[Question, ...] = ()
    limit: int = MAX_LISTS


@dataclass(frozen=True, slots=True)
class ListPage:
    """One of them, to change or delete."""

    frame: MailShell
    row: Row
    name: str
    members: str
    fault: str = ""
    questions: tuple[Question, ...] = ()
    dangling: tuple[str, ...] = ()
    """Members who are nobody any more."""
    changed: str = ""
    """What another window did."""
    state: str = ""
    """Of the list as the page shows it, or as whoever was told of another has seen it."""


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """The academy's lists that the person is in."""

    frame: MailShell
    received: tuple[Received, ...]
    readers: Mapping[Archive, str]
    """Who reads what they have sent on, in words."""
    openings: Mapping[str, str]
    """By address: that more people read it than before, where that is new."""


async def received(services: Services, visit: Visit) -> Response:
    """GET /listes/recues."""
    found = await _received(services, visit)
    openings = {one.address: archive_notes.opening(visit, one) for one in found}
    page = ReceivedPage(await surroundings(services, visit), found, archive_notes.readers(visit), openings)
    return services.pages.answer(visit, "lists/received.html", page)


async def choose(services: Services, visit: Visit) -> Response:
    """POST /listes/recues: a message a day of a list, or each."""
    if services.settings.ldap is not None:
        raise Refused(Reason.NOT_FOUND)
    address = visit.form.text("liste")[:320]
    digest = visit.form.text("rythme") == "jour"
    await services.store.write(membership.choose_digest, visit.principal, address, digest=digest)
    return redirect(visit, f"{visit.base}/listes/recues", **done("rythme-garde"))


async def show_lists(
    services: Services,
    visit: Visit,
    fault: str = "",
    name: str = "",
    members: str = "",
    questions: Sequence[Question] = (),
) -> Response:
    """GET /listes."""
    held = await services.store.read(personal_lists.listing, visit.account_id)
    page = ListsPage(
        await surroundings(services, visit),
        tuple(_row(services, visit, one) for one in held),
        await owned.lines(services, visit),
        owned.may_make(services, visit),
        fault,
        name,
        members,
        tuple(questions),
    )
    return services.pages.answer(visit, "lists/lists.html", page, 422 if fault or questions else 200)


async def lead(_services: Services, visit: Visit) -> Response:
    """GET /listes without an interface: to that of the session."""
    return redirect(visit, f"{visit.base}/listes")


async def create(services: Services, visit: Visit) -> Response:
    """POST /listes: a new list."""
    name, text = _typed(visit)
    if visit.form.text("faire") == "fichier":
        return await show_lists(services, visit, "", name, await _from_file(visit, text))
    field = await recipients.look(services, visit, text, limit=MAX_MEMBERS, own_lists=False)
    if field.questions:
        return await show_lists(services, visit, "", name, field.text, field.questions)
    try:
        addresses = _addresses(field.people)
        await services.store.write(personal_lists.create, visit.account_id, name, addresses)
    except Refused as refusal:
        return await show_lists(services, visit, _fault(visit, refusal), name, field.text)
    return redirect(visit, f"{visit.base}/listes", **done("liste-faite"))


async def one(
    services: Services,
    visit: Visit,
    fault: str = "",
    name: str | None = None,
    members: str = "",
    questions: Sequence[Question] = (),
    changed: str = "",
    state: str = "",
) -> Response:
    """GET /listes/{list}: one list."""
    list_id = int(visit.request.path_params["list"])
    found = await services.store.read(personal_lists.get, visit.account_id, list_id)
    held = await services.store.read(personal_lists.members, visit.account_id, list_id)
    if name is None:
        name, members, state = found.name, "\n".join(held), _state(found, held)
    lost: list[str] = []
    if services.settings.ldap is None:
        list_settings = ListSettings.of(services.settings)
        lost = await services.store.read(membership.dangling, list_settings, held)
    page = ListPage(
        await surroundings(services, visit),
        _row(services, visit, found),
        name,
        members,
        fault,
        tuple(questions),
        tuple(lost),
        changed,
        state or visit.form.text("etat")[:64],
    )
    return services.pages.answer(visit, "lists/list.html", page, 422 if fault or changed or questions else 200)


async def change(services: Services, visit: Visit) -> Response:
    """POST /listes/{list}: save, or delete."""
    list_id = int(visit.request.path_params["list"])
    if visit.form.text("faire") == "supprimer":
        if not visit.form.has("confirme"):
            return await one(services, visit, visit._("Cochez la case pour confirmer la suppression."))
        await services.store.write(personal_lists.remove, visit.account_id, list_id)
        return redirect(visit, f"{visit.base}/listes", **done("liste-supprimee"))
    name, text = _typed(visit)
    if visit.form.text("faire") == "fichier":
        return await one(services, visit, "", name, await _from_file(visit, text))
    field = await recipients.look(services, visit, text, limit=MAX_MEMBERS, own_lists=False)
    if field.questions:
        return await one(services, visit, "", name, field.text, field.questions)
    try:
        addresses = _addresses(field.people)
        found = await services.store.read(personal_lists.get, visit.account_id, list_id)
        held = await services.store.read(personal_lists.members, visit.account_id, list_id)
        seen, state = visit.form.text("etat"), _state(found, held)
        if seen and seen != state:
            said = terms.changed_elsewhere(visit, held, addresses)
            return await one(services, visit, "", name, field.text, changed=said, state=state)
        await services.store.write(personal_lists.change, visit.account_id, list_id, name, addresses)
    except Refused as refusal:
        return await one(services, visit, _fault(visit, refusal), name, field.text)
    return redirect(visit, f"{visit.base}/listes", **done("liste-gardee"))


async def _received(services: Services, visit: Visit) -> tuple[Received, ...]:
    """The academy's lists that the person is in, where the directory is ours."""
    if services.settings.ldap is not None:
        return ()
    list_settings = ListSettings.of(services.settings)
    return tuple(
        await services.store.read_slow(visit.account_id, membership.received_by, list_settings, visit.principal)
    )


async def _from_file(visit: Visit, text: str) -> str:
    """The members with those of the file that was sent."""
    held = {one.casefold() for one in text.split()}
    added = [one for one in await list_preview.from_file(visit) if one.casefold() not in held]
    return "\n".join(filter(None, (text.rstrip(), *added)))[:MAX_TEXT]


def _row(services: Services, visit: Visit, one: PersonalList) -> Row:
    return Row(one, one.address(visit.principal.login, services.settings.domain))


def _state(found: PersonalList, held: Sequence[str]) -> str:
    """What a list is at the moment: it may be open in two windows."""
    return hashlib.sha256(repr((found.name, held)).encode("utf-8", "replace")).hexdigest()[:16]


def _typed(visit: Visit) -> tuple[str, str]:
    form = visit.form
    return " ".join(form.text("nom").split())[:MAX_NAME], form.text("membres").replace("\r\n", "\n")[:MAX_TEXT]


def _addresses(people: Sequence[Correspondent]) -> list[str]:
    """The addresses as lists keep them."""
    return list(dict.fromkeys(rosters.canonical(person.address) for person in people))


def _fault(visit: Visit, refusal: Refused) -> str:
    _ = visit._
    texts = {
        Reason.CONFLICT: _("Une de vos listes porte déjà ce nom."),
        Reason.INVALID: _("Donnez un nom d’une à cent lettres, avec au moins une lettre sans accent ou un chiffre."),
        Reason.LIMIT: _("C’est trop : au plus 200 listes de 1 000 membres chacune."),
    }
    if refusal.reason not in texts:
        raise refusal
    return texts[refusal.reason]
