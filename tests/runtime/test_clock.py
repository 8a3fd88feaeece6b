"""A clock that is set wrong while the service runs, as a time server sets it: nothing is erased or sent."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.harness import Instance, environment, run_command
from tests.hatchery import ROOT
from tests.operations.health.test_damage import state_of
from tests.waiting import PATIENCE, until

DAY = 86400
SETTER = """
import os, time
_now, _file = time.time, os.environ["CLOCK_FILE"]
def _set():
    with open(_file) as file:
        return _now() + float(file.read() or 0)
time.time = _set
"""
"""Read by Python before the program: a file says how far the wall clock is from the real one; the other runs on."""


@contextmanager
def served(instance: Instance, folder: Path) -> Iterator[Callable[[float], None]]:
    """The instance, served by a process of its own whose wall clock the test sets."""
    (folder / "sitecustomize.py").write_text(SETTER)
    file = folder / "clock"
    file.write_text("0")

    def put(ahead: float) -> None:
        fresh = folder / "fresh"
        fresh.write_text(str(ahead))
        fresh.replace(file)

    given = environment()
    given |= {"CLOCK_FILE": str(file), "PYTHONPATH": os.pathsep.join((str(folder), given["PYTHONPATH"]))}
    with open(instance.log, "ab") as log, open(folder / "out", "wb") as out:
        command = [sys.executable, "-m", "mailserver", "serve", str(instance.directory), "--workers", "2"]
        process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=out, stderr=log)
    try:
        until(lambda: "Ctrl-C" in (folder / "out").read_text())
        yield put
    finally:
        process.terminate()
        process.wait(PATIENCE)


def rows(instance: Instance, question: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db", timeout=60)) as database:
        return database.execute(question).fetchall()


STATES = "SELECT count(*), sum(close_notice), sum(erase_at > 0), sum(welcome_due) FROM account"
KEPT = "SELECT (SELECT min(id) FROM audit), (SELECT count(*) FROM account), (SELECT count(*) FROM content)"


def test_a_clock_that_jumps_for_a_minute(fresh: Callable[..., Instance], tmp_path: Path) -> None:
    """400 days ahead: a closing that was planned is not carried out, nobody is told of anything, no audit row goes."""
    instance = fresh("--demo")
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() + 60 * DAY))
    instance.command("account", "close", "DIR", "edupont", "--at", day)
    with served(instance, tmp_path) as put:
        until(lambda: rows(instance, "SELECT trusted FROM upkeep"))
        before = rows(instance, STATES), rows(instance, KEPT)
        for ahead in (400 * DAY, -400 * DAY):
            put(ahead)
            until(lambda: rows(instance, "SELECT 1 FROM upkeep WHERE suspect > 0"))
            looked = instance.log_text().count("the clock jumped")
            assert looked
            put(0)
            until(lambda: rows(instance, "SELECT 1 FROM upkeep WHERE suspect = 0"))
            assert (rows(instance, STATES), rows(instance, KEPT)) == before


def test_a_service_that_was_off_for_weeks_waits_for_a_day(fresh: Callable[..., Instance], tmp_path: Path) -> None:
    """`check` and the page of the state say so, and an operator's word ends it: then what was planned is done."""
    instance = fresh("--demo")
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() + 10 * DAY))
    instance.command("account", "close", "DIR", "edupont", "--at", day)
    instance.start("--workers", "1")
    until(lambda: rows(instance, "SELECT trusted FROM upkeep"))
    instance.stop()
    closed = "SELECT count(*) FROM account WHERE state = 'closed'"
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database:
        # As if that had been three weeks ago, and the day of the closing with it.
        database.execute("UPDATE upkeep SET trusted = trusted - 21 * 86400")
        database.execute("UPDATE account SET close_at = close_at - 21 * 86400 WHERE close_at > 0")
        database.commit()
    with served(instance, tmp_path):
        until(lambda: rows(instance, "SELECT 1 FROM upkeep WHERE suspect > 0"))
        assert rows(instance, closed) == [(0,)]
        told = run_command("check", instance.directory, "--no-dns", check=False).stdout
        assert "the clock jumped: upkeep waits" in told
        status, text = state_of(instance)
        assert status == 200
        assert "attend une décision" in text
        instance.command("storage", "believe-clock", "DIR")
        until(lambda: rows(instance, closed) == [(1,)])
