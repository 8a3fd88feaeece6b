"""Processes that die, stop or hang are replaced; those that are slow, or paused with the whole machine, are not."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailserver.runtime import watchdog
from mailserver.runtime.watchdog import LOOK_SECONDS, SILENT_SECONDS, START_SECONDS, STOPPED_SECONDS, Watchdog, state_of
from tests.harness import Instance, children_of, workers_of
from tests.waiting import until

NOTICED_SECONDS = 10.0


@pytest.fixture
def served(fresh: Callable[..., Instance]) -> Instance:
    instance = fresh("--demo")
    instance.start("--workers", "2")
    return instance


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["mail-worker", "mail-relay", "mail-indexer"])
def test_a_stopped_process_is_replaced(served: Instance, kind: str) -> None:
    before = set(children_of(served))
    frozen = next(pid for pid in before if Path(f"/proc/{pid}/comm").read_text().strip() == kind)
    os.kill(frozen, signal.SIGSTOP)
    since = time.monotonic()
    until(lambda: frozen not in children_of(served))
    assert time.monotonic() - since < NOTICED_SECONDS
    until(lambda: len(children_of(served)) == len(before))
    assert set(children_of(served)) > before - {frozen}, "the others were left alone"
    assert re.search(rf"{kind} \d is stopped, it is ended", served.log_text())
    for _ in range(8):
        assert served.imap("edupont").logout()[0] == "BYE"


def test_a_stopped_process_that_goes_on_is_left_alone(served: Instance) -> None:
    before = children_of(served)
    for _ in range(3):
        os.kill(before[0], signal.SIGSTOP)
        until(lambda: state_of(before[0]) == "T")
        os.kill(before[0], signal.SIGCONT)
    # Whatever the supervisor would do about the first has been done once it replaced the second.
    os.kill(before[1], signal.SIGSTOP)
    until(lambda: before[1] not in children_of(served))
    assert before[0] in children_of(served)


def test_a_supervisor_that_was_stopped_ends_nobody(served: Instance) -> None:
    """A closed lid, a paused machine: everything stops for long, and goes on."""
    everybody = children_of(served)
    for pid in (served.pid, *everybody):
        os.kill(pid, signal.SIGSTOP)
    until(lambda: all(state_of(pid) == "T" for pid in (served.pid, *everybody)))
    time.sleep(STOPPED_SECONDS + 2)  # it is the length of the pause that must not matter
    for pid in (served.pid, *everybody):
        os.kill(pid, signal.SIGCONT)
    assert served.imap("edupont").logout()[0] == "BYE"
    os.kill(served.pid, signal.SIGHUP)
    until(lambda: "settings reloaded" in served.log_text())
    assert children_of(served) == everybody


def test_workers_that_cannot_live_are_started_ever_more_slowly(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    instance.start("--workers", "1")
    for _ in range(3):
        (pid,) = workers_of(instance)
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: workers_of(instance) not in ([], [pid]))  # type: ignore[misc]
    waits = re.findall(r"mail-worker 0 ended \(-9\), starting another(?: in (\d+) s)?", instance.log_text())
    assert waits in (["1", "2", "4"], ["", "1", "2"]), "the first had lived for long, or not"


# ---------------------------------------------------------------------- the judgement alone, with a clock of its own


class Sleeper:
    """A process of the state that is asked for."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])

    def __enter__(self) -> int:
        until(lambda: state_of(self.process.pid) == "S")
        return self.process.pid

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def given_up(
    dog: Watchdog, pid: int, seconds: float, begin: float = 0.0, beat: Callable[[], None] | None = None
) -> str:
    """What becomes of a process within so many seconds of looking."""
    for step in range(1, round(seconds / LOOK_SECONDS) + 1):
        if beat is not None:
            beat()
        for found, why in dog.look({pid: 0}, begin + step * LOOK_SECONDS):
            assert found == pid
            return why
    return ""


def test_what_is_silent_is_given_up_late_and_once() -> None:
    with Sleeper() as pid:
        dog = Watchdog(1)
        dog.begin(0)
        heart = dog.heartbeat(0)
        assert given_up(dog, pid, 10 * SILENT_SECONDS, beat=heart.beat) == ""
        assert given_up(dog, pid, SILENT_SECONDS - 2, 10_000) == ""
        assert given_up(dog, pid, 4, 20_000) == "does not answer"
        assert given_up(dog, pid, 1000, 30_000) == ""
        dog.begin(0)
        assert given_up(dog, pid, START_SECONDS - 2, 40_000) == "", "one that starts has longer"
        assert given_up(dog, pid, 4, 50_000) == "does not answer"
        dog.close()


def test_a_pause_of_the_supervisor_counts_for_nothing() -> None:
    with Sleeper() as pid:
        dog = Watchdog(1)
        dog.begin(0)
        dog.heartbeat(0).beat()
        for pause in range(1, 20):
            assert list(dog.look({pid: 0}, pause * 3600.0)) == []
        dog.close()


def test_who_waits_for_a_disk_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "state_of", lambda _pid: "D")
    dog = Watchdog(1)
    dog.begin(0)
    assert given_up(dog, 1, 10 * START_SECONDS) == ""
    dog.close()


def test_a_process_that_is_gone_or_has_an_odd_name_is_read(tmp_path: Path) -> None:
    name = tmp_path / "a) S (b"
    name.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(name), "100"])
    until(lambda: state_of(process.pid) == "S")
    os.kill(process.pid, signal.SIGSTOP)
    until(lambda: state_of(process.pid) == "T")
    process.kill()
    process.wait()
    assert state_of(process.pid) == ""
