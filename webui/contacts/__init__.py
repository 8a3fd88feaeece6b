"""Contacts in the browser: own address books and those that others share, the directory, the latest correspondents.

The cards are those that CardDAV serves. Every address works in both interfaces (`/contacts`, `/s/contacts`), every
action is a form, and nothing here needs a script.

`contact_list` lists them, `cards` shows and changes one by the form of `card_form`; `groups`; `books_page` the books,
and contacts that may be one person; `senders` those who are trusted; `transfer` files in and out, `from_message` out of
a message; `directory` the academy's people; `page_context` addresses and frame.
"""

from collections.abc import Sequence

from starlette.routing import Route

from webui.contacts import books_page, cards, contact_list, directory, groups, senders, transfer
from webui.page.dispatch import Doors

CARD = "/contacts/fiche/{book}/{href}"


def routes(doors: Doors) -> Sequence[Route]:
    """The pages of contacts, for either interface."""
    visit = doors.visit
    return [
        Route("/contacts", visit(contact_list.show_contacts)),
        Route("/contacts/recents", visit(contact_list.recent)),
        Route("/contacts/annuaire", visit(directory.show_directory)),
        Route("/contacts/annuaire/{address}", visit(directory.one)),
        Route("/contacts/nouveau", visit(cards.begin), methods=["GET"]),
        Route("/contacts/nouveau", visit(cards.create, files=True), methods=["POST"]),
        Route("/contacts/groupe", visit(groups.begin), methods=["GET"]),
        Route("/contacts/groupe", visit(groups.create), methods=["POST"]),
        Route("/contacts/carnets", visit(books_page.show_books), methods=["GET"]),
        Route("/contacts/carnets", visit(books_page.change), methods=["POST"]),
        Route("/contacts/carnets/{shelf:key}/partage", visit(books_page.shared), methods=["GET"]),
        Route("/contacts/carnets/{shelf:key}/partage", visit(books_page.share), methods=["POST"]),
        Route("/contacts/doublons", visit(books_page.alike_ones), methods=["GET"]),
        Route("/contacts/doublons", visit(books_page.merge), methods=["POST"]),
        Route("/contacts/expediteurs", visit(senders.show_senders), methods=["GET"]),
        Route("/contacts/expediteurs", visit(senders.change), methods=["POST"]),
        Route("/contacts/importer", visit(transfer.show_import), methods=["GET"]),
        Route("/contacts/importer", visit(transfer.preview, files=True), methods=["POST"]),
        Route("/contacts/importer/confirmer", visit(transfer.take), methods=["POST"]),
        Route("/contacts/exporter", visit(transfer.export)),
        Route(CARD, visit(cards.show_card), methods=["GET"]),
        Route(CARD, visit(cards.act), methods=["POST"]),
        Route(f"{CARD}/modifier", visit(cards.edit), methods=["GET"]),
        Route(f"{CARD}/modifier", visit(cards.change, files=True), methods=["POST"]),
        Route(f"{CARD}/photo", visit(cards.photo)),
    ]
