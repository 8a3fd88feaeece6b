"""The messages that a letter answers, quotes or passes on: one's own, or in a mailbox of others that one may read now.

They are looked up each time they are needed, never remembered: a right that was withdrawn while somebody wrote is gone.
"""

from dataclasses import dataclass

from mailserver.mime import Part, unpack
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Stored
from webui.page.context import Services, Visit
from webui.reader import message_parts
from webui.reader.content import plain_text


@dataclass(frozen=True, slots=True)
class Source:
    """A message: what is stored of it, its octets, its parts."""

    stored: Stored
    octets: bytes
    root: Part


async def message(
    services: Services, visit: Visit, content_id: int, box_id: int = 0, *, upto: int | None = None
) -> Source:
    """A message of the person, or in the mailbox `box_id`; no more than its first `upto` octets.

    Raises Refused(NOT_FOUND | NO_SUCH_MAILBOX | FORBIDDEN).
    """
    if box_id:
        stored, octets = await message_parts.load_from(services, visit, content_id, box_id, upto=upto)
    else:
        stored = await services.store.read(webmail.stored, visit.account_id, content_id)
        folder = services.store.blobs
        octets = await services.store.read(webmail.octets, visit.account_id, content_id, folder, upto)
    return Source(stored, octets, unpack(stored.parts))


async def with_text(services: Services, visit: Visit, content_id: int, box_id: int = 0) -> Source:
    """A message as far as its text is to be quoted: of most the beginning, of one whose text goes on behind a large
    attachment all. Raises as `message`."""
    source = await message(services, visit, content_id, box_id, upto=message_parts.TEXT_OCTETS)
    if plain_text.is_beyond(source.root, len(source.octets)):
        return await message(services, visit, content_id, box_id)
    return source
