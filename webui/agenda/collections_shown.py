"""A person's collections as the agenda pages show them: a name, a colour of our palette, and a letter beside it."""

import colorsys
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mailserver.model.account.preferences import AGENDA_COLOURS
from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_grants, agendas
from mailserver.store.agenda.agenda_grants import Reach, Role
from mailserver.store.agenda.agendas import COLOUR, COMPONENTS, DISPLAY_NAME, Collection
from webui.http.forms import positive
from webui.page.context import Visit

EVENTS, TASKS = "VEVENT", "VTODO"
PALETTE: Final[tuple[tuple[str, str], ...]] = tuple(
    zip(
        AGENDA_COLOURS,
        ("#1c4f8f", "#1b6b45", "#6a3d9a", "#8a4b14", "#a3191c", "#0f6a73", "#a12a6a", "#4f5868"),
        strict=True,
    )
)
"""Names of style classes; the colours are what other clients are told. Each has its pair in the dark."""
MAX_NAME = 100
_HEX = re.compile(r"#([0-9a-fA-F]{6})")
GREYISH = 0.18
"""Saturation below which a colour is a grey."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One agenda."""

    id: int
    path: str
    """Segment of its CalDAV address."""
    name: str
    colour: str
    letter: str
    shown: bool
    events: bool
    tasks: bool
    items: int
    modseq: int
    read_only: bool = False
    """What is in it comes from elsewhere; or it is shared to be read."""
    owner: str = ""
    """The name of whoever shares it; empty: it is one's own."""
    addresses: frozenset[str] = frozenset()
    """The owner's, folded: what they organize is theirs."""
    times_only: bool = False
    """Of what is in it the times alone are shown."""
    others: int = 0
    """With how many people one shares it."""
    subscribed: bool = False
    """True when it is filled from a web address."""

    @property
    def label(self) -> str:
        """Its name, and whose it is."""
        return f"{self.name} ({self.owner})" if self.owner else self.name

    @property
    def shareable(self) -> bool:
        """True for one's own, which others may be let into."""
        return not self.owner and not self.read_only


def arranged(
    visit: Visit, reaches: Sequence[Reach], owners: Mapping[str, Principal], counts: Mapping[int, int]
) -> tuple[Shelf, ...]:
    """The calendars among the collections, own ones first, oldest first, each with a letter of its own.

    `owners`: people by identifier; `counts`: with how many each is shared.
    """
    hidden = {positive(number) for number in visit.preferences.hidden_agendas.split(",")}
    shelves: list[Shelf] = []
    for reach in reaches:
        if reach.held.tag in (agendas.CALENDAR, agendas.SUBSCRIPTION):
            shelf = _shelf(reach, owners.get(reach.owner), shelves)
            others = counts.get(shelf.id, 0)
            shelves.append(replace(shelf, shown=shelf.id not in hidden, others=others))
    return tuple(shelves)


def _shelf(reach: Reach, principal: Principal | None, before: Sequence[Shelf]) -> Shelf:
    """One of them, beside those before."""
    held, takes = reach.held, reach.held.components
    name = " ".join(held.props.get(DISPLAY_NAME, "").split())[:MAX_NAME] or held.name[:MAX_NAME]
    owner = principal.name if principal is not None else reach.owner
    colour = nearest(reach.colour or held.props.get(COLOUR, ""))
    if reach.owner and not reach.colour:
        colour = _apart_from(colour, [shelf.colour for shelf in before])
    return Shelf(
        id=held.id,
        path=reach.name,
        name=name,
        colour=colour,
        letter=_letter(owner + name, {shelf.letter for shelf in before}),
        shown=True,
        events=not takes or EVENTS in takes,
        tasks=TASKS in takes,
        items=held.items,
        modseq=held.modseq,
        read_only=held.tag == agendas.SUBSCRIPTION or not reach.writable,
        owner=owner,
        addresses=frozenset(one.casefold() for one in addresses_of(principal)),
        times_only=reach.role is Role.TIMES,
        subscribed=bool(held.source),
    )


def _apart_from(colour: str, others: Sequence[str]) -> str:
    """A colour of the palette that the agendas before do not have, if there is one: nobody chose it for this reader."""
    return colour if colour not in others else unused(others, colour)


def unused(others: Sequence[str], otherwise: str = PALETTE[0][0]) -> str:
    """The first colour of the palette that these do not have; else the other one."""
    return next((name for name, _ in PALETTE if name not in others), otherwise)


def addresses_of(principal: Principal | None) -> tuple[str, ...]:
    """Every address of somebody."""
    return (principal.address, *principal.aliases) if principal is not None else ()


def _letter(name: str, taken: set[str]) -> str:
    """The first letter, of the owner's name and of the agenda's, that no other agenda has; else a number."""
    own = [char.upper() for char in name if char.isalnum()]
    most = agendas.MAX_COLLECTIONS + agenda_grants.MAX_RECEIVED
    numbers = (str(number) for number in range(1, most + 1))
    return next(mark for mark in (*own, *numbers) if mark not in taken)


def nearest(colour: str) -> str:
    """The colour of the palette that comes closest in hue to one another client chose."""
    match = _HEX.match(colour)
    if match is None:
        return PALETTE[0][0]
    hue, saturation = _hue(match[1])
    if saturation < GREYISH:
        return "gris"
    return min((pair for pair in PALETTE if pair[0] != "gris"), key=lambda pair: _apart(hue, _hue(pair[1][1:])[0]))[0]


def colour_names(visit: Visit) -> tuple[tuple[str, str], ...]:
    """The palette with its names in the reader's language."""
    _ = visit._
    names = (_("Bleu"), _("Vert"), _("Violet"), _("Brun"), _("Rouge"), _("Sarcelle"), _("Rose"), _("Gris"))
    return tuple(zip(AGENDA_COLOURS, names, strict=True))


def hex_of(name: str) -> str:
    """What other clients are told of a palette's colour; opaque, as Apple's clients write it."""
    return f"{dict(PALETTE).get(name, PALETTE[0][1])}ff"


def _hue(text: str) -> tuple[float, float]:
    red, green, blue = (int(text[at : at + 2], 16) / 255 for at in (0, 2, 4))
    hue, _lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    return hue, saturation


def _apart(one: float, other: float) -> float:
    return min(abs(one - other), 1 - abs(one - other))


def described(held: Collection, name: str, colour: str) -> dict[str, str]:
    """The properties of a collection with another name and colour; the others stay."""
    return {**held.props, DISPLAY_NAME: name, COLOUR: hex_of(colour)}


def fresh(name: str, colour: str) -> dict[str, str]:
    """The properties of a new agenda."""
    return {DISPLAY_NAME: name, COLOUR: hex_of(colour), COMPONENTS: EVENTS}
