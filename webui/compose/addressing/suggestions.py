"""Recipients while one types (`mailserver.addressbook.suggestions`), as the form's script shows them.

Each line says what it is and, for addresses elsewhere, that it is outside.
"""

from starlette.responses import JSONResponse, Response

from mailserver.addressbook.suggestions import Kind, Suggestion
from webui.http import headers
from webui.page.context import Services, Visit

MAX_FOUND = 8
PERSONS = frozenset({Kind.RECENT, Kind.HEARD, Kind.CONTACT, Kind.PERSON})


async def find(services: Services, visit: Visit) -> Response:
    """GET /destinataires?q=: at most MAX_FOUND; with `gens`, only what may be a person of the academy."""
    found = await services.suggestions.people_matching(visit.principal, visit.query("q"), MAX_FOUND)
    if visit.query("gens"):
        found = [one for one in found if one.kind in PERSONS and one.internal and len(one.addresses) == 1]
    count = visit.language.texts.ngettext("%(n)s proposition", "%(n)s propositions", len(found)) % {"n": len(found)}
    answer = {
        "resultats": [_line(visit, one) for one in found],
        "annonce": count if found else visit._("Aucune proposition"),
    }
    return JSONResponse(answer, headers=headers.page(visit.secure))


def _line(visit: Visit, one: Suggestion) -> dict[str, str | bool]:
    return {
        "valeur": one.text,
        "nom": one.name or one.address,
        "adresse": one.address if len(one.addresses) == 1 else "",
        "quoi": _what(visit, one),
        "externe": not one.internal,
    }


def _what(visit: Visit, one: Suggestion) -> str:
    """What it is, in the reader's language: a discipline, a list with its size."""
    _ = visit._
    words = {
        Kind.RECENT: _("récent"),
        Kind.HEARD: _("vous a écrit"),
        Kind.CONTACT: _("contact"),
        Kind.GROUP: _("groupe"),
        Kind.OWN_LIST: _("ma liste"),
        Kind.BOX: _("boîte fonctionnelle"),
        Kind.LIST: _("liste"),
        Kind.PERSON: one.detail,
    }
    if not one.members:
        said = (one.kind, *(kind for kind in one.also if kind is not Kind.HEARD))
        return ", ".join(dict.fromkeys(filter(None, (words[kind] or _("annuaire") for kind in said))))
    members = visit.language.texts.ngettext("%(n)s membre", "%(n)s membres", one.members)
    return f"{words[one.kind]}, {members % {'n': visit.language.number(one.members)}}"
