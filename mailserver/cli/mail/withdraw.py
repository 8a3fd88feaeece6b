"""`mailserver withdraw`: take a message back from every mailbox, bring it back, show what was taken."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from mailserver.cli.shared import (
    AsJson,
    InstanceDir,
    date,
    fail,
    log_aside,
    origin,
    settings_of,
    with_help,
    with_store,
)
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.outbound.withdrawal.service import Preview, Withdrawals
from mailserver.store.engine.transactions import Store
from mailserver.store.withdrawal import rows
from mailserver.store.withdrawal.rows import REFUSED_DAYS, Withdrawal
from mailserver.texts.causes import Cause
from mailserver.texts.command_line import _

app = typer.Typer(no_args_is_help=True)

MessageId = Annotated[
    str, typer.Argument(metavar="MESSAGE-ID", help=_("Tel qu’il est dans l’en-tête du message, avec ou sans < >."))
]
Alike = Annotated[
    bool,
    typer.Option("--campaign", help=_("Aussi les autres messages de cet expéditeur avec cet objet, depuis 30 jours.")),
]
Days = Annotated[
    int, typer.Option("--refuse", metavar="DAYS", help=_("Jours de refus des copies : 0, 1, 7, 30 ou 90."))
]
Chosen = Annotated[
    int,
    typer.Option(
        "--content",
        metavar="ID",
        help=_("Lequel, si plusieurs portent cet identifiant ; sans lui, ils sont montrés."),
        min=0,
    ),
]
Number = Annotated[
    int, typer.Argument(metavar="ID", help=_("Numéro du retrait, tel que `withdraw list` le montre."), min=1)
]


@dataclass(frozen=True, slots=True)
class _Done:
    """An act, gone through once."""

    act: Withdrawal
    accounts: int


@app.command()
@with_help(_("Montrer combien de messages seraient retirés, et lesquels. Rien n’est fait."))
def show(
    directory: InstanceDir,
    message_id: MessageId,
    alike: Alike = False,
    chosen: Chosen = 0,
    as_json: AsJson = False,
) -> None:
    """Show what would be taken back. Nothing is done."""
    settings = settings_of(directory)

    async def work(store: Store) -> Preview:
        return await _preview(settings, store, message_id, chosen, alike=alike)

    found = with_store(settings, work)
    if as_json:
        print(json.dumps(asdict(found.reached)))
        return
    for one in found.samples:
        print(f"{date(one.sent_at)}  {one.sender}  {one.subject}  {one.messages}")
    print(_("{count} messages chez {people} personnes.", count=found.reached.messages, people=found.reached.accounts))
    if found.reached.kept:
        print(_("{count} gardés par des listes : archives, condensés, modération.", count=found.reached.kept))
    if found.reached.removed:
        print(
            _("{count} que leurs lecteurs ont supprimés ne pourront plus être récupérés.", count=found.reached.removed)
        )


@app.command()
@with_help(_("Retirer un message de toutes les boîtes. Pendant 30 jours `restore` le remet où il était."))
def take(
    directory: InstanceDir,
    message_id: MessageId,
    alike: Alike = False,
    chosen: Chosen = 0,
    refuse: Days = 7,
    as_json: AsJson = False,
) -> None:
    """Take a message back from every mailbox."""
    settings = settings_of(directory)
    if refuse not in REFUSED_DAYS:
        fail(_("--refuse : 0, 1, 7, 30 ou 90"))

    async def work(store: Store) -> _Done:
        service = _service(settings, store)
        preview = await _preview(settings, store, message_id, chosen, alike=alike)
        number = await service.begin(preview, refuse, origin())
        # A worker of the service may have been faster; what is left is for the one that comes last.
        if await store.write(rows.claim, number, store.worker):
            await service.work(number)
        return _Done(await store.read(rows.get, number), (await store.read(rows.kept, number))[1])

    done = with_store(settings, work)
    if as_json:
        print(json.dumps({"id": done.act.id, "messages": done.act.taken, "accounts": done.accounts}))
        return
    print(
        _(
            "Retrait {number} : {count} messages chez {people} personnes.",
            number=done.act.id,
            count=done.act.taken,
            people=done.accounts,
        )
    )


@app.command("list")
@with_help(_("Montrer les retraits, les plus récents d’abord."))
def list_(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show the acts of taking back, newest first."""

    async def work(store: Store) -> list[Withdrawal]:
        found = await store.read(rows.listing)
        while page := await store.read(rows.listing, found[-1].id if found else 1):
            found += page
        return found

    found = with_store(settings_of(directory), work)
    if as_json:
        print(json.dumps([_facts(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        facts = one.likeness.facts
        until = date(one.refused_until) if one.refused_until else "-"
        counts = f"{one.taken}/{one.restored}/{one.refused}"
        print(f"{one.id}  {date(one.at)}  {one.state.value}  {counts}  {until}  {facts.sender}  {facts.subject}")
    print(_("{count} retraits.", count=len(found)))


@app.command()
@with_help(_("Remettre où ils étaient les messages d’un retrait, et accepter de nouveau les copies."))
def restore(directory: InstanceDir, number: Number, as_json: AsJson = False) -> None:
    """Bring the messages of an act back."""
    settings = settings_of(directory)

    async def work(store: Store) -> Withdrawal:
        service = _service(settings, store)
        await service.undo(number, origin())
        if await store.write(rows.claim, number, store.worker):
            await service.work(number)
        return await store.read(rows.get, number)

    act = with_store(settings, work)
    if as_json:
        print(json.dumps(_facts(act), ensure_ascii=False))
        return
    print(_("Retrait {number} : {count} messages sont revenus.", number=act.id, count=act.restored))


def _service(settings: Settings, store: Store) -> Withdrawals:
    log_aside()
    return Withdrawals(settings=settings, store=store, clock=store.clock)


async def _preview(settings: Settings, store: Store, message_id: str, chosen: int, *, alike: bool) -> Preview:
    service = _service(settings, store)
    found = await service.variants(0, message_id)
    if not found:
        raise Refused(Reason.NOT_FOUND, Cause("no-such-message-id"))
    if chosen or len(found) == 1:
        content_id = chosen or found[0][0]
        if content_id not in [number for number, _ in found]:
            raise Refused(Reason.NOT_FOUND, Cause("no-such-message-id"))
        return await service.preview(content_id, alike=alike)
    for number, one in found:
        print(f"{number}  {one.sent_by.proof.name.lower()}  {one.facts.sender}  {one.facts.subject}")
    raise Refused(Reason.CONFLICT, Cause("several-of-message-id"))


def _facts(one: Withdrawal) -> dict[str, object]:
    """As JSON says it."""
    facts = one.likeness.facts
    return {
        "id": one.id,
        "at": one.at,
        "actor": one.actor,
        "state": one.state.value,
        "campaign": one.likeness.alike,
        "message_id": facts.message_id,
        "sender": facts.sender,
        "subject": facts.subject,
        "taken": one.taken,
        "restored": one.restored,
        "refused": one.refused,
        "refused_until": one.refused_until,
        "expires": one.expires,
    }
