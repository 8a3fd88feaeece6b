"""Imports of people: the file is posted, what it would change is shown, then it is applied, and can be taken back.

Each step is a job in the store, carried out by a process of its own (`jobs`): its page can be left and found again.
"""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from directory.imports import jobs as importing
from mailserver.accounts import uploads
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import jobs
from mailserver.store.account.jobs import LOST_SECONDS, Job, JobState
from mailserver.store.people import imports
from mailserver.store.people.imports import Run, RunState
from webui.admin import access
from webui.admin.console_page import Top, moment, top
from webui.admin.jobs import start
from webui.admin.words.import_reasons import Why, why, whys
from webui.admin.words.import_words import Difference, differences
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

MAX_OCTETS = 512 * 1024 * 1024
LISTED = 20
WATCHING = access.WATCHING
WATCH_SECONDS = 3
REFUSED_SHOWN, REMARKS_SHOWN = 500, 100
"""On the page; all that the result has are in the file to download."""


@dataclass(frozen=True, slots=True)
class RunLine:
    """An import that was applied."""

    run: Run
    at: str
    counts: str
    state: str
    until: str
    """Until when it can be taken back; empty: not any more."""
    size: int
    """How many it touched."""


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job."""

    job: Job
    at: str
    words: str
    state: str
    hue: str
    """The class of colours of its state."""


@dataclass(frozen=True, slots=True)
class LoadingPage:
    """The form, what is under way, what was done."""

    top: Top
    external: bool
    runs: tuple[RunLine, ...]
    jobs: tuple[JobLine, ...]


@dataclass(frozen=True, slots=True)
class JobPage:
    """A job: how far it is, or what came of it."""

    top: Top
    line: JobLine
    lost: bool
    watched: bool
    """The page comes anew by itself."""
    share: int
    """Of a hundred; -1: nobody knows."""
    result: Mapping[str, Any]
    kinds: tuple[tuple[str, str, int], ...]
    """What becomes of people: its name, its words, how many."""
    touched: int
    leaving: int
    may_apply: bool
    counted: tuple[tuple[str, int], ...]
    people: Mapping[str, tuple[Difference, ...]]
    """What becomes of whom, by the names of `kinds`."""
    shown: Mapping[str, int]
    """How many of each kind are among them."""
    fault: Why
    """Why the job failed."""
    refused: tuple[Why, ...]
    remarks: tuple[Why, ...]
    left: tuple[Why, ...]
    """What taking an import back has left as it is."""


async def show_imports(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/import."""
    runs = await services.store.read(imports.listing, LISTED)
    listed = await services.store.read(jobs.listing, LISTED)
    ldap = services.settings.ldap
    page = LoadingPage(
        top(visit, "import", fault),
        ldap is not None and ldap.read_only,
        tuple(_run(services, visit, run) for run in runs),
        tuple(job_line(visit, one) for one in listed),
    )
    return services.pages.answer(visit, "admin/import.html", page, 422 if fault else 200)


async def post(services: Services, visit: Visit) -> Response:
    """POST /admin/import: a file. What it would change is worked out; nothing is written."""
    form = visit.form
    _ = visit._
    if form.oversize:
        raise Refused(Reason.TOO_BIG)
    if not form.files:
        return await show_imports(services, visit, _("Choisissez un fichier."))
    if await services.store.read(jobs.running, importing.KINDS) is not None:
        return await show_imports(services, visit, _busy(visit))
    file = form.files[0]
    original = Path(file.filename or "").name[:200]
    path = await asyncio.to_thread(_keep, services, file, original)
    options = {
        "file": path.name,
        "original": original,
        "full": form.has("complet"),
        "strict": form.has("strict"),
        "confirm_logins": form.has("confirme"),
        "source": form.text("source").strip()[:40],
    }
    job_id = await start(services, visit, importing.PLAN, options, among=importing.KINDS)
    if not job_id:  # two files that are posted at once
        await asyncio.to_thread(path.unlink)
        return await show_imports(services, visit, _busy(visit))
    return redirect(visit, f"/admin/travaux/{job_id}")


def _busy(visit: Visit) -> str:
    return visit._("Un autre travail d’import est en cours : attendez sa fin.")


def _keep(services: Services, file: UploadFile, original: str) -> Path:
    """The posted file, where the job finds it. Blocks."""
    path = uploads.place(services.settings, services.clock.token(12).hex(), original)
    with path.open("xb") as kept:
        path.chmod(0o600)
        shutil.copyfileobj(file.file, kept, 1 << 20)
    return path


# ---------------------------------------------------------------------- a job


async def job(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/travaux/{job}. Raises Refused(NOT_FOUND)."""
    found = await _found(services, visit)
    result = await services.store.read(jobs.result, found.id)
    counts = result.get("counts", {})
    touched = _touched(counts)
    people = result.get("people", {})
    watched = found.state is JobState.RUNNING and not is_lost(visit, found) and visit.query(WATCHING) != "non"
    page = JobPage(
        top=top(visit, "import", fault),
        line=job_line(visit, found),
        lost=is_lost(visit, found),
        watched=watched,
        share=min(100, 100 * found.done // found.total) if found.total else -1,
        result=result,
        kinds=tuple(
            (kind, words, int(result.get("kinds", {}).get(kind, 0)))
            for kind, words in _kinds(visit).items()
            if result.get("kinds", {}).get(kind)
        ),
        touched=touched,
        leaving=int(counts.get("leaving", 0)),
        may_apply=found.kind == importing.PLAN
        and found.state is JobState.DONE
        and touched + int(counts.get("places", 0)) > 0,
        counted=counted(visit, counts),
        people={kind: tuple(differences(visit, found)) for kind, found in people.items()},
        shown={kind: len(found) for kind, found in people.items()},
        fault=why(visit, result.get("fault", "")),
        refused=whys(visit, result.get("refused", ())[:REFUSED_SHOWN]),
        remarks=whys(visit, result.get("remarks", ())[:REMARKS_SHOWN]),
        left=whys(visit, result.get("left", ())),
    )
    answer = services.pages.answer(visit, "admin/job.html", page, 422 if fault else 200)
    if watched:
        answer.headers["Refresh"] = f"{WATCH_SECONDS}; url=/admin/travaux/{found.id}?{WATCHING}=oui"
    return answer


async def apply(services: Services, visit: Visit) -> Response:
    """POST /admin/travaux/{job}/appliquer: what was shown is done, once its number was typed."""
    planned = await _found(services, visit)
    result = await services.store.read(jobs.result, planned.id)
    counts = result.get("counts", {})
    touched = _touched(counts)
    _ = visit._
    if planned.kind != importing.PLAN or planned.state is not JobState.DONE:
        raise Refused(Reason.CONFLICT)
    if visit.form.text("nombre").strip() != str(touched):
        text = _("Pour appliquer, tapez le nombre de personnes touchées : %(n)s.") % {"n": touched}
        return await job(services, visit, text)
    options = {**planned.options, "allow_leavers": int(counts.get("leaving", 0)), "shown": result.get("kinds")}
    number = await start(services, visit, importing.APPLY, options, among=importing.KINDS)
    if not number:
        return await job(services, visit, _busy(visit))
    return redirect(visit, f"/admin/travaux/{number}")


async def undo(services: Services, visit: Visit) -> Response:
    """POST /admin/import/{run}/annuler: an import is taken back, once its number was typed."""
    run = await services.store.read(imports.get, int(visit.request.path_params["run"]))
    if run is None:
        raise Refused(Reason.NOT_FOUND)
    size = _touched(run.counts)
    if visit.form.text("nombre").strip() != str(size):
        text = visit._("Pour annuler l’import %(run)s, tapez le nombre de personnes touchées : %(n)s.")
        return await show_imports(services, visit, text % {"run": run.id, "n": size})
    number = await start(services, visit, importing.UNDO, {"run": run.id}, among=importing.KINDS)
    if not number:
        return await show_imports(services, visit, _busy(visit))
    return redirect(visit, f"/admin/travaux/{number}")


async def _found(services: Services, visit: Visit) -> Job:
    found = await services.store.read(jobs.get, int(visit.request.path_params["job"]))
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    return found


def is_lost(visit: Visit, one: Job) -> bool:
    """Whether its process has died: nothing was heard of it for long."""
    return one.state is JobState.RUNNING and one.seen < visit.now - LOST_SECONDS


# ---------------------------------------------------------------------- words


def _run(services: Services, visit: Visit, run: Run) -> RunLine:
    until = (run.finished or run.at) + services.settings.accounts.undo_hours * 3600
    open_still = run.state in (RunState.DONE, RunState.APPLYING) and until > visit.now
    told = ", ".join(f"{text.lower()} : {number}" for text, number in counted(visit, run.counts))
    _ = visit._
    state = {
        RunState.APPLYING: _("en cours, ou interrompu"),
        RunState.DONE: _("appliqué"),
        RunState.UNDOING: _("en cours d’annulation"),
        RunState.UNDONE: _("annulé"),
    }[run.state]
    return RunLine(
        run, moment(visit, run.at), told, state, moment(visit, until) if open_still else "", _touched(run.counts)
    )


def _touched(counts: Mapping[str, Any]) -> int:
    """How many people a run touches: the number that has to be typed."""
    return sum(int(counts.get(name, 0)) for name in ("created", "changed", "leaving"))


def job_line(visit: Visit, one: Job) -> JobLine:
    """A job in words."""
    _ = visit._
    told = {
        importing.PLAN: _("Différences de %(file)s"),
        importing.APPLY: _("Import de %(file)s"),
        importing.UNDO: _("Annulation de l’import %(run)s"),
    }.get(one.kind, one.kind)
    state = {
        JobState.RUNNING: _("en cours"),
        JobState.DONE: _("terminé"),
        JobState.FAILED: _("en échec"),
    }[one.state]
    if is_lost(visit, one):
        state = _("interrompu")
    words = told % {"file": one.options.get("original", ""), "run": one.options.get("run", "")}
    hue = "rouge" if one.state is JobState.FAILED or is_lost(visit, one) else _HUES[one.state]
    return JobLine(one, moment(visit, one.created), words, state, hue)


_HUES = {JobState.RUNNING: "bleu", JobState.DONE: "vert"}


def _kinds(visit: Visit) -> dict[str, str]:
    _ = visit._
    return {
        "arrives": _("Arrivent"),
        "homonym": _("Arrivent avec un numéro (homonymes)"),
        "leaves": _("Partent"),
        "returns": _("Reviennent"),
        "renamed": _("Changent de nom"),
        "moved": _("Changent d’établissement, de fonction ou de classe"),
        "changed": _("Autres changements"),
    }


def counted(visit: Visit, counts: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """What an import did, in words."""
    _ = visit._
    told = {
        "created": _("Créés"),
        "changed": _("Modifiés"),
        "leaving": _("Partants"),
        "unchanged": _("Inchangés"),
        "refused": _("Refusés"),
        "places": _("Établissements et libellés"),
    }
    return tuple((words, int(counts.get(name, 0))) for name, words in told.items() if counts.get(name))
