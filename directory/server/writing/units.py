"""The four updates, each as one function of a transaction: all or nothing (RFC 4511 sections 4.6 to 4.9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from directory.entries import tree
from directory.entries.tree import Entry, Kind, Place
from directory.schema import names
from directory.server.controls import POST_READ, PRE_READ, Wishes, read_entry
from directory.server.faults import Fault
from directory.server.reading import matching
from directory.server.reading.entries import Viewer
from directory.server.reading.selection import View, selection_of
from directory.server.wire.messages import Code, Control
from directory.server.wire.updates import Add, Delete, Modify, Rename
from directory.server.writing import constraints, modifying, reading
from directory.server.writing.desk import Desk, Password, Writer, hold_to, touched
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Role

SELF_SERVICE = frozenset({"telephoneNumber", "mobile", "preferredLanguage"})
"""What people may change of their own entry; everything else is the academy's business."""
SELF_SERVICE_OF_PUPILS = frozenset({"preferredLanguage"})
"""Pupils are minors: their telephone is in no address book by their own hand."""
MAX_RELATIVE = 256
"""Characters of a relative name: it is a key of the database."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and what the controls ask for besides."""

    viewer: Viewer
    wishes: Wishes


def add(
    desk: Desk, asked: Asked, update: Add, writers: Mapping[Kind, Writer], password: Password | None
) -> list[Control]:
    """RFC 4511 section 4.7."""
    name, named = _new_place(desk, update.entry)
    values = modifying.gathered([(kind, found) for kind, found in update.attributes if not is_password(kind)])
    place = reading.kind_for(named, values)
    values = constraints.with_naming(name[0], values)
    constraints.check(values)
    writer = _writer(writers, place)
    if reading.at(desk.tx, desk.tree, named) is not None:
        raise Fault(Code.ENTRY_ALREADY_EXISTS, "this entry exists already")
    writer.add(desk, place, name[0], values, password)
    made = _again(desk, place)
    # More may be there afterwards than was given: classes, addresses, what follows from the names.
    hold_to(touched({}, values) - writer.free, values, made.attributes, frozenset(values))
    return _reads(asked, None, made)


def modify(
    desk: Desk, asked: Asked, update: Modify, writers: Mapping[Kind, Writer], password: Password | None
) -> list[Control]:
    """RFC 4511 section 4.6."""
    entry = _entry(desk, asked, update.entry)
    values = modifying.applied(
        reading.user_attributes(entry), [change for change in update.changes if not is_password(change.attribute)]
    )
    changed = touched(reading.user_attributes(entry), values)
    if not asked.viewer.administrator:
        own = SELF_SERVICE_OF_PUPILS if Role.PUPIL.value in entry.attributes["employeeType"] else SELF_SERVICE
        if not changed <= own:
            raise Fault(Code.INSUFFICIENT_ACCESS_RIGHTS, f"of one's own entry: {', '.join(sorted(own))}")
    name = names.parse(entry.dn)
    constraints.check_naming(name[0], values)
    _same_structure(entry, values)
    constraints.check(_completed(desk, entry, values))
    if changed or password is not None:
        writer = _writer(writers, entry.place)
        writer.modify(desk, entry, values, password)
        after = _again(desk, entry.place)
        hold_to(changed - writer.free, values, after.attributes, writer.loose)
    else:
        after = entry
    return _reads(asked, entry, after)


def rename(desk: Desk, asked: Asked, update: Rename, writers: Mapping[Kind, Writer]) -> list[Control]:
    """RFC 4511 section 4.9."""
    entry = _entry(desk, asked, update.entry)
    old = names.parse(entry.dn)
    relative = _relative(update.relative)
    if update.superior is not None:
        _stay_below(desk, update.superior, old[1:])
    new = (relative, *old[1:])
    writer = _writer(writers, entry.place)
    named = desk.tree.locate(names.write(new))
    if named is None:
        raise Fault(Code.NAMING_VIOLATION, "an entry of this kind cannot have this name")
    place = reading.kind_for(named, entry.attributes)
    values = reading.user_attributes(entry)
    if update.delete_old:
        values = constraints.without(old[0], values)
    values = constraints.with_naming(relative, values)
    constraints.check(values)
    if place != entry.place and reading.at(desk.tx, desk.tree, named) is not None:
        raise Fault(Code.ENTRY_ALREADY_EXISTS, "this entry exists already")
    writer.rename(desk, entry, place, relative, values)
    after = _again(desk, place)
    hold_to(touched(reading.user_attributes(entry), values) - writer.free, values, after.attributes, writer.loose)
    return _reads(asked, entry, after)


def delete(desk: Desk, asked: Asked, update: Delete, writers: Mapping[Kind, Writer]) -> list[Control]:
    """RFC 4511 section 4.8: leaves only."""
    entry = _entry(desk, asked, update.entry)
    if reading.has_children(desk.tx, entry.place):
        raise Fault(Code.NOT_ALLOWED_ON_NON_LEAF, "entries stand below this one")
    _writer(writers, entry.place).delete(desk, entry)
    return _reads(asked, entry, None)


def is_password(description: str) -> bool:
    """Whether an attribute description names userPassword."""
    return description.lower() in ("userpassword", "2.5.4.35")


# ---------------------------------------------------------------------- names


def _parsed(dn: str) -> names.Name:
    try:
        return names.parse(dn)
    except BadSyntax as error:
        raise Fault(Code.INVALID_DN_SYNTAX, str(error)) from None


def _relative(text: str) -> tuple[names.Ava, ...]:
    name = _parsed(text)
    if len(name) != 1 or len(text) > MAX_RELATIVE:
        raise Fault(Code.INVALID_DN_SYNTAX, "not a relative name")
    return name[0]


def _entry(desk: Desk, asked: Asked, dn: str) -> Entry:
    """The entry that is to change; its assertion holds (RFC 4528). Raises Fault."""
    _parsed(dn)
    place = desk.tree.locate(dn)
    entry = reading.at(desk.tx, desk.tree, place) if place is not None else None
    if not asked.viewer.administrator and (
        entry is None or entry.place != Place(Kind.PERSON, asked.viewer.login or "")
    ):
        raise Fault(Code.INSUFFICIENT_ACCESS_RIGHTS, "only the administrator changes this")
    if entry is None:
        raise Fault(Code.NO_SUCH_OBJECT, matched=reading.nearest(desk.tx, desk.tree, dn))
    if asked.wishes.assertion is not None and not matching.compile_filter(asked.wishes.assertion)(_view(asked, entry)):
        raise Fault(Code.ASSERTION_FAILED, "the assertion does not hold")
    return entry


def _new_place(desk: Desk, dn: str) -> tuple[names.Name, Place]:
    """Where a new entry is to stand; its parent is there. Raises Fault."""
    name = _parsed(dn)
    if not name:
        raise Fault(Code.ENTRY_ALREADY_EXISTS, "the root of everything")
    place = desk.tree.locate(dn)
    if place is not None and place.kind in reading.FIXED:
        raise Fault(Code.ENTRY_ALREADY_EXISTS, "this entry exists already")
    above = desk.tree.locate(names.write(name[1:])) if len(name) > 1 else None
    parent = reading.at(desk.tx, desk.tree, above) if above is not None else None
    if parent is None:
        raise Fault(Code.NO_SUCH_OBJECT, "the parent does not exist", reading.nearest(desk.tx, desk.tree, dn))
    if place is None:
        raise Fault(Code.NAMING_VIOLATION, "no entry can have this name here")
    if len(names.write(name[:1])) > MAX_RELATIVE:
        raise Fault(Code.ADMIN_LIMIT_EXCEEDED, f"a relative name has at most {MAX_RELATIVE} characters")
    return name, place


def _stay_below(desk: Desk, superior: str, parent: names.Name) -> None:
    """Entries stay in their branch: what they are follows from where they stand. Raises Fault."""
    if names.comparable(_parsed(superior)) == names.comparable(parent):
        return
    place = desk.tree.locate(superior)
    if place is None or reading.at(desk.tx, desk.tree, place) is None:
        raise Fault(
            Code.NO_SUCH_OBJECT, "the new superior does not exist", reading.nearest(desk.tx, desk.tree, superior)
        )
    raise Fault(
        Code.UNWILLING_TO_PERFORM, "entries stay in their branch: what an entry is follows from where it stands"
    )


def _writer(writers: Mapping[Kind, Writer], place: Place) -> Writer:
    writer = writers.get(place.kind)
    if writer is None:
        raise Fault(Code.UNWILLING_TO_PERFORM, "the branches of the tree and the administrator stand as they are")
    return writer


def _completed(desk: Desk, entry: Entry, values: modifying.Values) -> modifying.Values:
    """With a `cn` where the ones that an account was given are deleted: it follows from the names again."""
    if "cn" in values or entry.place.kind is not Kind.PERSON:
        return values
    row = reading.person_row(desk.tx, entry.place.key)
    return {**values, "cn": tuple(entry.attributes["cn"])} if row is not None and row.common_names else values


def _same_structure(entry: Entry, values: modifying.Values) -> None:
    """Raises Fault(OBJECT_CLASS_MODS_PROHIBITED) (RFC 4512 section 2.4.2)."""
    before, after = (
        constraints.structural_class(constraints.object_classes(held)) for held in (entry.attributes, values)
    )
    if before != after:
        raise Fault(
            Code.OBJECT_CLASS_MODS_PROHIBITED,
            f"structural object class modification from '{before}' to '{after}' not allowed",
        )


# ---------------------------------------------------------------------- answers


def _again(desk: Desk, place: Place) -> Entry:
    entry = reading.at(desk.tx, desk.tree, place)
    if entry is None:
        raise Refused(Reason.CONFLICT, "the entry is not where it was written")
    return entry


def _view(asked: Asked, entry: Entry) -> View:
    return View(entry, tree.readable(entry, None if asked.viewer.administrator else asked.viewer.login))


def _reads(asked: Asked, before: Entry | None, after: Entry | None) -> list[Control]:
    """The entry before and after, as far as the client may read it (RFC 4527)."""
    found = []
    wanted: Sequence[tuple[str, tuple[str, ...] | None, Entry | None]] = (
        (PRE_READ, asked.wishes.before, before),
        (POST_READ, asked.wishes.after, after),
    )
    for kind, selection, entry in wanted:
        if selection is not None and entry is not None:
            chosen = selection_of(selection).of(_view(asked, entry), types_only=False)
            found.append(read_entry(kind, entry.dn, chosen))
    return found
