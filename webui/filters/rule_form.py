"""One rule as a form: a line for each condition, then what is done; from a rule, and back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailserver.filters.rules import Actions, Condition, Faulty, Field, Folder, Match, Rule, senders
from mailserver.filters.rules.conditions import MAX_VALUE, MAX_VALUES
from mailserver.filters.rules.document import MAX_CONDITIONS
from mailserver.texts.text import Text
from webui.filters.names import USES, Names
from webui.http.forms import Form, positive
from webui.page.context import Visit

MAX_TYPED = MAX_VALUES * (MAX_VALUE + 2)
"""Characters of one line."""
_ADDRESSES_APART = re.compile(r"[\s;,]+")

KINDS = {
    "expediteur": Condition(Field.SENDER, Match.IS, ("@example.org",)),
    "expediteur-contient": Condition(Field.SENDER, Match.CONTAINS, ("x",)),
    "expediteur-pas": Condition(Field.SENDER, Match.IS, ("@example.org",), negated=True),
    "externe": Condition(Field.OUTSIDE),
    "interne": Condition(Field.OUTSIDE, negated=True),
    "objet-contient": Condition(Field.SUBJECT, Match.CONTAINS, ("x",)),
    "objet": Condition(Field.SUBJECT, Match.IS, ("x",)),
    "objet-pas": Condition(Field.SUBJECT, Match.CONTAINS, ("x",), negated=True),
    "destinataire": Condition(Field.RECIPIENT, Match.IS, ("@example.org",)),
    "destinataire-contient": Condition(Field.RECIPIENT, Match.CONTAINS, ("x",)),
    "destinataire-pas": Condition(Field.RECIPIENT, Match.IS, ("@example.org",), negated=True),
    "liste": Condition(Field.LIST, Match.IS, ("x",)),
    "liste-contient": Condition(Field.LIST, Match.CONTAINS, ("x",)),
    "piece": Condition(Field.ATTACHMENT),
    "sans-piece": Condition(Field.ATTACHMENT, negated=True),
    "plus-grand": Condition(Field.SIZE, Match.OVER, mebibytes=1),
    "plus-petit": Condition(Field.SIZE, Match.UNDER, mebibytes=1),
}
"""What a condition can say, each with an example of it."""
VALUELESS = ("externe", "interne", "piece", "sans-piece")
"""Those that say it all."""


@dataclass(frozen=True, slots=True)
class Line:
    """One condition."""

    kind: str = "expediteur"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    lines: Sequence[Line]
    any: bool = False
    place: str = ""
    """A folder's number, a word of `USES`, `garde` for a folder that is gone; empty: none."""
    star: bool = False
    read: bool = False
    tags: Sequence[str] = ()
    stop: bool = False
    off: bool = False


def shown(rule: Rule, known: Names) -> Typed:
    """A rule as the form has it."""
    does = rule.actions
    return Typed(
        [_line(one) for one in rule.conditions],
        rule.any,
        "" if does.folder is None else _place(does.folder, known),
        does.star,
        does.read,
        does.tags,
        does.stop,
        rule.off,
    )


def _line(one: Condition) -> Line:
    kind = next((kind for kind, example in KINDS.items() if _alike(example, one)), "")
    values = (senders.named(value) if one.is_addresses else value for value in one.values)
    return Line(kind, str(one.mebibytes) if one.field is Field.SIZE else "; ".join(values))


def _alike(example: Condition, one: Condition) -> bool:
    return (example.field, example.match, example.negated) == (one.field, one.match, one.negated)


def _place(folder: Folder, known: Names) -> str:
    if folder.use:
        return next((word for word, use in USES.items() if use.use == folder.use), "garde")
    box = known.box(folder)
    return "garde" if box is None else str(box.id)


def typed(form: Form) -> Typed:
    """What was posted. A line that was pressed away is not in it."""
    kinds, texts = form.every("condition")[:MAX_CONDITIONS], form.every("valeur")
    gone = positive(form.text("retirer"))
    lines = [
        Line(kind, text[:MAX_TYPED])
        for number, (kind, text) in enumerate(zip(kinds, texts, strict=False), 1)
        if kind in KINDS and number != gone
    ]
    return Typed(
        lines or [Line()],
        form.text("combien") == "une",
        form.text("dossier")[:20],
        form.has("suivre"),
        form.has("lu"),
        tuple(dict.fromkeys(one[:60] for one in form.every("etiquette"))),
        form.has("arret"),
        form.has("eteinte"),
    )


def rule(given: Typed, known: Names, before: Rule | None) -> Rule:
    """The rule that is meant. Raises Faulty."""
    lines = [line for line in given.lines if line.text.strip() or line.kind in VALUELESS]
    if not lines:
        raise Faulty(Text("Donnez au moins une condition."))
    actions = Actions(_folder(given, known, before), given.star, given.read, tuple(given.tags), given.stop)
    return Rule(tuple(_condition(line) for line in lines), actions, given.any, given.off)


def _condition(line: Line) -> Condition:
    example, text = KINDS[line.kind], line.text.strip()
    if line.kind in VALUELESS:
        return example
    if example.field is Field.SIZE:
        return replace(example, mebibytes=positive(text))
    if example.is_addresses:
        return replace(
            example, values=tuple(dict.fromkeys(map(senders.normal, filter(None, _ADDRESSES_APART.split(text)))))
        )
    # Blanks are taken away from each value: a pattern with blanks on both sides takes the square of their number.
    found = (" ".join(value.split()) for value in text.split(";"))
    return replace(example, values=tuple(dict.fromkeys(filter(None, found))))


def _folder(given: Typed, known: Names, before: Rule | None) -> Folder | None:
    if not given.place:
        return None
    if given.place in USES:
        return USES[given.place]
    if given.place == "garde" and before is not None:
        return before.actions.folder
    number = positive(given.place)
    found = next((one.folder for one in known.places if one.id == number), None)
    if found is None:
        raise Faulty(Text("Ce dossier n’existe pas."))
    return found


def kinds(visit: Visit) -> Sequence[tuple[str, str]]:
    """What a condition can say, in the reader's words."""
    _ = visit._
    texts = {
        "expediteur": _("l’expéditeur est"),
        "expediteur-contient": _("l’expéditeur contient"),
        "expediteur-pas": _("l’expéditeur n’est pas"),
        "externe": _("l’expéditeur est hors de l’académie"),
        "interne": _("l’expéditeur est de l’académie"),
        "objet-contient": _("l’objet contient"),
        "objet": _("l’objet est"),
        "objet-pas": _("l’objet ne contient pas"),
        "destinataire": _("un destinataire est"),
        "destinataire-contient": _("un destinataire contient"),
        "destinataire-pas": _("aucun destinataire n’est"),
        "liste": _("la liste est"),
        "liste-contient": _("la liste contient"),
        "piece": _("le message a une pièce jointe"),
        "sans-piece": _("le message n’a pas de pièce jointe"),
        "plus-grand": _("la taille, en Mo, dépasse"),
        "plus-petit": _("la taille, en Mo, est sous"),
    }
    return [(kind, texts[kind]) for kind in KINDS]
