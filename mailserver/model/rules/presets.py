"""Whole tables under a name: what `mailserver rules preset` sets. Each lists what is forbidden."""

from collections.abc import Mapping

from mailserver.model.identity import Population

PUPIL, OUTSIDE = Population.PUPIL, Population.OUTSIDE
_INSIDE = (Population.PUPIL, Population.TEACHER, Population.STAFF)

Table = frozenset[tuple[Population, Population]]

PRESETS: Mapping[str, Table] = {
    "open": frozenset(),
    "pupils-inside": frozenset({(PUPIL, OUTSIDE), (OUTSIDE, PUPIL)}),
    "pupils-supervised": frozenset({(PUPIL, OUTSIDE), (OUTSIDE, PUPIL), (PUPIL, PUPIL)}),
    "inside": frozenset(
        {*((population, OUTSIDE) for population in _INSIDE), *((OUTSIDE, population) for population in _INSIDE)}
    ),
}
"""`open`: everybody writes to everybody. `pupils-inside`: pupils and people outside do not write to each other.
`pupils-supervised`: and pupils write to teachers and staff only. `inside`: nothing leaves or enters."""
