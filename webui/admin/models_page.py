"""Models of letters that the academy gives to its people, by role.

No editor runs in the console: one that is formatted is written as a letter, kept as a model of the operator's own, and
taken from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Role
from mailserver.model.sending import letter_fields
from mailserver.store.web import academy_models, signatures
from mailserver.store.web.academy_models import AcademyDraft, AcademyModel
from mailserver.store.web.signatures import Model
from webui.admin.access import origin
from webui.admin.console_page import Top, done, moment, top, words
from webui.compose import models
from webui.compose.message.message_form import plain
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect
from webui.page.words.role_labels import role_words

PATH = "/admin/modeles"


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model in the list."""

    id: int
    name: str
    roles: str
    subject: str
    text: str
    is_formatted: bool
    author: str
    written: str
    state: str


@dataclass(frozen=True, slots=True)
class ModelForm:
    """What the form holds; `roles`: those that are ticked."""

    name: str = ""
    roles: frozenset[Role] = frozenset(Role)
    subject: str = ""
    text: str = ""
    is_formatted: bool = False
    source: int = 0
    """The model of the operator's own that it was taken from."""


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """What is given, and the form for one more."""

    top: Top
    lines: Sequence[ModelLine]
    own: Sequence[Model]
    """The operator's own models: one may be taken from there."""
    roles: Sequence[tuple[Role, str]]
    fields: Sequence[tuple[str, str]]
    form: ModelForm
    revised: int
    """The number of the one that the form changes; 0: it makes a new one."""
    state: str
    """What that one says by now."""
    full: bool
    """There is no room for more."""


async def show_models(services: Services, visit: Visit, fault: str = "", form: ModelForm | None = None) -> Response:
    """GET /admin/modeles."""
    given = await services.store.read(academy_models.listing)
    own = [one for one in await _own(services, visit) if one.owner == visit.account_id]
    revised = next((one for one in given if one.id == _number(visit)), None)
    page = ModelsPage(
        top(visit, "modeles", fault),
        [_line(visit, one) for one in given],
        own,
        [(role, role_words(visit, role)) for role in Role],
        _fields(visit),
        form or _begun(visit, revised, own),
        revised.id if revised is not None else 0,
        revised.state if revised is not None else "",
        len(given) >= academy_models.MAX_MODELS,
    )
    return services.pages.answer(visit, "admin/models.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/modeles: keep one, or withdraw one."""
    form, number, seen = visit.form, visit.form.number("numero"), visit.form.text("etat")[:64]
    if form.text("faire") == "retirer":
        try:
            await services.store.write(academy_models.withdraw, origin(visit), number, seen)
        except Refused as refusal:
            if refusal.reason is not Reason.CONFLICT:
                raise
            fault = visit._("Ce texte a changé entre-temps dans une autre fenêtre : relisez-le avant de le supprimer.")
            return await show_models(services, visit, fault)
        return redirect(visit, PATH, **done("modele-retire"))
    text = form.text("texte").replace("\r\n", "\n").strip()
    html = await _formatted(services, visit, text)
    draft = AcademyDraft(
        " ".join(form.text("nom").split())[: signatures.MAX_NAME],
        frozenset(role for role in Role if role.value in form.every("pour")),
        " ".join(form.text("objet").split())[: academy_models.MAX_SUBJECT],
        text,
        html,
    )
    try:
        await services.store.write(academy_models.save, origin(visit), number, draft, seen)
    except Refused as refusal:
        typed = ModelForm(draft.name, draft.roles, draft.subject, text, bool(html), form.number("source"))
        fault = words(visit, refusal)
        if refusal.reason is Reason.CONFLICT:
            fault = visit._(
                "Ce texte a changé entre-temps dans une autre fenêtre. Enregistrez de nouveau pour le remplacer."
            )
        return await show_models(services, visit, fault, typed)
    return redirect(visit, PATH, **done("modele"))


async def _own(services: Services, visit: Visit) -> Sequence[Model]:
    return await services.store.read(signatures.models, visit.account_id)


async def _formatted(services: Services, visit: Visit, text: str) -> str:
    """The formatted text that these are the words of: that of the model that is changed, or that it was taken from.
    What is changed here is plain from now on."""
    given = await services.store.read(academy_models.listing)
    before = next((one.draft.html for one in given if one.id == visit.form.number("numero")), "")
    source = visit.form.number("source")
    taken = next((one.html for one in await _own(services, visit) if one.id == source), "")
    for html in map(models.bare, filter(None, (taken, before))):
        if plain(html).split() == text.split():
            return html
    return ""


def _number(visit: Visit) -> int:
    """Of the model that is changed."""
    return visit.form.number("numero") or positive(visit.query("modifier"))


def _begun(visit: Visit, revised: AcademyModel | None, own: Sequence[Model]) -> ModelForm:
    """The form as it opens: with what a model says, with one of the operator's own, or empty."""
    source = positive(visit.query("reprendre"))
    taken = next((one for one in own if one.id == source), None)
    if taken is not None:
        roles = revised.draft.roles if revised is not None else frozenset(Role)
        return ModelForm(taken.name, roles, taken.subject, taken.text, bool(taken.html), taken.id)
    if revised is None:
        return ModelForm()
    draft = revised.draft
    return ModelForm(draft.name, draft.roles, draft.subject, draft.text, bool(draft.html))


def _line(visit: Visit, one: AcademyModel) -> ModelLine:
    draft = one.draft
    everybody = draft.roles == frozenset(Role)
    roles = visit._("Tout le monde") if everybody else _listed(visit, draft.roles)
    return ModelLine(
        one.id,
        draft.name,
        roles,
        draft.subject,
        draft.text,
        bool(draft.html),
        one.author,
        moment(visit, one.written),
        one.state,
    )


def _listed(visit: Visit, roles: frozenset[Role]) -> str:
    return ", ".join(role_words(visit, role) for role in Role if role in roles)


def _fields(visit: Visit) -> Sequence[tuple[str, str]]:
    """The fields with what becomes of them, in the order of `letter_fields`."""
    _ = visit._
    told = {
        "prenom": _("le prénom de la personne qui écrit"),
        "nom": _("son nom de famille"),
        "nom_complet": _("son nom tel qu’il s’affiche"),
        "civilite": _("sa civilité : M. ou Mme"),
        "adresse": _("son adresse de messagerie"),
        "etablissement": _("le nom de son établissement"),
        "uai": _("le numéro UAI de son établissement"),
        "ville": _("la commune de son établissement"),
        "date": _("la date du jour"),
    }
    return [(f"{{{name}}}", told[name]) for name in letter_fields.FIELDS]
