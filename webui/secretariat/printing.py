"""Sealed letters and new codes of a school's people, printed once: a second letter kills the code of the first.

So a letter that is out is replaced only by who was asked, whoever presses the button twice, or a colleague after them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from directory.people.secretariat import Member, Printed
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.people.letters import Entry
from mailserver.store.people.schools import School
from webui.http import headers
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.secretariat import batches
from webui.secretariat.people import Line, Wanted, line, office_of, people, school_of

MAX_CHOSEN = 300
"""Boxes of one page of people; more are printed with the button for all of them."""
MAX_NAMED = 20
"""People with a letter who are named on the page that asks."""
MAX_BATCH = 40
FILTERS = ("q", "role", "etat", "classe")
GROUPS, BATCH = "groupes", "lot"
"""What the buttons of the page of letters do."""


@dataclass(frozen=True, slots=True)
class RenewPage:
    """Before a password is withdrawn, or a letter replaced."""

    frame: MailShell
    school: School
    line: Line
    letter: str
    """Who printed the letter that is out, and when; empty: there is none."""


@dataclass(frozen=True, slots=True)
class AgainPage:
    """Before letters are printed that replace others."""

    frame: MailShell
    school: School
    letters: Sequence[tuple[str, str]]
    """Names, and what is said of their letters."""
    more: int
    """How many have one beside those."""
    others: int
    """How many of those who were chosen have none."""
    fields: Sequence[tuple[str, str]]
    """What was chosen, as the form had it."""
    back: str
    """The page of the secretariat's that the form was on."""


# ---------------------------------------------------------------------- first connections


async def print_letters(services: Services, visit: Visit) -> Response:
    """POST /secretariat/lettres: the letters of those who were ticked, of everybody that the filters find, of whole
    groups, or of a printing once more.

    `encore`: `oui` replaces letters that are out, `non` leaves these people out; without it that is asked.
    """
    form = visit.form
    uai, again = form.text("etablissement")[:8], form.text("encore")
    office = office_of(services)
    chosen = await _chosen(services, visit, uai)
    if not again:
        now = services.clock.now()
        out = [one for one in chosen if one.doorstep.has_letter(now)]
        if out:
            return await _ask_again(services, visit, uai, out, len(chosen) - len(out))
    try:
        wanted = [one.principal.account_id for one in chosen]
        printed = await office.print_letters(visit.principal, uai, wanted, visit.origin, again=again == "oui")
    except Refused as refusal:
        return await _refused(services, visit, uai, refusal)
    return _document(visit, printed, f"lettres-{uai.upper()}.pdf")


async def _refused(services: Services, visit: Visit, uai: str, refusal: Refused) -> Response:
    """The page that the form was on, with why nothing was printed. Raises what it has no words for."""
    if refusal.reason is Reason.INVALID:
        text = visit._("Personne n’a besoin d’une lettre parmi les personnes choisies.")
    elif refusal.reason is Reason.LIMIT:
        text = visit._("C’est plus de lettres que n’en tient un document : choisissez moins de groupes.")
    else:
        raise refusal
    if visit.form.text("faire") in (GROUPS, BATCH):
        return await batches.letters(services, visit, uai, text)
    return await people(services, visit, uai, text)


async def _chosen(services: Services, visit: Visit, uai: str) -> list[Member]:
    """Those of the chosen who wait for a letter. Raises BadSyntax, Refused(FORBIDDEN | NOT_FOUND)."""
    form, office = visit.form, office_of(services)
    ticked = set(form.numbers("compte", MAX_CHOSEN))
    members = [person for person in await office.people(visit.principal, uai) if person.waits]
    match form.text("faire"):
        case "toutes":
            wanted = Wanted(*(form.text(name)[:200] for name in FILTERS))
            return [member for member in members if wanted.takes(member)]
        case "groupes":
            groups = set(form.every("groupe")[: batches.MAX_GROUPS])
            return [member for member in members if batches.group_of(member) in groups]
        case "lot":
            ticked = await office.of_printing(visit.principal, uai, form.text("lot")[:MAX_BATCH])
    return [member for member in members if member.principal.account_id in ticked]


async def _ask_again(services: Services, visit: Visit, uai: str, out: Sequence[Member], others: int) -> Response:
    office, form = office_of(services), visit.form
    printed = await office.printed(visit.principal, uai)
    named = [(one.principal.name, _said(visit, one, printed.get(one.principal.account_id))) for one in out[:MAX_NAMED]]
    fields = [(name, form.text(name)) for name in (*FILTERS, "faire", "lot") if form.text(name)]
    if form.text("faire") != "toutes":
        fields += [(name, value) for name in ("compte", "groupe") for value in form.every(name)[: batches.MAX_GROUPS]]
    page = AgainPage(
        await surroundings(services, visit),
        await office.school(visit.principal, uai),
        named,
        len(out) - len(named),
        others,
        fields,
        "/lettres" if form.text("faire") in (GROUPS, BATCH) else "",
    )
    return services.pages.answer(visit, "secretariat/again.html", page, 409)


# ---------------------------------------------------------------------- forgotten passwords


async def ask_renewal(services: Services, visit: Visit) -> Response:
    """GET /secretariat/code/{account}: what a new code means, before it is given; who printed the one that is out."""
    return await _renewal(services, visit, visit.query("etablissement"))


async def _renewal(services: Services, visit: Visit, uai: str, status: int = 200) -> Response:
    office = office_of(services)
    school = await school_of(office, visit, uai)
    account_id = int(visit.request.path_params["account"])
    members = await office.people(visit.principal, school.uai)
    member = next((one for one in members if one.principal.account_id == account_id), None)
    if member is None:
        raise Refused(Reason.NOT_FOUND)
    letter = ""
    if status != 200 or member.doorstep.has_letter(services.clock.now()):
        letter = _said(visit, member, (await office.printed(visit.principal, school.uai)).get(account_id))
    page = RenewPage(await surroundings(services, visit), school, line(visit, member), letter)
    return services.pages.answer(visit, "secretariat/code.html", page, status)


async def renew(services: Services, visit: Visit) -> Response:
    """POST /secretariat/code/{account}: the password is withdrawn, the letter with the new code comes back.

    Where a letter is out already the page asks first; `encore` says that it did.
    """
    uai = visit.form.text("etablissement")[:8]
    account_id = int(visit.request.path_params["account"])
    if not visit.form.has("confirme"):
        raise BadSyntax("The box was not ticked")
    again = visit.form.has("encore")
    try:
        printed = await office_of(services).renew(visit.principal, uai, account_id, visit.origin, again=again)
    except Refused as refusal:
        if refusal.reason is Reason.CANNOT:
            return await _renewal(services, visit, uai, 409)
        if refusal.reason is not Reason.CONFLICT:
            raise
        return redirect(visit, "/secretariat", etablissement=uai, **done("compte-suspendu"))
    return _document(visit, printed, "lettre.pdf")


def _said(visit: Visit, member: Member, entry: Entry | None) -> str:
    """Who printed somebody's letter, and when."""
    at, who = (entry.at, entry.actor) if entry is not None else (member.doorstep.printed, "")
    if not at:
        return visit._("Une lettre est en train d’être imprimée.")
    if not who:
        return visit._("Lettre imprimée le %(at)s.") % {"at": visit.language.long_date(at)}
    return visit._("Lettre imprimée le %(at)s par %(who)s.") % {"at": visit.language.long_date(at), "who": who}


def _document(visit: Visit, printed: Printed, name: str) -> Response:
    """The PDF: saved, never kept by a cache on the way."""
    fields = headers.page(visit.secure)
    fields["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(printed.pdf, headers=fields, media_type="application/pdf")
