"""The pages of rules in a browser: looked at with something on them; dragged, switched, offered."""

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page

from mailserver.filters import Documents
from mailserver.filters.rules import Actions, Condition, Document, Field, Folder, Match, Rule
from mailserver.model.identity import Principal
from mailserver.store.mail import mailboxes
from mailserver.store.record.audit import Origin
from tests.webui.browser import LOOKS, log_in, visiting
from tests.webui.house import House, mail
from tests.webui.test_every_route import looked_at

pytestmark = pytest.mark.needs("chromium")

WORDS = ("un", "deux", "trois")


def rule(word: str) -> Rule:
    return Rule((Condition(Field.SUBJECT, Match.CONTAINS, (word,)),), Actions(star=True))


@pytest.fixture
def sorted_mail(house: House, rose: Principal) -> Principal:
    """Somebody with rules, one of them off and one that is lost, and mail that they concern."""
    senders = ("@canope.example", f"{'tres' * 40}@eduscol.example")
    long = Rule(
        (Condition(Field.SENDER, values=senders), Condition(Field.OUTSIDE)),
        Actions(Folder("Disparu"), tags=("$label1",)),
    )
    document = Document(rules=(*map(rule, WORDS), replace(long, off=True)))
    documents = Documents(settings=house.settings, store=house.store)
    house.run(documents.change(rose.account_id, "", lambda _: document, Origin("x", "web")))
    for word in WORDS:
        house.deliver(rose, mail(f"Sujet {word}", sender="Anne <anne@exemple.org>"))
    house.store.write_now(mailboxes.create, rose.account_id, "Lettres")
    return rose


def order(page: Page) -> list[str]:
    return [text.split("contient ")[1].split(",")[0] for text in page.locator(".phrase").all_inner_texts()[:3]]


@pytest.mark.parametrize("interface", ["complet", "simple"])
def test_pages_that_have_something_on_them(
    house: House, chromium: Browser, sorted_mail: Principal, interface: str
) -> None:
    base = "/m" if interface == "complet" else "/s"
    wrong, menus = list[str](), set[str]()
    looks = LOOKS if interface == "complet" else LOOKS[1:]
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, sorted_mail.login, interface, at=f"{base}/reglages/regles")
        wrong += looked_at(page, "rules", looks, menus)
        page.goto(f"{house.url}{base}/reglages/regles/modifier?regle=4")
        page.get_by_role("button", name="Essayer sur les derniers messages").click()
        page.wait_for_selector("#essai")
        wrong += looked_at(page, "rule", looks, menus)
        page.locator("#valeur-1").fill("personne")
        page.get_by_role("button", name="Enregistrer", exact=True).last.click()
        page.wait_for_selector("#faute")
        wrong += looked_at(page, "faulty rule", looks, menus)
        page.goto(f"{house.url}{base}/reglages/regles/appliquer")
        page.get_by_role("button", name="Appliquer 3 règles").click()
        page.wait_for_selector("#resultat")
        wrong += looked_at(page, "applied", looks, menus)
        page.goto(f"{house.url}{base}/reglages/expediteurs")
        for action in ("bloquer", "confiance"):
            page.locator(f"#{action}").fill(f"{'tres' * 15}.{action}@exemple.org")
            page.locator(f"button[value={action}]").click()
            page.get_by_text("Vos expéditeurs sont enregistrés").wait_for()
        page.locator("#bloquer").fill("personne")
        page.locator("button[value=bloquer]").click()
        page.wait_for_selector("#bloquer-faute")
        wrong += looked_at(page, "senders", looks, menus)
        page.goto(f"{house.url}{base}/reglages/regles/script")
        wrong += looked_at(page, "script of the rules", looks, menus)
        page.goto(f"{house.url}{base}/reglages/regles/script?nouveau=1")
        page.locator("#nom").fill("principal")
        page.locator("#texte").fill("bof;")
        page.get_by_role("button", name="Vérifier").click()
        page.wait_for_selector("#texte-faute")
        wrong += looked_at(page, "script", looks, menus)
    assert wrong == []


def test_dragged_and_switched(house: House, chromium: Browser, sorted_mail: Principal) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, sorted_mail.login, "complet", at="/m/reglages/regles")
        page.locator("#regle-1 .prise").hover()
        page.mouse.down()
        page.locator("#regle-4 .phrase").hover()
        place = page.locator("#regle-3").bounding_box()
        assert place is not None
        page.mouse.move(place["x"] + 100, place["y"] + place["height"] - 4)
        page.mouse.up()
        page.wait_for_url("**#regle-3")
        assert order(page) == ["deux", "trois", "un"]
        page.get_by_role("switch").nth(1).click()
        page.wait_for_selector("#regle-2.eteinte")
        assert page.get_by_role("switch").nth(1).get_attribute("aria-checked") == "false"


def test_offered_where_a_message_was_filed(house: House, chromium: Browser, sorted_mail: Principal) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, sorted_mail.login, "complet")
        page.locator(".courriels > li").first.locator("input").check()
        page.locator(f"[name=ranger][value='{house.box(sorted_mail, 'Lettres').id}']").first.dispatch_event("click")
        said = page.locator("#dit")
        said.get_by_text("Toujours ranger ainsi").wait_for()
        said.get_by_role("link", name="Oui, créer une règle").click()
        page.wait_for_selector(".regle")
        assert page.locator("#valeur-1").input_value() == "anne@exemple.org"
