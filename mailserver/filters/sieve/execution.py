"""One run of a script."""

from contextlib import suppress

from mailserver.filters.sieve.interface import Facts, Host, Outcome
from mailserver.filters.sieve.machine import Broken, Machine, Returned, Stopped
from mailserver.filters.sieve.script import Script


def run(script: Script, facts: Facts, host: Host, seconds: float | None = None, work: int | None = None) -> Outcome:
    """What a script decides about a message. `seconds` of the processor, and `work` by count: instead of what is usual.

    Raises RunError: the message is to be kept as if there were no script (RFC 5228 section 2.10.6); Exhausted when that
    was all that was wrong.
    """
    limits = script.limits
    machine = Machine(
        script, facts, host, limits.seconds if seconds is None else seconds, limits.work if work is None else work
    )
    with suppress(Stopped, Returned, Broken):
        machine.run(script.steps)
    return Outcome(machine.effects.resolved(machine.message.state), tuple(machine.effects.marks))
