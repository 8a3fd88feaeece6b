"""An absence message tried out: its answers to whoever writes it, as others would get them, marked as a trial."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from mailserver.filters.rules.absence import Absence, Others
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.clock import HOUR, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.notices.house import house_of
from mailserver.notices.mail import filters as notices
from mailserver.store.account import filter_memory
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Store, Tx
from mailserver.texts.text import Text

AN_HOUR = 5
"""Trials of one account."""
TOKEN_OCTETS = 12

INSIDE = Text(
    "[Essai : votre message d’absence, tel que le recevraient les personnels de l’académie. Personne d’autre que vous "
    "ne l’a reçu.]"
)
OUTSIDE = Text(
    "[Essai : votre message d’absence, tel que le recevraient les autres. Personne d’autre que vous ne l’a reçu.]"
)

Post = Callable[[str, bytes], Awaitable[None]]
"""Sends a message of the service's own."""


class AbsenceTrials:
    """Those of all accounts. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, post: Post) -> None:
        self._house = house_of(settings)
        self._store = store
        self._clock = clock
        self._post = post

    async def send(self, principal: Principal, absence: Absence, subject: str) -> int:
        """Each answer that an absence would give to a message of this subject, whether it is on or not; how many.

        Raises Wrong: it could not be on; Refused(LIMIT): there were enough in the last hour; Refused as mail to the
        person would be; Temporary.
        """
        absence = replace(absence, off=False)
        await self._store.write(_claim, principal.account_id, self._clock.token(TOKEN_OCTETS))
        sent = 0
        for mark, text in _answers(absence):
            octets = self._written(principal, absence, absence.subject(subject), f"{mark}\n\n{text}")
            await self._post(principal.address, octets)
            sent += 1
        return sent

    def outside(self, principal: Principal, absence: Absence) -> bytes:
        """The answer that people outside get, as octets."""
        return self._written(principal, absence, absence.subject(""), absence.said(absence.outside))

    def _written(self, principal: Principal, absence: Absence, subject: str, text: str) -> bytes:
        author, token = Correspondent(principal.name, principal.address), self._clock.token(TOKEN_OCTETS)
        shown = Text("[Essai] {subject}", subject=subject).to(absence.language)
        return notices.trial(self._house, author, shown, text, token=token, now=self._clock.now())


def _answers(absence: Absence) -> Iterator[tuple[str, str]]:
    """What marks each answer as a trial, and the answer."""
    yield INSIDE.to(absence.language), absence.said(absence.inside)
    if absence.others is not Others.NOBODY:
        yield OUTSIDE.to(absence.language), absence.said(absence.outside)


def _claim(tx: Tx, account_id: int, key: bytes) -> None:
    """Count one more. Raises Refused(LIMIT)."""
    if not filter_memory.claim_within(tx, account_id, Kind.TRIED, [key], tx.now + HOUR, AN_HOUR):
        raise Refused(Reason.LIMIT, "The absence was tried out often enough in this hour")
