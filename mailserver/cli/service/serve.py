"""`mailserver serve`: every door, on as many workers as there are cores."""

import os
import sys
from typing import Annotated

import typer

from mailserver.cli.shared import InstanceDir, fail, settings_of
from mailserver.foundation.host_processes import INDEXER, RELAY, WORKER, relays_beside
from mailserver.foundation.instance_lock import is_served
from mailserver.foundation.network import ports
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.structured_logs import log_streams, logs
from mailserver.foundation.tls import read_pair
from mailserver.model.errors import Temporary
from mailserver.operations.health.instance import open_database
from mailserver.runtime import app, doors, handover, workers
from mailserver.runtime.apart import run_apart
from mailserver.runtime.processes import Work
from mailserver.texts.command_line import _, of_error


def serve(
    directory: InstanceDir,
    count: Annotated[
        int, typer.Option("--workers", min=0, max=64, help=_("Processus qui servent ; 0 : un par cœur."))
    ] = 0,
) -> None:
    """Open every door and serve until Ctrl-C."""
    settings = settings_of(directory)
    log_streams.be_patient()
    logs.configure(settings.log, settings.directory, settings.name)
    again = handover.command("serve", directory.absolute(), "--workers", count)
    inheritance: handover.Inheritance | None = None
    try:
        inheritance = handover.inherited()
        supervisor = workers.Supervisor(settings, works(settings, count), again, inheritance)
        supervisor.heed_signals()
        # Who is one too many changes nothing under the one that serves, before the lock refuses it.
        beside_others = inheritance is not None or is_served(settings.directory)
        if settings.octets.is_bucket:
            run_apart(preflight, settings, beside_others=beside_others)
        else:
            preflight(settings, beside_others=beside_others)
        doors.load()
        raise typer.Exit(supervisor.run(lambda: announce(settings)))
    except (ports.CannotServe, SettingsError, Temporary) as problem:
        why = of_error(problem)
    except OSError as error:
        why = f"{error.filename or settings.directory}: {error.strerror}"
    if inheritance is not None:
        inheritance.refuse(why)
    fail(why)


def works(settings: Settings, count: int) -> list[Work]:
    """What the processes do: so many serve (0: one for each core, or what the settings say), one indexes, and one or
    two send what leaves."""
    count = count or settings.workers or len(os.sched_getaffinity(0))
    return [
        *[Work(WORKER, app.run_worker)] * count,
        Work(INDEXER, app.run_indexer, accepts=False, lingers=False),
        *[Work(RELAY, app.run_relay, accepts=False)] * relays_beside(count),
    ]


def preflight(settings: Settings, *, beside_others: bool) -> None:
    """Find what would stop every worker, and bring the database up to date.

    Raises SettingsError, Temporary (NotThere: the database is missing, or another instance's), OSError that says which
    file.
    """
    settings.secret("hmac")
    read_pair(settings.certificate, settings.private_key)
    open_database(settings, beside_others=beside_others)


def announce(settings: Settings) -> None:
    """Say where each door is."""
    listen = settings.listen
    lines = [f"mailserver: {settings.domain} is served from {settings.directory}"]
    for name, port in ports.ports(listen).items():
        lines.append(f"  {name:<12} {'127.0.0.1' if name == 'http' else listen.address}:{port}")
    lines.append(f"Web: http://127.0.0.1:{listen.http}/ — Ctrl-C stops.")
    print("\n".join(lines), flush=True)
    sys.stdout.flush()
