"""QUOTA (RFC 9208): its commands as values, their grammar, and its answers. Storage counts in units of 1024 octets."""

from collections.abc import Sequence
from dataclasses import dataclass

from imap.wire import names, strings
from imap.wire.grammar import Cursor

UNIT = 1024


@dataclass(frozen=True, slots=True)
class GetQuota:
    """RFC 9208 section 4.1.1."""

    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot:
    """RFC 9208 section 4.1.2."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class SetQuota:
    """RFC 9208 section 4.1.3: read, so that it can be refused by its own name."""

    root: str
    limits: tuple[tuple[str, int], ...]


def get_quota(cursor: Cursor) -> GetQuota:
    cursor.space()
    return GetQuota(cursor.text_astring())


def get_quota_root(cursor: Cursor) -> GetQuotaRoot:
    cursor.space()
    return GetQuotaRoot(cursor.mailbox())


def set_quota(cursor: Cursor) -> SetQuota:
    cursor.space()
    root = cursor.text_astring()
    cursor.space()
    return SetQuota(root, tuple(cursor.items(lambda: _limit(cursor), empty=True, most=20)))


def _limit(cursor: Cursor) -> tuple[str, int]:
    resource = cursor.atom().upper()
    cursor.space()
    return resource, cursor.number64()


def quota(root: str, resources: Sequence[tuple[str, int, int]]) -> bytes:
    """QUOTA (section 4.2.1): each resource with its usage and its limit."""
    said = " ".join(f"{name} {used} {limit}" for name, used, limit in resources)
    return b"* QUOTA %s (%s)\r\n" % (strings.astring(root.encode()), said.encode("ascii"))


def quota_root(mailbox: str, roots: Sequence[str], utf8: bool = False) -> bytes:
    """QUOTAROOT (section 4.2.2): the roots of a mailbox; none: it has no limits."""
    said = [names.encode(mailbox, utf8), *(strings.astring(root.encode()) for root in roots)]
    return b"* QUOTAROOT %s\r\n" % b" ".join(said)


def storage(octets: int) -> int:
    """Octets in units of storage, a part of one counted whole."""
    return -(-octets // UNIT)
