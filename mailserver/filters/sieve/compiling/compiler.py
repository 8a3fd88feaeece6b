"""What is known while a script is compiled, and what all commands need of it."""

from collections.abc import Mapping, Sequence

from mailserver.filters.sieve.compiling import arguments
from mailserver.filters.sieve.compiling.specification import Action, TestOf
from mailserver.filters.sieve.compiling.strings import Strings, decode_characters, phrase
from mailserver.filters.sieve.errors import Fault
from mailserver.filters.sieve.grammar.tree import Node, Words
from mailserver.filters.sieve.limits import Limits
from mailserver.filters.sieve.machine import Machine, Phrase, Step, Test
from mailserver.filters.sieve.script import Answer
from mailserver.texts.text import Text


class Compiler:
    """One compilation."""

    def __init__(
        self, commands: Mapping[str, Action], tests: Mapping[str, TestOf], known: frozenset[str], limits: Limits
    ) -> None:
        self._commands = commands
        self._tests = tests
        self.known = known
        """Extensions that there are."""
        self.limits = limits
        self.required: set[str] = set()
        self.ended = False
        """A command other than `require` was seen."""
        self.loops: list[str] = []
        """Names of the loops around; empty for one without."""
        self.globals: set[str] = set()
        """Variables that the script shares with others."""
        self.expressions = 0
        """Regular expressions so far."""
        self.own: set[str] = set()
        """Variables that it has set before."""
        self.includes: dict[tuple[str, str], bool] = {}
        """Location and name of others, and whether one that is missing is a fault."""
        self.targets: set[str] = set()
        self.asks: set[str] = set()
        self.answers: dict[Answer, None] = {}

    def block(self, nodes: Sequence[Node]) -> tuple[Step, ...]:
        """The steps of a list of commands, `if` with what follows it as one. Raises Fault."""
        steps: list[Step] = []
        at = 0
        while at < len(nodes):
            node = nodes[at]
            at += 1
            if node.name in ("elsif", "else"):
                raise Fault(node.at, Text("« {name} » ne suit pas un « if ».", name=node.name))
            if node.name == "require":
                self._place_of_require(node)
            else:
                self.ended = True
            if node.name == "if":
                branches = [node]
                while at < len(nodes) and nodes[at].name in ("elsif", "else"):
                    branches.append(nodes[at])
                    at += 1
                    if branches[-1].name == "else":
                        break
                steps.append(self._condition(branches))
            else:
                steps.append(self._command(node))
        return tuple(steps)

    def _place_of_require(self, node: Node) -> None:
        if self.ended:
            raise Fault(node.at, Text("« require » se trouve au début du script, avant toute autre commande."))

    def _command(self, node: Node) -> Step:
        wanted = self._commands.get(node.name)
        if wanted is None:
            raise Fault(node.at, Text("La commande « {name} » n’existe pas.", name=node.name[:40]))
        self._needs(node, wanted.extension)
        return wanted.build(self, arguments.read(node, wanted, self.required))

    def test(self, node: Node) -> Test | bool:
        """A test, ready to run; a constant where it is decided already. Raises Fault."""
        wanted = self._tests.get(node.name)
        if wanted is None:
            if node.name in self._commands:
                raise Fault(node.at, Text("« {name} » est une commande, pas un test.", name=node.name))
            raise Fault(node.at, Text("Le test « {name} » n’existe pas.", name=node.name[:40]))
        self._needs(node, wanted.extension)
        return wanted.build(self, arguments.read(node, wanted, self.required))

    def _needs(self, node: Node, extension: str) -> None:
        """Of several extensions, separated by blanks, one is enough."""
        names = extension.split()
        if names and not any(name in self.required for name in names):
            raise Fault(
                node.at, Text('« {name} » demande « require "{extension}" ».', name=node.name, extension=names[0])
            )

    def _condition(self, nodes: Sequence[Node]) -> Step:
        """`if`, `elsif`, `else` (RFC 5228 section 3.1). What stands behind a test that `ihave` made false is not
        looked at: it may be of a later version of the language (RFC 5463 section 4)."""
        branches: list[tuple[Test, tuple[Step, ...]]] = []
        for node in nodes:
            decided = self._branch_test(node)
            if decided is False:
                continue
            steps = self.block(node.block or ())
            branches.append((_true if decided is True else decided, steps))
            if decided is True and node.name != "else":
                break
        return _choose(tuple(branches))

    def _branch_test(self, node: Node) -> Test | bool:
        if node.arguments:
            raise Fault(node.arguments[0].at, Text("« {name} » attend un test.", name=node.name))
        if node.block is None:
            raise Fault(node.at, Text("« {name} » attend un bloc entre accolades.", name=node.name))
        if node.name == "else":
            if node.tests:
                raise Fault(node.tests[0].at, Text("« {name} » n’a pas de test.", name=node.name))
            return True
        if len(node.tests) != 1 or node.listed:
            raise Fault(node.at, Text("« {name} » attend un test.", name=node.name))
        return self.test(node.tests[0])

    # Strings

    def strings(self, words: Words) -> Strings:
        """A list of strings as it is used. Raises Fault."""
        made = [self._string(text, at) for text, at in zip(words.values, words.places, strict=True)]
        constant = [one for one in made if isinstance(one, str)]
        if len(constant) == len(made):
            return Strings(tuple(constant))
        return Strings(None, tuple(_constant(one) if isinstance(one, str) else one for one in made))

    def string(self, words: Words) -> str | Phrase:
        """One string: itself when it is constant."""
        return self._string(words.values[0], words.at)

    def phrase(self, words: Words) -> Phrase:
        """One string, to be asked for."""
        made = self.string(words)
        return _constant(made) if isinstance(made, str) else made

    def constant(self, words: Words, name: str) -> str:
        """One string that has no variables. Raises Fault."""
        made = self.string(words)
        if not isinstance(made, str):
            raise Fault(words.at, Text("« {name} » attend un texte sans variables.", name=name))
        return made

    def _string(self, text: str, at: int) -> str | Phrase:
        if len(text) > self.limits.value:
            raise Fault(at, Text("Ce texte est trop long : {most} caractères au plus.", most=self.limits.value))
        if "${" not in text:
            return text
        if "encoded-character" in self.required:
            text = decode_characters(text, at)
        if "variables" in self.required:
            return phrase(text, at, self.required, self.globals)
        return text


def _constant(text: str) -> Phrase:
    return lambda machine: text


def _true(machine: Machine) -> bool:
    return True


def _choose(branches: tuple[tuple[Test, tuple[Step, ...]], ...]) -> Step:
    def step(machine: Machine) -> None:
        for test, steps in branches:
            machine.spend(1)
            if test(machine):
                machine.run(steps)
                return

    return step
