"""Who a mailing went to when it was handed in, small enough for its row: to see who has come in since.

Accounts are their numbers, addresses elsewhere negative ones made of a hash.
"""

import hashlib
import zlib
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from sqlalchemy import bindparam, select

from mailserver.model.folding import fold_login
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.outgoing.mailings import mailing

_KEPT = Statement(select(mailing.c.audience).where(mailing.c.id == bindparam("row")))


def packed(accounts: Iterable[int], addresses: Iterable[str]) -> bytes:
    """As a row keeps them: the steps between numbers, which are small and alike."""
    return packed_numbers(sorted(_numbers(accounts, addresses)))


def packed_numbers(numbers: Sequence[int]) -> bytes:
    """Numbers that ascend."""
    steps = array("q", [*numbers[:1], *(after - before for before, after in pairwise(numbers))])
    return zlib.compress(steps.tobytes(), 1)


def read_numbers(kept: bytes) -> tuple[int, ...]:
    """The same back."""
    return tuple(accumulate(array("q", zlib.decompress(kept)))) if kept else ()


def newcomers(kept: bytes, accounts: Iterable[int], addresses: Iterable[str]) -> int:
    """How many of these are not among those that were kept."""
    return len(_numbers(accounts, addresses).difference(read_numbers(kept)))


def of(tx: Tx, number: int) -> bytes | None:
    """What is kept of one mailing; None: it is over, or was handed in to an older version."""
    row = tx.one(_KEPT, row=number)
    return bytes(row[0]) if row is not None and row[0] is not None else None


def _numbers(accounts: Iterable[int], addresses: Iterable[str]) -> set[int]:
    found = set(accounts)
    found.update(_number(address) for address in addresses)
    return found


def _number(address: str) -> int:
    digest = hashlib.blake2b(fold_login(address).encode("utf-8", "replace"), digest_size=7).digest()
    return -1 - int.from_bytes(digest, "big")
