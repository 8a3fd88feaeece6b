"""The page of Sieve scripts: what the rules became, to be read; those of one's own, to be changed and put to use."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.filters.answers import code_of
from mailserver.filters.documents import NAME, Rules
from mailserver.filters.sieve import SieveError
from mailserver.model.account.script_names import MAX_NAME
from mailserver.model.errors import Reason, Refused
from mailserver.notices.mail.outgoing import KINDS
from mailserver.store.account.filters import OverBound, Stored
from webui.filters.proving import prove
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings


@dataclass(frozen=True, slots=True)
class Asked:
    """For which button the password is asked, and why or what is wrong with it."""

    action: str
    fault: str


@dataclass(frozen=True, slots=True)
class ScriptPage:
    """Every script, and one of them open."""

    frame: MailShell
    scripts: Sequence[Stored]
    name: str
    """Of the one that is open; empty: a new one."""
    version: str
    """What it was when it was read; empty: there was none."""
    text: str
    ours: bool
    """The rules made it: it is read, not written."""
    active: bool
    beside: str
    """The one that is run after the rules."""
    checked: bool = False
    fault: str = ""
    warnings: Sequence[str] = ()
    asked: Asked | None = None
    answers: bool = False
    """It may answer, so that its answers may have to be confirmed."""
    private: "Confided | None" = None


@dataclass(frozen=True, slots=True)
class Confided:
    """What the answers of a script give away to people outside; nothing: there is nothing to confirm."""

    said: Sequence[str]
    code: str
    saved: bool = False
    """The script was kept just now."""


async def show_script(services: Services, visit: Visit) -> Response:
    """GET /reglages/regles/script: the script `nom`, else the one that mail runs through."""
    scripts = await services.filters.scripts.listing(visit.account_id)
    wanted = visit.query("nom") or next((one.name for one in scripts if one.active), scripts[0].name if scripts else "")
    if visit.query("nouveau"):
        return await _page(services, visit, scripts, "", "", "")
    found = next((one for one in scripts if one.name == wanted), None)
    if found is None:
        if visit.query("nom"):
            raise Refused(Reason.NOT_FOUND)
        return await _page(services, visit, scripts, "", "", "")
    octets = await services.filters.scripts.octets(visit.account_id, found.name)
    return await _page(services, visit, scripts, found.name, found.hash.hex(), octets.decode("utf-8", "replace"))


async def change(services: Services, visit: Visit) -> Response:
    """POST /reglages/regles/script: look at one, keep it, put it to use, confirm what it answers, remove it."""
    form = visit.form
    name, version = form.text("nom").strip()[: MAX_NAME + 1], form.text("version")[:100]
    action, text = form.text("faire"), form.text("texte")
    if await _is_ours(services, visit, name):
        raise Refused(Reason.CANNOT)
    if action in ("verifier", "enregistrer"):
        return await _written(services, visit, name, version, text, keep=action == "enregistrer")
    if action in ("activer", "a-la-suite") and await services.filters.scripts.sends_further(visit.account_id, name):
        password_fault, status = await _prove(services, visit)
        if password_fault:
            return await _kept(services, visit, name, Asked(action, password_fault), status=status)
    match action:
        case "activer":
            await services.filters.scripts.activate(visit.account_id, name, visit.origin)
        case "a-la-suite":
            await services.filters.rules.start(visit.account_id, visit.origin, beside=name)
        case "confier":
            return await _confide(services, visit, name)
        case "supprimer" if form.has("certain"):
            await services.filters.scripts.remove(visit.account_id, name, visit.origin)
            return redirect(visit, _address(visit), **done("script-supprime"))
        case _:
            raise Refused(Reason.INVALID)
    return redirect(visit, _address(visit), nom=name, **done("script-en-service"))


async def _is_ours(services: Services, visit: Visit, name: str) -> bool:
    """Whether the rules made it, so that only they change it."""
    return name == NAME and bool((await services.filters.rules.read(visit.account_id)).version)


async def _prove(services: Services, visit: Visit) -> tuple[str, int]:
    """As `prove`; whoever was not asked yet is told why they are."""
    if not visit.form.text("actuel"):
        return visit._("Ce script peut renvoyer vos messages à une autre adresse : donnez votre mot de passe."), 422
    return await prove(services, visit)


async def _confide(services: Services, visit: Visit, name: str, *, saved: bool = False) -> Response:
    """What the answers of a kept script give away is shown; who has seen it may let it leave. Raises
    Refused(NOT_FOUND)."""
    octets = await services.filters.scripts.octets(visit.account_id, name)
    try:
        private = await services.filters.answers.private(visit.principal, octets)
    except SieveError as error:
        return await _kept(services, visit, name, fault=_fault(visit, error), status=422)
    code = code_of(private)
    if private and visit.form.text("confie") == code:
        await services.filters.answers.confirm(visit.account_id, private, visit.origin)
        return redirect(visit, _address(visit), nom=name, **done("reponses"))
    if saved and not private:
        return redirect(visit, _address(visit), nom=name, **done("script"))
    said = [
        visit._("Une réponse contient %(what)s : %(masked)s.")
        % {"what": KINDS[found.kind].to(visit.language.code), "masked": found.masked}
        for one in private
        for found in one.found
    ]
    return await _kept(services, visit, name, private=Confided(said, code, saved), status=422 if said else 200)


async def _kept(
    services: Services,
    visit: Visit,
    name: str,
    asked: Asked | None = None,
    *,
    private: Confided | None = None,
    fault: str = "",
    status: int,
) -> Response:
    """One as it is kept, and a question."""
    scripts = await services.filters.scripts.listing(visit.account_id)
    found = next((one for one in scripts if one.name == name), None)
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    octets = await services.filters.scripts.octets(visit.account_id, name)
    text = octets.decode("utf-8", "replace")
    version = found.hash.hex()
    return await _page(
        services, visit, scripts, name, version, text, fault=fault, asked=asked, private=private, status=status
    )


def _fault(visit: Visit, error: SieveError) -> str:
    return visit._("Ligne %(line)s, colonne %(column)s : %(fault)s") % {
        "line": visit.language.number(error.line),
        "column": visit.language.number(error.column),
        "fault": visit.language.say(error.text),
    }


async def _written(services: Services, visit: Visit, name: str, version: str, text: str, *, keep: bool) -> Response:
    source = text.encode("utf-8", "replace")
    fault, status, warnings = "", 200, list[str]()
    try:
        if keep and await services.filters.scripts.sends_further(visit.account_id, name, source):
            password_fault, status = await _prove(services, visit)
            if password_fault:
                asked = Asked("enregistrer", password_fault)
                scripts = await services.filters.scripts.listing(visit.account_id)
                return await _page(services, visit, scripts, name, version, text, asked=asked, status=status)
        if keep:
            await services.filters.scripts.put(visit.account_id, name, source, visit.origin, before=version)
            return await _confide(services, visit, name, saved=True)
        found = await services.filters.scripts.check(visit.account_id, source)
        warnings = list(map(visit.language.say, found.warnings))
    except SieveError as error:
        fault, status = _fault(visit, error), 422
    except OverBound:
        fault, status = visit._("Vos scripts n’ont plus assez de place pour celui-ci."), 422
    except Refused as refusal:
        if refusal.reason not in (Reason.CONFLICT, Reason.INVALID):
            raise
        fault, status = visit._("Donnez au script un nom de 128 caractères au plus."), 422
        if refusal.reason is Reason.CONFLICT:
            fault, status = (
                visit._("Ce script a été changé ailleurs entre-temps. Copiez votre texte, puis rouvrez-le."),
                409,
            )
    scripts = await services.filters.scripts.listing(visit.account_id)
    checked = not fault
    return await _page(
        services, visit, scripts, name, version, text, checked=checked, fault=fault, warnings=warnings, status=status
    )


def _address(visit: Visit) -> str:
    return f"{visit.base}/reglages/regles/script"


async def _page(
    services: Services,
    visit: Visit,
    scripts: Sequence[Stored],
    name: str,
    version: str,
    text: str,
    *,
    checked: bool = False,
    fault: str = "",
    warnings: Sequence[str] = (),
    asked: Asked | None = None,
    private: Confided | None = None,
    status: int = 200,
) -> Response:
    kept: Rules = await services.filters.rules.read(visit.account_id)
    page = ScriptPage(
        await surroundings(services, visit),
        scripts,
        name,
        version,
        text,
        name == NAME and bool(kept.version),
        any(one.active and one.name == name for one in scripts),
        kept.document.beside,
        checked,
        fault,
        warnings,
        asked,
        "vacation" in text.lower(),
        private,
    )
    return services.pages.answer(visit, "filters/script.html", page, status)
