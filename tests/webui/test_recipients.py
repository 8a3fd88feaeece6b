"""What the recipients' field is told while one types: who may be meant, what they are, and whether they are outside."""

import pytest

from mailserver.model.identity import ListKind, Principal, Role
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access import boxes
from mailserver.store.people.mailing_lists import lists, personal_lists
from tests.webui.house import House, Visitor
from tests.webui.test_compose import form, send


@pytest.fixture(scope="module")
def alma(house: House) -> Principal:
    return house.person("Alma", "Delorme", discipline="Lettres")


@pytest.fixture
def browser(house: House, alma: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(alma.login)
    return made


def ask(browser: Visitor, typed: str) -> list[dict[str, str]]:
    answer = browser.http.get("/m/destinataires", params={"q": typed})
    assert answer.headers["content-type"] == "application/json"
    found: list[dict[str, str]] = answer.json()["resultats"]
    return found


def test_people_lists_boxes_and_whom_one_wrote_to(house: House, alma: Principal, browser: Visitor) -> None:
    house.person("Théodore", "Vannier", discipline="Physique")

    def lists_and_boxes(tx: Tx) -> None:
        lists.create(tx, "theatre@ac-exemple.fr", "Théâtre du lycée", "")
        lists.create(tx, "theses@ac-exemple.fr", "Thèses", "", {"kind": ListKind.FUNCTION.value})
        lists.add_members(tx, "theses@ac-exemple.fr", [alma.address])
        boxes.ensure(tx, "theses@ac-exemple.fr")
        personal_lists.create(tx, alma.account_id, "Thé du jeudi", ["a@exemple.org", "b@exemple.org"])

    house.store.write_now(lists_and_boxes)
    browser.get("/s/ecrire")
    send(browser, a="Thelma <thelma@exemple.org>", objet="o", texte="x")
    found = {one["nom"]: one for one in ask(browser, "the")}
    assert found["Thelma"]["externe"]
    assert found["Thelma"]["quoi"] == "récent"
    assert found["Théodore Vannier"]["quoi"] == "Physique"
    assert not found["Théodore Vannier"]["externe"]
    assert found["Théâtre du lycée"]["quoi"].startswith("liste")
    assert found["Thèses"]["quoi"] == "boîte fonctionnelle"
    assert found["Thé du jeudi"]["quoi"] == "ma liste, 2 membres"


def test_suggestions_can_be_sent_as_they_are(house: House, alma: Principal, browser: Visitor) -> None:
    other = house.person("Zacharie", "D'Arcy-Lebrun")
    (one,) = ask(browser, "zacharie")
    browser.get("/s/ecrire")
    send(browser, a=one["valeur"], objet="Tel quel", texte="x")
    assert house.subjects(other, "INBOX") == ["Tel quel"]


@pytest.mark.parametrize("typed", ["", "x" * 2000, "%", "_", "' or 1=1", "<script>", "\u202e", '"', "a\u0000b"])
def test_whatever_is_typed_is_answered(browser: Visitor, typed: str) -> None:
    assert len(ask(browser, typed)) <= 8


def test_never_more_than_eight(house: House, browser: Visitor) -> None:
    for number in range(12):
        house.person("Foule", f"Numéro{number}", password="")
    assert len(ask(browser, "foule")) == 8


def test_hidden_people_and_strangers_stay_unknown(house: House, browser: Visitor) -> None:
    house.person("Discrète", "Personne", hidden=True)
    assert ask(browser, "discrete") == []
    stranger = house.visitor()
    answer = stranger.http.get("/m/destinataires", params={"q": "alma"}, follow_redirects=False)
    assert answer.status_code == 303


def test_pupils_find_no_more_than_they_may_see(house: House) -> None:
    pupil = house.person("Tom", "Petit-Élève", Role.PUPIL)
    house.person("Adulte", "Inconnu", Role.STAFF)
    visitor = house.visitor()
    visitor.log_in(pupil.login)
    seen = {one["adresse"] for one in ask(visitor, "adulte")}
    visitor.get("/s/ecrire")
    visitor.post("/s/ecrire", form(visitor, a="adulte", faire="verifier"))
    assert bool(seen) == ("n’est pas dans l’annuaire" not in visitor.text)


def test_a_choice_that_was_made_up_names_nobody_new(house: House, browser: Visitor) -> None:
    """What a page offers are people whom its reader may know of; its form may say any identifier."""
    hidden, known = house.person("Ombeline", "Cachottier", hidden=True), house.person("Raoul", "Visible")
    browser.get("/s/ecrire")
    chosen = [f"a:{hidden.login}:x", f"a:{known.login}:y"]
    browser.post("/s/ecrire", {**form(browser, a="x, y", faire="verifier"), "choix": chosen})
    assert known.address in browser.text
    assert hidden.address not in browser.text
    assert "Ombeline" not in browser.text
