"""`mailserver bulletins`: announcements and maintenance windows of the web interface, also when nobody can log in."""

import datetime
import json
from dataclasses import asdict
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from mailserver.cli.accounts.account import user
from mailserver.cli.lists.lists import with_store
from mailserver.cli.rules import moment
from mailserver.cli.shared import AsJson, InstanceDir, fail, settings_of
from mailserver.foundation.settings import Settings
from mailserver.store.account import bulletins
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.store.record.audit import Origin

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show what is posted and not over."""
    settings = settings_of(directory)
    posted = with_store(settings, lambda store: store.read(bulletins.listing))
    if as_json:
        print(json.dumps([asdict(one) for one in posted], ensure_ascii=False))
        return
    for one in posted:
        end = _shown(settings, one.ends) if one.ends else "withdrawn"
        print(f"{one.id}  {one.kind.value}  {_shown(settings, one.begins)} until {end}  {one.fr}")


@app.command()
def post(
    directory: InstanceDir,
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="announcement, read-only or closed.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What people read, in French.")],
    english: Annotated[str, typer.Option(help="The same in English.")] = "",
    begins: Annotated[str, typer.Option("--from", help="30m, 2h, 1d or 2026-11-26T08:00; now without it.")] = "0m",
    until: Annotated[str, typer.Option(help="The same; maintenance needs it.")] = "",
    urgent: Annotated[bool, typer.Option(help="Show it as a warning.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell everybody something, or close the web interface, or let it be read only, for a while."""
    settings = settings_of(directory)
    now = int(datetime.datetime.now(datetime.UTC).timestamp())
    start = now if begins == "0m" else moment(settings, begins)
    draft = Draft(kind, start, moment(settings, until) if until else 0, text, english, urgent)
    if kind is not Kind.ANNOUNCEMENT and draft.ends <= max(now, start):
        fail("maintenance needs an end that is to come: --until 2h")
    number = with_store(settings, lambda store: store.write(bulletins.post, _origin(), draft))
    print(json.dumps({"id": number}) if as_json else f"{number}: posted.")


@app.command()
def withdraw(directory: InstanceDir, number: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Take one away; maintenance that lasts is over."""
    settings = settings_of(directory)
    with_store(settings, lambda store: store.write(bulletins.withdraw, _origin(), number))
    print(f"{number}: withdrawn.")


def _origin() -> Origin:
    return Origin(user(), "console")


def _shown(settings: Settings, moment_: int) -> str:
    return f"{datetime.datetime.fromtimestamp(moment_, ZoneInfo(settings.web.timezone)):%Y-%m-%d %H:%M}"
