"""The one judgement of who a message says it is from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication import dmarc
from mailserver.inbound.impersonation import domains, letters, names
from mailserver.inbound.impersonation.names import Service
from mailserver.mime.header import headers
from mailserver.mime.header.addresses import Mailbox, parse, people
from mailserver.mime.header.headers import Field
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.model.messages.impersonation import Signs
from mailserver.model.unicode import hides_within_word

MAX_FIELD = 4096
"""Characters of the fields of one name that are read."""
NEXT_FIELD = 512
"""Of the next one, once that many were."""
MAX_FIELDS = 4
"""Of one name; a message may have one."""
MAX_AUTHORS = 3
_WITH_ADDRESSES = ("from", "sender", "reply-to")
MAX_ANSWERS = 10

T = TypeVar("T")

_ADDRESS = re.compile(r"[\w.+-]{1,64}[@\ufe6b\uff20]((?:[\w-]{1,63}\.){1,6}[a-z]{2,24})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProtectedNames:
    """Whom others imitate."""

    domains: tuple[str, ...]
    """Ours, in small letters."""
    partners: tuple[str, ...] = ()
    """Domains elsewhere that write in the academy's name."""
    words: frozenset[str] = frozenset()
    """Of the academy's name (`names.house_words`)."""


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody a message says it is from."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2].lower().rstrip(".")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a header says of who wrote, and where answers go."""

    authors: Sequence[Author]
    answers: Sequence[str] = ()
    is_bulk: bool = False
    """A list's (List-Id) or a newsletter's (List-Unsubscribe)."""


def protected_by(settings: Settings) -> ProtectedNames:
    """Whom others imitate, by the settings as they are now."""
    return _protected(tuple(settings.domains), settings.impersonation.partners, settings.web.academy)


@lru_cache(maxsize=16)
def _protected(ours: tuple[str, ...], partners: tuple[str, ...], academy: str) -> ProtectedNames:
    lowered = tuple(domain.lower() for domain in ours)
    return ProtectedNames(lowered, tuple(one.lower() for one in partners), names.house_words(academy, lowered[0]))


def prepare() -> None:
    """Read the tables that judging needs: a tenth of a second, beside the event loop."""
    dmarc.prepare()
    letters.prepare()


def is_prepared() -> bool:
    """Whether `prepare` was called."""
    return dmarc.is_prepared() and letters.is_prepared()


def read(header: bytes) -> Claim:
    """What a header claims."""
    found: dict[str, list[Field]] = {name: [] for name in _WITH_ADDRESSES}
    is_bulk = False
    for field in headers.named(header, 0, len(header), *found, "list-id", "list-unsubscribe"):
        if field.name in found:
            found[field.name].append(field)
        else:
            is_bulk = True
    authors = _people(header, found["from"]) or _people(header, found["sender"])
    return Claim(
        [Author(one.display, headers.clean(one.address)) for one in _ends(authors, MAX_AUTHORS)],
        [headers.clean(one.address) for one in _people(header, found["reply-to"])[:MAX_ANSWERS]],
        is_bulk,
    )


def _people(header: bytes, fields: Sequence[Field]) -> list[Mailbox]:
    """The people in fields of one name. What holds nobody costs as much as what does, so the first takes of the others'
    room, but none all of it."""
    found: list[Mailbox] = []
    room = MAX_FIELD
    for field in _ends(fields, MAX_FIELDS):
        value = headers.as_text(header[field.value : field.end])[:room]
        room = max(room - len(value), NEXT_FIELD)
        found += people(parse(value))
    return found


def _ends(items: Sequence[T], most: int) -> Sequence[T]:
    """Of too many the first ones and the last: programs show one or the other."""
    return items if len(items) <= most else [*items[: most - 1], items[-1]]


def judge(claim: Claim, protected: ProtectedNames, results: AuthenticationResults) -> Signs:
    """What is wrong with a claim, whoever gets the message. Needs `prepare`."""
    signs = Signs.JUDGED
    for author in claim.authors:
        signs |= _of_author(author, protected, results.authenticated)
    return signs | _of_answers(claim, protected, results)


def is_stranger(author: Author, protected: ProtectedNames) -> bool:
    """Whether somebody writes from elsewhere, so that the name of one of us would not be theirs."""
    domain = author.domain
    return bool(domain) and not any(domains.is_below(domain, one) for one in (*protected.domains, *protected.partners))


@lru_cache(maxsize=8192)
def _of_author(author: Author, protected: ProtectedNames, is_proven: bool) -> Signs:
    signs = Signs.MIXED_NAME if letters.mixes_alphabets(author.name) else Signs.NOT_JUDGED
    if hides_within_word(author.name):
        signs |= Signs.HIDDEN
    signs |= _of_named_address(author, protected)
    if not is_stranger(author, protected):
        return signs
    if imitated(author.address, protected):
        signs |= Signs.DOMAIN
    elif domains.borrows_alphabets(author.domain):
        signs |= Signs.ALPHABETS
    if domains.is_official(author.domain):
        return signs
    sure = Service.YES if _names_domain(author, protected, signs) else names.service(author.name, protected.words)
    if sure is Service.YES or (sure is Service.PERHAPS and author.domain in domains.PROVIDERS):
        signs |= Signs.SERVICE
    elif sure is Service.PERHAPS and not is_proven and not signs & (Signs.DOMAIN | Signs.ALPHABETS):
        signs |= Signs.DESK
    return signs


def _names_domain(author: Author, protected: ProtectedNames, signs: Signs) -> bool:
    """Whether a name holds a domain of ours, and no address that is told of by itself."""
    shown = letters.latin(names.visible(author.name))
    return Signs.ADDRESS_IN_NAME not in signs and any(domain in shown for domain in protected.domains)


@lru_cache(maxsize=4096)
def imitated(address: str, protected: ProtectedNames) -> str:
    """The domain that an address is made to be taken for; empty: none."""
    local, _, domain = address.rpartition("@")
    domain = domain.lower().rstrip(".")
    if any(domains.is_below(domain, one) for one in protected.partners):
        return ""
    found = domains.imitates(domain, protected.domains)
    return found or (domains.names_house(local, protected.domains) if domain in domains.PROVIDERS else "")


def named_address(name: str) -> str:
    """The address that a display name holds; empty: none."""
    found = _ADDRESS.search(names.visible(name))
    return found.group(0) if found else ""


def _of_named_address(author: Author, protected: ProtectedNames) -> Signs:
    named = named_address(author.name)
    if not named or named.casefold() == author.address.casefold():
        return Signs.NOT_JUDGED
    domain = Author("", named.replace("\ufe6b", "@").replace("\uff20", "@")).domain
    if is_same_owner(domain, author.domain):
        return Signs.NOT_JUDGED
    is_ours = any(domains.is_below(domain, one) for one in protected.domains)
    grave = is_ours or domains.is_official(domain) or bool(domains.imitates(domain, protected.domains))
    return Signs.ADDRESS_IN_NAME if grave else Signs.OTHER_ADDRESS


def _of_answers(claim: Claim, protected: ProtectedNames, results: AuthenticationResults) -> Signs:
    if not claim.answers or not claim.authors:
        return Signs.NOT_JUDGED
    if any(imitated(answer, protected) for answer in claim.answers):
        return Signs.ANSWERS_ALIKE
    if claim.is_bulk and results.authenticated:
        return Signs.NOT_JUDGED
    return Signs.ANSWERS if answers_elsewhere(claim) else Signs.NOT_JUDGED


def answers_elsewhere(claim: Claim) -> str:
    """Where answers go, if to nobody of those who wrote; empty: they do not."""
    for answer in claim.answers:
        domain = Author("", answer).domain
        for author in claim.authors:
            if answer.casefold() == author.address.casefold() or is_same_owner(domain, author.domain):
                return ""
    return claim.answers[0] if claim.answers else ""


def is_same_owner(one: str, other: str) -> bool:
    """Whether somebody registered both domains; where anybody has mail, nobody did."""
    return one not in domains.PROVIDERS and dmarc.organizational(one) == dmarc.organizational(other)
