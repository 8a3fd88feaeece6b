"""Command families that are imported when they are asked for: what a command uses is all that it waits for."""

import functools
import gc
from collections.abc import Callable
from typing import Any, cast

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

Function = Callable[..., None]
Load = Callable[[], Function | typer.Typer]


class Family(TyperCommand):
    """What the list of families shows of one."""

    def __init__(self, name: str, text: str, load: Load, *, hidden: bool) -> None:
        super().__init__(name, help=text, hidden=hidden)
        self._load = load

    @functools.cached_property
    def loaded(self) -> TyperCommand | TyperGroup:
        """The command itself, or the group of commands, with its options."""
        loaded = _imported(self._load)
        around = typer.Typer()
        if isinstance(loaded, typer.Typer):
            around.add_typer(loaded, name=self.name, help=self.help)
        else:
            around.command(self.name, help=self.help, hidden=self.hidden)(loaded)
        return cast(TyperCommand | TyperGroup, typer.main.get_group(around).commands[self.name or ""])


def _imported(load: Load) -> Function | typer.Typer:
    """Import what a family is made of. Nothing of it is garbage, and looking for some takes a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return load()
    finally:
        if was_enabled:
            gc.enable()


class Families:
    """The table of families."""

    def __init__(self) -> None:
        self.by_name: dict[str, Family] = {}
        """In the order in which they are shown."""

    def add(self, name: str, text: str, *, hidden: bool = False) -> Callable[[Load], Load]:
        """Put the command, or the group of commands, that a function imports into the table."""

        def decorate(load: Load) -> Load:
            self.by_name[name] = Family(name, text, load, hidden=hidden)
            return load

        return decorate


class OnDemandGroup(TyperGroup):
    """A group of commands some of which are families. What walks through it finds the commands themselves; `--help` of
    the group is made of what the table says, and imports none of those."""

    def __init__(self, families: Families, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._families = families.by_name
        self._is_listing = False
        self.commands.update(self._families)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        family = self._families.get(cmd_name)
        if family is None:
            return super().get_command(ctx, cmd_name)
        return family if self._is_listing else family.loaded

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_listing = False
