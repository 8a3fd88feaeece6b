"""The form of a list: what it shows, what comes back, what that changes, and what is wrong with it."""

import hashlib
from dataclasses import dataclass, replace

from directory.lists import rosters
from directory.lists.owned_lists import MembersChange, OwnedDetails
from directory.lists.rosters import ListChange, ListSettings, NewList
from mailserver.model import selection
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Answers, Archive, ListKind, Writers
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from webui.compose.message.message_form import commas
from webui.lists import archive_notes, terms
from webui.page.context import Services, Visit

MAX_TEXT = 2_500_000
"""Characters of the members' field."""


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


def filled(services: Services, visit: Visit, found: OwnedDetails) -> Form:
    """The form of a list as it is."""
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


def posted(visit: Visit, before: Form, *, may_query: bool) -> Form:
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


def changed(services: Services, form: Form, entry: ListEntry) -> ListChange:
    """What the form makes of a list. Raises Refused(INVALID | LIMIT)."""
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


def members(list_settings: ListSettings, entry: ListEntry, before: Form, form: Form) -> MembersChange | None:
    """Who is to come and who to go; None: they stay as they are. Raises Refused(INVALID | LIMIT)."""
    if entry.kind is ListKind.LIVING or form.members == before.members:
        return None
    old, new = set(before.members.split()), dict.fromkeys(_addresses(form.members, list_settings.domain))
    return MembersChange([one for one in new if one not in old], sorted(old - new.keys()))


def new(services: Services, form: Form) -> NewList:
    """The list that is to be made. Raises Refused(INVALID | LIMIT)."""
    domain = services.settings.domain
    return NewList(
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


def _addresses(text: str, domain: str, limit: int = lists.MAX_MEMBERS) -> list[str]:
    """Addresses of a field: one a line, or between commas; without an at sign they are ours. Raises Refused."""
    pieces = [piece for line in commas(text).split(",") for piece in line.split()]
    if len(pieces) > limit:
        raise Refused(Reason.LIMIT)
    whole = (piece if "@" in piece else f"{piece}@{domain}" for piece in pieces)
    return list(dict.fromkeys(map(rosters.canonical, whole)))


def fault(visit: Visit, refusal: Refused) -> str:
    """Why what was typed cannot be, in words. Raises what is no matter of the form."""
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
