"""Where a test takes its fields from: the message, one of them by its index (RFC 5260 section 6), parts (RFC 5703)."""

from collections.abc import Callable, Sequence

from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Kind, Tag
from mailserver.filters.sieve.compiling.strings import Strings
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.machine import Machine
from mailserver.filters.sieve.message.fields import HeaderField
from mailserver.mime.header import headers, parameters
from mailserver.texts.text import Text

INDEX_TAGS = (Tag("index", Kind.NUMBER, extension="index"), Tag("last", extension="index"))
MIME_TAGS = (Tag("mime", extension="mime"), Tag("anychild", extension="mime"))
OPTION_TAGS = (
    Tag("type", group="mime option", extension="mime"),
    Tag("subtype", group="mime option", extension="mime"),
    Tag("contenttype", group="mime option", extension="mime"),
    Tag("param", Kind.STRINGS, group="mime option", extension="mime"),
)

Source = Callable[[Machine, str], Sequence[HeaderField]]
"""The fields of a name (in lower case) that a test looks at."""
Values = Callable[[Machine, str], Sequence[str]]
"""The same, as what is compared."""


def names(compiler: Compiler, call: Call, index: int) -> Strings:
    """Names of fields; one that cannot be is no error in a test, but names no field (RFC 5228 section 2.4.2.2)."""
    found = compiler.strings(call.words(index))
    return found if found.constant is None else Strings(tuple(name.lower() for name in found.constant))


def is_name(name: str) -> bool:
    """Whether a text can be the name of a field (RFC 5322 section 2.2)."""
    return 0 < len(name) <= 200 and all("!" <= character <= "~" and character != ":" for character in name)


def is_plain(call: Call) -> bool:
    """Whether a test looks at the message's header as a whole."""
    return not (call.has("mime") or call.has("index"))


def source(call: Call) -> Source:
    """Where a test's fields come from. Raises Fault."""
    _check(call)
    found: Source = _parts(call.has("anychild")) if call.has("mime") else _message
    index = call.tag_number("index")
    return found if index is None else _indexed(found, index, call.has("last"))


def _check(call: Call) -> None:
    if call.has("last") and not call.has("index"):
        raise Fault(call.places["last"], Text("« {tag} » ne va pas sans « {other} ».", tag=":last", other=":index"))
    if call.tag_number("index") == 0:
        raise Fault(call.places["index"], Text("« {name} » attend un nombre à partir de 1.", name=":index"))
    for tag in ("anychild", "type", "subtype", "contenttype", "param"):
        if call.has(tag) and not call.has("mime"):
            raise Fault(call.places[tag], Text("« {tag} » ne va pas sans « {other} ».", tag=f":{tag}", other=":mime"))


def _message(machine: Machine, name: str) -> Sequence[HeaderField]:
    return machine.view.named(name)


def _parts(anychild: bool) -> Source:
    def fields(machine: Machine, name: str) -> Sequence[HeaderField]:
        place = machine.parts[-1] if machine.parts else 0
        places = machine.view.parts.below(place) if anychild else [place]
        machine.spend(len(places))
        return [one for part in places for one in machine.view.part_fields(part) if one.name == name]

    return fields


def _indexed(all_fields: Source, index: int, last: bool) -> Source:
    def fields(machine: Machine, name: str) -> Sequence[HeaderField]:
        found = all_fields(machine, name)
        if index > len(found):
            return ()
        return (found[-index] if last else found[index - 1],)

    return fields


def values(compiler: Compiler, call: Call) -> Values:
    """What `header` compares: values, or what `:mime` asks of them (RFC 5703 section 4.1). Raises Fault."""
    fields = source(call)
    option = call.one_of("type", "subtype", "contenttype", "param")
    if option:
        words = call.tag_words("param")
        wanted = compiler.strings(words) if words is not None else Strings(())
        return _options(fields, option, wanted)
    if is_plain(call):
        return lambda machine, name: machine.view.values(name)
    return lambda machine, name: [one.decoded(machine.limits) for one in fields(machine, name)]


def _options(fields: Source, option: str, wanted: Strings) -> Values:
    def found(machine: Machine, name: str) -> Sequence[str]:
        result: list[str] = []
        for one in fields(machine, name):
            machine.spend(2 + (len(one.value) >> 6))
            result += _option(headers.as_text(one.value), name, option, wanted.get(machine))
        return result

    return found


def _option(value: str, name: str, option: str, wanted: Sequence[str]) -> list[str]:
    """RFC 5703 section 4.1: of Content-Type and Content-Disposition; of others nothing."""
    if name == "content-type":
        media = parameters.media_type(value)
        if media is None:
            return []
        kind, subtype, raw = media
        if option != "param":
            return [{"type": kind, "subtype": subtype, "contenttype": f"{kind}/{subtype}"}[option]]
    elif name == "content-disposition":
        kind, raw = parameters.token(value)
        if option != "param":
            return ["" if option == "subtype" else kind] if kind else []
    else:
        return []
    decoded = parameters.decode(raw)
    return [decoded[one.lower()] for one in wanted if one.lower() in decoded]
