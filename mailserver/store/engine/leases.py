"""Leases: who is at some work, and until when, in seconds by the clock of the store.

One that ends later than any could that is given now was given by a clock that was wrong, and keeps nobody waiting.
"""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_


def is_over(until: ColumnElement[Any]) -> ColumnElement[bool]:
    """Nobody is at it. The statement is run with `times`."""
    return or_(until <= bindparam("moment"), until > bindparam("never"))


def times(now: int, seconds: int) -> dict[str, int]:
    """What `is_over` compares with, and when a lease of so many seconds that is given now ends."""
    return {"moment": now, "never": now + 2 * seconds, "end": now + seconds}
