"""The end of a process that reads a file, and of whatever it began."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import mailserver

ROOT = Path(mailserver.__file__).parent.parent
"""Where such a process finds this program."""


async def end(child: asyncio.subprocess.Process) -> None:
    """However it goes: nothing of it is left."""
    if child.returncode is None:
        kill(child)
        await asyncio.shield(child.wait())


def kill(child: asyncio.subprocess.Process) -> None:
    """At once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
