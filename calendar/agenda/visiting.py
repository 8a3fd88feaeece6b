"""One request in its thread: who asks, and what Radicale has seen for them."""

from contextvars import ContextVar
from dataclasses import dataclass, field

from mailserver.budget import Budget
from mailserver.identity import Principal
from mailserver.store.agenda_items import ANY, Seen


@dataclass(slots=True)
class Visit:
    """One request in its thread: who asks, what they may spend, what Radicale has seen under its lock."""

    principal: Principal
    budget: Budget
    seen: dict[tuple[str, str], str | None] = field(default_factory=dict)
    rights: dict[str, str] = field(default_factory=dict)
    """What may be done with collections of others, as it was when the request looked first."""
    overwrite: bool = False
    """Nothing is compared any more."""
    expanding: bool = False
    """The report asks for occurrences."""
    whole: bool = False
    """Answer it with whole items instead."""

    def expected(self, collection: str, href: str) -> Seen:
        """What a write must find in place of an item."""
        return ANY if self.overwrite else self.seen.get((collection, href), ANY)


VISIT: ContextVar[Visit] = ContextVar("visit")
