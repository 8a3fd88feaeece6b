"""Judges a message from outside for each account that is to get it. One per worker.

rspamd judges where there is one (`[junk] rspamd`), and the filter of the house otherwise, or while it is away.

The academy's model judges for everybody, with an account's own before it where that account has taught something.
Nothing is judged before enough was learned, and nobody's words are held against the house, against whom the account
knows where it is proven that they wrote, or before `postmaster@` and `abuse@`.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from mailserver.foundation.settings import Settings
from mailserver.inbound.junk import bayes
from mailserver.inbound.junk.counts import Counts, Dense
from mailserver.inbound.junk.learning import opened
from mailserver.inbound.junk.patience import Away
from mailserver.inbound.junk.rspamd import Handed, Rspamd, Scanned
from mailserver.inbound.junk.tokens import is_read, tokens
from mailserver.mime import Scan, scan, unpack
from mailserver.model.errors import Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs, junk
from mailserver.store.mail.junk import ACADEMY, Model, Source, Verdict

log = structlog.get_logger("junk")

MOST_OWN = 100
"""Recipients of one copy whose own models are asked; a mailing to more is judged by the academy's alone."""
BELIEVED_SECONDS = 60.0
"""Should news get lost, what was learned counts after this long all the same."""
MOST_WITHOUT = 100_000
"""Accounts of which is remembered that they have taught nothing."""
FEW = 4
"""Models that the event loop asks by itself."""
_SHOWN = 12
"""Tokens that are kept to say why."""
NOTHING: Mapping[int, Verdict] = {}
NOBODY = Handed()


class JunkFilter:
    """The embedded filter."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._settings = settings.junk
        self._store = store
        self._rspamd = Rspamd(settings.junk, store.clock)
        self._revision = -1
        self._standing: Model | None = None
        """The academy's, without its counts."""
        self._academy: Dense | None = None
        self._without: set[int] = set()
        """Accounts that have no model, until news or time say otherwise, as of the academy's."""
        self._until = 0.0
        self._heard = 0
        self._asked = self._answered = 0
        """Questions for models, and the last of them whose answer was taken over."""
        store.changes.subscribe("mailbox", junk.NEWS, self._forget)

    def _forget(self) -> None:
        self._until = 0.0
        self._heard += 1

    async def judge(
        self,
        octets: bytes,
        found: Scan | None,
        accounts: Sequence[int],
        handed: Handed = NOBODY,
        *,
        is_proven: bool = True,
    ) -> Mapping[int, Verdict]:
        """The accounts among these to which a message is junk, and why. `found`: its scan, where somebody made it.
        `is_proven`: its author's address may be believed; what only claims to be of somebody known is judged.

        Raises Temporary.
        """
        if not accounts:
            return NOTHING
        if self._rspamd.is_on:
            try:
                scanned = await self._rspamd.scan(octets, handed)
            except Away as away:
                if self._settings.scanner_away == "refuse":
                    raise Temporary("The junk scanner is away: try again later") from away
            else:
                return _scanned(scanned, accounts)
        if not self._settings.filter:
            return NOTHING
        try:
            return await self._verdicts(octets, found, accounts, is_proven=is_proven)
        except Temporary:
            raise
        except Exception:
            # Refused for now, it would be refused whenever it came: what cannot be judged is delivered.
            log.exception("a message could not be judged")
            return NOTHING

    async def _verdicts(
        self, octets: bytes, found: Scan | None, accounts: Sequence[int], *, is_proven: bool
    ) -> Mapping[int, Verdict]:
        asked = list(accounts) if len(accounts) <= MOST_OWN else []
        models = await self._models(asked)
        academy = self._academy if self._standing is not None and self._is_enough(self._standing) else None
        own = {account: opened(model, account) for account, model in models.items() if self._is_enough(model)}
        if academy is None and not own:
            return NOTHING
        if len(own) < FEW and _is_quick(octets, found):
            sender, verdicts = self._judge(octets, found, accounts, academy, own)
        else:
            sender, verdicts = await asyncio.to_thread(self._judge, octets, found, accounts, academy, own)
        if not verdicts or not is_proven:
            return verdicts
        known = await self._store.read_slow(ACADEMY, junk.who_know, list(verdicts), sender)
        return {account: one for account, one in verdicts.items() if account not in known}

    async def _models(self, asked: Sequence[int]) -> Mapping[int, Model]:
        """Those of accounts, and the academy's as it is now: from memory where nobody has learned anything since.
        Raises Temporary."""
        now = self._store.clock.monotonic()
        if now >= self._until or len(self._without) > MOST_WITHOUT:
            self._until = 0.0
            self._without.clear()
        unknown = [account for account in asked if account not in self._without]
        if self._until and not unknown:
            return {}
        heard = self._heard
        self._asked += 1
        number = self._asked
        models = await self._store.read_apart(junk.models, unknown, self._revision)
        await self._open(models.pop(ACADEMY, None), number)
        # What was read before a change that was heard of meanwhile may be old: it is not kept.
        if heard == self._heard:
            self._until = self._until or now + BELIEVED_SECONDS
            self._without.update(account for account in unknown if account not in models)
        return models

    async def _open(self, model: Model | None, number: int) -> None:
        """Take the academy's model over as this question found it, unless a later one has had its answer meanwhile."""
        opened = None
        if model is not None and model.counts is not None:
            opened = await asyncio.to_thread(Dense, model.spam, model.ham, model.counts)
        if number < self._answered:
            return
        self._answered = number
        if model is None:
            self._revision, self._academy = -1, None
        elif opened is not None:
            self._revision, self._academy = model.revision, opened
        self._standing = model

    def _is_enough(self, model: Model) -> bool:
        return min(model.spam, model.ham) >= self._settings.least

    def _judge(
        self,
        octets: bytes,
        scanned: Scan | None,
        accounts: Sequence[int],
        academy: Dense | None,
        own: Mapping[int, Counts],
    ) -> tuple[str, dict[int, Verdict]]:
        """The sender's address, and the verdicts. Pure work: a millisecond for a message of a few kilobytes."""
        scanned = scanned or scan(octets)
        found = tokens(octets, unpack(scanned.parts))
        common = self._verdict(bayes.score(found, academy, None)) if academy is not None else None
        verdicts: dict[int, Verdict] = {}
        for account in accounts:
            one = self._verdict(bayes.score(found, academy, own[account])) if account in own else common
            if one is not None:
                verdicts[account] = one
        return scanned.sender_address, verdicts

    def _verdict(self, score: bayes.Score) -> Verdict | None:
        if score.permille < self._settings.threshold:
            return None
        return Verdict(Source.WORDS, score.permille, self._settings.threshold, score.telling[:_SHOWN])


def _scanned(scanned: Scanned | None, accounts: Sequence[int]) -> Mapping[int, Verdict]:
    """What the scanner says holds for everybody; of what was too large for it, nobody says anything."""
    if scanned is None or not scanned.is_junk:
        return NOTHING
    return dict.fromkeys(accounts, Verdict(Source.SCANNER, scanned.score, scanned.needed, scanned.symbols))


def _is_quick(octets: bytes, found: Scan | None) -> bool:
    """Whether the event loop may judge a message itself: of a large one no more is read than its text."""
    quick = blobs.is_quick(octets)
    if quick or found is None:
        return quick
    if found.header_size > blobs.QUICK_HEADER or found.parts.count(b"\n") > blobs.QUICK_PARTS:
        return False
    parts = unpack(found.parts).walk(into_messages=True)
    return sum(part.size for part in parts if is_read(part)) <= blobs.QUICK_OCTETS
