"""Identifiers and addresses: the academy's rules, and the atomic claim of a free one.

The rules are pure and follow the academies' own help pages: first letter of the given name and surname
(`edupont`), spaces as hyphens (`mle-dupond`), homonyms numbered from 1 (`fdurand`, `fdurand1`). What was
ever claimed is never issued again; `store.people.claims` remembers.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login, strip_marks
from mailserver.store.engine.statements import Tx
from mailserver.store.people import claims
from mailserver.texts.causes import Cause

MAX_PART = 30
"""Letters taken from one name: two parts, a dot and a number stay under the 64 of RFC 5321 section 4.5.3.1.1."""
MAX_NAME = 200
"""Characters of a name as given."""
MAX_NUMBER = 1 << 20
"""Homonyms of one name: more is a fault, not an academy."""

RESERVED = frozenset(
    (
        "abuse",
        "admin",
        "administrator",
        "anonymous",
        "ftp",
        "hostmaster",
        "mailer-daemon",
        "noc",
        "nobody",
        "noreply",
        "no-reply",
        "postmaster",
        "root",
        "security",
        "support",
        "usenet",
        "uucp",
        "webmaster",
        "www",
    )
)
"""Names that mean a function (RFC 2142), never issued to a person."""

_OF_LISTS = re.compile(r"(?:.*\.)?[0-9]{7}[a-z]|.*-(?:owner|bounces)")
"""Schools and the lists that are there without being made (`directory.lists.virtual_lists`), and owners of lists: a
person by this address would get their mail."""
GIVEN = frozenset({"admin"})
"""Names of functions that may be given as an identifier all the same: `mailserver init` does."""

_LETTERS = str.maketrans(
    {
        "œ": "oe",
        "æ": "ae",
        "ß": "ss",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ø": "o",
        "þ": "th",
        "ħ": "h",
        "ı": "i",
        "ŋ": "n",
    }
)
"""Letters that do not decompose into a base letter and a mark."""
_APOSTROPHES = re.compile("['’‘ʼʹ′`´]")
_SEPARATORS = re.compile(r"[\s\-‐‑–—_./]+")
_FOREIGN = re.compile(r"[^a-z0-9-]")
_HYPHENS = re.compile("-+")
_LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_UAI = re.compile(r"\d{7}[A-Z]")
_NUMEN = re.compile(r"\d{2}[A-Z]\d{7}[A-Z]{3}")
_INE = re.compile(r"\d{10}[A-Z]|\d{9}[A-Z]{2}")
_UAI_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""23 letters: no I, O, Q."""


# ---------------------------------------------------------------------- shapes


def is_uai(text: str) -> bool:
    """Seven digits and a letter, whether or not the letter checks."""
    return _UAI.fullmatch(text) is not None and text.isascii()


def uai_letter(digits: str) -> str:
    """The check letter of seven digits."""
    return _UAI_LETTERS[int(digits) % 23]


def is_numen(text: str) -> bool:
    """Academy, system, year, five digits, three letters: `21E2600123ABC`. No check letter is published."""
    return _NUMEN.fullmatch(text) is not None and text.isascii()


def is_ine(text: str) -> bool:
    """Ten digits and a letter (BEA, before 2018) or nine and two (RNIE)."""
    return _INE.fullmatch(text) is not None and text.isascii()


def is_login(text: str) -> bool:
    """What an identifier given from outside may look like; older ones are `prenom.nom`."""
    return _LOGIN.fullmatch(text) is not None and ".." not in text


def is_reserved(local: str) -> bool:
    """Whether a name or local part means a function, a school, or a list's owners: nobody gets it by the rules."""
    return local in RESERVED or _OF_LISTS.fullmatch(local) is not None


# ---------------------------------------------------------------------- rules


@lru_cache(maxsize=20_000)
def slug(name: str) -> str:
    """A name in ASCII, lower case, hyphens for spaces, bounded: what identifiers and addresses are made of."""
    text = strip_marks(name[:MAX_NAME]).casefold().translate(_LETTERS)
    text = _APOSTROPHES.sub("", strip_marks(text))
    text = _FOREIGN.sub("", _SEPARATORS.sub("-", text))
    return _HYPHENS.sub("-", text).strip("-")[:MAX_PART].rstrip("-")


def identifier(given_name: str, surname: str) -> str:
    """The identifier without number. Raises Refused(INVALID) when the names hold no letter we can write."""
    given, family = slug(given_name), slug(surname)
    base = (given[:1] + family) if family else given
    if not base:
        raise Refused(Reason.INVALID, Cause("no-letter"))
    return base


def local_part(given_name: str, surname: str) -> str:
    """The address's local part without number: `prenom.nom`; empty when the names hold no letter we can write."""
    return ".".join(part for part in (slug(given_name), slug(surname)) if part)


def numbered(base: str, number: int) -> str:
    """`fdurand`, then `fdurand1`, `fdurand2`, …"""
    return f"{base}{number}" if number else base


# ---------------------------------------------------------------------- claims


@dataclass(frozen=True, slots=True)
class Issued:
    """What one person gets. `names` are all to claim, folded."""

    login: str
    address: str
    aliases: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (self.login, self.address, *self.aliases)


def issue(tx: Tx, domain: str, given_name: str, surname: str, login: str = "") -> Issued:
    """Find a free identifier (or check the wanted one) and a free address.

    The caller holds `claims.lock` and takes `names` in the same unit. Raises Refused(INVALID | CONFLICT).
    """
    login = _wanted(tx, domain, login) if login else _free_identifier(tx, domain, identifier(given_name, surname))
    alias = f"{login}@{domain}"
    base = local_part(given_name, surname)
    if not base:
        return Issued(login, alias, ())
    address = f"{_free_address(tx, domain, base, alias)}@{domain}"
    return Issued(login, address, (alias,) if alias != address else ())


def issue_address(tx: Tx, domain: str, given_name: str, surname: str, account_id: int) -> str:
    """The address of a new name: one the person had before, or a free one. Raises Refused(INVALID | LIMIT)."""
    base = local_part(given_name, surname)
    if not base:
        raise Refused(Reason.INVALID, Cause("no-address"))

    def free(number: int) -> bool:
        local = numbered(base, number)
        return not is_reserved(local) and claims.owner(tx, f"{local}@{domain}") in (None, account_id)

    return f"{numbered(base, _first(free))}@{domain}"


def _given(login: str) -> str:
    """An identifier from outside, folded. Raises Refused(INVALID)."""
    folded = fold_login(login)
    if not is_login(folded):
        raise Refused(Reason.INVALID, Cause("not-identifier", login=login))
    if is_reserved(folded) and folded not in GIVEN:
        raise Refused(Reason.INVALID, Cause("function-name", login=folded))
    return folded


def _wanted(tx: Tx, domain: str, login: str) -> str:
    folded = _given(login)
    if not claims.is_free(tx, folded, f"{folded}@{domain}"):
        raise Refused(Reason.CONFLICT, Cause("identifier-taken", login=folded))
    return folded


def _free_identifier(tx: Tx, domain: str, base: str) -> str:
    def free(number: int) -> bool:
        name = numbered(base, number)
        return not is_reserved(name) and claims.is_free(tx, name, f"{name}@{domain}")

    return numbered(base, _first(free))


def _free_address(tx: Tx, domain: str, base: str, own_alias: str) -> str:
    def free(number: int) -> bool:
        local = numbered(base, number)
        address = f"{local}@{domain}"
        return address == own_alias or (not is_reserved(local) and claims.is_free(tx, address))

    return numbered(base, _first(free))


def _first(free: Callable[[int], bool]) -> int:
    """A free number, in a logarithm of steps: the 300th homonym must not cost 300 questions.

    Numbers are claimed from 0 up, so beyond the last claimed one all are free: leap, then bisect.
    """
    if free(0):
        return 0
    taken, leap = 0, 1
    while not free(leap):
        taken, leap = leap, leap * 2
        if leap > MAX_NUMBER:
            raise Refused(Reason.LIMIT, Cause("too-many-homonyms"))
    while leap - taken > 1:
        middle = (taken + leap) // 2
        if free(middle):
            leap = middle
        else:
            taken = middle
    return leap


# ---------------------------------------------------------------------- many at a time


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody new needs, or (with `account_id`) the address that goes with somebody's new name."""

    given_name: str
    surname: str
    login: str = ""
    account_id: int = 0


class Names(Protocol):
    """What was ever issued, and to whom."""

    def taken(self, names: Collection[str]) -> Mapping[str, int]:
        """Those of these names that are not free."""

    def numbered(self, base: str) -> Mapping[str, int]:
        """Every name that is `base` and a digit and whatever follows."""


@dataclass(frozen=True, slots=True)
class ClaimedNames:
    """The store's claims, in one transaction."""

    tx: Tx

    def taken(self, names: Collection[str]) -> Mapping[str, int]:
        return claims.taken(self.tx, names)

    def numbered(self, base: str) -> Mapping[str, int]:
        return claims.numbered(self.tx, base)


MAX_HINTS = 100_000
Hints = dict[str, int]
"""By name without number: below this number all are taken. True for ever, since nothing is given back."""
_ADDRESS = "@"
"""Ends the hints of addresses: a name of one word begins both, and its address may be the identifier's own."""


def keep_hints(hints: Hints, new: Hints) -> None:
    """Remember what a unit that was committed has learned."""
    if len(hints) + len(new) > MAX_HINTS:
        hints.clear()
    hints.update(new)


def issue_many(
    names: Names, domain: str, wishes: Sequence[Wish], hints: Mapping[str, int]
) -> tuple[list[Issued | Refused], Hints]:
    """Names for many people, as if one came after the other; always the lowest number that is free.

    One question to the store in most cases, however many homonyms there are. The caller holds `claims.lock` and
    takes the names in the same unit; when it is committed, `keep_hints` takes what was learned.
    """
    desk = _Desk(names, domain, hints)
    desk.ask_ahead(wishes)
    return [desk.serve(wish) for wish in wishes], desk.learned


@dataclass(slots=True)
class _Desk:
    """Issues one after the other; knows the answers to what was asked already."""

    names: Names
    domain: str
    hints: Mapping[str, int]
    learned: Hints = field(default_factory=dict)
    owners: dict[str, int | None] = field(default_factory=dict)
    explored: set[str] = field(default_factory=set)
    """Names all of whose numbers are known."""

    def ask_ahead(self, wishes: Sequence[Wish]) -> None:
        """Ask about everything that will be issued if nobody is in the way."""
        ahead: Hints = {}
        wanted: dict[str, None] = {}
        for wish in wishes:
            local = local_part(wish.given_name, wish.surname)
            if not wish.account_id:
                login = fold_login(wish.login) or self._next(_base(wish), ahead)
                wanted |= {login: None, f"{login}@{self.domain}": None}
            if local:
                wanted[f"{self._next(local, ahead, _ADDRESS)}@{self.domain}"] = None
        held = self.names.taken(wanted)
        self.owners = {name: held.get(name) for name in wanted}

    def _next(self, base: str, ahead: Hints, kind: str = "") -> str:
        hint = base + kind
        number = ahead.get(hint, self.hints.get(hint, 0))
        ahead[hint] = number + 1
        return numbered(base, number)

    def serve(self, wish: Wish) -> Issued | Refused:
        try:
            return self._address_only(wish) if wish.account_id else self._everything(wish)
        except Refused as refusal:
            return refusal

    def _everything(self, wish: Wish) -> Issued:
        login = self._wanted(wish.login) if wish.login else self._free_identifier(wish)
        alias = f"{login}@{self.domain}"
        base = local_part(wish.given_name, wish.surname)
        if not base:
            self._take(login, alias)
            return Issued(login, alias, ())

        def free(number: int) -> bool:
            local = numbered(base, number)
            address = f"{local}@{self.domain}"
            return address == alias or (not is_reserved(local) and self._owner(address, base) is None)

        address = f"{numbered(base, self._lowest(base, free, _ADDRESS))}@{self.domain}"
        self._take(login, alias, address)
        return Issued(login, address, (alias,) if alias != address else ())

    def _address_only(self, wish: Wish) -> Issued:
        base = local_part(wish.given_name, wish.surname)
        if not base:
            raise Refused(Reason.INVALID, Cause("no-address"))

        def free(number: int) -> bool:
            local = numbered(base, number)
            return not is_reserved(local) and self._owner(f"{local}@{self.domain}", base) in (None, wish.account_id)

        # From the first number on: one below the hint may be the person's own, from before.
        number = 0
        self._explore(base)
        while not free(number):
            number += 1
        address = f"{numbered(base, number)}@{self.domain}"
        self.owners[address] = wish.account_id
        return Issued("", address, ())

    def _wanted(self, login: str) -> str:
        folded = _given(login)
        if any(self._owner(name, "") is not None for name in (folded, f"{folded}@{self.domain}")):
            raise Refused(Reason.CONFLICT, Cause("identifier-taken", login=folded))
        return folded

    def _free_identifier(self, wish: Wish) -> str:
        base = identifier(wish.given_name, wish.surname)

        def free(number: int) -> bool:
            name = numbered(base, number)
            return (
                not is_reserved(name)
                and self._owner(name, base) is None
                and self._owner(f"{name}@{self.domain}", base) is None
            )

        return numbered(base, self._lowest(base, free))

    def _lowest(self, base: str, free: Callable[[int], bool], kind: str = "") -> int:
        hint = base + kind
        number = self.learned.get(hint, self.hints.get(hint, 0))
        misses = 0
        while not free(number):
            number += 1
            misses += 1
            if misses == 2:
                self._explore(base)
            if number > MAX_NUMBER:
                raise Refused(Reason.LIMIT, Cause("too-many-homonyms"))
        self.learned[hint] = number + 1
        return number

    def _owner(self, name: str, base: str) -> int | None:
        if name in self.owners:
            return self.owners[name]
        if base not in self.explored:
            self.owners[name] = self.names.taken((name,)).get(name)
            return self.owners[name]
        return None

    def _explore(self, base: str) -> None:
        """Learn every number of a name at once: the 300th homonym must not cost 300 questions."""
        if base in self.explored:
            return
        first = (base, f"{base}@{self.domain}")
        for name, owner in {**self.names.taken(first), **self.names.numbered(base)}.items():
            if self.owners.get(name) is None:
                self.owners[name] = owner
        self.explored.add(base)

    def _take(self, *names: str) -> None:
        # Nobody yet, but taken: the account has no number before the whole batch has its names.
        self.owners.update(dict.fromkeys(names, 0))


def _base(wish: Wish) -> str:
    """The identifier without number; empty when none can be made."""
    try:
        return identifier(wish.given_name, wish.surname)
    except Refused:
        return ""
