"""Agendas: make, rename, colour, delete, show and hide; and how the pages look."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.calendars.school import school_holidays
from mailserver.model.account.preferences import AGENDA_COLOURS
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import stored_preferences
from mailserver.store.agenda import agenda_feeds, agenda_grants, agendas
from mailserver.store.agenda.agendas import CALENDAR, Collection
from webui import granting
from webui.agenda import event_items
from webui.agenda.calendars import feed_state
from webui.agenda.collections_shown import MAX_NAME, Shelf, colour_names, described, fresh, hex_of
from webui.agenda.event_items import Desk, home
from webui.agenda.flash_texts import announcement
from webui.page.context import Services, Visit
from webui.page.rendering import redirect
from webui.public.pages import addresses


@dataclass(frozen=True, slots=True)
class ShelvesPage:
    """All agendas, and the form of a new one."""

    frame: object
    desk: Desk
    home: str
    view: str
    colours: tuple[tuple[str, str], ...]
    feeds: Mapping[int, feed_state.Told]
    name: str = ""
    colour: str = AGENDA_COLOURS[0]
    fault: str = ""
    asked: feed_state.Asked = feed_state.NOTHING
    done: str = ""


@dataclass(frozen=True, slots=True)
class ShelfPage:
    """One agenda."""

    frame: object
    desk: Desk
    home: str
    view: str
    shelf: Shelf
    caldav: str
    colours: tuple[tuple[str, str], ...]
    name: str
    colour: str
    feed: feed_state.Told | None
    done: str = ""
    fault: str = ""
    erase_fault: str = ""
    import_fault: str = ""


async def show_agendas(
    services: Services, visit: Visit, name: str = "", fault: str = "", asked: feed_state.Asked = feed_state.NOTHING
) -> Response:
    """GET /agenda/agendas."""
    place = await event_items.desk(services, visit)
    feeds = await services.store.read(agenda_feeds.listing, visit.account_id)
    page = ShelvesPage(
        place.frame,
        place,
        home(visit),
        "",
        colour_names(visit),
        {number: feed_state.told(visit, feed) for number, feed in feeds.items()},
        name,
        visit.form.text("couleur") or AGENDA_COLOURS[0],
        fault,
        asked,
        announcement(visit),
    )
    return services.pages.answer(visit, "agenda/collections.html", page, 422 if fault or asked.fault else 200)


async def create(services: Services, visit: Visit) -> Response:
    """POST /agenda/agendas: a new one, under a name in its address that nobody has to type."""
    name, colour = _typed(visit)
    if not name:
        return await show_agendas(
            services, visit, name, visit._("Donnez un nom à l’agenda, de 100 caractères au plus.")
        )
    segment = services.clock.token(8).hex()
    try:
        await services.store.write(agendas.create, visit.account_id, segment, CALENDAR, fresh(name, colour))
    except Refused as refused:
        if refused.reason is not Reason.LIMIT:
            raise
        return await show_agendas(services, visit, name, visit._("C’est trop : un compte a cent collections au plus."))
    return redirect(visit, f"{home(visit)}/agendas", agenda="agenda-cree", _at="annonce")


async def one(services: Services, visit: Visit, **faults: str) -> Response:
    """GET /agenda/agendas/{shelf}."""
    place = await event_items.desk(services, visit)
    shelf = place.shelf(int(visit.request.path_params["shelf"]))
    feeds = await services.store.read(agenda_feeds.listing, visit.account_id) if shelf.subscribed else {}
    at = addresses(services.settings)
    port = f":{at.https}" if at.https != 443 else ""
    page = ShelfPage(
        place.frame,
        place,
        home(visit),
        "",
        shelf,
        f"https://{at.host}{port}/dav/{visit.principal.login}/{shelf.path}/",
        colour_names(visit),
        visit.form.text("nom") or shelf.name,
        visit.form.text("couleur") or shelf.colour,
        feed_state.told(visit, feeds[shelf.id]) if shelf.id in feeds else None,
        announcement(visit),
        **faults,
    )
    return services.pages.answer(visit, "agenda/collection.html", page, 422 if faults else 200)


async def change(services: Services, visit: Visit) -> Response:
    """POST /agenda/agendas/{shelf}: rename and colour, or delete with everything in it; leave what others share."""
    held = await held_of(services, visit)
    if held is None:
        return await _change_received(services, visit)
    if held.source and visit.form.text("faire") == "desabonner":
        await services.store.write(agendas.drop, visit.account_id, held.id)
        return redirect(visit, f"{home(visit)}/agendas", agenda="desabonne", _at="annonce")
    if visit.form.text("faire") == "supprimer":
        name = held.props.get(agendas.DISPLAY_NAME, "") or held.name
        if " ".join(visit.form.text("confirme").split()).casefold() != " ".join(name.split()).casefold():
            fault = visit._("Recopiez le nom de l’agenda pour confirmer : tous ses événements seront supprimés.")
            return await one(services, visit, erase_fault=fault)
        seen = visit.form.number("vu")
        await services.store.write(agendas.drop, visit.account_id, held.id, seen or None)
        return redirect(visit, f"{home(visit)}/agendas", agenda="agenda-supprime", _at="annonce")
    name, colour = _typed(visit)
    if not name:
        return await one(services, visit, fault=visit._("Donnez un nom à l’agenda, de 100 caractères au plus."))
    await services.store.write(agendas.describe, visit.account_id, held.id, described(held, name, colour))
    return redirect(visit, f"{home(visit)}/agendas", agenda="agenda-modifie", _at="annonce")


async def _change_received(services: Services, visit: Visit) -> Response:
    """What others share has the colour that one likes, until one leaves it. Raises Refused(NOT_FOUND)."""
    number = int(visit.request.path_params["shelf"])
    if visit.form.text("faire") == "quitter":
        await services.store.write(agenda_grants.leave, visit.account_id, number, visit.origin)
        return redirect(visit, f"{home(visit)}/agendas", agenda="agenda-quitte", _at="annonce")
    colour = hex_of(_typed(visit)[1])
    await services.store.write(agenda_grants.paint, visit.account_id, number, colour)
    return redirect(visit, f"{home(visit)}/agendas", agenda="agenda-modifie", _at="annonce")


async def held_of(services: Services, visit: Visit) -> Collection | None:
    """The collection the address names, if it is one of the account's own agendas, as it is kept."""
    wanted = int(visit.request.path_params["shelf"])
    found = await services.store.read(agendas.by_id, visit.account_id, wanted)
    return found if found is not None and found.tag != agendas.ADDRESS_BOOK else None


@dataclass(frozen=True, slots=True)
class SharePage:
    """Who else sees one agenda, and a form to let others in."""

    frame: object
    desk: Desk
    home: str
    view: str
    shelf: Shelf
    sharing: granting.Sharing
    done: str = ""


async def shared(services: Services, visit: Visit, asked: granting.Asked = granting.NOTHING) -> Response:
    """GET /agenda/agendas/{shelf}/partage."""
    place = await event_items.desk(services, visit)
    shelf = place.shelf(int(visit.request.path_params["shelf"]))
    if not shelf.shareable:
        raise Refused(Reason.NOT_FOUND, "Not one's own to share")
    sharing = await granting.sharing(services, visit, shelf.id, asked, granting.FOR_AGENDAS)
    page = SharePage(place.frame, place, home(visit), "", shelf, sharing, announcement(visit))
    return services.pages.answer(visit, "agenda/share.html", page, 422 if asked.fault else 200)


async def share(services: Services, visit: Visit) -> Response:
    """POST /agenda/agendas/{shelf}/partage."""
    held = await held_of(services, visit)
    if held is None:
        raise Refused(Reason.NOT_FOUND, "No such agenda")
    asked, did = await granting.change(services, visit, held)
    if asked is not None:
        return await shared(services, visit, asked)
    return redirect(visit, f"{home(visit)}/agendas/{held.id}/partage", agenda=did, _at="annonce")


async def display(services: Services, visit: Visit) -> Response:
    """POST /agenda/affichage: which agendas are shown, or how weeks look."""
    form = visit.form
    changes: dict[str, object] = {}
    if form.has("choix"):
        place = await event_items.desk(services, visit)
        ticked = set(form.numbers("montrer", agendas.MAX_COLLECTIONS + agenda_grants.MAX_RECEIVED))
        hidden = [str(shelf.id) for shelf in place.shelves if (shelf.events or shelf.tasks) and shelf.id not in ticked]
        changes["hidden_agendas"] = ",".join(hidden)
    else:
        zone = form.text("vacances")
        known = ("", *school_holidays.of(services.settings.directory).zones)
        changes = {
            "weekends": form.has("fin_de_semaine"),
            "day_begins": form.number("debut"),
            "day_ends": form.number("fin"),
            "week_a": form.number("semaine_a"),
            **({"school_zone": zone} if zone in known else {}),
        }
    await services.store.write(stored_preferences.revise_preferences, visit.account_id, changes)
    back = form.text("retour")
    return redirect(visit, back if back.startswith(f"{home(visit)}/") and len(back) < 100 else home(visit))


def _typed(visit: Visit) -> tuple[str, str]:
    colour = visit.form.text("couleur")
    name = " ".join(visit.form.text("nom").split())[:MAX_NAME]
    return name, colour if colour in AGENDA_COLOURS else AGENDA_COLOURS[0]
