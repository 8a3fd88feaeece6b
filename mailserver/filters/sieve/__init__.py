"""Sieve: the language in which people say what becomes of their mail (RFC 5228), without any input or output.

Theory of operation. `compile` turns a script's octets into a tree (`grammar`), checks every command against what it
takes (`compiling`; `commands/table` lists them), and makes closures of it, once. `run` calls these with a `Machine`:
the message as far as the script has asked for it, its variables, what it has decided, and what it may still spend.
What comes out is an `Outcome`; whoever delivers carries it out. A script is shared by threads, a machine by nobody.

* Every fault of a script is a `SieveError` with line, column and a sentence. Everything is checked before a script is
  accepted, but what stands behind a test that `ihave` made false (RFC 5463).
* A run ends with an Outcome or a `RunError`: then the message is kept as if there were no script. Which of the two
  does not depend on the clock: work is counted, every search of a regular expression has its price beforehand,
  wildcards never try anything twice.
* Python's stack is bounded because nesting is.

Why not sievelib: its tree keeps no places, so no fault can be shown where it is; it takes any extension, and
`require` anywhere; it knows a third of the commands here, and others are registered for the whole process.

What Pigeonhole or Stalwart have and this has not:

* `envelope-dsn`, `envelope-deliverby` (RFC 6009): of the envelope scripts know the two paths.
* `convert` (RFC 6558): no conversions are offered.
* `imapsieve` (RFC 6785), `redirect-dsn`, `redirect-deliverby` (RFC 6009): nothing runs scripts beside delivery, and
  the queue chooses its notifications.
* `comparator-elbonia` is a joke of RFC 5228; `vnd.*` run programs or show what is inside a server.

Where an RFC leaves a choice, or we differ:

* Of what is kept or filed twice in one mailbox the last counts, with its header and flags (RFC 5293 section 7).
* A script that is included within `foreverypart` tests the part as if it were the message (RFC 6609 section 3.5), and
  its loops go through what is within the part, as in Pigeonhole and Stalwart; what it does, edits of the header among
  it, it does to the message.
* What `replace` and `enclose` make of a message is stored, and not sent on: nobody says in somebody else's name what
  they did not write. What a loop replaces tests see behind it; `:from` is an address of the account's own, or ignored.
* What is included is a part of the script, with one answer for both (RFC 5230 section 4.7). Only where a script is
  `Ahead` of another, as in a sequence of scripts in Pigeonhole, the second neither fails by what the first has decided
  nor answers while the first does; what it refuses or throws away the first has not answered.
* Characters, not octets, are what `?` stands for in every comparator.
* i;unicode-casemap needs no `require`, as in Pigeonhole.
* A regular expression made of variables that is none matches nothing, so that no sender can stop a filter with it.
"""

from mailserver.filters.sieve.commands.actions import checked_address
from mailserver.filters.sieve.commands.table import EXTENSIONS
from mailserver.filters.sieve.compilation import compile_script as compile
from mailserver.filters.sieve.errors import Exhausted, RunError, SieveError
from mailserver.filters.sieve.execution import run
from mailserver.filters.sieve.interface import (
    Action,
    Discard,
    Edited,
    Facts,
    Fcc,
    FileInto,
    Host,
    Keep,
    Mark,
    NoHost,
    Notify,
    Outcome,
    Redirect,
    Reject,
    Vacation,
)
from mailserver.filters.sieve.limits import LIMITS, Limits
from mailserver.filters.sieve.script import ANYWHERE, Ahead, Answer, Script

__all__ = [
    "ANYWHERE",
    "EXTENSIONS",
    "LIMITS",
    "Action",
    "Ahead",
    "Answer",
    "Discard",
    "Edited",
    "Exhausted",
    "Facts",
    "Fcc",
    "FileInto",
    "Host",
    "Keep",
    "Limits",
    "Mark",
    "NoHost",
    "Notify",
    "Outcome",
    "Redirect",
    "Reject",
    "RunError",
    "Script",
    "SieveError",
    "Vacation",
    "checked_address",
    "compile",
    "run",
]
