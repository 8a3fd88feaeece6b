"""A rule as people read it. What they chose stands between two marks, so that pages can show it bold."""

from collections.abc import Callable, Sequence

from mailserver.filters.rules.actions import Folder
from mailserver.filters.rules.conditions import Condition, Field, Match
from mailserver.filters.rules.document import Rule
from mailserver.filters.rules.senders import named
from mailserver.texts.languages import LanguageCode
from mailserver.texts.text import Text, Translated

_FILE = Text("pièce jointe")
_OUTSIDE = Text("hors de l’académie")
_INSIDE = Text("de l’académie")
_STAR = Text("suivre")
_READ = Text("comme lu")
_STOP = Text("ne pas appliquer")
_TRASH = Text("corbeille")
_JUNK = Text("indésirables")
_ARCHIVE = Text("archiver")

START, END = "\x02", "\x03"
"""Around what was chosen: characters that no value has."""


class Chosen(Translated):
    """What somebody chose."""

    __slots__ = ("value",)

    def __init__(self, value: str | Translated) -> None:
        self.value = value

    def to(self, language: LanguageCode) -> str:
        value = self.value.to(language) if isinstance(self.value, Translated) else self.value
        return f"{START}{value}{END}"


def pieces(sentence: str) -> list[tuple[str, bool]]:
    """A sentence cut where something chosen begins and ends; with each piece, whether it was chosen."""
    found: list[tuple[str, bool]] = []
    for piece in sentence.split(START):
        chosen, _, rest = piece.partition(END) if END in piece else ("", "", piece)
        found += [(text, is_chosen) for text, is_chosen in ((chosen, True), (rest, False)) if text]
    return found


def plain(sentence: str) -> str:
    """A sentence without its marks."""
    return sentence.replace(START, "").replace(END, "")


Names = Callable[[str], str]


def rule(one: Rule, tag: Names, folder: Callable[[Folder], str]) -> Text:
    """A rule. `tag` and `folder` tell what a keyword and a mailbox are called."""
    conditions = [condition(each) for each in one.conditions]
    joined = conditions[0]
    for each in conditions[1:]:
        either = Text("{first} ou que {second}", first=joined, second=each)
        joined = either if one.any else Text("{first} et que {second}", first=joined, second=each)
    return Text("Quand {conditions}, {actions}.", conditions=joined, actions=actions(one, tag, folder))


def condition(one: Condition) -> Text:
    """One condition."""
    if one.field is Field.SIZE:
        mebibytes = Text("{n} Mo", n=one.mebibytes)
        size = Chosen(mebibytes)
        over = Text("la taille dépasse {size}", size=size)
        return over if one.match is Match.OVER else Text("la taille est sous {size}", size=size)
    if one.field is Field.ATTACHMENT:
        if one.negated:
            return Text("le message n’a pas de {value}", value=Chosen(_FILE))
        return Text("le message a une {value}", value=Chosen(_FILE))
    if one.field is Field.OUTSIDE:
        return Text("l’expéditeur est {value}", value=Chosen(_INSIDE if one.negated else _OUTSIDE))
    return Text(_TEXTS[one.field, one.match, one.negated].message, value=_values(one))


_TEXTS = {
    (Field.SENDER, Match.IS, False): Text("l’expéditeur est {value}"),
    (Field.SENDER, Match.IS, True): Text("l’expéditeur n’est pas {value}"),
    (Field.SENDER, Match.CONTAINS, False): Text("l’expéditeur contient {value}"),
    (Field.SENDER, Match.CONTAINS, True): Text("l’expéditeur ne contient pas {value}"),
    (Field.RECIPIENT, Match.IS, False): Text("un destinataire est {value}"),
    (Field.RECIPIENT, Match.IS, True): Text("aucun destinataire n’est {value}"),
    (Field.RECIPIENT, Match.CONTAINS, False): Text("un destinataire contient {value}"),
    (Field.RECIPIENT, Match.CONTAINS, True): Text("aucun destinataire ne contient {value}"),
    (Field.SUBJECT, Match.IS, False): Text("l’objet est {value}"),
    (Field.SUBJECT, Match.IS, True): Text("l’objet n’est pas {value}"),
    (Field.SUBJECT, Match.CONTAINS, False): Text("l’objet contient {value}"),
    (Field.SUBJECT, Match.CONTAINS, True): Text("l’objet ne contient pas {value}"),
    (Field.LIST, Match.IS, False): Text("la liste est {value}"),
    (Field.LIST, Match.IS, True): Text("la liste n’est pas {value}"),
    (Field.LIST, Match.CONTAINS, False): Text("la liste contient {value}"),
    (Field.LIST, Match.CONTAINS, True): Text("la liste ne contient pas {value}"),
}


def _values(one: Condition) -> Translated:
    shown: list[Translated] = [Chosen(named(value) if one.is_addresses else value) for value in one.values]
    joined = shown[0]
    for value in shown[1:]:
        joined = Text("{first} ou {second}", first=joined, second=value)
    return joined


def actions(one: Rule, tag: Names, folder: Callable[[Folder], str]) -> Translated:
    """What a rule does."""
    said = list(_actions(one, tag, folder))
    joined = said[0]
    for each in said[1:]:
        joined = Text("{first} et {second}", first=joined, second=each)
    return joined


def _actions(one: Rule, tag: Names, folder: Callable[[Folder], str]) -> Sequence[Text]:
    does = one.actions
    said = [Text("étiqueter {tag}", tag=Chosen(tag(keyword))) for keyword in does.tags]
    if does.star:
        said.append(Text("{star} le message", star=Chosen(_STAR)))
    if does.read:
        said.append(Text("marquer {read}", read=Chosen(_READ)))
    if does.folder is not None:
        said.append(_filed(does.folder, folder))
    elif does.stop:
        said.append(Text("{stop} les règles qui suivent", stop=Chosen(_STOP)))
    return said


def _filed(place: Folder, folder: Callable[[Folder], str]) -> Text:
    match place.use:
        case "\\Trash":
            return Text("mettre à la {trash}", trash=Chosen(_TRASH))
        case "\\Junk":
            return Text("mettre dans les {junk}", junk=Chosen(_JUNK))
        case "\\Archive":
            return Text("{archive} le message", archive=Chosen(_ARCHIVE))
    return Text("ranger dans {folder}", folder=Chosen(folder(place)))
