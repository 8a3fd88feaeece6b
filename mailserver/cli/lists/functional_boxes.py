"""`mailserver list holders | acts`: who holds a functional box with which rights, and who did what in it."""

import datetime
from collections.abc import Sequence
from typing import Annotated

import typer

from directory.lists import rosters
from directory.lists.rosters import House
from mailserver.cli.accounts.account import user
from mailserver.cli.lists.lists import Address, as_text, own, whole_address, with_store
from mailserver.cli.shared import AsJson, InstanceDir, fail
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import access
from mailserver.store.mail.access import boxes
from mailserver.store.mail.access.rights import WORDS
from mailserver.store.people import lists
from mailserver.store.record.audit import Origin

WORDS_HELP = ", ".join(WORDS)


def holders(
    directory: InstanceDir,
    address: Address,
    wanted: Annotated[
        list[str] | None, typer.Option("--set", help=f"ADDRESS=RIGHTS, of {WORDS_HELP}; may be repeated.")
    ] = None,
    removed: Annotated[
        list[str] | None, typer.Option("--remove", help="Address of somebody who no longer holds it; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who holds a functional box, or change it; whoever is taken off loses their access within seconds."""
    settings = own(directory)
    whole = whole_address(settings, address)
    held = dict(_holder(settings, one) for one in wanted or ())
    gone = [whole_address(settings, one) for one in removed or ()]
    origin, house = Origin(user(), "console"), House.of(settings)

    def work(tx: Tx) -> dict[str, str]:
        if held or gone:
            rosters.hold(tx, house, whole, held, gone, origin)
        if not boxes.find(tx, whole):
            raise Refused(Reason.NOT_FOUND, f"{whole}: no such functional box")
        return dict(lists.holders(tx, whole))

    found = with_store(settings, lambda store: store.write(work))
    if as_json:
        print(as_text({"address": whole, "holders": found}))
        return
    for member, words in found.items():
        print(f"{member}  {words}")
    print(f"{len(found)} people hold {whole}.")


def _holder(settings: Settings, text: str) -> tuple[str, Sequence[str]]:
    member, separator, words = text.partition("=")
    if not separator or not member:
        fail(f"{text!r}: write ADDRESS=RIGHTS, such as rleroy=read,write,send")
    return whole_address(settings, member), [word for word in words.replace(",", " ").lower().split() if word]


def acts(
    directory: InstanceDir,
    address: Annotated[str, typer.Argument(help="Of a functional box, or of a person whose mailboxes others reach.")],
    limit: Annotated[int, typer.Option(min=1, max=20_000, help="How many, newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show who did what in the mailboxes of a functional box, or in those that a person shares."""
    settings = own(directory)
    whole = whole_address(settings, address)

    def look(tx: Tx) -> list[dict[str, object]]:
        owner = boxes.find(tx, whole)
        person = accounts.by_login(tx, whole.partition("@")[0]) if not owner else None
        if not owner and person is None:
            raise Refused(Reason.NOT_FOUND, f"{whole}: no such functional box")
        found = access.acts(tx, owner or (person.id if person else 0), limit)
        actors = {act.actor_id: accounts.get(tx, act.actor_id) for act in found}
        return [
            {
                "at": act.at,
                "account": act.actor_id,
                "login": actor.login if (actor := actors[act.actor_id]) else "",
                "mailbox": act.mailbox,
                "act": act.act,
                "messages": act.messages,
                "detail": act.detail,
            }
            for act in found
        ]

    found = with_store(settings, lambda store: store.read(look))
    if as_json:
        print(as_text(found))
        return
    for one in found:
        at = datetime.datetime.fromtimestamp(int(str(one["at"])), datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        print(f"{at}  {one['login']}  {one['act']}  {one['mailbox']}  {one['detail']}".rstrip())
    print(f"{len(found)} acts.")
