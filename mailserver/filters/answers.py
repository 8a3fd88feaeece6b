"""What scripts of one's own answer people outside: an answer that gives something away leaves once its owner has seen
that and confirmed that text, as an absence does. What is made of variables is another text each time, and stays."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mailserver.filters.scripts import Scripts, said
from mailserver.filters.sieve import Answer
from mailserver.mime.writing.entity import entity
from mailserver.model.errors import Temporary
from mailserver.model.identity import Principal
from mailserver.policy.dlp.checker import Looked
from mailserver.policy.dlp.detectors import Finding
from mailserver.store.account import confirmed_answers
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record.audit import Origin

SECONDS = 40.0
"""For all the answers of a script: each may have documents in it, which take as long as those of a letter."""

Look = Callable[[Principal, bytes], Awaitable[Looked]]
"""What a letter gives away, wherever it goes. Raises Temporary."""


@dataclass(frozen=True, slots=True)
class Private:
    """An answer that its owner has to confirm."""

    answer: Answer
    found: tuple[Finding, ...]


class ScriptAnswers:
    """Those of all accounts. One per worker. Each method raises Temporary."""

    def __init__(self, *, store: Store, scripts: Scripts, look: Look) -> None:
        self._store = store
        self._scripts = scripts
        self._look = look

    async def private(self, principal: Principal, source: bytes) -> Sequence[Private]:
        """What of a script's answers gives something away, and is not confirmed yet. Raises SieveError, as
        `Scripts.answers`."""
        answers = await self._scripts.answers(source)
        known = await self._store.read(confirmed_answers.among, principal.account_id, list(map(said, answers)))
        found: list[Private] = []
        try:
            async with asyncio.timeout(SECONDS):
                for answer in answers:
                    if said(answer) not in known:
                        looked = await self._look(principal, _octets(answer))
                        found += [Private(answer, looked.found)] if looked.found else []
        except TimeoutError:
            raise Temporary("The answers of this script take too long to be looked at") from None
        return found

    async def confirm(self, account_id: int, private: Sequence[Private], origin: Origin) -> None:
        """Their owner has seen what they give away, and lets these texts leave."""
        await self._store.write(_confirm, account_id, private, origin)


def code_of(private: Sequence[Private]) -> str:
    """By which a form says what was confirmed: another text, or another number, is another question."""
    asked = "\n".join(f"{one.answer!r}\0{[(found.kind.value, found.value) for found in one.found]}" for one in private)
    return hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()[:32]


def _octets(answer: Answer) -> bytes:
    if answer.mime:
        return b"MIME-Version: 1.0\r\n" + entity(answer.text)
    return b"\r\n" + answer.text.encode("utf-8", "replace")


def _confirm(tx: Tx, account_id: int, private: Sequence[Private], origin: Origin) -> None:
    for one in private:
        kinds = tuple(dict.fromkeys(found.kind.value for found in one.found))
        confirmed_answers.confirm(tx, account_id, said(one.answer), kinds, origin)
