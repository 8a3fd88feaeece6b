"""How late the event loop is while a report over a full collection is answered.

    python -m tests.agenda.bench_report [ITEMS]

The server runs as in production: uvloop, the switch interval of `mailserver.runtime.app`, two heavy threads. The
client is another process, so that its own work does not count.
"""

import asyncio
import gc
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from agenda import application
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.clock import SystemClock
from mailserver.model.identity import State
from mailserver.runtime.app import HEAVY_THREADS, SWITCH_INTERVAL
from mailserver.store.account import accounts
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.engine.transactions import Store, Tx
from tests.agenda.conftest import PASSWORD, Logins, event, person
from tests.schema import create_schema

TICK = 0.001
QUERY = (
    '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/><C:calendar-data/>'
    '</D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{inner}</C:comp-filter>'
    "</C:comp-filter></C:filter></C:calendar-query>"
)
TEXT_MATCH = '<C:prop-filter name="SUMMARY"><C:text-match>Cours 77</C:text-match></C:prop-filter>'
RANGE = '<C:time-range start="20260901T000000Z" end="20260930T000000Z"/>'


def fill(tx: Tx, account_id: int, count: int) -> None:
    """A collection of events spread over ten years, every tenth recurring."""
    held = agendas.find(tx, account_id, "agenda")
    assert held is not None
    items = []
    for number in range(count):
        starts = 1_700_000_000 + number * 30_000
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(starts))
        ends = starts + 3600
        more = f"DESCRIPTION:{'Salle, matériel et devoirs. ' * 8}\n"
        if number % 10 == 0:
            more += "RRULE:FREQ=WEEKLY;COUNT=30\n"
            ends += 30 * 7 * 86400
        text = event(f"u{number}", f"Cours {number}", stamp, stamp, more)
        items.append(NewItem(f"{number}.ics", f"u{number}", f"e{number}", "VCALENDAR", "VEVENT", starts, ends, text))
    agenda_items.replace(tx, account_id, held.id, held.props, items)


async def lateness(until: "asyncio.Event") -> list[float]:
    """How much later than asked the loop comes back, again and again."""
    late = []
    while not until.is_set():
        asked = time.perf_counter()
        await asyncio.sleep(TICK)
        late.append(time.perf_counter() - asked - TICK)
    return late


async def measure(name: str, port: int, method: str, path: str, body: str) -> None:
    """One request by curl, and what the loop felt."""
    done = asyncio.Event()
    watcher = asyncio.ensure_future(lateness(done))
    began = time.perf_counter()
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download}", "-u", f"edupont:{PASSWORD}"]
    command += ["-X", method, "-H", "Depth: 1", "--data-binary", "@-", f"http://127.0.0.1:{port}{path}"]
    process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = await process.communicate(body.encode())
    seconds = time.perf_counter() - began
    done.set()
    late = sorted(await watcher)
    status, size = out.decode().split()
    print(
        f"{name:24} {status} {int(size) / 1e6:6.1f} MB {seconds:6.2f} s   loop late: median "
        f"{late[len(late) // 2] * 1000:5.2f} ms, p99 {late[int(len(late) * 0.99)] * 1000:6.2f} ms, "
        f"worst {late[-1] * 1000:6.2f} ms"
    )


async def main(count: int, folder: Path) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(HEAVY_THREADS))
    create_schema(f"sqlite:///{folder / 'mail.db'}", folder)
    store = Store(f"sqlite:///{folder / 'mail.db'}", folder, SystemClock(), Changes())
    logins: Any = Logins()
    account_id = await store.write(accounts.create, "edupont", State.ACTIVE)
    await store.write(agendas.provision, account_id)
    await store.write(fill, account_id, count)
    logins.add(person(account_id, "edupont", "emilie.dupont@ac-exemple.fr"))
    settings = Settings(domain="ac-exemple.fr", directory=folder)
    app = application.create(settings=settings, store=store, login=logins)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none", access_log=False))
    serving = asyncio.ensure_future(server.serve([listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    agenda = "/dav/edupont/agenda/"
    sync = '<D:sync-collection xmlns:D="DAV:"><D:sync-token/><D:prop><D:getetag/></D:prop></D:sync-collection>'
    listing = '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><D:resourcetype/></D:prop></D:propfind>'
    await measure("nothing", port, "OPTIONS", agenda, "")
    await measure("one month", port, "REPORT", agenda, QUERY.format(inner=RANGE))
    await measure("every event", port, "REPORT", agenda, QUERY.format(inner=""))
    await measure("every event, by text", port, "REPORT", agenda, QUERY.format(inner=TEXT_MATCH))
    await measure("first sync", port, "REPORT", agenda, sync)
    await measure("listing of ETags", port, "PROPFIND", agenda, listing)
    await measure("download", port, "GET", agenda, "")
    parts = [event(f"w{number}", f"Cours {number}").split("VEVENT")[1] for number in range(count)]
    whole = "".join(f"BEGIN:VEVENT{part}VEVENT\r\n" for part in parts)
    calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//\r\n{whole}END:VCALENDAR\r\n"
    await measure("upload of a calendar", port, "PUT", agenda, calendar)
    server.should_exit = True
    await serving
    store.close()


if __name__ == "__main__":
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as mailserver.runtime.app does
    with tempfile.TemporaryDirectory() as temporary:
        uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, Path(temporary)))
