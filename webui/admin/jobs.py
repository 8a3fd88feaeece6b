"""Begins long jobs: a row in the store, and a process of its own that carries it out.

A worker's loop and its few threads stay free for mail, and a job outlives the worker that began it. Whoever stops the
service as a whole may stop a job, too: what an import applied stays, and the same import goes on.
"""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from mailserver.store.account import jobs
from webui.page.context import Services, Visit

log = structlog.get_logger("webui")

_children: set[asyncio.Task[int]] = set()


async def start(
    services: Services, visit: Visit, kind: str, options: Mapping[str, Any], *, among: Sequence[str]
) -> int:
    """Begin a job in the name of this person; its number. 0: one of the kinds `among` is under way."""
    by = visit.principal
    who = (by.account_id, by.login, visit.peer)
    number = await services.store.write(jobs.begin_alone, among, kind, *who, options)
    if not number:
        return 0
    command = [sys.executable, "-m", "mailserver", "job", str(services.settings.directory), str(number)]
    child = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    task = asyncio.create_task(_reap(child))
    _children.add(task)
    task.add_done_callback(_children.discard)
    log.info("job begun", job=number, kind=kind, account=by.account_id)
    return number


async def _reap(child: asyncio.subprocess.Process) -> int:
    """Nobody else asks for what became of it."""
    code = await child.wait()
    if code:
        log.warning("a job's process failed", code=code)
    return code
