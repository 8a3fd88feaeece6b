"""Remote pictures of messages: blocked, until the reader asks; then fetched by us and handed on as plain pictures.

The address of a picture here is signed for one account and ends: nobody makes us fetch what no message of theirs
named. Its sender learns that the message was opened (by whom, where its address is one reader's alone), and neither
where nor with what.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode
from weakref import WeakValueDictionary

import structlog
from starlette.responses import Response

from mailserver.foundation.network.safe_fetch import MAX_ADDRESS, Unreachable
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.memory import Memory
from mailserver.store.mail import known_senders
from mailserver.store.web import webmail
from webui.http import headers, raster
from webui.http.forms import positive
from webui.page import large_files
from webui.page.context import Services, Visit
from webui.reader.flash_texts import back

log = structlog.get_logger("webui")

PATH = "/image"
GOOD_SECONDS = 24 * 3600
CACHE_OCTETS = 32 * 1024 * 1024
KEPT_SECONDS = 600
"""How long a fetched picture serves other readers of the same message."""
FETCHES = 24
"""At once, of one worker."""
FETCHES_EACH = 6
"""Of one account: slow pictures of one reader's message do not keep others waiting."""
ACCEPT = "image/avif,image/webp,image/png,image/jpeg,image/gif,image/bmp"


def signed(services: Services, visit: Visit) -> Callable[[str], str]:
    """Makes our address of a remote picture; empty for one that is not fetched at all."""
    # The same address for an hour, so that the browser's own cache serves it.
    until = (int(visit.now) // 3600 + 1) * 3600 + GOOD_SECONDS

    def address(source: str) -> str:
        source = f"https:{source}" if source.startswith("//") else source
        if not source[:8].lower().startswith("https://") or len(source) > MAX_ADDRESS:
            return ""
        signature = services.keys.signature("image", visit.account_id, until, source)
        return f"{PATH}?{urlencode({'u': source, 'e': until, 's': signature})}"

    return address


async def choose(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/images: show the remote pictures of this sender from now on, or ask again."""
    content_id = int(visit.request.path_params["message"])
    found = await services.store.read(webmail.stored, visit.account_id, content_id, positive(visit.query("d")))
    if not found.sender_address:
        raise Refused(Reason.CANNOT)
    always = visit.form.text("faire") == "toujours"
    change = known_senders.show_pictures if always else known_senders.hide_pictures
    await services.store.write(change, visit.account_id, found.sender_address)
    return back(visit, found.id, found.box.id, "images" if always else "sans-images", forme=1)


@dataclass
class Pictures:
    """Serves remote pictures. One per worker."""

    _kept: Memory = field(default_factory=lambda: Memory(CACHE_OCTETS))
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FETCHES))
    _own_turns: WeakValueDictionary[int, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    """Of the accounts that fetch at this moment: each fetch holds its own."""

    async def show(self, services: Services, visit: Visit) -> Response:
        """GET /image: the picture of a signed address. Raises Refused(NOT_FOUND) for any other, and for no picture."""
        source = visit.request.query_params.get("u", "")[:MAX_ADDRESS]
        until = positive(visit.query("e"))
        if until < visit.now or not services.keys.is_signature(
            visit.query("s"), "image", visit.account_id, until, source
        ):
            raise Refused(Reason.NOT_FOUND)
        octets = await self._octets(services, visit, source)
        kind = raster.sniffed(octets)
        if not kind:
            raise Refused(Reason.NOT_FOUND)
        fields = dict(headers.shown_image(visit.secure, kind))
        fields["Cache-Control"] = "private, max-age=86400"
        return await large_files.send(services, visit, octets, fields)

    async def _octets(self, services: Services, visit: Visit, source: str) -> bytes:
        """What is at the address, or nothing: a failure is remembered as well, it costs the most."""
        kept = self._kept.get(source)
        if kept is not None and kept[0] > visit.now:
            return bytes(kept[1])
        own = self._own_turns.setdefault(visit.account_id, asyncio.Semaphore(FETCHES_EACH))
        try:
            async with own, self._turns:
                answer = await services.outside.get(source, ACCEPT)
            octets = answer.octets if answer.status == 200 else b""
        except Unreachable as why:
            log.info("picture not fetched", account=visit.account_id, why=str(why))
            octets = b""
        if not raster.sniffed(octets):
            octets = b""
        self._kept.put(source, (visit.now + KEPT_SECONDS, octets), len(octets) + 2 * len(source) + 200)
        return octets
