"""`mailserver reports`: what other servers say of mail in our name and of TLS on its way to us (`tls_report`)."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mailserver.cli.shared import AsJson, InstanceDir, date, fail, settings_of, since, with_help, with_store
from mailserver.foundation.network.resolver import Resolver
from mailserver.model.reports import Kind
from mailserver.reports.attachments import MAX_UNPACKED
from mailserver.reports.faults import BadReport
from mailserver.reports.reading import ReportReader
from mailserver.store.engine.transactions import Store
from mailserver.store.reports import figures
from mailserver.store.reports.figures import Line, Sender
from mailserver.store.reports.received import Kept
from mailserver.texts.command_line import LANGUAGE, _

app = typer.Typer(no_args_is_help=True)

PAGE = 500
MAX_SHOWN = 1000

Days = Annotated[int, typer.Option(metavar="N", min=1, max=36_500, help=_("Les N derniers jours."))]


@app.command("list")
@with_help(_("Montrer les rapports reçus, du plus récent au plus ancien ; --faults : ceux qui ne sont pas comptés."))
def list_(
    directory: InstanceDir,
    faults: Annotated[bool, typer.Option("--faults", help=_("Seulement ceux qui ne sont pas comptés."))] = False,
    as_json: AsJson = False,
) -> None:
    """Show the reports that came, the newest first; `--faults`: those that are not counted."""

    async def work(store: Store) -> list[Line]:
        found: list[Line] = []
        while page := await store.read(figures.listing, PAGE, found[-1].id if found else 0, faults=faults):
            found += page
        return found

    found = with_store(settings_of(directory), work)
    if as_json:
        print(json.dumps([_line(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        who = one.organisation or one.submitter or "?"
        what = one.fault.to(LANGUAGE) if one.fault else f"{one.domain}  {date(one.begin)}  +{one.passed} -{one.failed}"
        print(f"{one.id}  {date(one.received)}  {one.kind.name}  {who}  {what}")
    print(_("{count} rapports.", count=len(found)))


def _line(one: Line) -> dict[str, object]:
    return {
        **asdict(one),
        "kind": one.kind.name.lower(),
        "fault": str(one.fault),
        "code": one.fault.name if one.fault else "",
    }


@app.command()
@with_help(_("Montrer qui envoie en notre nom, d’après les rapports DMARC : ceux qui échouent le plus d’abord."))
def senders(directory: InstanceDir, days: Days = 30, as_json: AsJson = False) -> None:
    """Show who sends in our name by the DMARC reports, those that fail most first."""

    async def work(store: Store) -> list[Sender]:
        return await store.read(figures.senders, since(days), MAX_SHOWN)

    found = with_store(settings_of(directory), work)
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        where = "  ".join(filter(None, (one.address or _("les autres"), one.name, one.domain)))
        print(
            _(
                "{where} : {passed} réussis, {failed} en échec, {held} écartés ou refusés",
                where=where,
                passed=one.passed,
                failed=one.failed,
                held=one.held_back,
            )
        )
    print(_("{count} adresses.", count=len(found)))


@app.command()
@with_help(
    _(
        "Compter des rapports gardés ailleurs : fichiers XML, JSON, gzip, zip ou messages. Un rapport compté "
        "l’est une fois. Code de retour 1 : un fichier n’en est pas un."
    )
)
def read(
    directory: InstanceDir,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=_("Les fichiers."))],
    as_json: AsJson = False,
) -> None:
    """Count reports that were kept elsewhere: files of XML, JSON, gzip, zip, or messages."""
    settings = settings_of(directory)
    for path in files:
        if not path.is_file():
            fail(_("{path} : il n’y a rien là", path=path))

    async def work(store: Store) -> list[dict[str, object]]:
        resolver = Resolver(settings.dns)
        reader = ReportReader(
            settings=settings, store=store, changes=store.changes, resolver=resolver, clock=store.clock
        )
        try:
            return [await _read(reader, path) for path in files]
        finally:
            await resolver.close()

    done = with_store(settings, work)
    if as_json:
        print(json.dumps(done, ensure_ascii=False))
    for one in done if not as_json else ():
        print(f"{one['file']}: {one['said']}")
    if any(one["end"] == "refused" for one in done):
        raise typer.Exit(1)


async def _read(reader: ReportReader, path: Path) -> dict[str, object]:
    with path.open("rb") as opened:
        octets = opened.read(2 * MAX_UNPACKED)
    try:
        report, kept = await reader.take_file(octets)
    except BadReport as error:
        return {"file": str(path), "end": "refused", "said": error.cause.to(LANGUAGE), "code": error.cause.name}
    kind = "DMARC" if report.kind is Kind.DMARC else "TLS"
    words = _("compté ({kind}, {who})", kind=kind, who=report.organisation)
    said = words if kept is Kept.NEW else _("compté déjà")
    return {"file": str(path), "end": kept.value, "said": said, "code": ""}
