"""`mailserver restore --account …`: a part of a backup comes back beside what is there, while the instance serves."""

import asyncio
import datetime
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NoReturn, TypeVar

import typer

from directory.lists.rosters import ListSettings
from mailserver.cli.accounts.desk import Desk, account_or_box, at_desk
from mailserver.cli.shared import fail, origin, progress
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.operations.backup import opened
from mailserver.operations.backup.making import Target
from mailserver.operations.health.instance import place_of
from mailserver.operations.partial_restore import agendas, mail, whose
from mailserver.operations.partial_restore.agendas import AgendaReport, AgendaRestore
from mailserver.operations.partial_restore.lists import ListReport, restore_list
from mailserver.operations.partial_restore.mail import MailReport, MailRestore
from mailserver.operations.partial_restore.whose import Run
from mailserver.store.engine.transactions import Store
from mailserver.texts.command_line import _

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """Which backup."""

    target: Target
    before: datetime.datetime | None
    database: str
    """An empty one of PostgreSQL, for what was backed up of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants of an account."""

    account: str
    mail: mail.Wanted | None
    agendas: agendas.Wanted | None
    even_erased: bool
    plan: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it, and of which backup."""

    backup: str
    time: str
    reopened: bool
    """The account had been erased, and is there again, closed."""
    mail: MailReport | None
    agendas: AgendaReport | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.mail and (self.mail.full or self.mail.damaged)) and not (self.agendas and self.agendas.full)


def restore_account(settings: Settings, source: Source, asked: Asked, *, as_json: bool) -> NoReturn:
    """Restore of an account, and tell; exit code 1 when not everything could come back."""

    async def work(desk: Desk) -> Done:
        try:
            known = await account_or_box(desk, asked.account, settings.domain)
        except Refused as refusal:
            if refusal.reason is not Reason.NOT_FOUND:
                raise
            known = 0
        return await asyncio.to_thread(
            _with_backup, settings, desk.store, source, lambda run: _restored(run, asked, known)
        )

    done = at_desk(settings, work)
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False))
    else:
        _tell(done, settings, asked)
    raise typer.Exit(0 if done.is_whole else 1)


def _with_backup(settings: Settings, store: Store, source: Source, work: Callable[[Run], T]) -> T:
    with (
        progress() as tell,
        opened.opened(
            place_of(settings), source.target, tell, before=source.before, database=source.database
        ) as backup,
    ):
        return work(Run(backup, store, settings, origin()))


def _restored(run: Run, asked: Asked, known: int) -> Done:
    owner = whose.find(run.backup, run.store, known, asked.account, run.settings.domain)
    reopened = whose.bring_back(run, owner, even_erased=asked.even_erased, plan=asked.plan)
    return Done(
        run.backup.backup.id,
        run.backup.backup.time,
        reopened,
        MailRestore(run, owner, asked.mail, plan=asked.plan).run() if asked.mail else None,
        AgendaRestore(run, owner, asked.agendas, plan=asked.plan).run() if asked.agendas else None,
    )


def _tell(done: Done, settings: Settings, asked: Asked) -> None:
    print(_("Sauvegarde {id} de {time}", id=done.backup, time=done.time))
    if asked.plan:
        print(_("Rien n’est changé : voici ce qui reviendrait."))
    if done.reopened:
        print(
            _(
                "{login} : le compte effacé revient, fermé ; `mailserver account restore {directory} {login}` l’ouvre",
                login=asked.account,
                directory=settings.directory,
            )
        )
    if done.mail is not None:
        _tell_mail(done.mail)
    if done.agendas is not None:
        _tell_agendas(done.agendas)


def _tell_mail(report: MailReport) -> None:
    for name, count in report.folders.items():
        print(f"{count:>8}  {name}")
    print(_("{count} messages, dans « {tree} »", count=report.messages, tree=report.tree))
    if report.there:
        print(_("{count} messages sont encore là, et restent où ils sont", count=report.there))
    if report.barred:
        print(
            _("{count} messages ne reviennent pas : l’académie les a retirés, ou ils ont un virus", count=report.barred)
        )
    if report.damaged:
        print(_("{count} messages sont abîmés dans la sauvegarde même", count=report.damaged))
    if report.full:
        print(_("La boîte n’a pas assez de place pour les autres."))


def _tell_agendas(report: AgendaReport) -> None:
    for name, count in report.collections.items():
        print(f"{count:>8}  {name}")
    print(_("{count} événements, tâches et contacts", count=report.items))
    if report.there:
        print(_("{count} événements, tâches et contacts sont encore là", count=report.there))
    if report.full:
        print(_("Le compte a autant d’événements et de contacts qu’il peut en avoir."))


# ---------------------------------------------------------------------- lists


@dataclass(frozen=True, slots=True)
class AskedList:
    """What somebody wants of a list."""

    address: str
    beside: str
    """Another address, for a new one."""
    apply: bool


def restore_of_list(settings: Settings, source: Source, asked: AskedList, *, as_json: bool) -> None:
    """Compare a list, or make it as it was, and tell."""
    if settings.ldap is not None:
        fail(_("l’annuaire est externe : ses listes se restaurent chez lui"))
    list_settings = ListSettings.of(settings)
    whole, beside = (
        list_settings.fold(name if "@" in name or not name else f"{name}@{settings.domain}")
        for name in (asked.address, asked.beside)
    )

    async def work(desk: Desk) -> ListReport:
        def done(run: Run) -> ListReport:
            return restore_list(run, list_settings, whole, beside=beside, apply=asked.apply)

        return await asyncio.to_thread(_with_backup, settings, desk.store, source, done)

    report = at_desk(settings, work)
    if as_json:
        print(json.dumps(asdict(report), ensure_ascii=False))
    else:
        _tell_list(report)


def _tell_list(report: ListReport) -> None:
    if not report.exists:
        print(_("{address} : cette liste n’existe pas à présent", address=report.address))
    for name, (now, then) in report.settings.items():
        print(f"  {name.replace('_', ' ')}: {_shown(now)} -> {_shown(then)}")
    for sign, members in (("+", report.added), ("-", report.removed)):
        for member in members:
            print(f"{sign} {member}")
    for address in report.nobody:
        print(_("{address} ne mène plus à personne : laissé de côté", address=address))
    if report.applied:
        print(_("{address} : la liste est comme elle était", address=report.address))
    elif report.differs:
        print(_("Rien n’est changé : --apply la rend comme elle était."))
    else:
        print(_("{address} : la liste est comme elle était", address=report.address))


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) or "-" if isinstance(value, tuple) else str(value)
