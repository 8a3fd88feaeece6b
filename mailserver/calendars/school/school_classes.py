"""The school class an event is about: what its categories or its title name.

A category counts before the title, and the first name before the others. Names are told as the ministry writes them:
`6e A`, `2de 3`, `1re G2`, `Tle S`, `CM1 B`. Whatever else a text holds is no class.
"""

import re
from collections.abc import Iterable
from itertools import islice

MAX_LOOKED = 200
"""Characters of a title that are looked at."""
MAX_CATEGORIES = 20
_NAME = re.compile(
    r"(?<![\w°])(?:"
    r"(?P<college>[3-6])\s?(?:e|è|ème|eme)\s?(?P<group>[A-Z]|1?\d)"
    r"|(?P<second>2)\s?n?de\s?(?=[A-Z\d])(?P<second_group>[A-Z]{0,4}\d{0,2})"
    r"|(?P<first>1)\s?(?:re|ère|ere)\s?(?=[A-Z\d])(?P<first_group>[A-Z]{0,5}\d{0,2})"
    r"|T(?:le|erm|erminale)\s?(?P<last_group>[A-Z]{0,5}\d{0,2})"
    r"|(?P<primary>CP|CE1|CE2|CM1|CM2)(?:\s(?P<primary_group>[A-Z]))?"
    r")(?!\w)"
)


def class_of(title: str, categories: Iterable[str]) -> str:
    """The name of the class, empty when none is named."""
    for name in islice(categories, MAX_CATEGORIES):
        match = _NAME.fullmatch(" ".join(name.split()))
        if match:
            return _told(match)
    match = _NAME.search(title[:MAX_LOOKED])
    return _told(match) if match else ""


def _told(match: re.Match[str]) -> str:
    found = match.groupdict()
    if found["college"]:
        return f"{found['college']}e {found['group']}"
    if found["primary"]:
        return " ".join(filter(None, (found["primary"], found["primary_group"])))
    if found["second"]:
        return f"2de {found['second_group']}"
    if found["first"]:
        return f"1re {found['first_group']}"
    return f"Tle {found['last_group'] or ''}".strip()
