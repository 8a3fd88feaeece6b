"""Distribution lists and functional boxes: all of them, the sheet of one, its members, owners and holders."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from directory.lists import list_details, rosters
from directory.lists.rosters import ListChange, ListSettings, NewList
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import search_key
from mailserver.model.identity import Answers, ListKind, Writers
from mailserver.store.mail import access
from mailserver.store.mail.access.rights import WORDS
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from webui.admin.access import origin
from webui.admin.console_page import Top, done, stamp, top, words
from webui.admin.words.import_reasons import told
from webui.lists import terms
from webui.page.context import Services, Visit
from webui.page.paging import numbered
from webui.page.rendering import redirect

PER_PAGE = 100
SHOWN_MEMBERS = 500
SHOWN_ACTS = 50
MAX_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class ListsPage:
    """Lists, or boxes, that were found."""

    top: Top
    boxes: bool
    query: str
    entries: tuple[ListEntry, ...]
    found: int
    page: int
    pages: int
    external: bool
    form: dict[str, str]


@dataclass(frozen=True, slots=True)
class ListPage:
    """One list."""

    top: Top
    entry: ListEntry
    owners: str
    named: str
    members: tuple[str, ...]
    count: int
    writers: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str], ...]
    last_day: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds a functional box."""

    address: str
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class ActRow:
    """What somebody did in a box."""

    at: str
    login: str
    act: str
    mailbox: str
    messages: int
    detail: str


@dataclass(frozen=True, slots=True)
class BoxPage:
    """One functional box."""

    top: Top
    entry: ListEntry
    owners: str
    holders: tuple[Holder, ...]
    rights: tuple[tuple[str, str], ...]
    acts: tuple[ActRow, ...]


def _list_settings(services: Services) -> ListSettings:
    return ListSettings.of(services.settings)


async def show_lists(services: Services, visit: Visit) -> Response:
    """GET /admin/listes."""
    return await _overview(services, visit, boxes=False)


async def show_boxes(services: Services, visit: Visit) -> Response:
    """GET /admin/boites."""
    return await _overview(services, visit, boxes=True)


async def _overview(
    services: Services, visit: Visit, *, boxes: bool, fault: str = "", form: dict[str, str] | None = None
) -> Response:
    query = visit.query("q").strip()[:100]
    wanted = [search_key(word) for word in query.split()[:6]]
    external = services.settings.ldap is not None
    entries = [] if external else await services.store.read(lists.listing)
    found = [
        entry
        for entry in entries
        if (entry.kind is ListKind.FUNCTION) == boxes
        and all(word in search_key(f"{entry.address} {entry.name} {entry.uai}") for word in wanted)
    ]
    part = numbered(visit, found, PER_PAGE)
    page = ListsPage(
        top(visit, "boites" if boxes else "listes", fault),
        boxes,
        query,
        tuple(part.shown),
        len(found),
        part.number,
        part.pages,
        external,
        form or dict.fromkeys(("adresse", "nom", "etablissement", "detenteurs"), ""),
    )
    return services.pages.answer(visit, "admin/directory/lists.html", page, 422 if fault else 200)


# ---------------------------------------------------------------------- a list


async def one(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/listes/{address}: a box's is its own page. Raises Refused(NOT_FOUND)."""
    entry = await services.store.read(rosters.require, _address(visit))
    if entry.kind is ListKind.FUNCTION:
        return redirect(visit, f"/admin/boites/{entry.address}")
    _ = visit._
    details = await services.store.read(list_details.of_list, entry, SHOWN_MEMBERS)
    page = ListPage(
        top(visit, "listes", fault),
        entry,
        "\n".join(details.owners),
        "\n".join(details.named),
        tuple(details.members),
        details.count,
        (
            (Writers.ANYONE.value, _("tout le monde, même de l’extérieur")),
            (Writers.HOUSE.value, _("toute personne de l’académie")),
            (Writers.PERSONNEL.value, _("les personnels (pas les élèves)")),
            (Writers.STAFF.value, _("les personnels administratifs")),
            (Writers.MEMBERS.value, _("les membres de la liste")),
            (Writers.OWNERS.value, _("les propriétaires seulement")),
        ),
        terms.answer_choices(visit),
        terms.last_day(services, entry),
    )
    return services.pages.answer(visit, "admin/directory/list.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/listes/{address}: the button says what."""
    entry = await services.store.read(rosters.require, _address(visit))
    form, list_settings, by = visit.form, _list_settings(services), origin(visit)
    try:
        match form.text("faire"):
            case "regler":
                change = ListChange(
                    name=form.text("nom"),
                    writers=Writers(form.text("ecrire")),
                    moderated=form.has("moderee"),
                    hidden_members=form.has("cachee"),
                    owners=_addresses(form.text("proprietaires")),
                    named=_addresses(form.text("nommes")),
                    answers=Answers(form.text("reponses")) if form.has("reponses") else None,
                    ends=terms.end(services, form.text("dernier_jour").strip()) if form.has("dernier_jour") else None,
                )
                await services.store.write(rosters.change, list_settings, entry.address, change, by)
            case "membres":
                add, remove = _addresses(form.text("ajouter")), _addresses(form.text("retirer"))
                await services.store.write(rosters.edit_checked, list_settings, entry.address, add, remove, by)
            case "supprimer":
                count = (await services.store.read(list_details.of_list, entry, SHOWN_MEMBERS)).count
                if form.text("nombre").strip() != str(count):
                    text = visit._("Pour supprimer cette liste, tapez le nombre de ses membres : %(n)s.")
                    return await one(services, visit, text % {"n": count})
                await services.store.write(rosters.delete, entry.address, by)
                return redirect(visit, "/admin/listes", **done("liste-supprimee"))
            case _:
                raise Refused(Reason.INVALID)
    except ValueError:
        return await one(services, visit, words(visit, Refused(Reason.INVALID)))
    except Refused as refusal:
        return await one(services, visit, words(visit, refusal))
    return redirect(visit, f"/admin/listes/{entry.address}", **done("liste"))


# ---------------------------------------------------------------------- a box


async def box(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/boites/{address}. Raises Refused(NOT_FOUND)."""
    entry = await services.store.read(rosters.require, _address(visit))
    if entry.kind is not ListKind.FUNCTION:
        raise Refused(Reason.NOT_FOUND)
    details = await services.store.read(list_details.of_box, entry, SHOWN_ACTS)
    page = BoxPage(
        top(visit, "boites", fault),
        entry,
        "\n".join(details.owners),
        tuple(Holder(address, frozenset(said.split())) for address, said in details.holders.items()),
        _rights(visit),
        tuple(_act_row(visit, one, login) for one, login in details.acts),
    )
    return services.pages.answer(visit, "admin/directory/box.html", page, 422 if fault else 200)


def _rights(visit: Visit) -> tuple[tuple[str, str], ...]:
    _ = visit._
    told = {"read": _("lire"), "write": _("classer"), "manage": _("gérer"), "send": _("écrire en son nom")}
    return tuple((word, told[word]) for word in WORDS)


def _act_row(visit: Visit, one: access.Act, login: str) -> ActRow:
    """What somebody did in the box, in words."""
    _ = visit._
    words = {
        "append": _("dépôt"),
        "copy in": _("copie reçue"),
        "move out": _("déplacement"),
        "replace": _("remplacement"),
        "flags": _("marques"),
        "expunge": _("effacement"),
        "create": _("dossier créé"),
        "delete": _("dossier supprimé"),
        "rename": _("dossier renommé"),
        "annotate": _("annotation"),
        "send": _("envoi"),
    }
    what = words.get(one.act, one.act)
    return ActRow(stamp(visit, one.at), login, what, one.mailbox, one.messages, told(visit, one.detail))


async def make_box(services: Services, visit: Visit) -> Response:
    """POST /admin/boites: a functional box, its first holders read, file and write in its name."""
    form = visit.form
    names = ("adresse", "nom", "etablissement", "detenteurs")
    kept = {name: form.text(name)[:MAX_TEXT].strip() for name in names}
    try:
        wanted = NewList(
            address=rosters.canonical(_whole(services, kept["adresse"])),
            name=kept["nom"],
            members=_addresses(kept["detenteurs"], services),
            uai=kept["etablissement"],
            kind=ListKind.FUNCTION,
        )
        await services.store.write(rosters.make, _list_settings(services), wanted, origin(visit))
    except Refused as refusal:
        return await _overview(services, visit, boxes=True, fault=words(visit, refusal), form=kept)
    return redirect(visit, f"/admin/boites/{wanted.address}", **done("boite"))


async def act_box(services: Services, visit: Visit) -> Response:
    """POST /admin/boites/{address}: holders with their rights; who has none is taken off."""
    entry = await services.store.read(rosters.require, _address(visit))
    form, list_settings, by = visit.form, _list_settings(services), origin(visit)
    held = dict(await services.store.read(lists.holders, entry.address))
    try:
        match form.text("faire"):
            case "detenteurs":
                wanted = {}
                for place, address in enumerate(form.every("detenteur")[:200]):
                    if address in held and (said := set(form.every(f"droits-{place}")) & WORDS.keys()):
                        wanted[address] = sorted(said)
                new = _addresses(form.text("nouveau"), services)
                rights = sorted(set(form.every("droits-nouveau")) & WORDS.keys())
                if new and not rights:
                    raise Refused(Reason.INVALID)
                wanted.update(dict.fromkeys(new, rights))
                removed = tuple(address for address in held if address not in wanted)
                await services.store.write(rosters.hold, list_settings, entry.address, wanted, removed, by)
            case "supprimer":
                if form.text("nombre").strip() != str(len(held)):
                    text = visit._("Pour supprimer cette boîte, tapez le nombre de ses détenteurs : %(n)s.")
                    return await box(services, visit, text % {"n": len(held)})
                await services.store.write(rosters.delete, entry.address, by)
                return redirect(visit, "/admin/boites", **done("liste-supprimee"))
            case _:
                raise Refused(Reason.INVALID)
    except Refused as refusal:
        return await box(services, visit, words(visit, refusal))
    return redirect(visit, f"/admin/boites/{entry.address}", **done("detenteurs"))


# ---------------------------------------------------------------------- shared


def _address(visit: Visit) -> str:
    return str(visit.request.path_params["address"])[:320]


def _whole(services: Services, text: str) -> str:
    return text if "@" in text or not text else f"{text}@{services.settings.domain}"


def _addresses(text: str, services: Services | None = None) -> tuple[str, ...]:
    """Addresses as they are written in a field. Raises Refused(INVALID)."""
    parts: Sequence[str] = text[:MAX_TEXT].replace(",", " ").replace(";", " ").split()
    if services is not None:
        parts = [_whole(services, part) for part in parts]
    return tuple(dict.fromkeys(rosters.canonical(part) for part in parts))
