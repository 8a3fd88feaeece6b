"""What a script consists of, before anything is known of its commands. A place is an offset into the source."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """A string, or a list of strings."""

    values: tuple[str, ...]
    at: int
    places: tuple[int, ...]
    """Where each stands."""
    bracketed: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A number, its quantifier multiplied."""

    value: int
    at: int


@dataclass(frozen=True, slots=True)
class TagWord:
    """A tag, in lower case and without its colon."""

    name: str
    at: int


Argument = Words | Number | TagWord


@dataclass(frozen=True, slots=True)
class Node:
    """A command or a test."""

    name: str
    """In lower case."""
    at: int
    arguments: tuple[Argument, ...] = ()
    tests: tuple["Node", ...] = ()
    listed: bool = False
    """Tests stand in parentheses."""
    block: tuple["Node", ...] | None = None
