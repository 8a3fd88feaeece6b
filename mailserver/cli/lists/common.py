"""What the commands of lists share: the instance, its addresses, its units of work."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from directory.lists import rosters
from mailserver.cli.shared import fail, settings_of, with_store
from mailserver.foundation.settings import Settings
from mailserver.model import days
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import MailingList
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.engine.transactions import Store, Tx
from mailserver.texts.command_line import _

T = TypeVar("T")

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help=_("L’adresse de la liste, ou ce qui est avant le @."))]
Query = Annotated[
    str,
    typer.Option(
        help=_("Crée une liste vivante : qui est trouvé à la remise, `role=teacher uai=0210006T` ; voir README.")
    ),
]


def as_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def whole_address(settings: Settings, address: str) -> str:
    """With our domain when none is written, in canonical form."""
    text = address if "@" in address else f"{address}@{settings.domain}"
    try:
        return rosters.canonical(text)
    except Refused as refusal:
        fail(refusal.text, 1)


def whole_addresses(settings: Settings, addresses: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(whole_address(settings, address) for address in addresses or ()))


def own(directory: Path) -> Settings:
    """Settings of an instance whose lists are its own; anything else ends the command with exit code 2."""
    settings = settings_of(directory)
    if settings.ldap is not None:
        fail(_("l’annuaire est externe : seuls `show ADDRESS` et `preview ADDRESS` lisent ses listes"))
    return settings


def expanded_list(settings: Settings, address: str) -> MailingList:
    """A list of the directory, whichever it is; an unknown one ends the command with exit code 1."""

    async def work(store: Store) -> MailingList:
        directory = make_directory(settings, store, store.clock)
        try:
            found = await directory.expand(address)
        finally:
            directory.close()
        if found is None:
            raise Refused(Reason.NOT_FOUND, _("{address} : cette liste n’existe pas", address=address))
        return found

    return with_store(settings, work)


def zone_of(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.web.timezone)


def end_of(settings: Settings, day: str) -> int:
    try:
        return days.over(day, zone_of(settings))
    except BadSyntax as error:
        fail(f"--last-day {error}")


def read(settings: Settings, unit: Callable[[Tx], T]) -> T:
    return with_store(settings, lambda store: store.read(unit))


def write(settings: Settings, unit: Callable[[Tx], T]) -> T:
    return with_store(settings, lambda store: store.write(unit))
