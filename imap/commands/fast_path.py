"""Commands that are answered in the very step in which they arrive: what clients ask all day, with the answer at hand.

The usual way (`commands.run`) wakes the connection's task and walks async generators, because most commands wait for
the store. NOOP does not, and neither does FETCH of what the snapshot knows or of a few small messages: answered here
they take half of the processor's time.

`answer` says what `run` would say, or None, and then nothing has happened and the usual way is to be taken: whenever
there is something to tell, to look at or to refuse. It asks once whether the mailbox is still as the client knows it;
within one step of the loop nothing of this worker comes between that and the tagged line, and what another worker
commits meanwhile comes after it.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from imap.answers import untagged
from imap.commands import fetch
from imap.session.session import Session
from imap.session.states import State
from imap.wire import commands
from imap.wire.responses import ok
from mailserver.foundation.metrics import catalogue

ANSWERS: dict[type[commands.Command], Callable[[Session, Any], bytes | None]] = {
    commands.Noop: lambda session, command: b"",
    commands.Fetch: fetch.at_once,
}
"""What stands before the tagged line; None: the usual way is to be taken."""

_DONE = {commands.Noop: ok("NOOP completed"), commands.Fetch: ok("FETCH completed")}


def answer(session: Session, tagged: commands.Tagged) -> bytes | None:
    """Everything there is to say about a command, the tagged line last; None: `commands.run` is to say it."""
    kind = type(tagged.command)
    make = ANSWERS.get(kind)
    if make is None or session.state is not State.SELECTED:
        return None
    if not untagged.silent(session) or session.must_be_looked_at:
        return None
    began = perf_counter()
    try:
        said = make(session, tagged.command)
    except Exception:  # noqa: BLE001 - the usual way meets the same error, and has the funnel for it
        return None
    if said is None:
        return None
    session.tag, session.faults = tagged.tag, 0
    catalogue.IMAP_SECONDS.observe(perf_counter() - began, commands.name_of(tagged.command))
    catalogue.IMAP_ANSWERS.add("OK")
    return said + _DONE[kind].encode(tagged.tag)
