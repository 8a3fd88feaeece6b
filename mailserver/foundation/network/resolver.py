"""Questions to name servers: asynchronous, cached, bounded, and never a hang.

One resolver serves a worker. An answer is kept for its time to live within bounds, that there is none as well; the
same question asked by several at once is asked once. Which servers are asked is a setting (`[dns]`), else the system's.

A server that is away costs nobody any time: after a question that no server answered, one that every living server
knows is asked beside the others (the root's servers); unanswered, too, everything fails at once, and every few seconds
one question goes out in the background to see whether they are back. A zone that does not answer, which somebody
hostile may own, thus stops nobody but itself. Before the first answer the time for a question is short.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import NameService

MAX_ANSWER = 16 * 1024
"""Octets of an answer over TCP, and of the records of any; one of more is none."""
QUICK_ANSWER = 4 * 1024
"""Octets of an answer that the event loop reads itself."""
MAX_RECORDS = 100
"""Of one answer that are looked at."""
MAX_ALIASES = 8
CACHE_ENTRIES = 20_000
CACHE_OCTETS = 16 * 1024 * 1024
SHORTEST, LONGEST = 5.0, 86_400.0
"""Seconds an answer is kept, whatever its time to live."""
NEGATIVE = 300.0
"""The most that the lack of an answer is kept (RFC 2308 section 5 allows more)."""
BROKEN = 10.0
"""Seconds that a server's failure to find an answer is kept (RFC 2308 section 7)."""
ANSWER_SECONDS = 4.0
"""For one question, over all servers."""
TRY_SECONDS = 1.5
"""For one server; then the next one is asked, or the same again."""
FIRST_SECONDS = 0.5
"""For a question before anybody has answered."""
AWAY_SECONDS = 5.0
"""Between two looks whether servers that are away are back."""
UNDER_WAY, RESERVED = 800, 200
"""Questions at once, and those that are urgent; more wait until whoever asks gives up."""
SERVERS_SECONDS = 5.0
"""For which it is remembered which servers the system asks."""


class LookupFailed(Exception):
    """Nobody knows now: no server answered, or it could not find out. The text is a word for a log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of a name; none where the name is not there or has none of this kind."""

    records: tuple[str | bytes, ...]
    """Text (TXT) as octets, everything else as text: addresses, `10 mx.example.`, names."""
    exists: bool = True
    """False: the name is not there (NXDOMAIN)."""


@dataclass(slots=True)
class _Kept:
    answer: Answer | str
    """The text of a failure, else an answer."""
    until: float
    size: int


class _Servers(Enum):
    UNKNOWN = "unknown"
    THERE = "there"
    AWAY = "away"


Key = tuple[str, str]


class Resolver:
    """See the head of this module. One per worker; belongs to its event loop."""

    def __init__(self, settings: NameService, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._size = 0
        self._under_way: dict[Key, asyncio.Task[Answer]] = {}
        self._state = _Servers.UNKNOWN
        self._next_look = 0.0
        self._room = {False: asyncio.Semaphore(UNDER_WAY), True: asyncio.Semaphore(RESERVED)}
        self._servers: list[tuple[str, int]] = []
        self._servers_until = 0.0
        self._answered: tuple[str, int] | None = None
        """The server that answered last: it is asked first, so that one that is away costs its time once."""
        self._looking: asyncio.Task[None] | None = None

    async def look_up(self, name: str, kind: str, *, urgent: bool = False) -> Answer:
        """The records of `kind` (`TXT`, `A`, `AAAA`, `MX`, `PTR`, `CNAME`) of a name. Raises LookupFailed.

        `urgent` questions have room of their own, which no others take. A malformed name is not there: that is known
        for ever, and nobody shall have a failure by asking for one.
        """
        key = (name.rstrip(".").lower(), kind)
        known = self._known(key)
        if known is not None:
            return known
        question = _question(key)
        if question is None:
            return Answer((), exists=False)
        if self._state is _Servers.AWAY:
            self._look()
            catalogue.DNS.add("away")
            raise LookupFailed("away")
        task = self._under_way.get(key)
        if task is None:
            room = self._room[urgent]
            await room.acquire()
            if self._needs_no_question(key):  # meanwhile
                room.release()
                return await self.look_up(name, kind, urgent=urgent)
            task = asyncio.create_task(self._find(key, question))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._done(key, done, room))
        # Shielded: who gives up does not take the answer from others who wait for it.
        return await asyncio.shield(task)

    def kept(self, name: str, kind: str) -> Answer | None:
        """What `look_up` would say at once, from memory. Raises LookupFailed where that is a failure."""
        return self._known((name.rstrip(".").lower(), kind))

    def until(self, name: str, kind: str) -> float:
        """Until when this is answered as it is now, by the resolver's clock; 0: it is not kept."""
        kept = self._kept.get((name.rstrip(".").lower(), kind))
        return kept.until if kept is not None else 0.0

    def left(self, until: float) -> float:
        """Seconds from now."""
        return max(until - self._monotonic(), 0.0)

    @property
    def answers(self) -> bool:
        """The servers are there: a look-up that fails does so for its own name."""
        return self._state is _Servers.THERE

    async def close(self) -> None:
        """Give up every question that is under way."""
        asked: list[asyncio.Task[Answer] | asyncio.Task[None]] = [*self._under_way.values()]
        asked += [self._looking] if self._looking is not None else []
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    def _known(self, key: Key) -> Answer | None:
        """What is kept. Raises LookupFailed where that is a failure."""
        if not self._is_kept(key):
            return None
        kept = self._kept[key]
        self._kept.move_to_end(key)
        if isinstance(kept.answer, str):
            raise LookupFailed(kept.answer)
        return kept.answer

    def _needs_no_question(self, key: Key) -> bool:
        return key in self._under_way or self._is_kept(key) or self._state is _Servers.AWAY

    def _is_kept(self, key: Key) -> bool:
        kept = self._kept.get(key)
        return kept is not None and kept.until > self._monotonic()

    def _done(self, key: Key, task: "asyncio.Task[Answer]", room: asyncio.Semaphore) -> None:
        self._under_way.pop(key, None)
        room.release()
        if not task.cancelled():
            task.exception()  # everybody who asked may have gone

    async def _find(self, key: Key, question: dns.message.QueryMessage) -> Answer:
        try:
            async with asyncio.timeout(FIRST_SECONDS if self._state is _Servers.UNKNOWN else ANSWER_SECONDS):
                response = await self._ask(question)
        except (TimeoutError, OSError, dns.exception.DNSException, LookupFailed) as error:
            catalogue.DNS.add("unanswered")
            why = str(error) if isinstance(error, LookupFailed) else type(error).__name__
            self._unanswered()
            if self._state is not _Servers.AWAY:
                self._keep(key, why, BROKEN)
            raise LookupFailed(why) from None
        self._state = _Servers.THERE
        code = response.rcode()
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            catalogue.DNS.add("broken")
            self._keep(key, dns.rcode.to_text(code), BROKEN)
            raise LookupFailed(dns.rcode.to_text(code))
        try:
            answer, seconds = _read(response, question)
        except (dns.exception.DNSException, ValueError, AttributeError) as error:
            catalogue.DNS.add("broken")
            self._keep(key, "malformed", BROKEN)
            raise LookupFailed("malformed") from error
        catalogue.DNS.add("answered")
        self._keep(key, answer, seconds)
        return answer

    async def _ask(self, question: dns.message.QueryMessage) -> dns.message.Message:
        """The first answer of a server, in turn; each is asked twice. Raises the last one's error."""
        servers = self._in_turn()
        if not servers:
            raise LookupFailed("no name server")
        last: Exception = LookupFailed("unanswered")
        for address, port in servers * 2:
            try:
                response = await _ask_server(question, address, port)
            except (OSError, EOFError, dns.exception.DNSException) as error:
                last = error if not isinstance(error, EOFError) else LookupFailed("cut short")
                continue
            if response.rcode() in (dns.rcode.SERVFAIL, dns.rcode.REFUSED) and (address, port) != servers[-1]:
                continue
            if response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                self._answered = (address, port)
            return response
        raise last

    def _in_turn(self) -> list[tuple[str, int]]:
        """The servers, first the one that answered last."""
        if self._monotonic() >= self._servers_until:
            self._servers_until = self._monotonic() + SERVERS_SECONDS
            self._servers = self._read_servers()
        return sorted(self._servers, key=lambda one: one != self._answered)

    def _read_servers(self) -> list[tuple[str, int]]:
        chosen = [split_server(one) for one in self._settings.nameservers]
        if not chosen:
            try:
                system = dns.resolver.Resolver()
            except (dns.exception.DNSException, OSError):
                return []
            chosen = [(str(one), system.port) for one in system.nameservers[:3] if "://" not in str(one)]
        if len(chosen) > 1 and self._state is _Servers.UNKNOWN:
            random.shuffle(chosen)
        return chosen[:3]

    # ------------------------------------------------------------------ servers that are away

    def _unanswered(self) -> None:
        if self._state is _Servers.UNKNOWN:
            self._state = _Servers.AWAY
        self._look(now=self._state is _Servers.THERE or not self._next_look)

    def _look(self, *, now: bool = False) -> None:
        """See in the background whether the servers live, if it is time."""
        if (self._looking is None or self._looking.done()) and (now or self._monotonic() >= self._next_look):
            self._next_look = self._monotonic() + AWAY_SECONDS
            self._looking = asyncio.create_task(self._ask_for_root())

    async def _ask_for_root(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._ask(dns.message.make_query(dns.name.root, "NS", use_edns=True, payload=1232))
        except (TimeoutError, OSError, dns.exception.DNSException, LookupFailed):
            self._state = _Servers.AWAY
        else:
            self._state = _Servers.THERE

    # ------------------------------------------------------------------ what is kept

    def _keep(self, key: Key, answer: Answer | str, seconds: float) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._size -= old.size
        records: Sequence[str | bytes] = () if isinstance(answer, str) else answer.records
        size = 200 + len(key[0]) + sum(len(one) + 60 for one in records)
        self._kept[key] = _Kept(answer, self._monotonic() + seconds, size)
        self._size += size
        while len(self._kept) > CACHE_ENTRIES or self._size > CACHE_OCTETS:
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.size


def split_server(text: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353` as address and port."""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return address, int(port[1:] or 53)
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, int(port)
    return text, 53


async def _ask_server(question: dns.message.QueryMessage, address: str, port: int) -> dns.message.Message:
    """One server's answer. Raises OSError, EOFError, DNSException, LookupFailed."""
    try:
        return await dns.asyncquery.udp(
            question,
            address,
            timeout=TRY_SECONDS,
            port=port,
            ignore_unexpected=True,
            ignore_errors=True,
            raise_on_truncation=True,
        )
    except dns.message.Truncated:
        async with asyncio.timeout(TRY_SECONDS):
            return await ask_over_tcp(question, address, port)


async def ask_over_tcp(question: dns.message.QueryMessage, address: str, port: int) -> dns.message.Message:
    """Not dnspython's, which reads answers of any size on the event loop, a quarter of a second of records."""
    reader, writer = await asyncio.open_connection(address, port)
    try:
        wire = question.to_wire()
        writer.write(len(wire).to_bytes(2) + wire)
        size = int.from_bytes(await reader.readexactly(2))
        if size > MAX_ANSWER:
            raise LookupFailed("the answer is too large")
        answer = await reader.readexactly(size)
    finally:
        writer.close()
    if size <= QUICK_ANSWER:
        response = dns.message.from_wire(answer)
    else:
        response = await asyncio.to_thread(dns.message.from_wire, answer)
    if not question.is_response(response):
        raise LookupFailed("not an answer to the question")
    return response


def _question(key: Key) -> dns.message.QueryMessage | None:
    """None for what is no name."""
    try:
        name = dns.name.from_text(key[0], dns.name.root)
        return dns.message.make_query(name, key[1], use_edns=True, payload=1232)
    except (dns.exception.DNSException, UnicodeError, ValueError):
        return None


def _read(response: dns.message.Message, question: dns.message.QueryMessage) -> tuple[Answer, float]:
    """The records that answer the question, aliases followed, and how long they may be kept. Raises ValueError."""
    asked = question.question[0]
    name, kind = asked.name, asked.rdtype
    sets = {(one.name, one.rdtype): one for one in response.answer}
    seconds = LONGEST
    for _ in range(MAX_ALIASES):
        found = sets.get((name, kind))
        if found is not None:
            records = tuple(_record(one) for _, one in zip(range(MAX_RECORDS), found, strict=False))
            if sum(map(len, records)) > MAX_ANSWER:
                raise ValueError("the answer is too large")
            return Answer(records), min(max(min(seconds, found.ttl), SHORTEST), LONGEST)
        alias = sets.get((name, dns.rdatatype.CNAME))
        if alias is None:
            break
        seconds = min(seconds, alias.ttl)
        name = alias[0].target
    least = min((one.ttl for one in response.authority if one.rdtype == dns.rdatatype.SOA), default=NEGATIVE)
    missing = response.rcode() == dns.rcode.NXDOMAIN
    return Answer((), not missing), min(max(float(least), SHORTEST), NEGATIVE)


def _record(record: object) -> str | bytes:
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings)
    return str(record)
