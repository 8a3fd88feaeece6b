"""`mailserver recover`: what somebody removed for good is shown, and brought back for them."""

import json
import sys
from typing import Annotated

import typer

from mailserver.accounts.removed_items import ItemsBack, RemovedItem, RemovedItems
from mailserver.accounts.removed_mail import BroughtBack, RemovedMail
from mailserver.cli.accounts.desk import Desk, account_or_box, at_desk
from mailserver.cli.shared import AsJson, InstanceDir, fail, moment, origin, settings_of
from mailserver.foundation.settings import Settings
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.deleted.removed_messages import Found, Kept
from mailserver.texts.causes import utc
from mailserver.texts.command_line import _

SHOWN = 200

Who = Annotated[
    str,
    typer.Argument(metavar="LOGIN", help=_("L’identifiant ou une adresse ; d’une boîte fonctionnelle, son adresse.")),
]


def recover(
    directory: InstanceDir,
    login: Who,
    since: Annotated[str, typer.Option(metavar="DATE", help=_("Supprimés ce jour-là ou après : 2026-11-29."))] = "",
    sender: Annotated[str, typer.Option(help=_("Dont l’expéditeur contient ces mots."))] = "",
    subject: Annotated[str, typer.Option(help=_("Dont l’objet contient ces mots."))] = "",
    everything: Annotated[bool, typer.Option("--all", help=_("Remettre tous ceux qui sont trouvés."))] = False,
    agendas: Annotated[
        bool, typer.Option("--agendas", help=_("Non les messages, mais événements, tâches et contacts supprimés."))
    ] = False,
    apart: Annotated[bool, typer.Option("--apart", help=_("Les remettre dans le dossier « Récupérés »."))] = False,
    as_json: AsJson = False,
) -> None:
    """Show what somebody removed for good and is still kept, or put it back where it was."""
    if apart and not everything:
        fail(_("--apart va avec --all"))
    settings = settings_of(directory)
    if agendas:
        if since or sender or subject or apart:
            fail(_("--agendas ne va qu’avec --all"))
        _recover_items(settings, login, everything=everything, as_json=as_json)
        return
    removed_since = moment(settings, since)

    async def work(desk: Desk) -> tuple[Found, BroughtBack | None]:
        removed = RemovedMail(settings=settings, store=desk.store)
        viewer = Viewer(await account_or_box(desk, login, settings.domain))
        wanted = removed.wanted(sender=sender, subject=subject, since=removed_since)
        if everything:
            return Found(()), await removed.bring_all_back(viewer, origin(), wanted, apart=apart)
        return await removed.show_another(viewer, origin(), wanted, SHOWN), None

    found, done = at_desk(settings, work)
    if done is None:
        _show(found, as_json=as_json)
        return
    _tell(done, as_json=as_json)
    raise typer.Exit(1 if done.full else 0)


def _show(found: Found, *, as_json: bool) -> None:
    if found.more is not None:
        print(_("Il y en a d’autres ; --sender, --subject et --since en choisissent."), file=sys.stderr)
    if as_json:
        print(json.dumps([_facts(kept) for kept in found.messages], ensure_ascii=False))
        return
    for kept in found.messages:
        print(f"{utc(kept.at)}  {kept.folder}  {kept.sender_address or kept.sender}  {kept.subject}")
    if not found.messages:
        print(_("Aucun message supprimé n’est gardé."))


def _facts(kept: Kept) -> dict[str, object]:
    return {
        "removed": utc(kept.at),
        "received": utc(kept.internal_date),
        "folder": kept.folder,
        "sender": kept.sender_address,
        "subject": kept.subject,
        "size": kept.size,
    }


def _tell(done: BroughtBack, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"messages": done.count, "folders": done.folders, "full": done.full}, ensure_ascii=False))
        return
    print(_("{count} messages remis dans {folders}", count=done.count, folders=", ".join(done.folders) or "-"))
    if done.full:
        print(_("La boîte n’a pas assez de place pour les autres."))


# ---------------------------------------------------------------------- events, tasks, contacts


def _recover_items(settings: Settings, login: str, *, everything: bool, as_json: bool) -> None:
    async def work(desk: Desk) -> tuple[list[RemovedItem], ItemsBack | None]:
        removed = RemovedItems(settings=settings, store=desk.store)
        account_id = await account_or_box(desk, login, settings.domain)
        if everything:
            return [], await removed.bring_all_back(account_id, origin())
        return await removed.show_another(account_id, origin(), SHOWN), None

    found, done = at_desk(settings, work)
    if done is None:
        _show_items(found, as_json=as_json)
        return
    if as_json:
        print(json.dumps({"items": done.count, "full": done.full}))
    else:
        print(_("{count} événements, tâches et contacts remis en place", count=done.count))
        if done.full:
            print(_("Les agendas et carnets n’ont pas assez de place pour les autres."))
    raise typer.Exit(1 if done.full else 0)


def _show_items(found: list[RemovedItem], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_item_facts(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        print(f"{utc(one.at)}  {one.shown}  {one.day or '-'}  {one.title}")
    if not found:
        print(_("Aucun événement, tâche ou contact supprimé n’est gardé."))


def _item_facts(one: RemovedItem) -> dict[str, object]:
    day = one.day.isoformat() if one.day else ""
    kind = one.component or "VCARD"
    return {"removed": utc(one.at), "collection": one.shown, "kind": kind, "day": day, "title": one.title}
