"""Very many recipients in words: how many they are and who, as pages show it before a message leaves and after."""

from dataclasses import dataclass

from mailserver.model.identity import Population
from mailserver.store.queue.mailings.mailing_counts import Reach
from webui.page.context import Visit


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who gets a message."""

    people: int
    outside: int
    populations: tuple[tuple[str, int], ...]
    schools: tuple[tuple[str, int], ...]
    other_schools: tuple[int, int]
    without_school: int
    names: tuple[str, ...]
    held: tuple[str, ...]


def crowd(visit: Visit, reach: Reach, people: int, outside: int) -> Crowd:
    """The same in the reader's language."""
    _ = visit._
    words = {
        Population.PUPIL.value: _("Élèves"),
        Population.TEACHER.value: _("Enseignants"),
        Population.STAFF.value: _("Personnels"),
        Population.OUTSIDE.value: _("Extérieurs"),
        "": _("Boîtes fonctionnelles et autres"),
    }
    return Crowd(
        people,
        outside,
        tuple((words.get(name, name), count) for name, count in reach.populations),
        reach.schools,
        reach.other_schools,
        reach.without_school,
        reach.names,
        reach.held,
    )
