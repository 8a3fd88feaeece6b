"""`mailserver job`: carries out what was begun in the console. The service calls it; people have `import`."""

import asyncio
from typing import Annotated

import typer

from directory.imports import jobs as imports
from mailserver.cli.shared import InstanceDir, fail, open_store, run, settings_of
from mailserver.store.account import jobs
from mailserver.store.account.jobs import JobState
from mailserver.texts.command_line import _


def job(directory: InstanceDir, number: Annotated[int, typer.Argument(min=1)]) -> None:
    """Carry out a job of the console. Exit code 1: there is no such job to do."""
    settings = settings_of(directory)

    async def work() -> None:
        async with open_store(settings) as store:
            found = await store.read(jobs.get, number)
            if found is None or found.state is not JobState.RUNNING or found.kind not in imports.KINDS:
                fail(_("travail {number} : rien à faire", number=number), 1)
            await asyncio.to_thread(imports.carry_out, settings, store, found)

    run(work)
