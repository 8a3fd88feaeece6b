"""How many examples hypothesis makes up: as many as usually find something, or, before a release, ten times as many."""

import os

THOROUGH = bool(os.environ.get("THOROUGH"))
"""`make test-long` sets it."""


def examples(usual: int) -> int:
    return 10 * usual if THOROUGH else usual
