"""`mailserver list archive`: what a list keeps of what it has sent on; take a message out of it, or all of them."""

from typing import Annotated

import typer

from directory.lists import archive_readers, rosters
from mailserver.cli.lists.common import Address, as_text, own, read, whole_address, write
from mailserver.cli.shared import AsJson, InstanceDir, fail, origin, with_help
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail.posts import archived_posts
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.web import archive_pages
from mailserver.store.web.archive_view import ArchiveView
from mailserver.texts.causes import utc
from mailserver.texts.command_line import _

SHOWN = 50


@with_help(_("Montrer ce qu’une liste garde de ce qu’elle a diffusé, ou en retirer des messages."))
def archive(
    directory: InstanceDir,
    address: Address,
    remove: Annotated[
        list[int] | None,
        typer.Option(
            "--remove", metavar="ID", min=1, help=_("Retirer ce message ; les boîtes le gardent. Peut être répété.")
        ),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help=_("Retirer tous les messages."))] = False,
    limit: Annotated[int, typer.Option(min=0, max=archive_pages.MAX_POSTS, help=_("Messages à montrer."))] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """Show what a list keeps of what it has sent on, or take messages out of it."""
    settings = own(directory)
    whole = whole_address(settings, address)
    if remove and clear:
        fail(_("--remove et --clear s’excluent"))
    entry = read(settings, lambda tx: rosters.require(tx, whole))
    if remove or clear:
        count = write(settings, lambda tx: _take_out(tx, entry, remove or ()))
        facts = {"address": whole, "removed": count}
        print(as_text(facts) if as_json else _("{whole} : {count} messages retirés.", whole=whole, count=count))
        return
    found = read(settings, lambda tx: archive_pages.newest(tx, ArchiveView(entry.address), limit))
    counts = read(settings, lambda tx: archived_posts.by_readers(tx, entry.address))
    count = sum(counts.values())
    octets = read(settings, lambda tx: archived_posts.octets(tx, entry.address))
    if as_json:
        posts = [{"id": one.id, "date": one.date, "author": one.author, "subject": one.subject} for one in found]
        facts = {"address": whole, "readers": entry.archive.value, "count": count, "readers_then": counts}
        facts["octets"] = octets
        print(as_text({**facts, "posts": posts}))
        return
    for one in found:
        print(f"{one.id}  {utc(one.date)}  {one.author}  {one.subject}")
    print(_("{count} messages, lus par : {readers}.", count=count, readers=entry.archive.value))
    print(
        _(
            "{octets} octets sur {most} : au-delà, les plus anciens partent.",
            octets=octets,
            most=settings.lists.archive_size,
        )
    )
    if counts:
        then = ", ".join(f"{readers} {many}" for readers, many in counts.items())
        print(_("Lecteurs d’alors, qui le restent : {then} ; `list set --older` ajoute ceux d’à présent.", then=then))


def _take_out(tx: Tx, entry: ListEntry, numbers: list[int] | tuple[()]) -> int:
    """Those of these numbers, or all. Raises Refused(NOT_FOUND)."""
    if not numbers:
        return archive_readers.clear(tx, entry.address, origin())
    for number in numbers:
        archive_readers.take_out(tx, entry.address, number, origin())
    return len(numbers)
