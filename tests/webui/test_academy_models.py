"""Models of letters: those that the academy gives by role, written in the console, and those of functional boxes."""

import re
from html import unescape

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal, Role
from mailserver.store.account import stored_preferences
from mailserver.store.people import schools
from mailserver.store.record.audit import Action, Origin
from mailserver.store.web import academy_models, signatures
from mailserver.store.web.academy_models import AcademyDraft
from mailserver.store.web.signatures import Model
from tests.webui.boxes import FULL, Box
from tests.webui.house import House, Visitor
from tests.webui.secondstep import Phone
from tests.webui.test_admin import acts, entered, opened
from tests.webui.test_compose import form

UAI = "0210006T"
ORIGIN = Origin("achef", "console")
EVERYBODY = frozenset(Role)
PATH = "/admin/modeles"


@pytest.fixture(scope="module")
def house(house: House) -> House:
    house.store.write_now(schools.upsert, [schools.Facts(UAI, "Lycée <Carnot>", "LYC", town="Dijon")])
    return house


@pytest.fixture(autouse=True)
def _none_is_left(house: House) -> None:
    for one in house.store.read_now(academy_models.listing):
        house.store.write_now(academy_models.withdraw, ORIGIN, one.id)


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Rose", f"d’Été-{len(_counter)}", uai=UAI)


_counter: list[int] = []


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


def give(
    house: House, name: str, text: str, html: str = "", subject: str = "", roles: frozenset[Role] = EVERYBODY
) -> int:
    return house.store.write_now(academy_models.save, ORIGIN, 0, AcademyDraft(name, roles, subject, text, html))


def put_in(browser: Visitor, number: int, base: str = "/s", **more: str) -> dict[str, str]:
    """The letter with a model of the academy in it, as its form shows it."""
    browser.get(f"{base}/ecrire")
    browser.post(f"{base}/ecrire", form(browser, texte="PS", **{"faire": f"modele-academie:{number}", **more}))
    return form(browser)


# ---------------------------------------------------------------------- in a letter


@pytest.mark.parametrize("base", ["/s", "/m"])
def test_the_academys_models_stand_in_a_letters_menu_and_know_who_writes(
    house: House, person: Principal, browser: Visitor, base: str
) -> None:
    text = "{civilite} {prenom} {nom}\n{etablissement}, {ville}\n{inconnu} {adresse} {uai}"
    number = give(house, "Absence", text.replace("{inconnu} ", ""), subject="Absence de {prenom}\u2028{nom}")
    page = browser.get(f"{base}/ecrire").text
    menu = page.partition('id="modeles"')[2].partition('id="options"')[0]
    assert menu.index("De l’académie") < menu.index(f'value="modele-academie:{number}"') < menu.index("Les miens")
    data = put_in(browser, number, base)
    name = person.surname
    assert data["objet"] == f"Absence de Rose {name}"
    # What is not known stays to be completed.
    assert data["texte"].startswith(f"{{civilite}} Rose {name}\nLycée <Carnot>, Dijon\n{person.address} {UAI}\n\nPS")


def test_names_do_no_harm_in_a_formatted_letter(house: House, person: Principal, browser: Visitor) -> None:
    """What is filled in is text, wherever it stands; what the operators wrote is cleaned once more."""
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"composing": "forme"})
    mail = '<p>Le <b>{etablissement}</b></p><a href="{prenom}">x</a><img src="https://espion.test/{nom}"><script>y</script>'
    number = give(house, "Mise en forme", "Le {etablissement}", mail)
    browser.get("/m/ecrire")
    html = unescape(browser.text.partition('<textarea name="html" hidden>')[2].partition("</textarea>")[0]).strip()
    browser.post("/m/ecrire", form(browser, html=html, editeur="1", faire=f"modele-academie:{number}"))
    shown = unescape(browser.text.partition('<textarea name="html" hidden>')[2].partition("</textarea>")[0])
    assert "<p>Le <b>Lycée &lt;Carnot&gt;</b></p>" in shown
    assert not any(word in shown for word in ("script", "img", "espion", "href"))


def test_a_model_is_for_its_roles_alone(house: House, person: Principal, browser: Visitor) -> None:
    number = give(house, "Aux secrétariats", "Réservé", roles=frozenset((Role.SECRETARIAT,)))
    assert "Aux secrétariats" not in browser.get("/s/ecrire").text
    assert put_in(browser, number)["texte"].strip() == "PS"
    assert put_in(browser, number + 1000)["texte"].strip() == "PS"
    assert put_in(browser, 0, faire="modele-academie:x")["texte"].strip() == "PS"
    office = house.visitor()
    office.log_in(house.person("Odile", f"Bureau-{number}", Role.SECRETARIAT).login)
    assert put_in(office, number)["texte"].startswith("Réservé")


# ---------------------------------------------------------------------- in the console


def test_operators_write_change_and_withdraw_models(
    house: House, console: Visitor, phone: Phone, person: Principal, browser: Visitor
) -> None:
    assert "aucun modèle" in opened(console, house, phone, PATH)
    before = len(acts(house, Action.MODEL_CHANGED))
    wanted = {"nom": " Sortie   scolaire ", "objet": "Sortie", "texte": "Le {date}.", "pour": ["teacher", "pupil", "x"]}
    assert "Modèle enregistré" in console.post(PATH, wanted).text
    (one,) = house.store.read_now(academy_models.listing)
    assert (one.draft.name, one.draft.roles) == ("Sortie scolaire", frozenset((Role.TEACHER, Role.PUPIL)))
    assert "Sortie scolaire" in browser.get("/s/ecrire").text
    page = opened(console, house, phone, f"{PATH}?modifier={one.id}")
    assert "Le {date}.</textarea>" in page
    assert re.search(r'id="pour-pupil" name="pour" value="pupil"\s+checked', page)
    assert not re.search(r'id="pour-staff" name="pour" value="staff"\s+checked', page)
    console.post(PATH, {**wanted, "numero": str(one.id), "texte": "Changé", "pour": ["pupil"]})
    (changed,) = house.store.read_now(academy_models.listing)
    assert (changed.id, changed.draft.text, changed.draft.roles) == (one.id, "Changé", frozenset((Role.PUPIL,)))
    assert "Sortie scolaire" not in browser.get("/s/ecrire").text
    opened(console, house, phone, PATH)
    assert "Modèle retiré" in console.post(PATH, {"faire": "retirer", "numero": str(one.id)}).text
    assert house.store.read_now(academy_models.listing) == []
    console.get(PATH)
    assert console.post(PATH, {"faire": "retirer", "numero": str(one.id)}).status_code == 404
    console.get(PATH)
    assert console.post(PATH, {**wanted, "numero": str(one.id)}).status_code == 404
    told = [(event.actor, str(event.detail)) for event in acts(house, Action.MODEL_CHANGED)[: -before or None]]
    assert [detail.split(" for ")[1] for _, detail in told] == ["pupil", "pupil", "teacher, pupil"]
    assert {actor for actor, _ in told} == {"achef"}
    record = re.sub(r"\s", " ", opened(console, house, phone, "/admin/journal"))
    assert "Modèle de lettre de l’académie modifié" in record
    assert "« Sortie scolaire » retiré, pour élève" in record


def test_what_another_operator_wrote_meanwhile_is_replaced_only_when_asked_again(
    house: House, console: Visitor, phone: Phone
) -> None:
    number = give(house, "Rentrée", "Le 1er septembre.")
    page = opened(console, house, phone, f"{PATH}?modifier={number}")

    def says() -> str:
        return next(one.draft.text for one in house.store.read_now(academy_models.listing) if one.id == number)

    (state,) = set(re.findall(r'name="etat" value="(\w+)"', page.partition('class="texte"')[2]))
    wanted = {"numero": str(number), "nom": "Rentrée", "pour": ["teacher"], "etat": state}
    console.post(PATH, {**wanted, "texte": "Le 2 septembre."})
    opened(console, house, phone, PATH)
    answer = console.post(PATH, {**wanted, "texte": "Le 3 septembre."})
    assert (answer.status_code, "a changé entre-temps" in answer.text) == (422, True)
    assert "Le 3 septembre.</textarea>" in answer.text
    assert (says(), "Le 2 septembre." in answer.text) == ("Le 2 septembre.", True)
    (state,) = set(re.findall(r'name="etat" value="(\w+)"', answer.text.partition('class="texte"')[2]))
    assert console.post(PATH, {**wanted, "faire": "retirer"}).status_code == 422
    console.post(PATH, {**wanted, "texte": "Le 3 septembre.", "etat": state})
    assert says() == "Le 3 septembre."


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"nom": ""}, "un nom, un texte et au moins une population"),
        ({"texte": " "}, "un nom, un texte et au moins une population"),
        ({"pour": ["x"]}, "un nom, un texte et au moins une population"),
        ({"texte": "x" * 20_001}, "au plus 20000 caractères"),
        ({"texte": "Cher {prenon},"}, "le champ {prenon} n’existe pas"),
        ({"objet": "{Nom}"}, "le champ {Nom} n’existe pas"),
        ({"texte": "{nom}" * 101}, "au plus 100 champs"),
    ],
)
def test_what_is_no_model_comes_back_as_it_was_typed(
    house: House, console: Visitor, phone: Phone, fields: dict[str, str], says: str
) -> None:
    opened(console, house, phone, PATH)
    answer = console.post(PATH, {"nom": "Nom", "texte": "Texte gardé", "pour": ["staff"], **fields})
    assert answer.status_code == 422
    assert says in answer.text
    assert "texte" in fields or "Texte gardé</textarea>" in answer.text
    assert house.store.read_now(academy_models.listing) == []


def test_there_are_not_more_than_people_can_look_through(house: House, console: Visitor, phone: Phone) -> None:
    for number in range(academy_models.MAX_MODELS):
        give(house, f"M{number}", "x")
    assert "Il n’y a pas de place pour davantage" in opened(console, house, phone, PATH)
    answer = console.post(PATH, {"nom": "De trop", "texte": "x", "pour": ["staff"]})
    assert (answer.status_code, "il y a déjà 60 modèles" in answer.text) == (422, True)


def test_a_formatted_one_is_taken_from_the_operators_own(
    house: House, console: Visitor, phone: Phone, administrator: Principal, person: Principal
) -> None:
    html = "<p>Vous êtes <b>convoqué</b>.</p><script>x</script><img src='https://espion.test/'>"
    save = house.store.write_now
    save(
        signatures.save_model,
        administrator.account_id,
        Model(0, administrator.account_id, "À donner", "Objet", "Vous êtes convoqué.", html),
    )
    save(
        signatures.save_model,
        person.account_id,
        Model(0, person.account_id, "D’une autre", "", "confidence", "<b>confidence</b>"),
    )
    own = house.store.read_now(signatures.models, administrator.account_id)[0].id
    hers = house.store.read_now(signatures.models, person.account_id)[0].id
    assert "confidence" not in opened(console, house, phone, f"{PATH}?reprendre={hers}")
    assert "Vous êtes convoqué.</textarea>" in opened(console, house, phone, f"{PATH}?reprendre={own}")
    wanted = {"nom": "À donner", "texte": "Vous êtes convoqué.", "pour": ["staff"], "source": str(own)}
    console.post(PATH, wanted)
    (given,) = house.store.read_now(academy_models.listing)
    assert given.draft.html == "<p>Vous êtes <b>convoqué</b>.</p>"
    # Of somebody else's model nothing is taken, whatever number is posted.
    opened(console, house, phone, PATH)
    console.post(PATH, {**wanted, "texte": "confidence", "source": str(hers)})
    assert [
        one.draft.html for one in house.store.read_now(academy_models.listing) if one.draft.text == "confidence"
    ] == [""]
    # With the same words it stays formatted; with others it is plain.
    for text, formatted in (("Vous êtes  convoqué.", True), ("Venez.", False)):
        opened(console, house, phone, f"{PATH}?modifier={given.id}")
        console.post(PATH, {**wanted, "source": "", "numero": str(given.id), "texte": text})
        (now,) = [one for one in house.store.read_now(academy_models.listing) if one.id == given.id]
        assert bool(now.draft.html) == formatted


# ---------------------------------------------------------------------- of functional boxes


def held(house: House, account_id: int) -> list[tuple[str, str]]:
    return [(one.name, one.text) for one in house.store.read_now(signatures.models, account_id)]


def test_a_boxs_models_go_with_the_right_to_write_in_its_name(
    house: House, person: Principal, browser: Visitor
) -> None:
    box = Box(house, {person.login: FULL})
    write, me = house.store.write_now, person.account_id
    write(signatures.save_model, me, Model(0, box.account, "Attestation", "", "De la boîte"))
    number = house.store.read_now(signatures.models, me)[0].id
    browser.get("/s/ecrire")
    browser.post("/s/ecrire", form(browser, texte="PS", faire=f"modele:{number}"))
    assert form(browser)["texte"].startswith("De la boîte")
    box.hold({person.login: FULL - {"send"}})
    assert held(house, me) == []
    assert "Attestation" not in browser.get("/s/ecrire").text
    browser.post("/s/ecrire", form(browser, texte="PS", faire=f"modele:{number}"))
    assert form(browser)["texte"].strip() == "PS"
    assert "Attestation" not in browser.get("/s/reglages/ecriture").text
    kept = {"quoi": "modele", "numero": str(number), "nom": "Volé", "texte": "x", "proprietaire": str(box.account)}
    assert browser.post("/s/reglages/ecriture", kept).status_code == 403
    browser.get("/s/reglages/ecriture")
    browser.post("/s/reglages/ecriture", {**kept, "faire": "supprimer"})
    box.hold({person.login: FULL})
    assert held(house, me) == [("Attestation", "De la boîte")], "it was neither changed nor removed"


def test_a_boxs_model_stays_with_its_people(house: House, person: Principal, browser: Visitor) -> None:
    """Whoever may change it may not make it their own, nor another box's: the others would miss it."""
    box, other = Box(house, {person.login: FULL}), Box(house, {person.login: FULL})
    write, me = house.store.write_now, person.account_id
    write(signatures.save_model, me, Model(0, box.account, "Attestation", "", "De la boîte"))
    number = house.store.read_now(signatures.models, me)[0].id
    for owner in (me, other.account):
        with pytest.raises(Refused) as refusal:
            write(signatures.save_model, me, Model(number, owner, "Prise", "", "x"))
        assert refusal.value.reason is Reason.NOT_FOUND
    page = browser.get("/s/reglages/ecriture").text
    assert f"À disposition de {box.address}" in page
    changed = {"quoi": "modele", "numero": str(number), "nom": "Attestation", "texte": "Mieux"}
    assert browser.post("/s/reglages/ecriture", {**changed, "proprietaire": ""}).status_code == 404
    browser.get("/s/reglages/ecriture")
    browser.post("/s/reglages/ecriture", {**changed, "proprietaire": str(box.account)})
    (model,) = house.store.read_now(signatures.models, me)
    assert (model.owner, model.text) == (box.account, "Mieux")


def test_ones_own_model_is_given_to_a_box_where_there_is_room(house: House, person: Principal) -> None:
    box = Box(house, {person.login: FULL})
    write, me = house.store.write_now, person.account_id
    for name in ("Donné", "Gardé"):
        write(signatures.save_model, me, Model(0, me, name, "", "x"))
    given, kept = (one.id for one in house.store.read_now(signatures.models, me))
    write(signatures.save_model, me, Model(given, box.account, "Donné", "", "x"))
    for place in range(signatures.MAX_KEPT - 1):
        write(signatures.save_model, me, Model(0, box.account, f"B{place}", "", "x"))
    with pytest.raises(Refused) as refusal:
        write(signatures.save_model, me, Model(kept, box.account, "Gardé", "", "x"))
    assert refusal.value.reason is Reason.LIMIT
    assert [one.id for one in house.store.read_now(signatures.models, me) if one.owner == me] == [kept]


def test_a_letter_kept_under_a_name_replaces_ones_own_model_alone(
    house: House, person: Principal, browser: Visitor
) -> None:
    box = Box(house, {person.login: FULL})
    write, me = house.store.write_now, person.account_id
    write(signatures.save_model, me, Model(0, box.account, "Rappel", "", "De la boîte"))
    for text in ("Premier", "Second"):
        browser.get("/s/ecrire")
        browser.post("/s/ecrire", form(browser, texte=text, nom_modele="Rappel", faire="retenir"))
    owners = {(one.owner, one.text) for one in house.store.read_now(signatures.models, me)}
    assert owners == {(box.account, "De la boîte"), (me, "Second")}
