"""Every page that a link leads to, in its looks: light and dark, at a desk and on a phone; those of the simplified
interface light at a desk and dark on a phone.

The pages are found by following links from where one begins, one page for each route; what no link leads to is listed
here, so that a new route is looked at or named.
"""

import datetime
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from starlette.routing import BaseRoute, Mount, Route

from mailserver.model.identity import Principal, Role
from mailserver.store.mail import mailboxes
from mailserver.store.people import personal_lists, schools
from mailserver.store.web import webmail
from tests.webui.browser import LOOK, SIZES, faults_of, log_in, visiting
from tests.webui.house import PASSWORD, House, mail
from tests.webui.test_contacts_browser import put

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(900)]  # sixty pages, each in four looks

UAI = "0580001X"
Looks = Sequence[tuple[str, str]]
LOOKS: Looks = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
FILES = (
    "/emporter",
    "/eml",
    "/pieces.zip",
    "/exporter",
    "/profil",
    "/informations",
    "/voir",
    "/image",
    "/photo",
    "/etat",
    "/nouveaux",
)
"""Addresses whose answer is no page end like this."""
NO_PAGES = (
    "/static",
    "/piece",
    "/corps",
    "/flux",
    "/metrics",
    "/mail/",
    "/favicon.ico",
    "/.well-known",
    "/admin",
    "/session",
    "/image",
    "/manifest.webmanifest",
    "/icone",
    "/sw.js",
)
"""Addresses that begin like this are no pages, or have tests of their own."""

ELSEWHERE = {
    *("/login", "/roundcube", "/connexion", "/connexion/code", "/activation", "/initialiser", "/initialiser/code"),
    *("/agenda/", "/listes", "/m/corps/{message:key}", "/m/piece/{message:key}/{number}", "/m/destinataires"),
    *("/agenda/rappels", "/m/recherche/aide"),
    *("/m/dossier/{box:key}/imprimer", "/m/dossier/{box:key}/vider"),
    *("/m/ecrire/{draft:key}", "/m/ecrire/{draft:key}/depuis"),
    *("/hors-connexion", "/compte/notifications"),
    *("/m/liste", "/m/liste/{address}", "/m/liste/{address}/attente", "/moderation/{key}"),
}
"""What no link leads to from there: guests' pages, addresses that lead on, answers that are no page, and pages that
somebody has only with a draft, with a full dustbin or with a list to look after. Tests of their own look at those."""


def patterns(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, Route]]:
    """Every address that may be got, with the mounts before it."""
    for route in routes:
        if isinstance(route, Mount):
            yield from patterns(route.routes, prefix + route.path)
        elif isinstance(route, Route) and "GET" in (route.methods or ()):
            yield prefix, route


def is_page(path: str) -> bool:
    return not path.startswith(NO_PAGES) and (path == "/etat" or not path.endswith(FILES))


def pattern_of(found: list[tuple[str, Route]], path: str) -> str:
    """The route that an address leads to; empty for none of ours, and for what is no page."""
    if not is_page(path):
        return ""
    for prefix, route in found:
        if path.startswith(prefix) and route.path_regex.match(path[len(prefix) :]):
            return prefix + route.path
    return ""


@pytest.fixture(scope="module")
def office(house: House) -> Principal:
    """A secretary with mail, folders, contacts, events, tasks and lists: who sees every page but the console."""
    house.store.write_now(schools.upsert, [schools.Facts(UAI, "Collège Les Tilleuls", "CLG", town="Nevers")])
    house.person("Marc", "Martin", Role.TEACHER, uai=UAI, discipline="Mathématiques")
    person = house.person("Régine", "Leroy", Role.SECRETARIAT, uai=UAI)
    picture = (
        '--b\r\nContent-Type: text/plain\r\n\r\nVoir ci-joint.\r\n--b\r\nContent-Type: text/plain; name="notes.txt"\r\n'
        'Content-Disposition: attachment; filename="notes.txt"\r\n\r\nnotes\r\n--b--\r\n'
    )
    contents = [house.deliver(person, mail(f"Sujet {turn}", to=person.address)) for turn in range(3)]
    head, _, _ = mail("Pièce jointe", to=person.address).partition(b"Content-Type")
    house.deliver(person, head + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + picture.encode())
    inbox = house.box(person, "INBOX")
    house.store.write_now(webmail.flag, person.account_id, inbox.id, contents[:1], "+", ("\\Seen", "\\Flagged"))
    house.store.write_now(mailboxes.create, person.account_id, "Conseils de classe")
    house.store.write_now(personal_lists.create, person.account_id, "Parents délégués", ["amie@exemple.org"])
    put(house, person, "a", "FN:Nadia Benali\nN:Benali;Nadia;;;\nEMAIL:nadia@exemple.org\nCATEGORIES:Parents")
    here = zoneinfo.ZoneInfo(house.settings.web.timezone)  # the agenda leaves out what is on another day of a week-end
    day = datetime.datetime.fromtimestamp(house.clock.now(), here).strftime("%Y%m%d")
    event = f"UID:1\nDTSTAMP:20260101T000000Z\nDTSTART:{day}T080000Z\nDTEND:{day}T090000Z\nSUMMARY:Chorale des 4e B"
    lines = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n"
    client, kind = house.visitor().http, {"content-type": "text/calendar"}
    client.put(f"/dav/{person.login}/agenda/1.ics", content=lines, headers=kind, auth=(person.login, PASSWORD))
    task = "UID:2\nDTSTAMP:20260101T000000Z\nSUMMARY:Relancer les familles"
    lines = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTODO\n{task}\nEND:VTODO\nEND:VCALENDAR\n"
    client.put(f"/dav/{person.login}/taches/2.ics", content=lines, headers=kind, auth=(person.login, PASSWORD))
    return person


def looked_at(page: Page, name: str, looks: Looks) -> list[str]:
    """What is wrong with a page in any of the looks; all of axe's rules are asked in the first."""
    wrong = []
    page.evaluate("document.querySelectorAll('main details').forEach(d => { d.open = true })")
    for size, scheme in looks:
        width, height = SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        rules = () if (size, scheme) == looks[0] else LOOK
        wrong += [f"{name} {size} {scheme}: {fault}" for fault in faults_of(page, rules)]
    return wrong


@pytest.mark.parametrize(
    ("interface", "starts", "looks"),
    [
        ("complet", ("/m/", "/agenda", "/etat", "/bienvenue", "/identifiant"), LOOKS),
        ("simple", ("/s/", "/s/agenda"), (LOOKS[0], LOOKS[-1])),
    ],
)
def test_every_page_that_a_link_leads_to(
    house: House, chromium: Browser, office: Principal, interface: str, starts: tuple[str, ...], looks: Looks
) -> None:
    """Pages that both interfaces share are looked at in the complete one."""
    known = list(patterns(house.door.routes))
    begins = "/" if interface == "complet" else "/s/"
    waiting, seen, wrong = list(starts), set(), list[str]()
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, office.login, interface)
        while waiting:
            address = waiting.pop(0)
            pattern = pattern_of(known, urlsplit(address).path)
            if not pattern.startswith(begins) or pattern in seen or (begins == "/" and pattern.startswith("/s/")):
                continue
            seen.add(pattern)
            page.set_viewport_size({"width": 1366, "height": 768})
            page.goto(house.url + address)
            waiting += page.eval_on_selector_all(
                "a[href^='/']:not([download])", "e => e.map(a => a.getAttribute('href'))"
            )
            wrong += looked_at(page, address, looks)
    assert wrong == []
    if interface == "complet":
        pages = {pattern for prefix, route in known if (pattern := prefix + route.path) and is_page(pattern)}
        unseen = {one for one in pages - seen if not one.startswith(("/s/", "/m/contacts", "/m/partage"))}
        assert unseen == ELSEWHERE
