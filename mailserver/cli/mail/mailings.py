"""`mailserver mailings`: messages to very many people: what they are, what is decided about them, how far they are."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from mailserver.cli.accounts.desk import Desk, at_desk
from mailserver.cli.open_delivery import open_delivery
from mailserver.cli.shared import AsJson, InstanceDir, date, fail, origin, settings_of, with_help
from mailserver.model.errors import Refused
from mailserver.outbound.mailings.decisions import Mailings, reach_of, version_of
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import Mailing, State
from mailserver.texts.command_line import _, of_error

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)
PAGE = 200

Number = Annotated[int, typer.Argument(metavar="ID", help=_("Numéro de l’envoi, tel que `mailings list` le montre."))]

Version = Annotated[
    str,
    typer.Argument(
        metavar="VERSION", help=_("Ce que `mailings show` en dit : si l’envoi a changé depuis, il n’est pas approuvé.")
    ),
]


@app.command("list")
@with_help(_("Montrer les envois en nombre, les derniers d’abord."))
def listing(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show mailings, the newest first."""

    async def work(desk: Desk, _decides: Mailings) -> list[Mailing]:
        return await desk.store.read(mailings.listing, 0, PAGE)

    found = _deciding(directory, work)
    if as_json:
        print(json.dumps([_facts(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        print(f"{one.id}  {date(one.at)}  {_state(one)}  {one.login or one.reverse_path}  {one.subject}")
    print(_("{count} envois en nombre.", count=len(found)))


@app.command()
@with_help(_("Montrer un envoi en nombre : qui le reçoit, où il en est, et combien de chaque établissement l’ont lu."))
def show(directory: InstanceDir, number: Number, as_json: AsJson = False) -> None:
    """Show one: who gets it, how far it is, how many of each school have read it."""

    async def work(desk: Desk, decides: Mailings) -> tuple[Mailing, list[dict[str, Any]]]:
        one = await desk.store.read(mailings.get, number)
        readers = await decides.readers(one) if one.started else []
        return one, [asdict(each) for each in readers]

    one, readers = _deciding(directory, work)
    if as_json:
        print(json.dumps({**_facts(one), "reach": asdict(reach_of(one)), "readers": readers}, ensure_ascii=False))
        return
    print(f"{one.id}  {date(one.at)}  {_state(one)}  {one.login or one.reverse_path}  {one.subject}")
    print(_("{people} personnes ici, {outside} à l’extérieur", people=one.people, outside=one.outside))
    for name, count in reach_of(one).populations:
        print(f"  {name or '-'}: {count}")
    print(_("{done} servis sur {total}", done=one.done, total=one.total))
    if one.state is State.WAITING:
        print(_("version {version}", version=version_of(one)))
    for each in readers:
        school = each["school"] or "-"
        print(_("{school} : {read} lus sur {people}", school=school, read=each["read"], people=each["people"]))


@app.command()
@with_help(_("Approuver un envoi en nombre : il part, à son heure."))
def approve(directory: InstanceDir, number: Number, version: Version, as_json: AsJson = False) -> None:
    """Approve one, as it was shown: it leaves, at its time."""
    _act(directory, number, lambda decides: decides.approve(number, version, origin()), as_json=as_json)


@app.command()
@with_help(_("Refuser un envoi en nombre ; son auteur est prévenu."))
def refuse(
    directory: InstanceDir,
    number: Number,
    reason: Annotated[str, typer.Option(metavar="TEXT", help=_("Ce que son auteur en lit."))] = "",
    as_json: AsJson = False,
) -> None:
    """Refuse one; its author is told."""
    _act(directory, number, lambda decides: decides.refuse(number, origin(), reason), as_json=as_json)


@app.command()
@with_help(_("Arrêter un envoi en nombre : personne d’autre ne le reçoit."))
def stop(directory: InstanceDir, number: Number, as_json: AsJson = False) -> None:
    """Stop one: nobody else gets it."""
    _act(directory, number, lambda decides: decides.stop(number, origin()), as_json=as_json)


@app.command()
@with_help(_("Reprendre un envoi en nombre qui est arrêté."))
def resume(directory: InstanceDir, number: Number, as_json: AsJson = False) -> None:
    """Resume one that was stopped."""
    _act(directory, number, lambda decides: decides.resume(number, origin()), as_json=as_json)


@app.command("take-back")
@with_help(_("Annuler un envoi en nombre : ce qui n’est pas lu quitte les boîtes, ce qui l’est y est marqué annulé."))
def take_back(directory: InstanceDir, number: Number, as_json: AsJson = False) -> None:
    """Take one back: unread copies vanish, those that were read are marked."""
    _act(directory, number, lambda decides: decides.take_back(number, origin()), as_json=as_json)


def _act(directory: Path, number: int, act: Callable[[Mailings], Awaitable[object]], *, as_json: bool) -> None:
    async def work(desk: Desk, decides: Mailings) -> Mailing:
        await act(decides)
        return await desk.store.read(mailings.get, number)

    one = _deciding(directory, work)
    print(json.dumps(_facts(one), ensure_ascii=False) if as_json else f"{one.id}  {_state(one)}  {one.subject}")


def _state(one: Mailing) -> str:
    share = f" {one.done}/{one.total}" if one.total else ""
    return f"{one.state.value}{share}"


def _facts(one: Mailing) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": one.at,
        "author": one.login,
        "sender": one.reverse_path,
        "subject": one.subject,
        "state": one.state.value,
        "version": version_of(one),
        "people": one.people,
        "outside": one.outside,
        "due": one.due,
        "total": one.total,
        "reached": one.reached,
        "queued": one.queued,
        "actor": one.actor,
        "reason": one.reason,
    }


def _deciding(directory: Path, work: Callable[[Desk, Mailings], Awaitable[T]]) -> T:
    settings = settings_of(directory)

    async def opened(desk: Desk) -> T:
        store = desk.store
        with open_delivery(settings, store) as (people, delivery):
            decides = Mailings(
                settings=settings,
                store=store,
                directory=people,
                delivery=delivery,
                withdrawals=Withdrawals(settings=settings, store=store, clock=store.clock),
                clock=store.clock,
            )
            try:
                return await work(desk, decides)
            except Refused as refusal:
                fail(of_error(refusal), 1)

    return at_desk(settings, opened)
