"""Messages that wait for IT, whatever for: a list of them; what is chosen, how many it touches, and the act."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.responses import Response

from webui.admin.console_page import Top, done, top
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PER_PAGE = 100
MAX_CHOSEN = 100
DROPS = "supprimer"
"""The word of the button that lets nobody have them."""

H = TypeVar("H")
L = TypeVar("L")


@dataclass(frozen=True, slots=True)
class Sender:
    """An account that sends much."""

    account_id: int
    login: str
    recipients: int
    failures: int


@dataclass(frozen=True, slots=True)
class State:
    """What there is besides the list."""

    is_on: bool
    """What has messages wait is switched on."""
    senders: tuple[Sender, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldPage(Generic[L]):
    """A part of what waits."""

    top: Top
    path: str
    lines: tuple[L, ...]
    after: int
    state: State


@dataclass(frozen=True, slots=True)
class DecidePage(Generic[L]):
    """Before somebody gets them after all, or nobody does."""

    top: Top
    path: str
    lines: tuple[L, ...]
    releases: bool
    fault: str


@dataclass(frozen=True, slots=True)
class Kind(Generic[H, L]):
    """Messages that wait for one reason. `waiting` and `get` read them, in the order of `number`, their id."""

    path: str
    tab: str
    template: str
    asks: str
    """The template that asks how many it touches."""
    releases: str
    """The word of the button that lets somebody have them."""
    waiting: Callable[[Services, int, int], Awaitable[Sequence[H]]]
    get: Callable[[Services, int], Awaitable[H | None]]
    number: Callable[[H], int]
    line: Callable[[Visit, H], L]
    state: Callable[[Services], Awaitable[State]]
    release: Callable[[Services, Visit, Sequence[H]], Awaitable[tuple[int, str]]]
    """How many it was, and what could not be done; what could not stays where it is."""
    drop: Callable[[Services, Visit, Sequence[H]], Awaitable[tuple[int, str]]]
    said: tuple[str, str]
    """What is announced of a release and of a drop."""

    async def show(self, services: Services, visit: Visit, fault: str = "") -> Response:
        """The list."""
        found = await self.waiting(services, positive(visit.query("apres")), PER_PAGE + 1)
        after = self.number(found[PER_PAGE - 1]) if len(found) > PER_PAGE else 0
        lines = tuple(self.line(visit, one) for one in found[:PER_PAGE])
        page = HeldPage(top(visit, self.tab, fault), self.path, lines, after, await self.state(services))
        return services.pages.answer(visit, self.template, page, 422 if fault else 200)

    async def act(self, services: Services, visit: Visit) -> Response:
        """The button says what; both ask first how many it touches."""
        chosen = visit.form.numbers("message", MAX_CHOSEN)
        what, _, confirmed = visit.form.text("faire").partition("-")
        if not chosen or what not in (self.releases, DROPS):
            return await self.show(services, visit, visit._("Cochez au moins un message."))
        found = [one for one in [await self.get(services, number) for number in chosen] if one is not None]
        releases, fault = what == self.releases, ""
        if confirmed and found:
            if visit.form.text("nombre").strip() == str(len(found)):
                return await self._decide(services, visit, found, releases=releases)
            fault = visit._("Ce n’est pas ce nombre. Rien n’a été fait.")
        lines = tuple(self.line(visit, one) for one in found)
        page = DecidePage(top(visit, self.tab), self.path, lines, releases, fault)
        return services.pages.answer(visit, self.asks, page, 422 if fault else 200)

    async def _decide(self, services: Services, visit: Visit, found: Sequence[H], *, releases: bool) -> Response:
        count, fault = await (self.release if releases else self.drop)(services, visit, found)
        if fault:
            return await self.show(services, visit, fault)
        return redirect(visit, self.path, **done(self.said[not releases], count))
