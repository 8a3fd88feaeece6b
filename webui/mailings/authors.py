"""Who wrote a mailing, as its pages name them: whoever decides about one knows who asks, and of which school."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store.people import schools
from mailserver.store.queue.mailings import Mailing
from webui.page.context import Services
from webui.page.words import plain

MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Author:
    """Of one mailing."""

    name: str
    address: str = ""
    """Empty: it is the name."""
    school: str = ""


async def authors_of(services: Services, found: Sequence[Mailing]) -> list[Author]:
    """Those of some mailings, in their order; each is looked up once. Raises Temporary."""
    known: dict[int, Author] = {}
    for one in found:
        if one.account_id and one.account_id not in known:
            known[one.account_id] = await _person(services, one)
    return [known.get(one.account_id) or Author(plain.line(one.reverse_path, MAX_SHOWN)) for one in found]


async def _person(services: Services, one: Mailing) -> Author:
    person = await services.directory.by_account(one.account_id)
    if person is None:  # an account that is no more
        return Author(one.login or plain.line(one.reverse_path, MAX_SHOWN))
    school = await services.store.read(schools.get, person.uai) if person.uai else None
    named = (school.name or school.uai) if school is not None else person.uai
    return Author(plain.line(person.name, MAX_SHOWN), person.address, plain.line(named, MAX_SHOWN))
