"""Entry point of `mailserver` and `python -m mailserver`: mounts the command families."""

import os

import typer

from mailserver import __version__
from mailserver.cli import bulletins, check, init, outgoing_queue, rules, serve, storage
from mailserver.cli.accounts import account, change, export, factors, letters, log, states
from mailserver.cli.imports import history, job, run
from mailserver.cli.lists import functional_boxes, moderation

app = typer.Typer(
    name="mailserver",
    help="An academy's whole messaging service: mail, directory, agendas, webmail.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("serve")(serve.serve)
app.command("import")(run.import_people)
app.add_typer(history.app, name="imports", help="What imports did; take one back.")
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
    change.change,
    change.hide,
    change.unhide,
    change.quota,
    export.export,
):
    account.app.command()(_verb)
app.add_typer(account.app, name="account", help="People's accounts.")
moderation.app.command()(functional_boxes.holders)
moderation.app.command()(functional_boxes.acts)
app.add_typer(moderation.app, name="list", help="Distribution lists and functional boxes.")
app.add_typer(bulletins.app, name="bulletins", help="Announcements and maintenance of the web interface.")
app.add_typer(rules.app, name="rules", help="Who may write to whom; the emergency brake.")
app.add_typer(outgoing_queue.app, name="queue", help="Outgoing mail.")
app.add_typer(storage.app, name="storage", help="What an operator decides about stored mail and its upkeep.")
app.command("check")(check.check)
app.command("job", hidden=True)(job.job)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mailserver {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """Run the command line. Whatever a command writes, its owner alone may read."""
    os.umask(0o077)
    app()


if __name__ == "__main__":
    main()
