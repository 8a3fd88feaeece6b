"""`foreverypart`, `break` and `extracttext` (RFC 5703)."""

from mailserver.filters.sieve.commands.flags import variable_name
from mailserver.filters.sieve.commands.variables import MODIFIER_TAGS, modifiers
from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag
from mailserver.filters.sieve.errors import Fault, RunError
from mailserver.filters.sieve.machine import Broken, Machine, Step
from mailserver.texts.text import Text


def _foreverypart(compiler: Compiler, call: Call) -> Step:
    if len(compiler.loops) >= compiler.limits.loops:
        raise Fault(call.at, Text("Plus de {most} niveaux sont emboîtés ici.", most=compiler.limits.loops))
    words = call.tag_words("name")
    name = compiler.constant(words, ":name") if words is not None else ""
    compiler.loops.append(name)
    steps = compiler.block(call.node.block or ())
    compiler.loops.pop()

    def step(machine: Machine) -> None:
        depth = len(machine.parts)
        place = machine.parts[-1] if machine.parts else 0
        if machine.loops >= machine.limits.loops:  # with those of scripts that include this one
            raise RunError(Text("Plus de {most} niveaux sont emboîtés ici.", most=machine.limits.loops))
        inner = machine.loops > 0
        machine.loops += 1
        parts = machine.view.parts
        try:
            # Within another loop, of a script that includes this one too: the parts of the part that it is at.
            for one in parts.below(place)[1 if inner else 0 :]:
                machine.spend(1)
                machine.parts.append(one)
                machine.run(steps)
                del machine.parts[depth:]
        except Broken as broken:
            if broken.name and broken.name != name:
                raise
        finally:
            machine.loops -= 1
            del machine.parts[depth:]
            if not machine.loops:
                machine.message.settle()

    return step


def _break(compiler: Compiler, call: Call) -> Step:
    words = call.tag_words("name")
    name = compiler.constant(words, ":name") if words is not None else ""
    if not compiler.loops or (name and name not in compiler.loops):
        raise Fault(call.at, Text("« break » ne se trouve dans aucune boucle de ce nom."))

    def step(machine: Machine) -> None:
        raise Broken(name)

    return step


def _extracttext(compiler: Compiler, call: Call) -> Step:
    if not compiler.loops:
        raise Fault(call.at, Text("« {tag} » ne va pas sans « {other} ».", tag="extracttext", other="foreverypart"))
    if "variables" not in compiler.required:
        text = Text('« {name} » demande « require "{extension}" ».', name="extracttext", extension="variables")
        raise Fault(call.at, text)
    words = call.words(0)
    name = variable_name(compiler, compiler.constant(words, "extracttext").lower(), words.at)
    change = modifiers(call)
    first = call.tag_number("first")

    def step(machine: Machine) -> None:
        place = machine.parts[-1]
        parts = machine.view.parts
        text = parts.readable(place) if parts.all[place].type.startswith("text/") else ""
        machine.spend(1 + (len(text) >> 6))
        most = machine.limits.variable if first is None else min(first, machine.limits.variable)
        machine.set_variable(name, change(text[:most]))

    return step


ACTIONS = (
    Action("foreverypart", _foreverypart, tags=(Tag("name", Kind.STRING),), extension="foreverypart", block=True),
    Action("break", _break, tags=(Tag("name", Kind.STRING),), extension="foreverypart"),
    Action(
        "extracttext",
        _extracttext,
        (Kind.STRING,),
        (Tag("first", Kind.NUMBER), *MODIFIER_TAGS),
        extension="extracttext",
    ),
)
EXTENSIONS = ("foreverypart", "extracttext")
