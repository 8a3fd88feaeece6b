"""The academy's lists as their owners see them: policies, members, preview, and the messages that wait.

An owner is whoever has one of the list's owners' addresses; an administrator, where they may act as one
(`webui.page.administrators`), stands in for every owner, makes lists and says whom a living one finds. To everybody
else such a list is a page that does not exist.
"""

import hashlib
from dataclasses import dataclass, replace

from starlette.responses import Response

from directory.lists import owned_lists, rosters
from directory.lists.list_previews import Preview
from directory.lists.owned_lists import MembersChange, OwnedDetails, OwnedList
from directory.lists.rosters import House, ListChange, NewList
from mailserver.model import selection
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Answers, Archive, ListKind, Role, Writers
from mailserver.model.rules import Denied
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.held.moderation_queue import Held
from webui.compose.addressing.recipients import spoken
from webui.compose.message.message_form import commas
from webui.http.offload import computed
from webui.lists import archive_notes, list_preview, terms
from webui.page.administrators import acting
from webui.page.context import Guest, Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.page.words.role_labels import role_choices

MAX_TEXT = 2_500_000
"""Characters of the members' field."""
MAX_REASON = 200
_LOOKS = ("apercu", "composer", "fichier")
"""Buttons that store nothing."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the form about a list holds."""

    name: str = ""
    address: str = ""
    query: str = ""
    writers: str = Writers.HOUSE.value
    named: str = ""
    owners: str = ""
    members: str = ""
    moderated: bool = False
    hidden_members: bool = False
    answers: str = Answers.AUTHOR.value
    last_day: str = ""
    may_leave: bool = True
    as_list: bool = False
    max_size: str = ""
    max_hourly: str = ""
    archive: str = Archive.NONE.value
    older: bool = False
    kept: str = ""
    """How many messages of before are for whom."""
    filled: str = ""
    """How much its archive holds, of how much."""
    digest: bool = False
    state: str = ""
    """Of the list as the page showed it: several own one, and members leave by themselves."""


@dataclass(frozen=True, slots=True)
class OwnedPage:
    """One list, or the one about to be made (`entry` None)."""

    frame: MailShell
    entry: ListEntry | None
    form: Form
    waiting: int
    may_query: bool
    writers: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str], ...]
    archives: tuple[tuple[str, str], ...]
    archive_days: int
    ended: str = ""
    """Since when it takes no more messages."""
    preview: Preview | None = None
    fault: str = ""
    added: int | None = None
    """How many members came from a file, none stored yet."""
    roles: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits, with its times in words."""

    held: Held
    at: str
    until: str


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The messages that wait for an owner."""

    frame: MailShell
    entry: ListEntry
    rows: tuple[Waiting, ...]
    fault: str = ""


# ---------------------------------------------------------------------- who may


def may_make(services: Services, visit: Visit) -> bool:
    """Administrators make lists, where the directory is ours."""
    return acting(services, visit).role is Role.ADMIN and services.settings.ldap is None


async def lines(services: Services, visit: Visit) -> tuple[OwnedList, ...]:
    """The lists a person looks after."""
    return tuple(await services.store.read(owned_lists.listing, acting(services, visit)))


async def _mine(services: Services, visit: Visit) -> tuple[ListEntry, Form, int]:
    """The list of the address, its form, and how many messages wait. Raises Refused(NOT_FOUND) for anybody else."""
    address = rosters.canonical(str(visit.request.path_params["address"]))
    found = await services.store.read(owned_lists.find, acting(services, visit), address)
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    return found.entry, _filled(services, visit, found), found.waiting


def _filled(services: Services, visit: Visit, found: OwnedDetails) -> Form:
    entry = found.entry
    form = Form(
        name=entry.name,
        address=entry.address,
        query=entry.query,
        writers=entry.writers.value,
        named="\n".join(found.named),
        owners="\n".join(found.owners),
        members="\n".join(found.members),
        moderated=entry.moderated,
        hidden_members=entry.hidden_members,
        answers=entry.answers.value,
        last_day=terms.last_day(services, entry),
        may_leave=entry.may_leave,
        as_list=entry.as_list,
        max_size=str(-(-entry.max_size // 1024)) if entry.max_size else "",
        max_hourly=str(entry.max_hourly) if entry.max_hourly else "",
        archive=entry.archive.value,
        digest=entry.digest,
    )
    state = hashlib.sha256(repr(form).encode("utf-8", "replace")).hexdigest()[:16]
    filled = archive_notes.filled(visit, found.archived_octets, services.settings.lists.archive_size)
    return replace(form, kept=archive_notes.kept(visit, found.archived), filled=filled, state=state)


# ---------------------------------------------------------------------- one list


async def show_list(services: Services, visit: Visit) -> Response:
    """GET /liste/{address}: its policies, members, and whom it finds now."""
    entry, form, waiting = await _mine(services, visit)
    return await _answer(
        services, visit, entry, form, waiting, await list_preview.of_list(services, visit, entry.address)
    )


async def change(services: Services, visit: Visit) -> Response:
    """POST /liste/{address}: save what is changed, look at a query first, or delete."""
    entry, before, waiting = await _mine(services, visit)
    action = visit.form.text("faire")
    if action == "supprimer":
        return await _delete(services, visit, entry, before, waiting)
    form = _posted(visit, before, may_query=may_make(services, visit))
    try:
        if action in _LOOKS:
            return await _look(services, visit, entry, form, waiting)
        if form.state and form.state != before.state:
            form = replace(form, state=before.state)
            fault = terms.changed_meanwhile(visit, before.members, form.members)
            return await _answer(services, visit, entry, form, waiting, None, fault)
        house = House.of(services.settings)
        wanted = _wanted(services, form, entry)
        members = await computed(len(form.members), _members, house, entry, before, form)
        older = await services.store.write(owned_lists.save, house, entry.address, wanted, members, visit.origin)
    except Refused as refusal:
        return await _answer(services, visit, entry, form, waiting, None, _fault(visit, refusal))
    what = done("archives-ouvertes", older) if older else done("liste-gardee")
    return redirect(visit, f"{visit.base}/liste/{entry.address}", **what)


async def _look(services: Services, visit: Visit, entry: ListEntry | None, form: Form, waiting: int) -> Response:
    """Nothing is stored yet: members from a file, a query from choices, or whom the query finds. Raises Refused."""
    action = visit.form.text("faire")
    if action == "fichier":
        added = await list_preview.from_file(visit)
        held_already = {one.casefold() for one in form.members.split()}
        new = [one for one in added if one.casefold() not in held_already]
        form = replace(form, members="\n".join(filter(None, (form.members.rstrip(), *new))))
        return await _answer(services, visit, entry, form, waiting, None, added=len(new))
    if action == "composer" and may_make(services, visit):
        form = replace(form, query=list_preview.composed(visit) or form.query)
    preview = await list_preview.of_query(services, visit, form.query)
    return await _answer(services, visit, entry, form, waiting, preview)


async def _delete(services: Services, visit: Visit, entry: ListEntry, form: Form, waiting: int) -> Response:
    if not may_make(services, visit):
        raise Refused(Reason.FORBIDDEN)
    if not visit.form.has("confirme"):
        fault = visit._("Cochez la case pour confirmer la suppression.")
        return await _answer(services, visit, entry, form, waiting, None, fault)
    await services.store.write(rosters.delete, entry.address, visit.origin)
    return redirect(visit, f"{visit.base}/listes", **done("liste-supprimee"))


def _members(house: House, entry: ListEntry, before: Form, form: Form) -> MembersChange | None:
    """None: they stay as they are. Raises Refused(INVALID | LIMIT)."""
    if entry.kind is ListKind.LIVING or form.members == before.members:
        return None
    old, new = set(before.members.split()), dict.fromkeys(_addresses(form.members, house.domain))
    return MembersChange([one for one in new if one not in old], sorted(old - new.keys()))


def _wanted(services: Services, form: Form, entry: ListEntry) -> ListChange:
    domain = entry.address.rpartition("@")[2]
    return ListChange(
        name=form.name,
        query=form.query if entry.kind is ListKind.LIVING and form.query != entry.query else None,
        writers=Writers(form.writers),
        moderated=form.moderated,
        hidden_members=form.hidden_members,
        owners=tuple(_addresses(form.owners, domain)),
        named=tuple(_addresses(form.named, domain)),
        answers=Answers(form.answers),
        ends=terms.end(services, form.last_day),
        archive=Archive(form.archive) if entry.kind is not ListKind.FUNCTION else None,
        older=form.older,
        digest=form.digest if entry.kind is not ListKind.FUNCTION else None,
        **terms.limits(entry, form.may_leave, form.as_list, form.max_size, form.max_hourly),
    )


# ---------------------------------------------------------------------- a new list


async def begin(services: Services, visit: Visit) -> Response:
    """GET /liste: the form for a new list."""
    if not may_make(services, visit):
        raise Refused(Reason.NOT_FOUND)
    return await _answer(services, visit, None, Form(owners=visit.principal.address), 0, None)


async def create(services: Services, visit: Visit) -> Response:
    """POST /liste: look at a query, or make the list."""
    if not may_make(services, visit):
        raise Refused(Reason.NOT_FOUND)
    form = _posted(visit, Form(), may_query=True)
    domain = services.settings.domain
    try:
        if visit.form.text("faire") in _LOOKS:
            return await _look(services, visit, None, form, 0)
        wanted = NewList(
            address=_addresses(form.address, domain, limit=1)[0] if form.address else "",
            name=form.name,
            owners=tuple(_addresses(form.owners, domain)),
            members=tuple(_addresses(form.members, domain)),
            query=form.query,
            writers=Writers(form.writers),
            named=tuple(_addresses(form.named, domain)),
            moderated=form.moderated,
            hidden_members=form.hidden_members,
            answers=Answers(form.answers),
            ends=terms.end(services, form.last_day),
        )
        await services.store.write(rosters.make, House.of(services.settings), wanted, visit.origin)
    except Refused as refusal:
        return await _answer(services, visit, None, form, 0, None, _fault(visit, refusal))
    return redirect(visit, f"{visit.base}/liste/{wanted.address}", **done("liste-faite"))


# ---------------------------------------------------------------------- what waits


async def queue(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /liste/{address}/attente."""
    entry, _, _ = await _mine(services, visit)
    rows = await services.store.read(moderation_queue.waiting, [entry.address])
    page = QueuePage(await surroundings(services, visit), entry, tuple(waiting_row(visit, row) for row in rows), fault)
    return services.pages.answer(visit, "lists/queue.html", page, 422 if fault else 200)


def waiting_row(visit: Visit, one: Held) -> Waiting:
    return Waiting(one, visit.language.long_date(one.held), visit.language.long_date(one.expires))


async def decide(services: Services, visit: Visit) -> Response:
    """POST /liste/{address}/attente: accept or reject a message of this list."""
    entry, _, _ = await _mine(services, visit)
    number = visit.form.number("message")
    waiting = await services.store.read(moderation_queue.get, number)
    if waiting is None or waiting.list != entry.address:
        return await queue(services, visit, visit._("Quelqu’un a déjà décidé de ce message."))
    try:
        if visit.form.text("faire") == "accepter":
            await services.waiting.moderation.approve(number, visit.origin)
            what = "message-accepte"
        else:
            await services.waiting.moderation.reject(number, visit.origin, visit.form.text("motif")[:MAX_REASON])
            what = "message-refuse"
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return await queue(services, visit, visit._("Quelqu’un a déjà décidé de ce message."))
        return await queue(services, visit, refusal_of(visit, refusal))
    return redirect(visit, f"{visit.base}/liste/{entry.address}/attente", **done(what))


# ---------------------------------------------------------------------- shared


async def _answer(
    services: Services,
    visit: Visit,
    entry: ListEntry | None,
    form: Form,
    waiting: int,
    preview: Preview | None,
    fault: str = "",
    added: int | None = None,
) -> Response:
    _ = visit._
    writers = (
        (Writers.ANYONE.value, _("tout le monde, aussi de l’extérieur")),
        (Writers.HOUSE.value, _("les personnes de l’académie")),
        (Writers.PERSONNEL.value, _("les enseignants et les personnels")),
        (Writers.STAFF.value, _("les personnels administratifs")),
        (Writers.MEMBERS.value, _("ses membres")),
        (Writers.OWNERS.value, _("ses propriétaires")),
    )
    ended = entry.ended(visit.now) if entry is not None else 0
    page = OwnedPage(
        await surroundings(services, visit),
        entry,
        form,
        waiting,
        may_make(services, visit),
        writers,
        terms.answer_choices(visit),
        tuple((readers.value, words) for readers, words in archive_notes.readers(visit).items()),
        services.settings.lists.archive_days,
        visit.language.plain_date(ended) if ended else "",
        preview,
        fault,
        added,
        role_choices(visit),
    )
    return services.pages.answer(visit, "lists/owned.html", page, 422 if fault else 200)


def _posted(visit: Visit, before: Form, *, may_query: bool) -> Form:
    """What was posted; what this person may not set stays as it was."""
    form = visit.form
    writers, answers, archive = form.text("qui"), form.text("reponses"), form.text("archives")
    return Form(
        name=" ".join(form.text("nom").split())[: rosters.MAX_NAME],
        address=before.address or form.text("adresse").strip()[:320],
        query=" ".join(form.text("requete").split())[: selection.MAX_TEXT + 1] if may_query else before.query,
        writers=writers if writers in set(Writers) else before.writers,
        named=form.text("nommes").replace("\r\n", "\n")[:MAX_TEXT],
        owners=form.text("proprietaires").replace("\r\n", "\n")[:MAX_TEXT],
        members=form.text("membres").replace("\r\n", "\n")[:MAX_TEXT] if not before.query else before.members,
        moderated=form.has("moderee"),
        hidden_members=form.has("caches"),
        answers=answers if answers in set(Answers) else before.answers,
        last_day=form.text("dernier_jour").strip()[:20] if form.has("dernier_jour") else before.last_day,
        may_leave=form.has("quitter"),
        as_list=form.has("au_nom"),
        max_size=form.text("taille").strip()[:7],
        max_hourly=form.text("par_heure").strip()[:5],
        archive=archive if archive in set(Archive) else before.archive,
        older=form.has("anciens"),
        kept=before.kept,
        filled=before.filled,
        digest=form.has("condense"),
        state=form.text("etat")[:64],
    )


def _addresses(text: str, domain: str, limit: int = lists.MAX_MEMBERS) -> list[str]:
    """Addresses of a field: one a line, or between commas; without an at sign they are ours. Raises Refused."""
    pieces = [piece for line in commas(text).split(",") for piece in line.split()]
    if len(pieces) > limit:
        raise Refused(Reason.LIMIT)
    whole = (piece if "@" in piece else f"{piece}@{domain}" for piece in pieces)
    return list(dict.fromkeys(map(rosters.canonical, whole)))


def refusal_of(visit: Guest, refusal: Refused) -> str:
    """A rule's sentence in the reader's language; anything else in general words."""
    if isinstance(refusal, Denied):
        return spoken(visit, refusal)
    if refusal.reason is Reason.SUSPENDED:
        return visit._("L’auteur de ce message ne peut plus écrire : son compte est suspendu ou fermé.")
    return visit._("Cette liste n’a personne qui puisse recevoir ce message.")


def _fault(visit: Visit, refusal: Refused) -> str:
    _ = visit._
    text = refusal.text
    if text.startswith("query: "):
        return _("La requête n’est pas comprise : %(why)s") % {"why": text.removeprefix("query: ")}
    if text == terms.NUMBER:
        return _("Une limite s’écrit en chiffres, ou reste vide.")
    if text.startswith(terms.LAST_DAY):
        return _("Le dernier jour n’est pas un jour : écrivez-le comme 2027-06-30.")
    match refusal.reason:
        case Reason.NO_SUCH_RECIPIENT:
            return _("%(address)s n’existe pas dans l’académie.") % {"address": text.partition(":")[0]}
        case Reason.INVALID:
            return _("Une adresse, un nom ou la requête ne convient pas : %(why)s") % {"why": text}
        case Reason.CONFLICT:
            return _("Cette adresse est déjà prise.")
        case Reason.LIMIT:
            return _("C’est trop : au plus 50 000 membres, 20 propriétaires et 500 adresses nommées.")
        case _:
            raise refusal
