"""Notifications of the device: what they may say, who shows them, and when."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from tests.webui.browser import SIZES, browsers, faults_of, log_in, visiting
from tests.webui.house import House, Visitor, mail

_counter: list[int] = []

# Playwright gives every page the focus, and shows no notification; what the page asks the browser to show is noted.
WATCHED = """
Document.prototype.hasFocus = () => false;
window.shown = [];
window.Notification = class extends Notification {
  constructor(title, options) { super(title, options); window.shown.push([title, options.body, options.silent]); }
};
window.heard = 0;
window.EventSource = class extends EventSource {
  constructor(address) { super(address); this.addEventListener("dossiers", () => { window.heard += 1; }); }
};
"""


@pytest.fixture(scope="module")
def chromium() -> Browser:
    """The whole browser: its engine alone permits no notification."""
    return browsers.get(whole=True)


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Nadia", f"Avis-{len(_counter)}")


def choose(house: House, person: Principal, **changes: Any) -> None:
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, changes)


def told(visitor: Visitor, since: int) -> Any:
    return visitor.http.get(f"/flux/nouveaux?depuis={since}").json()


def test_they_say_what_the_person_chose_and_nothing_by_default(house: House, person: Principal) -> None:
    visitor = house.visitor()
    visitor.log_in(person.login, interface="complet")
    since = house.box(person, "INBOX").uidnext
    house.deliver(person, mail("Sujet discret", body="Le corps ne se montre jamais\n"))
    assert told(visitor, since) == []
    choose(house, person, desktop=True)
    answer = visitor.http.get(f"/flux/nouveaux?depuis={since}")
    assert answer.headers["cache-control"] == "no-store"
    assert [(one["titre"], one["texte"]) for one in answer.json()] == [("Awa Diallo", "Sujet discret")]
    assert "corps" not in answer.text
    choose(house, person, desktop_shows="expediteur")
    assert [(one["titre"], one["texte"]) for one in told(visitor, since)] == [("Awa Diallo", "")]
    choose(house, person, desktop_shows="nombre")
    assert told(visitor, since) == [{"titre": "1 nouveau message", "texte": "", "message": 0}]
    assert told(visitor, house.box(person, "INBOX").uidnext) == []


def test_many_are_counted_and_those_that_were_read_are_not(house: House, person: Principal) -> None:
    visitor = house.visitor()
    visitor.log_in(person.login, interface="complet")
    choose(house, person, desktop=True)
    since = house.box(person, "INBOX").uidnext
    ids = [house.deliver(person, mail(f"Lettre {number}")) for number in range(5)]
    assert told(visitor, since) == [{"titre": "5 nouveaux messages", "texte": "", "message": 0}]
    for number in ids[:4]:
        visitor.get(f"/m/message/{number}")
    assert [one["message"] for one in told(visitor, 0)] == ids[4:]
    assert house.visitor().http.get("/flux/nouveaux").status_code in (401, 303)


def until(page: Page, holds: str) -> None:
    """Wait for what the page says; our policy allows no `wait_for_function`."""
    for _ in range(600):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(100)
    raise AssertionError(holds)


def enter(page: Page, house: House, person: Principal) -> None:
    log_in(page, house, person.login, "complet")
    expect(page.locator("#cocher input, .liste .vide")).to_have_count(1)


@pytest.mark.needs("chromium")
def test_one_notification_for_all_tabs_of_a_browser(house: House, chromium: Browser, person: Principal) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        page.context.grant_permissions(["notifications"], origin=house.url)
        page.context.add_init_script(WATCHED)
        enter(page, house, person)
        page.goto(f"{house.url}/m/reglages/notifications")
        page.get_by_label("Les montrer aussi sur l’écran").check()
        page.get_by_role("button", name="Enregistrer").click()
        expect(page.locator("#permission span")).to_have_text("Ce navigateur permet les notifications.")
        with page.expect_response(re.compile(r"/flux(\?|$)")):
            page.goto(f"{house.url}/m/")
        until(page, "navigator.locks.query().then(one => one.held.some(lock => lock.name === 'flux'))")
        other = page.context.new_page()
        other.goto(f"{house.url}/m/")
        expect(other.locator("#liste")).to_contain_text("Aucun message dans ce dossier.")
        until(page, "heard > 0")  # the stream has said where things stand
        house.deliver(person, mail("Réunion avancée"))
        until(page, "shown.length > 0")
        assert page.evaluate("shown") == [["Awa Diallo", "Réunion avancée", True]]
        expect(other.locator(".courriels > li")).to_contain_text(["Réunion avancée"])
        assert other.evaluate("shown") == []
        assert watched.complaints == []


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("size", list(SIZES))
def test_the_setting_is_accessible(house: House, chromium: Browser, person: Principal, size: str) -> None:
    with visiting(chromium, size=size, script=True, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, person.login, "complet", at="/m/reglages/notifications")
        expect(page.locator("#permission")).to_be_visible()
        watched.picture(f"reglages-notifications-{size}")
        assert faults_of(page) == []
