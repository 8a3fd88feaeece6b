"""What the agenda shows beside the hours: classes and their colours, the month, the event's panel, answers, paper."""

import datetime
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.calendars.icalendar import reading
from mailserver.calendars.school.school_classes import class_of
from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_grants, agenda_items, agendas
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.record.audit import Origin
from tests.webui.browser import faults_of, let_in, log_in, narrow, overflow, visiting
from tests.webui.house import House, Visitor
from webui.agenda.calendars.class_colours import usual

PARIS = ZoneInfo("Europe/Paris")
DAY = "2026-11-24"
"""A Tuesday."""


def put(house: House, person: Principal, title: str, hours: str, more: str = "", day: str = DAY) -> None:
    """An event of a day, `09:00-10:00` in Paris."""
    house.store.write_now(agendas.provision, person.account_id)
    held = house.store.read_now(agendas.find, person.account_id, "agenda")
    assert held is not None
    begin, end = (
        datetime.datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=PARIS).astimezone(datetime.UTC)
        for hour in hours.split("-")
    )
    uid = re.sub(r"\W", "", f"{title}{day}{hours}")
    text = (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260901T080000Z\r\n"
        f"DTSTART:{begin:%Y%m%dT%H%M%SZ}\r\nDTEND:{end:%Y%m%dT%H%M%SZ}\r\nSUMMARY:{title}\r\n"
        f"{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    house.store.write_now(agenda_items.put, person.account_id, held.id, reading.read(f"{uid}.ics", text), None)


def titles(house: House, person: Principal) -> list[str]:
    held = house.store.read_now(agendas.find, person.account_id, "agenda")
    assert held is not None
    rows = house.store.read_now(agenda_items.between, person.account_id, held.id, -(2**62), 2**62, "VEVENT")
    return sorted(re.findall(r"SUMMARY:(.*)\r\n", "".join(row.text or "" for row in rows)))


@pytest.mark.parametrize(
    ("title", "categories", "expected"),
    [
        ("Cours 4e B", (), "4e B"),
        ("Anglais 4ème B, salle 12", (), "4e B"),
        ("6eA", (), "6e A"),
        ("Réunion", ("perso", "3e C"), "3e C"),
        ("Cours 4e B", ("2nde 3",), "2de 3"),
        ("1ère STMG1", (), "1re STMG1"),
        ("Tle S2 : bac blanc", (), "Tle S2"),
        ("CM2 au musée", (), "CM2"),
        ("Le 3e étage", (), ""),
        ("15e B", (), ""),
        ("1re fois", (), ""),
        ("Réunion", ("classe 4e B",), ""),
    ],
)
def test_which_class_an_event_is_about(title: str, categories: Sequence[str], expected: str) -> None:
    assert class_of(title, categories) == expected


def test_classes_of_one_level_and_of_one_letter_have_colours_of_their_own() -> None:
    assert len({usual(f"4e {letter}") for letter in "ABCDEFG"}) == 7
    assert len({usual(f"{level}e A") for level in "6543"}) == 4


def test_classes_are_met_coloured_and_found(
    house: House, visitor: Visitor, person: Principal, today: datetime.date
) -> None:
    put(house, person, "Cours 4ème B", "09:00-10:00")
    put(house, person, "Réunion", "11:00-12:00")
    visitor.log_in(person.login, interface="complet")
    visitor.get(f"/agenda/semaine/{DAY}")
    colour = usual("4e B")
    assert re.search(rf'<a class="ev {colour} mobile[^>]*>\s*<b>Cours 4ème B', visitor.text)
    assert re.search(r'<a class="ev bleu mobile[^>]*>\s*<b>Réunion', visitor.text)
    assert re.search(rf'<a class="etiquette {colour}" href="([^"]+)">4e B</a>', visitor.text)
    visitor.get("/agenda?vue=liste&jour=2026-11-20&q=4e+B")
    assert "Cours 4ème B" in visitor.text
    assert "Réunion" not in visitor.text.split("<main")[1]
    put(house, person, "Conseil 3e C", "17:00-18:00", day=today.isoformat())
    visitor.get("/agenda/classes")
    assert "3e C" in visitor.text
    visitor.post("/agenda/classes", {"classe": ["3e C", "4e B"], "couleur": ["rose", "agenda"]})
    visitor.get(f"/agenda/semaine/{DAY}")
    assert re.search(r'<a class="ev bleu mobile[^>]*>\s*<b>Cours 4ème B', visitor.text)
    visitor.get(f"/agenda/jour/{today}")
    assert '<a class="etiquette rose"' in visitor.text
    assert visitor.post("/agenda/classes", {"classe": ["x"] * 61, "couleur": ["bleu"] * 61}).status_code == 400


@pytest.mark.parametrize(
    ("at", "query", "begins"),
    [
        ("2026-12-31T10:20+01:00", "", "2026-12-31 11:00"),
        ("2026-12-31T23:30+01:00", "", "2027-01-01 00:00"),
        ("2026-12-31T23:30+01:00", "?jour=2026-12-31", "2026-12-31 23:00"),
        ("2026-12-31T23:30+01:00", "?jour=2027-01-01", "2027-01-01 08:00"),
        ("2027-03-28T01:10+01:00", "?jour=2027-03-28", "2027-03-28 03:00"),  # there is no 02:00
        ("2027-10-31T02:50+02:00", "", "2027-10-31 03:00"),  # 02:00 comes again, and nobody would know which is meant
    ],
)
def test_a_new_event_begins_with_the_next_full_hour(
    house: House, visitor: Visitor, person: Principal, at: str, query: str, begins: str
) -> None:
    with house.clock.at(datetime.datetime.fromisoformat(at)):
        visitor.log_in(person.login, interface="complet")
        visitor.get(f"/agenda/nouveau{query}")
    assert f"{visitor.field('debut_jour')} {visitor.field('debut_heure')}" == begins


def test_the_month_beside_has_weeks_holidays_and_turns_alone(visitor: Visitor, person: Principal) -> None:
    visitor.log_in(person.login, interface="complet")
    visitor.get("/agenda/semaine/2026-12-02")
    visitor.post(
        "/agenda/affichage", {"vacances": "A", "debut": "8", "fin": "18", "retour": "/agenda/semaine/2026-12-02"}
    )
    mini = visitor.text.split('<table class="mini"')[1].split("</table>")[0]
    assert re.findall(r'<th scope="row"><span class="vh">Semaine </span>(\d+)', mini) == ["49", "50", "51", "52", "53"]
    assert re.search(r'<td class="vac">\s*<a href="/agenda/semaine/2026-12-23" title="Vacances de Noël">23</a>', mini)
    assert mini.count("class=sem") == 1
    visitor.get("/agenda/semaine/2026-12-02?mois=2027-02")
    assert "Février 2027" in visitor.text
    assert "30 novembre – 4 décembre 2026" in visitor.text
    for month in ("2027-13", "0000-01", "x"):
        assert "Décembre 2026" in visitor.get(f"/agenda/semaine/2026-12-02?mois={month}").text


def test_hours_are_ones_own_and_those_that_are_used(house: House, visitor: Visitor, person: Principal) -> None:
    visitor.log_in(person.login, interface="complet")
    shown = r"<span>(\d\d):00</span>"
    assert re.findall(shown, visitor.get(f"/agenda/semaine/{DAY}").text) == [f"{hour:02}" for hour in range(8, 18)]
    put(house, person, "Spectacle", "20:00-21:30")
    assert re.findall(shown, visitor.get(f"/agenda/semaine/{DAY}").text)[-3:] == ["19", "20", "21"]
    assert len(re.findall(shown, visitor.get(f"/agenda/semaine/{DAY}?heures=24").text)) == 24


def test_an_evening_far_away_folds_the_hours_on_the_way(house: House, visitor: Visitor, person: Principal) -> None:
    visitor.log_in(person.login, interface="complet")
    put(house, person, "Eclipse", "22:15-23:00")
    put(house, person, "Avion", "04:10-04:50")
    text = visitor.get(f"/agenda/semaine/{DAY}").text
    rows = [4, 5, *range(8, 18), 18, 22]
    assert f'data-heures="{" ".join(map(str, [*rows, 23]))}"' in text
    assert f'class="semaine k{len(rows)} ' in text
    assert re.findall(r"<span>(\d\d):00</span>", text) == [f"{hour:02}" for hour in rows if hour not in (5, 18)]
    assert text.count('<a href="?heures=24" tabindex="-1"') == 2
    evening = next(line for line in text.splitlines() if "Eclipse" in line or " h13 m3 " in line)
    assert " h13 m3 d0 e9 " in evening
    # The bars of the hours that are no working ones end where those begin.
    assert '<i class="hors h0 d2">' in text
    assert '<i class="hors h12 d2">' in text
    assert len(re.findall(r"<span>\d\d:00</span>", visitor.get(f"/agenda/semaine/{DAY}?heures=24").text)) == 24


def test_the_panel_says_what_happens_at_once_and_a_copy_is_another_event(
    house: House, visitor: Visitor, person: Principal
) -> None:
    put(house, person, "Conseil", "17:15-18:30", "LOCATION:B07\r\nRRULE:FREQ=WEEKLY\r\n")
    put(house, person, "Réunion parents", "16:30-18:00")
    put(house, person, "Libre", "17:00-18:00", "TRANSP:TRANSPARENT\r\n")
    visitor.log_in(person.login, interface="complet")
    visitor.get(f"/agenda/semaine/{DAY}")
    address = next(link for link in visitor.links("/evenement/") if "le=" in link).replace("&amp;", "&")
    visitor.get(f"{address}&fiche=1")
    assert "<main" not in visitor.text
    assert "En même temps : Réunion parents, 16:30 – 18:00" in " ".join(visitor.text.split())
    assert "Libre" not in visitor.text
    path, _, query = address.partition("?")
    key = query.split("le=")[1].split("&")[0]
    visitor.get(f"/agenda/nouveau?copie={path.rpartition('/')[2]}&le={key}")
    assert visitor.field("titre") == "Conseil"
    assert 'value="" selected' in visitor.text.split('id="repeter"')[1].split("</select>")[0]
    visitor.get(f"{path}/modifier?{query}")
    form = {"le": key, "etag": visitor.field("etag"), "minutes": "1440", "duree": "0", "vue": "semaine", "copie": "1"}
    visitor.post(f"{path}/deplacer", form)
    assert "Événement copié" in visitor.text
    assert titles(house, person) == ["Conseil", "Conseil", "Libre", "Réunion parents"]
    visitor.post("/agenda/annuler", {"jeton": visitor.field("jeton"), "jour": DAY, "vue": "semaine"})
    assert titles(house, person) == ["Conseil", "Libre", "Réunion parents"]


def test_an_invitation_of_the_academy_is_answered_from_the_agenda(
    house: House, visitor: Visitor, person: Principal, marc: Principal
) -> None:
    asked = "ORGANIZER:mailto:{}\r\n" + f"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{person.address}\r\n"
    put(house, person, "Conseil", "17:00-18:00", asked.format(marc.address))
    put(house, person, "Ailleurs", "10:00-11:00", asked.format("quelqu.un@ailleurs.exemple"))
    visitor.log_in(person.login, interface="complet")
    visitor.get(f"/agenda/jour/{DAY}")
    abroad, ours = (link.replace("&amp;", "&") for link in visitor.links("/evenement/"))
    assert "/repondre" not in visitor.get(abroad).text
    path = abroad.partition("?")[0]
    assert visitor.post(f"{path}/repondre", {"faire": "oui", "etag": "x"}).status_code == 403
    visitor.get(ours)
    path = ours.partition("?")[0]
    etag = visitor.field("etag")
    assert visitor.post(f"{path}/repondre", {"faire": "oui", "etag": "vieux"}).status_code == 409
    visitor.get(ours)
    visitor.post(f"{path}/repondre", {"faire": "oui", "etag": etag})
    assert "Votre réponse est partie" in visitor.text
    assert house.subjects(marc, "INBOX")[-1] == "Accepté : Conseil"
    visitor.get(ours)
    assert re.search(r'value="oui" class="teinte" aria-pressed="true"', visitor.text)
    visitor.post(f"{path}/repondre", {"faire": "non", "etag": visitor.field("etag")})
    assert titles(house, person) == ["Ailleurs"]
    assert house.subjects(marc, "INBOX")[-1] == "Refusé : Conseil"


def test_a_phone_begins_with_the_day(visitor: Visitor, person: Principal, today: datetime.date) -> None:
    visitor.log_in(person.login, interface="complet")
    visitor.get("/agenda", headers={"user-agent": "Mozilla/5.0 (Linux; Android 15) Mobile"})
    assert visitor.page is not None
    assert visitor.page.url.path == f"/agenda/jour/{today}"
    assert visitor.text.split('class="bande"')[1].split("</ul>")[0].count("<a ") == 7


# ---------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def crowded(house: House, marc: Principal) -> Principal:
    """A teacher with overlaps, and a colleague's agenda over them."""
    person = house.person("Inès", "Chargée")
    for number in range(6):
        put(house, person, f"Cours {number} de 4e B", f"10:{number}0-11:55")
    put(house, person, "Anglais 6e A", "08:10-09:05")
    put(house, person, "Conseil de classe exceptionnellement long", "17:00-18:30")
    put(house, marc, "Mathématiques 5e B", "08:10-09:05")
    held = house.store.read_now(agendas.find, marc.account_id, "agenda")
    assert held is not None
    origin = Origin(marc.login, "web")
    house.store.write_now(agenda_grants.grant, marc.account_id, held.id, person.account_id, Role.READ, origin)
    return person


MEASURE = """() => {
  const days = [...document.querySelectorAll(".semaine .jour")];
  const boxes = days.map((day) => day.getBoundingClientRect());
  const inside = days.every((day, at) => [...day.querySelectorAll(".temps > a")].every((event) => {
    const box = event.getBoundingClientRect();
    return box.left >= boxes[at].left - 1 && box.right <= boxes[at].right + 1 && box.width >= 24;
  }));
  return { widths: boxes.map((box) => Math.round(box.width)), right: boxes.at(-1).right, inside };
}"""


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [1100, 1366])
def test_five_equal_days_fit_and_hold_what_overlaps(
    house: House, chromium: Browser, crowded: Principal, width: int
) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        page.set_viewport_size({"width": width, "height": 768})
        log_in(page, house, crowded.login, "complet", at=f"/agenda/semaine/{DAY}")
        measured = page.evaluate(MEASURE)
        assert max(measured["widths"]) - min(measured["widths"]) <= 1
        assert measured["right"] <= width
        assert measured["inside"]
        assert overflow(page) <= 0
        assert page.locator(".temps .autres").count() == 1
        expect(page.locator(".ev.autre")).to_contain_text("M · 5e B")
        watched.picture(f"agenda-chevauchements-{width}")
        with narrow(page):
            assert overflow(page) <= 0


@pytest.mark.needs("chromium")
def test_the_panel_and_the_keys(house: House, chromium: Browser, crowded: Principal) -> None:
    """A click opens the event beside the grid, Escape gives the focus back; c copies, Control-z undoes."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, crowded.login, "complet", at=f"/agenda/semaine/{DAY}")
        event = page.get_by_role("link", name=re.compile("^Anglais 6e A"))
        event.click()
        panel = page.get_by_role("dialog", name="Événement")
        expect(panel.get_by_role("heading", name="Anglais 6e A")).to_be_focused()
        expect(event).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(event).to_be_focused()
        page.keyboard.press("c")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#agenda-dit")).to_contain_text("Copie : mercredi 25 novembre, 08:10 – 09:05")
        page.keyboard.press("Enter")
        expect(page.locator("#annonce, #dit").filter(has_text="Événement copié")).to_have_count(1)
        assert titles(house, crowded).count("Anglais 6e A") == 2
        page.keyboard.press("Control+z")
        expect(page.locator("#annonce, #dit").filter(has_text="annulée")).to_have_count(1)
        assert titles(house, crowded).count("Anglais 6e A") == 1
        page.locator(".jour").nth(2).locator(".ajout").focus()
        page.keyboard.press("n")
        page.wait_for_url("**/agenda/nouveau?jour=2026-11-25*")
        assert watched.complaints == []


@pytest.mark.needs("chromium")
@pytest.mark.parametrize(("size", "scheme"), [("bureau", "light"), ("telephone", "dark")])
def test_tasks_classes_and_the_panel_are_accessible(
    house: House, chromium: Browser, crowded: Principal, size: str, scheme: str, today: datetime.date
) -> None:
    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, crowded.login, "complet")
        for title, days in (("Rendre les bulletins", -2), ("Corriger les copies de 4e B", 1), ("Photocopies", 0)):
            page.goto(f"{house.url}/agenda/taches")
            page.fill("#titre", title)
            page.fill("#jour", (today + datetime.timedelta(days)).isoformat())
            page.get_by_role("button", name="Ajouter").click()
            expect(page.get_by_role("link", name=title).first).to_be_visible()
        page.get_by_role("button", name="C’est fait : Photocopies").first.click()
        page.locator(".faites summary").click()
        assert faults_of(page) == []
        with narrow(page):
            assert overflow(page) <= 0
        page.get_by_role("link", name="Rendre les bulletins").first.click()
        expect(page.locator("h1")).to_have_text("Rendre les bulletins")
        assert faults_of(page) == []
        page.goto(f"{house.url}/agenda/classes")
        assert faults_of(page) == []
        page.goto(f"{house.url}/agenda/semaine/{DAY}")
        page.get_by_role("link", name=re.compile("^Anglais 6e A")).click()
        if size == "bureau":
            expect(page.get_by_role("dialog", name="Événement")).to_be_visible()
        else:
            expect(page.locator("h1")).to_have_text("Anglais 6e A")
        assert faults_of(page) == []


@pytest.mark.needs("chromium")
def test_a_finger_that_stays_takes_an_event_along(house: House, chromium: Browser) -> None:
    """One that only passes scrolls the page and moves nothing."""
    person = house.person("Zoé", "Doigt")
    put(house, person, "Cours", "09:00-10:00")
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet", at=f"/agenda/semaine/{DAY}")
        device = page.context.new_cdp_session(page)
        device.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        box, other = page.locator(".temps .ev").bounding_box(), page.locator(".jour").nth(3).bounding_box()
        assert box
        assert other

        def touch(kind: str, *at: float) -> None:
            points = [{"x": at[0], "y": at[1]}] if at else []
            device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        x, y = box["x"] + 20, box["y"] + 10
        touch("touchStart", x, y)
        expect(page.locator(".ev.tire")).to_be_visible()
        touch("touchMove", other["x"] + 30, y)
        touch("touchMove", other["x"] + 30, y + box["height"] + 2)
        expect(page.locator("#agenda-dit")).to_contain_text("jeudi 26 novembre, 10:00 – 11:00")
        touch("touchEnd")
        expect(page.locator("#annonce, #dit").filter(has_text="Événement déplacé")).to_have_count(1)
        expect(page.locator(".jour").nth(3).locator(".temps .ev")).to_contain_text("10:00 – 11:00")
        assert watched.complaints == []


@pytest.mark.needs("chromium")
def test_a_stroke_turns_the_day_on_a_phone(house: House, chromium: Browser, crowded: Principal) -> None:
    with visiting(chromium, size="telephone", script=True) as watched:
        page = watched.page
        log_in(page, house, crowded.login, "complet", at=f"/agenda/jour/{DAY}")
        device = page.context.new_cdp_session(page)
        device.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        for kind, x in (("touchStart", 300), ("touchMove", 200), ("touchMove", 120), ("touchEnd", 0)):
            points = [{"x": x, "y": 600}] if x else []
            device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_url("**/agenda/jour/2026-11-25")


@pytest.mark.needs("chromium")
def test_paper_has_every_day_on_one_sheet(house: House, chromium: Browser, crowded: Principal) -> None:
    """A4 on its side: the week and the month on one sheet each, without what is for the screen."""
    with visiting(chromium, script=True, scheme="dark") as watched:
        page = watched.page
        let_in(page, house, crowded.login, "complet")
        for view, most in (("semaine", 1), ("mois", 1), ("liste", 2)):
            page.goto(f"{house.url}/agenda/{view}/{DAY}")
            assert 1 <= sheets(page) <= most, view
            page.emulate_media(media="print")
            for gone in (".applis", ".volet", ".tete", ".vues", "#imprimer"):
                expect(page.locator(gone).first).to_be_hidden()
            colour = page.locator(".ev").first.evaluate(
                "(event) => [getComputedStyle(event).color, getComputedStyle(event).backgroundColor]"
            )
            assert colour == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
            page.emulate_media(media="null")


def sheets(page: Page) -> int:
    """How many sheets a page prints on, each A4 on its side."""
    octets = page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", octets)
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} == {(842, 595)}
    return len(re.findall(rb"/Type\s*/Page\b", octets))
