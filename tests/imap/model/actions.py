"""What clients do, and how often."""

from collections.abc import Awaitable, Callable

from tests.imap.model.changing import append, copy, expunge, move, replace, store
from tests.imap.model.looking import fetch, keep_up, search, status, wait
from tests.imap.model.session import Session
from tests.imap.model.visiting import abandon, create, delete, enter, leave_mailbox, reconnect, rename, switch

CROWDED = 60
"""Messages from which clients rather tidy up than add."""

Action = Callable[[Session], Awaitable[None]]

WEIGHTS: dict[Action, int] = {
    append: 14,
    store: 24,
    copy: 6,
    move: 6,
    expunge: 7,
    replace: 3,
    fetch: 10,
    search: 8,
    keep_up: 3,
    wait: 12,
    status: 2,
    switch: 4,
    leave_mailbox: 2,
    reconnect: 4,
    abandon: 1,
    create: 2,
    rename: 1,
    delete: 1,
}
ADDING: tuple[Action, ...] = (append, copy)
TIDYING: tuple[Action, ...] = (expunge, move)


def choose(session: Session) -> Action:
    """The next action, by chance; in a crowded mailbox rather one that tidies up."""
    mirror = session.mirror
    if mirror is None:
        return session.random.choice((enter, enter, append, create))
    actions, weights = list(WEIGHTS), list(WEIGHTS.values())
    if len(mirror) > CROWDED:
        weights = [
            0 if one in ADDING else 4 * w if one in TIDYING else w for one, w in zip(actions, weights, strict=True)
        ]
    return session.random.choices(actions, weights)[0]
