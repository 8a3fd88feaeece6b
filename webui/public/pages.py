"""Pages for everybody: help, accessibility, personal data, legal notice, state of the service.

They say what is true of this installation and nothing else.
"""

import asyncio
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mailserver.certificates.proofs import TOKEN
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.operations.health import zone
from mailserver.operations.health.service_state import State, bounded
from mailserver.store.queue import spool
from mailserver.store.upkeep import certificates
from webui.page.context import Guest, Services
from webui.page.dispatch import GuestHandler

log = structlog.get_logger("webui")

MAX_REPORT = 8 * 1024
REPORTS_PER_MINUTE = 30
_WORD = re.compile(r"[a-z0-9.-]{1,40}")
"""A directive, what stands for an address (`inline`), the first part of a path of ours."""
SECURITY = "/.well-known/security.txt"
SECURITY_DAYS = 180
"""For how long what it says may be relied upon: less than a year (RFC 9116 section 2.5.5)."""
MAILTO_SAFE = "@!$'*+"
"""What stands for itself in the address of a mailto URI, besides letters, digits and `-._~` (RFC 6068 section 2)."""
LATE_SECONDS = 900
"""A message that has been due for so long, and nobody has tried: the relay does not work."""


@dataclass(frozen=True, slots=True)
class AddressesPage:
    """What a mail program must be told."""

    host: str
    imap: int
    imaps: int
    submission: int
    submissions: int
    https: int


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the service and whether it answers."""

    name: str
    fine: bool
    vital: bool = True
    """Without it the web interface is of no use."""
    fault: str = ""
    """What is said instead of that it does not answer."""


@dataclass(frozen=True, slots=True)
class StatePage:
    """Whether the service works, as it is seen from here."""

    checks: tuple[Check, ...]
    at: str

    @property
    def fine(self) -> bool:
        return all(check.fine for check in self.checks)

    @property
    def usable(self) -> bool:
        return all(check.fine for check in self.checks if check.vital)


def fixed(template: str) -> GuestHandler:
    """A page whose text depends on the instance only."""

    async def handler(services: Services, guest: Guest) -> Response:
        return services.pages.answer(guest, template)

    return handler


def addresses(settings: Settings) -> AddressesPage:
    """Where this instance's doors are."""
    listen = settings.listen
    return AddressesPage(settings.name, listen.imap, listen.imaps, listen.submission, listen.submissions, listen.https)


async def help_page(services: Services, guest: Guest) -> Response:
    """GET /aide."""
    return services.pages.answer(guest, "portal/help.html", addresses(services.settings))


async def state(services: Services, guest: Guest) -> Response:
    """GET /etat: 200 when the store can be read and written, is not damaged, has room, and the directory answers, else
    503; for people."""
    health, flows = await _looked(services, guest.now)
    checks = (
        Check(guest._("Lecture des messages"), health.reads),
        Check(guest._("Enregistrement des messages"), health.writes),
        Check(guest._("Base de données"), health.intact, fault=guest._("abîmée")),
        Check(guest._("Messages conservés"), health.whole, False, guest._("certains sont abîmés")),
        Check(guest._("Disques"), health.room, fault=guest._("pleins")),
        Check(guest._("Réserve de place"), health.spare, False, guest._("presque épuisée")),
        Check(guest._("Grandes pièces jointes"), health.octets, False),
        Check(guest._("Entretien"), health.upkeep, False, guest._("attend une décision")),
        Check(guest._("Recherche"), health.index, False, guest._("en retard")),
        Check(guest._("Certificat"), health.certificate, False, guest._("expire bientôt ou a expiré")),
        Check(guest._("Annuaire"), health.directory),
        Check(guest._("Envoi vers l’extérieur"), flows, vital=False),
    )
    page = StatePage(checks, guest.language.clock_time(guest.now))
    response = services.pages.answer(guest, "portal/state.html", page, 200 if page.usable else 503)
    if not page.usable:
        response.headers["Retry-After"] = "60"
    return response


async def _looked(services: Services, now: float) -> tuple[State, bool]:
    """The service as it is; and True while no message for the outside has been due for longer than `LATE_SECONDS`.

    Both are asked at once: a proxy that waits for one after the other takes a host whose store hangs for dead.
    """
    health, (answers, due) = await asyncio.gather(services.health.state(), _next_due(services))
    if not answers:
        return replace(health, reads=False), False
    return health, due is None or due > now - LATE_SECONDS


async def _next_due(services: Services) -> tuple[bool, int | None]:
    """Whether the store answers; and when the queue wants work next."""
    try:
        return True, await bounded(services.store.read(spool.next_due))
    except Temporary as error:
        log.error("the store does not answer", why=str(error))
    except Exception:
        log.exception("the store does not answer")
    return False, None


async def alive(_services: Services, _guest: Guest) -> Response:
    """GET /sante/vif: 200 as long as this worker turns; for whoever would restart it."""
    return Response("vif\n", media_type="text/plain", headers={"Cache-Control": "no-store"})


async def ready(services: Services, guest: Guest) -> Response:
    """GET /sante/pret: 200 when people can be served, else 503, or what `sinon` says: HAProxy takes 404 for a host that
    keeps whom it has and gets nobody else. For proxies and monitors. What only makes it worse is named besides."""
    health, flows = await _looked(services, guest.now)
    vital = {"reads": health.reads, "writes": health.writes, "intact": health.intact, "room": health.room}
    vital["directory"] = health.directory
    useful = {"whole": health.whole, "spare": health.spare, "upkeep": health.upkeep, "index": health.index}
    useful |= {"certificate": health.certificate, "octets": health.octets}
    useful["outgoing"] = flows
    is_ready = all(vital.values())
    found = {"ready": is_ready, "failing": [name for name, fine in (vital | useful).items() if not fine]}
    otherwise = 404 if guest.request.query_params.get("sinon") == "404" else 503
    return JSONResponse(found, 200 if is_ready else otherwise, {"Cache-Control": "no-store"})


def mta_sts(settings: Settings) -> GuestHandler:
    """GET /.well-known/mta-sts.txt, under the names that ask for it (RFC 8461 section 3.3)."""

    async def handler(_services: Services, guest: Guest) -> Response:
        host = (guest.request.url.hostname or "").lower()
        policy = zone.mta_sts_policy(settings)
        if not policy or host not in {f"{zone.MTA_STS}.{domain}" for domain in settings.domains}:
            raise Refused(Reason.NOT_FOUND)
        return Response(policy, media_type="text/plain", headers={"Cache-Control": "no-store"})

    return handler


async def security(services: Services, guest: Guest) -> Response:
    """GET /.well-known/security.txt: whom to tell of a weakness (RFC 9116)."""
    contact, address = services.settings.web.security_contact, services.settings.public_url
    if not contact:
        raise Refused(Reason.NOT_FOUND)
    if not contact.startswith("https://"):
        contact = f"mailto:{quote(contact, safe=MAILTO_SAFE)}"
    expires = datetime.fromtimestamp(guest.now, UTC) + timedelta(days=SECURITY_DAYS)
    lines = [f"Contact: {contact}", f"Expires: {expires:%Y-%m-%dT00:00:00Z}"]
    if address.startswith("https://"):
        lines.append(f"Canonical: {address}{SECURITY}")
    lines.append("Preferred-Languages: fr, en")
    text = "".join(f"{line}\r\n" for line in lines)
    return Response(text, media_type="text/plain", headers={"Cache-Control": "no-store"})


async def acme_challenge(services: Services, guest: Guest) -> Response:
    """GET /.well-known/acme-challenge/{token}: what shows a certificate authority that a name is ours, while one was
    asked for a certificate (http-01, RFC 8555 section 8.3)."""
    token = guest.request.path_params["token"]
    answer = None
    if services.settings.acme.agree_to_terms and TOKEN.fullmatch(token):
        answer = await services.store.read(certificates.answer, token)
    if answer is None:
        raise Refused(Reason.NOT_FOUND)
    return Response(answer, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


_REPORTED = ("violated-directive", "blocked-uri", "document-uri")
MOST_ORIGIN = 300


class Reports:
    """POST /csp-rapport: what browsers say our policy stopped; a few a minute are logged, none is believed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._minute = 0
        self._count = 0

    async def __call__(self, request: Request) -> Response:
        minute = int(self._services.clock.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        if self._count <= REPORTS_PER_MINUTE:
            try:
                text = await _start(request)
            except ClientDisconnect:
                return Response(status_code=400)
            log.warning("content policy report", **_told(text))
        return Response(status_code=204)


def _told(text: bytes) -> dict[str, str]:
    """What the log may say of a report: what was stopped, whose it is, in which part of ours. Addresses of pages have
    keys and what people search for; samples have content."""
    try:
        said = json.loads(text)["csp-report"]
        directive, blocked, page = (str(said.get(name, "")) for name in _REPORTED)
        host, path = urlsplit(blocked), urlsplit(page).path
        origin = f"{host.scheme}://{host.hostname}" if host.hostname else blocked
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {"directive": ""}
    word, part = directive.partition(" ")[0], path[1:].partition("/")[0]
    return {
        "directive": word if _WORD.fullmatch(word) else "",
        "blocked": origin[:MOST_ORIGIN] if host.hostname or _WORD.fullmatch(origin) else "",
        "page": f"/{part}" if _WORD.fullmatch(part) else "/",
    }


async def _start(request: Request) -> bytes:
    """Of a body, what is not too much. Raises ClientDisconnect."""
    text = b""
    async for chunk in request.stream():
        if len(text) + len(chunk) > MAX_REPORT:
            break
        text += chunk
    return text
