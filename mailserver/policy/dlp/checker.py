"""`OutgoingCheck`: what of a letter may not leave for the outside unasked, its text, its files, its documents."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from mailserver.foundation.settings import Settings
from mailserver.mime.body.text import MAX_TEXT, html_to_text
from mailserver.model.clock import HOUR, Clock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Temporary
from mailserver.model.identity import Directory, Principal
from mailserver.policy.dlp import reading
from mailserver.policy.dlp.detectors import Finding, Kind, numbers
from mailserver.policy.dlp.passwords import MAX_WORDS, candidates
from mailserver.policy.dlp.reading import Document
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.kinds import NEW, OLD, TEXT, decoded
from mailserver.previews.service import Converted, Previews

log = structlog.get_logger("dlp")

MAX_FINDINGS = 20
"""Of one letter that are shown; one is enough to ask."""
SECONDS = 8.0
"""For all the documents of a letter; what is not read by then is not looked at."""
OFFICE_SECONDS = 30.0
"""The same where one of them is for LibreOffice, which takes longer."""
MAX_TRIES = 40
"""Words of one account within an hour, in one worker, that are compared with its password: somebody who writes from a
stolen session is not to guess it so. As many of what filters pass on. Letters with further words leave: some people
send so many that their author could not be asked about each. Whoever is asked about one is told of those words."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in a letter, and what of it was not read."""

    found: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    """Names of documents that could not be read in time, or not to their end, or not at all."""
    leaves: bool = False
    """Somebody outside gets it, or may get it: otherwise nobody looked."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of what was found, each once."""
        return tuple(dict.fromkeys(one.kind.value for one in self.found))


class OutgoingCheck:
    """One per worker."""

    def __init__(self, *, settings: Settings, directory: Directory, clock: Clock) -> None:
        self._guards = settings.guards
        self._office = settings.previews
        self._directory = directory
        # Elsewhere each comparison is a failed login, which may lock the account there.
        self._own_passwords = settings.ldap is None
        self._clock = clock
        self._previews = Previews()
        self._hour = 0
        self._tries: dict[tuple[int, bool], int] = {}

    async def look(
        self, principal: Principal | None, octets: bytes, *, passed_on: bool = False, answered: bytes = b""
    ) -> Looked:
        """What of a letter of this person may not leave unasked. None: nobody's password is looked for. `passed_on`:
        somebody else lets it leave, whose filters use up no comparison of what the person sends. `answered`: what it
        answers by itself, of whose words none is compared: whoever wrote them would learn which one is the password by
        the answer that stays. Raises Temporary."""
        wanted = frozenset(self._guards.kinds)
        if not wanted:
            return Looked()
        read = await asyncio.to_thread(reading.read, octets)
        more, unread = await self._documents(principal.account_id if principal else 0, read.documents)
        found, words = await asyncio.to_thread(_found, [*read.texts, *more], wanted, answered)
        if principal is not None and Kind.PASSWORD in wanted and self._own_passwords:
            own = await self._passwords(principal, words, passed_on=passed_on)
            found = [*(one for one in own if found or one.kind is Kind.PASSWORD), *found]
        return Looked(tuple(found[:MAX_FINDINGS]), tuple([*unread, *read.left][:MAX_FINDINGS]))

    async def _documents(
        self, account_id: int, documents: Sequence[Document]
    ) -> tuple[list[tuple[str, str]], list[str]]:
        """What documents say, as far as they can be read in time, and the names of those of which not all was read."""
        texts: list[tuple[str, str]] = []
        unread = [one.name for one in documents]
        try:
            async with asyncio.timeout(self._seconds(documents)):
                for one in documents:
                    text, is_whole = await self._text(account_id, one)
                    texts.append((one.name, text))
                    if is_whole:
                        unread.remove(one.name)
        except (TimeoutError, Temporary) as why:
            log.info("documents not looked at", account=account_id, why=str(why), left=len(unread))
        return texts, unread

    def _seconds(self, documents: Sequence[Document]) -> float | None:
        if not documents:
            return None
        is_slow = self._office.libreoffice and any(one.kind in OLD for one in documents)
        return OFFICE_SECONDS if is_slow else SECONDS

    async def _text(self, account_id: int, document: Document) -> tuple[str, bool]:
        """What was read of a document, and whether that is all of it. Raises Temporary."""
        if document.kind == TEXT:
            return await asyncio.to_thread(_as_text, document.octets), True
        try:
            made = await self._converted(account_id, document)
        except Unreadable as why:
            log.info("document not looked at", account=account_id, why=why.fault.value)
            return "", False
        text = await asyncio.to_thread(html_to_text, made.html[:MAX_TEXT])
        return text, not made.cut and len(made.html) <= MAX_TEXT

    async def _converted(self, account_id: int, document: Document) -> Converted:
        """Raises Unreadable, Temporary."""

        async def take() -> bytes:
            return document.octets

        if document.kind not in OLD:
            return await self._previews.convert(account_id, document.kind, "fr", take, everything=True)
        if not self._office.libreoffice:
            raise Unreadable(Fault.NO_PROGRAM)
        # Not as pages: they show no hidden sheet, no remark, and no number that is wider than its column.
        kind, program = NEW[document.kind], Path(self._office.libreoffice)
        octets = await self._previews.pages(account_id, program, document.kind, take, kind)

        async def made() -> bytes:
            return octets

        return await self._previews.convert(account_id, kind, "fr", made, everything=True)

    async def _passwords(
        self, principal: Principal, words: Sequence[tuple[str, str]], *, passed_on: bool
    ) -> list[Finding]:
        """Theirs, if it is among these; else the words that could not be compared with it any more."""
        for place, (where, word) in enumerate(words):
            if not self._may_try((principal.account_id, passed_on)):
                log.info("no more words are compared with a password", account=principal.account_id)
                return _uncompared(words[place:])
            if await self._directory.authenticate(principal.login, Secret(word)) is not None:
                return [Finding(Kind.PASSWORD, word, where)]
        return []

    def _may_try(self, whose: tuple[int, bool]) -> bool:
        hour = int(self._clock.now()) // HOUR
        if hour != self._hour:
            self._hour, self._tries = hour, {}
        tries = self._tries.get(whose, 0)
        self._tries[whose] = tries + 1
        return tries < MAX_TRIES


def _as_text(octets: bytes) -> str:
    """A table or a page of text under the name of an old document: which of both nobody says, so it is read as both."""
    text = decoded(octets)
    return f"{text}\n{html_to_text(text)}" if "<" in text else text


def _found(
    texts: Iterable[tuple[str, str]], wanted: frozenset[str], answered: bytes
) -> tuple[list[Finding], list[tuple[str, str]]]:
    """In a thread: the numbers that stand there, each once, and the words that may be a password."""
    found: dict[tuple[Kind, str], Finding] = {}
    words: dict[str, str] = {}
    for where, text in texts:
        for one in numbers(text, where):
            if one.kind in wanted and len(found) < MAX_FINDINGS:
                found.setdefault((one.kind, one.value), one)
        for word in candidates(text):
            words.setdefault(word, where)
    if words and answered:
        heard = _in_one_line("\n".join(text for _, text in reading.read(answered).texts))
        words = {word: where for word, where in words.items() if _in_one_line(word) not in heard}
    return list(found.values()), [(where, word) for word, where in words.items()][:MAX_WORDS]


def _uncompared(words: Sequence[tuple[str, str]]) -> list[Finding]:
    """By where they stand."""
    by_place: dict[str, list[str]] = {}
    for where, word in words:
        by_place.setdefault(where, []).append(word)
    return [Finding(Kind.UNCOMPARED, "\n".join(some), where) for where, some in by_place.items()]


def _in_one_line(text: str) -> str:
    return " ".join(text.split()).casefold()
