"""Every page, light at a desk and dark on a phone, and 320 pixels wide. Each menu of theirs once, open.

The pages are found by following links from where one begins and from addresses that only some have, one page for each
route of the program: a new one is looked at by itself, or its test fails until something leads there. The console has
the same in `test_admin_browser`.
"""

import datetime
import re
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from starlette.routing import BaseRoute, Mount, Route

from directory.lists import rosters
from directory.lists.rosters import ListChange
from mailserver.delivery.lists.member_keys import MemberKeys
from mailserver.filters import Documents
from mailserver.filters.rules import Actions, Condition, Document, Field, Rule
from mailserver.model.identity import Archive, Principal, Role
from mailserver.model.messages.provenance import UNKNOWN
from mailserver.store.account import stored_preferences
from mailserver.store.mail import mailboxes
from mailserver.store.mail.posts import archived_posts
from mailserver.store.people import schools
from mailserver.store.people.mailing_lists import lists, outside_members, personal_lists
from mailserver.store.queue import list_posts
from mailserver.store.queue.held import unconfirmed
from mailserver.store.queue.spool import Options
from mailserver.store.record.audit import Origin
from mailserver.store.web import webmail
from tests.outbound.mailings.rows import keep
from tests.webui.boxes import FULL, Box, question
from tests.webui.browser import LOOK, LOOKS, faults_of, let_in, narrow, overflow, visiting, wear
from tests.webui.house import PASSWORD, House, mail
from tests.webui.test_contacts_browser import put
from tests.webui.test_lists import hold, make

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(900)]  # sixty pages, each in two looks

UAI = "0580001X"
Looks = Sequence[tuple[str, str]]
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
    "/sante",
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

GUESTS = (
    *("/login", "/roundcube", "/connexion", "/activation", "/initialiser", "/identifiant", "/moderation", "/transfert"),
    *(
        "/abonnement",
        "/aide",
        "/accessibilite",
        "/donnees-personnelles",
        "/mentions-legales",
        "/etat",
        "/hors-connexion",
    ),
)
"""Pages of whoever is not logged in begin like this; and `/` is one."""
LINKED = ("/abonnement", "/moderation", "/transfert")
"""Of these, pages that a link in a mail leads to."""
GUEST_STEPS = ("/connexion/code", "/initialiser/code")
"""What they are led to by a form."""
AT_HOME = ("/m/contacts",)
"""Pages that stand under another address as well, where they are looked at."""
ANSWERS = {
    *("/agenda/", "/listes", "/envois-en-nombre", "/agenda/rappels", "/compte/notifications"),
    *("/archives/{address}", "/archives/{address}/{name}"),
    *(f"{base}/liste/{{address}}/archives/{{post:key}}/corps" for base in ("/m", "/s")),
    *(f"{base}/liste/{{address}}/archives/{{post:key}}/piece/{{number}}" for base in ("/m", "/s")),
    *("/m/corps/{message:key}", "/m/piece/{message:key}/{number}", "/m/destinataires", "/m/recherche/aide"),
    *("/m/partage/{box:key}/{message:key}/corps", "/m/partage/{box:key}/{message:key}/piece/{number}"),
    *("/s/agenda/", "/s/corps/{message:key}", "/s/piece/{message:key}/{number}", "/s/destinataires"),
    *("/s/recherche/aide", "/s/partage/{box:key}/{message:key}/corps"),
    *("/s/partage/{box:key}/{message:key}/piece/{number}", "/s/ecrire/{draft:key}/depuis"),
}
"""Addresses that lead on, and answers that are no page."""


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
    flagging = Rule((Condition(Field.SUBJECT, values=("Important",)),), Actions(star=True))
    documents = Documents(settings=house.settings, store=house.store)
    said = documents.change(person.account_id, "", lambda _: Document(rules=(flagging,)), Origin("x", "web"))
    house.run(said)
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


def passed(house: House, address: str) -> tuple[int, str]:
    """A message that a list has sent on, and that came back; the page of the member outside it came back from."""
    number = house.store.write_now(outside_members.ids, address, ["amie@ailleurs.fr"])["amie@ailleurs.fr"]
    bounds = outside_members.Bounds(1, 30, 21)
    house.store.write_now(outside_members.bounce, number, bounds, hard=True, status="5.1.1", said="550 No such user")
    posted = list_posts.Posted(address, "A", 0, "Zoé Dupont", "Un long sujet qui est passé par la liste", 12, ended=1)
    post = house.store.write_now(list_posts.record, posted, 0, lambda _: "", lifetime=1, options=Options())
    return post, f"/abonnement/{MemberKeys(house.settings.secret('hmac')).link(number)}"


def archived(house: House, address: str, content_ids: Sequence[int]) -> None:
    """A list keeps messages, for its members here and the one outside."""
    wanted = ListChange(archive=Archive.MEMBERS)
    house.store.write_now(rosters.change, rosters.ListSettings.of(house.settings), address, wanted, Origin("x", "web"))
    house.store.write_now(lists.add_members, address, ["amie@ailleurs.fr"])
    for content_id in content_ids:
        post = archived_posts.Archived(address, str(content_id), 0, Archive.MEMBERS)
        house.store.write_now(archived_posts.keep, content_id, post, UNKNOWN)


def departed(house: House, author: Principal, colleague: Principal) -> tuple[int, int]:
    """What somebody has just sent: to a colleague, and, with a number that they have to confirm, to the outside."""
    for to, body in ((colleague.address, "Bonjour\n"), ("amie@exemple.org", "NIR 1 85 05 78 006 084 91\n")):
        letter = mail("Parti à l’instant", f"Régine <{author.address}>", body, to)
        house.run(house.submission.submit(author, author.address, (to,), letter, save_to_sent=True))
    (sent,) = (one.id for one in house.store.read_now(webmail.page, house.box(author, "Sent"), 50).lines)
    (unsure,) = house.store.read_now(unconfirmed.listing, author.account_id)
    return sent, unsure.id


@pytest.fixture(scope="module")
def starts(house: House, office: Principal) -> dict[str, Sequence[str]]:
    """Where one begins in each part, and what somebody has only with a draft, with something in the dustbin, with a
    functional box, with a list to look after."""
    inbox, trash = house.box(office, "INBOX"), house.box(office, "Trash")
    gone = house.deliver(office, mail("Périmé", to=office.address))
    house.store.write_now(webmail.move, office.account_id, inbox.id, trash.id, [gone], (b"t" * 32, 300))
    shown = house.deliver(office, mail("Imprimé", to=office.address))
    box = Box(house, {office.login: FULL})
    asked = question(box, house.person("Zoé", "Parent"))
    moderated = make(house, "debat", owners=(office.address,), members=(office.address,), moderated=True)
    hold(house, moderated, "Un long sujet qui demande une décision")
    notice = house.octets(office, "INBOX").replace(b"=\r\n", b"").decode("latin-1")
    link = re.search(r"/moderation/[0-9a-f]{40}", notice)
    assert link
    author = house.visitor()
    author.log_in(office.login)
    author.get("/s/ecrire")
    author.post("/s/ecrire", {"faire": "garder", "cle": author.field("cle"), "objet": "À finir", "texte": "Bonjour"})
    colleague = house.person("Ali", "Voisin")
    author.get("/s/reglages/transfert")
    wanted = {"faire": "demander", "adresse": colleague.address, "actuel": PASSWORD}
    author.post("/s/reglages/transfert", wanted)
    notice = house.octets(colleague, "INBOX").replace(b"=\r\n", b"").decode("latin-1")
    agreement = re.search(r"/transfert/[0-9a-f]{40}", notice)
    assert agreement
    posted, subscription = passed(house, moderated)
    drafts = author.get(f"/s/dossier/{house.box(office, 'Drafts').id}")
    (draft,) = set(re.findall(r"/ecrire/\d+", drafts.text))
    (filed,) = (one.id for one in house.store.read_now(webmail.page, inbox, 50).lines if one.subject == "Pièce jointe")
    archived(house, moderated, (filed, shown))
    mailing = keep(house.store, office, mail("Rentrée"))
    sent, unsure = departed(house, office, colleague)
    rare = (
        *("/annuler", f"/message/{filed}"),
        *(draft, f"{draft}/depuis", f"/dossier/{trash.id}/vider", f"/dossier/{inbox.id}/imprimer?m={shown}"),
        *(f"/partage/{box.id()}/{asked}", "/liste", f"/liste/{moderated}", f"/liste/{moderated}/attente"),
        *(f"/liste/{moderated}/messages", f"/liste/{moderated}/messages/{posted}"),
        *("/envois-en-nombre", f"/envois-en-nombre/{mailing}"),
        *(f"/message/{sent}/rappeler", f"/envois/a-confirmer/{unsure}"),
    )
    return {
        "complet": ("/m/", "/agenda", "/bienvenue", *(f"/m{path}" for path in rare)),
        "simple": ("/s/", "/s/agenda", *(f"/s{path}" for path in rare)),
        "guest": (
            "/",
            *(one for one in GUESTS if one not in LINKED),
            link[0],
            agreement[0],
            subscription,
            *GUEST_STEPS,
        ),
    }


OPEN = """(id) => {
    const buttons = [...document.querySelectorAll(`[popovertarget="${id}"]`)];
    if (!buttons.some((button) => button.checkVisibility())) return false;
    document.getElementById(id).showPopover();
    return true;
}"""


def looked_at(page: Page, name: str, looks: Looks, menus: set[str]) -> list[str]:
    """What is wrong with a page in any of the looks; all of axe's rules are asked in the first. `menus`: those that
    were seen open before, on any page."""
    wrong, shown = [], set[str]()
    page.evaluate("document.querySelectorAll('main details').forEach(d => { d.open = true })")
    new = [one for one in page.eval_on_selector_all("[popover][id]", "e => e.map(m => m.id)") if one not in menus]
    for size, scheme in looks:
        wear(page, size, scheme)
        rules = () if (size, scheme) == looks[0] else LOOK
        look = f"{name} {size} {scheme}"
        wrong += [f"{look}: {fault}" for fault in faults_of(page, rules)]
        for menu in new:
            if page.evaluate(OPEN, menu):
                shown.add(menu)
                within = f"#{menu}" if rules else "html"  # around it the page looks as it did
                wrong += [f"{look} {menu}: {fault}" for fault in faults_of(page, rules, within)]
                page.evaluate("(id) => document.getElementById(id).hidePopover()", menu)
    menus |= shown
    with narrow(page):
        wide = overflow(page)
    return wrong + ([f"{name} at 320 pixels: overflows by {wide}px"] if wide > 0 else [])


def part_of(pattern: str) -> str:
    """Which of the walks looks at a page."""
    if pattern.startswith("/s/"):
        return "simple"
    return "guest" if pattern == "/" or pattern.startswith(GUESTS) or pattern in GUEST_STEPS else "complet"


@pytest.mark.parametrize("part", ["complet", "simple", "guest"])
def test_every_page(
    house: House, chromium: Browser, office: Principal, starts: dict[str, Sequence[str]], part: str
) -> None:
    """Pages that both interfaces share are looked at in the complete one."""
    known = list(patterns(house.door.routes))
    pages = {pattern for prefix, route in known if (pattern := prefix + route.path) and is_page(pattern)}
    wanted = {one for one in pages - ANSWERS if part_of(one) == part and not one.startswith(AT_HOME)}
    waiting, seen, menus, wrong = list(starts[part]), set[str](), set[str](), list[str]()
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        if part != "guest":
            let_in(page, house, office.login, part)
        while waiting:
            address = waiting.pop(0)
            pattern = pattern_of(known, urlsplit(address).path)
            if pattern not in wanted or pattern in seen:
                continue
            seen.add(pattern)
            page.set_viewport_size({"width": 1366, "height": 768})
            page.goto(house.url + address)
            waiting += page.eval_on_selector_all(
                "a[href^='/']:not([download])", "e => e.map(a => a.getAttribute('href'))"
            )
            wrong += looked_at(page, address, LOOKS, menus)
    assert wrong == []
    assert wanted - seen == set()


NOTHING = (
    *("/", "/dossiers", "/recherche?q=introuvable", "/envois", "/listes", "/listes/recues", "/annuler"),
    *("/contacts", "/contacts/recents", "/contacts/doublons", "/contacts/annuaire?q=introuvable"),
    *("/reglages?q=introuvable", "/reglages/etiquettes", "/reglages/regles", "/reglages/regles/appliquer"),
)
SHARED_NOTHING = (
    "/agenda/liste/2026-07-30",
    "/agenda/taches",
    "/agenda/a-rendre",
    "/agenda/classes",
    "/compte/appareils",
)


def test_pages_of_somebody_who_has_nothing_yet(house: House, chromium: Browser) -> None:
    """What is said instead of a list, and what can be done there: dark, on a phone."""
    person, wrong, menus = house.person("Nadège", "Arrivée"), list[str](), set[str]()
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"tags": []})
    with visiting(chromium, size="telephone", scheme="dark", script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, person.login, "complet")
        for address in (*(base + path for base in ("/m", "/s") for path in NOTHING), *SHARED_NOTHING):
            page.goto(house.url + address)
            wrong += looked_at(page, address, LOOKS[-1:], menus)
    assert wrong == []
