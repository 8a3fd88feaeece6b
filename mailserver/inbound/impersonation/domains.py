"""Domains that are made to be taken for others: one letter off, letters that look alike, another ending, a known name
within a longer one."""

import contextlib
from dataclasses import dataclass
from functools import cache, lru_cache

from rapidfuzz.distance import OSA

from mailserver.inbound.impersonation.letters import alphabets, mixes_alphabets, skeleton

MAX_HOST = 253
LONG_STEM = 10
"""Characters of a name from which on two letters may be off."""
SHORT_STEM = 7
"""Below, one letter off is another name."""

OFFICIAL = ("education.gouv.fr", "service-public.fr", "impots.gouv.fr", "franceconnect.gouv.fr", "ameli.fr")
"""What mail to schools is often made to look like, beside the academy's own domains."""
GOVERNMENT = "gouv.fr"
_OTHERS = (
    "aix-marseille amiens besancon bordeaux caen clermont corse creteil dijon grenoble guadeloupe guyane lille limoges "
    "lyon martinique mayotte montpellier nancy-metz nantes nice normandie orleans-tours paris poitiers reims rennes "
    "reunion rouen spm strasbourg toulouse versailles"
)
ACADEMIES = (*(f"ac-{name}.fr" for name in _OTHERS.split()), "ac-noumea.nc", "ac-polynesie.pf", "ac-wf.wf")
"""Of the other academies: what they send is from who it says, and theirs are imitated, too."""
_KNOWN = frozenset((*OFFICIAL, *ACADEMIES))
PROVIDERS = (
    "gmail.com",
    "hotmail.com",
    "hotmail.fr",
    "outlook.com",
    "outlook.fr",
    "live.fr",
    "yahoo.fr",
    "yahoo.com",
    "icloud.com",
    "orange.fr",
    "wanadoo.fr",
    "free.fr",
    "sfr.fr",
    "laposte.net",
)
"""Where anybody has mail."""


def readable(host: str) -> str:
    """A host as a person would read it: A-labels decoded where they can be."""
    labels = []
    for label in host[:MAX_HOST].split("."):
        if label.lower().startswith("xn--"):
            with contextlib.suppress(UnicodeError, ValueError):
                label = label[4:].encode("ascii").decode("punycode")
        labels.append(label)
    return ".".join(labels)


def is_below(host: str, domain: str) -> bool:
    """Whether a host is a domain, or lies below it; both in small letters."""
    return host == domain or host.endswith(f".{domain}")


def is_official(host: str) -> bool:
    """Whether a host is another academy's, or the government's."""
    return is_below(host, GOVERNMENT) or _is_known(host)


def _is_known(host: str) -> bool:
    labels = host.split(".")
    return any(".".join(labels[at:]) in _KNOWN for at in range(max(0, len(labels) - 4), len(labels)))


def borrows_alphabets(host: str) -> bool:
    """True for a host with a label that mixes alphabets, or whose letters only look Latin, under a Latin ending."""
    shown = readable(host)
    if mixes_alphabets(shown):
        return True
    return any(
        not label.isascii() and "LATIN" not in alphabets(label) and skeleton(label).isascii()
        for label in shown.split(".")[:-1]
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """A domain as it is compared."""

    domain: str
    wanted: str
    """Its skeleton."""
    labels: int
    stem: str
    """Without its ending."""
    off: int
    """Letters that may be off."""
    within: str
    """As it stands within a longer name, between dots."""
    name_within: str
    """The same of its stem; empty: too short to say anything."""


@cache
def _shape(domain: str) -> _Shape:
    wanted = skeleton(domain)
    stem = wanted.rpartition(".")[0]
    off = 2 if len(stem) >= LONG_STEM else int(len(stem) >= SHORT_STEM)
    name_within = _dotted(stem) if len(stem) > SHORT_STEM else ""
    return _Shape(domain, wanted, wanted.count(".") + 1, stem, off, _dotted(wanted), name_within)


def _dotted(name: str) -> str:
    """A name between dots; hyphens part words, too."""
    return f".{name}.".replace("-", ".")


@lru_cache(maxsize=4096)
def imitates(host: str, ours: tuple[str, ...]) -> str:
    """The domain that a host is made to be taken for: one of ours, another academy's, an official one.

    Empty: it is one of them, or like none. `ours` in small letters.
    """
    host = host.lower().rstrip(".")[:MAX_HOST]
    if not host or _is_known(host) or any(is_below(host, domain) for domain in ours):
        return ""
    labels = skeleton(readable(host)).split(".")
    within = _dotted(".".join(labels))
    for domain in ours:
        shape = _shape(domain)
        if _is_like(labels, within, shape) or (shape.name_within and shape.name_within in within):
            return domain
    found = next((domain for domain in (*OFFICIAL, *ACADEMIES) if _is_like(labels, within, _shape(domain))), "")
    return found or (GOVERNMENT if _shape(GOVERNMENT).within in within and not is_below(host, GOVERNMENT) else "")


def names_house(local: str, ours: tuple[str, ...]) -> str:
    """The domain of ours that the local part of an address elsewhere names: `assistance.ac-exemple@…`."""
    within = _dotted(skeleton(local[:64]).replace("+", ".").replace("_", "."))
    named = ((domain, _shape(domain).name_within) for domain in ours)
    return next((domain for domain, name in named if name and name in within), "")


def is_near(one: str, other: str, most: int = 1) -> bool:
    """True when so few letters were added, left out, changed, or changed places with the next."""
    return one != other and OSA.distance(one, other, score_cutoff=most) <= most


def _is_like(labels: list[str], within: str, shape: _Shape) -> bool:
    """Whether a host, which is not below the domain, could be read as it."""
    tail = ".".join(labels[-shape.labels :])
    if tail == shape.wanted or (shape.off and is_near(tail, shape.wanted, shape.off)):
        return True
    # ac-exemple.fr.evil.test, ac-exemple-fr.evil.test
    if shape.within in within:
        return True
    # ac-exemple.com
    return shape.labels == 2 and bool(shape.off) and len(labels) > 1 and labels[-2] == shape.stem
