"""What the search field offers while one types: people, the words that narrow a search, searches made or kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.store.web import searches
from webui.mail.search.query import MAX_QUERY
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import query_string

MAX_PEOPLE = 4
MAX_SEARCHES = 4
LEAST = 2
"""Letters of a name from which people are looked for."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One proposal: what it shows, and what becomes of the field."""

    text: str
    detail: str
    becomes: str
    """What the field holds then."""
    goes: str = ""
    """Where it leads, instead of a search for what the field holds."""


@dataclass(frozen=True, slots=True)
class HelpPage:
    """All proposals for what has been typed."""

    people: Sequence[Offer]
    operators: Sequence[Offer]
    recent: Sequence[Offer]
    kept: Sequence[Offer]
    count: str


async def show_help(services: Services, visit: Visit) -> Response:
    """GET /recherche/aide?q=: what may follow."""
    typed = visit.query("q")[:MAX_QUERY]
    before, _, word = typed.rpartition(" ")
    before = f"{before} " if before else ""
    people = await _people(services, visit, before, word)
    made = await services.store.read(searches.recent, visit.account_id) if visit.preferences.remember_searches else []
    wanted = typed.casefold().strip()
    recent = [Offer(one.words, "", one.words) for one in made if wanted in one.words.casefold() and one.words != typed]
    kept = [
        Offer(one.name, "", typed, f"{visit.base}/recherche?{query_string(q=one.words, d=one.mailbox_id)}")
        for one in visit.searches
        if wanted in f"{one.name} {one.words}".casefold()
    ]
    operators = _operators(visit, before, word)
    found = len(people) + len(operators) + len(recent[:MAX_SEARCHES]) + len(kept[:MAX_SEARCHES])
    count = visit.language.texts.ngettext("%(n)s proposition", "%(n)s propositions", found) % {"n": found}
    page = HelpPage(people, operators, recent[:MAX_SEARCHES], kept[:MAX_SEARCHES], count)
    return services.pages.answer(visit, "mail/search_help.html", page)


async def _people(services: Services, visit: Visit, before: str, word: str) -> list[Offer]:
    """People by the beginning of a name; a field that is already typed stays."""
    field, colon, name = word.rpartition(":")
    if len(name) < LEAST or name.startswith(("-", '"')):
        return []
    field = f"{field}:" if colon else visit._("de:")
    found = await services.suggestions.people_matching(visit.principal, name, MAX_PEOPLE)
    return [
        Offer(one.name or one.addresses[0], one.addresses[0], f"{before}{field}{one.addresses[0]}")
        for one in found
        if len(one.addresses) == 1
    ]


def _operators(visit: Visit, before: str, word: str) -> list[Offer]:
    _ = visit._
    known = (
        (_("de:"), _("expéditeur")),
        (_("à:"), _("destinataire")),
        (_("objet:"), _("mots du titre")),
        (_("dossier:"), _("où chercher")),
        (_("avant:"), _("une date")),
        (_("après:"), _("une date")),
        (_("a:pj"), _("pièce jointe")),
        (_("est:nonlu"), _("non lus")),
        (_("taille>"), _("en Mo, par exemple 2m")),
        ("-", _("sans ce mot")),
    )
    begun = word.casefold()
    fitting = [one for one in known if begun and one[0].startswith(begun)]
    lead = before if fitting or not word else f"{before}{word} "
    return [Offer(operator, what, f"{lead}{operator}") for operator, what in fitting or known]
