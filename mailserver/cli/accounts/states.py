"""`mailserver account suspend, resume, close, delete, keep, restore, erase`: the states of an account."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from directory.people import lifecycle
from directory.people.lifecycle import Account
from mailserver.cli.accounts.desk import Desk, Name, at_desk, state_facts, tell
from mailserver.cli.shared import AsJson, InstanceDir, fail, moment, settings_of, with_help
from mailserver.foundation.settings import Settings
from mailserver.model.folding import fold_login
from mailserver.store.account import accounts
from mailserver.store.account.accounts import Farewell, Standing
from mailserver.texts.command_line import _

Reason = Annotated[str, typer.Option(help=_("Pourquoi ; gardé avec le compte."))]
At = Annotated[
    str, typer.Option("--at", metavar="DAY", help=_("Pas maintenant mais ce jour-là ; son titulaire l’apprend avant."))
]
Reply = Annotated[str, typer.Option("--reply", metavar="TEXT", help=_("Ce que le compte fermé répond à son courrier."))]
Grace = Annotated[
    int | None, typer.Option("--grace", min=0, help=_("Jours jusqu’à son effacement ; sinon le réglage."))
]


@with_help(
    _(
        "Suspendre un compte : personne n’y entre avant qu’il soit rouvert, ou avant le jour "
        "donné.\n\n"
        "Les jours s’écrivent 2026-12-31 ou 31/12/2026, avec une heure '2026-12-31 08:00'."
    )
)
def suspend(
    directory: InstanceDir,
    name: Name,
    reason: Reason = "",
    start: Annotated[
        str, typer.Option("--from", metavar="DAY", help=_("Pas maintenant mais dès le début de ce jour."))
    ] = "",
    until: Annotated[str, typer.Option("--until", metavar="DAY", help=_("Prend fin d’elle-même après ce jour."))] = "",
    may_receive: Annotated[bool, typer.Option("--may-receive", help=_("Le courrier continue d’arriver."))] = False,
    as_json: AsJson = False,
) -> None:
    """Suspend an account: nobody enters until it is resumed, or until the day given.

    Days are 2026-12-31 or 31/12/2026, with an hour '2026-12-31 08:00'.
    """
    settings = settings_of(directory)
    begin, end = moment(settings, start), moment(settings, until, end=True)
    account = at_desk(settings, lambda desk: desk.accounts.suspend(name, reason, may_receive, start=begin, until=end))
    tell(account, as_json)


@with_help(_("Mettre fin à une suspension, en annuler une prévue, ou rouvrir un compte fermé."))
def resume(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """End a suspension, call off a planned one, or open a closed account again."""
    tell(at_desk(settings_of(directory), lambda desk: desk.accounts.resume(name)), as_json)


@with_help(
    _(
        "Fermer un compte : plus de connexion ; son courrier est pris et reçoit une réponse pour "
        "un temps ; il peut être rétabli jusqu’à son effacement.\n\n"
        "Son identifiant et ses adresses ne sont jamais attribués de nouveau."
    )
)
def close(
    directory: InstanceDir,
    name: Name,
    reason: Reason = "",
    at: At = "",
    reply: Reply = "",
    no_reply: Annotated[bool, typer.Option("--no-reply", help=_("Son courrier est refusé aussitôt."))] = False,
    grace: Grace = None,
    as_json: AsJson = False,
) -> None:
    """Close an account: no login; its mail is taken and answered for a while; it can be restored until it is erased.

    Its identifier and addresses are never issued again.
    """
    tell(_close(directory, name, reason, at, reply, not no_reply, grace), as_json)


@with_help(
    _(
        "Fermer un compte : plus de connexion, et plus de courrier sauf avec --reply. Son "
        "identifiant et ses adresses ne sont jamais attribués de nouveau."
    )
)
def delete(
    directory: InstanceDir,
    name: Name,
    reason: Reason = "",
    at: At = "",
    reply: Reply = "",
    grace: Grace = None,
    as_json: AsJson = False,
) -> None:
    """Close an account: no login, and no mail unless --reply. Its identifier and addresses are never issued again."""
    tell(_close(directory, name, reason, at, reply, bool(reply), grace), as_json)


def _close(
    directory: InstanceDir, name: str, reason: str, at: str, reply: str, replies: bool, grace: int | None
) -> Account:
    settings = settings_of(directory)
    day = moment(settings, at)

    async def work(desk: Desk) -> Account:
        if day:
            return await desk.accounts.plan_closing(name, day, reason, _farewell(settings, day, reply, replies, grace))
        now = int(desk.store.clock.now())
        return await desk.accounts.close(name, reason, _farewell(settings, now, reply, replies, grace))

    return at_desk(settings, work)


def _farewell(settings: Settings, closed: int, reply: str, replies: bool, grace: int | None) -> Farewell:
    return lifecycle.farewell(settings.accounts, closed, reply=reply, replies=replies, grace_days=grace)


@with_help(_("Annuler une fermeture prévue."))
def keep(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Call off a planned closing."""
    tell(at_desk(settings_of(directory), lambda desk: desk.accounts.cancel_closing(name)), as_json)


@with_help(_("Rouvrir un compte fermé, avec tout ce qu’il contenait."))
def restore(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Open a closed account again, with everything it held."""
    tell(at_desk(settings_of(directory), lambda desk: desk.accounts.restore(name)), as_json)


@with_help(
    _(
        "Effacer pour toujours un compte fermé : courrier, agendas, contacts, empreintes, sa "
        "fiche. Ses noms ne sont jamais attribués de nouveau."
    )
)
def erase(
    directory: InstanceDir,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help=_("Ne pas demander."))] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a closed account for ever: mail, agendas, contacts, hashes, its entry. Its names are never issued again."""
    settings = settings_of(directory)
    if not yes:
        _ask(at_desk(settings, lambda desk: _login(desk, name)))

    async def work(desk: Desk) -> Standing:
        if not sys.stderr.isatty():
            return await desk.accounts.erase(name)
        with Console(stderr=True).status(_("Effacement…")) as status:
            pieces = 0

            def progress() -> None:
                nonlocal pieces
                pieces += 1
                status.update(_("Effacement… {pieces}", pieces=pieces))

            return await desk.accounts.erase(name, progress)

    standing = at_desk(settings, work)
    if as_json:
        print(json.dumps({"login": standing.login, **state_facts(standing)}, ensure_ascii=False))
    else:
        print(_("{login} : effacé", login=standing.login))


async def _login(desk: Desk, name: str) -> str:
    """The identifier to type; of an erasure that was interrupted at its end it is all that is known."""
    standing = await desk.store.read(accounts.by_login, fold_login(name))
    return standing.login if standing is not None else (await desk.accounts.find(name)).principal.login


def _ask(login: str) -> None:
    if not sys.stdin.isatty():
        fail(_("un effacement ne s’annule pas : dites --yes"))
    print(_("Tout ce que ce compte contient est effacé pour toujours."), file=sys.stderr)
    if input(_("Tapez son identifiant ({login}) pour continuer : ", login=login)).strip() != login:
        fail(_("rien n’a été effacé"), 1)
