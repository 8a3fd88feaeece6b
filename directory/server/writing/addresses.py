"""The addresses of an account, as the attributes mail and acadAddress ask for them.

An address in our domain is claimed for ever when it is first written. Taken away, it leads nowhere, and stays
claimed. `identifier@domain` always leads to the account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from directory.issuing import identifiers
from directory.server.faults import Fault
from directory.server.wire.messages import Code
from directory.server.writing.desk import Desk
from mailserver.model.address import parse
from mailserver.model.errors import BadSyntax
from mailserver.model.folding import fold_login
from mailserver.store.people import claims, people, removals
from mailserver.store.people.people import Entry as Row
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import Cause

MAX_ADDRESSES = 50
"""Of one account: they stand in its row."""


@dataclass(frozen=True, slots=True)
class Mails:
    """Addresses as written: all of them, and the primary one if it is said."""

    every: tuple[str, ...]
    primary: str

    @classmethod
    def of(cls, values: Mapping[str, Sequence[str]]) -> "Mails":
        return cls(tuple(values.get("mail", ())), next(iter(values.get("acadAddress", ())), ""))


def set_new(desk: Desk, account_id: int, wanted: Mails) -> None:
    """The addresses of an account made in this unit: those that are asked for instead of the one by the rules."""
    row = _row(desk, account_id)
    own = _own(desk, row)
    asked = [_ours(desk, address) for address in wanted.every]
    primary = (
        _ours(desk, wanted.primary)
        if wanted.primary
        else next((address for address in asked if address != own), row.address)
    )
    _set(desk, row, primary, (*asked, own))
    # Nobody has seen what the rules gave in this unit: it is as if it had not been issued.
    unused = {row.address, *row.aliases} - {primary, own, *asked}
    claims.unclaim(desk.tx, account_id, unused)


def set_wanted(desk: Desk, account_id: int, wanted: Mails, *, primary_given: bool) -> None:
    """Give an account these addresses and no others. Raises Fault, Refused(CONFLICT).

    `primary_given`: the client wrote acadAddress; otherwise the old one stays primary while it is among them.
    """
    row = _row(desk, account_id)
    own = _own(desk, row)
    asked = [_ours(desk, address) for address in wanted.every]
    if own not in asked:
        raise Fault(Code.CONSTRAINT_VIOLATION, f"mail: {own} always leads to the account")
    if primary_given and wanted.primary:
        primary = _ours(desk, wanted.primary)
    else:
        primary = row.address if row.address in asked else next((address for address in asked if address != own), own)
    _set(desk, row, primary, asked)
    gone = [address for address in (row.address, *row.aliases) if address not in {primary, *asked}]
    if gone:
        claims.retire(desk.tx, gone)
        removals.readdress(desk.tx, gone, own)
    _record(desk, row, primary, asked, gone)


def _record(desk: Desk, row: Row, primary: str, asked: Sequence[str], gone: Sequence[str]) -> None:
    """Each address that leads to the account from now on, or no longer: people log in by them."""
    said = [Cause("fields", fields=("addresses",))]
    if primary != row.address:
        said.append(Cause("address-changed", before=row.address, after=primary))
    held = {row.address, *row.aliases}
    said += [Cause("address-added", address=one) for one in dict.fromkeys((primary, *asked)) if one not in held]
    said += [Cause("address-removed", address=one) for one in gone]
    audit.record_many(desk.tx, desk.origin, [(Action.CHANGED, row.account_id, one) for one in said])


def _set(desk: Desk, row: Row, primary: str, others: Sequence[str]) -> None:
    every = dict.fromkeys((primary, *others))
    if len(every) > MAX_ADDRESSES:
        raise Fault(Code.ADMIN_LIMIT_EXCEEDED, f"mail: at most {MAX_ADDRESSES} addresses")
    _claim(desk, row.account_id, [address for address in every if address not in (row.address, *row.aliases)])
    aliases = " ".join(address for address in every if address != primary)
    people.change_entry(desk.tx, row.account_id, {"address": primary, "aliases": aliases})


def _row(desk: Desk, account_id: int) -> Row:
    row = people.by_account(desk.tx, account_id)
    if row is None:
        raise Fault(Code.NO_SUCH_OBJECT)
    return row


def _own(desk: Desk, row: Row) -> str:
    """The address that the identifier makes."""
    return f"{row.login}@{desk.tree.domain}"


def _ours(desk: Desk, text: str) -> str:
    """An address in our domain, folded. Raises Fault."""
    try:
        address = fold_login(str(parse(text)))
    except BadSyntax as error:
        raise Fault(Code.CONSTRAINT_VIOLATION, f"mail: {error}") from None
    if address.rpartition("@")[2] != desk.tree.domain.casefold():
        raise Fault(Code.CONSTRAINT_VIOLATION, f"mail: an account's addresses are in {desk.tree.domain}")
    if "+" in address:
        # Behind the sign stands what the owner of the name before it makes of it (RFC 5233).
        raise Fault(Code.CONSTRAINT_VIOLATION, f"mail: {address}: no address of its own stands behind a +")
    return address


def _claim(desk: Desk, account_id: int, fresh: Sequence[str]) -> None:
    claims.lock(desk.tx)
    for address in fresh:
        if identifiers.is_reserved(address.partition("@")[0]) and claims.owner(desk.tx, address) != account_id:
            raise Fault(Code.CONSTRAINT_VIOLATION, f"mail: {address} means a function, not a person")
        claims.take_or_revive(desk.tx, account_id, address)
