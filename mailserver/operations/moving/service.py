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
from mailserver.foundation.ownership import give_to_owner
from mailserver.operations.moving import settings_file
from mailserver.store.moving import arrival, bringing, counting, departure, files, following, journal
from mailserver.store.moving.arrival import State
from mailserver.store.moving.bringing import Brought
from mailserver.store.moving.counting import Sum
from mailserver.store.moving.ends import TABLES, CannotMove, End
from mailserver.store.octets.disk import read_mark
from mailserver.store.octets.files import files_of
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

    @property
    def is_of_files_alone(self) -> bool:
        """The database stays."""
        return self.source.url == self.target.url

    @property
    def files_go_to(self) -> str:
        """As operators are told of it."""
        return str(files_of(self.target.folder))

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
    """All of them read at both ends at the end;"""
    counted: dict[str, int] = field(default_factory=dict)
    """or compared before and counted at the end, when only what came since was brought."""
    put: int = 0
    taken: int = 0
    octets: int = 0
    """Of rows that were put."""
    files: int = 0
    file_octets: int = 0
    journal_left: bool = False
    """Somebody was in the way of removing it from the database that is left."""
    mended: int = 0
    """Texts that PostgreSQL could not keep as they were."""
    seconds: dict[str, float] = field(default_factory=dict)
    """By what took them."""

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.tables.values()) + sum(self.counted.values())


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
    if move.is_of_files_alone:
        if gone:
            raise CannotMove(Text("la base {url} a déjà été déplacée vers {other}", url=str(move.old), other=gone))
        files.check_target(move.target, identifier)
        return State.WHOLE
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
        if move.is_of_files_alone:
            _move_files(move, report, tell)
            return report
        found = prepare(move)
        if found is State.WHOLE:
            settings_file.write(move.source.settings, move.settings)
            departure.shut(move.old)
            _end_journal(move, report)
            report.ended = True
            return report
        serve = bool(_servers(move))
        follows = found is State.BEGUN and journal.is_followed(move.old, move.new)
        if (serve or found is State.EMPTY) and not follows:
            # Later only what came since can be wrong, and the other end refuses it.
            departure.check(move.old, move.new)
        identifier = read_mark(move.source.settings)
        arrival.begin(move.target, move.new, identifier, found, keys=follows)
        if move.files:
            files.mark(move.target, identifier)
        if serve:
            _bring_files(move, report, tell, final=False)
            if not follows:
                _bring_beside_service(move, report, tell)
            _catch_up(move, report)
        report.served_by = _servers(move)
        if not report.served_by:
            _end(move, report, tell)
        said = {"rows": report.rows, "put": report.put, "files": report.files}
        log.info("moved" if report.ended else "brought", target=str(move.new), **said)
        return report


def abandon(source: Place) -> bool:
    """The service goes on where it is, and nothing is written down for a move any more; whether anything was.

    Raises CannotMove.
    """
    with _alone(source.data, source.settings), contextlib.closing(End(source.url)) as old:
        return journal.end(old)


@contextlib.contextmanager
def _alone(data: Path, directory: Path) -> Iterator[None]:
    lock = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_to_owner(data / LOCK, data)
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


def _move_files(move: Move, report: Report, tell: Tell) -> None:
    """Large messages go elsewhere, the database stays. Raises CannotServe, too: somebody began to."""
    prepare(move)
    files.mark(move.target, read_mark(move.source.settings))
    since = files.note_begin(move.source, move.target)
    report.served_by = _servers(move)
    if report.served_by:
        _carry(move, report, tell, since, final=False)
        return
    lock = instance_lock.hold(move.source.settings)
    began = time.monotonic()
    try:
        with departure.held(move.old) as held:
            _carry(move, report, tell, since, final=True)
            held.check()
        settings_file.write(move.source.settings, move.settings)
    finally:
        os.close(lock)
    files.forget_begin(move.source)
    report.ended = True
    report.seconds["closed"] = time.monotonic() - began


def _bring_files(move: Move, report: Report, tell: Tell, *, final: bool) -> None:
    """Those that lack at the other end."""
    if move.files:
        _carry(move, report, tell, arrival.begun(move.target), final=final)


def _carry(move: Move, report: Report, tell: Tell, since: int, *, final: bool) -> None:
    began, what = time.monotonic(), Text("Gros messages")
    tell(what, 0)
    carried = files.carry(move.source, move.target, since, lambda part: tell(what, part), final=final)
    report.files += carried.files
    report.file_octets += carried.octets
    _note_seconds(report, "files", began)


def _bring_beside_service(move: Move, report: Report, tell: Tell) -> None:
    """All rows, which are compared, so that afterwards what changes since is enough."""
    journal.begin(move.old, move.new)
    _bring_rows(move, report, tell)
    _catch_up(move, report)
    began = time.monotonic()
    move.old.mended = 0
    for number, table in enumerate(TABLES):
        tell(Text("Vérification"), number / len(TABLES))
        if not following.compare(move.old, move.new, table):
            log.warning("not-followed", table=table.name)  # the end reads everything
            return
    _note_seconds(report, "verification", began)
    began = time.monotonic()
    tell(Text("Clés étrangères"), 0)
    arrival.complete(move.target, move.old, move.new)
    arrival.tidy(move.new, counts=True)
    journal.set_whole(move.old, move.old.mended)
    _note_seconds(report, "keys", began)


def _catch_up(move: Move, report: Report, *, held: bool = False) -> None:
    """What the journal names, if there is one."""
    if journal.look(move.old) is None:
        return
    began = time.monotonic()
    _count(report, following.catch_up(move.old, move.new, held=held))
    _note_seconds(report, "changes", began)


def _bring_rows(move: Move, report: Report, tell: Tell) -> None:
    """Those that lack at the other end, or differ there."""
    began = time.monotonic()
    old, new = move.old, move.new
    with new.opened():  # as long as somebody has a SQLite file open, closing it does not write its log back
        for number, table in enumerate(TABLES):
            tell(Text("Table {name}", name=table.name), number / len(TABLES))
            _count(report, bringing.bring(old, new, table))
    _note_seconds(report, "rows", began)


def _count(report: Report, brought: Brought) -> None:
    report.put += brought.put
    report.taken += brought.taken
    report.octets += brought.octets


def _note_seconds(report: Report, name: str, began: float) -> None:
    report.seconds[name] = report.seconds.get(name, 0) + time.monotonic() - began


def _end(move: Move, report: Report, tell: Tell) -> None:
    """The part during which nobody is served. Raises CannotServe, too: somebody began to."""
    lock = instance_lock.hold(move.source.settings)
    began, agreed = time.monotonic(), False
    try:
        follows = journal.is_followed(move.old, move.new)
        if follows:
            _catch_up(move, report)
        departure.note(move.source, move.new)
        if late := departure.serving_hosts(move.source):
            raise CannotMove(Text("le service tourne de nouveau : {hosts}", hosts=", ".join(late)))
        with departure.held(move.old) as held:
            _bring_files(move, report, tell, final=True)
            if follows and journal.is_followed(move.old, move.new):
                _catch_up(move, report, held=True)
                _compare_counts(move, report, tell)
            else:
                _bring_rows(move, report, tell)
                _verify(move, report, tell)
            _check_last_ids(move)
            held.check()
            agreed = True
            arrival.give(move.target, move.old)
            held.shut()
        settings_file.write(move.source.settings, move.settings)
        _end_journal(move, report)
    except BaseException:
        if not agreed:  # afterwards nobody knows which of the two it is: the next run looks
            departure.forget_note(move.source)
        raise
    finally:
        os.close(lock)
    report.ended = True
    report.seconds["closed"] = time.monotonic() - began


def _end_journal(move: Move, report: Report) -> None:
    """The last of it, which nobody waits for: the database that it is in serves nobody any more."""
    try:
        journal.end(move.old, briefly=True)
    except CannotMove as error:
        log.warning("the journal of the move is left", source=str(move.old), why=str(error))
        report.journal_left = True


def _compare_counts(move: Move, report: Report, tell: Tell) -> None:
    """Of rows that were compared before, or when they were brought. Raises CannotMove."""
    _complete(move, report, tell, checked=True)
    began = time.monotonic()
    for number, table in enumerate(TABLES):
        tell(Text("Vérification"), number / len(TABLES))
        here, there = counting.count(move.old, table), counting.count(move.new, table)
        if here != there:
            raise _differing(table.name, here, there)
        report.counted[table.name] = there
    found = journal.look(move.old)
    report.mended = found.mended if found else 0
    _note_seconds(report, "verification", began)


def _differing(table: str, here: int, there: int) -> CannotMove:
    return CannotMove(
        Text(
            "{table} : {here} lignes ici, {there} là-bas, et elles diffèrent ; rien n’est déplacé",
            table=table,
            here=here,
            there=there,
        )
    )


def _complete(move: Move, report: Report, tell: Tell, *, checked: bool = False) -> None:
    """Foreign keys, and what comes next."""
    tell(Text("Clés étrangères"), 0)
    began = time.monotonic()
    arrival.complete(move.target, move.old, move.new, checked=checked)
    _note_seconds(report, "keys", began)


def _check_last_ids(move: Move) -> None:
    if arrival.last_ids(move.old) != arrival.last_ids(move.new):
        raise CannotMove(Text("les numéros à venir diffèrent ; rien n’est déplacé"))


def _verify(move: Move, report: Report, tell: Tell) -> None:
    """Every row of every table at both ends. Raises CannotMove."""
    _complete(move, report, tell)
    arrival.tidy(move.new, counts=False)
    began = time.monotonic()
    old, new = move.old, move.new
    old.mended = 0
    for number, table in enumerate(TABLES):
        tell(Text("Vérification"), number / len(TABLES))
        here, there = counting.add_up(old, table), counting.add_up(new, table)
        if here != there:
            raise _differing(table.name, here.rows, there.rows)
        report.tables[table.name] = there
    report.mended = old.mended
    _note_seconds(report, "verification", began)
