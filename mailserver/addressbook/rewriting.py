"""A vCard with what a person changed in it; every line that says the same as before stays as it was. Pure."""

import base64
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mailserver.addressbook import card as reading
from mailserver.addressbook.card import GROUP_KIND, GROUP_MEMBER, KINDS, UID_PREFIX, Card, Place, Value
from mailserver.addressbook.contentlines import Line, escape, joined, unescape

PRODUCT = "-//mailserver//contacts//FR"
Params = tuple[tuple[str, tuple[str, ...]], ...]


class _Lines:
    """The lines of a card while they are changed, by place."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines: list[Line | None] = list(lines)

    def at(self, *names: str) -> list[int]:
        """Where lines of these names stand."""
        return [place for place, line in enumerate(self.lines) if line is not None and line.name in names]

    @property
    def is_new(self) -> bool:
        """It is a vCard 4.0."""
        found = self.at("VERSION")
        line = self.lines[found[0]] if found else None
        return line is not None and line.value.strip() == "4.0"

    def drop(self, place: int) -> None:
        """A line goes, and with it what clients said about it (`item1.X-ABLabel`)."""
        line = self.lines[place]
        self.lines[place] = None
        if line is None or not line.group:
            return
        others = [other for other in self.lines if other is not None and other.group == line.group]
        if all(other.name.startswith("X-AB") for other in others):
            self.lines = [other for other in self.lines if other is None or other.group != line.group]

    def set(self, name: str, value: str, same: Callable[[Line], bool]) -> None:
        """The one line of this name; an empty value takes it away."""
        found = self.at(name)
        line = self.lines[found[0]] if found else None
        if line is not None and same(line):
            return
        if line is None:
            if value:
                self.lines.append(Line("", name, (), value))
        elif value:
            self.lines[found[0]] = replace(line, params=_without(line.params, "ENCODING", "CHARSET"), value=value)
        else:
            self.drop(found[0])


def rewrite(lines: Sequence[Line], wanted: Card, now: float) -> list[Line]:
    """The lines of a card that says what `wanted` says; without lines a new one (vCard 3.0, which every client reads).

    `wanted.has_photo` is not looked at: see `with_photo`.
    """
    held = _Lines(lines or (Line("", "VERSION", (), "3.0"), Line("", "PRODID", (), PRODUCT)))
    before = reading.read(lines)
    _texts(held, before, wanted)
    _values(held, "EMAIL", wanted.emails)
    _values(held, "TEL", wanted.phones)
    _values(held, "URL", wanted.sites)
    _places(held, wanted.places)
    if wanted.categories != before.categories:
        for place in reversed(held.at("CATEGORIES")):
            held.drop(place)
        if wanted.categories:
            held.lines.append(Line("", "CATEGORIES", (), joined(wanted.categories, ",")))
    _group(held, before, wanted)
    stamp = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    held.set("REV", stamp, lambda _: False)
    return [line for line in held.lines if line is not None]


def with_photo(lines: Sequence[Line], octets: bytes) -> list[Line]:
    """The card with this JPEG picture; with none when it is empty."""
    kept = [line for line in lines if line.name != "PHOTO"]
    if not octets:
        return kept
    encoded = base64.b64encode(octets).decode("ascii")
    if any(line.name == "VERSION" and line.value.strip() == "4.0" for line in lines):
        return [*kept, Line("", "PHOTO", (), f"data:image/jpeg;base64,{encoded}")]
    return [*kept, Line("", "PHOTO", (("ENCODING", ("b",)), ("TYPE", ("JPEG",))), encoded)]


def with_members(lines: Sequence[Line], became: Mapping[str, str]) -> list[Line]:
    """A group whose members are by now the cards of other UIDs; none stands in it twice."""
    kept: dict[tuple[str, str], Line] = {}
    for place, line in enumerate(lines):
        if line.name not in ("MEMBER", GROUP_MEMBER):
            kept[str(place), ""] = line
            continue
        uid = line.text.strip().removeprefix(UID_PREFIX)
        now = became.get(uid, uid)
        now = became.get(now, now)  # whoever it is the same as got another one, too
        moved = line if now == uid else replace(line, value=UID_PREFIX + escape(now))
        kept.setdefault(("member", now), moved)
    return list(kept.values())


def modern(lines: Sequence[Line], uid: str) -> list[Line]:
    """An imported card as the store takes it: a version that is known, a UID, a name."""
    said = reading.read(lines)
    version = next((line.value.strip() for line in lines if line.name == "VERSION"), "")
    own = next((line.text.strip() for line in lines if line.name == "UID"), "")
    uid = own if own.removeprefix(UID_PREFIX) == uid else uid
    rest = [line for line in lines if line.name not in ("VERSION", "UID", "BEGIN", "END")]
    fresh = [Line("", "VERSION", (), version if version in ("3.0", "4.0") else "3.0"), Line("", "UID", (), escape(uid))]
    if not any(line.name == "FN" and line.value.strip() for line in rest):
        rest = [line for line in rest if line.name != "FN"]
        fresh.append(Line("", "FN", (), escape(said.name)))
    if not any(line.name == "N" for line in rest):
        fresh.append(Line("", "N", (), joined((said.family or said.name, said.given, "", "", ""), ";")))
    return [*fresh, *rest]


def _texts(held: _Lines, before: Card, wanted: Card) -> None:
    held.set("UID", escape(wanted.uid), lambda line: line.text.strip().removeprefix(UID_PREFIX) == wanted.uid)
    held.set("FN", escape(wanted.name), lambda _: before.full_name == wanted.name)
    names = (wanted.family, wanted.given, wanted.additional, wanted.prefix, wanted.suffix)
    old = (before.family, before.given, before.additional, before.prefix, before.suffix)
    # RFC 2426 section 3.1.2: there is always an N.
    spelled = joined(names if any(names) else (wanted.name, "", "", "", ""), ";")
    held.set("N", spelled, lambda _: old == names)
    for name, value, was in (
        ("NICKNAME", wanted.nickname, before.nickname),
        ("TITLE", wanted.title, before.title),
        ("ROLE", wanted.role, before.role),
        ("NOTE", wanted.note, before.note),
    ):
        if value != was:
            held.set(name, escape(value), lambda _: False)
    if wanted.birthday != before.birthday:
        held.set("BDAY", _date(wanted.birthday) if held.is_new else wanted.birthday, lambda _: False)
    if (wanted.organisation, wanted.unit) != (before.organisation, before.unit):
        spelled = joined((wanted.organisation, wanted.unit), ";") if wanted.unit else escape(wanted.organisation)
        held.set("ORG", spelled, lambda _: False)


def _date(day: str) -> str:
    """`1984-03-17` and `--03-17` as RFC 6350 has them (section 4.3.1)."""
    return f"--{day[2:].replace('-', '')}" if day.startswith("--") else day.replace("-", "")


def _values(held: _Lines, name: str, wanted: Sequence[Value]) -> None:
    """Lines of the same text are kept, with what else they say; the others go, and new ones come after them."""
    free = held.at(name)
    for value in wanted:
        place = next((number for number in free if _says(held.lines[number], value.text)), None)
        if place is None:
            types = ("INTERNET",) if name == "EMAIL" else ()
            params = _typed((("TYPE", types),) if types else (), value.kind)
            held.lines.append(Line("", name, params, value.text if name == "URL" else escape(value.text)))
            continue
        free.remove(place)
        line = held.lines[place]
        if line is not None and reading.kind_of(line) != value.kind:
            held.lines[place] = replace(line, params=_typed(line.params, value.kind))
    for gone in reversed([held.lines[number] for number in free[: reading.MAX_MANY]]):
        # By identity: dropping a group's line may move the others.
        held.drop(next(place for place, line in enumerate(held.lines) if line is gone))


def _says(line: Line | None, text: str) -> bool:
    return line is not None and reading.value_of(line) == text


def _places(held: _Lines, wanted: Sequence[Place]) -> None:
    free = held.at("ADR")
    for place in wanted:
        found = next((number for number in free if _is_place(held.lines[number], place)), None)
        if found is not None:
            free.remove(found)
            line = held.lines[found]
            if line is not None and reading.kind_of(line) != place.kind:
                held.lines[found] = replace(line, params=_typed(line.params, place.kind))
            continue
        texts = (place.box, place.extended, place.street, place.city, place.region, place.code, place.country)
        held.lines.append(Line("", "ADR", _typed((), place.kind), joined(texts, ";")))
    for gone in reversed([held.lines[number] for number in free[: reading.MAX_MANY]]):
        held.drop(next(place for place, line in enumerate(held.lines) if line is gone))


def _is_place(line: Line | None, place: Place) -> bool:
    found = reading.places([line]) if line is not None else ()
    return bool(found) and replace(found[0], kind=place.kind) == place


def _group(held: _Lines, before: Card, wanted: Card) -> None:
    """Which contacts a group has; the words depend on the version."""
    if not wanted.is_group or (before.is_group and before.members == wanted.members):
        return
    kind, member = ("KIND", "MEMBER") if held.is_new else (GROUP_KIND, GROUP_MEMBER)
    if not before.is_group:
        held.lines.append(Line("", kind, (), "group"))
    kept = set(wanted.members)
    for place in reversed(held.at("MEMBER", GROUP_MEMBER)):
        line = held.lines[place]
        if line is not None and unescape(line.value).strip().removeprefix(UID_PREFIX) not in kept:
            held.drop(place)
    for uid in wanted.members:
        if uid not in before.members:
            held.lines.append(Line("", member, (), UID_PREFIX + escape(uid)))


def _typed(params: Params, kind: str) -> Params:
    """Parameters whose TYPE says one kind of ours, and whatever else it said."""
    types = [kind for key, values in params if key == "TYPE" for value in values for kind in value.split(",")]
    kept = [type_ for type_ in types if type_.casefold() not in (*KINDS, "mobile", "iphone")]
    named = (*kept, kind.upper()) if kind else tuple(kept)
    rest = _without(params, "TYPE")
    return (("TYPE", tuple(named)), *rest) if named else rest


def _without(params: Params, *names: str) -> Params:
    return tuple(param for param in params if param[0] not in names)
