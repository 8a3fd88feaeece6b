"""Messages to very many people: each with what was decided about it, and how far it is.

* `rows`: what a mailing is, as values; `reading` finds them; `deciding` keeps and changes them; `ending` lets go.

A state changes in one unit, which locks the row: of two who decide at once the second is told so.
"""

from mailserver.store.queue.mailings.deciding import (
    LEASE_SECONDS,
    MAX_REASON,
    NEWS,
    NOBODY,
    SERVICE,
    begin,
    claim,
    move,
    plan,
    record,
    stop_all,
    withdrawn_by,
)
from mailserver.store.queue.mailings.ending import erase, forget, let_go
from mailserver.store.queue.mailings.reading import (
    abandoned,
    due,
    expired,
    get,
    listing,
    locked,
    newest,
    of_account,
    of_message,
    taken_back,
    to_take_back,
    waiting,
)
from mailserver.store.queue.mailings.rows import (
    DELIVERED,
    DROPPED,
    OPEN,
    Day,
    Mailing,
    State,
    Wanted,
    is_outsider,
    targets_of,
    targets_text,
)

__all__ = [
    "DELIVERED",
    "DROPPED",
    "LEASE_SECONDS",
    "MAX_REASON",
    "NEWS",
    "NOBODY",
    "OPEN",
    "SERVICE",
    "Day",
    "Mailing",
    "State",
    "Wanted",
    "abandoned",
    "begin",
    "claim",
    "due",
    "erase",
    "expired",
    "forget",
    "get",
    "is_outsider",
    "let_go",
    "listing",
    "locked",
    "move",
    "newest",
    "of_account",
    "of_message",
    "plan",
    "record",
    "stop_all",
    "taken_back",
    "targets_of",
    "targets_text",
    "to_take_back",
    "waiting",
    "withdrawn_by",
]
