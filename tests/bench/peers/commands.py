"""What mail programs ask of a mailbox of ten thousand messages."""

import random
import re
from collections.abc import Callable, Sequence
from functools import partial

from tests.bench.peers.imap import Connection
from tests.bench.peers.letters import ABSENT, BODY_EVERY, BODY_WORD, SUBJECT_EVERY, SUBJECT_WORD, letter
from tests.bench.peers.measuring import Figure, Measure, Meter, repeated

OWNER = "u099"
BOX = b"Bench"
SIZE = 9 * 1024
TOGETHER = 50
"""APPENDs that are sent before the first is answered."""
SINGLE = 200
MEASURES = (
    Measure("append", "APPEND, 50 d’avance", "APPEND, 50 ahead", is_rate=True),
    Measure("select", "SELECT", "SELECT"),
    Measure("flags", "FETCH 1:* (UID FLAGS)", "FETCH 1:* (UID FLAGS)"),
    Measure("envelope", "FETCH 1:* (ENVELOPE BODYSTRUCTURE)", "FETCH 1:* (ENVELOPE BODYSTRUCTURE)"),
    Measure("single", f"FETCH BODY[], {SINGLE} fois", f"FETCH BODY[], {SINGLE} times"),
    Measure("subject", "SEARCH SUBJECT", "SEARCH SUBJECT"),
    Measure("body", "SEARCH BODY, mot rare", "SEARCH BODY, a rare word"),
    Measure("absent", "SEARCH BODY, mot absent", "SEARCH BODY, an absent word"),
    Measure("sort", "SORT (REVERSE DATE)", "SORT (REVERSE DATE)"),
    Measure("thread", "THREAD REFERENCES", "THREAD REFERENCES"),
    Measure("store", "STORE 1:* +FLAGS", "STORE 1:* +FLAGS"),
    Measure("copy", "COPY 1:*", "COPY 1:*"),
    Measure("expunge", "EXPUNGE de 1:*", "EXPUNGE of 1:*"),
)
"""By the clock, of a mailbox of ten thousand messages unless it is said otherwise."""
_FETCHED = re.compile(rb"(?m)^\* \d+ FETCH ")
_FOUND = re.compile(rb"(?m)^\* (?:SEARCH|SORT)([ \d]*)")


async def measure(port: int, roots: Sequence[int], count: int) -> dict[str, Figure]:
    """All of them, with a mailbox of so many messages. Raises Refused, AssertionError where an answer is wrong."""
    one = await Connection.open(port, OWNER)
    found = {"append": await _filled(one, roots, count)}
    found["select"] = await repeated(roots, partial(one.command, b"SELECT " + BOX), lambda answer: b"EXISTS" in answer)
    found.update(await _read(one, roots, count))
    found.update(await _searched(one, roots, count))
    found.update(await _changed(one, roots, count))
    await one.close()
    return found


async def _filled(one: Connection, roots: Sequence[int], count: int) -> Figure:
    for name in (BOX, b"Other"):
        if b"LIST (" in await one.command(b'LIST "" ' + name):
            await one.command(b"DELETE " + name)
    await one.command(b"CREATE " + BOX)
    messages = [letter(number, SIZE) for number in range(count)]
    meter = Meter(roots)
    for start in range(0, count, TOGETHER):
        await one.append(BOX, messages[start : start + TOGETHER])
    figure = await meter.whole_rate(count)
    assert await one.count(BOX) == count
    return figure


async def _read(one: Connection, roots: Sequence[int], count: int) -> dict[str, Figure]:
    def all_fetched(answer: bytes) -> bool:
        return len(_FETCHED.findall(answer)) == count

    dice = random.Random(5)

    async def singles() -> bytes:
        answers = [await one.command(b"FETCH %d (UID BODY.PEEK[])" % dice.randint(1, count)) for _ in range(SINGLE)]
        return b"".join(answers)

    everything = b"FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"
    return {
        "flags": await repeated(roots, partial(one.command, b"FETCH 1:* (UID FLAGS)"), all_fetched),
        "envelope": await repeated(roots, partial(one.command, everything), all_fetched),
        "single": await repeated(roots, singles, lambda answer: len(_FETCHED.findall(answer)) == SINGLE),
    }


async def _searched(one: Connection, roots: Sequence[int], count: int) -> dict[str, Figure]:
    def finds(wanted: int) -> Callable[[bytes], bool]:
        def check(answer: bytes) -> bool:
            found = _FOUND.search(answer)
            return found is not None and len(found[1].split()) == wanted

        return check

    def threads(answer: bytes) -> bool:
        return len(re.findall(rb"\d+", answer.partition(b"* THREAD")[2].partition(b"\r\n")[0])) == count

    asked = {
        "subject": (b"SEARCH SUBJECT " + SUBJECT_WORD, finds(-(-count // SUBJECT_EVERY))),
        "body": (b"SEARCH BODY " + BODY_WORD, finds(-(-count // BODY_EVERY))),
        "absent": (b"SEARCH BODY " + ABSENT, finds(0)),
        "sort": (b"SORT (REVERSE DATE) UTF-8 ALL", finds(count)),
        "thread": (b"THREAD REFERENCES UTF-8 ALL", threads),
    }
    return {name: await repeated(roots, partial(one.command, words), check) for name, (words, check) in asked.items()}


async def _changed(one: Connection, roots: Sequence[int], count: int) -> dict[str, Figure]:
    """Every message gets a flag, is copied, and its copy goes for good."""
    await one.command(b"CREATE Other")
    figures = {}
    meter = Meter(roots)
    await one.command(b"STORE 1:* +FLAGS (\\Flagged)")
    figures["store"] = Figure(1000 * meter.seconds, 1000 * meter.cpu)
    meter = Meter(roots)
    await one.command(b"COPY 1:* Other")
    figures["copy"] = Figure(1000 * meter.seconds, 1000 * meter.cpu)
    assert await one.count(b"Other") == count
    await one.command(b"SELECT Other")
    await one.command(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    meter = Meter(roots)
    await one.command(b"EXPUNGE")
    figures["expunge"] = Figure(1000 * meter.seconds, 1000 * meter.cpu)
    assert await one.count(b"Other") == 0
    return figures
