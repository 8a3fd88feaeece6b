"""One request in its thread: who asks, and what Radicale has seen for them."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING

from mailserver.model.budget import Budget
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.agenda.agenda_items import ANY, Seen

if TYPE_CHECKING:
    from agenda.reporting.views import View

MAX_WORK = 100_000
"""Items times properties and conditions of one request: ten of each of 10,000 items."""

MAX_OCCURRENCES = 20_000
"""Events one report answers, expanded ones included."""
MAX_EXPANDED = 32 * 1024 * 1024
"""Octets of all of these: each has the whole description of its series."""


class TooMuchWork(Refused):
    """More than one answer may cost (RFC 4791 section 7.8, RFC 6352 section 8.6: number-of-matches-within-limits)."""

    def __init__(self) -> None:
        super().__init__(Reason.LIMIT, "The request asks too much of too many items")


@dataclass(slots=True)
class RequestContext:
    """One request in its thread: who asks, what they may spend, what Radicale has seen under its lock."""

    principal: Principal
    budget: Budget
    work: int = 1
    """What the request asks of each item: properties and conditions."""
    worked: int = 0
    """That, for each item so far."""
    seen: dict[tuple[str, str], str | None] = field(default_factory=dict)
    rights: dict[str, str] = field(default_factory=dict)
    """What may be done with collections of others, as it was when the request looked first."""
    kinds: dict[str, str] = field(default_factory=dict)
    """Of what kind each collection is that was looked at, by its path."""
    holder: str = ""
    """The path of the item that has the UID which another was to get."""
    overwrite: bool = False
    """Nothing is compared any more."""
    sent: str = ""
    """The text of a PUT as the client wrote it, if it may be kept like that."""
    kept: bool = False
    """It was: what is stored is what the client has (RFC 4791 section 5.3.4)."""
    of_whole: bool = False
    """Items are asked for as parts of one text."""
    view: "View | None" = None
    """What a report shows of each item; None: no report asks."""
    zone: tzinfo | None = None
    """Of floating times, if the request names one."""
    limit: int = 0
    """How many matches the client wants at most; 0: it does not say."""
    matches: int = 0
    """Those there were so far, of all collections that are looked into."""
    truncated: bool = False
    """There are more."""
    occurrences: int = 0
    """Occurrences that were answered so far."""
    expanded: int = 0
    """Their octets."""

    def charge(self) -> None:
        """One more item is looked at. Raises TooMuchWork; Refused(LIMIT) when the time is used up."""
        self.worked += self.work
        if self.worked > MAX_WORK:
            raise TooMuchWork
        self.budget.check()

    def count_occurrence(self, octets: int) -> None:
        """One more is answered, of so many octets. Raises TooMuchWork."""
        self.occurrences += 1
        self.expanded += octets
        if self.occurrences > MAX_OCCURRENCES or self.expanded > MAX_EXPANDED:
            raise TooMuchWork

    def expected(self, collection: str, href: str) -> Seen:
        """What a write must find in place of an item."""
        return ANY if self.overwrite else self.seen.get((collection, href), ANY)


VISIT: ContextVar[RequestContext] = ContextVar("visit")
