"""Distribution lists of the embedded directory: making them, and who receives what is sent to one."""

from collections.abc import Iterable, Sequence

from mailserver.address import parse
from mailserver.errors import BadSyntax, Reason, Refused
from mailserver.folding import fold_login
from mailserver.identity import MailingList
from mailserver.store import claims, lists
from mailserver.store.statements import Tx

MAX_NESTING = 8
"""Lists within lists."""
MAX_RECEIVERS = 50_000
"""Addresses that one list may come to."""


def canonical(address: str) -> str:
    """An address as lists keep it. Raises Refused(INVALID)."""
    try:
        return fold_login(str(parse(address.strip())))
    except BadSyntax as error:
        raise Refused(Reason.INVALID, f"{address}: {error}") from None


def create(tx: Tx, address: str, name: str, owner: str, members: Sequence[str]) -> None:
    """Make a list. Every address is canonical. Raises Refused(CONFLICT | LIMIT)."""
    claims.take_for_function(tx, address)
    lists.create(tx, address, name, owner)
    if members:
        lists.add_members(tx, address, members)


def require(tx: Tx, address: str) -> lists.ListEntry:
    """The list of this address. Raises Refused(NOT_FOUND)."""
    entry = lists.get(tx, address)
    if entry is None:
        raise Refused(Reason.NOT_FOUND, f"{address}: no such list")
    return entry


def edit(tx: Tx, address: str, add: Sequence[str], remove: Sequence[str]) -> tuple[int, int]:
    """Add and remove members; how many of each. Raises Refused(NOT_FOUND | LIMIT)."""
    require(tx, address)
    removed = lists.remove_members(tx, address, remove) if remove else 0
    added = lists.add_members(tx, address, add) if add else 0
    return added, removed


def delete(tx: Tx, address: str) -> None:
    """Delete a list; its address stays a function's. Raises Refused(NOT_FOUND)."""
    if not lists.remove(tx, address):
        raise Refused(Reason.NOT_FOUND, f"{address}: no such list")


def expand(tx: Tx, address: str) -> MailingList | None:
    """A list with the addresses it comes to: members that are lists are replaced by theirs.

    Each list is entered once, so that lists which contain one another come to an end; deeper than
    MAX_NESTING or wider than MAX_RECEIVERS is cut there.
    """
    entry = lists.get(tx, address)
    if entry is None:
        return None
    receivers: dict[str, None] = {}
    entered = {entry.address}
    level: Iterable[str] = (entry.address,)
    for _ in range(MAX_NESTING):
        below: list[str] = []
        for one in level:
            for member in lists.members(tx, one):
                if member in entered or member in receivers:
                    continue
                if lists.get(tx, member) is not None:
                    entered.add(member)
                    below.append(member)
                elif len(receivers) < MAX_RECEIVERS:
                    receivers[member] = None
        level = below
    return MailingList(entry.address, entry.name, tuple(receivers), entry.owner)
