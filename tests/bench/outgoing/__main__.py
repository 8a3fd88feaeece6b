"""How fast an outgoing queue empties, and what it costs: ours beside Postfix.

python -m tests.bench.outgoing [--messages 20000] [--domains 500] [--rounds 3] [--before CHECKOUT]... [--ours] [--sign]

Some of the domains are slow, put off or refuse everything, are dead, or swallow what is sent to them. The queue is full
before the clock starts. Meanwhile small messages come from outside. Neither side signs, or with `--sign` both: ours
when a message leaves, Postfix when it comes (OpenDKIM), and what that cost before the clock started is part of its CPU.
"""

import argparse
import asyncio
import contextlib
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.bench.incoming import processes
from tests.bench.outgoing.destinations import DELIVERABLE, Domain, Kind, domains, letters
from tests.bench.outgoing.ours import OurQueue
from tests.bench.outgoing.probe import Probe
from tests.bench.outgoing.sink import Sink
from tests.bench.outgoing.theirs import TheirQueue, missing

MOST_SECONDS = 900
POLL_SECONDS = 0.05
REST_SECONDS = 45
"""The most to wait until nothing is left to do: a connection that gets no answer is given up after 30 seconds."""
IDLE_SECONDS = 10
"""For what comes from outside before the queue may go."""
DEAD_PORT = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of one side."""

    seconds: float
    """Until the last message that can be delivered is, and the last refusal is heard."""
    cpu: float
    """Seconds of processor of all processes, until they are quiet again, and of signatures made before."""
    idle: tuple[float, float]
    meanwhile: tuple[float, float]
    """Of a message that comes: the median and the 99th percentile in milliseconds."""
    twice: int
    connections: int
    most: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--domains", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", type=Path, action="append", default=[], help="a further checkout of ours")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    parser.add_argument("--ours", action="store_true", help="this service alone")
    parser.add_argument("--sign", action="store_true", help="with signatures (DKIM) on both sides")
    parser.add_argument("--keep", action="store_true", help="leave the folder for a look")
    chosen = parser.parse_args()
    problem = "" if chosen.ours else missing(sign=chosen.sign)
    if problem:
        print(problem)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    places = domains(chosen.domains)
    folder = Path(tempfile.mkdtemp(prefix="outgoing-", dir=chosen.folder))
    folder.chmod(0o755)
    sink = Sink()
    told: dict[str, list[Measured]] = {}
    try:
        for number in range(chosen.rounds):
            sides = _sides(folder / str(number), chosen)
            for name in reversed(list(sides)) if number % 2 else list(sides):
                one = _round(sides[name], sink, places, chosen.messages)
                told.setdefault(name, []).append(one)
                print(f"  {number + 1} {name:20} {one}", file=sys.stderr, flush=True)
    finally:
        sink.stop()
        if not chosen.keep:
            shutil.rmtree(folder)
    _report(told, places, chosen)
    return 1 if any(one.twice for some in told.values() for one in some) else 0


def _sides(folder: Path, chosen: argparse.Namespace) -> dict[str, OurQueue | TheirQueue]:
    folder.mkdir()
    sides: dict[str, OurQueue | TheirQueue] = {"ours": OurQueue(folder / "ours", sign=chosen.sign)}
    if not chosen.ours:
        sides["theirs"] = TheirQueue(folder / "theirs", sign=chosen.sign)
    for number, checkout in enumerate(chosen.before):
        sides[f"before: {checkout.name}"] = OurQueue(folder / f"before-{number}", checkout, sign=chosen.sign)
    return sides


def _ways(places: list[Domain], sink: Sink) -> dict[Domain, str]:
    ports = {Kind.DEAD: DEAD_PORT, Kind.SILENT: sink.silent_port}
    return {one: f"{one.address}:{ports.get(one.kind, sink.port)}" for one in places}


def _round(side: OurQueue | TheirQueue, sink: Sink, places: list[Domain], count: int) -> Measured:
    sink.forget()
    try:
        side.prepare(_ways(places, sink), letters(places, count))
        side.start()
        processes.wait_until_quiet(side.roots, REST_SECONDS)
        return uvloop.run(_drain(side, sink, places, count))
    finally:
        side.stop()


async def _drain(side: OurQueue | TheirQueue, sink: Sink, places: list[Domain], count: int) -> Measured:
    kinds = Counter(places[number % len(places)].kind for number in range(count))
    wanted = sum(kinds[kind] for kind in DELIVERABLE), kinds[Kind.REFUSING]
    idle = await _latency(side.smtp, asyncio.sleep(IDLE_SECONDS))
    before = processes.cpu(side.roots).total()
    began = time.perf_counter()
    await asyncio.to_thread(side.release)
    meanwhile = await _latency(side.smtp, _until_sent(sink, wanted))
    seconds = time.perf_counter() - began
    await asyncio.to_thread(processes.wait_until_quiet, side.roots, REST_SECONDS)
    spent = processes.cpu(side.roots).total() - before
    _, _, twice, connections, most = sink.figures()
    return Measured(seconds, spent + side.signing_cpu, idle, meanwhile, twice, connections, most)


async def _latency(port: int, work: Awaitable[None]) -> tuple[float, float]:
    """What a message from outside takes while something else goes on."""
    probe = Probe(port)
    asking = asyncio.create_task(probe.run())
    await work
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    return probe.percentile(0.5), probe.percentile(0.99)


async def _until_sent(sink: Sink, wanted: tuple[int, int]) -> None:
    async with asyncio.timeout(MOST_SECONDS):
        while sink.figures()[:2] != wanted:
            await asyncio.sleep(POLL_SECONDS)


def _report(told: dict[str, list[Measured]], places: list[Domain], chosen: argparse.Namespace) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(one.kind for one in places).items())
    signed = "signed" if chosen.sign else "not signed"
    print(f"{chosen.messages} messages, {signed}, to {len(places)} domains ({kinds}), medians of {chosen.rounds}")
    for name, some in told.items():
        middle = statistics.median
        print(
            f"  {name:24} {middle(one.seconds for one in some):7.1f} s, CPU {middle(one.cpu for one in some):7.1f} s, "
            f"a message that comes {middle(one.meanwhile[0] for one in some):.1f} ms (p99 "
            f"{middle(one.meanwhile[1] for one in some):.1f}), with nothing to send "
            f"{middle(one.idle[0] for one in some):.1f} ({middle(one.idle[1] for one in some):.1f}); "
            f"connections {middle(one.connections for one in some):.0f}, at once {middle(one.most for one in some):.0f}"
            f", twice {sum(one.twice for one in some)}"
        )


if __name__ == "__main__":
    sys.exit(main())
