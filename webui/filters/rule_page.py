"""The page of one rule: new, or changed; its conditions are added one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.filters.applying import Trial
from mailserver.filters.rules import Document, Faulty, Rule
from mailserver.filters.rules.document import MAX_CONDITIONS
from mailserver.filters.sieve import SieveError
from mailserver.model.errors import Reason, Refused
from mailserver.store.account.filters import OverBound
from mailserver.store.mail.known_senders import MAX_SENDER
from webui.filters import rule_form
from webui.filters.names import Names, Place, names
from webui.filters.rule_form import Line, Typed
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings


@dataclass(frozen=True, slots=True)
class RulePage:
    """The form."""

    frame: MailShell
    number: int
    """Of the rule that is changed, from 1; 0: it is a new one."""
    version: str
    typed: Typed
    kinds: Sequence[tuple[str, str]]
    places: Sequence[Place]
    tags: Sequence[tuple[str, str]]
    """Keywords and what they are called; those of the rule are among them."""
    lost: str
    """The folder of the rule that is gone."""
    is_full: bool
    """No condition can be added."""
    fault: str = ""
    trial: Trial | None = None
    """What it would concern."""


async def show_rule(services: Services, visit: Visit) -> Response:
    """GET /reglages/regles/modifier: the rule `regle`, or a new one."""
    kept = await services.filters.rules.read(visit.account_id)
    known = await names(services, visit)
    number, before = _chosen(kept.document, visit.query("regle"))
    typed = rule_form.shown(before, known) if before is not None else _begun(visit, known)
    return await _page(services, visit, known, typed, number, kept.version, before)


async def save(services: Services, visit: Visit) -> Response:
    """POST /reglages/regles/modifier: keep it, or show the form with a line more or less."""
    kept = await services.filters.rules.read(visit.account_id)
    known = await names(services, visit)
    number, before = _chosen(kept.document, visit.form.text("regle"))
    typed, version = rule_form.typed(visit.form), visit.form.text("version")[:100]
    if visit.form.has("retirer"):
        return await _page(services, visit, known, typed, number, version, before)
    if visit.form.text("faire") == "condition":
        typed = replace(typed, lines=[*typed.lines, Line()][:MAX_CONDITIONS])
        return await _page(services, visit, known, typed, number, version, before)
    try:
        rule = rule_form.rule(typed, known, before)
        if visit.form.text("faire") == "essayer":
            trial = await services.filters.applying.trial(visit.account_id, rule)
            return await _page(services, visit, known, typed, number, version, before, trial=trial)
        await services.filters.rules.change(
            visit.account_id, version, lambda now: _with(now, number, rule), visit.origin
        )
    except Faulty as faulty:
        fault = visit.language.say(faulty.text)
    except (OverBound, SieveError):
        fault = visit._("Vos règles sont trop longues ensemble : raccourcissez-en une, ou supprimez-en une.")
    except Refused as refusal:
        if refusal.reason is not Reason.CONFLICT:
            raise
        fault = visit._("Vos règles ont été changées ailleurs entre-temps. Enregistrer ajoutera celle-ci après elles.")
        return await _page(services, visit, known, typed, 0, kept.version, before, fault, 409)
    else:
        return redirect(visit, f"{visit.base}/reglages/regles", **done("regle" if number else "regle-faite"))
    return await _page(services, visit, known, typed, number, version, before, fault, 422)


def _begun(visit: Visit, known: Names) -> Typed:
    """A new rule, as the address proposes it: for a sender, or for a list, and a folder."""
    place = positive(visit.query("dossier"))
    proposed = (("destinataire", visit.query("liste")), ("expediteur", visit.query("expediteur")))
    lines = [Line(kind, text[:MAX_SENDER]) for kind, text in proposed if text][:1]
    is_known = any(one.id == place for one in known.places)
    return Typed(lines or [Line()], place=str(place) if is_known else "")


def _chosen(document: Document, text: str) -> tuple[int, Rule | None]:
    """The rule of a number, and the number; 0 and None for a new one. Raises Refused(NOT_FOUND)."""
    if not text or text == "0":
        return 0, None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 1 <= number <= len(document.rules):
        raise Refused(Reason.NOT_FOUND)
    return number, document.rules[number - 1]


def _with(document: Document, number: int, rule: Rule) -> Document:
    """The rules with this one: in the place of another, or after all."""
    if number:
        return replace(document, rules=(*document.rules[: number - 1], rule, *document.rules[number:]))
    return replace(document, rules=(*document.rules, rule))


async def _page(
    services: Services,
    visit: Visit,
    known: Names,
    typed: Typed,
    number: int,
    version: str,
    before: Rule | None,
    fault: str = "",
    status: int = 200,
    trial: Trial | None = None,
) -> Response:
    tags = dict.fromkeys([*(tag.keyword for tag in visit.preferences.tags), *typed.tags])
    lost = before.actions.folder.name if before is not None and known.is_lost(before) and before.actions.folder else ""
    page = RulePage(
        await surroundings(services, visit),
        number,
        version,
        typed,
        rule_form.kinds(visit),
        known.places,
        [(keyword, known.tag(keyword)) for keyword in tags],
        lost,
        len(typed.lines) >= MAX_CONDITIONS,
        fault,
        trial,
    )
    return services.pages.answer(visit, "filters/rule.html", page, status)
