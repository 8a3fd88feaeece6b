"""Names that are made to be taken for others: alphabets mixed, letters that look alike, domains one letter off.

Pure. The tables are short on purpose: they hold what is seen in mail to schools, not all of Unicode's confusables.
"""

import contextlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

IMITATED = ("education.gouv.fr", "service-public.fr", "impots.gouv.fr", "franceconnect.gouv.fr", "ameli.fr")
"""Beside the academy's own domains: what mail to schools is often made to look like."""
MAX_HOST = 253

_ALIKE = str.maketrans(
    {
        **dict(zip("аеорсухіјѕһԁԛԝѵкмтвнгп", "aeopcyxijshdqwvkmtbhrn", strict=True)),  # Cyrillic
        **dict(zip("ανορυτικχγεβηωμ", "avopytikxyeBnwu".lower(), strict=True)),  # Greek
        **dict(zip("01358", "olese", strict=True)),
        "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ꞁ": "l", "ɡ": "g", "ɑ": "a", "|": "l",
    }
)  # fmt: skip
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("ii", "u"))
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "HEBREW", "ARABIC", "GEORGIAN")


def readable(host: str) -> str:
    """A host as a person would read it: A-labels decoded where they can be."""
    labels = []
    for label in host[:MAX_HOST].split("."):
        if label.lower().startswith("xn--"):
            with contextlib.suppress(UnicodeError, ValueError):
                label = label[4:].encode("ascii").decode("punycode")
        labels.append(label)
    return ".".join(labels)


def mixes_alphabets(text: str) -> bool:
    """True when one word holds letters of two alphabets that look alike, as no language writes them."""
    if text.isascii():
        return False
    return any(len(_alphabets(word)) > 1 for word in re.findall(r"[^\W\d_]{2,64}", text[:1000]))


def wholly_foreign(host: str) -> bool:
    """True for a host with a label in letters that only look Latin (`аррӏе`), under a Latin ending."""
    labels = readable(host).split(".")
    return any(
        not label.isascii() and "LATIN" not in _alphabets(label) and _skeleton(label).isascii() for label in labels[:-1]
    )


def _alphabets(word: str) -> frozenset[str]:
    names = (unicodedata.name(char, "").partition(" ")[0] for char in word)
    return frozenset(name for name in names if name in _SCRIPTS)


def imitates(host: str, protected: Iterable[str]) -> str:
    """The protected domain that a host is made to be taken for; empty when it is that domain, or not like any."""
    host = host.lower().rstrip(".")[:MAX_HOST]
    protected = [domain.lower() for domain in protected]
    if not host or any(host == domain or host.endswith(f".{domain}") for domain in protected):
        return ""
    return next((domain for domain in protected if _is_like(host, domain)), "")


@lru_cache(maxsize=4096)
def _is_like(host: str, domain: str) -> bool:
    """Whether a host, which is not below the domain, could be read as it."""
    labels = readable(host).split(".")
    count = domain.count(".") + 1
    if count < 2 or len(domain) < 7:
        return False
    tail = _skeleton(".".join(labels[-count:]))
    wanted = _skeleton(domain)
    if tail == wanted or one_off(tail, wanted):
        return True
    # ac-exemple.fr.evil.test, ac-exemple-fr.evil.test, ac-exemple.com
    whole = f".{_skeleton('.'.join(labels)).replace('-', '.')}."
    if f".{wanted.replace('-', '.')}." in whole:
        return True
    stem = wanted.rpartition(".")[0]
    return len(stem) > 5 and _skeleton(labels[-2] if len(labels) > 1 else "") == stem and "." not in stem


@lru_cache(maxsize=4096)
def _skeleton(text: str) -> str:
    """What is left of a name when look-alikes are one: letters without marks, digits as the letters they resemble."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(char))
    plain = plain.translate(_ALIKE)
    for pair, single in _PAIRS:
        plain = plain.replace(pair, single)
    return plain


def one_off(one: str, other: str) -> bool:
    """True when one letter was added, left out, changed, or changed places with the next."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest_one, rest_other = one[start:], other[start:]
    if len(rest_one) == len(rest_other):
        swapped = rest_one[1:2] + rest_one[:1] + rest_one[2:]
        return rest_one[1:] == rest_other[1:] or swapped == rest_other
    longer, shorter = sorted((rest_one, rest_other), key=len, reverse=True)
    return longer[1:] == shorter
