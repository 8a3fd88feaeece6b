"""LIST patterns (RFC 3501 section 6.3.8): `*` matches anything, `%` anything within one level.

A pattern is a small automaton whose states are the bits of one integer, so the time is the length of the
name times a constant. A regular expression would try every way to split the name between the wildcards:
`*a*a*a*a*b` is the attack.
"""

from collections.abc import Callable, Iterable

from imap.wire.names import canonical

SEPARATOR = "/"
"""Between the levels of a mailbox name."""

Matcher = Callable[[str], bool]


def steps(patterns: Iterable[str], names: Iterable[str]) -> int:
    """How much work it is to compare these names with these patterns: each with wildcards goes over every letter."""
    wild = sum(1 + len(pattern) // 500 for pattern in patterns if "*" in pattern or "%" in pattern)
    return wild * sum(map(len, names))


def matcher(reference: str, patterns: Iterable[str]) -> Matcher:
    """Tell whether a name matches one of the patterns, each put behind the reference."""
    wanted = [_matcher(canonical(reference + pattern)) for pattern in patterns]
    if len(wanted) == 1:
        return wanted[0]
    return lambda name: any(matches(name) for matches in wanted)


def _matcher(pattern: str) -> Matcher:
    pattern = _collapse(pattern)
    if pattern == "*":
        return lambda name: True
    if "*" not in pattern and "%" not in pattern:
        return lambda name: name == pattern
    return _Automaton(pattern).accepts


def _collapse(pattern: str) -> str:
    """Neighbouring wildcards are one: `*` when any of them is, else `%`."""
    letters: list[str] = []
    for letter in pattern:
        if letter in "*%" and letters and letters[-1] in "*%":
            letters[-1] = "*" if "*" in (letter, letters[-1]) else "%"
        else:
            letters.append(letter)
    return "".join(letters)


class _Automaton:
    """State i: the first i letters of the pattern are matched. No two wildcards are neighbours.

    INBOX matches in whatever case the pattern spells it (RFC 3501 section 6.3.8), as the first level of a name, too.
    """

    __slots__ = ("_advance", "_final", "_inbox", "_stay", "_stay_in_level", "_wild")

    def __init__(self, pattern: str) -> None:
        self._advance: dict[str, int] = {}
        self._inbox: dict[str, int] = {}
        self._stay = self._wild = 0
        for place, letter in enumerate(pattern):
            if letter in "*%":
                self._wild |= 1 << place
                self._stay |= (letter == "*") << place
            else:
                self._advance[letter] = self._advance.get(letter, 0) | 1 << place
                capital = letter.upper()
                self._inbox[capital] = self._inbox.get(capital, 0) | 1 << place
        self._stay_in_level = self._wild
        self._final = 1 << len(pattern)

    def accepts(self, name: str) -> bool:
        states = 1 | (self._wild & 1) << 1
        if name[:5] == "INBOX" and name[5:6] in ("", SEPARATOR):
            states = self._run(states, "INBOX", self._inbox)
            name = name[5:]
        return bool(self._run(states, name, self._advance) & self._final)

    def _run(self, states: int, letters: str, advance: dict[str, int]) -> int:
        for letter in letters:
            stay = self._stay if letter == SEPARATOR else self._stay_in_level
            states = (states & advance.get(letter, 0)) << 1 | states & stay
            if not states:
                break
            states |= (states & self._wild) << 1
        return states
