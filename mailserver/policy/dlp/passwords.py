"""Words of a text that may be somebody's own password.

Nothing is kept of a password for this: a keyed hash that is quick to compare would make whoever has the database and
the key guess as quickly. So few words are compared with the slow hash that is there already; each costs what a login
does, and whoever holds a stolen session learns no more by it than by logging in (`checker.MAX_TRIES`).
"""

import re
from collections.abc import Iterable

MAX_WORDS = 8
"""Of one letter."""
SHORTEST, LONGEST = 8, 128
MAX_LINES = 20_000
_NAMED = re.compile(
    r"mots? de passe|\bmdp\b|\bpass(?:word|phrase)?\b|\bpwd\b|\bcodes? d.acc[eè]s|\bidentifiants?\b|\blogin\b",
    re.IGNORECASE,
)
_HINTS = ("pass", "mdp", "pwd", "acc", "identifiant", "login")
"""Without one of these nothing of the above is there; most mail has none, and this is found out at once."""
_ADDRESS = re.compile(r"\w+://|www\.|[^@\s]+@[^@\s]+\.[a-z]{2,}", re.IGNORECASE)
_AROUND = "«»“”\"'‘’()[]<>{}*_`.,;:"
_KINDS = (str.islower, str.isupper, str.isdigit)


def candidates(text: str) -> list[str]:
    """The words to compare, those beside a word for a password first."""
    named: dict[str, None] = {}
    others: dict[str, None] = {}
    beside = False
    small = text.lower()
    may_say = any(hint in small for hint in _HINTS)
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        said = line.strip()
        says = _NAMED.search(said) if may_say else None
        if says or beside:
            for word in _beside(said[says.end() if says else 0 :]):
                named.setdefault(word)
        else:
            for word in filter(_is_mixed, said.split()):
                others.update(dict.fromkeys(one for one in _forms(word) if _kinds(one) == 4))
        # A label may stand on a line, and what it names on the next one.
        beside = says is not None or (beside and not said)
        if len(named) >= MAX_WORDS:
            break
    return list(dict.fromkeys((*named, *others)))[:MAX_WORDS]


def _beside(text: str) -> Iterable[str]:
    """What a line names as a password: all of it (a phrase), and each of its words that is more than a word."""
    after = re.sub(r"^[^:=]{0,40}[:=]\s*", "", text, count=1).strip()
    words = [form for word in after.split()[:20] for form in _forms(word) if _kinds(form) >= 2]
    phrase = [after] if " " in after and SHORTEST <= len(after) <= LONGEST else []
    return [*words[:4], *phrase]


def _is_mixed(word: str) -> bool:
    """Whether it may have all four kinds of characters: a quick look, which nearly every word fails."""
    return not (word.isalnum() or len(word) < SHORTEST or word.islower() or word.isupper())


def _forms(word: str) -> list[str]:
    """A word as it stands, and without the punctuation around it."""
    if not SHORTEST <= len(word) <= LONGEST or _ADDRESS.search(word):
        return []
    bare = word.strip(_AROUND)
    return [word] if bare == word or len(bare) < SHORTEST else [bare, word]


def _kinds(word: str) -> int:
    """How many kinds of characters it has: small and capital letters, digits, others."""
    return sum(any(map(kind, word)) for kind in _KINDS) + any(not char.isalnum() for char in word)
