"""What a backup, or a trial of one, says to the administrators by mail: timers have no terminal."""

import asyncio
import sys
from collections.abc import Callable

from mailserver.cli.open_delivery import open_delivery
from mailserver.cli.shared import open_store
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.model.errors import Refused, Temporary
from mailserver.notices.house import House, house_of
from mailserver.outbound.submission.submit import Submission
from mailserver.texts.command_line import _, of_error

TOKEN_OCTETS = 12

Write = Callable[[House, str, bytes, float], bytes]
"""Writes it: the service, to whom, random octets for its id, the time."""


def send(settings: Settings, write: Write) -> None:
    """To postmaster. What hinders that is a warning: the command's own answer stays what it is."""
    try:
        asyncio.run(_send(settings, write))
    except (Refused, Temporary, SettingsError, OSError) as error:
        why = of_error(error) if not isinstance(error, OSError) else str(error)
        print(f"mailserver: {_('les administrateurs n’ont pas été prévenus : {why}', why=why)}", file=sys.stderr)


async def _send(settings: Settings, write: Write) -> None:
    async with open_store(settings) as store:
        clock = store.clock
        with open_delivery(settings, store) as (directory, delivery):
            submission = Submission(
                settings=settings,
                store=store,
                directory=directory,
                delivery=delivery,
                clock=clock,
            )
            to = f"postmaster@{settings.domain}"
            await submission.post(to, write(house_of(settings), to, clock.token(TOKEN_OCTETS), clock.now()))
