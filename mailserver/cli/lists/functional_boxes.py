"""`mailserver list holders | acts`: who holds a functional box with which rights, and who did what in it."""

import datetime
import sys
from collections.abc import Sequence
from typing import Annotated, cast

import typer

from directory.lists import rosters
from directory.lists.rosters import ListSettings
from mailserver.cli.lists.common import Address, as_text, own, whole_address
from mailserver.cli.shared import AsJson, InstanceDir, fail, origin, with_help, with_store
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import access
from mailserver.store.mail.access import boxes
from mailserver.store.mail.access.rights import WORDS
from mailserver.store.people.mailing_lists import lists
from mailserver.texts.causes import Cause
from mailserver.texts.command_line import LANGUAGE, _

WORDS_HELP = ", ".join(WORDS)


@with_help(
    _(
        "Montrer qui détient une boîte fonctionnelle, ou le changer ; qui en est retiré perd son "
        "accès en quelques secondes."
    )
)
def holders(
    directory: InstanceDir,
    address: Address,
    wanted: Annotated[
        list[str] | None,
        typer.Option("--set", help=_("ADRESSE=DROITS, parmi {words} ; peut être répété.", words=WORDS_HELP)),
    ] = None,
    removed: Annotated[
        list[str] | None,
        typer.Option("--remove", help=_("Adresse de quelqu’un qui ne la détient plus ; peut être répété.")),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who holds a functional box, or change it; whoever is taken off loses their access within seconds."""
    settings = own(directory)
    whole = whole_address(settings, address)
    held = dict(_holder(settings, text) for text in wanted or ())
    gone = [whole_address(settings, address) for address in removed or ()]
    by, list_settings = origin(), ListSettings.of(settings)

    def work(tx: Tx) -> dict[str, str]:
        if held or gone:
            rosters.hold(tx, list_settings, whole, held, gone, by)
        if not boxes.find(tx, whole):
            raise Refused(Reason.NOT_FOUND, _("{whole} : cette boîte fonctionnelle n’existe pas", whole=whole))
        return dict(lists.holders(tx, whole))

    found = with_store(settings, lambda store: store.write(work))
    if as_json:
        print(as_text({"address": whole, "holders": found}))
        return
    for member, words in found.items():
        print(f"{member}  {words}")
    print(_("{count} personnes détiennent {whole}.", count=len(found), whole=whole))


def _holder(settings: Settings, text: str) -> tuple[str, Sequence[str]]:
    member, separator, words = text.partition("=")
    if not separator or not member:
        fail(_("{text!r} : écrivez ADRESSE=DROITS, par exemple rleroy=read,write,send", text=text))
    return whole_address(settings, member), [word for word in words.replace(",", " ").lower().split() if word]


@with_help(
    _("Montrer qui a fait quoi dans les dossiers d’une boîte fonctionnelle, ou dans ceux qu’une personne partage.")
)
def acts(
    directory: InstanceDir,
    address: Annotated[
        str,
        typer.Argument(help=_("D’une boîte fonctionnelle, ou d’une personne dont d’autres atteignent les dossiers.")),
    ],
    limit: Annotated[int, typer.Option(min=1, max=20_000, help=_("Combien, les plus récents d’abord."))] = 100,
    as_json: AsJson = False,
) -> None:
    """Show who did what in the mailboxes of a functional box, or in those that a person shares."""
    settings = own(directory)
    whole = whole_address(settings, address)

    def look(tx: Tx) -> list[dict[str, object]]:
        owner = boxes.find(tx, whole)
        person = accounts.by_login(tx, whole.partition("@")[0]) if not owner else None
        if not owner and person is None:
            raise Refused(Reason.NOT_FOUND, _("{whole} : cette boîte fonctionnelle n’existe pas", whole=whole))
        found = access.acts(tx, owner or (person.id if person else 0), limit + 1)
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
                "code": act.detail.name if act.detail else "",
                "parameters": act.detail.facts["values"] if act.detail else {},
            }
            for act in found
        ]

    found = with_store(settings, lambda store: store.read(look))
    if len(found) > limit:
        del found[limit:]
        print("mailserver: " + _("Il y en a d’autres, plus anciens : --limit."), file=sys.stderr)
    if as_json:
        print(as_text(found))
        return
    for one in found:
        at = datetime.datetime.fromtimestamp(int(str(one["at"])), datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        detail = cast(Cause, one["detail"]).to(LANGUAGE)
        print(f"{at}  {one['login']}  {one['act']}  {one['mailbox']}  {detail}".rstrip())
    print(_("{count} actes.", count=len(found)))
