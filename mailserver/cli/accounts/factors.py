"""`mailserver account factors` and `account devices`: what IT sees and takes back of a person's second factor and
app passwords. Nothing here shows a secret: there is none to show."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from mailserver.cli.accounts.desk import Name
from mailserver.cli.open_delivery import open_delivery
from mailserver.cli.shared import AsJson, InstanceDir, date, open_store, origin, run, settings_of
from mailserver.delivery import Delivery
from mailserver.foundation.settings import Settings
from mailserver.login.devices import Devices
from mailserver.login.factors import Factors, FactorState
from mailserver.login.security_notices import SecurityNotices
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Directory, Principal
from mailserver.notices.accounts.protection import Change
from mailserver.outbound.submission.submit import Submission
from mailserver.store.account.devices import Device
from mailserver.store.engine.transactions import Store
from mailserver.texts.command_line import _

T = TypeVar("T")


def factors(
    directory: InstanceDir,
    name: Name,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help=_("Retirer un second facteur perdu et ses codes de secours : vérifiez d’abord qui le demande."),
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show or remove a person's second factor. Whose role needs one sets it up again at the next login."""

    settings = settings_of(directory)

    async def work(person: Principal, desk: _Desk) -> FactorState:
        if remove:
            if not await desk.factors.remove(person.account_id, origin()):
                raise Refused(Reason.CONFLICT, _("{login} : il n’y a pas de second facteur", login=person.login))
            await desk.telling.changed(person, Change.FACTOR_OFF, origin())
        return await desk.factors.state(person)

    state = _with(settings, name, work)
    if as_json:
        facts = {"on": state.is_on, "since": date(state.since), "required": state.required}
        print(json.dumps({**facts, "recovery_codes": state.codes_left}))
        return
    on = _("activé depuis {since}, {count} codes de secours restants", since=date(state.since), count=state.codes_left)
    needed = _(" ; cette population doit en avoir un") if state.required else ""
    print(_("Second facteur : {state}{needed}.", state=on if state.is_on else _("aucun"), needed=needed))


def devices(
    directory: InstanceDir,
    name: Name,
    revoke: Annotated[
        int, typer.Option(metavar="ID", help=_("Révoquer ce mot de passe d’application ; ses sessions se ferment."))
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """List or revoke a person's app passwords."""

    async def work(person: Principal, desk: _Desk) -> list[Device]:
        if revoke:
            await desk.devices.revoke(person.account_id, revoke, origin())
        return await desk.devices.listing(person.account_id)

    found = _with(settings_of(directory), name, work)
    if as_json:
        print(json.dumps([_facts(factor) for factor in found], ensure_ascii=False))
        return
    table = Table(_("Numéro"), _("Nom"), _("Portées"), _("Créé"), _("Dernier usage"), _("Depuis l’adresse"))
    for factor in found:
        used = date(factor.last_used)
        table.add_row(
            str(factor.id), factor.name, " ".join(sorted(factor.scopes)), date(factor.created), used, factor.last_peer
        )
    Console(soft_wrap=True).print(table)
    print(_("{count} mots de passe d’application.", count=len(found)))


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the commands work with."""

    factors: Factors
    devices: Devices
    telling: SecurityNotices


def _with(settings: Settings, name: str, work: Callable[[Principal, _Desk], Awaitable[T]]) -> T:
    """Run a command's work on one person, whether or not the server runs."""

    async def opened() -> T:
        async with open_store(settings) as store:
            with open_delivery(settings, store) as (directory, delivery):
                person = await directory.find(name)
                if person is None:
                    raise Refused(Reason.NOT_FOUND, _("{name} : ce compte n’existe pas", name=name))
                return await work(person, _desk(settings, store, directory, delivery))

    return run(opened)


def _desk(settings: Settings, store: Store, directory: Directory, delivery: Delivery) -> _Desk:
    proofs, clock = Proofs(settings.secret("hmac")), store.clock
    submission = Submission(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
    return _Desk(
        Factors(settings=settings, store=store, clock=clock, proofs=proofs),
        Devices(store=store, clock=clock, proofs=proofs),
        SecurityNotices(settings=settings, store=store, clock=clock, post=submission.post),
    )


def _facts(device: Device) -> dict[str, object]:
    return {
        "id": device.id,
        "name": device.name,
        "scopes": sorted(device.scopes),
        "created": date(device.created),
        "last_used": date(device.last_used),
        "last_peer": device.last_peer,
    }
