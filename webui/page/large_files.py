"""Files that are sent: large ones from the disk, at the browser's pace."""

import re
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


async def send_ranges(services: Services, visit: Visit, octets: bytes, fields: Mapping[str, str]) -> Response:
    """Octets of which a browser may ask for one range (RFC 9110 section 14), as players of sound and video do. Raises
    Temporary."""
    fields = {**fields, "Accept-Ranges": "bytes"}
    asked = _RANGE.fullmatch(visit.request.headers.get("range", ""))
    if asked is None or not any(asked.groups()):
        return await send(services, visit, octets, fields)
    first, last = asked.groups()
    if first:
        start, end = int(first), min(int(last) if last else len(octets) - 1, len(octets) - 1)
    else:
        start, end = max(0, len(octets) - int(last)), len(octets) - 1
    if start > end:
        return Response(status_code=416, headers={**fields, "Content-Range": f"bytes */{len(octets)}"})
    answer = await send(services, visit, octets[start : end + 1], fields)
    answer.status_code = 206
    answer.headers["Content-Range"] = f"bytes {start}-{end}/{len(octets)}"
    return answer


_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")
"""One range; several are answered with the whole."""


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
