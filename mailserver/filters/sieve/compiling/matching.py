"""Match types and comparators of a test (RFC 5228 section 2.7), and what becomes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, Tag
from mailserver.filters.sieve.compiling.strings import MAX_MATCH, Strings
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.grammar.tree import Words
from mailserver.filters.sieve.machine import Machine
from mailserver.filters.sieve.matching import wildcards
from mailserver.filters.sieve.matching.comparators import ALWAYS, ASCII_CASEMAP, COMPARATORS, RELATIONS, Comparator
from mailserver.filters.sieve.matching.regexes import BadExpression, Expression
from mailserver.texts.text import Text

COMPARATOR = Tag("comparator", Kind.STRING)
TAGS = (
    COMPARATOR,
    Tag("is", group="match"),
    Tag("contains", group="match"),
    Tag("matches", group="match"),
    Tag("regex", group="match", extension="regex"),
    Tag("value", Kind.STRING, group="match", extension="relational"),
    Tag("count", Kind.STRING, group="match", extension="relational"),
    Tag("list", group="match", extension="extlists"),
)

Match = Callable[[Machine, Sequence[str]], bool]
"""Whether one of the values matches one of the keys."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a test compares by."""

    kind: str
    comparator: Comparator
    keys: Strings
    words: Words
    relation: str


def comparator_of(compiler: Compiler, call: Call, default: Comparator = ASCII_CASEMAP) -> Comparator:
    """The comparator that a test names. Raises Fault."""
    words = call.tag_words("comparator")
    if words is None:
        return default
    name = compiler.constant(words, ":comparator")
    found = COMPARATORS.get(name)
    if found is None:
        raise Fault(words.at, Text("Le comparateur « {name} » n’existe pas.", name=name[:40]))
    if name not in ALWAYS and f"comparator-{name}" not in compiler.required:
        extension = f"comparator-{name}"
        raise Fault(words.at, Text('« {name} » demande « require "{extension}" ».', name=name, extension=extension))
    return found


def matcher(
    compiler: Compiler, call: Call, keys: Words, default: Comparator = ASCII_CASEMAP, *, keeps: bool = True
) -> Match:
    """What a test does with its values; `keeps`: whether wildcards set match variables. Raises Fault."""
    kind = call.one_of("is", "contains", "matches", "regex", "value", "count", "list") or "is"
    comparator = comparator_of(compiler, call, default)
    if kind in ("contains", "matches", "regex") and not comparator.substrings:
        text = Text("Le comparateur « {name} » ne va pas avec « {tag} ».", name=comparator.name, tag=f":{kind}")
        raise Fault(call.at, text)
    if kind == "list" and call.has("comparator"):
        raise Fault(call.at, Text("« {tag} » ne va pas avec « {other} ».", tag=":list", other=":comparator"))
    relation = _relation(compiler, call, kind)
    wanted = _Wanted(kind, comparator, compiler.strings(keys), keys, relation)
    keeps = keeps and "variables" in compiler.required
    match kind:
        case "is":
            return _is(wanted)
        case "contains":
            return _contains(wanted)
        case "matches":
            return _matches(wanted, keeps)
        case "regex":
            return _regex(compiler, wanted, keeps)
        case "list":
            return _list(compiler, wanted, keeps)
        case "value":
            return _value(wanted)
        case _:
            return _count(wanted)


def _relation(compiler: Compiler, call: Call, kind: str) -> str:
    words = call.tag_words(kind) if kind in ("value", "count") else None
    if words is None:
        return ""
    name = compiler.constant(words, f":{kind}").lower()
    if name not in RELATIONS:
        raise Fault(words.at, Text("« {name} » n’est pas une relation : gt, ge, lt, le, eq ou ne.", name=name[:20]))
    return name


def _is(wanted: _Wanted) -> Match:
    fold = wanted.comparator.fold
    constant = wanted.keys.constant
    known = frozenset(map(fold, constant)) if constant is not None else None

    def match(machine: Machine, values: Sequence[str]) -> bool:
        keys = known
        if keys is None:
            keys = frozenset(map(fold, wanted.keys.get(machine)))
            machine.spend(len(keys))
        for value in values:
            machine.spend(1 + (len(value) >> 6))
            if fold(value) in keys:
                return True
        return False

    return match


def _contains(wanted: _Wanted) -> Match:
    fold = wanted.comparator.fold
    constant = wanted.keys.constant
    known = tuple(dict.fromkeys(map(fold, constant))) if constant is not None else None

    def match(machine: Machine, values: Sequence[str]) -> bool:
        keys = known if known is not None else [fold(key) for key in wanted.keys.get(machine)]
        for value in values:
            machine.spend(1 + (len(value) >> 6))
            folded = fold(value)
            cost = 1 + (len(value) >> 8)
            for key in keys:
                machine.spend(cost)
                if key in folded:
                    return True
        return False

    return match


def _matches(wanted: _Wanted, keeps: bool) -> Match:
    comparator = wanted.comparator

    def match(machine: Machine, values: Sequence[str]) -> bool:
        keys = wanted.keys.get(machine)
        for value in values:
            for key in keys:
                machine.spend(wildcards.reading(key, comparator))
                pattern = wildcards.pattern(key, comparator)
                machine.spend(pattern.cost(len(value), comparator))
                found = wildcards.match(pattern, value, comparator)
                if found is not None:
                    if keeps:
                        text, spans = found
                        machine.scope.matched = [text, *[text[start:end] for start, end in spans[: MAX_MATCH - 1]]]
                    return True
        return False

    return match


def _regex(compiler: Compiler, wanted: _Wanted, keeps: bool) -> Match:
    comparator = wanted.comparator
    limits = compiler.limits
    known: list[Expression] | None = None
    if wanted.keys.constant is not None:
        known = []
        for text, at in zip(wanted.keys.constant, wanted.words.places, strict=True):
            compiler.expressions += 1
            if compiler.expressions > limits.regexes:
                raise Fault(at, Text("Ce script a plus de {most} expressions régulières.", most=limits.regexes))
            if len(text) > limits.regex:
                raise Fault(at, Text("Cette expression régulière est trop longue."))
            try:
                known.append(Expression(text, comparator, limits.regex_memory))
            except BadExpression as error:
                raise Fault(at, Text("Cette expression régulière n’est pas valable : {why}.", why=str(error))) from None

    def match(machine: Machine, values: Sequence[str]) -> bool:
        expressions = known if known is not None else _expressions(machine, wanted)
        for text in values:
            value = text[: machine.limits.value]
            for expression in expressions:
                machine.spend(expression.cost(value))
                if expression.matches(value):
                    if keeps:
                        machine.spend(4 * expression.cost(value))
                        machine.scope.matched = list(expression.capture(value))
                    return True
        return False

    return match


def _expressions(machine: Machine, wanted: _Wanted) -> list[Expression]:
    """Those that are made of variables, each compiled once in a run. One that is none matches nothing: what others
    write into a message must not be able to stop a filter."""
    found = []
    for text in wanted.keys.get(machine):
        key = (text, wanted.comparator.name)
        expression = machine.expressions.get(key)
        if expression is None:
            machine.spend(1000)
            try:
                expression = Expression(text[: machine.limits.regex], wanted.comparator, machine.limits.regex_memory)
            except BadExpression:
                continue
            machine.expressions[key] = expression
        found.append(expression)
    return found


def _list(compiler: Compiler, wanted: _Wanted, keeps: bool) -> Match:
    """RFC 6134 section 2.2: keys are names of lists."""
    compiler.asks.update(wanted.keys.constant or ())

    def match(machine: Machine, values: Sequence[str]) -> bool:
        names = wanted.keys.get(machine)
        for value in values:
            for name in names:
                machine.spend(4)
                machine.ask(("list", name))
                if machine.host.in_list(name, value):
                    if keeps:
                        machine.scope.matched = [value]
                    return True
        return False

    return match


def _value(wanted: _Wanted) -> Match:
    """RFC 5231 section 4.1."""
    order = wanted.comparator.order
    relation = RELATIONS[wanted.relation]

    def match(machine: Machine, values: Sequence[str]) -> bool:
        keys = [order(key) for key in wanted.keys.get(machine)]
        for value in values:
            machine.spend(1 + len(keys) + (len(value) >> 6))
            ordered = order(value)
            if any(relation(ordered, key) for key in keys):
                return True
        return False

    return match


def _count(wanted: _Wanted) -> Match:
    """RFC 5231 section 4.2: how many values there are."""
    one = _value(wanted)
    return lambda machine, values: one(machine, (str(len(values)),))
