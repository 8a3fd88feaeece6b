"""Pages: one template environment per language, one way to answer, compressed.

A template sees `v` (the visit or guest), `p` (the page, a frozen value of its own module), `site` (what never changes)
and `board` (what the operators tell everybody). Templates are compiled once; nothing here reads the disk after the
start.
"""

import functools
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FunctionLoader, StrictUndefined
from jinja2.ext import Extension
from starlette.responses import Response

from mailserver.foundation.settings import Push, Web
from mailserver.notices.announcements import Announcements
from webui.http import codings, headers
from webui.http.assets import Assets
from webui.http.keys import Keys
from webui.page.context import VISITOR, Guest, set_cookie
from webui.page.language import Language
from webui.page.shell import settings_nav

TEMPLATES = Path(__file__).parent.parent / "templates"
COMPRESS_FROM = 600
READER = "Reader"
"""The header that tells the service worker whose page this is, and for how many seconds a copy may be read."""
NOBODY = "nobody"
"""Its value on pages for whoever is not logged in: what was kept of somebody goes."""
LEVEL = 6


@dataclass(frozen=True, slots=True)
class Site:
    """Facts of the instance that every page may show."""

    web: Web
    push: Push
    domain: str
    host: str
    """The name in the address of the web interface."""
    icons: str
    favicon: str
    version: str

    @property
    def academy(self) -> str:
        return self.web.academy

    @property
    def help_contact(self) -> str:
        return self.web.help_contact


class Pages:
    """Renders templates and makes answers of them."""

    def __init__(
        self, site: Site, languages: Mapping[str, Language], keys: Keys, assets: Assets, board: Announcements
    ) -> None:
        self._site = site
        self._keys = keys
        self._board = board
        self._environments = {code: environment(language, site, assets) for code, language in languages.items()}

    def render(self, guest: Guest, template: str, page: object = None) -> str:
        """The text of a page."""
        owner = guest.owner
        return (
            self._environments[guest.language.code]
            .get_template(template)
            .render(v=guest, lang=guest.language, p=page, mark=lambda: self._keys.mark(owner), board=self._board)
        )

    def answer(
        self, guest: Guest, template: str, page: object = None, status: int = 200, policy: str = headers.PAGE_POLICY
    ) -> Response:
        """A page as a response with its headers, compressed when the browser takes that."""
        response = self.html(guest, self.render(guest, template, page), status, policy)
        if guest.new_visitor:
            set_cookie(response, guest, VISITOR, guest.new_visitor)
        return response

    def html(self, guest: Guest, text: str, status: int = 200, policy: str = headers.PAGE_POLICY) -> Response:
        """Ready HTML as a response."""
        octets = text.encode("utf-8", "replace")
        fields = headers.page(guest.secure, policy)
        if reader := guest.reader(self._site.web.shared_session_minutes * 60):
            fields[READER] = reader
        fields["Vary"] = "Accept-Encoding, Accept-Language, Cookie, HX-Request-Type"
        accepted = guest.request.headers.get("accept-encoding", "")
        if len(octets) >= COMPRESS_FROM and codings.takes(accepted, "gzip"):
            octets = zlib.compress(octets, LEVEL, wbits=31)
            fields["Content-Encoding"] = "gzip"
        return Response(octets, status, fields, media_type="text/html; charset=utf-8")


def redirect(guest: Guest, address: str, **query: str | int) -> Response:
    """See other (RFC 9110 section 15.4.4): what a POST answers when it has done its work.

    A parameter named `_at` is the fragment; empty ones are left out.
    """
    fragment = str(query.pop("_at", ""))
    parameters = urlencode({name: value for name, value in query.items() if value not in ("", 0)})
    if parameters:
        address += ("&" if "?" in address else "?") + parameters
    if fragment:
        address += f"#{fragment}"
    response = Response(status_code=303, headers={**headers.page(guest.secure), "Location": address})
    if guest.new_visitor:
        set_cookie(response, guest, VISITOR, guest.new_visitor)
    return response


class Indentation(Extension):
    """Indentation is for those who read templates: a page, which travels, has none."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


@functools.cache
def templates() -> dict[str, str]:
    """Their texts by name, read once: what an upgrade puts in their place while we serve is not ours."""
    files = (path for path in TEMPLATES.rglob("*") if path.is_file())
    return {path.relative_to(TEMPLATES).as_posix(): path.read_text(encoding="utf-8") for path in files}


def _template(name: str) -> tuple[str, str, Callable[[], bool]] | None:
    """As Jinja asks for one: its text, its file for tracebacks, and whether it is still that."""
    text = templates().get(name)
    return None if text is None else (text, str(TEMPLATES / name), lambda: True)


def environment(language: Language, site: Site, assets: Assets) -> Environment:
    """Everything templates are made with, in one language."""
    made = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
        cache_size=-1,
        extensions=["jinja2.ext.i18n", Indentation],
    )
    made.install_gettext_translations(language.texts, newstyle=True)  # type: ignore[attr-defined]
    made.policies["ext.i18n.trimmed"] = True
    made.globals.update(site=site, lang=language, icons=site.icons, asset=assets.url, settings_menu=settings_nav.menu)
    made.filters.update(size=language.size, number=language.number, encode=urlencode)
    return made
