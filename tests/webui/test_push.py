"""The browsers that are told while they are closed: shown, added, taken away, and nobody told in another's browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.web import push_subscriptions
from mailserver.store.web.push_subscriptions import MAX_SUBSCRIPTIONS
from tests.notices.push.receiver import Receiver, text_of
from tests.waiting import until
from tests.webui.browser import browsers, faults_of, through_portal, visiting
from tests.webui.house import PASSWORD, House, Visitor, mail
from tests.webui.test_offline import log_in_shared

HOST = "push.example.org"
SETTINGS = "/m/reglages/notifications"
HOURS = "/m/reglages/repos"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), sqlite_template, push={"enabled": True, "services": [HOST]})
    yield made
    made.close()


@pytest.fixture
def person(rose: Principal) -> Principal:
    return rose


def enter(house: House, person: Principal) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(person.login, interface="complet")
    return visitor


def subscribe(visitor: Visitor, path: str = "a", **more: str) -> int:
    """As the script does; the status."""
    browser = Receiver()
    fields = {
        "faire": "abonner",
        "adresse": f"https://{HOST}/{path}",
        "cle": text_of(browser.public),
        "secret": text_of(browser.secret),
        **more,
    }
    return visitor.post("/compte/notifications", fields, page=visitor.get(SETTINGS).text).status_code


def told(house: House, person: Principal) -> list[str]:
    return [one.name for one in house.store.read_now(push_subscriptions.listing, person.account_id)]


def test_a_browser_subscribes_is_shown_and_taken_away(house: House, person: Principal) -> None:
    visitor = enter(house, person)
    visitor.http.headers["user-agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert re.fullmatch(r"[\w-]{87}", visitor.get("/compte/notifications").json()["cle"])
    assert subscribe(visitor) == 200
    assert told(house, person) == ["Firefox sous Linux"]
    assert "ce navigateur" in visitor.get(SETTINGS).text
    other = enter(house, person)
    assert "Firefox sous Linux" in other.get("/compte/appareils").text
    assert "ce navigateur</span>" not in other.text
    number = other.field("navigateur")
    # Of somebody else nothing is taken away.
    stranger = enter(house, house.person("Zoé", "Étrangère"))
    stranger.post("/compte/notifications", {"faire": "retirer", "navigateur": number}, page=stranger.get("/m/").text)
    assert told(house, person) == ["Firefox sous Linux"]
    page = other.get("/compte/appareils").text
    other.post("/compte/notifications", {"faire": "retirer", "navigateur": number, "page": "appareils"}, page=page)
    assert "Ce navigateur ne sera plus prévenu." in other.text
    assert told(house, person) == []


def test_what_a_browser_cannot_have_given_is_refused(house: House, person: Principal) -> None:
    visitor = enter(house, person)
    for more in (
        {"adresse": "https://169.254.169.254/latest"},
        {"adresse": f"http://{HOST}/a"},
        {"adresse": f"https://{HOST}/{'a' * 2000}"},
        {"cle": "x"},
        {"secret": ""},
        {"cle": "A" * 87},
    ):
        assert subscribe(visitor, **more) == 422
    assert told(house, person) == []


def test_there_are_no_more_than_so_many(house: House, person: Principal) -> None:
    for number in range(MAX_SUBSCRIPTIONS):
        assert subscribe(enter(house, person), f"n{number}") == 200
    last = enter(house, person)
    assert subscribe(last, "last") == 422
    assert len(told(house, person)) == MAX_SUBSCRIPTIONS
    # The same browser again is the same.
    assert subscribe(last, "n0") == 200
    assert len(told(house, person)) == MAX_SUBSCRIPTIONS


def test_logging_out_or_somebody_else_ends_it(house: House, person: Principal, marc: Principal) -> None:
    visitor = enter(house, person)
    subscribe(visitor, "out")
    visitor.post("/deconnexion", {}, page=visitor.get("/m/").text)
    assert told(house, person) == []
    subscribe(again := enter(house, person), "next")
    again.http.cookies.delete("session")
    again.log_in(marc.login, interface="complet")
    assert told(house, person) == []
    subscribe(again, "next")
    assert len(told(house, marc)) == 1
    # Logging in again as the same person ends nothing.
    again.http.cookies.delete("session")
    again.log_in(marc.login, interface="complet")
    assert len(told(house, marc)) == 1


def test_a_new_password_leaves_this_browser_alone(house: House, person: Principal) -> None:
    here, there = enter(house, person), enter(house, person)
    subscribe(here, "here")
    subscribe(there, "there")
    page = here.get("/compte/sessions").text
    here.post("/compte/sessions", {"toutes": "1"}, page=page)
    assert len(told(house, person)) == 1
    assert "ce navigateur" in here.get(SETTINGS).text
    subscribe(other := enter(house, person), "other")
    new = "Tilleul-Vert.58"
    page = other.get("/compte/mot-de-passe").text
    other.post("/compte/mot-de-passe", {"actuel": PASSWORD, "nouveau": new, "encore": new}, page=page)
    assert "ce navigateur" in other.get(SETTINGS).text
    assert len(told(house, person)) == 1


def test_a_shared_computer_is_not_told(house: House, person: Principal) -> None:
    own, shared = enter(house, person), house.visitor()
    assert 'id="abonner"' in own.get(SETTINGS).text
    assert 'href="/compte/appareils">Appareils</a>.' in own.get("/compte/sessions").text
    log_in_shared(shared, person)
    text = shared.get(SETTINGS).text
    assert "ne peut pas être prévenu" in text
    assert 'id="abonner"' not in text
    assert subscribe(shared) == 422
    assert told(house, person) == []


def test_where_the_academy_does_not_want_it_there_is_nothing(house: House, person: Principal) -> None:
    visitor = enter(house, person)
    assert "Quand le navigateur est fermé" in visitor.get(SETTINGS).text
    house.settings.push.__dict__["enabled"] = False
    try:
        assert "Quand le navigateur est fermé" not in visitor.get(SETTINGS).text
        assert "push_shows" not in visitor.text
        assert "quiet_from" in visitor.get(HOURS).text, "other devices are quiet, too"
        assert visitor.get("/compte/notifications").status_code == 404
    finally:
        house.settings.push.__dict__["enabled"] = True


def test_what_is_told_is_chosen_where_the_academy_has_it(house: House) -> None:
    """The settings that only closed browsers have are kept, and outlast a page without them."""
    person = house.person("Odile", "Silence")
    visitor = enter(house, person)
    chosen = {"push_shows": "objet", "push_reminders": False}

    def kept() -> dict[str, object]:
        found = house.store.read_now(stored_preferences.preferences, person.account_id)
        return {name: getattr(found, name) for name in chosen}

    def offered() -> set[str]:
        page = visitor.get(SETTINGS).text
        return set(re.findall(r'<(?:input|select|textarea)[^>]*\sname="([a-z_]+)"', page)) & kept().keys()

    assert all(kept()[name] != value for name, value in chosen.items())
    assert offered() == kept().keys()
    visitor.post(SETTINGS, {"push_shows": "objet"})
    assert kept() == chosen
    assert offered() == kept().keys()
    assert re.search(r'value="objet"[^>]*\s(?:selected|checked)', visitor.text)
    assert not re.search(r'name="push_reminders"[^>]*\schecked', visitor.text)
    visitor.post(SETTINGS, {"push_shows": "objet", "push_reminders": "True"})
    assert kept() == chosen | {"push_reminders": True}
    house.settings.push.__dict__["enabled"] = False
    try:
        assert not offered()
        visitor.post(SETTINGS, {"announce": "True", "push_shows": "rien"})
        assert "Réglages enregistrés" in visitor.text
        assert kept() == chosen | {"push_reminders": True}
    finally:
        house.settings.push.__dict__["enabled"] = True


@pytest.mark.needs("chromium")
def test_a_notification_is_shown_and_opens_its_letter(house: House, person: Principal) -> None:
    letter = house.deliver(person, mail("Poussée"))
    chromium: Browser = browsers.get(whole=True)
    with visiting(chromium, script=True, worker=True) as watched:
        page = watched.page
        page.context.grant_permissions(["notifications"], origin=house.url)
        through_portal(page, house, person.login, "complet")
        page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
        watching = page.context.new_cdp_session(page)
        found: list[str] = []
        watching.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: found.extend(one["registrationId"] for one in event["registrations"]),
        )
        watching.send("ServiceWorker.enable")

        def registered() -> bool:
            page.wait_for_timeout(50)  # events come while the page is waited for
            return bool(found)

        until(registered)
        # Nobody looks at a page of ours.
        page.goto("about:blank")
        (worker,) = page.context.service_workers
        data = f'{{"titre": "Awa Diallo", "texte": "Poussée", "adresse": "/m/message/{letter}", "marque": "m"}}'
        watching.send(
            "ServiceWorker.deliverPushMessage", {"origin": house.url, "registrationId": found[0], "data": data}
        )
        shown = "async () => (await self.registration.getNotifications()).map(one => [one.title, one.body, one.data])"
        until(lambda: worker.evaluate(shown))
        assert worker.evaluate(shown) == [["Awa Diallo", "Poussée", f"/m/message/{letter}"]]
        # A click, as the browser tells the worker of it; only a real one may open a window.
        worker.evaluate(
            """async () => {
              self.opened = [];
              self.clients.openWindow = async address => { self.opened.push(address); };
              const [notification] = await self.registration.getNotifications();
              self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
            }"""
        )
        until(lambda: worker.evaluate("() => self.opened"))
        assert worker.evaluate("() => self.opened") == [f"{house.url}/m/message/{letter}"]
        assert worker.evaluate(shown) == []


@pytest.mark.needs("chromium")
def test_the_page_in_its_looks(house: House, person: Principal) -> None:
    subscribe(enter(house, person), "looks")
    with visiting(browsers.get(whole=True), script=True, bypass_csp=True) as watched:
        page = watched.page
        through_portal(page, house, person.login, "complet")
        page.goto(f"{house.url}{SETTINGS}")
        expect(page.get_by_role("button", name="Prévenir dans ce navigateur")).to_be_visible()
        watched.picture("notifications-navigateur-ferme", whole=True)
        assert faults_of(page) == []
        page.emulate_media(color_scheme="dark")
        watched.picture("notifications-navigateur-ferme-sombre", whole=True)
        assert faults_of(page) == []
