"""Who a message to a list will come to: whom a query finds, whom a list reaches, which members lead nowhere.

Of the people, those are named whom the reader may see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from directory import membership
from directory.membership import Outlook
from directory.rosters import House
from mailserver import selection, visibility
from mailserver.addressbook import tables
from mailserver.errors import BadSyntax, Reason, Refused
from mailserver.identity import Role
from mailserver.selection import Every, Selection, Subject, Term
from mailserver.store import affiliations, people, selecting
from mailserver.store.people import Entry
from mailserver.store.selecting import Found
from mailserver.store.transactions import Tx
from mailserver.visibility import Seen, Viewer
from webui.effort import computed
from webui.visit import Services, Visit

MAX_NAMES = 200
"""People of a preview who are looked at; those whom the reader may see are named."""
MAX_FILE = 2 * 1024 * 1024
MAX_VALUE = 100


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody who will receive."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a query finds now, or whom a list reaches."""

    count: int
    names: tuple[Named, ...]
    hidden: bool
    """Some are not named: there are too many, or the reader may not see them."""
    outlook: Outlook | None = None
    """Of a list that is there: addresses elsewhere, members that lead nowhere."""


async def of_query(services: Services, visit: Visit, query: str) -> Preview:
    """Whom a query finds. Raises Refused(INVALID)."""
    try:
        who = selection.parse(query)
    except BadSyntax as error:
        raise Refused(Reason.INVALID, f"query: {error}") from None
    return await services.store.read(_found, who, visit)


async def of_list(services: Services, visit: Visit, address: str) -> Preview:
    """Whom a list reaches, the lists within it included."""
    return await services.store.ponder(visit.account_id, _reached, House.of(services.settings), address, visit)


async def from_file(visit: Visit) -> list[str]:
    """The addresses in the file that was sent: a CSV of any kind, or a list of addresses."""
    file = next(iter(visit.form.files), None)
    octets = await file.read(MAX_FILE) if file is not None else b""
    return await computed(len(octets), lambda: membership.addresses_in(tables.decode(octets)))


def composed(visit: Visit) -> str:
    """The query that the form's choices say; empty when nothing is chosen."""
    form = visit.form
    parts: list[Selection] = []
    school = form.text("c_uai").strip().upper()[:8]
    if form.text("c_role") in set(Role):
        parts.append(Term(Subject.ROLE, (form.text("c_role"),)))
    if school:
        parts.append(Term(Subject.SCHOOL, (school,)))
    for name, subject in (("c_classe", Subject.CLASS), ("c_fonction", Subject.FUNCTION)):
        if value := " ".join(form.text(name).split())[:MAX_VALUE]:
            parts.append(Term(subject, (value,), uai=school))
    if value := " ".join(form.text("c_discipline").split())[:MAX_VALUE]:
        parts.append(Term(Subject.DISCIPLINE, (value,), like=True))
    if not parts:
        return ""
    return selection.write(parts[0] if len(parts) == 1 else Every(tuple(parts)))


def _found(tx: Tx, who: Selection, visit: Visit) -> Preview:
    found = selecting.found(tx, who, MAX_NAMES)
    seen = tuple(Named(one.name, one.address) for one in _visible(tx, visit, found))
    count = selecting.count(tx, who)
    return Preview(count, seen, len(seen) < count)


def _reached(tx: Tx, house: House, address: str, visit: Visit) -> Preview:
    outlook = membership.outlook(tx, house, address)
    entries = people.by_accounts(tx, outlook.accounts[:MAX_NAMES])
    shown = sorted(_visible(tx, visit, list(entries.values())), key=lambda one: (one.surname, one.given_name))
    names = tuple(Named(one.name, one.address) for one in shown)
    return Preview(outlook.count, names, len(names) < len(outlook.accounts), outlook)


def _visible(tx: Tx, visit: Visit, found: Sequence[Found | Entry]) -> list[Found | Entry]:
    account_id = visit.principal.account_id
    ties = affiliations.of(tx, [account_id, *(one.account_id for one in found)])
    viewer: Viewer = visibility.viewer(visit.principal, ties.get(account_id, ()))
    return [
        one
        for one in found
        if visibility.sees(
            viewer,
            Seen(
                one.account_id,
                one.role,
                visibility.schools_of(one.uai, ties.get(one.account_id, ())),
                hidden=one.hidden,
            ),
        )
    ]
