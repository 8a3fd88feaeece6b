"""Arguments of a command, checked against what it takes (RFC 5228 section 2.6)."""

from dataclasses import dataclass, field

from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag, TestOf, Tests
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.grammar.tree import Argument, Node, Number, TagWord, Words
from mailserver.texts.text import Text


@dataclass(slots=True)
class Call:
    """A command with its arguments by what they are for."""

    node: Node
    tags: dict[str, Argument | None] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    values: list[Argument] = field(default_factory=list)

    @property
    def at(self) -> int:
        return self.node.at

    def has(self, tag: str) -> bool:
        """Whether a tag stands there."""
        return tag in self.tags

    def one_of(self, *tags: str) -> str:
        """The one of these tags that stands there; empty when there is none."""
        return next((tag for tag in tags if tag in self.tags), "")

    def words(self, index: int) -> Words:
        """The positional argument of this index, which is a string or a list of them."""
        found = self.values[index]
        assert isinstance(found, Words)
        return found

    def number(self, index: int) -> int:
        """The same for a number."""
        found = self.values[index]
        assert isinstance(found, Number)
        return found.value

    def tag_words(self, tag: str) -> Words | None:
        """What follows a tag that takes strings; None without it."""
        found = self.tags.get(tag)
        return found if isinstance(found, Words) else None

    def tag_number(self, tag: str) -> int | None:
        """The same for a number."""
        found = self.tags.get(tag)
        return found.value if isinstance(found, Number) else None


def read(node: Node, wanted: Action | TestOf, required: frozenset[str] | set[str]) -> Call:
    """Sort the arguments of a command: tags with what follows them, then what its place says what it is for (RFC 5228
    section 2.6.2). `required`: the extensions in force. Raises Fault."""
    call = Call(node)
    known = {tag.name: tag for tag in wanted.tags}
    positional: list[Argument] = []
    waiting: Tag | None = None
    for argument in node.arguments:
        if waiting is not None:
            call.tags[waiting.name] = _checked(argument, waiting.takes, f":{waiting.name}")
            waiting = None
        elif isinstance(argument, TagWord):
            tag = _tag(argument, known, node.name, required, call)
            if positional:
                text = Text("« {tag} » se place avant les arguments sans tag.", tag=f":{tag.name}")
                raise Fault(argument.at, text)
            call.tags[tag.name] = None
            call.places[tag.name] = argument.at
            waiting = tag if tag.takes is not None else None
        else:
            positional.append(argument)
    if waiting is not None:
        raise Fault(call.places[waiting.name], Text("Il manque une valeur après « {tag} ».", tag=f":{waiting.name}"))
    call.values = _positional(node, wanted, positional)
    _check_tests(node, wanted)
    return call


def _tag(word: TagWord, known: dict[str, Tag], name: str, required: frozenset[str] | set[str], call: Call) -> Tag:
    tag = known.get(word.name)
    shown = f":{word.name[:40]}"
    if tag is None:
        raise Fault(word.at, Text("« {name} » ne connaît pas « {tag} ».", name=name, tag=shown))
    if tag.extension and tag.extension not in required:
        raise Fault(word.at, Text('« {name} » demande « require "{extension}" ».', name=shown, extension=tag.extension))
    if tag.name in call.tags:
        raise Fault(word.at, Text("« {tag} » se trouve deux fois.", tag=shown))
    if tag.group:
        for other in call.tags:
            if known[other].group == tag.group:
                raise Fault(word.at, Text("« {tag} » ne va pas avec « {other} ».", tag=shown, other=f":{other}"))
    return tag


def _checked(argument: Argument, kind: Kind | None, name: str) -> Argument:
    if kind is Kind.NUMBER:
        if not isinstance(argument, Number):
            raise Fault(argument.at, Text("« {name} » attend un nombre.", name=name))
    elif not isinstance(argument, Words):
        raise Fault(argument.at, Text("« {name} » attend un texte.", name=name))
    elif kind is Kind.STRING and argument.bracketed:
        raise Fault(argument.at, Text("« {name} » attend un seul texte, pas une liste.", name=name))
    return argument


def _positional(node: Node, wanted: Action | TestOf, found: list[Argument]) -> list[Argument]:
    takes = wanted.takes
    missing = len(takes) - len(found)
    optional_last = wanted.optional_last if isinstance(wanted, Action) else 0
    if 0 < missing <= wanted.optional:
        takes = takes[missing:]
    elif 0 < missing <= optional_last:
        takes = takes[: len(found)]
    elif missing > 0:
        text = Text(
            "« {name} » attend {count} arguments, il y en a {found}.",
            name=node.name,
            count=len(takes),
            found=len(found),
        )
        raise Fault(node.at, text)
    elif missing < 0:
        raise Fault(found[len(takes)].at, Text("« {name} » n’a pas d’argument ici.", name=node.name))
    return [_checked(argument, kind, node.name) for argument, kind in zip(found, takes, strict=True)]


def _check_tests(node: Node, wanted: Action | TestOf) -> None:
    block = isinstance(wanted, Action) and wanted.block
    if wanted.tests is Tests.NONE and node.tests:
        first = node.tests[0].at
        if isinstance(wanted, Action) and not block and not node.listed:
            raise Fault(first, Text("Il manque « ; » à la fin de « {name} ».", name=node.name))
        raise Fault(first, Text("« {name} » n’a pas de test.", name=node.name))
    if wanted.tests is Tests.ONE and (len(node.tests) != 1 or node.listed):
        raise Fault(node.at, Text("« {name} » attend un test.", name=node.name))
    if wanted.tests is Tests.LIST and not node.listed:
        raise Fault(node.at, Text("« {name} » attend des tests entre parenthèses.", name=node.name))
    if isinstance(wanted, Action) and block != (node.block is not None):
        if block:
            raise Fault(node.at, Text("« {name} » attend un bloc entre accolades.", name=node.name))
        raise Fault(node.at, Text("« {name} » n’a pas de bloc.", name=node.name))
