"""A free identifier and address for one person, claimed so that nobody else gets them.

What was ever claimed is never issued again; `store.people.claims` remembers. What names are like is said by
`identifiers`; many people at once get theirs from `bulk_issuing`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from directory.issuing.identifiers import given_login, identifier, is_reserved, local_part, numbered
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.people import claims
from mailserver.texts.causes import Cause

MAX_NUMBER = 1 << 20
"""Homonyms of one name: more is a fault, not an academy."""


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


def _wanted(tx: Tx, domain: str, login: str) -> str:
    folded = given_login(login)
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
