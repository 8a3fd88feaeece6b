"""`include`, `return`, `global` (RFC 6609)."""

from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.compiler import Compiler
from mailserver.filters.sieve.compiling.specification import Action, Kind, Tag
from mailserver.filters.sieve.compiling.strings import NAME
from mailserver.filters.sieve.errors import Fault, RunError
from mailserver.filters.sieve.machine import Broken, Machine, Returned, Scope, Step
from mailserver.model.account.script_names import is_script_name
from mailserver.model.unicode import normalize
from mailserver.texts.text import Text


def _include(compiler: Compiler, call: Call) -> Step:
    words = call.words(0)
    name = compiler.string(words)
    location = "global" if call.has("global") else "personal"
    once, optional = call.has("once"), call.has("optional")
    if not isinstance(name, str):
        return lambda machine: _run(machine, location, name(machine), once, optional)
    kept = normalize("NFC", name)
    if not is_script_name(kept):
        raise Fault(words.at, Text("« {name} » n’est pas le nom d’un script.", name=kept[:60]))
    compiler.includes[location, kept] = compiler.includes.get((location, kept), False) or not optional
    return lambda machine: _run(machine, location, kept, once, optional)


def _run(machine: Machine, location: str, name: str, once: bool, optional: bool) -> None:
    machine.spend(20)
    name = normalize("NFC", name)  # as scripts are kept
    key = (location, name)
    if once and key in machine.once:
        return
    is_new = key not in machine.asked
    machine.ask(key)
    script = machine.host.script(location, name) if is_script_name(name) else None
    if is_new and script is not None:  # it was compiled for this run
        machine.spend(script.size)
    if script is None:
        if optional:
            return
        raise RunError(Text("Le script « {name} », que le filtre demande, n’existe pas.", name=name[:60]))
    if key in machine.stack:
        raise RunError(Text("Le script « {name} » se demande lui-même.", name=name[:60]))
    ahead = machine.script.ahead
    if ahead is not None and not machine.stack:
        machine.effects.follow(silent=ahead.answers_alone(machine.facts.now.date()))
    machine.included += 1
    limits = machine.limits
    deep = len(machine.stack) >= limits.include_depth or machine.depth + script.depth > limits.depth
    if deep or machine.included > limits.includes:
        raise RunError(Text("Trop de scripts en demandent d’autres."))
    machine.once.add(key)
    outer, loops, view = machine.scope, machine.parts, machine.view
    if loops:
        machine.view, cost = view.part(loops[-1])
        machine.spend(1 + (cost >> 6))
    machine.scope, machine.parts = Scope(script), []
    machine.depth += script.depth
    machine.stack.append(key)
    try:
        machine.run(script.steps)
    except (Returned, Broken):
        pass
    finally:
        machine.scope, machine.parts, machine.view = outer, loops, view
        machine.depth -= script.depth
        machine.stack.pop()


def _return(compiler: Compiler, call: Call) -> Step:
    def step(machine: Machine) -> None:
        raise Returned

    return step


def _global(compiler: Compiler, call: Call) -> Step:
    words = call.words(0)
    if "variables" not in compiler.required:
        raise Fault(
            call.at, Text('« {name} » demande « require "{extension}" ».', name="global", extension="variables")
        )
    names = compiler.strings(words).constant
    if names is None:
        raise Fault(words.at, Text("« {name} » attend un texte sans variables.", name="global"))
    for name, at in zip(names, words.places, strict=True):
        if not NAME.fullmatch(name) or len(name) > compiler.limits.name:
            raise Fault(at, Text("« {name} » n’est pas le nom d’une variable.", name=name[:60]))
        if name.lower() in compiler.own:
            raise Fault(at, Text("« {name} » est déjà une variable de ce script seul.", name=name))
        compiler.globals.add(name.lower())
    return _nothing


def _nothing(machine: Machine) -> None:
    """Decided when the script was read."""


ACTIONS = (
    Action(
        "include",
        _include,
        (Kind.STRING,),
        (Tag("personal", group="where"), Tag("global", group="where"), Tag("once"), Tag("optional")),
        extension="include",
    ),
    Action("return", _return, extension="include"),
    Action("global", _global, (Kind.STRINGS,), extension="include"),
)
EXTENSIONS = ("include",)
