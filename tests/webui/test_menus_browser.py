"""Menus are wholly visible wherever they open; the agenda's week keeps all its days, and phones open it at today."""

import datetime
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from mailserver.calendars import editing
from mailserver.calendars.events import Draft
from mailserver.calendars.icalendar import reading
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.agenda import agenda_items, agendas
from tests.webui.browser import SETTLE, Watched, log_in, log_out, overflow, visiting
from tests.webui.house import House, mail

pytestmark = pytest.mark.needs("chromium")
PARIS = ZoneInfo("Europe/Paris")
WINDOWS = {"bureau": (1366, 768), "grand": (1920, 1080), "telephone": (390, 844)}
LOOKS = [("bureau", "light"), ("bureau", "dark"), ("grand", "light"), ("telephone", "light"), ("telephone", "dark")]
HIDDEN = """(box) => {
    const { left, top, right, bottom } = box.getBoundingClientRect();
    const faults = [];
    if (right - left < 20 || bottom - top < 20) faults.push("nothing");
    const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    if (!inside) faults.push([left, top, right, bottom].join());
    for (const [x, y] of [[left + 4, top + 4], [right - 5, top + 4], [left + 4, bottom - 5], [right - 5, bottom - 5]]) {
        const there = document.elementFromPoint(x, y);
        if (!box.contains(there)) faults.push(`${x},${y} ${there?.outerHTML.slice(0, 80)}`);
    }
    return faults;
}"""
"""What of an open menu cannot be seen: its corners are looked at."""


@pytest.fixture(scope="module")
def reader(house: House) -> Principal:
    person = house.person("Manon", "Menus")
    tags = [{"keyword": "$Label1", "name": "Important", "colour": "rouge"}]
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"tags": tags})
    for number in range(40):
        house.deliver(person, mail(f"Message {number}", body=f"Texte {number}\n"))
    return person


@pytest.fixture
def at(house: House, chromium: Browser, size: str, scheme: str, reader: Principal) -> Iterator[Watched]:
    width, height = WINDOWS[size]
    with visiting(chromium, script=True, scheme=scheme) as made:
        made.page.set_viewport_size({"width": width, "height": height})
        log_in(made.page, house, reader.login, "complet")
        yield made


def opened_menus(page: Page, name: str, watched: Watched) -> set[str]:
    """Open every menu that has a button to see, one by one; each is wholly visible. Which they were."""
    found = set()
    for button in page.locator("[popovertarget]:visible:not(#gestes *)").all():
        found.add(opened_menu(page, button, name, watched))
    return found


def opened_menu(page: Page, button: Locator, name: str, watched: Watched) -> str:
    target = str(button.get_attribute("popovertarget"))
    menu = page.locator(f"#{target}")
    button.click()
    expect(menu).to_be_visible()
    page.evaluate(SETTLE)
    assert menu.evaluate(HIDDEN) == [], target
    watched.picture(f"{target}-{name}")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    return target


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_every_menu_is_wholly_visible(at: Watched, size: str, scheme: str) -> None:
    """In the list with and without the reader beside it, and on phones, where the bar is at the foot."""
    page = at.page
    expect(page.locator(".courriels li").first).to_be_visible()
    assert opened_menus(page, f"{size}-{scheme}-0", at) == {"mon-compte", "menu-tri"}
    if size != "telephone":  # where a row is in hand under the pointer
        page.locator(".courriels > li").nth(1).hover()
        clock = page.locator(".courriels > li").nth(1).locator("#gestes [popovertarget]")
        assert opened_menu(page, clock, f"{size}-{scheme}-ligne", at) == "menu-reporter"
    page.locator(".courriels input[type=checkbox]").first.check(force=True)
    chosen = {"mon-compte", "menu-ranger", "menu-etiquettes", "menu-plus"}
    foot = {"menu-tri"} if size == "telephone" else set()  # the bar at the foot leaves the list's own in sight
    assert opened_menus(page, f"{size}-{scheme}", at) == chosen | foot
    if size != "telephone":
        page.locator(".courriels li a").first.click()
        expect(page.locator(".lecteur article")).to_be_visible()
        letter = {"lecture-deplacer", "lecture-etiqueter", "lecture-reporter", "lecture-plus"}
        assert opened_menus(page, f"{size}-{scheme}-lecteur", at) == chosen | letter
    assert at.complaints == []


def test_a_menu_acts_filters_and_remembers(house: House, chromium: Browser, reader: Principal) -> None:
    """Above the panes it is still part of its form: letters find a folder, Enter moves there; it comes first then."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, reader.login, "complet")
        expect(page.locator("#cocher input")).to_have_count(1)
        page.locator(".courriels input[type=checkbox]").first.check()
        before = len(house.subjects(reader, "Archive"))
        menu = page.locator("#menu-ranger")
        assert menu.get_by_role("heading", name="Récents").count() == 0
        page.click("[popovertarget=menu-ranger]")
        field = menu.get_by_role("searchbox", name="Chercher un dossier")
        expect(field).to_be_focused()
        page.set_viewport_size({"width": 1000, "height": 700})
        expect(menu).to_be_visible()
        assert menu.evaluate(HIDDEN) == []
        field.fill("nulle part")
        expect(menu).to_contain_text("Aucun dossier de ce nom")
        expect(menu.locator("li:visible")).to_have_count(0)
        field.fill("ARCHÏV")
        expect(menu.locator("li:visible")).to_have_text(["Archives"])
        page.keyboard.press("Enter")
        expect(page.locator("#dit").filter(has_text="déplacé")).to_have_count(1)
        assert len(house.subjects(reader, "Archive")) == before + 1
        page.locator(".courriels a").first.focus()
        page.keyboard.press("v")
        expect(field).to_be_focused()
        expect(menu.locator(".recents li")).to_have_text(["Archives"])
        page.keyboard.press("ArrowDown")
        expect(menu.locator(".recents button")).to_be_focused()
        menu.get_by_label("Laisser une copie ici").check()
        menu.locator(".recents button").click()
        expect(page.locator("#dit").filter(has_text="copié")).to_have_count(1)
        assert len(house.subjects(reader, "Archive")) == before + 2


def test_menus_open_and_act_without_a_script(house: House, chromium: Browser, reader: Principal) -> None:
    """The whole list of folders; the account's menu leads out."""
    with visiting(chromium) as watched:
        page = watched.page
        log_in(page, house, reader.login, "complet")
        before = len(house.subjects(reader, "Archive"))
        page.locator(".courriels input[type=checkbox]").first.check()
        page.click("[popovertarget=menu-ranger]")
        expect(page.locator("#menu-ranger .filtre")).to_be_hidden()
        page.locator("#menu-ranger").get_by_role("button", name="Archives").last.click()
        expect(page.locator("#annonce")).to_contain_text("1 message déplacé")
        assert len(house.subjects(reader, "Archive")) == before + 1
        page.click("[popovertarget=menu-tri]")
        page.get_by_role("button", name="Une ligne").click()
        expect(page.locator("#liste")).to_have_class("liste compacte")
        log_out(page)
        expect(page.locator("#identifiant")).to_be_visible()


# ---------------------------------------------------------------------- the agenda


def _busy(house: House, name: str, today: datetime.date) -> Principal:
    """Somebody with two events at the same time on each weekday, and one today."""
    person = house.person("Tom", name)
    held = house.store.read_now(agendas.find, person.account_id, "agenda")
    assert held is not None
    monday = today - datetime.timedelta(days=today.weekday())
    for day in range(7):
        for number in range(3):
            date = monday + datetime.timedelta(days=day)
            begin = datetime.datetime.combine(date, datetime.time(9, 10 * number))
            draft = Draft(f"Cours {number}", begin, begin + datetime.timedelta(hours=1))
            text = editing.create(draft, f"{name}{day}{number}", datetime.datetime.now(datetime.UTC))
            item = reading.read(f"{name}{day}{number}.ics", text)
            house.store.write_now(agenda_items.put, person.account_id, held.id, item, None)
    return person


@pytest.mark.parametrize("width", [1024, 1366, 1920])
def test_all_days_of_a_full_week_are_on_the_page(
    house: House, chromium: Browser, width: int, today: datetime.date
) -> None:
    person = _busy(house, f"Semaine{width}", today)
    with visiting(chromium, script=True) as watched:
        page = watched.page
        page.set_viewport_size({"width": width, "height": 768})
        log_in(page, house, person.login, "complet", at=f"/agenda/semaine/{today}")
        watched.picture(f"agenda-semaine-pleine-{width}")
        hidden = page.evaluate(
            """() => {
                const week = document.querySelector(".semaine").getBoundingClientRect();
                return [...document.querySelectorAll(".semaine .jour")].filter((day) => {
                    const box = day.getBoundingClientRect();
                    return box.width < 40 || box.right > week.right + 1 || box.right > innerWidth;
                }).length;
            }"""
        )
        assert hidden == 0
        assert overflow(page) == 0


def test_a_phone_opens_the_agenda_at_today(house: House, chromium: Browser, today: datetime.date) -> None:
    """Whatever the weekday: the day's heading is at the top of the window, those before it above."""
    person = _busy(house, "Telephone", today)
    with visiting(chromium, size="telephone", script=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet", at="/agenda")
        heading = page.locator(".jour.auj h2")
        expect(heading).to_be_in_viewport()
        watched.picture("agenda-telephone-aujourd-hui")
        if today.weekday():
            monday = page.locator(".semaine .jour h2").first
            expect(monday).not_to_be_in_viewport()
        page.get_by_role("link", name="Aujourd’hui").first.click()
        expect(heading).to_be_in_viewport()
