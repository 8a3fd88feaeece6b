"""Identifiers and addresses for many people at once, as imports issue them.

They are the same as for one person after the other, by few questions to the store however many homonyms there are.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from directory.issuing.identifiers import given_login, identifier, is_reserved, local_part, numbered
from directory.issuing.issuing import MAX_NUMBER, Issued
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.store.engine.statements import Tx
from mailserver.store.people import claims
from mailserver.texts.causes import Cause


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
        folded = given_login(login)
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
