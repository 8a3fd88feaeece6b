"""The form of a card: what it shows, what comes back, and what is wrong with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailserver.addressbook.card import (
    MAX_CATEGORIES,
    MAX_MANY,
    MAX_NOTE,
    MAX_TEXT,
    Card,
    Place,
    Value,
    birthday,
)
from mailserver.model import address
from mailserver.model.errors import BadSyntax
from webui.contacts.page_context import kinds
from webui.http.forms import Form
from webui.page.context import Visit

NAMES = ("prefix", "given", "additional", "family", "suffix", "nickname", "organisation", "unit", "title", "role")
_DAY = re.compile(r"(\d{1,2})[/.](\d{1,2})(?:[/.](\d{4}))?")


@dataclass(frozen=True, slots=True)
class Draft:
    """A card as typed, with what does not fit, by field."""

    card: Card
    faults: dict[str, str] = field(default_factory=dict)
    typed_birthday: str = ""


def draft_of(card: Card) -> Draft:
    """The form of a card as it is."""
    return Draft(card, {}, shown_birthday(card.birthday))


def posted(visit: Visit, before: Card) -> Draft:
    """What was typed over `before`; what the form does not ask for stays."""
    form, _ = visit.form, visit._
    faults: dict[str, str] = {}
    names = {name: _line(form.text(name)) for name in NAMES}
    emails = _values(form, "email")
    for place, one in enumerate(emails):
        if not _is_address(one.text):
            faults[f"email{place + 1}"] = _("« %(typed)s » n’est pas une adresse.") % {"typed": one.text}
    typed = _line(form.text("birthday"))
    born = _born(typed)
    if typed and not born:
        faults["birthday"] = _("Écrivez la date ainsi : 17/03/1984, ou 17/03 sans l’année.")
    categories = (_line(one) for one in re.split("[,;\n]", form.text("categories")[: MAX_TEXT * 10]))
    wanted = replace(
        before,
        **names,  # type: ignore[arg-type]
        full_name=_full_name(form, names),
        emails=emails,
        phones=_values(form, "phone"),
        sites=tuple(value for value in _values(form, "site") if _is_site(value.text)),
        places=_places(form, before.places),
        birthday=born,
        note=form.text("note").replace("\r\n", "\n").strip()[:MAX_NOTE],
        categories=tuple(dict.fromkeys(filter(None, categories)))[:MAX_CATEGORIES],
    )
    for one in _values(form, "site"):
        if not _is_site(one.text):
            faults["site1"] = _("L’adresse d’un site commence par https:// ou http://.")
    if not wanted.name:
        faults["given"] = _("Donnez au moins un nom, une organisation, une adresse ou un numéro.")
    return Draft(wanted, faults, typed)


def posted_group(visit: Visit, before: Card) -> Draft:
    """A group as typed: its name; its members stay."""
    name = _line(visit.form.text("full_name"))
    faults = {} if name else {"full_name": visit._("Donnez un nom au groupe.")}
    return Draft(replace(before, full_name=name, family=name, given="", is_group=True), faults)


def shown_birthday(day: str) -> str:
    """A birthday as people write it here."""
    if day.startswith("--"):
        return f"{day[5:7]}/{day[2:4]}"
    return f"{day[8:10]}/{day[5:7]}/{day[:4]}" if day else ""


def differences(visit: Visit, mine: Card, theirs: Card) -> list[tuple[str, str, str]]:
    """What two versions of a card say differently: the field, mine, theirs."""
    _, words = visit._, dict(kinds(visit))
    rows = (
        (_("Nom"), mine.name, theirs.name),
        (_("Surnom"), mine.nickname, theirs.nickname),
        (_("Organisation"), _joined((mine.organisation, mine.unit)), _joined((theirs.organisation, theirs.unit))),
        (_("Fonction"), _joined((mine.title, mine.role)), _joined((theirs.title, theirs.role))),
        (_("Adresses e-mail"), _listed(mine.emails, words), _listed(theirs.emails, words)),
        (_("Téléphones"), _listed(mine.phones, words), _listed(theirs.phones, words)),
        (_("Adresses postales"), _placed(mine.places), _placed(theirs.places)),
        (_("Sites web"), _listed(mine.sites, words), _listed(theirs.sites, words)),
        (_("Date de naissance"), shown_birthday(mine.birthday), shown_birthday(theirs.birthday)),
        (_("Catégories"), ", ".join(mine.categories), ", ".join(theirs.categories)),
        (_("Notes"), mine.note, theirs.note),
        (_("Contacts du groupe"), str(len(mine.members)), str(len(theirs.members))),
    )
    return [row for row in rows if row[1] != row[2]]


def _full_name(form: Form, names: dict[str, str]) -> str:
    """What is shown: as typed; given name and surname where nothing is, or still what the form had made of them."""
    typed = _line(form.text("full_name"))
    made = " ".join(filter(None, (names["given"], names["family"])))
    return made if made and typed in ("", _line(form.text("compose"))) else typed


def _values(form: Form, name: str) -> tuple[Value, ...]:
    typed = zip(form.every(name), (*form.every(f"{name}_pour"), *[""] * MAX_MANY), strict=False)
    found = (Value(_line(text), kind[:10]) for text, kind in typed)
    return tuple(one for one in found if one.text)[:MAX_MANY]


def _places(form: Form, before: Sequence[Place]) -> tuple[Place, ...]:
    columns = [form.every(name) for name in ("rue", "ville", "code", "pays", "lieu_pour")]
    found = []
    for number, (street, city, code, country, kind) in enumerate(zip(*columns, strict=False)):
        known = before[number] if number < len(before) else Place()
        lines = "\n".join(filter(None, map(_line, street.split("\n"))))
        place = replace(known, street=lines, city=_line(city), code=_line(code), country=_line(country), kind=kind[:10])
        if any((place.street, place.city, place.code, place.country)):
            found.append(place)
    return tuple(found[:MAX_MANY])


def _line(text: str) -> str:
    return "".join(one for one in " ".join(text.split()) if one.isprintable())[:MAX_TEXT]


def _is_address(text: str) -> bool:
    try:
        address.parse(text)
    except BadSyntax:
        return False
    return True


def _is_site(text: str) -> bool:
    return text.casefold().startswith(("https://", "http://"))


def _born(text: str) -> str:
    found = _DAY.fullmatch(text)
    if found is None:
        return birthday(text)
    day, month = int(found[1]), int(found[2])
    return birthday(f"{found[3]}-{month:02}-{day:02}" if found[3] else f"--{month:02}-{day:02}")


def _joined(texts: Sequence[str]) -> str:
    return ", ".join(filter(None, texts))


def _listed(values: Sequence[Value], words: Mapping[str, str]) -> str:
    known = words.keys() - {""}
    return ", ".join(f"{value.text} ({words[value.kind]})" if value.kind in known else value.text for value in values)


def _placed(places: Sequence[Place]) -> str:
    return " ; ".join(", ".join(place.lines) for place in places)
