"""Log lines: what a peer says stays within its line, one identifier along a message's way, and where lines go."""

import contextvars
import json
import os
import re
import socket
import string
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Log
from mailserver.foundation.structured_logs import log_lines, log_targets, logs
from mailserver.foundation.structured_logs.log_targets import File, Journal, Syslog
from tests.figures import value
from tests.waiting import PATIENCE

HEAD = {"timestamp": "2026-11-29T14:00:00.000000Z", "level": "info", "part": "smtp"}
LEVELS = st.sampled_from(("debug", "info", "warning", "error"))
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8).filter(
    lambda name: name not in ("timestamp", "level", "part", "event", "exception", "stack", "logger")
)
PRINTABLE = st.text().filter(str.isprintable)
VALUES = st.one_of(PRINTABLE, st.integers(), st.booleans(), st.none(), st.lists(st.integers(), max_size=3))


class Kept:
    """A target that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str, fields: Any) -> None:
        self.lines.append(line)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    target = Kept()
    monkeypatch.setattr(log_targets, "target_of", lambda *_: target)
    return target


@given(event=PRINTABLE, level=LEVELS, fields=st.dictionaries(NAMES, VALUES, max_size=5))
def test_for_people_it_is_what_structlog_writes(event: str, level: str, fields: dict[str, object]) -> None:
    theirs = structlog.dev.ConsoleRenderer(colors=False)
    given_fields = {"timestamp": HEAD["timestamp"], "level": level, "event": event, **fields}
    ours = log_lines.console({**given_fields, "part": "smtp"})
    assert ours == str(theirs(None, "", dict(given_fields))).rstrip()


@given(
    event=st.text(), fields=st.dictionaries(NAMES, st.one_of(st.text(), st.lists(st.text(), max_size=2)), max_size=4)
)
def test_nothing_begins_a_line_or_steers_a_terminal(event: str, fields: dict[str, object]) -> None:
    assert log_lines.console({**HEAD, "event": event, **fields}).isprintable()


@given(
    event=st.text(),
    fields=st.dictionaries(NAMES, st.one_of(st.text(), st.integers(), st.binary(max_size=3)), max_size=4),
)
def test_for_machines_it_is_one_line_of_json(event: str, fields: dict[str, object]) -> None:
    """Halves of surrogates included, which are no Unicode text and no UTF-8."""
    line = log_lines.as_json({**HEAD, "event": event, **fields})
    assert "\n" not in line
    read = json.loads(line.encode())
    assert read["event"] == event
    assert list(read)[:4] == ["timestamp", "level", "part", "event"]
    assert all(read[name] == fields[name] for name in fields if isinstance(fields[name], (str, int)))


def test_a_traceback_is_told_and_counted(kept: Kept) -> None:
    logs.configure(Log(format="json"))
    before = value(catalogue.LOG_LINES, "store", "error")
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        structlog.get_logger("store").exception("it failed", account=3)
    (line,) = kept.lines
    told = json.loads(line)
    assert (told["level"], told["part"], told["event"], told["account"]) == ("error", "store", "it failed", 3)
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith("RuntimeError: broken")
    assert value(catalogue.LOG_LINES, "store", "error") == before + 1


@given(st.text())
def test_what_an_error_says_begins_no_event(said: str) -> None:
    """Of another server, of a file that somebody sent."""
    forged = "2026-11-29T14:00:00.000000Z [info     ] login"
    line = log_lines.console({**HEAD, "event": "it failed", "exception": f"ValueError: {said}\n{forged}\x1b[2J"})
    first, *others = line.split("\n")
    assert first.endswith("it failed")
    assert all(other.startswith("  ") and other.isprintable() for other in others)


def test_parts_have_levels_of_their_own(kept: Kept) -> None:
    logs.configure(Log(level="warning", levels={"relay": "debug", "imap": "error"}, format="json"))
    for part in ("relay", "imap", "smtp"):
        log = structlog.get_logger(part)
        log.debug("one")
        log.info("two")
        log.warning("three")
        log.error("four")
    said = [(told["part"], told["event"]) for told in map(json.loads, kept.lines)]
    assert said == [
        *(("relay", word) for word in ("one", "two", "three", "four")),
        ("imap", "four"),
        *(("smtp", word) for word in ("three", "four")),
    ]


def test_every_part_that_speaks_is_known() -> None:
    root = Path(__file__).resolve().parents[2]
    folders = ("mailserver", "smtp", "imap", "directory", "webui", "calendar")
    found = {
        name
        for folder in folders
        for path in (root / folder).rglob("*.py")
        if "node_modules" not in path.parts
        for name in re.findall(r'get_logger\("([^"]+)"\)', path.read_text())
    }
    assert found == set(catalogue.PARTS)


def test_what_is_bound_ends_with_its_work(kept: Kept) -> None:
    logs.configure(Log(format="json"))
    log = structlog.get_logger("smtp")

    def work() -> None:
        log.info("before")
        with logs.bound(message="A"):
            log.info("within", peer="192.0.2.1")
            with logs.bound(message="B"):
                log.info("deeper")
            log.info("back")
        logs.bind(message="C")
        log.info("from now on")
        logs.bind(message="")
        log.info("over")

    contextvars.copy_context().run(work)
    assert [json.loads(line).get("message") for line in kept.lines] == [None, "A", "B", "A", "C", None]


# ---------------------------------------------------------------------- where lines go


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A reader of datagrams of this machine, as the journal and syslog are."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.settimeout(PATIENCE)
        reader.bind(path)
        yield path, reader


def entry(octets: bytes) -> dict[str, str]:
    """An entry of the journal's native protocol."""
    fields, rest = {}, octets
    while rest:
        line, _, rest = rest.partition(b"\n")
        name, equals, text = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", rest)
            text, rest = rest[8 : 8 + size], rest[8 + size + 1 :]
        fields[name.decode()] = text.decode()
    return fields


def test_the_journal_gets_fields(listening: tuple[str, socket.socket]) -> None:
    path, reader = listening
    journal = Journal(path)
    journal.write("une ligne\nMESSAGE=forged\n", {"level": "warning", "part": "smtp", "message": "A1B2"})
    assert entry(reader.recv(65536)) == {
        "MESSAGE": "une ligne\nMESSAGE=forged\n",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "mailserver",
        "MAILSERVER_PART": "smtp",
        "MAILSERVER_MESSAGE": "A1B2",
    }
    journal.write("x" * 1_000_000, {"level": "info"})
    assert len(entry(reader.recv(1_000_000))["MESSAGE"]) == log_targets.MOST_OCTETS
    journal.close()


def test_a_reader_that_is_away_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("mailserver.foundation.structured_logs.log_targets.time.monotonic", lambda: now[0])
    path = str(tmp_path / "socket")
    journal = Journal(path)
    for number in range(3):
        journal.write(str(number), {"level": "info"})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.settimeout(PATIENCE)
        reader.bind(path)
        journal.write("still in the pause", {"level": "info"})
        now[0] += log_targets.PAUSE_SECONDS
        journal.write("again", {"level": "info"})
        assert [entry(reader.recv(65536))["MESSAGE"] for _ in range(2)] == [
            "4 lines could not be written here",
            "again",
        ]
    os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.settimeout(PATIENCE)
        reader.bind(path)
        journal.write("to the next reader", {"level": "info"})
        assert entry(reader.recv(65536))["MESSAGE"] == "to the next reader"
    journal.close()


def test_a_full_reader_is_not_waited_for(listening: tuple[str, socket.socket]) -> None:
    path, _ = listening
    journal = Journal(path)
    for _ in range(2000):
        journal.write("x" * 1000, {"level": "info"})
    assert journal._out._lost > 0
    journal.close()


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_syslog_gets_rfc_5424(listening: tuple[str, socket.socket], kind: str) -> None:
    path, reader = listening
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(PATIENCE)
        if kind == "udp":
            path, reader = f"127.0.0.1:{udp.getsockname()[1]}", udp
        syslog = Syslog(path, "mail.ac-exemple.fr")
        syslog.write("première ligne\nseconde", {**HEAD, "level": "error"})
        pattern = rf"<27>1 2026-11-29T14:00:00\.000000Z mail\.ac-exemple\.fr mailserver {os.getpid()} smtp - \ufeff(.*)"
        found = [re.fullmatch(pattern, reader.recv(65536).decode()) for _ in range(2)]
        assert [match and match[1] for match in found] == ["première ligne", "seconde"]
        # A library's: MSGID has 32 characters at most, none of them a blank.
        syslog.write("line", {**HEAD, "part": "a.library_with a very long name of a module"})
        assert reader.recv(65536).decode().split(" ")[5] == "a.library_with_a_very_long_name_"
        syslog.close()


def apart(work: Callable[[int], None], number: int) -> list[int]:
    """Do it in so many processes."""
    children = []
    for index in range(number):
        child = os.fork()
        if not child:
            try:
                work(index)
            finally:
                os._exit(0)
        children.append(child)
    return children


def test_several_processes_write_one_file_that_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is there, once and whole."""
    monkeypatch.setattr(log_targets, "LOOK_SECONDS", 0.0)
    path = tmp_path / "log" / "mailserver.log"

    def write(index: int) -> None:
        file = File(path, 20_000, 500)
        for number in range(600):
            file.write(f"{index} {number} " + "é" * (number % 200), {})

    for child in apart(write, 4):
        os.waitpid(child, 0)
    files = [one for one in path.parent.iterdir() if not one.name.endswith(".lock")]
    assert len(files) > 10
    assert all(one.stat().st_size < 40_000 for one in files)
    assert all(one.stat().st_mode & 0o077 == 0 for one in files)
    lines = [line for one in files for line in one.read_text().splitlines()]
    wanted = [f"{index} {number} " + "é" * (number % 200) for index in range(4) for number in range(600)]
    assert sorted(lines) == sorted(wanted)


def test_a_file_keeps_so_many_and_follows_who_moves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_targets, "LOOK_SECONDS", 0.0)
    path = tmp_path / "mailserver.log"
    file = File(path, 100, 3)
    for number in range(20):
        file.write(f"{number:050}", {})
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        *("mailserver.log", "mailserver.log.1", "mailserver.log.2", "mailserver.log.3", "mailserver.log.lock"),
    ]
    path.rename(tmp_path / "moved")
    file.write("after", {})
    assert path.read_text() == "after\n"


def test_a_full_disk_costs_lines_and_says_how_many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = File(tmp_path / "log", 0, 1)
    file.write("one", {})
    write = os.write
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    file.write("two", {})
    file.write("three", {})
    monkeypatch.setattr(os, "write", write)
    file.write("four", {})
    assert (tmp_path / "log").read_text().splitlines() == [
        "one",
        "mailserver: 2 lines could not be written here",
        "four",
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"file": "../log"},
        {"file": ""},
        {"file": "a\n"},
        {"syslog": "syslog.example:514"},
        {"syslog": "127.0.0.1"},
        {"syslog": "127.0.0.1:0"},
        {"levels": {"relay": "loud"}},
        {"to": "nowhere"},
        {"rotate_size": -1},
    ],
)
def test_settings_that_cannot_be_used(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Log.model_validate(values)
