"""Transactions of the writer: the units of a group, and what becomes of them when something fails."""

import random
import time
from collections.abc import Callable

import structlog

from mailserver.model.errors import Temporary
from mailserver.store.engine import news
from mailserver.store.engine.connections import Session, Sessions
from mailserver.store.engine.engines import Backend, asks_again, brief, has_ended, translate, was_met
from mailserver.store.engine.unit import NOT_DONE, Uncertain, Unit

log = structlog.get_logger("store")

RETRIES = 5
"""Times a unit that met a deadlock, a serialisation failure, a dead connection or another one's row is run."""
FIRST_PAUSE = 0.005
"""Seconds before the second run, doubled for each further one and scattered, so that rivals part."""
DOUBTED_SECONDS = 60.0
"""For which a function that failed has a savepoint."""
MOST_DOUBTED = 200


class Failed(Exception):
    """A whole transaction is gone."""

    def __init__(self, cause: BaseException, *, again: bool, uncertain: bool = False) -> None:
        super().__init__(brief(cause))
        self.again = again
        """Running it once more may help."""
        self.uncertain = uncertain
        """It may have been committed: running it again could do it twice."""

    def answer(self) -> BaseException:
        cause = self.__cause__
        if self.uncertain:
            return Uncertain("The database is out of reach")
        if cause is not None and was_met(cause):  # every time: it met nobody, it is wrong
            return cause
        told = translate(cause) if cause is not None else None
        return told if isinstance(told, Temporary) else Temporary("The database is out of reach")


class _Spoiled(Exception):
    """A unit failed within a group that was to do without savepoints: the group begins anew, with them."""


class Committing:
    """Runs groups of units. One per writer, for its threads."""

    def __init__(self, backend: Backend, sessions: Sessions, worker: int, is_wanted: Callable[[], bool]) -> None:
        """`is_wanted`: whether somebody waits for the turn of this writer who goes before it."""
        self._backend = backend
        self._sessions = sessions
        self._worker = worker
        self._is_wanted = is_wanted
        self._doubted: dict[str, float] = {}
        """Functions of units that failed in a group, and until when they have savepoints."""

    def run(self, group: list[Unit]) -> list[Unit]:
        """Commit a group, as far as that can be; each unit has its result or its error afterwards, but for those that
        are left for another turn, since somebody waits who goes first."""
        for careful in (False, True) if len(group) > 1 else ():
            try:
                return self._commit(group, careful=careful)
            except _Spoiled:
                continue
            except Temporary as error:  # could not even begin: no unit of it would fare better
                log.warning("group could not begin", units=len(group), error=str(error))
                for unit in group:
                    unit.fail(error)
                return []
            except Failed as failure:
                log.warning("group failed, its units run one by one", units=len(group), error=str(failure))
                break
        for unit in group:
            self._run_alone(unit)
        return []

    def _run_alone(self, unit: Unit) -> None:
        for attempt in range(RETRIES):
            try:
                self._commit([unit], careful=True)
                return
            except Temporary as error:  # could not even begin
                unit.fail(error)
                return
            except Failed as failure:
                log.warning("unit failed with its transaction", attempt=attempt + 1, error=str(failure))
                unit.fail(failure.answer(), uncertain=failure.uncertain)
                if not failure.again:
                    return
                time.sleep(FIRST_PAUSE * 2**attempt * (0.5 + random.random()))  # noqa: S311 - no secret

    def _commit(self, group: list[Unit], *, careful: bool) -> list[Unit]:
        """One transaction, and the units of it that are left for another turn.

        Where there are several units, those that failed lately have a savepoint, and all if `careful`: it costs as much
        as two statements of a unit, and hardly ever is one needed.

        Raises Failed when nothing of it survives, _Spoiled when nothing does and it is to be run again with care,
        Temporary when it could not begin.
        """
        session = self._sessions.begin(self._backend.begin_write)
        committing = False
        try:
            left = self._run_in_turn(session, group, careful=careful)
            if len(group) == 1 and group[0].error is not None:
                self._sessions.rollback(session)
                return left
            begun = time.perf_counter()
            done = [unit for unit in group if unit not in left] if left else group
            touched = tuple(dict.fromkeys(change for unit in done for change in unit.changes))
            if touched and not self._backend.is_shared:
                news.record(session.tx, self._worker, touched)
            committing = True
            if touched and self._backend.is_shared:
                session.cursor.execute(news.announcing(self._worker, touched) + "COMMIT", prepare=False)
            else:
                session.cursor.execute("COMMIT")
            committed = time.perf_counter() - begun
            for unit in done:
                unit.took += committed
        except Exception as cause:
            ended = has_ended(session.driver, self._backend.dialect)
            self._sessions.rollback(session)
            if isinstance(cause, Failed | _Spoiled):
                raise
            uncertain = committing and ended
            again = not uncertain and (ended or asks_again(cause) or was_met(cause))
            raise Failed(cause, again=again, uncertain=uncertain) from cause
        return left

    def _run_in_turn(self, session: Session, group: list[Unit], *, careful: bool) -> list[Unit]:
        """Run units until somebody waits who goes first; those that are left. One is always run."""
        units = group if careful else self._left_by_others(session, group)
        for number, unit in enumerate(units):
            if number and self._is_wanted():
                return units[number:]
            is_in_doubt = careful or self._doubted.get(_name(unit), 0.0) > time.monotonic()
            self._run_unit(session, unit, alone=len(group) == 1, savepoint=len(group) > 1 and is_in_doubt)
        return []

    def _left_by_others(self, session: Session, group: list[Unit]) -> list[Unit]:
        """Units that are run by themselves, those of one kind done that can be done together (SQLite). Raises
        _Spoiled."""
        together = next((unit.together for unit in group if unit.together is not None), None)
        alike = [unit for unit in group if unit.together is together]
        if together is None or len(alike) < 2:
            return group
        begun = time.perf_counter()
        try:
            results = together(session.tx, self._worker, [unit.args for unit in alike])
        except Exception as error:
            raise _Spoiled from error
        changes = session.tx.take_changes()
        took = time.perf_counter() - begun
        for unit, result in zip(alike, results, strict=True):
            unit.result, unit.error, unit.took, unit.changes = result, None, took, ()
        done = [unit for unit in alike if unit.result is not NOT_DONE]
        if done:
            done[0].changes = changes
        return [unit for unit in group if unit.together is not together or unit.result is NOT_DONE]

    def _run_unit(self, session: Session, unit: Unit, *, alone: bool, savepoint: bool) -> None:
        """Run one unit; what it raises is its own error unless the whole transaction went with it."""
        cursor, begun = session.cursor, time.perf_counter()
        if savepoint:
            cursor.execute("SAVEPOINT unit")
        try:
            unit.result = unit.function(session.tx, *unit.args, **unit.kwargs)
            unit.error = None
        except Exception as error:
            session.tx.take_changes()
            ended = has_ended(session.driver, self._backend.dialect)
            again = ended or asks_again(error) or was_met(error)
            if again or (not self._backend.is_shared and not session.driver.in_transaction):
                raise Failed(error, again=again) from error
            if not alone and not savepoint:
                self._doubt(unit)
                raise _Spoiled from error
            unit.fail(translate(error))
            if savepoint:
                cursor.execute("ROLLBACK TO SAVEPOINT unit")
        if savepoint:
            cursor.execute("RELEASE SAVEPOINT unit")
        unit.changes = session.tx.take_changes()
        unit.took = time.perf_counter() - begun

    def _doubt(self, unit: Unit) -> None:
        """Whoever asks again and again for what is refused costs those in the group their work once a minute."""
        if len(self._doubted) >= MOST_DOUBTED:
            self._doubted.clear()
        self._doubted[_name(unit)] = time.monotonic() + DOUBTED_SECONDS


def _name(unit: Unit) -> str:
    return str(getattr(unit.function, "__qualname__", type(unit.function).__qualname__))
