"""Names of Sieve scripts: one rule for every door that stores one, and for scripts that ask for others."""

from mailserver.model.unicode import has_controls

MAX_NAME = 128
"""Characters of a name (RFC 5804 section 1.6 asks for as many)."""


def is_script_name(name: str) -> bool:
    """Whether a script can have this name (RFC 5804 section 1.6)."""
    return 0 < len(name) <= MAX_NAME and not has_controls(name)
