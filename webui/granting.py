"""Sharing an agenda or an address book with persons, by role: what its page shows, and what its form does.

People are named as the recipients of a letter are, and only those can be let in whom one may write to. Whoever is let
in is told by a message of the service, which holds no words of the owner's but their name.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Principal
from mailserver.model.rules import Denied
from mailserver.notices.accounts import sharing as notices
from mailserver.notices.house import house_for, house_of
from mailserver.store.agenda import agenda_grants, agendas
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.agenda.agendas import Collection
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Wanted
from webui.compose.addressing import recipients
from webui.compose.addressing.recipients import Question
from webui.page.context import Services, Visit

log = structlog.get_logger("web")

AT_ONCE = 20
"""People of one form."""
TOLD_A_DAY = 100
"""Changes of rights of one account a day that are told by a message: nobody can fill mailboxes in our name."""
DAY: Final = 86_400
FOR_BOOKS: Final = (Role.READ.value, Role.WRITE.value)
FOR_AGENDAS: Final = (Role.TIMES.value, *FOR_BOOKS)


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody who has been let in."""

    account_id: int
    name: str
    address: str
    role: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed and could not be done as it stands."""

    typed: str = ""
    role: str = Role.READ.value
    fault: str = ""
    questions: tuple[Question, ...] = ()


NOTHING: Final = Asked()


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who else sees a collection, and the form to let others in."""

    held: tuple[Held, ...]
    asked: Asked
    roles: tuple[str, ...]


async def people_of(services: Services, logins: Iterable[str]) -> dict[str, Principal]:
    """People by their identifiers, those whom the directory knows."""
    people = {}
    for login in {login for login in logins if login}:
        try:
            principal = await services.directory.find(login)
        except Temporary:
            continue
        if principal is not None:
            people[login] = principal
    return people


async def sharing(
    services: Services, visit: Visit, collection_id: int, asked: Asked, roles: tuple[str, ...]
) -> Sharing:
    """What the page of a collection of one's own shows."""
    held = []
    for grant in await services.store.read(agenda_grants.grants, visit.account_id, collection_id):
        person = await services.directory.by_account(grant.account_id)
        name, address = (person.name, person.address) if person is not None else (grant.login, "")
        held.append(Held(grant.account_id, name, address, grant.role.value))
    return Sharing(tuple(held), asked, roles)


async def change(services: Services, visit: Visit, held: Collection) -> tuple[Asked | None, str]:
    """Let people in, or one out; what has to be asked again, or the word for what was done."""
    form, _ = visit.form, visit._
    if form.has("retirer"):
        await services.store.write(
            agenda_grants.revoke, visit.account_id, held.id, form.number("retirer"), visit.origin
        )
        return None, "partage-retire"
    typed = ", ".join(filter(None, [recipients.clean_recipients(form.text("qui")), *form.every("choix")[:AT_ONCE]]))
    role = form.text("role")
    if role not in (FOR_BOOKS if held.tag == agendas.ADDRESS_BOOK else FOR_AGENDAS):
        raise Refused(Reason.INVALID)
    if not typed:
        return Asked("", role, _("Dites avec qui partager.")), ""
    try:
        field = await recipients.look(services, visit, typed, limit=AT_ONCE, own_lists=False)
    except Refused:
        return Asked(typed, role, _("Vingt personnes à la fois, au plus.")), ""
    people, strangers = await _people(services, [one.address for one in field.people])
    if field.questions or strangers:
        named = [
            _("« %(typed)s » n’est pas une personne de l’académie.") % {"typed": stranger} for stranger in strangers
        ]
        fault = " ".join([*(question.why for question in field.questions), *named])
        # What has choices is answered by them; typed again, it would be asked again.
        kept = [person.address for person in people] + [
            question.typed for question in field.questions if not question.choices
        ]
        return Asked(", ".join((*kept, *strangers)), role, fault, field.questions), ""
    try:
        for person in people:
            await _let_in(services, visit, held, person, Role(role))
    except Denied as denied:
        return Asked(typed, role, recipients.spoken(visit, denied)), ""
    except Refused as refusal:
        if refusal.reason is Reason.INVALID:
            return Asked(typed, role, _("Vous ne pouvez pas partager avec vous-même.")), ""
        if refusal.reason is not Reason.LIMIT:
            raise
        return Asked(typed, role, _("C’est déjà partagé avec trop de monde, ou cette personne reçoit trop.")), ""
    return None, "partage"


async def _people(services: Services, addresses: Iterable[str]) -> tuple[list[Principal], list[str]]:
    """Whose these addresses are, and those that are nobody's: of a list, of somebody outside."""
    people: dict[int, Principal] = {}
    strangers = []
    for address in addresses:
        person = await services.directory.find(address)
        if person is None:
            strangers.append(address)
        else:
            people.setdefault(person.account_id, person)
    return list(people.values()), strangers


async def _let_in(services: Services, visit: Visit, held: Collection, person: Principal, role: Role) -> None:
    new = await services.store.write(
        agenda_grants.grant, visit.account_id, held.id, person.account_id, role, visit.origin
    )
    if not new:
        return
    wanted = Wanted(visit.account_id, Action.RIGHTS_CHANGED, since=int(visit.now) - DAY)
    lately = await services.store.read(audit.find, wanted, TOLD_A_DAY + 1)
    if len(lately) > TOLD_A_DAY:
        return
    book = held.tag == agendas.ADDRESS_BOOK
    what = notices.Shared(visit.principal.name, visit.principal.address, book, notices.Use(role.value))
    house = await house_for(services.store, house_of(services.settings), person.account_id)
    octets = notices.build(house, what, person, token=services.clock.token(12), now=services.clock.now())
    try:
        await services.submission.post(person.address, octets)
    except (Refused, Temporary) as error:
        log.warning("share not told", account=person.account_id, why=type(error).__name__)
