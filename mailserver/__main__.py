"""Entry point of `mailserver` and `python -m mailserver`: mounts the command families."""

import os

import typer

from mailserver import __version__
from mailserver.cli import (
    backup,
    bulletins,
    certificate,
    check,
    dkim,
    filters,
    init,
    junk,
    mailings,
    move,
    outgoing_queue,
    peers,
    queue_route,
    recover,
    reports,
    restart,
    restore,
    rules,
    sending,
    serve,
    storage,
    tracing,
    upgrade,
    withdraw,
    zone,
)
from mailserver.cli.accounts import account, change, export, factors, letters, log, secure, states
from mailserver.cli.imports import history, job, run
from mailserver.cli.lists import bounces, functional_boxes, lists, moderation, reading
from mailserver.texts.command_line import _

app = typer.Typer(
    name="mailserver",
    help=_("Toute la messagerie d’une académie : courrier, annuaire, agendas, webmail."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("serve")(serve.serve)
app.command("restart")(restart.restart)
app.command("import")(run.import_people)
app.add_typer(history.app, name="imports", help=_("Ce que les imports ont fait ; en annuler un."))
account.app.command("devices")(factors.devices)
account.app.command("factors")(factors.factors)
account.app.command("letters")(letters.letters)
account.app.command("log")(log.log)
for _verb in (
    states.suspend,
    states.resume,
    states.close,
    states.delete,
    states.keep,
    states.restore,
    states.erase,
    secure.secure,
    change.change,
    change.hide,
    change.unhide,
    change.quota,
    export.export,
):
    account.app.command()(_verb)
app.add_typer(account.app, name="account", help=_("Les comptes des personnes."))
list_app = typer.Typer(no_args_is_help=True)
list_app.command()(lists.create)
list_app.command()(reading.show)
list_app.command()(lists.members)
list_app.command("set")(lists.set_)
list_app.command()(lists.delete)
list_app.command()(reading.preview)
list_app.command("held")(moderation.held_)
list_app.command()(bounces.bounces)
list_app.command()(moderation.approve)
list_app.command()(moderation.reject)
list_app.command()(functional_boxes.holders)
list_app.command()(functional_boxes.acts)
app.add_typer(list_app, name="list", help=_("Listes de diffusion et boîtes fonctionnelles."))
app.add_typer(bulletins.app, name="bulletins", help=_("Annonces et maintenance de l’interface web."))
app.add_typer(rules.app, name="rules", help=_("Qui peut écrire à qui ; le frein d’urgence."))
app.add_typer(
    mailings.app, name="mailings", help=_("Envois en nombre : qui les reçoit, les approuver, les arrêter, les annuler.")
)
app.add_typer(sending.app, name="sending", help=_("Qui envoie beaucoup, ce qui est retenu, qui peut envoyer plus."))
app.command("filters")(filters.filters)
app.command("peers")(peers.peers)
outgoing_queue.app.command("route")(queue_route.route)
app.add_typer(outgoing_queue.app, name="queue", help=_("Le courrier qui part."))
app.command("trace")(tracing.trace)
app.add_typer(junk.app, name="junk", help=_("Le filtre des indésirables, et les messages infectés qui sont retenus."))
app.add_typer(withdraw.app, name="withdraw", help=_("Retirer un message de toutes les boîtes, ou l’y remettre."))
app.add_typer(
    reports.app, name="reports", help=_("Ce que d’autres serveurs disent de notre courrier (DMARC, TLS-RPT).")
)
app.add_typer(
    storage.app, name="storage", help=_("Ce qu’un opérateur décide du courrier conservé et de son entretien.")
)
app.command("recover")(recover.recover)
app.command("backup")(backup.backup)
app.command("move")(move.move)
app.command("restore")(restore.restore)
app.command("upgrade")(upgrade.upgrade)
app.command("check")(check.check)
app.command("dns")(zone.dns)
app.add_typer(certificate.app, name="certificate", help=_("Les certificats du service ; en obtenir un par ACME."))
app.add_typer(dkim.app, name="dkim", help=_("Les clés qui signent le courrier : en faire, les remplacer, les retirer."))
app.command("job", hidden=True)(job.job)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mailserver {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help=_("Afficher la version.")
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line. Whatever a command writes, its owner alone may read."""
    os.umask(0o077)
    app()


if __name__ == "__main__":
    main()
