"""One structured line per event on standard error: for people or, as JSON, for machines."""

import contextlib
import logging
import os
import stat
import sys
from typing import Any, TextIO, cast

import structlog

from mailserver.foundation.settings import Log

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
STREAMS = (1, 2)

_processors: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]

COMMON = len(_processors)


class _Logger(structlog.make_filtering_bound_logger(LEVELS["info"])):  # type: ignore[misc]
    """What every module's logger is once it has spoken; its methods are those of the level."""


def configure(settings: Log) -> None:
    """Set up structlog, and lead what libraries log through the standard module the same way.

    May be called again with other settings: loggers keep the class and the list that they found, so both are changed
    in place.
    """
    level = structlog.make_filtering_bound_logger(LEVELS[settings.level])
    for name, method in vars(level).items():
        if not name.startswith("__"):
            setattr(_Logger, name, method)
    _processors[COMMON:] = [_renderer(settings)]
    structlog.configure(
        processors=_processors,
        wrapper_class=_Logger,
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge()], force=True)


def _renderer(settings: Log) -> structlog.types.Processor:
    if settings.format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


class _Patient:
    """A stream of a service: a full disk below its file, or a reader that is gone, costs lines and never work.

    How many were lost is written before the first line that finds room again.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> int:
        try:
            if self._lost:
                self._stream.write(f"mailserver: {self._lost} lines could not be written here\n")
                self._lost = 0
            return self._stream.write(text)
        except OSError:
            self._lost += text.count("\n")
            return len(text)

    def flush(self) -> None:
        """As far as there is room; what was lost is counted where it was written."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def be_patient() -> None:
    """From now on nothing that this process writes to its standard streams can stop it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, _Patient):
            setattr(sys, name, cast(TextIO, _Patient(stream)))


class Files:
    """The files that standard output and standard error were led to, opened again once somebody has moved them."""

    def __init__(self) -> None:
        self._names = {number: name for number in STREAMS if (name := _name(number))}
        self._terminals = [number for number in STREAMS if os.isatty(number)]

    def drop_terminal(self) -> bool:
        """True when we wrote to a terminal that is gone. To write there would fail: from now on it goes nowhere."""
        gone = [number for number in self._terminals if not os.isatty(number)]
        if gone:
            with open(os.devnull, "wb") as nothing:
                for number in gone:
                    os.dup2(nothing.fileno(), number)
            self._terminals = [number for number in self._terminals if number not in gone]
        return bool(gone)

    def reopen(self) -> str:
        """Write to the file of that name, made where there is none; what is wrong, or nothing."""
        problems = []
        for number, name in self._names.items():
            try:
                _reopen(number, name)
            except OSError as error:
                problems.append(f"{name}: {error.strerror}")
        return "; ".join(problems)


def _name(number: int) -> str:
    """Of a file that has one; nothing for a terminal, a pipe or a file without a name."""
    with contextlib.suppress(OSError):
        name, found = os.readlink(f"/proc/self/fd/{number}"), os.fstat(number)
        if stat.S_ISREG(found.st_mode) and os.path.samestat(found, os.stat(name)):
            return name
    return ""


def _reopen(number: int, name: str) -> None:
    before = os.fstat(number)
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(before, os.stat(name)):
            return
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # of another process of ours, or of whoever moved the one before
        descriptor = os.open(name, flags)
    else:
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))  # whoever reads the one before reads this one
    try:
        os.dup2(descriptor, number)
    finally:
        os.close(descriptor)


class _Bridge(logging.Handler):
    """Hands a library's record to structlog, without its arguments' types."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)
