"""`mailserver account secure`: somebody else has got into an account."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from mailserver.cli.accounts.desk import Desk, Name, at_desk
from mailserver.cli.accounts.log import event_facts
from mailserver.cli.shared import AsJson, InstanceDir, date, fail, log_aside, origin, settings_of
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.outbound.withdrawal.hijacked import HijackedAccounts, Left, reached
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.record.audit import Event
from mailserver.store.upkeep.recent_gifts import Received
from mailserver.store.upkeep.securing import Secured
from mailserver.store.withdrawal import rows
from mailserver.texts.causes import utc
from mailserver.texts.command_line import LANGUAGE, _

SHOWN = 50
"""Shares that are named; `--json` has all."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the account got, did and sent in the last two days, which stays."""

    received: list[Received]
    acts: list[Event]
    left: Left


TakeBack = Annotated[
    bool,
    typer.Option("--take-back", help=_("Retirer aussi des boîtes de l’académie ce qui est parti depuis 48 heures.")),
]
Undo = Annotated[
    bool,
    typer.Option(
        "--undo", help=_("Fausse alerte : remettre filtres, transfert, mots de passe d’application, partages, envois.")
    ),
]


def secure(
    directory: InstanceDir, name: Name, take_back: TakeBack = False, undo: Undo = False, as_json: AsJson = False
) -> None:
    """Switch off what somebody who got into an account could go on with, and show what left."""
    settings = settings_of(directory)
    log_aside()
    if undo:
        if take_back:
            fail(_("dites --take-back ou --undo, pas les deux"))
        _undo(settings, name, as_json=as_json)
        return

    async def work(desk: Desk) -> tuple[str, str, Secured, Found, int]:
        account = await desk.accounts.find(name)
        try:
            code = (await desk.accounts.reset(name)).text
        except Refused as refusal:
            if refusal.reason is not Reason.READ_ONLY_DIRECTORY:
                raise
            code = ""
        service = _service(settings, desk)
        done = await service.secure(account.principal, origin())
        who = account.principal
        found = Found(await service.received(who), await service.acts(who), await service.left(who))
        begun = await _take_back(settings, desk, account.principal.login) if take_back else 0
        return account.principal.login, code, done, found, begun

    login, code, done, found, begun = at_desk(settings, work)
    left = found.left
    if as_json:
        facts = {**asdict(done), **_facts(found)}
        print(json.dumps({"login": login, "code": code, **facts, "withdrawals": begun}))
        return
    _tell(login, code, done)
    _tell_kept(found)
    for one in left.here:
        print(f"{date(one.at)}  {one.message_id}  {one.subject}  {one.mailboxes}")
    for step in left.steps:
        print(f"{date(step.at)}  {step.step.value}  {step.name}  {' '.join(reached(step)[:5])}")
    if left.more:
        print(_("Seuls les plus récents sont montrés."))
    print(_("{count} messages dans des boîtes de l’académie depuis 48 heures.", count=len(left.here)))
    if take_back:
        print(_("{count} retraits.", count=begun))
    elif left.here:
        print(_("Pour les retirer : la même commande avec --take-back."))


def _tell(login: str, code: str, done: Secured) -> None:
    print(
        _(
            "{login} : {sessions} sessions fermées, {devices} mots de passe d’application révoqués, "
            "{queued} envois retenus.",
            login=login,
            sessions=done.sessions,
            devices=len(done.devices),
            queued=done.queued,
        )
    )
    if done.filter:
        print(_("Filtre éteint : {name}", name=done.filter))
    if done.forward:
        print(_("Transfert arrêté : {address}", address=done.forward))
    if done.factor:
        print(_("Double authentification de moins de 48 heures retirée."))
    if done.codes:
        print(_("Codes de secours annulés : {count}", count=done.codes))
    if done.handed_out:
        print(_("Codes donnés à d’autres depuis 48 heures, annulés : {count}", count=done.handed_out))
    for login in done.opened[:SHOWN]:
        print(_("Ouvert avec un code de ce compte, à vérifier : {login}", login=login))
    if len(done.opened) > SHOWN:
        print(_("… et {count} autres.", count=len(done.opened) - SHOWN))
    _tell_shared([_("Partage arrêté : {place}, avec {who}", place=one.place, who=one.who) for one in done.shared])
    if code:
        print(_("Nouveau code, à remettre en main propre : {code}", code=code))
    else:
        print(_("L’annuaire appartient à quelqu’un d’autre : changez-y le mot de passe maintenant."))


def _tell_kept(found: Found) -> None:
    """What stays as it is, for whoever secures the account to undo."""
    given = [
        _("Reçu depuis 48 heures, et gardé : {place}, par {who}", place=gift.place, who=gift.giver)
        for gift in found.received
    ]
    done = [
        _("Changé depuis 48 heures, et gardé : {action}, {what}", action=one.action.value, what=one.detail.to(LANGUAGE))
        for one in found.acts
    ]
    for lines in (given, done):
        for line in lines[:SHOWN]:
            print(line)
        if len(lines) > SHOWN:
            print(_("… et {count} autres.", count=len(lines) - SHOWN))


def _tell_shared(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN]:
        print(line)
    if len(lines) > SHOWN:
        print(_("… et {count} autres partages.", count=len(lines) - SHOWN))


def _undo(settings: Settings, name: str, *, as_json: bool) -> None:
    async def work(desk: Desk) -> tuple[str, Secured]:
        account = await desk.accounts.find(name)
        return account.principal.login, await _service(settings, desk).undo(account.principal, origin())

    login, done = at_desk(settings, work)
    if as_json:
        print(json.dumps({"login": login, **asdict(done)}))
        return
    print(
        _(
            "{login} : {devices} mots de passe d’application valables de nouveau, {queued} envois repartis.",
            login=login,
            devices=len(done.devices),
            queued=done.queued,
        )
    )
    _tell_shared([_("Partagé de nouveau : {place}, avec {who}", place=one.place, who=one.who) for one in done.shared])


async def _take_back(settings: Settings, desk: Desk, login: str) -> int:
    """Every act is gone through here; a worker of the service that was faster has done its part."""
    principal = (await desk.accounts.find(login)).principal
    withdrawals = Withdrawals(settings=settings, store=desk.store, clock=desk.store.clock)
    begun = await _service(settings, desk).take_back(principal, origin())
    for number in begun:
        if await desk.store.write(rows.claim, number, desk.store.worker):
            await withdrawals.work(number)
    return len(begun)


def _service(settings: Settings, desk: Desk) -> HijackedAccounts:
    clock = desk.store.clock
    withdrawals = Withdrawals(settings=settings, store=desk.store, clock=clock)
    return HijackedAccounts(store=desk.store, withdrawals=withdrawals, clock=clock)


def _facts(found: Found) -> dict[str, object]:
    left = found.left
    kept = {"received": [asdict(one) for one in found.received], "acts": [event_facts(one) for one in found.acts]}
    steps = [
        {"at": utc(step.at), "step": step.step.value, "id": step.name, "recipients": list(reached(step))}
        for step in left.steps
    ]
    return {**kept, "here": [asdict(one) for one in left.here], "left": steps, "more": left.more}
