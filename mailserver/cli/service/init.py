"""`mailserver init`: a new instance, with the administrator's account and, on demand, the demo academy."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from directory.people.embedded import EmbeddedDirectory
from mailserver.cli.shared import AsJson, fail, open_store, run
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.tls import AUTHORITY
from mailserver.model.address import check_domain
from mailserver.model.clock import DAY
from mailserver.model.credentials.proofs import new_code
from mailserver.model.errors import BadSyntax, Temporary
from mailserver.model.identity import NewPerson, Role
from mailserver.operations.health import instance
from mailserver.store.account import accounts
from mailserver.texts.command_line import _, of_error

DEMO_DOMAIN = "ac-exemple.fr"


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=_("Dossier où créer l’instance."))],
    domain: Annotated[str, typer.Option(help=_("Domaine de messagerie de l’académie."))] = DEMO_DOMAIN,
    demo: Annotated[bool, typer.Option("--demo", help=_("La remplir d’une académie de démonstration."))] = False,
    database: Annotated[
        str, typer.Option(help=_("URL d’une base PostgreSQL vide ; rien : SQLite, dans un fichier de DIR."))
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make an instance: settings, keys, an authority and its certificate, database. Asks nothing.

    With --database and a DIR whose settings name that database already, and which has no mail, only the database.
    """
    try:
        domain = check_domain(domain)
        settings = instance.create(directory, domain, database)
    except BadSyntax as error:
        fail(_("--domain : {error}", error=error))
    except (SettingsError, Temporary) as error:
        fail(of_error(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    code = run(lambda: _administrator(settings))
    people = []
    if demo:
        from mailserver.demo import populate, print_demo

        people = run(lambda: populate(settings))
    if as_json:
        lines = [asdict(account) for account in people]
        print(json.dumps({"directory": str(directory), "domain": domain, "admin_code": code, "accounts": lines}))
        return
    print(_("{directory} : instance de {domain} créée.", directory=directory, domain=domain))
    if demo:
        print_demo(people)
    else:
        print(
            _(
                "Administrateur : admin ; code à usage unique {code} (première connexion, à /activation de "
                "l’interface web)",
                code=code,
            )
        )
    print(
        _(
            "TLS : les programmes qui font confiance à {path} acceptent ces noms, et rien d’autre par elle.",
            path=settings.certificate.with_name(AUTHORITY),
        )
    )
    print(_("Pour la servir : mailserver serve {directory}", directory=directory))


async def _administrator(settings: Settings) -> str:
    """Create the account `admin`; its one-time code. `postmaster@` and `abuse@` deliver to it from now on."""
    async with open_store(settings) as store:
        directory = EmbeddedDirectory(settings=settings, store=store, clock=store.clock)
        try:
            person = NewPerson(given_name="Administration", surname="", role=Role.ADMIN, login="admin")
            principal = await directory.add(person)
            code = new_code(store.clock)
            hashed = directory.academy.proofs.code(code)
            expires = int(store.clock.now()) + settings.accounts.code_days * DAY
            await store.write(accounts.set_code, principal.account_id, hashed, expires)
            return code
        finally:
            directory.close()
