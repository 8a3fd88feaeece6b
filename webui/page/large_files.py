"""Files that are sent: large ones from the disk, at the browser's pace."""

from collections.abc import Callable, Mapping
from typing import IO

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from mailserver.foundation.large_answers import LARGE, Kept, new_file
from webui.page.context import Services, Visit


async def send(services: Services, visit: Visit, octets: bytes, fields: Mapping[str, str]) -> Response:
    """Octets as a file to save or to look at. Raises Temporary."""
    if len(octets) < LARGE:
        return Response(octets, headers=fields)
    return _FromDisk(await services.large.keep_octets(visit.account_id, octets), fields)


async def send_made(
    services: Services, visit: Visit, write: Callable[[IO[bytes]], int], fields: Mapping[str, str]
) -> Response:
    """What `write` makes, in a thread, into a file; it returns how many octets there are. Raises Temporary."""
    return _FromDisk(await services.large.keep(visit.account_id, new_file(), write), fields)


class _FromDisk(StreamingResponse):
    """An answer on the disk, which goes when the answer ends, however it ends."""

    def __init__(self, kept: Kept, fields: Mapping[str, str]) -> None:
        super().__init__(kept.pieces(), 200, {**fields, "Content-Length": str(kept.octets)})
        self._kept = kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._kept.close()
