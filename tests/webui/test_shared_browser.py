"""Sharing in a real Chromium: people as tokens by keyboard alone, axe at both sizes, no scrolling sideways."""

import pytest
from playwright.sync_api import Browser, expect

from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_grants, agendas
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.record.audit import Origin
from tests.webui.browser import SIZES, faults_of, log_in, visiting
from tests.webui.house import House

pytestmark = pytest.mark.needs("chromium")


def shelves_of(house: House, person: Principal) -> dict[str, int]:
    house.store.write_now(agendas.provision, person.account_id)
    return {one.name: one.id for one in house.store.read_now(agendas.listing, person.account_id)}


@pytest.mark.parametrize("size", list(SIZES))
def test_sharing_by_keyboard_and_its_screens(
    house: House, chromium: Browser, emma: Principal, marc: Principal, size: str
) -> None:
    hers, his = shelves_of(house, emma), shelves_of(house, marc)
    for name, role in (("agenda", Role.READ), ("contacts", Role.WRITE)):
        origin = Origin(marc.login, "web")
        house.store.write_now(agenda_grants.grant, marc.account_id, his[name], emma.account_id, role, origin)
    with visiting(chromium, size=size, script=True, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, emma.login, "complet", at=f"/agenda/agendas/{hers['agenda']}/partage")
        field = page.get_by_role("combobox", name="Personnes")
        field.press_sequentially("mart")
        expect(page.get_by_role("option", name="Marc Martin")).to_be_visible()
        field.press("ArrowDown")
        field.press("Enter")
        expect(page.locator(".jeton")).to_contain_text("Marc Martin")
        watched.picture(f"partage-jetons-{size}")
        assert faults_of(page) == []
        for key in ("Tab", "End", "Tab", "Enter"):
            page.keyboard.press(key)
        expect(page.get_by_role("table", name="Personnes qui ont accès")).to_contain_text("Marc Martin")
        expect(page.get_by_role("table", name="Personnes qui ont accès")).to_contain_text("lecture et écriture")
        for path, name in (
            (f"/agenda/agendas/{hers['agenda']}/partage", "agenda"),
            ("/agenda/agendas", "agendas"),
            (f"/agenda/agendas/{his['agenda']}", "recu"),
            ("/agenda/liste/2026-11-24", "liste"),
            ("/contacts/carnets", "carnets"),
            (f"/contacts/carnets/{hers['contacts']}/partage", "carnet"),
        ):
            page.goto(house.url + path)
            watched.picture(f"partage-{name}-{size}")
            assert faults_of(page) == [], path
        page.emulate_media(color_scheme="dark")
        page.goto(f"{house.url}/agenda/agendas/{hers['agenda']}/partage")
        assert faults_of(page) == []
        page.get_by_role("button", name="Retirer Marc Martin").click()
        expect(page.locator("main")).to_contain_text("Partage retiré")


def test_sharing_without_a_script(house: House, chromium: Browser, emma: Principal, marc: Principal) -> None:
    hers = shelves_of(house, emma)
    with visiting(chromium) as watched:
        page = watched.page
        log_in(page, house, emma.login, "complet", at=f"/agenda/agendas/{hers['taches']}/partage")
        page.get_by_label("Personnes").fill("Marc Martin")
        page.get_by_role("button", name="Partager").click()
        expect(page.get_by_role("table", name="Personnes qui ont accès")).to_contain_text(marc.address)
