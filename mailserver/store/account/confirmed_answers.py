"""Texts of automatic answers that their author lets leave the academy, whatever they give away.

One text is confirmed, by its hash, and only by somebody who was logged in and saw what it gives away: another text is
asked about again. What mail programs and scripts say about it counts for nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mailserver.model.clock import DAY
from mailserver.store.account import accounts, filter_memory
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

REMEMBERED = 3 * 366 * DAY
"""Seconds: as long as an absence may be."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says."""

    text: str
    mime: bool = False
    """`text` is a MIME entity with its header: the same characters, sent as they stand, may say something else."""

    @property
    def key(self) -> bytes:
        """By which it is known, however its lines end."""
        lines = "\n".join(line.rstrip() for line in self.text.strip().splitlines())
        return filter_memory.key_of("answer in MIME" if self.mime else "answer", lines)


def has(tx: Tx, account_id: int, said: Said) -> bool:
    """Whether the account's owner has let this leave."""
    return filter_memory.seen(tx, account_id, Kind.CONFIRMED, said.key)


def among(tx: Tx, account_id: int, said: Collection[Said]) -> set[Said]:
    """Which of these they have let leave."""
    return {one for one in said if has(tx, account_id, one)}


def confirm(tx: Tx, account_id: int, said: Said, kinds: Sequence[str], origin: Origin) -> None:
    """Let it leave from now on; on record is of what kind it gives something away. Raises Refused(AUTHENTICATION) as
    `accounts.still_in`."""
    accounts.still_in(tx, origin)
    filter_memory.remember(tx, account_id, Kind.CONFIRMED, said.key, tx.now + REMEMBERED, {}, longer=True)
    detail = Cause("confidential-answer", kinds=tuple(kinds), verdict=("confirmed",))
    audit.record(tx, origin, Action.LETTER_CONFIRMED, account_id, detail)


def forget(tx: Tx, account_id: int) -> None:
    """Ask about all of them again: somebody else may have confirmed them."""
    filter_memory.forget(tx, account_id, Kind.CONFIRMED)
