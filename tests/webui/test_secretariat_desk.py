"""The secretariat's boxes, lists and movements: of its own school, and no box that it does not manage."""

import re

import pytest
from playwright.sync_api import Browser

from directory.lists import rosters
from directory.lists.rosters import NewList
from mailserver.model.identity import ListKind, Principal, Role
from mailserver.store.account import accounts
from mailserver.store.people import schools
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record.audit import Origin
from tests.webui.browser import faults_of, log_in, narrow, overflow, visiting
from tests.webui.house import DOMAIN, House, Visitor

TILLEULS, LYCEE = "0210006T", "0710023X"
ORIGIN = Origin("test", "test")


@pytest.fixture(scope="module")
def rose(house: House) -> Principal:
    house.store.write_now(schools.upsert, [schools.Facts(TILLEULS, "Collège Les Tilleuls")])
    house.store.write_now(schools.upsert, [schools.Facts(LYCEE, "Lycée Claude-Bernard")])
    return house.person("Rose", "Leroy", Role.SECRETARIAT, uai=TILLEULS)


@pytest.fixture(scope="module")
def paul(house: House, rose: Principal) -> Principal:
    return house.person("Paul", "Suivant", Role.STAFF, uai=TILLEULS)


@pytest.fixture(scope="module")
def elsewhere(house: House, rose: Principal) -> Principal:
    return house.person("Irène", "Ailleurs", Role.STAFF, uai=LYCEE)


@pytest.fixture(scope="module")
def office(house: House, rose: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(rose.login)
    return made


def box(house: House, local: str, uai: str, holders: dict[str, set[str]]) -> str:
    """A functional box with these holders."""
    address, where = f"{local}@{DOMAIN}", rosters.ListSettings.of(house.settings)
    wanted = NewList(address, f"Boîte {local}", members=tuple(holders), uai=uai, kind=ListKind.FUNCTION)
    house.store.write_now(rosters.make, where, wanted, ORIGIN)
    if holders:
        house.store.write_now(rosters.hold, where, address, holders, (), ORIGIN)
    return address


def held_by(house: House, address: str) -> dict[str, str]:
    return dict(house.store.read_now(lists.holders, address))


def test_a_box_is_handed_over_by_who_manages_it(
    house: House, office: Visitor, rose: Principal, paul: Principal
) -> None:
    address = box(house, "secretariat.t", TILLEULS, {rose.address: {"read", "write", "send", "manage"}})
    house.store.write_now(
        rosters.make,
        rosters.ListSettings.of(house.settings),
        NewList(f"parents@{DOMAIN}", "Parents", uai=TILLEULS),
        ORIGIN,
    )
    office.get(f"/secretariat/boites?etablissement={TILLEULS}")
    assert "Boîte secretariat.t" in office.text
    assert "Parents" in office.text
    change = {"etablissement": TILLEULS, "boite": address}
    assert office.post("/secretariat/boites", change).status_code == 422
    assert office.post("/secretariat/boites", {**change, "retirer": rose.address}).status_code == 422
    assert "Quelqu’un doit tenir la boîte" in office.text
    office.post("/secretariat/boites", {**change, "personne": str(rose.account_id)})
    assert held_by(house, address) == {rose.address: "read write manage send"}, "who holds it already does no less"
    office.post("/secretariat/boites", {**change, "personne": str(paul.account_id), "retirer": rose.address})
    assert "Boîte remise" in office.text
    assert held_by(house, address) == {paul.address: "read write manage send"}
    # Who gave it away manages it no longer.
    assert office.post("/secretariat/boites", {**change, "personne": str(rose.account_id)}).status_code == 403
    assert held_by(house, address) == {paul.address: "read write manage send"}


def test_no_box_is_taken_that_somebody_else_manages(
    house: House, office: Visitor, rose: Principal, paul: Principal, elsewhere: Principal
) -> None:
    head = box(house, "direction.t", TILLEULS, {paul.address: {"read", "write"}})
    empty = box(house, "vide.t", TILLEULS, {})
    other = box(house, "secretariat.l", LYCEE, {rose.address: {"read", "manage"}})
    mixed = box(house, "commune.t", TILLEULS, {rose.address: {"read", "manage"}, elsewhere.address: {"read"}})
    office.get(f"/secretariat/boites?etablissement={TILLEULS}")
    assert "Boîte direction.t" in office.text
    assert "Boîte secretariat.l" not in office.text
    page = office.text
    for uai, address, status in (
        (TILLEULS, head, 403),
        (TILLEULS, empty, 403),
        (TILLEULS, other, 404),
        (LYCEE, other, 404),
    ):
        change = {"etablissement": uai, "boite": address, "personne": str(rose.account_id)}
        assert office.post("/secretariat/boites", change, page).status_code == status, address
    change = {"etablissement": TILLEULS, "boite": mixed}
    assert office.post("/secretariat/boites", {**change, "retirer": elsewhere.address}, page).status_code == 403
    stranger = {**change, "personne": str(elsewhere.account_id)}
    assert office.post("/secretariat/boites", stranger, page).status_code == 404
    assert set(held_by(house, mixed)) == {rose.address, elsewhere.address}
    assert office.get(f"/secretariat/boites?etablissement={LYCEE}").status_code == 404


def test_whoever_may_not_hand_a_box_over_is_told_what_is_missing_and_whom_to_ask(
    house: House, office: Visitor, rose: Principal, paul: Principal
) -> None:
    box(house, "gestion.t", TILLEULS, {rose.address: {"read", "write"}, paul.address: {"read", "manage"}})
    box(house, "orpheline.t", TILLEULS, {rose.address: {"read"}})
    office.get(f"/secretariat/boites?etablissement={TILLEULS}")
    held, orphan = (
        office.text.partition(f"Boîte {name}.t</h3>")[2].partition("</section>")[0] for name in ("gestion", "orpheline")
    )
    for text in (held, orphan):
        assert "Il vous manque le droit de gérer cette boîte" in text
        assert "Remettre la boîte" not in text
    assert "Demandez-le à qui l’a : Paul Suivant, ou" in held.replace("\u202f", " ")
    assert "Personne ici ne l’a" in orphan


@pytest.mark.parametrize("role", [Role.PUPIL, Role.TEACHER])
def test_a_forged_post_gives_no_pupil_a_box(house: House, office: Visitor, rose: Principal, role: Role) -> None:
    """The form does not offer pupils; whoever writes it by hand gets no further."""
    address = box(house, f"vie.{role.value}", TILLEULS, {rose.address: {"read", "manage"}})
    person = house.person("Nina", f"Forgée-{role.value}", role, uai=TILLEULS)
    office.get(f"/secretariat/boites?etablissement={TILLEULS}")
    change = {"etablissement": TILLEULS, "boite": address, "personne": str(person.account_id)}
    is_pupil = role is Role.PUPIL
    assert office.post("/secretariat/boites", change).status_code == (404 if is_pupil else 200)
    assert (person.address in held_by(house, address)) is not is_pupil


def test_the_only_school_need_not_be_named(office: Visitor) -> None:
    for page in ("boites", "mouvements", "journal"):
        assert office.get(f"/secretariat/{page}").status_code == 200, page
    assert office.get("/secretariat/boites?etablissement=0000000X").status_code == 404


def test_who_came_and_who_left(house: House, office: Visitor, elsewhere: Principal) -> None:
    gone = house.person("Parti", "Hier", Role.TEACHER, uai=TILLEULS)
    house.store.write_now(accounts.close, gone.account_id, "test")
    office.get(f"/secretariat/mouvements?etablissement={TILLEULS}")
    assert re.search(r"Parti Hier\s*<td[^>]*>phier\s*<td[^>]*>Enseignant\s*<td>départ", office.text)
    assert re.search(r"Rose Leroy\s*<td[^>]*>rleroy\s*<td[^>]*>Secrétariat\s*<td>arrivée", office.text)
    assert "Ailleurs" not in office.text
    office.get(f"/secretariat/mouvements?etablissement={TILLEULS}&depuis=2199-01-01")
    assert "Ni arrivée ni départ" in office.text
    for hostile in ("x", "0001-01-01", "9999-99-99"):
        assert office.get(f"/secretariat/mouvements?etablissement={TILLEULS}&depuis={hostile}").status_code == 200
    assert office.get(f"/secretariat/mouvements?etablissement={LYCEE}").status_code == 404


def test_the_last_connection_is_a_day_and_nothing_more(office: Visitor, rose: Principal) -> None:
    office.get("/secretariat?q=leroy")
    assert "Dernière connexion" in office.text
    assert re.search(r"\(connexion\)\">(\d+/\d+/\d{4}|\d+(er)? \w+ \d{4})</?\w", re.sub(r"\s+<", "<", office.text))


def test_teachers_have_no_desk(at_home: Visitor) -> None:
    for path in ("/secretariat/boites", "/secretariat/mouvements"):
        assert at_home.get(path).status_code == 403


@pytest.mark.needs("chromium")
@pytest.mark.parametrize(("size", "scheme"), [("bureau", "dark"), ("telephone", "light")])
def test_pages_are_accessible_and_fit(
    house: House, chromium: Browser, rose: Principal, paul: Principal, size: str, scheme: str
) -> None:
    box(house, f"accueil.{size}", TILLEULS, {rose.address: {"read", "manage"}, paul.address: {"read", "write"}})
    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:
        page = watched.page
        log_in(page, house, rose.login, "complet")
        for name in ("", "/lettres", "/boites", "/mouvements", "/journal", f"/code/{paul.account_id}"):
            page.goto(f"{house.url}/secretariat{name}?etablissement={TILLEULS}")
            watched.picture(f"secretariat{name.replace('/', '-')}-{size}")
            assert faults_of(page) == [], name
            with narrow(page):
                assert overflow(page) <= 0, name
