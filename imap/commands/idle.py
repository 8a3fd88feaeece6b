"""IDLE (RFC 2177)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from imap.answers import untagged
from imap.commands.fetch import new_lines
from imap.session.account_check import PAUSE
from imap.session.session import Session
from imap.wire import commands, responses
from imap.wire.responses import Reply, ok
from imap.wire.syntax import ends_idle
from mailserver.model.errors import BadSyntax

Outputs = AsyncGenerator[bytes | Reply, None]


async def idle(session: Session, command: commands.Idle) -> Outputs:
    """RFC 2177: news as they come, until DONE."""
    yield responses.continuation("idling")
    with session.watch() as bell:
        line = session.connection.line()
        line.add_done_callback(lambda _: bell.set())
        try:
            while not line.done():
                bell.clear()
                async with aclosing(untagged.tell(session, new_lines, expunge=True)) as told:
                    async for news in told:
                        yield news
                await session.check_account()
                await _ring(bell, PAUSE if session.account_changed else None)
        finally:
            line.cancel()  # no-op once it is there
    if not ends_idle(line.result()):
        raise BadSyntax("IDLE ends with DONE")
    yield ok("IDLE completed")


async def _ring(bell: asyncio.Event, seconds: float | None) -> None:
    """Wait for the bell; not for ever while the account's state is still to be looked at."""
    with suppress(TimeoutError):
        # Not `wait_for`: before Python 3.12 it may swallow that the session ends as the bell rings.
        async with asyncio.timeout(seconds):
            await bell.wait()
