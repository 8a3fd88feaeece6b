"""Attachments of a letter: from the form, from messages that are passed on, from another message."""

from collections.abc import Sequence
from dataclasses import replace

from starlette.datastructures import UploadFile

from mailserver.mime.header.headers import clean as clean_text
from mailserver.mime.writing.compose import Attachment
from webui.compose.message import message_form, sources
from webui.compose.message.message_form import Letter
from webui.http import headers
from webui.http.forms import positive
from webui.http.offload import computed
from webui.page.context import Services, Visit
from webui.reader import message_parts

MAX_TAKEN = 100
"""Pieces of other messages taken along at once."""


def without(attachments: Sequence[Attachment], number: str) -> list[Attachment]:
    """All but the one of this number."""
    return [one for place, one in enumerate(attachments) if str(place) != number]


def new(added: Sequence[Attachment], before: Sequence[Attachment]) -> list[Attachment]:
    """What of `added` the draft does not hold: a form that is posted twice brings its files twice."""
    held = {(one.name, one.octets) for one in before}
    return [one for one in added if (one.name, one.octets) not in held]


def changed(visit: Visit, before: Sequence[Attachment]) -> str:
    """What is to be asked when the draft holds more or fewer files than the form showed (`pieces`); empty: nothing."""
    files = [one.name for one in before if not one.content_id]
    if not visit.form.has("pieces") or visit.form.number("pieces") == len(files):
        return ""
    if not files:
        return visit._("Les pièces jointes de ce message ne sont plus là : il partira sans elles.")
    text = visit._("Les pièces jointes de ce message ont changé dans une autre fenêtre. Il partira avec : %(names)s.")
    return text % {"names": ", ".join(files)}


def pruned(letter: Letter, attachments: Sequence[Attachment]) -> list[Attachment]:
    """Without the pictures that the text shows no more; of a plain letter they are files."""
    if not letter.html:
        return [replace(attachment, content_id="") for attachment in attachments]
    return [
        attachment
        for attachment in attachments
        if not attachment.content_id or f"cid:{attachment.content_id}" in letter.html
    ]


async def added(services: Services, visit: Visit, letter: Letter) -> list[Attachment]:
    """Files that came with the form, and what was ticked of the messages that are passed on.

    Raises Refused(NOT_FOUND | NO_SUCH_MAILBOX | FORBIDDEN) when one of these is not to be had any more.
    """
    found = [await uploaded(file) for file in visit.form.files]
    for wanted in visit.form.every("reprise")[:MAX_TAKEN]:
        kind, _, number = wanted.partition(":")
        if kind == "eml" and positive(number) in letter.forwards:
            found.append(await whole(services, visit, positive(number), letter.box))
    pieces = [one for one in visit.form.every("reprise")[:MAX_TAKEN] if not one.startswith("eml")]
    if pieces and letter.forwards:
        found += await taken(services, visit, letter.forwards[0], pieces, letter.box)
    return found


async def uploaded(file: UploadFile, content_id: str = "") -> Attachment:
    """A file of a form; with a content id, a picture (of a type browsers show) for the text."""
    name = clean_text(file.filename or "").replace("\\", "/").rpartition("/")[2][: message_form.MAX_NAME]
    kind = (file.content_type or "").partition(";")[0].strip() or "application/octet-stream"
    shown = content_id if kind in headers.INLINE_TYPES else ""
    octets = await file.read()
    charset = "utf-8" if kind.startswith("text/") and await computed(len(octets), _is_utf8, octets) else ""
    return Attachment(name or "piece-jointe", kind, octets, shown, charset)


def _is_utf8(octets: bytes) -> bool:
    """Whether it is, and no ASCII, which needs not be said."""
    if octets.isascii():
        return False
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


async def whole(services: Services, visit: Visit, content_id: int, box_id: int) -> Attachment:
    """A message as a file, as others may have it. Raises as `sources.message`."""
    source = await sources.message(services, visit, content_id, box_id)
    subject = source.root.header(source.octets, "Subject") or "message"
    octets = await message_parts.for_others(source.stored, source.octets)
    return Attachment(f"{subject[:100]}.eml", "message/rfc822", octets)


async def taken(
    services: Services, visit: Visit, content_id: int, numbers: Sequence[str], box_id: int
) -> list[Attachment]:
    """Attachments of a message, and what it shows within its text. Raises as `sources.message`."""
    source = await sources.message(services, visit, content_id, box_id)
    wanted = set(numbers)
    return [
        message_parts.file(part, source.octets)
        for part in (*source.root.attachments(), *message_parts.within(source.root))
        if part.number in wanted
    ]
