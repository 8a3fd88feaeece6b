"""What everybody is told: announcements, and maintenance windows with their read-only or closed time."""

import datetime
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import bulletins
from mailserver.store.account.bulletins import Bulletin, Draft, Kind
from webui.admin.access import origin
from webui.admin.console_page import Top, done, moment, top, words
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

_FIELDS = ("nature", "debut", "fin", "fr", "en", "urgente")


@dataclass(frozen=True, slots=True)
class Line:
    """A bulletin."""

    bulletin: Bulletin
    kind: str
    begins: str
    ends: str
    holds: bool


@dataclass(frozen=True, slots=True)
class BulletinsPage:
    """What is posted, and the form for one more."""

    top: Top
    lines: tuple[Line, ...]
    kinds: tuple[tuple[str, str], ...]
    form: dict[str, str]
    revised: int
    """The number of the one that the form changes; 0: it makes a new one."""
    full: bool
    """No more can be posted."""


async def show_bulletins(
    services: Services, visit: Visit, fault: str = "", form: dict[str, str] | None = None
) -> Response:
    """GET /admin/annonces."""
    posted = await services.store.read(bulletins.listing)
    kinds = {
        Kind.ANNOUNCEMENT: visit._("Annonce"),
        Kind.READ_ONLY: visit._("Maintenance : lecture et envoi seulement"),
        Kind.CLOSED: visit._("Maintenance : web fermé"),
    }
    lines = tuple(
        Line(
            one,
            kinds[one.kind],
            moment(visit, one.begins),
            moment(visit, one.ends),
            one.holds(visit.now),
        )
        for one in posted
    )
    changed = next((one for one in posted if one.id == _number(visit)), None)
    filled = _filled(visit, changed) if changed is not None else dict.fromkeys(_FIELDS, "")
    page = BulletinsPage(
        top(visit, "annonces", fault),
        lines,
        tuple((kind.value, told) for kind, told in kinds.items()),
        form or filled,
        changed.id if changed is not None else 0,
        len(posted) >= bulletins.MAX_BULLETINS,
    )
    return services.pages.answer(visit, "admin/bulletins.html", page, 422 if fault else 200)


def _number(visit: Visit) -> int:
    """Of the bulletin that is changed."""
    return visit.form.number("numero") or positive(visit.query("modifier"))


def _filled(visit: Visit, one: Bulletin) -> dict[str, str]:
    """The form with a bulletin that is posted."""
    begins, ends = _written(visit, one.begins), _written(visit, one.ends)
    urgent = "oui" if one.urgent else ""
    return dict(zip(_FIELDS, (one.kind.value, begins, ends, one.fr, one.en, urgent), strict=True))


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/annonces: post one, change one, or withdraw one."""
    form = visit.form
    if form.text("faire") == "retirer":
        await services.store.write(bulletins.withdraw, origin(visit), form.number("numero"))
        return redirect(visit, "/admin/annonces", **done("annonce-retiree"))
    kept = {name: form.text(name)[:600] for name in _FIELDS}
    try:
        begins, ends = _moment(visit, kept["debut"]) or int(visit.now), _moment(visit, kept["fin"])
        draft = Draft(Kind(kept["nature"]), begins, ends, kept["fr"], kept["en"], form.has("urgente"))
        if _number(visit):
            await services.store.write(bulletins.revise, origin(visit), _number(visit), draft)
        else:
            await services.store.write(bulletins.post, origin(visit), draft)
    except ValueError:
        return await show_bulletins(services, visit, words(visit, Refused(Reason.INVALID)), kept)
    except Refused as refusal:
        if refusal.reason is Reason.INVALID:
            text = visit._("Il faut un texte d’au plus 500 caractères, et une fin après le début pour une maintenance.")
            return await show_bulletins(services, visit, text, kept)
        return await show_bulletins(services, visit, words(visit, refusal), kept)
    return redirect(visit, "/admin/annonces", **done("annonce"))


def _written(visit: Visit, seconds: int) -> str:
    """A moment as a field of day and hour has it; empty for none."""
    if not seconds:
        return ""
    return datetime.datetime.fromtimestamp(seconds, visit.language.zone).strftime("%Y-%m-%dT%H:%M")


def _moment(visit: Visit, text: str) -> int:
    """What a field of day and hour gives, in the academy's zone; 0 for nothing. Raises ValueError."""
    if not text:
        return 0
    return int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=visit.language.zone).timestamp())
