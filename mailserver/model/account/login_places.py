"""Which logins an owner is told of: those from a network, or with a kind of program, that is not theirs.

Pure. A network is a /24 or /48, its block the /16 or /32 around it. A teacher's telephone is given other networks of
its operator every day, and stays in blocks that colleagues use as well: so a new network is told only where its block
is ordinary neither for the account (it came from there a week ago) nor for the house (several accounts that share
another block with this one have come from there for a week or longer), as schools are. Nothing is said of the first
login of an account.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from ipaddress import ip_network

from mailserver.model.account.programs import WEB, is_browser
from mailserver.model.clock import DAY

SETTLED = 7 * DAY
"""A block is ordinary when somebody has come from there for so long."""
KNOWN_DAYS = 90
"""A network or a program that was not used for so long is new again."""
HASTY = 600
"""Seconds within which nobody goes from one network to another that is strange to them."""
SHARED = 3
"""Accounts that make a block ordinary for others."""


class Kind(IntEnum):
    """What is remembered of logins. The numbers stand in the store."""

    NETWORK = 1
    BLOCK = 2
    PROGRAM = 3


class Sign(IntFlag):
    """Why a login is told. The numbers stand in the store."""

    NETWORK = 1
    PROGRAM = 2
    PACE = 4
    """A moment ago the account was used from elsewhere."""


@dataclass(frozen=True, slots=True)
class Place:
    """A network, a block or a program that an account used."""

    kind: Kind
    name: str
    first: int
    last: int


def networks(peer: str) -> tuple[str, str]:
    """The network of a peer (an address, or the /64 that it counts as), and its block; empty for what is none."""
    try:
        here = ip_network(peer, strict=False)
    except ValueError:
        return "", ""
    near, wide = (24, 16) if here.version == 4 else (48, 32)
    return str(here.supernet(new_prefix=near)), str(here.supernet(new_prefix=wide))


def in_use(places: Sequence[Place], now: int) -> list[Place]:
    """Those that are not new again."""
    return [one for one in places if one.last > now - KNOWN_DAYS * DAY]


def signs(past: Sequence[Place], network: str, block: str, program: str, now: int) -> Sign:
    """Why a login might be told, as far as the account's own past says; nothing for an account without one.

    `Sign.NETWORK` still has to be asked of the others' past. Where it is only known that some browser was used, none
    is new.
    """
    found = Sign(0)
    of_kind = {kind: {one.name: one for one in in_use(past, now) if one.kind is kind} for kind in Kind}
    has_past = {one.kind for one in past}
    used = of_kind[Kind.PROGRAM]
    if Kind.PROGRAM in has_past and program not in used and not (is_browser(program) and WEB in used):
        found |= Sign.PROGRAM
    if Kind.NETWORK not in has_past or network in of_kind[Kind.NETWORK]:
        return found
    wide = of_kind[Kind.BLOCK].get(block)
    if wide is not None and wide.first <= now - SETTLED:
        return found
    found |= Sign.NETWORK
    if any(one.last > now - HASTY for name, one in of_kind[Kind.BLOCK].items() if name != block):
        found |= Sign.PACE
    return found
