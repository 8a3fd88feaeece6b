"""One run of a script: what it has found out, what it has decided, and what it may still spend."""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from mailserver.filters.sieve.effects import Effects
from mailserver.filters.sieve.errors import Exhausted, RunError
from mailserver.filters.sieve.interface import Facts, Host
from mailserver.filters.sieve.limits import Limits
from mailserver.filters.sieve.matching.regexes import Expression
from mailserver.filters.sieve.message.view import Message
from mailserver.filters.sieve.script import Script
from mailserver.texts.text import Text

PACE = 20_000
"""How much may be done between two looks at the processor's time."""

Step = Callable[["Machine"], None]
"""A command, ready to run."""
Test = Callable[["Machine"], bool]
"""A test, ready to run."""
Phrase = Callable[["Machine"], str]
"""A string whose variables are filled in when it runs."""


class Stopped(Exception):
    """`stop`: the whole run ends."""


class Returned(Exception):
    """`return`: the script that was included ends (RFC 6609 section 3.3)."""


class Broken(Exception):
    """`break`: a loop ends (RFC 5703 section 3.1)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(slots=True)
class Scope:
    """What belongs to one script of a run (RFC 6609 section 3.4)."""

    script: Script
    variables: dict[str, str] = field(default_factory=dict)
    matched: list[str] = field(default_factory=list)
    """What `${0}`, `${1}` and so on stand for."""


class Machine:
    """The state of one run."""

    __slots__ = (
        "_look",
        "_until",
        "added",
        "asked",
        "depth",
        "edited",
        "effects",
        "expressions",
        "facts",
        "globals",
        "host",
        "included",
        "left",
        "limits",
        "loops",
        "message",
        "once",
        "parts",
        "scope",
        "script",
        "stack",
        "view",
    )

    def __init__(self, script: Script, facts: Facts, host: Host, seconds: float, work: int) -> None:
        self.script = script
        self.facts = facts
        self.host = host
        self.limits: Limits = script.limits
        self.left = work
        self._until = time.thread_time() + seconds
        self._look = max(0, self.left - PACE)
        self.asked: set[Hashable] = set()
        """What the host was asked for, and will know at once."""
        self.message = Message(facts, self.limits)
        self.view = self.message
        """What tests look at: the message, or for a script that was included within a loop the part as if it were one
        (RFC 6609 section 3.5)."""
        self.effects = Effects(self.limits)
        self.scope = Scope(script)
        self.globals: dict[str, str] = {}
        self.expressions: dict[tuple[str, str], Expression] = {}
        """Regular expressions that were made of variables."""
        self.added = 0
        """Fields of the header."""
        self.edited = 0
        """Octets of them."""
        self.depth = script.depth
        """Levels of the scripts that are being run."""
        self.stack: list[tuple[str, str]] = []
        """The scripts that are being included."""
        self.included = 0
        self.once: set[tuple[str, str]] = set()
        """Scripts that were included so far."""
        self.parts: list[int] = []
        """The part of each loop of this script that goes on, outermost first, as a place in `view`."""
        self.loops = 0
        """Loops that go on, of all scripts."""

    def spend(self, cost: int) -> None:
        """Count what is done. Raises RunError when it was too much."""
        self.left -= cost
        if self.left < self._look:
            self._check()

    def _check(self) -> None:
        self._look = max(0, self.left - PACE)
        if self.left < 0 or time.thread_time() > self._until:
            raise Exhausted(Text("Le filtre a demandé trop de travail pour ce message."))

    def ask(self, what: Hashable) -> None:
        """Count that the host has to read something for the first time."""
        if what not in self.asked:
            self.asked.add(what)
            self.spend(self.limits.read)

    def run(self, steps: Sequence[Step]) -> None:
        """Run commands in their order."""
        for step in steps:
            self.left -= 1
            if self.left < self._look:
                self._check()
            step(self)

    def variable(self, name: str) -> str:
        """The value of a variable; empty where none was set."""
        if name.startswith("global."):
            return self.globals.get(name[7:], "")
        return self.scope.variables.get(name, "")

    def set_variable(self, name: str, value: str) -> None:
        """Keep a value, cut to what is allowed (RFC 5229 section 6)."""
        variables = self.scope.variables
        if name.startswith("global."):
            variables, name = self.globals, name[7:]
        if name not in variables and len(variables) >= self.limits.variables:
            raise RunError(Text("Le filtre a plus de {most} variables.", most=self.limits.variables))
        variables[name] = value[: self.limits.variable]
