"""How many guesses a password withstands: zxcvbn's estimate, with the French words beside its own lists."""

from collections.abc import Mapping
from functools import cache

from mailserver.login.passwords import words
from mailserver.model.folding import strip_marks

ENOUGH = 10**8
"""Guesses: what eight random characters withstand, and zxcvbn's score of 3. Attempts are throttled at every door."""
LONGEST = 40
"""Characters that are looked at: those withstand enough, or the rest repeats them."""
_BY_CHANCE = "bruteforce"
_EVERYTHING = 10**30
"""More than the estimate of what is looked at can matter."""


@cache
def _rankings() -> Mapping[str, Mapping[str, int]]:
    """Our own table, as zxcvbn's is shared by all threads and written by each of its calls."""
    from zxcvbn import matching  # type: ignore[import-untyped]

    return {**matching.RANKED_DICTIONARIES, "french": words.common()}


def estimate(text: str) -> tuple[int, tuple[str, ...]]:
    """Guesses that a password withstands, and what in it is easily guessed. Takes milliseconds."""
    from zxcvbn import matching, scoring

    shown = strip_marks(text)[:LONGEST]
    if not shown:
        return 0, ()
    found = scoring.most_guessable_match_sequence(shown, matching.omnimatch(shown, _rankings()))
    pieces = (match["token"] for match in found["sequence"] if match["pattern"] != _BY_CHANCE)
    return int(min(found["guesses"], _EVERYTHING)), tuple(dict.fromkeys(pieces))
