"""The agenda in a real Chromium: axe at both sizes and schemes, overflow, the policy; moving by pointer and by key."""

import datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.calendars import editing, occurrences
from mailserver.calendars.events import Draft
from mailserver.calendars.icalendar import reading
from mailserver.calendars.rules import Rule
from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_items, agendas
from tests.clocks import PARIS
from tests.webui.browser import SIZES, Watched, faults_of, let_in, log_in, overflow, visiting
from tests.webui.house import House

pytestmark = pytest.mark.needs("chromium")

_BEGUN = datetime.datetime.now(PARIS).date()
TODAY = _BEGUN + datetime.timedelta(days=(2 - _BEGUN.weekday()) % 7 or 7)
"""The next Wednesday, and ten o'clock: a week looks otherwise at night, and at its end."""
MONDAY = TODAY - datetime.timedelta(days=TODAY.weekday())
"""Of this week: the marks of today and now are on it."""
LESSONS = (
    (0, "08:30", "10:00", "Cours 4e B", "salle 204", "agenda"),
    (0, "14:00", "16:00", "Cours 3e A", "salle 210", "agenda"),
    (1, "10:15", "11:45", "Conseil pédagogique", "CDI", "college"),
    (1, "11:00", "13:00", "Visite d’inspection", "salle 204", "college"),
    (2, "08:30", "10:00", "Cours 3e A", "salle 210", "agenda"),
    (3, "09:00", "10:00", "Rendez-vous parent", "", "agenda"),
    (3, "16:00", "18:00", "Réunion parents-professeurs", "hall", "college"),
    (4, "08:05", "08:25", "Accueil", "portail", "college"),
    (4, "14:00", "16:00", "Cours 4e B", "salle 204", "agenda"),
    (4, "14:30", "15:30", "Remplacement", "salle 12", "agenda"),
    (4, "14:00", "17:00", "Secrétariat fermé", "", "college"),
    (4, "15:00", "16:00", "Appel de la DSDEN", "", "agenda"),
    (4, "17:00", "18:00", "Conseil de classe 4e B", "salle des conseils", "college"),
)


@pytest.fixture(scope="module", autouse=True)
def morning(house: House) -> None:
    house.clock.ahead += datetime.datetime.combine(TODAY, datetime.time(10), PARIS).timestamp() - house.clock.now()


@pytest.fixture(scope="module")
def busy(house: House) -> Principal:
    """A teacher with a full week in two agendas."""
    person = house.person("Camille", "Garnier")
    write, now = house.store.write_now, datetime.datetime.now(datetime.UTC)
    props = {agendas.DISPLAY_NAME: "Collège – réunions", agendas.COLOUR: "#6a3d9aff", agendas.COMPONENTS: "VEVENT"}
    write(agendas.create, person.account_id, "college", agendas.CALENDAR, props)
    for number, (day, begin, end, title, place, name) in enumerate(LESSONS):
        date = MONDAY + datetime.timedelta(days=day)
        draft = Draft(title, _at(date, begin), _at(date, end), place=place)
        _put(house, person, name, editing.create(draft, f"lecon{number}", now))
    trip = Draft("Voyage à Rome", _at(MONDAY, "00:00"), _at(MONDAY + datetime.timedelta(days=3), "00:00"), all_day=True)
    _put(house, person, "college", editing.create(trip, "rome", now))
    return person


def _at(day: datetime.date, hour: str) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.fromisoformat(hour))


def _put(house: House, person: Principal, name: str, text: str) -> str:
    held = house.store.read_now(agendas.find, person.account_id, name)
    assert held is not None
    item = reading.read(f"{abs(hash(text))}.ics", text)
    house.store.write_now(agenda_items.put, person.account_id, held.id, item, None)
    return item.href


def check(watched: Watched, name: str) -> None:
    """No finding of axe, no scrolling sideways; a picture to look at."""
    watched.picture(name)
    assert faults_of(watched.page) == [], name


@pytest.mark.parametrize("size", list(SIZES))
def test_every_screen_is_accessible(house: House, chromium: Browser, busy: Principal, size: str) -> None:
    """The screens in the light, and those with colours of their own in the dark, too."""
    with visiting(chromium, size=size, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, busy.login, "complet")
        for view in ("semaine", "jour", "mois", "liste"):
            page.goto(f"{house.url}/agenda/{view}/{MONDAY}")
            if view in ("semaine", "liste"):  # short ones, too
                expect(page.get_by_role("link", name="Rendez-vous parent")).to_be_visible()
            check(watched, f"agenda-{view}-{size}-light")
            if view in ("semaine", "mois"):
                page.emulate_media(color_scheme="dark")
                check(watched, f"agenda-{view}-{size}-dark")
                page.emulate_media(color_scheme="light")
        page.locator(".liste-jours .ev").first.click()
        check(watched, f"agenda-evenement-{size}")
        page.get_by_role("link", name="Modifier").click()
        page.select_option("#repeter", "WEEKLY")
        check(watched, f"agenda-formulaire-{size}")
        page.goto(page.url.replace("/modifier?", "/supprimer?"))
        check(watched, f"agenda-suppression-{size}")
        page.goto(f"{house.url}/agenda/agendas?lang=en")
        expect(page.locator("h1")).to_have_text("My calendars")
        page.goto(f"{house.url}/agenda/agendas")
        page.fill("#adresse", "https://localhost/edt.ics")
        page.get_by_role("button", name="S’abonner").click()
        expect(page.locator("#adresse-faute")).to_contain_text("internet public")
        check(watched, f"agenda-agendas-{size}")
        page.locator(".rangees a.bouton").first.click()
        check(watched, f"agenda-reglage-{size}")
        draft = Draft("Portes ouvertes", _at(MONDAY, "09:00"), _at(MONDAY, "12:00"))
        octets = editing.create(draft, "portes", datetime.datetime.now(datetime.UTC)).encode()
        page.set_input_files("#fichier", {"name": "portes.ics", "mimeType": "text/calendar", "buffer": octets})
        page.get_by_role("button", name="Voir le contenu").click()
        expect(page.get_by_role("table", name="Contenu du fichier")).to_contain_text("Portes ouvertes")
        check(watched, f"agenda-import-{size}")


@pytest.mark.parametrize("size", list(SIZES))
def test_the_simplified_interface(house: House, chromium: Browser, busy: Principal, size: str) -> None:
    """No script at all, at 320 px, too."""
    with visiting(chromium, size=size, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, busy.login, at=f"/s/agenda/{MONDAY}")
        if size == "telephone":
            page.set_viewport_size({"width": 320, "height": 700})
            assert overflow(page) <= 0
            page.goto(f"{house.url}/s/agenda/nouveau")
            assert overflow(page) <= 0
            return
    with visiting(chromium, size=size, script=True, bypass_csp=True) as watched:  # axe is a script itself
        log_in(watched.page, house, busy.login, at=f"/s/agenda/{MONDAY}")
        check(watched, f"agenda-simple-{size}")
        watched.page.goto(f"{house.url}/s/agenda/nouveau")
        check(watched, f"agenda-simple-nouveau-{size}")


def hour(page: Page) -> float:
    """Pixels of an hour of the grid."""
    script = "(week) => week.querySelector('.temps').offsetHeight / (week.dataset.heures.split(' ').length - 1)"
    return float(page.locator(".semaine").evaluate(script))


def _starts(house: House, person: Principal, title: str) -> list[str]:
    held = house.store.read_now(agendas.listing, person.account_id)
    rows = [
        (one.id, row)
        for one in held
        for row in house.store.read_now(agenda_items.between, person.account_id, one.id, -(2**62), 2**62, "VEVENT")
    ]
    begin = datetime.datetime.combine(MONDAY, datetime.time(), PARIS)
    found = occurrences.spread(rows, begin, begin + datetime.timedelta(days=14), PARIS).occurrences
    return [f"{one.start:%a %H:%M}-{one.end:%H:%M}" for one in found if one.title == title]


def test_moving_with_pointer_and_keyboard(house: House, chromium: Browser) -> None:
    """Drag to another day and hour, undo; the same with arrows; draw; the policy refuses nothing."""
    person = house.person("Paul", "Mobile")
    now = datetime.datetime.now(datetime.UTC)
    _put(house, person, "agenda", editing.create(Draft("Cours", _at(MONDAY, "09:00"), _at(MONDAY, "10:00")), "a", now))
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet", at=f"/agenda/semaine/{MONDAY}")
        event, target = page.locator(".temps .ev"), page.locator(".jour").nth(2)
        box, other = event.bounding_box(), target.bounding_box()
        assert box
        assert other
        page.mouse.move(box["x"] + 20, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(other["x"] + 40, box["y"] + 10 + hour(page), steps=6)
        watched.picture("agenda-deplacer")
        page.mouse.up()
        expect(page.locator("#annonce")).to_contain_text("Événement déplacé")
        assert _starts(house, person, "Cours") == ["Wed 10:00-11:00"]
        page.get_by_role("button", name="Annuler").click()
        expect(page.locator("#annonce")).to_contain_text("annulée")
        assert _starts(house, person, "Cours") == ["Mon 09:00-10:00"]

        page.locator(".temps .ev").focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Shift+ArrowDown"):
            page.keyboard.press(key)
        expect(page.locator("#agenda-dit")).to_contain_text("09:30 – 10:45")
        page.keyboard.press("Enter")
        expect(page.locator("#annonce")).to_contain_text("Événement déplacé")
        assert _starts(house, person, "Cours") == ["Tue 09:30-10:45"]

        column = page.locator(".jour").nth(3).locator(".temps").bounding_box()
        assert column
        page.mouse.move(column["x"] + 30, column["y"] + 5 + 2 * hour(page))
        page.mouse.down()
        page.mouse.move(column["x"] + 30, column["y"] + 5 + 4 * hour(page), steps=5)
        page.mouse.up()
        page.wait_for_url("**/agenda/nouveau?*")
        assert (page.input_value("#debut_heure"), page.input_value("#fin_heure")) == ("10:00", "12:00")
        assert watched.complaints == []


def test_an_event_is_moved_over_folded_hours(house: House, chromium: Browser) -> None:
    """From the evening back into the day: the folded row is as many hours as it says."""
    person = house.person("Luc", "Nocturne")
    now = datetime.datetime.now(datetime.UTC)
    _put(
        house, person, "agenda", editing.create(Draft("Éclipse", _at(MONDAY, "22:00"), _at(MONDAY, "23:00")), "e", now)
    )
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet", at=f"/agenda/semaine/{MONDAY}")
        watched.picture("agenda-plie")
        assert overflow(page) <= 0
        event = page.locator(".temps .ev")
        box = event.bounding_box()
        assert box
        assert abs(box["height"] - hour(page)) < 4
        page.mouse.move(box["x"] + 20, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 20, box["y"] + 10 - 2 * hour(page), steps=6)
        page.mouse.up()
        expect(page.locator("#annonce")).to_contain_text("Événement déplacé")
        assert _starts(house, person, "Éclipse") == ["Mon 17:00-18:00"]
        page.get_by_role("button", name="Annuler").click()
        expect(page.locator("#annonce")).to_contain_text("annulée")
        page.locator(".temps .ev").focus()
        page.keyboard.press("ArrowUp")
        expect(page.locator("#agenda-dit")).to_contain_text("21:45 – 22:45")
        page.keyboard.press("Escape")
        page.locator(".semaine .heures a").click()
        expect(page.locator(".semaine .heures a")).to_have_count(0)
        assert watched.complaints == []


def test_a_recurring_event_is_made_and_changed_by_keyboard_alone(house: House, chromium: Browser) -> None:
    person = house.person("Lise", "Clavier")
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet", at=f"/agenda/semaine/{MONDAY}")
        page.locator(".ajout").nth(1).focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.locator("#agenda-dit")).to_contain_text("08:30")
        page.keyboard.press("Enter")
        page.wait_for_url("**/agenda/nouveau?*")
        page.locator("#titre").focus()
        page.keyboard.type("Cours 5e C")
        page.locator("#repeter").focus()
        page.keyboard.type("chaque s")
        page.locator("#titre").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#annonce")).to_contain_text("Événement créé")
        assert _starts(house, person, "Cours 5e C") == ["Tue 08:30-09:30", "Tue 08:30-09:30"]
        page.locator(".temps .ev").focus()
        page.keyboard.press("Enter")
        panel = page.get_by_role("dialog", name="Événement")
        expect(panel.get_by_role("heading", name="Cours 5e C")).to_be_focused()
        expect(panel).to_contain_text("Chaque semaine, le mardi")
        panel.get_by_role("link", name="Modifier").press("Enter")
        page.locator("#p-cette").focus()
        page.keyboard.press("ArrowDown")
        expect(page.locator("#p-suivantes")).to_be_checked()
        page.fill("#debut_heure", "10:00")
        page.fill("#fin_heure", "11:00")
        page.locator("#titre").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#annonce")).to_contain_text("Événement modifié")
        assert _starts(house, person, "Cours 5e C") == ["Tue 10:00-11:00", "Tue 10:00-11:00"]
        assert watched.complaints == []


def test_a_recurring_event_that_is_dragged_asks_which(house: House, chromium: Browser) -> None:
    person = house.person("Jean", "Serie")
    draft = Draft("Cours", _at(MONDAY, "09:00"), _at(MONDAY, "10:00"), rule=Rule("WEEKLY", days=(0,)))
    _put(house, person, "agenda", editing.create(draft, "a", datetime.datetime.now(datetime.UTC)))
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet", at=f"/agenda/semaine/{MONDAY}")
        page.locator(".temps .ev").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Déplacer un événement répété")
        watched.picture("agenda-portee")
        page.check("#p-cette")
        page.get_by_role("button", name="Déplacer").click()
        expect(page.locator("#annonce")).to_contain_text("Événement déplacé")
        assert _starts(house, person, "Cours") == ["Mon 09:15-10:15", "Mon 09:00-10:00"]
