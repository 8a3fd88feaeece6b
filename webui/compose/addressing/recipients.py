"""Who a letter goes to: addresses as typed, names looked up in the directory, choices where several fit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mime.header.addresses import parse as parse_addresses
from mailserver.mime.header.headers import clean as clean_text
from mailserver.mime.writing.fields import Correspondent
from mailserver.model import address
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Principal
from mailserver.model.rules import Denied
from mailserver.store.people.mailing_lists import personal_lists
from webui.compose.message.message_form import MAX_RECIPIENTS_TEXT, commas, listed
from webui.page.context import Guest, Services, Visit

MAX_RECIPIENTS = 500
"""Of one letter written here; more belong on a list."""
MAX_CHOICES = 8

_NAMED = re.compile(r"[^<>]*<\s*([^<>\s]+)\s*>")
_SPLIT = re.compile(r'((?:[^",]++|"[^"]*+"?)++),?')


@dataclass(frozen=True, slots=True)
class Question:
    """Something typed that is not (or not yet) a recipient."""

    typed: str
    why: str
    choices: tuple[Principal, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One recipients field, looked through."""

    people: tuple[Correspondent, ...]
    questions: tuple[Question, ...]
    text: str
    """The field again: what was recognised in full, the rest as typed."""


async def look(
    services: Services, visit: Visit, text: str, *, limit: int = MAX_RECIPIENTS, own_lists: bool = True
) -> Field:
    """Recognise the recipients in a field, the person's own lists by name. Raises Refused(TOO_MANY_RECIPIENTS)."""
    people: dict[str, Correspondent] = {}
    questions: list[Question] = []
    for count, typed in enumerate(entries(text)):
        if count >= limit:
            raise Refused(Reason.TOO_MANY_RECIPIENTS)
        own = await _own_list(services, visit, typed) if own_lists else None
        found = own or await _recognise(services, visit, typed)
        if isinstance(found, Question):
            questions.append(found)
        else:
            people.setdefault(found.address.casefold(), found)
    recognised = tuple(people.values())
    rest = [question.typed for question in questions]
    shown = ", ".join(filter(None, [listed(recognised), *rest]))
    return Field(recognised, tuple(questions), shown)


def clean_recipients(text: str) -> str:
    """Recipients from an address of ours (`?a=`), on one line."""
    return clean_text(text)[:MAX_RECIPIENTS_TEXT]


def entries(text: str) -> list[str]:
    """The pieces between commas and semicolons, quotes respected."""
    return [piece for match in _SPLIT.finditer(commas(text)) if (piece := match.group(1).strip())]


async def _own_list(services: Services, visit: Visit, typed: str) -> Correspondent | None:
    """One of the person's own lists, by the name they gave it; somebody's identifier comes first."""
    if "@" in typed or (" " not in typed and await services.directory.find(typed) is not None):
        return None
    found = await services.store.read(personal_lists.named, visit.account_id, typed)
    if found is None:
        return None
    return Correspondent(found.name, found.address(visit.principal.login, services.settings.domain))


async def _recognise(services: Services, visit: Visit, typed: str) -> Correspondent | Question:
    if "@" in typed:
        return await _address(services, visit, typed)
    _ = visit._
    principal = await identified(services, visit, typed)
    if principal is not None:
        return Correspondent(principal.name, principal.address)
    if len(typed) < 2:
        return Question(typed, _("« %(typed)s » est trop court.") % {"typed": typed})
    matches = await services.directory.search(typed, MAX_CHOICES + 1, visit.principal)
    if len(matches) == 1:
        return Correspondent(matches[0].name, matches[0].address)
    if not matches:
        known = await services.suggestions.acquainted(visit.principal, typed)
        if len(known) == 1:
            return Correspondent(known[0].name, known[0].address)
        if known:
            named = ", ".join(one.text for one in known[:MAX_CHOICES])
            return Question(typed, _("« %(typed)s » peut être : %(names)s.") % {"typed": typed, "names": named})
        return Question(typed, _("« %(typed)s » n’est pas dans l’annuaire.") % {"typed": typed})
    why = _("« %(typed)s » : plusieurs personnes correspondent.") % {"typed": typed}
    return Question(typed, why, tuple(matches[:MAX_CHOICES]))


async def identified(services: Services, visit: Visit, typed: str) -> Principal | None:
    """Whose identifier this is, if the person may know of them: an identifier must not tell a hidden name. Raises
    Temporary."""
    principal = await services.directory.find(typed) if " " not in typed else None
    if principal is None:
        return None
    seen = await services.directory.search(principal.address, MAX_CHOICES, visit.principal)
    return principal if any(one.account_id == principal.account_id for one in seen) else None


async def _address(services: Services, visit: Visit, typed: str) -> Correspondent | Question:
    """An address as typed; one of ours must exist and be able to receive."""
    _ = visit._
    named = _NAMED.fullmatch(typed)
    try:
        parsed = address.parse(named[1] if named else typed)
    except BadSyntax:
        return Question(typed, _("« %(typed)s » n’est pas une adresse.") % {"typed": typed})
    shown = parsed.display
    try:
        await services.submission.routing.route(visit.principal, [str(parsed)])
    except Denied as denied:
        return Question(typed, spoken(visit, denied))
    except Refused as refusal:
        return Question(typed, refusal_text(visit, refusal, shown))
    mailbox = next(iter(parse_addresses(typed)), None)
    return Correspondent(mailbox.display if named and mailbox else "", shown)


def spoken(guest: Guest, denied: Denied) -> str:
    """The sentence of a rule in the reader's language."""
    return denied.said.to(guest.language.code)


def refusal_text(visit: Visit, refusal: Refused, shown: str) -> str:
    """Why a recipient cannot be written to."""
    _ = visit._
    texts = {
        Reason.NO_SUCH_RECIPIENT: _("%(address)s n’existe pas dans l’académie."),
        Reason.SUSPENDED: _("%(address)s : le compte est suspendu et ne reçoit pas."),
        Reason.OVER_QUOTA: _("%(address)s : la boîte est pleine."),
    }
    return texts.get(refusal.reason, _("%(address)s ne peut pas recevoir.")) % {"address": shown}


def merged(fields: Sequence[Field]) -> list[str]:
    """Every address of the fields, none twice."""
    return list({person.address.casefold(): person.address for field in fields for person in field.people}.values())
