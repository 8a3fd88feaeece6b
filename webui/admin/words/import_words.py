"""What an import changes of people, in plain words: which field, what it said before, what it says then."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailserver.model.identity import Role, Tie
from webui.page.context import Visit
from webui.page.words.role_labels import role_words

_CELL = re.compile(r"(?:(?P<uai>[0-9]{7}[A-Z]):)?(?P<code>[^=]*)(?:=(?P<label>.*))?")
"""How a difference spells one of somebody's ties (`directory.imports.report_lines`)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about somebody, before and after."""

    name: str
    login: str
    what: str
    before: str
    after: str
    line: int


def differences(visit: Visit, people: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """Of everybody, one after the other; somebody new has their address, and whom they have their name from."""
    _ = visit._
    words = _fields(visit)
    for one in people:
        rows = [
            (words.get(name, name), _value(visit, name, before), _value(visit, name, after))
            for name, before, after in one["details"]
        ]
        hidden = [words.get(name, name) for name in one.get("changed", ())]
        if hidden:
            rows.append((", ".join(hidden), "", _("modifié")))
        if not rows:
            elder = _("homonyme de %(elder)s") % {"elder": one["elder"]} if one["elder"] else _("nouveau")
            rows.append((elder, "", one["address"]))
        for what, before, after in rows:
            yield Difference(one["name"], one["login"], what, before, after, one["line"])


def _value(visit: Visit, name: str, text: str) -> str:
    """A value as people write it."""
    _ = visit._
    if name in set(Tie):
        return ", ".join(_tie(name, part) for part in text.split("|") if part)
    if name == "role" and text in set(Role):
        return role_words(visit, Role(text))
    if name == "hidden":
        return {"True": _("oui"), "1": _("oui"), "False": _("non"), "0": _("non")}.get(text, text)
    return text


def _tie(name: str, cell: str) -> str:
    """`0210006T:4B=4e B` is `4e B (0210006T)`."""
    found = _CELL.fullmatch(cell)
    if found is None or name == Tie.SCHOOL:
        return cell
    text = found["label"] or found["code"]
    return f"{text} ({found['uai']})" if found["uai"] else text


def _fields(visit: Visit) -> Mapping[str, str]:
    _ = visit._
    return {
        "given_name": _("prénom"),
        "surname": _("nom"),
        "display_name": _("nom affiché"),
        "common_names": _("autres noms"),
        "role": _("population"),
        "uai": _("établissement"),
        "discipline": _("discipline"),
        "address": _("adresse"),
        "aliases": _("autres adresses"),
        "recovery_address": _("adresse de secours"),
        "title": _("civilité"),
        "hidden": _("caché dans l’annuaire"),
        "birth_date": _("date de naissance"),
        "numen": _("NUMEN"),
        "ine": _("INE"),
        "close_at": _("fermeture"),
        "close_reason": _("motif de la fermeture"),
        "source": _("export"),
        "source_key": _("numéro dans l’export"),
        Tie.FUNCTION.value: _("fonction"),
        Tie.CLASS.value: _("classe"),
        Tie.GROUP.value: _("groupe"),
        Tie.SCHOOL.value: _("autre établissement"),
    }
