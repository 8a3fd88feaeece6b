"""`mailserver account`: one person's account, whether or not the server runs, whichever directory they are in."""

import getpass
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from directory.people.lifecycle import Code
from mailserver.cli.accounts.desk import Desk, at_desk, facts, state_facts, tell
from mailserver.cli.accounts.desk import Name as Name
from mailserver.cli.accounts.verbs import Accounts
from mailserver.cli.shared import AsJson, InstanceDir, date, fail, settings_of, show_table, with_help
from mailserver.foundation.settings import Passwords, Settings
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Refused
from mailserver.model.folding import fold_login, search_key
from mailserver.model.identity import NewPerson, Role, State
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import messages
from mailserver.store.mail.messages.quotas import Quota
from mailserver.store.people import people
from mailserver.store.people.search.conditions import All, Condition, Contains, Equals, Field, Some, named
from mailserver.store.upkeep import usage
from mailserver.store.upkeep.usage import Holder
from mailserver.texts.command_line import _

app = typer.Typer(cls=Accounts, no_args_is_help=True)

MAX_PASSWORD = 1024
PAGE = 1000
"""Rows read at a time."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of `account list`. An external directory's own facts are not repeated: ask it."""

    login: str
    state: State
    address: str = ""
    name: str = ""
    role: str = ""
    uai: str = ""
    discipline: str = ""
    octets: int = 0
    messages: int = 0
    quota: int = 0
    """Octets; 0: any number."""


@app.command()
@with_help(
    _("Créer un compte : affiche son identifiant, son adresse et le code à usage unique de la première connexion.")
)
def create(
    directory: InstanceDir,
    given_name: Annotated[str, typer.Option(help=_("Prénom."))],
    surname: Annotated[str, typer.Option(help=_("Nom."))],
    role: Annotated[Role, typer.Option(help=_("Population."))],
    birth_date: Annotated[
        str, typer.Option(help=_("2001-12-31 ou 31/12/2001 ; conservée sous forme d’empreinte à clé."))
    ] = "",
    numen: Annotated[str, typer.Option(help=_("NUMEN ; conservé sous forme d’empreinte à clé."))] = "",
    ine: Annotated[str, typer.Option(help=_("INE ; conservé sous forme d’empreinte à clé."))] = "",
    uai: Annotated[str, typer.Option(help=_("Code UAI de l’établissement."))] = "",
    discipline: Annotated[str, typer.Option(help=_("Discipline."))] = "",
    login: Annotated[str, typer.Option(help=_("Identifiant voulu ; sinon il est attribué selon les règles."))] = "",
    recovery_address: Annotated[str, typer.Option(help=_("Adresse privée."))] = "",
    as_json: AsJson = False,
) -> None:
    """Create an account: prints its identifier, its address and the one-time code of the first connection."""
    person = NewPerson(given_name, surname, role, birth_date, numen, ine, uai, discipline, login, recovery_address)
    settings = settings_of(directory)
    account, code = at_desk(settings, lambda desk: desk.accounts.create(person))
    principal = account.principal
    if as_json:
        made = {"login": principal.login, "address": principal.address, **_code_facts(code)}
        print(json.dumps(made, ensure_ascii=False))
        return
    print(_("Identifiant : {login}\nAdresse : {address}", login=principal.login, address=principal.address))
    _print_code(settings, code)


@app.command()
@with_help(_("Montrer un compte : de qui il est, son état, ce qui est prévu pour lui, ce qu’il contient."))
def show(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Show one account: who it is, its state, what is planned for it, what it holds."""
    settings = settings_of(directory)
    passwords = settings.passwords if settings.ldap is None or not settings.ldap.read_only else None
    shown = at_desk(settings, lambda desk: _shown(desk, name, passwords))
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))
        return
    table = Table(show_header=False, box=None)
    for key, value in shown.items():
        table.add_row(key.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value))
    Console(soft_wrap=True).print(table)


async def _shown(desk: Desk, name: str, passwords: Passwords | None) -> dict[str, object]:
    try:
        account = await desk.accounts.find(name)
    except Refused:
        standing = await desk.store.read(accounts.by_login, fold_login(name))
        if standing is None or not standing.erased:
            raise
        return {"login": standing.login, **state_facts(standing)}
    account_id = account.principal.account_id
    used, count = await desk.store.read(messages.usage, account_id)
    entry = await desk.store.read(people.by_account, account_id)
    hidden = {"hidden": entry.hidden} if entry is not None else {}
    return {**facts(account, passwords), **hidden, "octets": used, "messages": count}


@app.command("list")
@with_help(_("Lister les comptes."))
def list_(
    directory: InstanceDir,
    text: Annotated[
        str, typer.Option("--search", help=_("Seulement les noms, identifiants ou adresses qui contiennent cela."))
    ] = "",
    state: Annotated[State | None, typer.Option(help=_("Seulement les comptes dans cet état."))] = None,
    role: Annotated[Role | None, typer.Option(help=_("Seulement cette population."))] = None,
    uai: Annotated[str, typer.Option(help=_("Seulement cet établissement."))] = "",
    as_json: AsJson = False,
) -> None:
    """List accounts."""
    settings = settings_of(directory)
    if settings.ldap is not None and (text or role or uai):
        fail(_("l’annuaire est externe : cherchez-y ; seul --state est connu ici"))
    condition = _condition(text, state, role, uai)

    async def work(desk: Desk) -> list[Listed]:
        default = Quota.of(settings.limits)
        if settings.ldap is not None:
            return await desk.store.read(_standings, default, state)
        return await desk.store.read(_entries, default, condition)

    found = at_desk(settings, work)
    if as_json:
        print(json.dumps([asdict(listed) for listed in found], ensure_ascii=False))
        return
    show_table(_table(found))
    print(_("{count} comptes.", count=len(found)))


@app.command()
@with_help(_("Retirer le mot de passe et donner un code à usage unique."))
def reset(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Withdraw the password and issue a one-time code."""
    settings = settings_of(directory)
    code = at_desk(settings, lambda desk: desk.accounts.reset(name))
    if as_json:
        print(json.dumps(_code_facts(code)))
        return
    _print_code(settings, code)


@app.command()
@with_help(_("Mettre un mot de passe, demandé au terminal ou lu sur l’entrée standard. Il est pris tel quel."))
def passwd(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Set a password, asked at the terminal or read from standard input. It is taken as it is."""
    settings = settings_of(directory)
    secret = Secret(_ask_password())
    account = at_desk(settings, lambda desk: desk.accounts.set_password(name, secret))
    if as_json:
        tell(account, as_json)
        return
    print(_("Le mot de passe de {login} est enregistré.", login=account.principal.login))


def _code_facts(code: Code) -> dict[str, str]:
    return {"code": code.text, "expires": date(code.expires)}


def _print_code(settings: Settings, code: Code) -> None:
    print(
        _(
            "Code à usage unique : {text} (valable {code_days} jours)",
            text=code.text,
            code_days=settings.accounts.code_days,
        )
    )


def _ask_password() -> str:
    if sys.stdin.isatty():
        text = getpass.getpass(_("Mot de passe : "))
        if getpass.getpass(_("Encore une fois : ")) != text:
            fail(_("les deux ne sont pas les mêmes"))
    else:
        text = sys.stdin.readline(MAX_PASSWORD + 1).rstrip("\n")
    if not text or len(text) > MAX_PASSWORD:
        fail(_("il faut un mot de passe"))
    return text


def _condition(text: str, state: State | None, role: Role | None, uai: str) -> Condition:
    wanted: list[Condition] = []
    if text:
        key = search_key(text)
        fields = (Field.LOGIN, Field.PRIMARY_ADDRESS)
        wanted.append(Some((named(key), *(Contains(field, middle=(key,)) for field in fields))))
    if state is not None:
        wanted.append(Equals(Field.STATE, state.value))
    if role is not None:
        wanted.append(Equals(Field.ROLE, role.value))
    if uai:
        wanted.append(Equals(Field.UAI, uai))
    return All(tuple(wanted))


def _entries(tx: Tx, default: Quota, condition: Condition) -> list[Listed]:
    """People of the embedded directory."""
    found: list[Listed] = []
    after = 0
    while page := people.matching(tx, condition, PAGE, after):
        held = usage.of(tx, default, [principal.account_id for principal in page])
        found += [
            Listed(
                principal.login,
                principal.state,
                principal.address,
                principal.name,
                principal.role.value,
                principal.uai,
                principal.discipline,
                *_held(held.get(principal.account_id)),
            )
            for principal in page
        ]
        after = page[-1].account_id
    return found


def _standings(tx: Tx, default: Quota, state: State | None) -> list[Listed]:
    """Accounts of people who are described elsewhere."""
    found: list[Listed] = []
    after = 0
    while page := accounts.page(tx, after, PAGE):
        held = usage.of(tx, default, [standing.id for standing in page])
        for standing in page:
            if state in (None, standing.state):
                octets, messages, quota = _held(held.get(standing.id))
                found.append(Listed(standing.login, standing.state, octets=octets, messages=messages, quota=quota))
        after = page[-1].id
    return found


def _held(holder: Holder | None) -> tuple[int, int, int]:
    """Octets, messages and quota; nothing of an account that was erased."""
    return (holder.octets, holder.messages, holder.quota) if holder is not None else (0, 0, 0)


def _table(found: Sequence[Listed]) -> Table:
    table = Table(_("Identifiant"), _("Nom"), _("Rôle"), _("État"), _("Établissement"), _("Adresse"))
    for listed in found:
        table.add_row(listed.login, listed.name, listed.role, listed.state.value, listed.uai, listed.address)
    return table
