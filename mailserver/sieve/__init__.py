"""Sieve: the language in which people say what becomes of their mail (RFC 5228), without any input or output."""

from mailserver.sieve.commands.table import EXTENSIONS
from mailserver.sieve.compilation import compile_script as compile
from mailserver.sieve.errors import RunError, SieveError
from mailserver.sieve.execution import run
from mailserver.sieve.interface import (
    Action,
    Discard,
    Facts,
    Fcc,
    FileInto,
    Host,
    Keep,
    Mark,
    NoHost,
    Notify,
    Outcome,
    Redirect,
    Reject,
    Vacation,
)
from mailserver.sieve.limits import LIMITS, Limits
from mailserver.sieve.script import Script

__all__ = [
    "EXTENSIONS",
    "LIMITS",
    "Action",
    "Discard",
    "Facts",
    "Fcc",
    "FileInto",
    "Host",
    "Keep",
    "Limits",
    "Mark",
    "NoHost",
    "Notify",
    "Outcome",
    "Redirect",
    "Reject",
    "RunError",
    "Script",
    "SieveError",
    "Vacation",
    "compile",
    "run",
]
