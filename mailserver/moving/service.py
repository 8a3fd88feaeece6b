"""The move itself."""

import contextlib
import fcntl
import functools
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from mailserver.foundation import instance_lock
from mailserver.moving import settings_file
from mailserver.store.moving import arrival, bringing, counting, departure, files
from mailserver.store.moving.arrival import State
from mailserver.store.moving.counting import Sum
from mailserver.store.moving.ends import TABLES, CannotMove, End
from mailserver.store.octets.disk import read_mark
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place
from mailserver.texts.text import Text, Translated

log = structlog.get_logger("move")

Tell = Callable[[Translated, float], None]
"""What is done now, and how much of it."""
LOCK = "move.lock"


@dataclass(frozen=True)
class Move:
    """From where to where."""

    source: Place
    target: Place
    files: bool
    """Whether large messages go elsewhere, too."""
    settings: str
    """What the settings file says afterwards."""

    @functools.cached_property
    def old(self) -> End:
        end = End(self.source.url)
        end.mends = end.is_sqlite
        return end

    @functools.cached_property
    def new(self) -> End:
        return End(self.target.url)

    def close(self) -> None:
        """Nothing is open any more."""
        self.old.close()
        self.new.close()


@dataclass(slots=True)
class Report:
    """What came of it."""

    ended: bool = False
    """False: everything is there but what comes while the service goes on."""
    served_by: list[str] = field(default_factory=list)
    """Who has to be stopped before it can end."""
    tables: dict[str, Sum] = field(default_factory=dict)
    put: int = 0
    taken: int = 0
    octets: int = 0
    """Of rows that were put."""
    files: int = 0
    file_octets: int = 0
    mended: int = 0
    """Texts that PostgreSQL could not keep as they were."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By what took them."""

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.tables.values())


def prepare(move: Move) -> State:
    """What stands at the other end. Changes nothing. Raises CannotMove, NotThere, Temporary, OSError."""
    if not opening.look(move.source, moved=True):
        raise CannotMove(
            Text("le schéma de la base est plus ancien : `mailserver upgrade {d}` d’abord", d=move.source.settings)
        )
    identifier = read_mark(move.source.settings)
    if not identifier:
        raise CannotMove(Text("cette instance n’a pas encore été servie par cette version : démarrez-la une fois"))
    gone = departure.moved_to(move.source)
    if gone and gone != str(move.new):
        raise CannotMove(Text("la base {url} a déjà été déplacée vers {other}", url=str(move.old), other=gone))
    found = arrival.state(move.target, move.new, identifier, moved=bool(gone))
    if move.files and found is not State.WHOLE:
        files.check_target(move.target, identifier)
    return found


def run(move: Move, tell: Tell) -> Report:
    """Bring everything, and end the move if nobody serves the instance.

    Raises CannotMove, CannotServe, NotThere, Temporary, OSError.
    """
    with _alone(move.source.data, move.source.settings), contextlib.closing(move):
        report = Report()
        found = prepare(move)
        if found is State.WHOLE:
            settings_file.write(move.source.settings, move.settings)
            report.ended = True
            return report
        serve = bool(_servers(move))
        if serve or found is State.EMPTY:  # later only what came since can be wrong, and the other end refuses it
            departure.check(move.old, move.new)
        identifier = read_mark(move.source.settings)
        arrival.begin(move.target, move.new, identifier, found)
        if move.files:
            files.mark(move.target, identifier)
        if serve:
            _bring(move, report, tell, final=False)
        report.served_by = _servers(move)
        if not report.served_by:
            _end(move, report, tell)
        said = {"rows": report.rows, "put": report.put, "files": report.files}
        log.info("moved" if report.ended else "brought", target=str(move.new), **said)
        return report


@contextlib.contextmanager
def _alone(data: Path, directory: Path) -> Iterator[None]:
    lock = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotMove(Text("{path} : un autre déplacement est en cours", path=directory)) from None
        yield
    finally:
        os.close(lock)


def _servers(move: Move) -> list[str]:
    """Who serves the instance now: a process here, hosts elsewhere."""
    note = instance_lock.read_note(move.source.settings)
    here = (
        [f"{socket.gethostname()} ({note.pid if note else '?'})"]
        if instance_lock.is_served(move.source.settings)
        else []
    )
    return here or departure.serving_hosts(move.source)


def _bring(move: Move, report: Report, tell: Tell, *, final: bool) -> None:
    """Files and rows that lack at the other end."""
    began = time.monotonic()
    if move.files:
        what = Text("Gros messages")
        tell(what, 0)
        since = arrival.begun(move.target)
        carried = files.carry(move.source, move.target, since, lambda part: tell(what, part), final=final)
        report.files += carried.files
        report.file_octets += carried.octets
    _note_seconds(report, "files", began)
    began = time.monotonic()
    old, new = move.old, move.new
    with new.opened():  # as long as somebody has a SQLite file open, closing it does not write its log back
        for number, table in enumerate(TABLES):
            tell(Text("Table {name}", name=table.name), number / len(TABLES))
            brought = bringing.bring(old, new, table)
            report.put += brought.put
            report.taken += brought.taken
            report.octets += brought.octets
    _note_seconds(report, "rows", began)


def _note_seconds(report: Report, name: str, began: float) -> None:
    report.seconds[name] = report.seconds.get(name, 0) + time.monotonic() - began


def _end(move: Move, report: Report, tell: Tell) -> None:
    """The part during which nobody is served. Raises CannotServe, too: somebody began to."""
    lock = instance_lock.hold(move.source.settings)
    began, agreed = time.monotonic(), False
    try:
        departure.note(move.source, move.new)
        if late := departure.serving_hosts(move.source):
            raise CannotMove(Text("le service tourne de nouveau : {hosts}", hosts=", ".join(late)))
        with departure.held(move.old) as still_held:
            _bring(move, report, tell, final=True)
            _verify(move, report, tell)
            still_held()
            agreed = True
            arrival.give(move.target, move.old)
        settings_file.write(move.source.settings, move.settings)
    except BaseException:
        if not agreed:  # afterwards nobody knows which of the two it is: the next run looks
            departure.forget_note(move.source)
        raise
    finally:
        os.close(lock)
    report.ended = True
    report.seconds["closed"] = time.monotonic() - began


def _verify(move: Move, report: Report, tell: Tell) -> None:
    """Every table at both ends, and what comes next in each. Raises CannotMove."""
    tell(Text("Clés étrangères"), 0)
    began = time.monotonic()
    arrival.complete(move.target, move.old, move.new)
    _note_seconds(report, "keys", began)
    began = time.monotonic()
    old, new = move.old, move.new
    old.mended = 0
    for number, table in enumerate(TABLES):
        tell(Text("Vérification"), number / len(TABLES))
        here, there = counting.add_up(old, table), counting.add_up(new, table)
        if here != there:
            raise CannotMove(
                Text(
                    "{table} : {here} lignes ici, {there} là-bas, et elles diffèrent ; rien n’est déplacé",
                    table=table.name,
                    here=here.rows,
                    there=there.rows,
                )
            )
        report.tables[table.name] = there
    if arrival.last_ids(old) != arrival.last_ids(new):
        raise CannotMove(Text("les numéros à venir diffèrent ; rien n’est déplacé"))
    report.mended = old.mended
    _note_seconds(report, "verification", began)
