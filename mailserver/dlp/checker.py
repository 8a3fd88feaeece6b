"""`OutgoingCheck`: what of a letter may not leave for the outside unasked, its text, its files, its documents."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from mailserver.dlp.detectors import Finding, Kind, numbers
from mailserver.dlp.passwords import candidates
from mailserver.foundation.settings import Settings
from mailserver.mime.body import parser, structure
from mailserver.mime.body.structure import Part
from mailserver.mime.body.text import MAX_TEXT, html_to_text, readable
from mailserver.mime.header import headers
from mailserver.model.clock import HOUR, Clock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Temporary
from mailserver.model.identity import Directory, Principal
from mailserver.previews.faults import Unreadable
from mailserver.previews.service import Previews

log = structlog.get_logger("dlp")

MAX_FINDINGS = 20
"""Of one letter that are shown; one is enough to ask."""
MAX_DOCUMENTS = 3
MAX_DOCUMENT = 4 * 1024 * 1024
"""Encoded octets of one that is read."""
SECONDS = 8.0
"""For all the documents of a letter; what is not read by then is not looked at."""
MAX_TRIES = 40
"""Words of one account within an hour, in one worker, that are compared with its password: somebody who writes from a
stolen session is not to guess it so."""
MAX_NAME = 100
DOCUMENTS = {
    **{ending: ending for ending in ("docx", "xlsx", "pptx")},
    **dict.fromkeys(("odt", "ods", "odp"), "odf"),
}
"""Endings of the documents that are read, and how."""


@dataclass(frozen=True, slots=True)
class _Document:
    """An attached file that a program of its own reads."""

    kind: str
    name: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class _Read:
    """What the text of a letter says."""

    texts: Sequence[tuple[str, str]]
    """The name of the file and what stands in it; no name: the letter itself."""
    documents: Sequence[_Document]


class OutgoingCheck:
    """One per worker."""

    def __init__(self, *, settings: Settings, directory: Directory, clock: Clock) -> None:
        self._guards = settings.guards
        self._directory = directory
        # Elsewhere each comparison is a failed login, which may lock the account there.
        self._own_passwords = settings.ldap is None
        self._clock = clock
        self._previews = Previews()
        self._hour = 0
        self._tries: dict[int, int] = {}

    async def look(self, principal: Principal, octets: bytes) -> tuple[Finding, ...]:
        """What of a letter of this person may not leave unasked. Raises Temporary."""
        wanted = frozenset(self._guards.kinds)
        if not wanted:
            return ()
        read = await asyncio.to_thread(_read, octets)
        texts = [*read.texts, *await self._documents(principal.account_id, read.documents)]
        found, words = await asyncio.to_thread(_found, texts, wanted)
        if Kind.PASSWORD in wanted and self._own_passwords:
            found = [*await self._passwords(principal, words), *found]
        return tuple(found[:MAX_FINDINGS])

    async def _documents(self, account_id: int, documents: Sequence[_Document]) -> list[tuple[str, str]]:
        """What office documents say, as far as they can be read in time."""
        texts: list[tuple[str, str]] = []
        try:
            async with asyncio.timeout(SECONDS if documents else None):
                for one in documents:
                    text = await self._text(account_id, one)
                    texts.append((one.name, text))
        except (TimeoutError, Temporary) as why:
            log.info("documents not looked at", account=account_id, why=str(why), left=len(documents) - len(texts))
        return texts

    async def _text(self, account_id: int, document: _Document) -> str:
        async def take() -> bytes:
            return document.octets

        try:
            made = await self._previews.convert(account_id, document.kind, "fr", take)
        except Unreadable as why:
            log.info("document not looked at", account=account_id, why=why.fault.value)
            return ""
        return await asyncio.to_thread(html_to_text, made.html[:MAX_TEXT])

    async def _passwords(self, principal: Principal, words: Sequence[tuple[str, str]]) -> list[Finding]:
        for where, word in words:
            if not self._may_try(principal.account_id):
                log.info("no more words are compared with a password", account=principal.account_id)
                return []
            if await self._directory.authenticate(principal.login, Secret(word)) is not None:
                return [Finding(Kind.PASSWORD, word, where)]
        return []

    def _may_try(self, account_id: int) -> bool:
        hour = int(self._clock.now()) // HOUR
        if hour != self._hour:
            self._hour, self._tries = hour, {}
        tries = self._tries.get(account_id, 0)
        self._tries[account_id] = tries + 1
        return tries < MAX_TRIES


def _read(octets: bytes) -> _Read:
    """In a thread: all that is text in a letter, and its documents."""
    root = structure.build(parser.parse(octets))
    texts = [("", headers.clean(root.header(octets, "Subject")))]
    documents: list[_Document] = []
    left = MAX_TEXT
    for part in root.walk(into_messages=True):
        if part.is_multipart or part.is_message:
            continue
        if part.type.startswith("text/") and left > 0:
            size = min(part.size, left)
            left -= size
            texts.append((_name(part), readable(part, part.text(octets, size))))
        elif kind := _kind(part) if len(documents) < MAX_DOCUMENTS else "":
            documents.append(_Document(kind, _name(part), part.content(octets, MAX_DOCUMENT)))
    return _Read(texts, documents)


def _kind(part: Part) -> str:
    """How a document is read; empty for other files, and for those that are too large."""
    return DOCUMENTS.get(part.filename.rpartition(".")[2].lower(), "") if part.size <= MAX_DOCUMENT else ""


def _name(part: Part) -> str:
    return headers.clean(part.filename)[:MAX_NAME]


def _found(texts: Iterable[tuple[str, str]], wanted: frozenset[str]) -> tuple[list[Finding], list[tuple[str, str]]]:
    """In a thread: the numbers that stand there, each once, and the words that may be a password."""
    found: dict[tuple[Kind, str], Finding] = {}
    words: dict[str, str] = {}
    for where, text in texts:
        for one in numbers(text, where):
            if one.kind in wanted and len(found) < MAX_FINDINGS:
                found.setdefault((one.kind, one.value), one)
        for word in candidates(text):
            words.setdefault(word, where)
    return list(found.values()), [(where, word) for word, where in words.items()][:8]
