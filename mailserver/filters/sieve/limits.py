"""What a script may be and may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a script and of one run of it; scripts that it includes count with it."""

    script: int = 256 * 1024
    """Octets of a script."""
    commands: int = 5_000
    """Commands and tests of a script."""
    nesting: int = 32
    """Blocks within blocks, and tests within tests (RFC 5228 section 2.10.5 asks for 15 of each)."""
    work: int = 1_000_000
    """What a run may cost: one for a command, a test, a comparison, and for each 64 characters that it reads: about a
    second of the processor at most, and a thousand times less in any script that people write."""
    regex: int = 4_096
    """Characters of a regular expression."""
    regexes: int = 50
    """Regular expressions of a script: compiled scripts are kept, and RE2 keeps an automaton for each."""
    regex_memory: int = 512 * 1024
    """Octets that one regular expression may take once compiled, and once more where its groups are asked for."""
    answers: int = 5_000
    """Texts that a script answers by itself; who keeps scripts for people may want fewer."""
    variables: int = 512
    """Variables of a script, and global ones (RFC 5229 section 5 asks for 128)."""
    variable: int = 16 * 1024
    """Characters of a variable's value (RFC 5229 section 5 asks for 4,000); what is longer is cut."""
    name: int = 64
    """Characters of a variable's name (RFC 5229 section 5 asks for 32)."""
    actions: int = 64
    """Actions of one run."""
    redirects: int = 4
    """Addresses that one message is redirected to."""
    flags: int = 64
    """Flags of one message."""
    includes: int = 255
    """Scripts that one run includes (RFC 6609 section 3)."""
    include_depth: int = 10
    """Scripts within scripts (RFC 6609 section 3 asks for 3)."""
    depth: int = 120
    """Levels of all scripts that are within each other: what Python's stack bears."""
    loops: int = 4
    """`foreverypart` within `foreverypart` (RFC 5703 section 3)."""
    value: int = 64 * 1024
    """Characters of a field, a part or a body that one comparison reads; what follows is not read."""
    body: int = 1024 * 1024
    """Octets of the message that are read for its body and parts."""
    parts: int = 256
    """Parts of the message that are looked at."""
    added: int = 32
    """Fields that a run adds to the header."""
    edited: int = 64 * 1024
    """Octets of all of these."""
    read: int = 1_000
    """What it costs to ask the account for something that was not asked before."""
    seconds: float = 4.0
    """Of the processor, for one run, whatever it costs by count."""


LIMITS = Limits()
