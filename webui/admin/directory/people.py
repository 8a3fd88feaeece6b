"""Accounts: finding them, a page at a time, and making one."""

import re
from dataclasses import dataclass

from starlette.responses import Response

from directory.issuing import enrolment
from directory.people.lifecycle import Accounts, Code
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.errors import Refused
from mailserver.model.folding import search_key
from mailserver.model.identity import NewPerson, Principal, Role, State
from mailserver.store.account import accounts
from mailserver.store.people import people
from mailserver.store.people.people import Entry
from mailserver.store.people.search.conditions import All, Condition, Contains, Equals, Field, Some, named
from webui.admin.access import origin
from webui.admin.console_page import Top, top, words
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.words.role_labels import role_words, state_words

PER_PAGE = 50
MAX_WORDS = 6
_NUMEN = re.compile(r"\d{2}[A-Z]\d{2}\d{5}[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Line:
    """An account in the list."""

    account_id: int
    name: str
    login: str
    address: str
    role: str
    uai: str
    state: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What is searched for."""

    text: str = ""
    role: str = ""
    state: str = ""
    uai: str = ""


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """Accounts that were found."""

    top: Top
    filters: Filters
    roles: tuple[tuple[str, str], ...]
    states: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    after: int
    """From where the next page goes on; 0: this is the last."""
    external: bool
    """The directory is somebody else's: only whole identifiers and addresses are found."""


@dataclass(frozen=True, slots=True)
class NewPage:
    """The form for a new account."""

    top: Top
    form: dict[str, str]
    roles: tuple[tuple[str, str], ...]
    faults: dict[str, str]
    """By field."""


@dataclass(frozen=True, slots=True)
class CodePage:
    """A one-time code, shown once."""

    top: Top
    name: str
    login: str
    address: str
    account_id: int
    code: str
    until: str


def service(services: Services, visit: Visit) -> Accounts:
    """What the command line uses, in the name of this person."""
    return Accounts(
        directory=services.directory,
        store=services.store,
        proofs=Proofs(services.settings.secret("hmac")),
        clock=services.clock,
        origin=origin(visit),
        terms=services.settings.accounts,
    )


async def show_people(services: Services, visit: Visit) -> Response:
    """GET /admin/comptes."""
    filters = Filters(
        visit.query("q").strip()[:200], visit.query("role"), visit.query("etat"), visit.query("etablissement").upper()
    )
    external = services.settings.ldap is not None
    lines, after = await (_known(services, visit, filters) if external else _found(services, visit, filters))
    page = PeoplePage(
        top(visit, "comptes"),
        filters,
        _roles(visit),
        tuple((state.value, state_words(visit, state)) for state in State),
        lines,
        after,
        external,
    )
    return services.pages.answer(visit, "admin/directory/people.html", page)


async def search(services: Services, visit: Visit, text: str) -> tuple[Line, ...]:
    """Whoever answers to some words: a page at most."""
    filters = Filters(text)
    external = services.settings.ldap is not None
    return (await (_known(services, visit, filters) if external else _found(services, visit, filters)))[0]


async def _found(services: Services, visit: Visit, filters: Filters) -> tuple[tuple[Line, ...], int]:
    """A page of the embedded directory."""
    numen = re.sub(r"\s", "", filters.text).upper()
    if _NUMEN.fullmatch(numen):
        hashed = Proofs(services.settings.secret("hmac")).numen(numen)
        entry = await services.store.read(enrolment.by_numen, hashed)
        return (() if entry is None else (_line(visit, entry),)), 0
    entries = await services.store.read(
        people.matching, _condition(filters), PER_PAGE + 1, positive(visit.query("apres"))
    )
    shown = entries[:PER_PAGE]
    return tuple(_line(visit, one) for one in shown), shown[-1].account_id if len(entries) > PER_PAGE else 0


async def _known(services: Services, visit: Visit, filters: Filters) -> tuple[tuple[Line, ...], int]:
    """Of somebody else's directory: whoever has just this name; without one, the accounts known here."""
    if filters.text:
        person = await services.directory.find(filters.text)
        if person is None:
            return (), 0
        role, state = role_words(visit, person.role), state_words(visit, person.state)
        return (Line(person.account_id, person.name, person.login, person.address, role, person.uai, state),), 0
    rows = await services.store.read(accounts.page, positive(visit.query("apres")), PER_PAGE + 1)
    lines = tuple(
        Line(row.id, row.login, row.login, "", "", "", state_words(visit, row.state)) for row in rows[:PER_PAGE]
    )
    return lines, rows[PER_PAGE - 1].id if len(rows) > PER_PAGE else 0


def _condition(filters: Filters) -> Condition:
    wanted: list[Condition] = []
    fields = (Field.LOGIN, Field.PRIMARY_ADDRESS)
    for word in filters.text.split()[:MAX_WORDS]:
        key = search_key(word)
        wanted.append(Some((named(key), *(Contains(field, middle=(key,)) for field in fields))))
    if filters.role in {role.value for role in Role}:
        wanted.append(Equals(Field.ROLE, filters.role))
    if filters.state in {state.value for state in State}:
        wanted.append(Equals(Field.STATE, filters.state))
    if filters.uai:
        wanted.append(Equals(Field.UAI, filters.uai))
    return All(tuple(wanted))


def _line(visit: Visit, one: Entry) -> Line:
    role, state = role_words(visit, one.role), state_words(visit, one.state)
    return Line(one.account_id, one.name, one.login, one.address, role, one.uai, state)


def _roles(visit: Visit) -> tuple[tuple[str, str], ...]:
    return tuple((role.value, role_words(visit, role)) for role in Role)


# ---------------------------------------------------------------------- a new one

_FIELDS = ("given_name", "surname", "role", "birth_date", "numen", "ine", "uai", "discipline", "login")
_NEEDED = ("given_name", "surname", "role")


async def begin(services: Services, visit: Visit, form: dict[str, str] | None = None, fault: str = "") -> Response:
    """GET /admin/comptes/nouveau."""
    faults = {name: visit._("À remplir.") if form and not form[name] else "" for name in _NEEDED}
    page = NewPage(top(visit, "comptes", fault), form or dict.fromkeys(_FIELDS, ""), _roles(visit), faults)
    return services.pages.answer(visit, "admin/directory/person_new.html", page, 422 if fault else 200)


async def create(services: Services, visit: Visit) -> Response:
    """POST /admin/comptes/nouveau: the account, and the code of its first connection."""
    form = {name: visit.form.text(name).strip()[:200] for name in _FIELDS}
    if form["role"] not in {role.value for role in Role}:
        form["role"] = ""
    if not all(form[name] for name in _NEEDED):
        return await begin(services, visit, form, visit._("Le prénom, le nom et la population sont nécessaires."))
    person = NewPerson(
        form["given_name"],
        form["surname"],
        Role(form["role"]),
        form["birth_date"],
        form["numen"],
        form["ine"],
        form["uai"].upper(),
        form["discipline"],
        form["login"],
    )
    try:
        account, code = await service(services, visit).create(person)
    except Refused as refusal:
        return await begin(services, visit, form, words(visit, refusal))
    return show_code(services, visit, account.principal, code)


def show_code(services: Services, visit: Visit, principal: Principal, code: Code) -> Response:
    """The page with a code, which nobody sees again."""
    page = CodePage(
        top(visit, "comptes"),
        principal.name,
        principal.login,
        principal.address,
        principal.account_id,
        code.text,
        visit.language.plain_date(code.expires),
    )
    return services.pages.answer(visit, "admin/directory/code.html", page)
