"""`/compte/export`: a person takes along everything their account holds."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import structlog
from starlette.responses import Response, StreamingResponse

from mailserver.errors import Reason, Refused, Temporary
from mailserver.store import accounts, audit, messages
from mailserver.store.audit import Action
from mailserver.takeaway import archive
from webui import headers
from webui.frame import Frame
from webui.security import frame_of, origin
from webui.visit import Services, Visit

log = structlog.get_logger("webui")

AT_ONCE = 2
"""Archives that one worker makes at the same time: each keeps a thread busy."""


@dataclass(frozen=True, slots=True)
class TakeawayPage:
    """How much there is."""

    frame: Frame
    octets: int
    messages: int
    closing: str
    tab: str = "export"


class Takeaway:
    """The page and the archive. One per worker."""

    def __init__(self) -> None:
        self._running = 0

    async def show(self, services: Services, visit: Visit) -> Response:
        """GET /compte/export."""
        octets, count = await services.store.read(messages.usage, visit.account_id)
        frame = await frame_of(services, visit)
        page = TakeawayPage(frame, octets, count, frame.closing)
        return services.pages.answer(visit, "account/takeaway.html", page)

    async def fetch(self, services: Services, visit: Visit) -> Response:
        """POST /compte/export: the archive, as it is made."""
        standing = await services.store.read(accounts.get, visit.account_id)
        if standing is None:
            raise Refused(Reason.NOT_FOUND)
        if self._running >= AT_ONCE:
            raise Temporary("too many archives are being made")
        await services.store.write(audit.record, origin(visit), Action.EXPORTED, visit.account_id)
        day = time.strftime("%Y-%m-%d", time.gmtime(visit.now))
        pieces = archive.stream(services.store, visit.principal, standing)
        fields = headers.download(visit.secure, "application/zip", f"{visit.principal.login}-{day}.zip")
        return StreamingResponse(self._pieces(pieces, visit.account_id), 200, fields)

    async def _pieces(self, pieces: Iterator[bytes], account_id: int) -> AsyncIterator[bytes]:
        """One piece after the other, each made in a thread only when the browser has taken the one before."""
        self._running += 1
        try:
            while piece := await asyncio.to_thread(_next, pieces):
                yield piece
            log.info("archive taken", account=account_id)
        finally:
            self._running -= 1


def _next(pieces: Iterator[bytes]) -> bytes:
    """The next piece that is not empty; empty at the end."""
    return next((piece for piece in pieces if piece), b"")
