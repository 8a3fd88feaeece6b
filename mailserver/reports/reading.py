"""Reads the reports that arrived, in the background, and those of files.

A report counts only when its sender is proven (RFC 9990 section 3.5.2: it meets DMARC) or a relay of ours brought it,
and when it is about a domain of ours; others are listed with the reason. Nobody is answered.
"""

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass, replace

import structlog

from mailserver.foundation.changes import Changes
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import peers
from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication import dmarc, lookups, reverse
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Damaged, Temporary
from mailserver.model.messages.authentication import Reverse
from mailserver.model.reports import Kind, Report
from mailserver.reports import attachments, dmarc_xml, tls_json, values
from mailserver.reports.faults import BadReport, malformed
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import spool
from mailserver.store.reports import received, waiting
from mailserver.store.reports.received import Kept, Origin
from mailserver.store.reports.waiting import Waiting
from mailserver.texts.causes import Cause

log = structlog.get_logger("reports")

PERIOD = 2.0
"""Seconds between two looks for reports, if anything was committed meanwhile."""
PAUSE = 0.05
MAX_ATTEMPTS = 3
"""Times that one comes to no end: what has ended the process before is not tried for ever."""
MOST_SENDERS = 10_000
"""Domains whose reports are told apart within a day."""
NAMED = 50
"""Addresses of one report whose names are looked up, those with the most messages."""
AHEAD = 2 * DAY
"""How far in the future a report may begin: clocks differ."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A report that was read, or why it does not count."""

    origin: Origin
    report: Report | None
    fault: Cause | None = None


class ReportReader:
    """One per machine, in the process that keeps the search index up."""

    def __init__(self, *, settings: Settings, store: Store, changes: Changes, resolver: Resolver, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._changes = changes
        self._resolver = resolver
        self._clock = clock
        self._day = 0
        self._begun: dict[str, int] = {}
        """Reports that were read today, by who sent them: also those that then do not count cost time."""

    async def run(self) -> None:
        """Read until cancelled. An idle store costs one look at its generation every two seconds."""
        done = -1
        while True:
            now = self._changes.generation()
            if now != done and await self.read_next():
                await asyncio.sleep(PAUSE)
                continue
            done = now
            await asyncio.sleep(PERIOD)

    async def read_next(self) -> bool:
        """Read one report that waits; False: none does. Raises Temporary."""
        if not await self._store.read(waiting.is_any):
            return False
        found = await self._store.write(waiting.begin)
        if found is None:
            return False
        try:
            judged = await self._judge(found)
            end = await self._store.write(_conclude, found, judged)
        except (Temporary, asyncio.CancelledError):
            with contextlib.suppress(Temporary):
                await self._store.write(waiting.release, found)
            raise
        fault = judged.fault or ""
        log.info("report", waiting=found.id, submitter=judged.origin.submitter, end=end, why=str(fault))
        catalogue.REPORTS_READ.add(end)
        if judged.report is not None and judged.fault is None:
            await self._name(judged.report)
        return True

    async def take_file(self, octets: bytes, kind: Kind | None = None) -> tuple[Report, Kept]:
        """A report that an operator brings. Raises BadReport, Temporary."""
        report = await asyncio.to_thread(_of_file, octets, kind, self._settings.domains, self._clock.now())
        kept = await self._store.write(received.keep, report, Origin("", _digest("", report)))
        if kept is Kept.NEW:
            await self._name(report)
        return report, kept

    async def _judge(self, found: Waiting) -> Judged:
        """Whatever happens to one report, the others are read."""
        unread = Origin("", hashlib.sha256(f"content {found.content_id} {found.id}".encode()).digest())
        if found.attempts >= MAX_ATTEMPTS:
            return Judged(unread, None, Cause("report-unreadable"))
        try:
            octets = await self._store.read(spool.octets, found.content_id, self._store.blobs)
        except Damaged:
            return Judged(unread, None, Cause("report-unreadable"))
        try:
            sent = await asyncio.to_thread(_sent, found, octets)
            if sent.fault is None and not self._may_begin(sent.origin.submitter):
                return replace(sent, fault=Cause("report-too-many", most=received.MOST_A_DAY))
            if sent.fault is not None:
                return sent
            domains, now = self._settings.domains, self._clock.now()
            return await asyncio.to_thread(_read_whole, found, octets, sent.origin, domains, now)
        except Exception:
            log.exception("report cannot be read", waiting=found.id)
            return Judged(unread, None, Cause("report-unreadable"))

    def _may_begin(self, submitter: str) -> bool:
        """Whether another report of this domain is read today; relays and operators bring as many as they like."""
        today = int(self._clock.now()) // DAY
        if today != self._day or len(self._begun) > MOST_SENDERS:
            self._day, self._begun = today, {}
        self._begun[submitter] = self._begun.get(submitter, 0) + 1
        return not submitter or self._begun[submitter] <= received.MOST_A_DAY

    async def _name(self, report: Report) -> None:
        """Look up the names of its addresses; what nobody knows now is asked again with another report."""
        addresses = list(dict.fromkeys(one.address for one in report.sources if one.address))[:NAMED]
        wanted = await self._store.read(received.unnamed, addresses) if addresses else []
        if wanted:
            names = await asyncio.gather(*map(self._name_of, wanted))
            found = {one: name for one, name in zip(wanted, names, strict=True) if name is not None}
            await self._store.write(received.name, found)

    async def _name_of(self, address: str) -> str | None:
        peer = peers.parse(address)
        if peer is None:
            return None
        asked = Lookups(self._resolver, asyncio.get_running_loop().time(), lookups.NAMES)
        outcome, name = await reverse.check(asked, peer)
        return None if outcome is Reverse.TEMPERROR else name[:253]


def _sent(found: Waiting, octets: bytes) -> Judged:
    """Who sent a message that brings a report, by the domain that somebody registered: it has as many others below as
    it likes. Not unpacked yet."""
    end = octets.find(b"\r\n\r\n") + 2
    authors = dmarc.authors(octets[:end] if end > 1 else octets)
    submitter = authors[0] if len(authors) == 1 else ""
    # Without its header: trace fields differ when the same comes again.
    content = hashlib.sha256(f"content {submitter}\0".encode() + octets[max(end, 0) :]).digest()
    results = found.results
    if results.checked and not (results.authenticated and submitter):
        return Judged(Origin("", content), None, Cause("report-unproven", domain=submitter or "?"))
    return Judged(Origin(dmarc.organizational(submitter) if results.checked else "", content), None)


def _read_whole(found: Waiting, octets: bytes, origin: Origin, domains: tuple[str, ...], now: float) -> Judged:
    """What a message brings; CPU grows with its size."""
    try:
        report = _report(attachments.of_message(octets), found.kind, domains, now)
    except BadReport as fault:
        return Judged(origin, None, fault.cause)
    return Judged(Origin(origin.submitter, _digest(origin.submitter, report)), report)


def _of_file(octets: bytes, kind: Kind | None, domains: tuple[str, ...], now: float) -> Report:
    """Raises BadReport."""
    return _report(attachments.of_file(octets), kind, domains, now)


def _report(content: bytes, kind: Kind | None, domains: tuple[str, ...], now: float) -> Report:
    """`kind`: the one that is awaited; None: either. Raises BadReport."""
    is_json = content[:1000].lstrip().startswith(b"{")
    if kind is not None and is_json is not (kind is Kind.TLS):
        raise BadReport("report-other-kind")
    report = tls_json.read(content) if is_json else dmarc_xml.read(content)
    if report.passed + report.failed > values.MAX_TOTAL:
        raise malformed("count")
    if report.begin > now + AHEAD:
        raise BadReport("report-dates")
    about = {report.domain, *(one.domain for one in report.sessions if one.domain)}
    for one in sorted(about):
        if not any(one == name or one.endswith(f".{name}") for name in _ours(domains)):
            raise BadReport("report-foreign", domain=one)
    return report


def _ours(domains: tuple[str, ...]) -> set[str]:
    """Our domains, and those above them that publish for them."""
    return {name for domain in domains for name in (domain, dmarc.organizational(domain))}


def _digest(submitter: str, report: Report) -> bytes:
    """Of who sent it, what it is about and its name: others cannot give theirs for it."""
    named = (report.kind.name, submitter, report.domain, report.identifier, str(report.begin))
    return hashlib.sha256("\0".join(named).encode()).digest()


def _conclude(tx: Tx, found: Waiting, judged: Judged) -> str:
    """The message waits no more, and what it said is kept: both or neither."""
    if not waiting.take(tx, found):
        return "taken"
    if judged.report is None or judged.fault is not None:
        received.refuse(tx, found.kind or Kind.DMARC, judged.fault or Cause("report-unreadable"), judged.origin)
        return Kept.REFUSED.value
    return received.keep(tx, judged.report, judged.origin).value
