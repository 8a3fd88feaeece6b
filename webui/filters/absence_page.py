"""The page of the absence message: when, what is said to whom, and how it will look."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from starlette.responses import Response

from mailserver.calendars.school import school_holidays
from mailserver.calendars.school.school_holidays import MAX_ZONE, Holiday
from mailserver.filters.absences import version_of
from mailserver.filters.rules.absence import MAX_TEXT, RETURN, UNSPEAKABLE, Absence, Others, Wrong
from mailserver.model.errors import Reason, Refused
from mailserver.notices.mail.outgoing import KINDS
from mailserver.store.account import stored_preferences
from mailserver.store.account.filters import OverBound
from mailserver.texts.text import Text
from webui.filters.starting import Stopped, start, stopped
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

OFFERED = 3
"""Holidays that are proposed."""
OWN = "autres"
"""What is posted for days of one's own choice."""
_FIELDS = {"first": "du", "last": "au", "inside": "dedans", "outside": "dehors"}
"""What the form calls the values of an absence."""
_OTHERS = {"tous": Others.EVERYBODY, "contacts": Others.CONTACTS, "personne": Others.NOBODY}


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    active: bool
    days: str
    """Which of the days that are offered; `OWN`: those in the fields."""
    first: str
    last: str
    inside: str
    outside: str
    others: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Days that are offered."""

    value: str
    name: str
    days: str


@dataclass(frozen=True, slots=True)
class Preview:
    """How an answer will look."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class AbsencePage:
    """The form, and what is on."""

    frame: MailShell
    typed: Typed
    offered: Sequence[Proposal]
    zones: Sequence[str]
    """Of school holidays, where the person has chosen none."""
    standing: str
    """On, planned, over; empty: nothing of it."""
    ends: str
    """When it ends by itself."""
    version: str
    stopped: Stopped
    field: str = ""
    """What is wrong."""
    fault: str = ""
    previews: Sequence[Preview] = ()
    tried: str = ""
    """What became of a trial."""
    private: "Private | None" = None
    """What the answer for people outside gives away: it leaves once that is confirmed."""
    most: int = MAX_TEXT
    back: str = ""
    """What stands in an answer for the day of return."""


@dataclass(frozen=True, slots=True)
class Private:
    """What an answer gives away, to be confirmed."""

    said: Sequence[str]
    """Each thing, masked."""
    code: str
    """By which the form says that this was confirmed: another text, or another number, is another question."""
    kinds: tuple[str, ...]


async def show_absence(services: Services, visit: Visit) -> Response:
    """GET /reglages/absence."""
    kept = await services.filters.rules.read(visit.account_id)
    known = kept.document.absence
    if known is None or known.off or known.is_over(services.filters.absences.today()):
        return await _page(services, visit, _begun(services, visit, known))
    return await _page(services, visit, _shown(services, visit, known))


async def save(services: Services, visit: Visit) -> Response:
    """POST /reglages/absence: keep it, or look at it first."""
    match visit.form.text("faire"):
        case "zone":
            return await _choose_zone(services, visit)
        case "demarrer":
            return await start(services, visit, "absence")
        case _:
            return await _save(services, visit)


async def _save(services: Services, visit: Visit) -> Response:
    kept = await services.filters.rules.read(visit.account_id)
    typed, version = _typed(services, visit, kept.document.absence), visit.form.text("version")
    try:
        absence = _absence(services, visit, typed)
        if visit.form.text("faire") == "apercu":
            return await _page(services, visit, typed, previews=_previews(visit, absence))
        if visit.form.text("faire") == "essai":
            return await _try(services, visit, typed, absence)
        private = await _private(services, visit, absence)
        if private is not None and private.code != visit.form.text("confie"):
            return await _page(services, visit, typed, private=private)
        await services.filters.absences.keep(visit.account_id, version, absence, visit.origin)
        if private is not None:
            await services.filters.absences.confirm(visit.account_id, absence, private.kinds, visit.origin)
    except Wrong as wrong:
        return await _page(services, visit, typed, field=_FIELDS[wrong.field], fault=visit.language.say(wrong.text))
    except OverBound:
        fault = visit._("Vos filtres n’ont plus assez de place pour ce texte : raccourcissez-le.")
        return await _page(services, visit, typed, field="dedans", fault=fault)
    except Refused as refusal:
        if refusal.reason is not Reason.CONFLICT:
            raise
        fault = visit._("L’absence a été changée ailleurs entre-temps. Relisez, puis enregistrez de nouveau.")
        return await _page(services, visit, typed, field="version", fault=fault)
    return redirect(visit, f"{visit.base}/reglages/absence", **done("absence-finie" if absence.off else "absence"))


async def _private(services: Services, visit: Visit, absence: Absence) -> Private | None:
    """What it gives away to people outside, unless it says nothing to them or its owner has confirmed this text. Raises
    Temporary."""
    if (
        absence.off
        or absence.others is Others.NOBODY
        or await services.filters.absences.is_confirmed(visit.account_id, absence)
    ):
        return None
    octets = services.filters.trials.outside(visit.principal, absence)
    looked = await services.submission.confirmation.look(visit.principal, octets)
    if not looked.found:
        return None
    _ = visit._
    said = [
        _("Elle contient %(what)s : %(masked)s.")
        % {"what": KINDS[one.kind].to(visit.language.code), "masked": one.masked}
        for one in looked.found
    ]
    asked = "\n".join([absence.said(absence.outside), *(f"{one.kind} {one.value}" for one in looked.found)])
    return Private(said, hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()[:32], looked.kinds)


async def _try(services: Services, visit: Visit, typed: Typed, absence: Absence) -> Response:
    """Send the person what others would get; nothing is kept. Raises Wrong."""
    try:
        sent = await services.filters.trials.send(visit.principal, absence, visit._("Sortie au musée"))
    except Refused as refusal:
        return await _page(services, visit, typed, field="essai", fault=_untried(visit, refusal))
    text = visit.language.texts.ngettext(
        "%(n)s essai vous a été envoyé : regardez votre boîte de réception. L’absence n’est pas enregistrée.",
        "%(n)s essais vous ont été envoyés : regardez votre boîte de réception. L’absence n’est pas enregistrée.",
        sent,
    )
    return await _page(services, visit, typed, tried=text % {"n": visit.language.number(sent)})


def _untried(visit: Visit, refusal: Refused) -> str:
    """Why there was no trial. Raises what has no words."""
    words = {
        Reason.LIMIT: visit._("Vous avez fait assez d’essais : le prochain sera possible dans une heure au plus."),
        Reason.OVER_QUOTA: visit._("Votre boîte est pleine : l’essai n’a pas pu y entrer."),
    }
    if refusal.reason not in words:
        raise refusal
    return words[refusal.reason]


async def end(services: Services, visit: Visit) -> Response:
    """POST /reglages/absence/fin: nothing is answered any more; the texts stay for another time."""
    await services.filters.absences.end(visit.account_id, visit.origin)
    return redirect(visit, f"{visit.base}/reglages/absence", **done("absence-finie"))


async def _choose_zone(services: Services, visit: Visit) -> Response:
    """Whose school holidays are proposed here, and shown in the agenda."""
    zone = visit.form.text("zone")[:MAX_ZONE]
    if zone in school_holidays.of(services.settings.directory).zones:
        await services.store.write(stored_preferences.revise_preferences, visit.account_id, {"school_zone": zone})
    return redirect(visit, f"{visit.base}/reglages/absence")


# ---------------------------------------------------------------------- the form


def _shown(services: Services, visit: Visit, absence: Absence) -> Typed:
    """An absence as the form has it."""
    offered = _holidays(services, visit, services.filters.absences.today())
    same = (_value(one) for one in offered if (one.start, _last(one)) == (absence.first, absence.last))
    return Typed(
        active=not absence.off,
        days=next(same, OWN),
        first=absence.first.isoformat(),
        last=absence.last.isoformat() if absence.last is not None else "",
        inside=absence.inside,
        outside=absence.outside,
        others=next(code for code, others in _OTHERS.items() if others is absence.others),
    )


def _begun(services: Services, visit: Visit, known: Absence | None) -> Typed:
    """What the form begins with: the holidays of today or the next ones, and what was said the last time."""
    day = services.filters.absences.today()
    offered = _holidays(services, visit, day)
    first, last = (offered[0].start, _last(offered[0])) if offered else (day, day + timedelta(days=6))
    dates = max(day, first).isoformat(), last.isoformat()
    days = _value(offered[0]) if offered else OWN
    if known is not None:
        return replace(_shown(services, visit, known), active=True, days=days, first=dates[0], last=dates[1])
    values = {"back": RETURN[visit.language.code], "name": visit.principal.name}
    inside = visit._("Bonjour,\n\nJe suis en congé : je lirai votre message à mon retour, le %(back)s.\n\n%(name)s")
    outside = visit._(
        "Bonjour,\n\nJe suis en congé : je lirai votre message à mon retour, le %(back)s. En cas d’urgence, appelez "
        "l’établissement.\n\n%(name)s"
    )
    return Typed(True, days, *dates, inside % values, outside % values, "tous")


def _typed(services: Services, visit: Visit, known: Absence | None) -> Typed:
    """What was posted; days that were offered stand in the fields as well. What is on since an earlier day stays so:
    another first day is another absence, and who was answered would be once more."""
    form, day = visit.form, services.filters.absences.today()
    first, last = form.text("du")[:10], form.text("au")[:10]
    chosen = next((one for one in _holidays(services, visit, day) if _value(one) == form.text("jours")), None)
    if chosen is not None:
        is_on = known is not None and not known.off and known.first == chosen.start
        first, last = (chosen.start if is_on else max(day, chosen.start)).isoformat(), _last(chosen).isoformat()
    return Typed(
        active=form.has("active"),
        days=_value(chosen) if chosen is not None else OWN,
        first=first,
        last=last,
        inside=_text(form.text("dedans")),
        outside=_text(form.text("dehors")),
        others=form.text("autres") if form.text("autres") in _OTHERS else "personne",
    )


def _absence(services: Services, visit: Visit, typed: Typed) -> Absence:
    """What is meant. Raises Wrong."""
    first = _date(typed.first)
    last = _date(typed.last)
    if first is None:
        raise Wrong("first", Text("Donnez le premier jour de l’absence."))
    if last is None and typed.last.strip():
        raise Wrong("last", Text("Ce n’est pas une date."))
    absence = Absence(
        first, last, typed.inside, typed.outside, _OTHERS[typed.others], visit.language.code, off=not typed.active
    )
    if not absence.off and absence.is_over(services.filters.absences.today()):
        raise Wrong("last", Text("Ce jour est passé."))
    return absence


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _text(text: str) -> str:
    """Lines of what can be said."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return UNSPEAKABLE.sub("", lines).strip("\n")


# ---------------------------------------------------------------------- the page


async def _page(
    services: Services,
    visit: Visit,
    typed: Typed,
    *,
    field: str = "",
    fault: str = "",
    previews: Sequence[Preview] = (),
    tried: str = "",
    private: Private | None = None,
) -> Response:
    kept = await services.filters.rules.read(visit.account_id)
    day, known = services.filters.absences.today(), kept.document.absence
    page = AbsencePage(
        await surroundings(services, visit),
        typed,
        [_proposal(visit, one) for one in _holidays(services, visit, day)],
        () if visit.preferences.school_zone else school_holidays.of(services.settings.directory).zones,
        _standing(visit, known, day),
        _ends(visit, known) if known is not None and not known.off and not known.is_over(day) else "",
        version_of(known),
        stopped(kept),
        field,
        fault,
        previews,
        tried,
        private,
        back=RETURN[visit.language.code],
    )
    return services.pages.answer(visit, "filters/absence.html", page, 422 if fault or private else 200)


def _holidays(services: Services, visit: Visit, day: date) -> Sequence[Holiday]:
    """The school holidays that are proposed."""
    seasons = school_holidays.of(services.settings.directory)
    return seasons.coming(visit.preferences.school_zone, day, OFFERED)


def _value(holiday: Holiday) -> str:
    return holiday.start.isoformat()


def _last(holiday: Holiday) -> date:
    return holiday.end - timedelta(days=1)


def _proposal(visit: Visit, holiday: Holiday) -> Proposal:
    language = visit.language
    days = f"{language.written(holiday.start, 'd MMM')} – {language.written(_last(holiday), 'd MMM')}"
    shown = visit._("%(days)s, zone %(zone)s") % {"days": days, "zone": visit.preferences.school_zone}
    return Proposal(_value(holiday), holiday.name, shown)


def _previews(visit: Visit, absence: Absence) -> Sequence[Preview]:
    """How each of the answers will look."""
    _ = visit._
    subject = absence.subject(_("Sortie au musée"))
    found = [Preview(_("Aux personnels de l’académie"), subject, absence.said(absence.inside))]
    if absence.others is not Others.NOBODY:
        found.append(Preview(_("Aux autres : parents, élèves, extérieur"), subject, absence.said(absence.outside)))
    return found


def _standing(visit: Visit, absence: Absence | None, day: date) -> str:
    """How it is with what was kept, in few words."""
    if absence is None or absence.off:
        return ""
    if absence.is_over(day):
        return visit._("terminée")
    if absence.first <= day:
        return visit._("en cours")
    days = (absence.first - day).days
    text = visit.language.texts.ngettext("prévue, part dans %(n)s jour", "prévue, part dans %(n)s jours", days)
    return text % {"n": visit.language.number(days)}


def _ends(visit: Visit, absence: Absence) -> str:
    """How long it is, and when it ends by itself."""
    if absence.end is None:
        return visit._("Elle dure jusqu’à ce que vous l’arrêtiez.")
    days = (absence.end - absence.first).days
    text = visit.language.texts.ngettext(
        "%(n)s jour. Elle s’arrête seule le %(day)s à 0 h.", "%(n)s jours. Elle s’arrête seule le %(day)s à 0 h.", days
    )
    day = visit.language.written(absence.end, "EEEE d MMMM y")
    return text % {"n": visit.language.number(days), "day": day}
