"""The pages of rules: written as sentences, in their order, and done to the next message that comes."""

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from mailserver.filters import Scripts, applying
from mailserver.filters.rules import Actions, Condition, Document, Field, Match, Rule, written
from mailserver.model.identity import Principal
from mailserver.store.mail import mailboxes, snooze
from mailserver.store.record.audit import Origin
from tests.waiting import until
from tests.webui.house import House, Visitor, mail

ORIGIN = Origin("x", "sieve")
PAGE = "/s/reglages/regles"
FORM = f"{PAGE}/modifier"
MARTIN = "Anne Martin <anne@canope.example>"


@pytest.fixture
def home(house: House, rose: Principal) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(rose.login)
    return visitor


def says(visitor: Visitor, *conditions: tuple[str, str], regle: str = "", **fields: Any) -> None:
    """A rule, written and kept."""
    visitor.get(f"{FORM}?regle={regle}")
    given = {
        "regle": regle or "0",
        "version": visitor.field("version"),
        "condition": [kind for kind, _ in conditions],
        "valeur": [text for _, text in conditions],
        "faire": "enregistrer",
        **fields,
    }
    visitor.post(FORM, given)


def sentences(visitor: Visitor) -> list[str]:
    found = re.findall(r'class="phrase"[^>]*>(.*?)</span>', visitor.get(PAGE).text, re.DOTALL)
    return [unescape(re.sub("<[^>]+>", "", one)).strip() for one in found]


def does(visitor: Visitor, action: str, regle: int = 1, **fields: object) -> str:
    visitor.get(PAGE)
    given = {"version": visitor.field("version"), "regle": regle, "place": regle, "faire": action, **fields}
    return visitor.post(PAGE, given).text


def folder(house: House, rose: Principal, name: str) -> int:
    house.store.write_now(mailboxes.create, rose.account_id, name)
    return house.box(rose, name).id


def test_written_and_done(house: House, rose: Principal, home: Visitor) -> None:
    assert "Aucune règle" in home.get(PAGE).text
    letters = folder(house, rose, "Lettres/Canopé")
    says(
        home,
        ("expediteur", "canope.example, jean@exemple.org"),
        ("objet-contient", "sortie; MUSÉE"),
        dossier=letters,
        lu=1,
    )
    assert "Règle enregistrée" in home.text
    assert sentences(home) == [
        "Quand l’expéditeur est canope.example ou jean@exemple.org et que l’objet contient sortie ou MUSÉE, "
        "marquer comme lu et ranger dans Lettres › Canopé."
    ]
    house.deliver(rose, mail("Au musée", sender="Info <info@news.canope.example>"))
    house.deliver(rose, mail("Autre", sender=MARTIN))
    assert (house.subjects(rose, "Lettres/Canopé"), house.subjects(rose, "INBOX")) == (["Au musée"], ["Autre"])
    home.get(f"{FORM}?regle=1")
    assert 'value="canope.example; jean@exemple.org"' in home.text
    assert re.search(rf'value="{letters}" selected', home.text)


def test_order_off_deleted_and_taken_back(house: House, rose: Principal, home: Visitor) -> None:
    for word in ("un", "deux", "trois"):
        says(home, ("objet-contient", word), dossier="archive")
    does(home, "monter", 3)
    does(home, "descendre", 1)
    assert [one.split("contient ")[1].split(",")[0] for one in sentences(home)] == ["trois", "un", "deux"]
    does(home, "placer", 3, place=1)
    assert [one.split("contient ")[1].split(",")[0] for one in sentences(home)] == ["deux", "trois", "un"]
    does(home, "arreter", 1)
    house.deliver(rose, mail("deux"))
    house.deliver(rose, mail("trois"))
    assert (house.subjects(rose, "INBOX"), house.subjects(rose, "Archive")) == (["deux"], ["trois"])
    does(home, "activer", 1)
    assert "Arrêtée" not in home.text
    before = sentences(home)
    text = does(home, "supprimer", 2)
    assert "Règle supprimée" in text
    assert len(sentences(home)) == 2
    home.post(PAGE, {"version": home.field("version"), "faire": "retablir"})
    assert sentences(home) == before


def test_a_deletion_is_taken_back_only_while_it_is_the_last_change(home: Visitor) -> None:
    says(home, ("objet-contient", "un"), suivre=1)
    does(home, "supprimer")
    address = str(home.page.url) if home.page is not None else ""
    assert "retablir" in home.text
    says(home, ("objet-contient", "deux"), suivre=1)
    assert "retablir" not in home.get(address).text


def test_who_was_slower_loses_nothing(home: Visitor, house: House, rose: Principal) -> None:
    says(home, ("objet-contient", "un"), suivre=1)
    stale = home.field("version") if home.get(PAGE) else ""
    other = house.visitor()
    other.log_in(rose.login)
    says(other, ("objet-contient", "deux"), suivre=1)
    home.get(PAGE)
    answer = home.post(PAGE, {"version": stale, "regle": 1, "faire": "supprimer"})
    assert (answer.status_code, "entre-temps" in answer.text, len(sentences(home))) == (409, True, 2)
    home.get(f"{FORM}?regle=1")
    given = {"regle": 1, "version": stale, "condition": "objet", "valeur": "trois", "suivre": 1, "faire": "enregistrer"}
    answer = home.post(FORM, given)
    assert (answer.status_code, 'value="trois"' in answer.text) == (409, True)
    home.post(FORM, {**given, "regle": home.field("regle"), "version": home.field("version")})
    assert len(sentences(home)) == 3, "what was typed became a rule of its own"


@pytest.mark.parametrize(
    ("conditions", "fields", "said"),
    [
        ([("expediteur", "jean")], {"suivre": 1}, "ni une adresse ni un domaine"),
        ([("expediteur", "")], {"suivre": 1}, "au moins une condition"),
        ([("objet", "a")], {}, "au moins une chose"),
        ([("plus-grand", "beaucoup")], {"suivre": 1}, "nombre de Mo"),
        ([("objet", "x" * 201)], {"suivre": 1}, "200 caractères au plus"),
        ([("objet", "a")], {"dossier": 999999}, "Ce dossier n’existe pas"),
        ([("objet", "a")], {"etiquette": "a b"}, "Cette étiquette n’existe pas"),
    ],
)
def test_what_cannot_be_is_said_and_stays_typed(
    home: Visitor, conditions: list[tuple[str, str]], fields: dict[str, Any], said: str
) -> None:
    says(home, *conditions, **fields)
    assert home.page is not None
    assert home.page.status_code == 422
    assert said in home.text
    assert conditions[0][1] in home.text
    assert sentences(home) == []


def test_lines_come_and_go_without_a_script(home: Visitor) -> None:
    home.get(FORM)
    given = {"regle": 0, "version": "", "condition": ["objet", "externe"], "valeur": ["a", ""]}
    text = home.post(FORM, {**given, "faire": "condition"}).text
    assert len(re.findall(r'<select id="condition-', text)) == 3
    text = home.post(FORM, {**given, "retirer": 1}).text
    assert len(re.findall(r'<select id="condition-', text)) == 1
    assert re.search(r'value="externe" selected', text)
    many = {"regle": 0, "version": "", "condition": ["objet"] * 40, "valeur": ["a"] * 40, "faire": "condition"}
    text = home.post(FORM, many).text
    assert len(re.findall(r'<select id="condition-', text)) == 10


def test_a_rule_of_others_does_not_exist(home: Visitor, house: House, marc: Principal) -> None:
    other = house.visitor()
    other.log_in(marc.login)
    says(other, ("objet", "secret"), suivre=1)
    assert home.get(f"{FORM}?regle=1").status_code == 404
    assert home.get(f"{FORM}?regle=x").status_code == 404
    assert "secret" not in home.get(PAGE).text
    home.get(PAGE)
    does(home, "supprimer", 7, version="")
    assert home.page is not None
    assert home.page.status_code == 404


def test_a_script_by_hand_stays_and_may_follow(house: House, rose: Principal, home: Visitor) -> None:
    scripts = Scripts(settings=house.settings, store=house.store)
    by_hand = b'require "fileinto"; fileinto "Archive";'
    house.run(scripts.put(rose.account_id, "principal", by_hand, ORIGIN, activate=True))
    says(home, ("objet-contient", "sortie"), suivre=1, arret=1)
    assert "principal" in home.text
    assert "rien de cette page n’est fait" in home.text
    house.deliver(rose, mail("La sortie"))
    assert house.subjects(rose, "Archive") == ["La sortie"]
    assert "passe ensuite par votre script" in does(home, "demarrer")
    house.deliver(rose, mail("Une sortie"))
    house.deliver(rose, mail("Autre"))
    assert (house.subjects(rose, "INBOX"), house.subjects(rose, "Archive")) == (["Une sortie"], ["La sortie", "Autre"])
    assert house.run(scripts.octets(rose.account_id, "principal")) == by_hand
    does(home, "sans")
    house.deliver(rose, mail("Encore"))
    assert house.subjects(rose, "INBOX")[-1] == "Encore"


def test_stopped_and_started(house: House, rose: Principal, home: Visitor) -> None:
    says(home, ("objet-contient", "sortie"), dossier="archive")
    assert "arrêtées" in does(home, "suspendre")
    house.deliver(rose, mail("sortie 1"))
    does(home, "demarrer")
    house.deliver(rose, mail("sortie 2"))
    assert (house.subjects(rose, "INBOX"), house.subjects(rose, "Archive")) == (["sortie 1"], ["sortie 2"])


def test_a_folder_that_is_gone_is_said(house: House, rose: Principal, home: Visitor) -> None:
    gone = folder(house, rose, "Sorties")
    says(home, ("objet-contient", "sortie"), dossier=gone)
    house.store.write_now(mailboxes.remove, rose.account_id, "Sorties")
    assert "Ce dossier n’existe plus" in home.get(PAGE).text
    assert "Sorties (n’existe plus)" in home.get(f"{FORM}?regle=1").text
    says(home, ("objet-contient", "sorties"), regle="1", dossier="garde")
    assert "contient sorties, ranger dans Sorties" in sentences(home)[0]


@pytest.mark.parametrize("name", ["Famille 👨\u200d👩\u200d👧", "Conseil\u00a0: 6e B", "Cours "])
def test_every_name_that_a_folder_has_is_one_for_rules(house: House, rose: Principal, home: Visitor, name: str) -> None:
    """As phones and programs make them: with joined pictures, a no-break space, a space at the end."""
    says(home, ("objet-contient", "sortie"), dossier=folder(house, rose, name))
    (said,) = sentences(home)
    assert said.startswith(f"Quand l’objet contient sortie, ranger dans {name.strip()}")
    house.deliver(rose, mail("La sortie"))
    assert house.subjects(rose, name) == ["La sortie"]


def test_what_somebody_chose_is_bold_and_nothing_of_it_is_markup(home: Visitor) -> None:
    says(home, ("objet-contient", "<b>a</b> & {x}"), suivre=1)
    assert "<b>&lt;b&gt;a&lt;/b&gt; &amp; {x}</b>" in home.get(PAGE).text


def test_rules_that_no_page_writes_keep_what_they_say(house: House, rose: Principal, home: Visitor) -> None:
    """One that a command or another version made: shown, moved, and changed without loss where the form can say it."""
    rule = Rule((Condition(Field.LIST, Match.CONTAINS, ("4eb",), negated=True),), Actions(tags=("inconnue",)))
    scripts = Scripts(settings=house.settings, store=house.store)
    house.run(scripts.put(rose.account_id, "regles", written(Document(rules=(rule,))), ORIGIN, activate=True))
    assert sentences(home) == ["Quand la liste ne contient pas 4eb, étiqueter inconnue."]
    does(home, "arreter")
    kept = house.run(scripts.octets(rose.account_id, "regles"))
    assert kept == written(Document(rules=(replace(rule, off=True),)))


# ---------------------------------------------------------------------- what has come already


def test_tried_on_what_has_come_and_nothing_is_changed(house: House, rose: Principal, home: Visitor) -> None:
    for number in range(4):
        house.deliver(rose, mail(f"Sortie {number}" if number % 2 else f"Notes {number}", sender=MARTIN))
    before = house.box(rose, "INBOX").modseq
    says(home, ("objet-contient", "sortie"), ("externe", ""), dossier="corbeille", faire="essayer")
    assert "2 des 4 derniers messages conviennent" in home.text
    assert [unescape(one) for one in re.findall(r'/message/\d+">(.*?)</a>', home.text)] == ["Sortie 3", "Sortie 1"]
    assert house.box(rose, "INBOX").modseq == before
    assert sentences(home) == []
    says(home, ("plus-grand", "1"), suivre=1, faire="essayer")
    assert "0 des 4 derniers" in home.text


def test_applied_to_a_folder_and_taken_back(house: House, rose: Principal, home: Visitor) -> None:
    letters = folder(house, rose, "Lettres")
    for number in range(3):
        house.deliver(rose, mail(f"Sortie {number}"))
        house.deliver(rose, mail(f"Notes {number}"))
    says(home, ("objet-contient", "sortie"), dossier=letters, etiquette="$label1")
    says(home, ("objet-contient", "notes 2"), suivre=1, eteinte=1)
    inbox = house.box(rose, "INBOX").id
    home.get(f"{PAGE}/appliquer")
    assert "Appliquer 1 règle" in home.text
    home.post(f"{PAGE}/appliquer", {"dossier": inbox})
    assert "6 messages vus sur 6" in home.text.replace("\u202f", " ")
    assert house.subjects(rose, "Lettres") == ["Sortie 0", "Sortie 1", "Sortie 2"]
    assert house.subjects(rose, "INBOX") == ["Notes 0", "Notes 1", "Notes 2"]
    assert house.box(rose, "INBOX").flagged == 0
    home.post("/s/annuler", {"acte": home.field("acte")})
    assert sorted(house.subjects(rose, "INBOX")) == sorted(
        [f"{word} {n}" for word in ("Sortie", "Notes") for n in range(3)]
    )
    sent = house.box(rose, "Sent").id
    home.get(f"{PAGE}/appliquer")
    assert home.post(f"{PAGE}/appliquer", {"dossier": sent}).status_code == 404
    other = house.box(house.person("Un", "Autre"), "INBOX").id
    home.get(f"{PAGE}/appliquer")
    assert home.post(f"{PAGE}/appliquer", {"dossier": other}).status_code == 404


def test_a_large_folder_is_done_behind_the_answer(
    house: House, rose: Principal, home: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "AT_ONCE", 3)
    monkeypatch.setattr(applying, "BATCH", 2)
    for number in range(7):
        house.deliver(rose, mail(f"Sortie {number}"))
    says(home, ("objet-contient", "sortie"), dossier="archive")
    says(home, ("objet-contient", "x"), dossier="corbeille")
    home.get(f"{PAGE}/appliquer")
    home.post(f"{PAGE}/appliquer", {"dossier": house.box(rose, "INBOX").id})
    until(lambda: "Remettre à leur place" in home.get(f"{PAGE}/appliquer").text)
    assert "7 messages vus sur 7" in home.text.replace("\u202f", " ")
    assert house.subjects(rose, "Archive") == [f"Sortie {number}" for number in range(7)]
    home.post("/s/annuler", {"acte": home.field("acte")})
    assert len(house.subjects(rose, "INBOX")) == 7


def test_a_rule_from_a_message(house: House, rose: Principal, home: Visitor) -> None:
    content = house.deliver(rose, mail("Sortie", sender=MARTIN))
    home.get(f"/s/message/{content}")
    (address,) = home.links("/regles/modifier")
    home.get(address)
    assert 'value="anne@canope.example"' in home.text
    complete = house.visitor()
    complete.log_in(rose.login, interface="complet")
    complete.get(f"/m/message/{content}")
    assert len(complete.links("^/m/reglages/regles/modifier")) == 1


def test_offered_once_a_message_was_filed_by_hand(house: House, rose: Principal, home: Visitor) -> None:
    letters, inbox = folder(house, rose, "Lettres"), house.box(rose, "INBOX").id

    def file(content: int, place: int, action: str = "deplacer") -> str:
        home.get("/s/")
        return home.post(f"/s/dossier/{inbox}/agir", {"m": content, "faire": action, "vers": place, "retour": ""}).text

    said = file(house.deliver(rose, mail("Un", sender=MARTIN)), letters)
    assert "anne@canope.example" in said
    (address,) = home.links("/regles/modifier")
    home.get(address)
    assert re.search(rf'value="{letters}" selected', home.text)
    given = {"regle": 0, "version": "", "condition": "expediteur", "valeur": "anne@canope.example", "dossier": letters}
    home.post(FORM, {**given, "faire": "enregistrer"})
    assert len(sentences(home)) == 1
    content = house.deliver(rose, mail("Deux", sender="Jean <jean@exemple.org>"))
    assert "Toujours ranger" not in file(content, 0, "archiver"), "that is no folder of one's own"
    content = house.deliver(rose, mail("Trois", sender="Jean <jean@exemple.org>"))
    assert "Toujours ranger" in file(content, letters)
    home.post(PAGE, {"faire": "ne-plus-proposer"})
    assert "ne sera plus proposée" in home.text
    content = house.deliver(rose, mail("Quatre", sender="Jean <jean@exemple.org>"))
    assert "Toujours ranger" not in file(content, letters)


def test_nothing_is_offered_for_whom_a_rule_names(house: House, rose: Principal, home: Visitor) -> None:
    letters, inbox = folder(house, rose, "Lettres"), house.box(rose, "INBOX").id
    content = house.deliver(rose, mail("Un", sender=MARTIN))
    says(home, ("expediteur", "anne@canope.example"), suivre=1)
    home.get("/s/")
    home.post(f"/s/dossier/{inbox}/agir", {"m": content, "faire": "deplacer", "vers": letters, "retour": ""})
    assert "Toujours ranger" not in home.text


def test_what_was_put_off_is_not_sorted(house: House, rose: Principal, home: Visitor) -> None:
    """What a rule filed there had no day to come back on."""
    place = folder(house, rose, snooze.PLACE)
    folder(house, rose, "Lettres")
    offered = re.findall(r'<option value="(\d+)"', home.get(FORM).text)
    assert str(house.box(rose, "Lettres").id) in offered
    assert str(place) not in offered
    says(home, ("externe", ""), dossier=place)
    assert "Ce dossier n’existe pas." in home.text
    assert f'<option value="{place}"' not in home.get(f"{PAGE}/appliquer").text
    assert home.post(f"{PAGE}/appliquer", {"dossier": place}).status_code == 404
