"""Two hundred people browse at once: `python -m tests.webui.bench_crowd`.

    --users N      (default 200)
    --messages N   in each INBOX (default 200)
    --seconds S    of browsing, after everybody has logged in (default 60)
    --think S      mean seconds somebody looks at a page before the next one (default 5)

A fresh instance in a temporary folder, its workers on all cores, over loopback. Each person opens the inbox, reads
messages, turns pages, searches now and then, in the interface of her choice. Prints answers a second, the CPU of an
answer, and how long answers took by kind of page.
"""

import argparse
import asyncio
import random
import re
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import httpx

from tests.harness import DEMO_PASSWORD, Instance, children_of
from tests.webui.bench_browser import fill

MARK = re.compile(r'name="([a-z_]+)"\s+value="([^"]+)"')
MESSAGE = re.compile(r'href="(/[sm]/message/[^"]+)"')
OLDER = re.compile(r'href="([^"]+)"\s+rel="next"')


class Person:
    """A browser with somebody before it."""

    def __init__(self, base: str, login: str, interface: str, times: dict[str, list[float]]) -> None:
        self._client = httpx.AsyncClient(base_url=base, follow_redirects=True, timeout=30)
        self._login = login
        self._origin = base
        self._interface = interface
        self._base = "/m/" if interface == "complet" else "/s/"
        self._times = times
        self._chance = random.Random(login)

    async def enter(self) -> None:
        """Log in."""
        portal = await self._client.get("/")
        form = dict(MARK.findall(portal.text[portal.text.index('action="/connexion"') :]))
        form |= {"identifiant": self._login, "mot_de_passe": DEMO_PASSWORD, "interface": self._interface}
        answer = await self._client.post("/connexion", data=form, headers={"Origin": self._origin})
        assert answer.url.path.startswith(self._base), answer.url

    async def browse(self, until: float, think: float) -> None:
        """Look around, with pauses, until that moment (`time.monotonic`)."""
        await asyncio.sleep(self._chance.uniform(0, think))
        while time.monotonic() < until:
            inbox = await self._ask("inbox", self._base)
            for address in self._chance.sample(MESSAGE.findall(inbox), 2):
                await self._pause(think)
                await self._ask("message", address.replace("&amp;", "&"))
            await self._pause(think)
            older = OLDER.search(inbox)
            if older is not None:
                await self._ask("next page", older[1].replace("&amp;", "&"))
                await self._pause(think)
            if self._chance.random() < 0.2:
                await self._ask("search", f"{self._base}recherche?q=objet:conseil")
                await self._pause(think)

    async def _pause(self, think: float) -> None:
        await asyncio.sleep(self._chance.expovariate(1 / think))

    async def _ask(self, kind: str, address: str) -> str:
        began = time.perf_counter()
        answer = await self._client.get(address)
        self._times[kind].append(time.perf_counter() - began)
        assert answer.status_code == 200, (answer.status_code, address)
        return answer.text

    async def leave(self) -> None:
        """Close the browser."""
        await self._client.aclose()


def cpu(instance: Instance) -> float:
    """CPU seconds of the instance so far."""
    total = 0
    for pid in children_of(instance):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


async def crowd(instance: Instance, users: list[str], seconds: float, think: float) -> None:
    """Everybody logs in, then browses; prints what it took."""
    times: dict[str, list[float]] = defaultdict(list)
    base = f"http://127.0.0.1:{instance.ports['http']}"
    people = [Person(base, login, ("simple", "complet")[number % 2], times) for number, login in enumerate(users)]
    for person in people:
        await person.enter()
    spent = cpu(instance)
    until = time.monotonic() + seconds
    await asyncio.gather(*(person.browse(until, think) for person in people))
    spent = cpu(instance) - spent
    every = [one for some in times.values() for one in some]
    rate = len(every) / seconds
    print(f"{len(every)} answers, {rate:.1f} a second, {spent / len(every) * 1000:.1f} ms of CPU each")
    for kind, some in [*sorted(times.items()), ("all", every)]:
        centiles = statistics.quantiles(some, n=100)
        median, late, last = (centiles[place] * 1000 for place in (49, 94, 98))
        print(f"{kind:12}{len(some):7}  median {median:7.1f} ms  p95 {late:7.1f} ms  p99 {last:7.1f} ms")
    await asyncio.gather(*(person.leave() for person in people))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--think", type=float, default=5)
    given = parser.parse_args()
    logins = [f"banc{number}" for number in range(given.users)]
    with tempfile.TemporaryDirectory(prefix="mailserver-crowd-") as folder:
        instance = Instance(Path(folder) / "var")
        instance.init()
        rows = [f"Banc,{login},1980-01-01,teacher,,,,,{login},{DEMO_PASSWORD}" for login in logins]
        header = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password"
        (Path(folder) / "people.csv").write_text("\n".join([header, *rows, ""]))
        instance.command("import", "DIR", Path(folder) / "people.csv", "--accept-passwords")
        instance.start()
        try:
            for login in logins:
                fill(f"127.0.0.1:{instance.ports['imap']}", login, DEMO_PASSWORD, given.messages)
            asyncio.run(crowd(instance, logins, given.seconds, given.think))
        finally:
            instance.stop()


if __name__ == "__main__":
    main()
