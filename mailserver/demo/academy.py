"""The whole demo academy in order: schools, persons, lists, mail, agendas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from directory.issuing import enrolment
from directory.issuing.enrolment import Academy
from directory.issuing.hashing import Kept
from directory.lists import rosters
from directory.people.embedded import EmbeddedDirectory, keep_password
from mailserver.accounts.provision import provision
from mailserver.calendars.icalendar import reading
from mailserver.demo import contacts, delivery, families, office, people, pupils, series, staffroom
from mailserver.demo.delivery import Person
from mailserver.demo.moments import Calendar
from mailserver.demo.timetable import Timetable
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.clock import SystemClock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import NewPerson, Principal
from mailserver.store.account import accounts
from mailserver.store.agenda import agenda_grants, agenda_items, agendas
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import BlobFolder, folder_of
from mailserver.store.people import schools
from mailserver.store.record.audit import Origin

ORIGIN = Origin("demo", "console")
HOLIDAYS = ("vacances", "Vacances scolaires", "#c2742fff")
SHARED = (
    ("mmartin", "agenda", "edupont", Role.READ),
    ("edupont", "agenda", "rleroy", Role.WRITE),
    ("rleroy", "contacts", "edupont", Role.READ),
)
"""What people share: owner, collection, with whom."""


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """An account to try, as `init --demo` prints it."""

    login: str
    password: str
    who: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the one transaction needs to know."""

    academy: Academy
    list_settings: rosters.ListSettings
    domain: str
    calendar: Calendar
    blobs: BlobFolder
    admin: Principal
    opened: Kept
    """Of the password everybody can try."""
    closed: Kept
    """Of a password nobody knows, for everybody else."""


async def populate(settings: Settings, store: Store | None = None) -> list[DemoAccount]:
    """Fill a new instance; the accounts to try. The administrator's account exists already."""
    own = store is None
    if store is None:
        store = Store(
            settings.database_url,
            settings.data,
            SystemClock(),
            Changes(),
            readers=1,
            writers=1,
            blobs=folder_of(settings),
        )
    directory = EmbeddedDirectory(settings=settings, store=store, clock=store.clock)
    try:
        admin = await directory.find("admin")
        if admin is None:
            raise RuntimeError("the account admin is missing")
        unknown = Secret(store.clock.token(32).hex())
        plan = _Plan(
            academy=directory.academy,
            list_settings=rosters.ListSettings.of(settings),
            domain=settings.domain,
            calendar=Calendar.before(int(store.clock.now()), ZoneInfo(settings.web.timezone)),
            blobs=store.blobs,
            admin=admin,
            opened=await directory.passwords.keep(Secret(people.PASSWORD)),
            closed=await directory.passwords.keep(unknown),
        )
        persons = await store.write(_build, plan)
    finally:
        directory.close()
        if own:
            store.close()
    return _accounts(persons)


def print_demo(shown: Sequence[DemoAccount]) -> None:
    """Tell which accounts there are."""
    table = Table(title="Académie de démonstration", title_justify="left")
    for column in ("Identifiant", "Mot de passe", "Qui"):
        table.add_column(column)
    for account in shown:
        table.add_row(account.login, account.password, account.who)
    Console().print(table)


def _build(tx: Tx, plan: _Plan) -> dict[str, Person]:
    """Everything, or nothing."""
    schools.upsert(tx, people.SCHOOLS)
    persons = {"admin": _person(plan.admin.account_id, "admin", "Messagerie académique", plan.admin.address)}
    keep_password(tx, plan.admin.account_id, plan.opened)
    for new in people.PEOPLE:
        person = _enrol(tx, plan, new)
        persons[person.login] = person
    accounts.suspend(tx, persons[people.SUSPENDED].account_id, people.SUSPENSION, may_receive=False)
    for roster in people.LISTS:
        members = [_address(member, persons, plan.domain) for member in roster.members]
        owner = persons[roster.owner].correspondent.address
        rosters.create(tx, f"{roster.name}@{plan.domain}", roster.title, owner, members)
    for living in people.LIVING:
        rosters.make(tx, plan.list_settings, _living(living, persons, plan.domain), ORIGIN)
    for person in persons.values():
        provision(tx, person.account_id)
    letters = (
        *office.LETTERS,
        *staffroom.LETTERS,
        *families.LETTERS,
        *pupils.LETTERS,
        *series.letters(plan.calendar),
    )
    post = delivery.Post(plan.calendar, plan.domain, persons, letters)
    delivery.put(tx, post.placements(), plan.blobs)
    for login in people.OPEN:
        _fill_agendas(tx, plan.calendar, login, persons)
    for owner, shelf, other, role in SHARED:
        _share(tx, persons[owner].account_id, shelf, persons[other].account_id, role)
    return persons


def _living(living: people.Living, persons: Mapping[str, Person], domain: str) -> rosters.NewList:
    return rosters.NewList(
        f"{living.name}@{domain}",
        living.title,
        (persons[living.owner].correspondent.address,),
        query=living.query,
        writers=living.writers,
    )


def _enrol(tx: Tx, plan: _Plan, new: NewPerson) -> Person:
    base = enrolment.checked(replace(new, affiliations=people.ties(new)))
    waiting = bool(base.numen) and base.numen == people.NUMEN
    enrolled = enrolment.enrol(tx, plan.academy, base, ORIGIN)
    known = (*people.OPEN, people.SUSPENDED)
    if not waiting:
        keep_password(tx, enrolled.account_id, plan.opened if enrolled.login in known else plan.closed)
    return _person(enrolled.account_id, enrolled.login, f"{new.given_name} {new.surname}", enrolled.address)


def _person(account_id: int, login: str, name: str, address: str) -> Person:
    return Person(account_id, login, Correspondent(name.strip(), address))


def _address(member: str, persons: Mapping[str, Person], domain: str) -> str:
    return persons[member].correspondent.address if member in persons else f"{member}@{domain}"


def _fill_agendas(tx: Tx, calendar: Calendar, login: str, persons: Mapping[str, Person]) -> None:
    account_id = persons[login].account_id
    timetable = Timetable(calendar)
    name, title, colour = HOLIDAYS
    props = {agendas.DISPLAY_NAME: title, agendas.COLOUR: colour, agendas.COMPONENTS: "VEVENT"}
    agendas.create(tx, account_id, name, agendas.CALENDAR, props)
    shelves = {
        "agenda": timetable.events(login),
        "taches": timetable.tasks(login),
        "vacances": timetable.holidays(),
        "contacts": (contacts.card(key, persons) for key in contacts.BOOKS[login].split()),
    }
    for shelf, texts in shelves.items():
        held = agendas.find(tx, account_id, shelf)
        if held is None:
            raise RuntimeError(f"the collection {shelf} is missing")
        suffix = ".vcf" if held.tag == agendas.ADDRESS_BOOK else ".ics"
        items = [reading.read(f"{number:02}{suffix}", text) for number, text in enumerate(texts, 1)]
        agenda_items.replace(tx, account_id, held.id, held.props, items)


def _share(tx: Tx, account_id: int, shelf: str, other_id: int, role: Role) -> None:
    held = agendas.find(tx, account_id, shelf)
    if held is None:
        raise RuntimeError(f"the collection {shelf} is missing")
    agenda_grants.grant(tx, account_id, held.id, other_id, role, ORIGIN)


def _accounts(persons: Mapping[str, Person]) -> list[DemoAccount]:
    who = {
        "edupont": "professeure d'anglais, collège Les Tilleuls",
        "mmartin": "professeur de mathématiques, collège Les Tilleuls",
        "skaci": "élève de 4e B",
        "rleroy": "secrétariat du collège Les Tilleuls",
        "admin": "informatique de l'académie",
    }
    rows = [(login, people.PASSWORD, who[login]) for login in people.OPEN]
    rows.append((people.WAITING, f"(NUMEN {people.NUMEN}, naissance {people.BORN})", "pas encore activée"))
    rows.append((people.SUSPENDED, people.PASSWORD, "compte suspendu"))
    return [DemoAccount(login, secret, f"{persons[login].correspondent.name}, {note}") for login, secret, note in rows]
