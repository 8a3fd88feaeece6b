"""From counts to a score: naive Bayes as Robinson and Graham have it, combined by Fisher's method (chi-square), as
SpamBayes and bogofilter do. Pure.

What an account has taught stands before what the academy has: the academy's probability of a token is what is
believed of it until the account knows better (Robinson's f(w) with that as its prior).
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple
from zlib import crc32

from mailserver.inbound.junk.counts import Counts, Dense

STRENGTH = 0.45
"""How much is needed to move the belief of a token away from what it was (Robinson's s)."""
UNKNOWN = 0.5
CERTAIN = 0.1
"""Tokens nearer to 0.5 than this say nothing."""
MOST = 150
"""Tokens that are combined: those that say most."""
KEPT = 30_000
"""Tokens of which is remembered what the academy's counts say: most of a message's were in others."""


@dataclass(frozen=True, slots=True)
class Score:
    """How much a message looks like junk, and which tokens said so."""

    permille: int
    """0: certainly not, 1000: certainly."""
    telling: tuple[str, ...] = ()
    """The tokens that spoke for junk, the loudest first; none of what is rather good."""


def numbers(tokens: Iterable[str]) -> "array[int]":
    """What stands for tokens in the counts."""
    return array("I", [crc32(token.encode("utf-8", "surrogatepass")) for token in tokens])


class Said(NamedTuple):
    """What a token says."""

    silence: float
    """The less, the more it says."""
    belief: float
    """That what has it is junk."""
    junk: float
    good: float
    """Logarithms of its parts in the two products."""


NOTHING: Said | tuple[()] = ()


class Sayings(dict[str, Said | tuple[()]]):
    """What tokens say by the academy's counts as they are now, reckoned when one is asked for the first time."""

    def __init__(self, counts: Dense) -> None:
        super().__init__()
        self._spam, self._ham, self._of = counts.spam, counts.ham, counts.reader()

    def __missing__(self, token: str) -> Said | tuple[()]:
        if len(self) >= KEPT:
            self.clear()
        seen = self._of(numbers((token,)))
        (belief,) = _believe([UNKNOWN], seen, self._spam, self._ham) if self._spam and self._ham else (UNKNOWN,)
        said = self[token] = _said(belief)
        return said


def _said(belief: float) -> Said | tuple[()]:
    if abs(belief - 0.5) < CERTAIN:
        return NOTHING
    return Said(0.5 - abs(belief - 0.5), belief, math.log(1 - belief), math.log(belief))


def score(tokens: Sequence[str], academy: Dense | None, own: Counts | None) -> Score:
    """What a message's tokens say by what the academy and an account have taught; None: not enough yet."""
    said: list[Said | tuple[()]] = []
    if own is not None and own.spam and own.ham:
        before = _by_academy(tokens, academy) if academy is not None else [UNKNOWN] * len(tokens)
        said = [_said(one) for one in _believe(before, own.of(numbers(tokens)), own.spam, own.ham)]
    elif academy is not None:
        sayings = academy.sayings
        if sayings is None:
            sayings = academy.sayings = Sayings(academy)
        said = list(map(sayings.__getitem__, tokens))
    told = [one for one in said if one]
    if not told:
        return Score(500)
    if len(told) > MOST:
        told.sort(key=_SILENCE)
        del told[MOST:]
    # Fisher: the product of many probabilities is as good as certain one way, or the other, or neither.
    junk = _chi_square(-2 * sum(map(_JUNK, told)), len(told))
    good = _chi_square(-2 * sum(map(_GOOD, told)), len(told))
    permille = round(500 * (1 + (1 - junk) - (1 - good)))
    if permille < 500:
        return Score(permille)
    telling = sorted(((one.belief, place) for place, one in enumerate(said) if one and one.belief > 0.5), reverse=True)
    return Score(permille, tuple(tokens[place] for _, place in telling[:40]))


_SILENCE, _JUNK, _GOOD = itemgetter(0), itemgetter(2), itemgetter(3)


def _by_academy(tokens: Sequence[str], counts: Dense) -> list[float]:
    """What is believed of each token, from memory where it was reckoned before."""
    known = counts.believed
    missing = [token for token in tokens if token not in known]
    if missing:
        if len(known) + len(missing) > KEPT:
            known, missing = {}, list(tokens)
            counts.believed = known  # another one: threads may be reading the one before
        before = [UNKNOWN] * len(missing)
        if counts.spam and counts.ham:
            before = _believe(before, counts.of(numbers(missing)), counts.spam, counts.ham)
        known.update(zip(missing, before, strict=True))
    return [known[token] for token in tokens]


def _believe(before: list[float], seen: Sequence[tuple[int, int]], spam: int, ham: int) -> list[float]:
    """Robinson's f(w): what was believed before, moved by what was counted."""
    after = before.copy()
    for place, (junk, good) in enumerate(seen):
        if junk or good:
            count = junk + good
            found = junk * ham / (junk * ham + good * spam)
            belief = (STRENGTH * before[place] + count * found) / (STRENGTH + count)
            after[place] = min(max(belief, 0.0001), 0.9999)
    return after


def _chi_square(value: float, pairs: int) -> float:
    """The probability that a chi-square of 2 * `pairs` degrees of freedom is at least so large."""
    half = value / 2
    term = total = math.exp(-min(half, 700.0))
    for step in range(1, pairs):
        term *= half / step
        total += term
    return min(total, 1.0)
