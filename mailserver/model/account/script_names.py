"""Names of Sieve scripts: one rule for every door that stores one, and for scripts that ask for others."""

import unicodedata

MAX_NAME = 128
"""Characters of a name (RFC 5804 section 1.6 asks for as many)."""
_FORBIDDEN = frozenset(("Cc", "Cs", "Zl", "Zp"))


def is_script_name(name: str) -> bool:
    """Whether a script can have this name (RFC 5804 section 1.6)."""
    return 0 < len(name) <= MAX_NAME and not any(unicodedata.category(char) in _FORBIDDEN for char in name)
