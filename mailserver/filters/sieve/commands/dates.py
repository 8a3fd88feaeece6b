"""`date` and `currentdate` (RFC 5260)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from mailserver.filters.sieve.compiling import matching, sources
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, Tag, TestOf
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.grammar.tree import Words
from mailserver.filters.sieve.machine import Machine, Phrase, Test
from mailserver.mime.header import dates
from mailserver.texts.text import Text

_ZONE = re.compile(r"([+-])([0-9]{2})([0-5][0-9])")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MODIFIED_JULIAN = datetime(1858, 11, 17, tzinfo=UTC).toordinal()


def _zone(moment: datetime) -> str:
    offset = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
    sign = "-" if offset < 0 else "+"
    return f"{sign}{abs(offset) // 60:02d}{abs(offset) % 60:02d}"


def _iso8601(moment: datetime) -> str:
    zone = _zone(moment)
    return f"{moment:%Y-%m-%dT%H:%M:%S}{zone[:3]}:{zone[3:]}"


def _std11(moment: datetime) -> str:
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    day = _DAYS[moment.weekday()]
    return f"{day}, {moment.day:02d} {months[moment.month - 1]} {moment.year:04d} {moment:%H:%M:%S} {_zone(moment)}"


PARTS: dict[str, Callable[[datetime], str]] = {
    "year": lambda moment: f"{moment.year:04d}",
    "month": lambda moment: f"{moment.month:02d}",
    "day": lambda moment: f"{moment.day:02d}",
    "date": lambda moment: f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}",
    "julian": lambda moment: str(moment.toordinal() - _MODIFIED_JULIAN),
    "hour": lambda moment: f"{moment.hour:02d}",
    "minute": lambda moment: f"{moment.minute:02d}",
    "second": lambda moment: f"{moment.second:02d}",
    "time": lambda moment: f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}",
    "iso8601": _iso8601,
    "std11": _std11,
    "zone": _zone,
    "weekday": lambda moment: str((moment.weekday() + 1) % 7),
}
"""RFC 5260 section 4.2, none in the language of the machine."""

Zone = Callable[[Machine], tzinfo | None]


def _zone_of(compiler: Compiler, call: Call) -> Zone:
    """The zone of `:zone`; that of the account without it. Raises Fault."""
    words = call.tag_words("zone")
    if words is None:
        return lambda machine: machine.facts.now.tzinfo
    text = compiler.string(words)
    if isinstance(text, str):
        zone = parse_zone(text)
        if zone is None:
            raise Fault(words.at, Text("« {name} » n’est pas un fuseau, comme +0100.", name=text[:20]))
        return lambda machine: zone
    return lambda machine: parse_zone(text(machine))


def parse_zone(text: str) -> timezone | None:
    """`+0100` as a zone; None when it is none."""
    found = _ZONE.fullmatch(text)
    if found is None or int(found[2]) > 23:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)


def _part_of(compiler: Compiler, words: Words) -> Phrase:
    """The name of a part. Raises Fault."""
    name = compiler.string(words)
    if isinstance(name, str) and name.lower() not in PARTS:
        raise Fault(words.at, Text("« {name} » n’est pas une partie d’une date.", name=name[:20]))
    return compiler.phrase(words)


def _currentdate(compiler: Compiler, call: Call) -> Test:
    zone = _zone_of(compiler, call)
    part = _part_of(compiler, call.words(0))
    match = matching.matcher(compiler, call, call.words(1))

    def test(machine: Machine) -> bool:
        return _compare(machine, machine.facts.now, zone(machine), part(machine), match)

    return test


def _compare(machine: Machine, moment: datetime, zone: tzinfo | None, part: str, match: matching.Match) -> bool:
    made = PARTS.get(part.lower())
    if zone is None or made is None:
        return False
    try:
        moment = moment.astimezone(zone)
    except (OverflowError, ValueError):
        return False
    return match(machine, (made(moment),))


def _date(compiler: Compiler, call: Call) -> Test:
    names = sources.names(compiler, call, 0)
    fields = sources.source(call)
    zone = None if call.has("originalzone") else _zone_of(compiler, call)
    part = _part_of(compiler, call.words(1))
    match = matching.matcher(compiler, call, call.words(2))

    def test(machine: Machine) -> bool:
        for name in names.get(machine):
            for one in fields(machine, name.lower())[:1]:
                moment = read_date(one.decoded(machine.limits))
                machine.spend(4)
                if moment is not None:
                    wanted = moment.tzinfo if zone is None else zone(machine)
                    return _compare(machine, moment, wanted, part(machine), match)
        return match(machine, ())

    return test


def read_date(value: str) -> datetime | None:
    """The date that a field tells, in the zone that it was written in; where a `;` stands, as in Received, what follows
    the last one (RFC 5260 section 4)."""
    found = dates.parse(value.rpartition(";")[2])
    if found is None:
        return None
    try:
        return datetime.fromtimestamp(found.instant, timezone(timedelta(seconds=found.offset)))
    except (OverflowError, ValueError, OSError):
        return None


_ZONE_TAG = Tag("zone", Kind.STRING, group="zone")
TESTS = (
    TestOf(
        "date",
        _date,
        (Kind.STRING, Kind.STRING, Kind.STRINGS),
        (*matching.TAGS, _ZONE_TAG, Tag("originalzone", group="zone"), *sources.INDEX_TAGS, *sources.MIME_TAGS),
        extension="date",
    ),
    TestOf("currentdate", _currentdate, (Kind.STRING, Kind.STRINGS), (*matching.TAGS, _ZONE_TAG), extension="date"),
)
EXTENSIONS = ("date",)
