"""The page of rules: sentences in their order, each on or off; what is deleted can be taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.filters.documents import Rules
from mailserver.filters.rules import Document, Rule
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.account import stored_preferences
from webui.filters.names import names
from webui.filters.starting import Stopped, start, stopped
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

DELETED = "regle-supprimee"


@dataclass(frozen=True, slots=True)
class Shown:
    """A rule on its line."""

    number: int
    """Its place, from 1."""
    sentence: Sequence[tuple[str, bool]]
    """With each piece, whether somebody chose it."""
    off: bool
    lost: bool
    """The folder that it names is gone."""


@dataclass(frozen=True, slots=True)
class RulesPage:
    """Every rule."""

    frame: MailShell
    rules: Sequence[Shown]
    version: str
    """Of the rules as they are shown."""
    stopped: Stopped
    beside: str
    """The script of one's own that is run after them."""
    can_undo: bool
    """The last thing that was done is a deletion."""
    fault: str = ""


async def show_rules(services: Services, visit: Visit, fault: str = "", status: int = 200) -> Response:
    """GET /reglages/regles."""
    kept = await services.filters.rules.read(visit.account_id)
    known = await names(services, visit)
    shown = [
        Shown(number, known.said(rule), rule.off, known.is_lost(rule))
        for number, rule in enumerate(kept.document.rules, 1)
    ]
    frame = await surroundings(services, visit)
    can_undo = visit.query("fait") == DELETED and visit.query("etat") == kept.version and not fault
    page = RulesPage(frame, shown, kept.version, stopped(kept), kept.document.beside, can_undo, fault)
    return services.pages.answer(visit, "filters/rules.html", page, status)


async def change(services: Services, visit: Visit) -> Response:
    """POST /reglages/regles: move, switch or delete one rule; take a deletion back; start and stop."""
    action = visit.form.text("faire")
    if action == "demarrer":
        return await start(services, visit, "regles")
    if action == "suspendre":
        await services.filters.rules.stop(visit.account_id, visit.origin)
        return redirect(visit, _address(visit), **done("regles-arretees"))
    if action == "ne-plus-proposer":
        await services.store.write(stored_preferences.revise_preferences, visit.account_id, {"offer_rules": False})
        return redirect(visit, f"{visit.base}/", **done("regles-non-proposees"))
    version = visit.form.text("version")[:100]
    try:
        if action == "retablir":
            kept = await services.filters.rules.undo(visit.account_id, version, visit.origin)
        else:
            step = _steps(visit, action)
            kept = await services.filters.rules.change(visit.account_id, version, step, visit.origin)
    except Refused as refusal:
        if refusal.reason is not Reason.CONFLICT:
            raise
        fault = visit._("Vos règles ont été changées ailleurs entre-temps : les voici telles qu’elles sont.")
        return await show_rules(services, visit, fault, 409)
    return redirect(visit, _address(visit), **_told(visit, action, kept))


def _address(visit: Visit) -> str:
    return f"{visit.base}/reglages/regles"


def _told(visit: Visit, action: str, kept: Rules) -> dict[str, str | int]:
    if action == "supprimer":
        return {**done(DELETED), "etat": kept.version}
    if action in ("monter", "descendre", "placer"):
        return {"_at": f"regle-{_goal(visit, action) + 1}"}
    return done({"retablir": "regle-retablie", "sans": "regles-sans-script"}.get(action, "regle"))


def _goal(visit: Visit, action: str) -> int:
    """Where a rule is to stand, from 0."""
    at = visit.form.number("regle") - 1
    return {"monter": at - 1, "descendre": at + 1}.get(action, visit.form.number("place") - 1)


def _steps(visit: Visit, action: str) -> Callable[[Document], Document]:
    """What the form asks for, as a change of the rules. Raises BadSyntax."""
    at = visit.form.number("regle") - 1

    def moved(kept: Document) -> Document:
        others = [*kept.rules[:at], *kept.rules[at + 1 :]]
        goal = min(max(_goal(visit, action), 0), len(others))
        return replace(kept, rules=(*others[:goal], _rule(kept, at), *others[goal:]))

    def switched(kept: Document) -> Document:
        rule = replace(_rule(kept, at), off=action == "arreter")
        return replace(kept, rules=(*kept.rules[:at], rule, *kept.rules[at + 1 :]))

    def deleted(kept: Document) -> Document:
        _rule(kept, at)
        return replace(kept, rules=(*kept.rules[:at], *kept.rules[at + 1 :]))

    def alone(kept: Document) -> Document:
        return replace(kept, beside="")

    steps: dict[str, Callable[[Document], Document]] = {
        "monter": moved,
        "descendre": moved,
        "placer": moved,
        "activer": switched,
        "arreter": switched,
        "supprimer": deleted,
        "sans": alone,
    }
    if action not in steps:
        raise BadSyntax("No such action")
    return steps[action]


def _rule(kept: Document, at: int) -> Rule:
    """Raises Refused(NOT_FOUND)."""
    if not 0 <= at < len(kept.rules):
        raise Refused(Reason.NOT_FOUND)
    return kept.rules[at]
