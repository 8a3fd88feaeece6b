"""Pages by number, for lists that are short enough to be held whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from webui.http.forms import positive
from webui.page.context import Guest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Numbered(Generic[T]):
    """A page of a list."""

    shown: Sequence[T]
    number: int
    """From 1."""
    pages: int
    """At least 1."""


def numbered(guest: Guest, found: Sequence[T], size: int) -> Numbered[T]:
    """The page of `found` that the address asks for by `page`; one beyond the last is the last."""
    pages = max(1, -(-len(found) // size))
    number = min(max(1, positive(guest.query("page"))), pages)
    return Numbered(found[(number - 1) * size : number * size], number, pages)
