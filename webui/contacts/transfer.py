"""Contacts from a file, looked at before they are taken; and into one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.addressbook import card as reading
from mailserver.addressbook import contentlines, importing, tables
from mailserver.addressbook.books import Book, Entry
from mailserver.addressbook.importing import Candidate, Standing
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda.agenda_items import NewItem
from webui.contacts.page_context import Around, around, book_to_fill
from webui.http import headers
from webui.page import large_files
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import MailShell, surroundings

SHOWN = 100
"""Cards of a preview, and refused lines of a report."""
PORTION = 50
"""Cards of one unit: mail that arrives meanwhile waits no longer than that takes."""
FIELD = 1_500_000
"""Characters of one hidden field."""
COMPLETE, ADD = "completer", "ajouter"


@dataclass(frozen=True, slots=True)
class TransferPage:
    """Choose a file, or a format."""

    frame: MailShell
    around: Around
    book: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """What a file holds."""

    frame: MailShell
    around: Around
    book: Book
    shown: tuple[Candidate, ...]
    refused: tuple[Candidate, ...]
    counts: dict[str, int]
    packed: tuple[str, ...]
    refused_text: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReportPage:
    """What became of it."""

    frame: MailShell
    around: Around
    book: Book
    added: int
    completed: int
    skipped: int
    refused: tuple[str, ...]
    full: bool


async def show_import(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /contacts/importer."""
    page = TransferPage(
        await surroundings(services, visit), await around(services, visit, "importer"), visit.query("carnet"), fault
    )
    return services.pages.answer(visit, "contacts/transfer.html", page, 422 if fault else 200)


async def preview(services: Services, visit: Visit) -> Response:
    """POST /contacts/importer: nothing is stored yet."""
    _ = visit._
    file = next(iter(visit.form.files), None)
    octets = await file.read(importing.MAX_OCTETS + 1) if file is not None else b""
    if visit.form.oversize or len(octets) > importing.MAX_OCTETS:
        return await show_import(services, visit, _("Ce fichier dépasse 5 Mo : partagez-le en plusieurs."))
    if not octets:
        return await show_import(services, visit, _("Choisissez un fichier."))
    book = await _book(services, visit)
    entries = await services.books.entries(visit.account_id, book.name)
    try:
        judged, packed = await asyncio.to_thread(_judged, octets, entries)
    except ValueError:
        text = _(
            "Ce fichier n’est ni une fiche vCard (.vcf), ni un tableau CSV de contacts avec ses titres de colonnes."
        )
        return await show_import(services, visit, text)
    refused = [one for one in judged if one.standing is Standing.REFUSED]
    taken = [one for one in judged if one.standing is not Standing.REFUSED]
    page = PreviewPage(
        frame=await surroundings(services, visit),
        around=await around(services, visit, "importer"),
        book=book,
        shown=tuple(taken[:SHOWN]),
        refused=tuple(refused[:SHOWN]),
        counts={standing.value: sum(one.standing is standing for one in judged) for standing in Standing},
        packed=tuple(packed[start : start + FIELD] for start in range(0, len(packed), FIELD)),
        refused_text={"empty": _("ni nom, ni adresse"), "address": _("adresse e-mail incorrecte")},
    )
    return services.pages.answer(visit, "contacts/preview.html", page)


async def take(services: Services, visit: Visit) -> Response:
    """POST /contacts/importer/confirmer: what was looked at goes into the book."""
    book = await _book(services, visit)
    how = visit.form.text("doublons")
    entries = await services.books.entries(visit.account_id, book.name)
    try:
        judged = await asyncio.to_thread(_unpacked, "".join(visit.form.every("fichier")), entries)
    except ValueError:
        raise BadSyntax("Not what the preview sent") from None
    wanted = [one for one in judged if one.standing is Standing.NEW or how == ADD]
    twins = [one for one in judged if one.standing is Standing.KNOWN] if how == COMPLETE else []
    refused = [one.shown for one in judged if one.standing is Standing.REFUSED]
    became = importing.left_out(judged, wanted)
    added, full = await add(services, visit, book, wanted, entries, refused, became)
    completed = await _complete(services, visit, book, twins)
    page = ReportPage(
        frame=await surroundings(services, visit),
        around=await around(services, visit, "importer"),
        book=book,
        added=added,
        completed=completed,
        skipped=len(judged) - added - completed - len(refused),
        refused=tuple(refused[:SHOWN]),
        full=full,
    )
    return services.pages.answer(visit, "contacts/report.html", page)


async def export(services: Services, visit: Visit) -> Response:
    """GET /contacts/exporter?format=vcf|csv&carnet=: every card of a book, or of all."""
    name, kind = visit.query("carnet"), visit.query("format")
    if kind == "csv":
        make, fields = _table, headers.download(visit.secure, "text/csv", "contacts.csv")
        fields["Content-Type"] = "text/csv; charset=utf-8"
    else:
        make, fields = _cards, headers.download(visit.secure, "text/vcard", "contacts.vcf")
        fields["Content-Type"] = "text/vcard; charset=utf-8"
    books = await services.books.books(visit.account_id)
    size = sum(book.octets for book in books if not name or book.name == name)
    async with services.large.turn(visit.account_id, size):
        texts = await services.books.texts(visit.account_id, name)
        return await large_files.send(services, visit, await asyncio.to_thread(make, texts), fields)


# ---------------------------------------------------------------------- shared


async def _book(services: Services, visit: Visit) -> Book:
    return await book_to_fill(services, visit, visit.form.text("carnet"))


def _judged(octets: bytes, entries: Sequence[Entry]) -> tuple[list[Candidate], str]:
    """In a thread. Raises ValueError."""
    judged = importing.judge(importing.read(octets), entries)
    if not judged:
        raise ValueError("nothing in it")
    return judged, importing.pack(one for one in judged if one.standing is not Standing.REFUSED)


def _unpacked(packed: str, entries: Sequence[Entry]) -> list[Candidate]:
    """In a thread. Raises ValueError."""
    return importing.judge(importing.unpack(packed), entries)


async def add(
    services: Services,
    visit: Visit,
    book: Book,
    wanted: Sequence[Candidate],
    entries: Sequence[Entry],
    refused: list[str],
    became: dict[str, str],
) -> tuple[int, bool]:
    """How many were added, and whether the book was full before the end. `became`: `importing.item_of`."""
    taken = {entry.card.uid for entry in entries}
    wanted = sorted(wanted, key=lambda one: one.card.is_group)
    added = 0
    for start in range(0, len(wanted), PORTION):
        items, faults = await asyncio.to_thread(_items, wanted[start : start + PORTION], taken, became)
        refused += faults
        try:
            await services.books.put_items(visit.account_id, book.name, [(item, None) for item in items])
        except Refused as refusal:
            if refusal.reason is not Reason.LIMIT:
                raise
            return added, True
        added += len(items)
    return added, False


def _items(candidates: Sequence[Candidate], taken: set[str], became: dict[str, str]) -> tuple[list[NewItem], list[str]]:
    items, faults = [], []
    for candidate in candidates:
        try:
            items.append(importing.item_of(candidate, taken, became))
        except Refused:
            faults.append(candidate.shown)
    return items, faults


async def _complete(services: Services, visit: Visit, book: Book, twins: Sequence[Candidate]) -> int:
    """Contacts that are there learn what the file knows; who was changed meanwhile is left alone."""
    done: Counter[str] = Counter()
    for twin in twins:
        if twin.twin is None or twin.card.is_group:
            continue
        try:
            stored = await services.books.get(visit.account_id, book.name, twin.twin.href)
            item = await asyncio.to_thread(importing.completed, stored, twin, visit.now)
            if item is not None:
                await services.books.put_items(visit.account_id, book.name, [(item, stored.etag)])
                done[stored.href] += 1
        except Refused as refusal:
            if refusal.reason not in (Reason.CONFLICT, Reason.NOT_FOUND, Reason.LIMIT, Reason.TOO_BIG):
                raise
    return sum(done.values())


def _cards(texts: Sequence[str]) -> bytes:
    return "".join(texts).encode("utf-8", "replace")


def _table(texts: Sequence[str]) -> bytes:
    cards = (reading.read(lines) for text in texts for lines in contentlines.cards(text))
    return tables.write(card for card in cards if not card.is_group)
