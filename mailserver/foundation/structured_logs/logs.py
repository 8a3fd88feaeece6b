"""One structured line per event, for people or as JSON, to standard error, the journal, syslog or a file.

What is bound (`bound`) stands in every line until the end of that work, in its task and in those that it starts: the
identifier of the message first of all, by which a message's whole way is found. Never content, never a secret.
"""

import contextlib
import logging
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Log
from mailserver.foundation.structured_logs import log_lines, log_targets
from mailserver.foundation.structured_logs.log_targets import Target

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
COUNTED = ("warning", "error")
_NOTHING: Mapping[str, str] = {}
_bound: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=_NOTHING)


@contextlib.contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Say this in every line of what is done within."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**fields: str) -> None:
    """Say this in every line of the task from now on; an empty text: no more."""
    before = _bound.get()
    if before or any(fields.values()):
        _bound.set({name: value for name, value in {**before, **fields}.items() if value})


class _Logger(structlog.make_filtering_bound_logger(LEVELS["info"])):  # type: ignore[misc]
    """What every module's logger is once it has spoken; its methods are those of the level."""


class _Part:
    """What stands behind the loggers of one part: it gets the line made."""

    def __init__(self, part: str) -> None:
        self.part = part

    def msg(self, line: str, fields: Mapping[str, Any]) -> None:
        """Let it go."""
        _settled.target.write(line, fields)

    debug = info = warning = error = critical = exception = log = msg


class _Settled:
    """How lines are made now; changed in place, since loggers keep what they found."""

    def __init__(self) -> None:
        self.render = log_lines.console
        self.target: Target = log_targets.Stream()
        self.levels: dict[str, int] = {}

    def __call__(
        self, logger: _Part, method: str, fields: dict[str, Any]
    ) -> tuple[tuple[str, dict[str, Any]], dict[str, Any]]:
        """The one step from event to line: a chain of steps costs more than all that they do."""
        level = "error" if method == "exception" else method
        if self.levels and LEVELS.get(level, 50) < self.levels.get(logger.part, 0):
            raise structlog.DropEvent
        if level in COUNTED:
            catalogue.LOG_LINES.add(logger.part, level)
        whole = {
            "timestamp": log_lines.stamp(time.time()),
            "level": level,
            "part": logger.part,
            "event": "",
            **_bound.get(),
            **fields,
        }
        problem = whole.pop("exc_info", None)
        if problem:
            whole["exception"] = _told(problem)
        return (self.render(whole), whole), {}


def _told(problem: object) -> str:
    if isinstance(problem, BaseException):
        problem = (type(problem), problem, problem.__traceback__)
    elif not isinstance(problem, tuple):
        problem = sys.exc_info()
    kind, value, trace = problem
    if not isinstance(value, BaseException) or not isinstance(trace, TracebackType | None):
        return ""
    return "".join(traceback.format_exception(kind, value, trace)).rstrip("\n")


_settled = _Settled()
_processors: list[Any] = [_settled]


def configure(settings: Log, directory: Path = Path(), host: str = "-") -> None:
    """Set up structlog, and lead what libraries log through the standard module the same way.

    May be called again with other settings: loggers keep the class and the list that they found, so both are changed
    in place.
    """
    least = min([LEVELS[settings.level], *(LEVELS[level] for level in settings.levels.values())])
    for name, method in vars(structlog.make_filtering_bound_logger(least)).items():
        if not name.startswith("__"):
            setattr(_Logger, name, method)
    _settled.levels = _levels(settings) if settings.levels else {}
    before, _settled.target = _settled.target, log_targets.target_of(settings, directory, host)
    before.close()
    _settled.render = _renderer(settings)
    structlog.configure(
        processors=_processors,
        wrapper_class=_Logger,
        logger_factory=lambda *names: _Part(str(names[0]) if names else ""),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge()], force=True)


def _levels(settings: Log) -> dict[str, int]:
    """Of every part; those that are not named have the common one."""
    common = dict.fromkeys(catalogue.PARTS, LEVELS[settings.level])
    return common | {part: LEVELS[level] for part, level in settings.levels.items()}


def _renderer(settings: Log) -> Any:
    is_terminal = settings.to == "stderr" and sys.stderr.isatty()
    if settings.format == "console" and is_terminal:
        return _coloured
    return log_lines.RENDERERS[settings.format]


def _coloured(fields: Mapping[str, Any]) -> str:
    """For a person at a terminal. What steers terminals is shown as what it is."""
    safe = {
        name: log_lines.told(value) if name == "exception" else log_lines.printable(value)
        for name, value in fields.items()
        if name != "part"
    }
    return str(_colours(None, "", safe))


_colours = structlog.dev.ConsoleRenderer(colors=True)


class _Bridge(logging.Handler):
    """Hands a library's record to structlog, without its arguments' types."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)
