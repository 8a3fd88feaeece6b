"""What a handler is given: the services, and the person (or guest) whose request it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from mailserver.accounts.removed_items import RemovedItems
from mailserver.accounts.removed_mail import RemovedMail
from mailserver.addressbook.books import AddressBooks
from mailserver.addressbook.browsing import Browsing
from mailserver.addressbook.pictures import Pictures
from mailserver.addressbook.suggestions import Suggestions
from mailserver.calendars.feeds import Feeds
from mailserver.calendars.school.quiet_hours import QuietHours
from mailserver.delivery import Delivery
from mailserver.delivery.forwarding import Forwards
from mailserver.delivery.held.infected import InfectedMail
from mailserver.delivery.held.moderation import Moderation
from mailserver.filters.absences import Absences, Standing
from mailserver.filters.answers import ScriptAnswers
from mailserver.filters.applying import Applying
from mailserver.filters.documents import Documents
from mailserver.filters.scripts import Scripts
from mailserver.filters.trials import AbsenceTrials
from mailserver.foundation.large_answers import LargeAnswers
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.login.recovery import Recovery
from mailserver.login.recovery_address import PrivateAddresses
from mailserver.login.security_notices import SecurityNotices
from mailserver.model.account.preferences import Preferences
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory, Principal
from mailserver.notices.announcements import Announcements
from mailserver.operations.health.figures import Watched
from mailserver.operations.health.service_state import Health
from mailserver.outbound.mailings.decisions import Mailings
from mailserver.outbound.submission.submit import Submission
from mailserver.outbound.submission.waiting.confirmed import UnconfirmedMail
from mailserver.outbound.submission.waiting.held import HeldSubmissions
from mailserver.outbound.submission.waiting.scheduled import ScheduledMail
from mailserver.outbound.withdrawal.hijacked import HijackedAccounts
from mailserver.outbound.withdrawal.recall import Recall
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.policy.viewers import Sharing
from mailserver.previews.service import Previews
from mailserver.store.account.bulletins import Bulletin, Closed
from mailserver.store.account.sessions import Session
from mailserver.store.engine.transactions import Store
from mailserver.store.record.audit import Origin
from mailserver.store.web.searches import Search
from webui.http import headers
from webui.http.assets import Assets
from webui.http.forms import Form
from webui.http.keys import Keys
from webui.page.language import Language

SESSION, VISITOR, LANGUAGE, INTERFACE, PARKED = "session", "visiteur", "langue", "interface", "texte"
SIMPLE, COMPLETE = "simple", "complet"
BASES = {SIMPLE: "/s", COMPLETE: "/m"}
MAX_COOKIE = 1000
"""Characters of a cookie: the console's proof is the longest of ours."""


class Renderer(Protocol):
    """What makes pages of templates (`rendering.Pages`)."""

    def render(self, guest: "Guest", template: str, page: object = None) -> str: ...

    def answer(
        self, guest: "Guest", template: str, page: object = None, status: int = 200, policy: str = headers.PAGE_POLICY
    ) -> Response: ...

    def html(self, guest: "Guest", text: str, status: int = 200, policy: str = headers.PAGE_POLICY) -> Response: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterServices:
    """What people have done with their mail: by rules, by a script, while they are away, for another address."""

    rules: Documents
    absences: Absences
    trials: AbsenceTrials
    applying: Applying
    forwards: Forwards
    scripts: Scripts
    answers: ScriptAnswers


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMail:
    """Mail that waits: for a list's owners, for IT, for who wrote it, for its time."""

    moderation: Moderation
    infected: InfectedMail
    submissions: HeldSubmissions
    unconfirmed: UnconfirmedMail
    outbox: ScheduledMail


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the web interface works with; made once (`webui.app.composition`)."""

    settings: Settings
    store: Store
    directory: Directory
    delivery: Delivery
    login: Login
    recovery: Recovery
    private: PrivateAddresses
    telling: SecurityNotices
    submission: Submission
    clock: Clock
    keys: Keys
    assets: Assets
    languages: Mapping[str, Language]
    pages: Renderer
    waiting: WaitingMail
    filters: FilterServices
    withdrawals: Withdrawals
    hijacked: HijackedAccounts
    recall: Recall
    mailings: Mailings
    outside: SafeFetch
    feeds: Feeds
    board: Announcements
    health: Health
    watched: Watched
    sharing: Sharing
    books: AddressBooks
    suggestions: Suggestions
    quiet: QuietHours
    browsing: Browsing
    large: LargeAnswers
    pictures: Pictures
    previews: Previews
    removed: RemovedMail
    removed_items: RemovedItems

    @property
    def attachment_octets(self) -> int:
        """How much a message's attachments may hold: base64 in lines adds 37 %, and the text needs room."""
        return int((self.settings.limits.message_size - 512 * 1024) / 1.37)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Somebody who is not logged in, as far as this page cares."""

    request: Request
    language: Language
    owner: bytes
    """Whose anti-forgery marks the forms of this answer carry."""
    new_visitor: str = ""
    """Cookie to set: the browser had none."""
    now: float = 0.0
    form: Form = field(default_factory=Form)

    @property
    def secure(self) -> bool:
        """True on the TLS door."""
        return self.request.url.scheme == "https"

    @property
    def peer(self) -> str:
        """The peer's address."""
        return self.request.client.host if self.request.client else ""

    @property
    def agent(self) -> str:
        """What the browser says of itself."""
        return self.request.headers.get("user-agent", "")

    @property
    def fragment(self) -> bool:
        """True when a script asks for the content of a pane, not for a page."""
        return self.request.headers.get("hx-request-type", "") == "partial"

    def query(self, name: str) -> str:
        """A parameter of the address, empty when absent."""
        return self.request.query_params.get(name, "").replace("\0", "")[:1000]

    def in_language(self, code: str) -> str:
        """The parameters of this address, for the same page in a language."""
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name != "lang"]
        return urlencode([*kept, ("lang", code)])

    def cookie(self, name: str) -> str:
        """A cookie of ours."""
        return cookie(self.request, name)

    @property
    def theme(self) -> str:
        """Light or dark: as the device is."""
        return "auto"

    def reader(self, shared_seconds: int) -> str:
        """Whose page an answer is, for the service worker; empty: it does not tell."""
        return ""

    def unread(self, announcements: Sequence[Bulletin]) -> Sequence[Bulletin]:
        """Those that are shown: to somebody who is not logged in, all."""
        return announcements

    @property
    def closes(self) -> bool:
        """Whether this reader closes announcements."""
        return False

    def _(self, text: str) -> str:
        """The text in the reader's language."""
        return self.language.texts.gettext(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Guest):
    """A request of a logged-in person."""

    session: Session
    principal: Principal
    preferences: Preferences
    interface: str
    closed: Mapping[int, Closed] = field(default_factory=dict)
    """Announcements that the person has closed."""
    searches: tuple[Search, ...] = ()
    """Saved ones, shown beside the folders."""
    planned: int = 0
    """Letters that leave at a time that was chosen."""
    absence: Standing | None = None
    """What is answered to those who write, or will be."""
    must_set_up: bool = False
    """The person's role needs a second factor, and there is none yet: nothing else is open."""
    renew_before: int = 0
    """When the password has to be renewed, from the first notice on; 0: not soon."""
    must_renew: bool = False
    """The password has expired: nothing else is open."""
    quiet: bool = False
    """Their quiet hours run: what comes is not counted in the window's title."""

    @property
    def theme(self) -> str:
        """Light or dark, as the person chose."""
        return self.preferences.theme

    def reader(self, shared_seconds: int) -> str:
        """The account, and how long a copy may be read without a network: no longer than the session lasts, and not at
        all on a shared computer."""
        left = 0 if self.is_shared(shared_seconds) else self.session.expires - int(self.now)
        return f"{self.account_id} {max(0, left)}"

    def is_shared(self, shared_seconds: int) -> bool:
        """True for a session on a shared computer, as for one that is no longer than those are: nothing that outlives
        it is left in the browser."""
        return self.session.lifetime <= shared_seconds

    @property
    def looks(self) -> str:
        """Classes of the page for what the person chose."""
        chosen = self.preferences
        size = chosen.text_size if chosen.text_size != "normal" else ""
        marks = {
            "contraste": chosen.contrast,
            "calme": chosen.calm,
            "souligne": chosen.underlined,
            "noms": chosen.named_icons,
        }
        return " ".join(filter(None, (size, *(name for name, on in marks.items() if on))))

    def unread(self, announcements: Sequence[Bulletin]) -> Sequence[Bulletin]:
        """Those that the person has not closed."""
        closed, since = self.closed, self.session.created
        return [one for one in announcements if one.id not in closed or not closed[one.id].hides(one, since)]

    @property
    def closes(self) -> bool:
        return True

    @property
    def here(self) -> str:
        """The page, to come back to after a form that many pages have; empty where it is no page of its own."""
        url = self.request.url
        if self.request.method != "GET" or self.fragment:
            return ""
        return url.path + (f"?{url.query}" if url.query else "")

    @property
    def account_id(self) -> int:
        return self.principal.account_id

    @property
    def origin(self) -> Origin:
        """Who acts, for the record: the person at the web door."""
        who = self.principal
        return Origin(who.login, "web", self.peer, who.account_id, who.login_version)

    @property
    def base(self) -> str:
        """Prefix of the addresses of this interface."""
        return BASES[self.interface]


def cookie_name(name: str, secure: bool) -> str:
    """`__Host-` on the TLS door: no other host and no plain connection can plant such a cookie."""
    return f"__Host-{name}" if secure else name


def cookie(request: Request, name: str) -> str:
    """The value of a cookie of ours, no longer than ours are; empty when there is none.

    Ours are plain tokens. What else a browser sends is not decoded: Python takes seconds to unquote a header full of
    quoted backslashes (`http.cookies`, CVE-2024-7592).
    """
    wanted = cookie_name(name, request.url.scheme == "https")
    found = ""
    for sent in request.headers.getlist("cookie"):
        for pair in sent.split(";"):
            key, _, value = pair.partition("=")
            if key.strip() == wanted:
                found = value.strip().strip('"')
    return found[:MAX_COOKIE]


def set_cookie(
    response: Response, guest: Guest, name: str, value: str, *, seconds: int | None = None, strict: bool = False
) -> None:
    """Give the browser a cookie; without `seconds` it ends with the browser."""
    response.set_cookie(
        cookie_name(name, guest.secure),
        value,
        max_age=seconds,
        path="/",
        secure=guest.secure,
        httponly=True,
        samesite="strict" if strict else "lax",
    )


def drop_cookie(response: Response, guest: Guest, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(
        cookie_name(name, guest.secure), path="/", secure=guest.secure, httponly=True, samesite="lax"
    )
