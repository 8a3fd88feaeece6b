"""Many at once: mail comes in, people log in, and they read, search and flag while mail comes in."""

import asyncio
import itertools
import random
import time
from collections.abc import Sequence

from tests.bench.incoming import client
from tests.bench.incoming.client import Mailboxes
from tests.bench.incoming.mail import Letter
from tests.bench.incoming.people import LOGINS, address
from tests.bench.peers.imap import Connection
from tests.bench.peers.letters import BODY_WORD, SUBJECT_WORD, letter
from tests.bench.peers.measuring import Figure, Measure, Meter

SMALL, LARGE = 4 * 1024, 100 * 1024
READERS = 40
MAILBOX = 300
"""Messages of the mailbox that a reader works in."""
A_SECOND = 20
"""Messages that come in meanwhile."""
CLIENTS = 20
"""Who log in again and again."""
MEASURES = (
    Measure("small", "réception, 4 Kio", "taking mail in, 4 KiB", is_rate=True),
    Measure("large", "réception, 100 Kio", "taking mail in, 100 KiB", is_rate=True),
    Measure("logins", "connexions avec SELECT", "logins with SELECT", is_rate=True),
    Measure("mixed", "40 programmes au travail, opérations", "40 programs at work, operations", is_rate=True),
    Measure(
        "searching",
        "40 programmes, dont 2 % cherchent dans les textes",
        "40 programs, of which 2 % search texts",
        is_rate=True,
    ),
)
Kinds = tuple[tuple[str, int], ...]
WORK: Kinds = (("list", 30), ("select", 20), ("body", 20), ("store", 15), ("subject", 8), ("noop", 7))
"""What a program does, and how often."""
SEARCHING: Kinds = (*WORK[:-1], ("text", 2), ("noop", 5))


async def ingest(smtp: int, imap: int, roots: Sequence[int], first: int, count: int, size: int) -> Figure:
    """Messages a second, until each of them can be read."""
    some = [_mail(first + number, size) for number in range(count)]
    boxes = Mailboxes()
    await boxes.open(imap)
    wanted = dict(await boxes.totals())
    for one in some:
        wanted[one.recipient.partition("@")[0]] += 1
    meter = Meter(roots)
    await client.send(smtp, some)
    await boxes.wait_for(wanted)
    figure = await meter.whole_rate(count)
    boxes.close()
    return figure


async def logins(imap: int, roots: Sequence[int], seconds: float) -> Figure:
    """Connect, log in, open INBOX, log out."""
    turns = itertools.count()
    meter, done = Meter(roots), 0

    async def work() -> None:
        nonlocal done
        while meter.seconds < seconds:
            one = await Connection.open(imap, LOGINS[next(turns) % len(LOGINS)])
            await one.command(b"SELECT INBOX")
            await one.close()
            done += 1

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    return meter.rate(done)


async def mixed(smtp: int, imap: int, roots: Sequence[int], first: int, seconds: float, kinds: Kinds = WORK) -> Figure:
    """Operations of IMAP a second, each reader as fast as it is answered."""
    readers = [await _reader(imap, login) for login in LOGINS[:READERS]]
    mail = [_mail(first + number, SMALL) for number in range(int(seconds * A_SECOND))]
    meter, done = Meter(roots), 0

    async def work(number: int) -> None:
        nonlocal done
        dice, one = random.Random(first + number), readers[number]
        names, weights = zip(*kinds, strict=True)
        while meter.seconds < seconds:
            await _step(one, dice.choices(names, weights)[0], dice)
            done += 1

    sending = asyncio.create_task(_send_slowly(smtp, mail, time.perf_counter()))
    await asyncio.gather(*(work(number) for number in range(READERS)))
    figure = meter.rate(done)
    await sending
    await asyncio.gather(*(one.close() for one in readers))
    return figure


async def _reader(imap: int, login: str) -> Connection:
    """With a mailbox to work in, made once."""
    one = await Connection.open(imap, login)
    if b"Mixed" not in await one.command(b'LIST "" Mixed'):
        await one.command(b"CREATE Mixed")
        await one.append(b"Mixed", [letter(number, 2 * SMALL) for number in range(MAILBOX)])
    await one.command(b"SELECT Mixed")
    return one


async def _step(one: Connection, name: str, dice: random.Random) -> None:
    at = dice.randint(1, MAILBOX - 50)
    words = {
        "list": b"FETCH %d:%d (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)" % (at, at + 49),
        "select": b"SELECT INBOX",
        "body": b"FETCH %d (UID BODY.PEEK[])" % at,
        "store": b"STORE %d %cFLAGS (\\Seen)" % (at, dice.choice(b"+-")),
        "subject": b"SEARCH SUBJECT " + SUBJECT_WORD,
        "text": b"SEARCH TEXT " + BODY_WORD,
        "noop": b"NOOP",
    }
    await one.command(words[name])
    if name == "select":
        await one.command(b"SELECT Mixed")


async def _send_slowly(smtp: int, mail: Sequence[Letter], began: float) -> None:
    """So many a second, five at a time."""
    for start in range(0, len(mail), 5):
        await asyncio.sleep(max(0.0, began + start / A_SECOND - time.perf_counter()))
        await client.send(smtp, mail[start : start + 5])


def _mail(number: int, size: int) -> Letter:
    login = LOGINS[number % len(LOGINS)]
    return Letter("anne@exemple.fr", address(login), "", letter(number, size))
