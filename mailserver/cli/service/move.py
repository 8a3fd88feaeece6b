"""`mailserver move`: an instance goes to another database, and its large messages to other storage."""

import contextlib
import json
from pathlib import Path
from typing import Annotated

import typer

from mailserver.cli.shared import AsJson, Endpoint, InstanceDir, Region, fail, log_aside, progress, settings_of
from mailserver.foundation.network.ports import CannotServe
from mailserver.foundation.settings import FILE_NAME, Settings, SettingsError, editing, parse
from mailserver.model.errors import Temporary
from mailserver.operations.health.instance import place_of
from mailserver.operations.moving import planning, service, settings_file
from mailserver.operations.moving.planning import Plan
from mailserver.operations.moving.service import Move, Report
from mailserver.texts.command_line import _, of_error

MEBI = 1024 * 1024

To = Annotated[
    str,
    typer.Option(
        "--to",
        help=_("La base d’arrivée, vide : postgresql://… ou sqlite:////chemin/mail.db ; rien : elle reste."),
    ),
]
Octets = Annotated[
    str,
    typer.Option(
        help=_("Où vont aussi les gros messages : s3://seau/préfixe, ou un dossier vide ; rien : ils restent.")
    ),
]
Abandon = Annotated[
    bool,
    typer.Option("--abandon", help=_("Renoncer : ne plus noter ce qui change. Ce qui a été apporté est à effacer.")),
]
Only = Annotated[bool, typer.Option("--plan", help=_("Dire ce qui serait fait, et ne rien changer."))]


def move(
    directory: InstanceDir,
    to: To = "",
    octets: Octets = "",
    endpoint: Endpoint = "",
    region: Region = "",
    only_plan: Only = False,
    abandon: Abandon = False,
    as_json: AsJson = False,
) -> None:
    """Move an instance to PostgreSQL and object storage or a shared folder, or back."""
    log_aside()
    settings = settings_of(directory)
    if abandon:
        _abandon(settings)
        return
    if not (to or octets):
        fail(_("--to, --octets ou --abandon : dites ce qui est déplacé"))
    try:
        chosen = _chosen(settings, to, octets, endpoint, region)
        if chosen.is_of_files_alone and not chosen.files:
            print(_("{directory} a déjà cette base : rien à faire", directory=settings.directory))
            return
        if only_plan:
            with contextlib.closing(chosen):
                _show(planning.plan(chosen), settings, as_json=as_json)
            return
        with progress() as tell:
            report = service.run(chosen, tell)
    except (Temporary, SettingsError, CannotServe) as error:
        fail(of_error(error))
    except OSError as error:
        fail(f"{error.filename or directory}: {error.strerror}")
    _tell(report, settings, chosen, as_json=as_json)
    raise typer.Exit(0 if report.ended else 1)


def _abandon(settings: Settings) -> None:
    try:
        was_begun = service.abandon(place_of(settings))
    except (Temporary, SettingsError) as error:
        fail(of_error(error))
    except OSError as error:
        fail(f"{error.filename or settings.directory}: {error.strerror}")
    print(_("Le déplacement est abandonné.") if was_begun else _("Aucun déplacement n’était noté."))


def _chosen(settings: Settings, to: str, octets: str, endpoint: str, region: str) -> Move:
    """Both ends, by the settings of now and those of afterwards. Raises SettingsError, OSError."""
    written = (settings.directory / FILE_NAME).read_text("utf-8")
    changed = editing.with_values(written, "database", {"url": to}) if to else written
    if octets:
        is_home = Path(octets) == settings.data / "blobs"
        more = {"endpoint": endpoint, "region": region}
        values = {"url": "" if is_home else octets, **{name: value for name, value in more.items() if value}}
        changed = editing.with_values(changed, "octets", values)
    after = parse(changed, settings.directory)
    here, there = settings.octets, after.octets
    return Move(
        source=place_of(_without_cache(settings)),
        target=place_of(_without_cache(after)),
        files=(settings.blobs, here.url, here.endpoint) != (after.blobs, there.url, there.endpoint),
        settings=changed,
    )


def _without_cache(settings: Settings) -> Settings:
    """What is read back is read where it lies."""
    return settings.model_copy(update={"octets": settings.octets.model_copy(update={"cache": 0})})


def _tell(report: Report, settings: Settings, chosen: Move, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_facts(report)))
        return
    told = {"rows": report.put, "files": report.files, "octets": (report.octets + report.file_octets) // MEBI}
    print(_("Apporté : {rows} lignes, {files} gros messages, {octets} Mio", **told))
    if not report.ended:
        print(_("Le service tourne : {hosts}", hosts=", ".join(report.served_by)))
        print(_("Arrêtez-le et relancez la même commande : elle apporte le reste et termine."))
        print(_("Les autres serveurs gardent leur courrier pendant ce temps, et le représentent ensuite."))
        return
    if report.counted:
        text = _(
            "Comparé avant l’arrêt, compté ensuite : {tables} tables, {rows} lignes ; arrêt de {seconds:.0f} s",
            tables=len(report.counted),
            rows=report.rows,
            seconds=report.seconds.get("closed", 0),
        )
        print(text)
    if report.tables:
        text = _(
            "Comparé : {tables} tables, {rows} lignes, les mêmes des deux côtés ; arrêt de {seconds:.0f} s",
            tables=len(report.tables),
            rows=report.rows,
            seconds=report.seconds.get("closed", 0),
        )
        print(text)
    if report.mended:
        print(_("{count} textes avaient des caractères que PostgreSQL ne garde pas, remplacés", count=report.mended))
    _say_what_follows(settings, chosen, report)


def _say_what_follows(settings: Settings, chosen: Move, report: Report) -> None:
    if chosen.is_of_files_alone:
        print(
            _(
                "{file} nomme maintenant {place} ; celui d’avant est {before}",
                file=settings.directory / FILE_NAME,
                place=chosen.files_go_to,
                before=settings_file.BEFORE,
            )
        )
        print(_("Démarrez le service, puis `mailserver check --deep {directory}`.", directory=settings.directory))
        print(_("Les gros messages d’avant restent où ils étaient : effacez-les quand vous n’en aurez plus besoin."))
        return
    print(
        _(
            "{file} nomme maintenant {url} ; celui d’avant est {before}",
            file=settings.directory / FILE_NAME,
            url=str(chosen.new),
            before=settings_file.BEFORE,
        )
    )
    print(_("Démarrez le service, puis `mailserver check --deep {directory}`.", directory=settings.directory))
    left = str(chosen.old)
    print(_("{url} reste tel quel, marqué comme déplacé : effacez-le quand vous n’en aurez plus besoin.", url=left))
    if report.journal_left:
        print(
            _(
                "Attention : une longue transaction (une sauvegarde ?) y retient les déclencheurs du déplacement."
                " Ils partent avec cette base ; si vous y revenez : `mailserver move {directory} --abandon`.",
                directory=settings.directory,
            )
        )
    print(
        _(
            "Y revenir sans ce qui est arrivé depuis : l’ancien {file}, puis `mailserver storage adopt {directory}`.",
            file=FILE_NAME,
            directory=settings.directory,
        )
    )


def _facts(report: Report) -> dict[str, object]:
    return {
        "ended": report.ended,
        "served_by": report.served_by,
        "tables": {name: {"rows": each.rows, "digest": str(each)} for name, each in report.tables.items()}
        | {name: {"rows": rows} for name, rows in report.counted.items()},
        "put": report.put,
        "taken": report.taken,
        "octets": report.octets,
        "files": report.files,
        "file_octets": report.file_octets,
        "journal_left": report.journal_left,
        "mended": report.mended,
        "seconds": {name: round(value, 3) for name, value in report.seconds.items()},
    }


def _show(plan: Plan, settings: Settings, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_planned(plan)))
        return
    sizes = {"rows": plan.rows, "octets": plan.database_octets // MEBI}
    print(_("Base : {rows} lignes, {octets} Mio", **sizes))
    if plan.files:
        print(_("Gros messages : {files}, {octets} Mio", files=plan.files, octets=plan.file_octets // MEBI))
    for name, free in ((_("base"), plan.database_free), (_("gros messages"), plan.files_free)):
        if free is not None:
            print(_("Place libre ({name}) : {free} Mio", name=name, free=free // MEBI))
    if plan.state == "begun":
        print(_("Un déplacement a commencé : il sera repris."))
    print(_("Pendant que le service tourne : ~{minutes:.0f} min", minutes=plan.seconds_before / 60 + 0.5))
    print(_("Service arrêté : ~{minutes:.0f} min", minutes=plan.seconds_closed / 60 + 0.5))
    print(_("Avant : `mailserver backup`, et `mailserver check --deep {directory}`.", directory=settings.directory))
    if not plan.has_room:
        fail(_("il n’y a pas assez de place à l’arrivée"), 1)


def _planned(plan: Plan) -> dict[str, object]:
    return {
        "state": plan.state,
        "rows": plan.rows,
        "database_octets": plan.database_octets,
        "files": plan.files,
        "file_octets": plan.file_octets,
        "database_free_octets": plan.database_free,
        "files_free_octets": plan.files_free,
        "has_room": plan.has_room,
        "seconds_before": round(plan.seconds_before, 1),
        "seconds_closed": round(plan.seconds_closed, 1),
    }
