"""School classes and their colours: the one the person chose, else one that follows from the name.

Classes of one level have different colours, and so have those of one letter; what comes from a name is the same in
every week. Events of others keep the colour of their agenda: the hatching says whose they are.
"""

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.calendars.occurrences import Occurrence
from mailserver.model.account.preferences import AGENDA_COLOURS, MAX_CLASSES, NO_COLOUR, are_class_colours
from mailserver.model.errors import BadSyntax
from mailserver.store.account import stored_preferences
from webui.agenda import event_items, words
from webui.agenda.collections_shown import Shelf, colour_names
from webui.agenda.event_items import Desk, home
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

_HUES = AGENDA_COLOURS[:-1]
_LEVEL = re.compile(r"[3-6]|2|1")
DAYS_AROUND = 60
"""How far before and after today the page of classes looks for them."""


@dataclass(frozen=True, slots=True)
class SchoolClass:
    """A class and the colour of its events."""

    name: str
    colour: str
    chosen: str = ""


@dataclass(frozen=True, slots=True)
class ClassesPage:
    """Every class, and a choice of colours for each."""

    frame: object
    desk: Desk
    home: str
    view: str
    classes: tuple[SchoolClass, ...]
    colours: tuple[tuple[str, str], ...]
    done: str = ""


def colour_of(visit: Visit, shelf: Shelf, one: Occurrence) -> str:
    """The colour of an event: that of its class, or of its agenda."""
    if shelf.owner or not one.school_class:
        return shelf.colour
    colour = _chosen(visit, one.school_class)
    return shelf.colour if colour == NO_COLOUR else colour or usual(one.school_class)


def shown(visit: Visit, name: str) -> str:
    """The colour of a class's name where it stands by itself."""
    colour = _chosen(visit, name)
    return "gris" if colour == NO_COLOUR else colour or usual(name)


def _chosen(visit: Visit, name: str) -> str:
    return dict(visit.preferences.class_colours).get(name, "")


def usual(name: str) -> str:
    """The colour of a class nobody chose one for."""
    level = _LEVEL.match(name)
    first = int(level[0]) * 2 if level else sum(map(ord, name.split(" ", maxsplit=1)[0]))
    return _HUES[(first + sum(map(ord, name.rpartition(" ")[2])) - ord("A")) % len(_HUES)]


def met(visit: Visit, place: Desk, found: Iterable[Occurrence]) -> tuple[SchoolClass, ...]:
    """The classes of these events of one's own, from the youngest to the oldest; at most as many as can be kept."""
    own = {shelf.id: shelf for shelf in place.shelves if not shelf.owner}
    names = {one.school_class for one in found if one.collection_id in own and one.school_class}
    return tuple(
        SchoolClass(name, shown(visit, name), _chosen(visit, name)) for name in sorted(names, key=_rank)[:MAX_CLASSES]
    )


def _rank(name: str) -> tuple[int, str]:
    """CP to CM2, then sixth to last form."""
    level = _LEVEL.match(name)
    if level:
        return (10 - int(level[0]), name)
    return (0 if name.startswith("C") else 11, name)


async def show_classes(services: Services, visit: Visit) -> Response:
    """GET /agenda/classes."""
    place = await event_items.desk(services, visit)
    today = words.today(visit)
    around = datetime.timedelta(days=DAYS_AROUND)
    expansion, _missing = await event_items.occurrences(services, visit, place, today - around, today + around)
    page = ClassesPage(
        place.frame, place, home(visit), "", met(visit, place, expansion.occurrences), colour_names(visit)
    )
    return services.pages.answer(visit, "agenda/classes.html", page)


async def choose(services: Services, visit: Visit) -> Response:
    """POST /agenda/classes: the colours of those that are named; what was chosen for others stays."""
    kept = dict(visit.preferences.class_colours)
    names, colours = visit.form.every("classe"), visit.form.every("couleur")
    if len(names) != len(colours) or len(names) > MAX_CLASSES:
        raise BadSyntax("As many colours as classes")
    for name, colour in zip(names, colours, strict=True):
        kept.pop(name, None)
        if are_class_colours(((name, colour),)):
            kept[name] = colour
    newest = tuple(kept.items())[-MAX_CLASSES:]
    await services.store.write(stored_preferences.revise_preferences, visit.account_id, {"class_colours": newest})
    return redirect(visit, home(visit), agenda="affichage", _at="annonce")
