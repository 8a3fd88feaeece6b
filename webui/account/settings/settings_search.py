"""The search among the settings: by the words of their names, of what may be chosen, and of their sections."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.folding import search_key
from webui.account.settings.preferences import sections, settings_of, show_preferences
from webui.page.context import Services, Visit
from webui.page.shell import settings_nav
from webui.page.shell.mail_shell import MailShell, surroundings

MAX_TYPED = 100
"""Characters that are looked at."""
MAX_WORDS = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """A setting, or a page, with where it stands."""

    title: str
    section: str
    address: str
    words: str


@dataclass(frozen=True, slots=True)
class FoundPage:
    """What a search found."""

    frame: MailShell
    query: str
    hits: Sequence[Hit]


async def show_settings(services: Services, visit: Visit) -> Response:
    """GET /reglages: the first section, or with `q` what answers to it."""
    query = visit.query("q")[:MAX_TYPED].strip()
    if not query:
        return await show_preferences(services, visit)
    page = FoundPage(await surroundings(services, visit), query, found(visit, query))
    return services.pages.answer(visit, "account/settings/settings_found.html", page)


def found(visit: Visit, text: str) -> Sequence[Hit]:
    """What has every word, settings before pages; nothing of an empty text."""
    words = search_key(text[:MAX_TYPED]).split()[:MAX_WORDS]
    if not words:
        return ()
    return [hit for hit in (*_settings(visit), *_pages(visit)) if all(word in hit.words for word in words)]


def _settings(visit: Visit) -> Iterator[Hit]:
    for section in sections(visit):
        address = f"{visit.base}/reglages/{section.code}"
        for setting in settings_of(visit, section):
            said = (setting.title, setting.hint, section.title, *(option.text for option in setting.options))
            yield Hit(setting.title, section.title, f"{address}#s-{setting.name}", search_key(" ".join(said)))


def _pages(visit: Visit) -> Iterator[Hit]:
    for group in settings_nav.menu(visit):
        for entry in group.entries:
            yield Hit(entry.title, group.title, entry.address, search_key(f"{entry.title} {group.title}"))
