"""Who a message to a list will come to: whom a query finds, whom a list reaches, the addresses of a file."""

from directory.lists import list_previews, membership
from directory.lists.list_previews import Preview
from directory.lists.rosters import ListSettings
from mailserver.addressbook import tables
from mailserver.model import selection
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Role
from mailserver.model.selection import Every, Selection, Subject, Term
from webui.http.offload import computed
from webui.page.context import Services, Visit

MAX_FILE = 2 * 1024 * 1024
MAX_VALUE = 100


async def of_query(services: Services, visit: Visit, query: str) -> Preview:
    """Whom a query finds. Raises Refused(INVALID)."""
    try:
        who = selection.parse(query)
    except BadSyntax as error:
        raise Refused(Reason.INVALID, f"query: {error}") from None
    return await services.store.read(list_previews.of_query, who, visit.principal)


async def of_list(services: Services, visit: Visit, address: str) -> Preview:
    """Whom a list reaches, the lists within it included."""
    list_settings = ListSettings.of(services.settings)
    return await services.store.read_slow(
        visit.account_id, list_previews.of_list, list_settings, address, visit.principal
    )


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
