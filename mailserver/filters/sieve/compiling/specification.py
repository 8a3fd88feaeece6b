"""What a command or a test takes: as data, so that one function checks them all."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailserver.filters.sieve.compiling.arguments import Call
    from mailserver.filters.sieve.compiling.compiler import Compiler
    from mailserver.filters.sieve.machine import Step, Test


class Kind(Enum):
    """Of an argument."""

    STRING = "string"
    STRINGS = "strings"
    """A list, or one string."""
    NUMBER = "number"


class Tests(Enum):
    """That stand behind the arguments."""

    NONE = "none"
    ONE = "one"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tagged argument."""

    name: str
    takes: Kind | None = None
    """Of the argument that follows it."""
    group: str = ""
    """Of those of one group at most one may stand."""
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """A command: `build` makes a step of it."""

    name: str
    build: "Callable[[Compiler, Call], Step]"
    takes: tuple[Kind, ...] = ()
    tags: tuple[Tag, ...] = ()
    extension: str = ""
    optional: int = 0
    """How many of the first arguments may be left out."""
    optional_last: int = 0
    """The same for the last ones."""
    tests: Tests = Tests.NONE
    block: bool = False


@dataclass(frozen=True, slots=True)
class TestOf:
    """A test: `build` makes it ready to run; a constant where `ihave` decided it (RFC 5463 section 4)."""

    name: str
    build: "Callable[[Compiler, Call], Test | bool]"
    takes: tuple[Kind, ...] = ()
    tags: tuple[Tag, ...] = ()
    extension: str = ""
    optional: int = 0
    tests: Tests = Tests.NONE
