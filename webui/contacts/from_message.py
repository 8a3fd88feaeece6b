"""Contacts that a message brings as a file, put into an address book from the page that shows them."""

import asyncio

from starlette.responses import Response

from mailserver.addressbook import importing
from mailserver.addressbook.importing import Standing
from webui.contacts import transfer
from webui.contacts.page_context import book_to_fill
from webui.page.context import Services, Visit
from webui.page.rendering import redirect
from webui.reader import attachments
from webui.reader.content import preview_kinds


async def take(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/apercu/{number}/contacts: whom the chosen book has not yet. Raises Refused(NOT_FOUND)."""
    octets, back = await attachments.content_of(services, visit, preview_kinds.CARDS)
    book = await book_to_fill(services, visit, visit.form.text("ou"))
    entries = await services.books.entries(visit.account_id, book.name)
    try:
        read = await asyncio.to_thread(importing.read, octets[: importing.MAX_OCTETS])
    except ValueError:
        return redirect(visit, back, dit="refus", _at="annonce")
    judged = await asyncio.to_thread(importing.judge, read, entries)
    wanted = [one for one in judged if one.standing is Standing.NEW]
    became = importing.left_out(judged, wanted)
    added, full = await transfer.add(services, visit, book, wanted, entries, [], became)
    if full:
        return redirect(visit, back, dit="plein", _at="annonce")
    return redirect(visit, back, dit="contacts" if added else "deja-contacts", n=added, _at="annonce")
