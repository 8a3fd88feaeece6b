"""Entry point of `mailserver` and `python -m mailserver`: the options before the command family."""

import contextlib
import errno
import io
import os
import sys
from typing import Any

import typer

from mailserver import __version__
from mailserver.cli.families import families
from mailserver.cli.on_demand import OnDemandGroup
from mailserver.texts.command_line import _

_UNWRITTEN = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""The output went away, or its disk is full: no fault of ours to be shown with its calls."""


class _Program(OnDemandGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(families, **attributes)


app = typer.Typer(
    name="mailserver",
    cls=_Program,
    help=_("Toute la messagerie d’une académie : courrier, annuaire, agendas, webmail."),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    if isinstance(sys.stdout, io.TextIOWrapper):
        with contextlib.suppress(OSError):  # It was given another stream than it was made for.
            sys.stdout.reconfigure(errors="replace")  # Names have accents, whatever the terminal has.
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in _UNWRITTEN:
            raise
        # What is still to be written would fail again as Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if error.errno == errno.EPIPE:
            sys.exit(1)
        where = f"{error.filename}: " if error.filename else ""
        print(f"mailserver: {where}{error.strerror}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
