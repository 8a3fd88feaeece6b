"""The page of Sieve scripts: checked with the place of a fault, kept, put to use, and never written over unseen."""

import re
from base64 import b64encode

import pytest

from mailserver.filters import Scripts
from mailserver.filters.scripts import MOST_ANSWERS
from mailserver.model.identity import Principal
from mailserver.policy.dlp import checker
from mailserver.store.account import filters
from mailserver.store.engine.transactions import Tx
from mailserver.store.record.audit import Origin
from tests.webui.house import PASSWORD, House, Visitor, mail
from tests.webui.test_absence import FRIEND, NIR, answers, write

PAGE = "/s/reglages/regles/script"
IBAN = "FR14 2004 1010 0505 0001 3M02 606"
FIRST, SECOND = "premiere@exemple.org", "seconde@exemple.org"
ARCHIVES = 'require "fileinto";\r\nfileinto "Archive";\r\n'


@pytest.fixture
def home(house: House, rose: Principal) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(rose.login)
    return visitor


@pytest.fixture
def scripts(house: House) -> Scripts:
    return Scripts(settings=house.settings, store=house.store)


def posts(visitor: Visitor, action: str, name: str, text: str = "", **more: str) -> int:
    visitor.get(f"{PAGE}?nom={name}")
    if visitor.page is not None and visitor.page.status_code == 404:
        visitor.get(f"{PAGE}?nouveau=1")
    given = {"version": visitor.field("version"), "nom": name, "texte": text, "faire": action, **more}
    return visitor.post(PAGE, given).status_code


def test_checked_kept_and_put_to_use(house: House, rose: Principal, home: Visitor, scripts: Scripts) -> None:
    assert "Nouveau script" in home.get(PAGE).text
    assert posts(home, "verifier", "principal", "keep;\r\nif true { bof; }\r\n") == 422
    assert "Ligne 2, colonne 11" in home.text
    assert "if true { bof; }" in home.text
    assert posts(home, "verifier", "principal", ARCHIVES) == 200
    assert "Ce script est juste" in home.text
    assert house.run(scripts.listing(rose.account_id)) == []
    posts(home, "enregistrer", "principal", ARCHIVES)
    assert house.run(scripts.octets(rose.account_id, "principal")) == ARCHIVES.encode()
    posts(home, "activer", "principal")
    house.deliver(rose, mail("Un"))
    assert house.subjects(rose, "Archive") == ["Un"]
    posts(home, "a-la-suite", "principal")
    house.deliver(rose, mail("Deux"))
    assert house.subjects(rose, "Archive") == ["Un", "Deux"]
    assert "Ce que disent vos règles" in home.get(f"{PAGE}?nom=regles").text
    assert "mailserver rules 1" in home.text
    assert "&#34;beside&#34;:&#34;principal&#34;" in home.text


def test_ours_is_written_by_the_rules_alone(house: House, rose: Principal, home: Visitor, scripts: Scripts) -> None:
    posts(home, "enregistrer", "principal", ARCHIVES)
    posts(home, "a-la-suite", "principal")
    before = house.run(scripts.octets(rose.account_id, "regles"))
    home.get(f"{PAGE}?nom=principal")
    assert (
        home.post(PAGE, {"version": "", "nom": "regles", "texte": "keep;", "faire": "enregistrer"}).status_code == 403
    )
    assert house.run(scripts.octets(rose.account_id, "regles")) == before


def test_what_was_changed_elsewhere_is_not_written_over(
    house: House, rose: Principal, home: Visitor, scripts: Scripts
) -> None:
    posts(home, "enregistrer", "principal", ARCHIVES)
    home.get(f"{PAGE}?nom=principal")
    version = home.field("version")
    house.run(scripts.put(rose.account_id, "principal", b"keep;", Origin("x", "sieve")))
    answer = home.post(PAGE, {"version": version, "nom": "principal", "texte": "stop;", "faire": "enregistrer"})
    assert (answer.status_code, "stop;" in answer.text) == (409, True)
    home.get(f"{PAGE}?nouveau=1")
    assert home.post(PAGE, {"version": "", "nom": "principal", "texte": "", "faire": "enregistrer"}).status_code == 409
    assert house.run(scripts.octets(rose.account_id, "principal")) == b"keep;"


def test_removed_once_somebody_is_sure(house: House, rose: Principal, home: Visitor, scripts: Scripts) -> None:
    posts(home, "enregistrer", "principal", ARCHIVES)
    assert posts(home, "supprimer", "principal") == 422
    assert posts(home, "supprimer", "principal", certain="1") == 200
    assert house.run(scripts.listing(rose.account_id)) == []
    assert posts(home, "enregistrer", " ", "keep;") == 422
    assert posts(home, "enregistrer", "x" * 129, "keep;") == 422


def test_markup_in_a_script_is_text(house: House, rose: Principal, home: Visitor, scripts: Scripts) -> None:
    source = b"# </textarea><script>alert(1)</script>\r\nkeep;\r\n"
    house.run(scripts.put(rose.account_id, "principal", source, Origin("x", "sieve")))
    text = home.get(f"{PAGE}?nom=principal").text
    assert "<script>alert" not in text
    assert re.search("&lt;/textarea&gt;&lt;script&gt;", text)


def test_what_an_answer_gives_away_is_confirmed(house: House, rose: Principal, home: Visitor, scripts: Scripts) -> None:
    def answering(text: str) -> str:
        return f'require "vacation"; vacation "{text}";'

    assert posts(home, "enregistrer", "principal", answering(f"Mon NIR : {NIR}")) == 422
    assert "Script enregistré." in home.text
    assert "1850•••••••••91" in home.text
    warned = house.run(scripts.check(rose.account_id, answering(f"Mon NIR : {NIR}").encode())).warnings
    assert "page Scripts Sieve" in warned[0].to("fr")
    (code,) = re.findall(r'name="confie" value="([0-9a-f]+)"', home.text)
    assert posts(home, "confier", "principal") == 422, "who has seen it says so"
    assert posts(home, "confier", "principal", confie="0" * 32) == 422
    house.run(scripts.put(rose.account_id, "principal", answering(f"Voici : {NIR}").encode(), Origin("x", "sieve")))
    assert posts(home, "confier", "principal", confie=code) == 422, "another text is another question"
    house.run(scripts.put(rose.account_id, "principal", answering(f"Mon NIR : {NIR}").encode(), Origin("x", "sieve")))
    posts(home, "activer", "principal")
    write(house, rose, FRIEND)
    assert answers(house, FRIEND) == []
    assert posts(home, "confier", "principal", confie=code) == 200
    assert "Ces réponses peuvent sortir de l’académie." in home.text
    write(house, rose, FRIEND)
    assert NIR in answers(house, FRIEND)[0].get_content()
    assert house.run(scripts.check(rose.account_id, answering(f"Mon NIR : {NIR}").encode())).warnings == []
    both = f'{answering(f"Mon NIR : {NIR}")} if true {{ vacation "Voici : {NIR}"; }}'
    assert house.run(scripts.check(rose.account_id, both.encode())).warnings, "the other answer stays"
    assert posts(home, "confier", "principal") == 200
    assert "n’a besoin d’être confirmé" in home.text
    assert posts(home, "enregistrer", "principal", ARCHIVES) == 200
    assert "Ce que répond ce script" not in home.text, "it answers nothing by now"


def _answering(*texts: str) -> str:
    """A script that answers each of these to messages with another subject."""
    tests = (f'if header "subject" "{place}" {{ vacation "{text}"; }}' for place, text in enumerate(texts))
    return "\r\n".join(('require "vacation";', *tests))


def test_every_answer_of_a_script_is_within_reach_of_its_owner(
    house: House, rose: Principal, home: Visitor, scripts: Scripts
) -> None:
    """One more than their page shows, and it could neither be confirmed nor leave."""
    texts = [f"Absence {number}." for number in range(1, MOST_ANSWERS)]
    most, more = _answering(*texts, f"Mon NIR : {NIR}"), _answering(*texts, "Encore une.", f"Mon NIR : {NIR}")
    for action in ("verifier", "enregistrer"):
        assert posts(home, action, "principal", more) == 422
        assert "Ligne 52, colonne 28\u202f: Ce script a plus de 50 réponses." in home.text
    assert house.run(scripts.listing(rose.account_id)) == []
    assert posts(home, "enregistrer", "principal", most) == 422
    assert "1850•••••••••91" in home.text

    def kept_before(tx: Tx) -> None:
        filters.put(tx, rose.account_id, "ancien", more.encode(), scripts.bounds, Origin("x", "sieve"))

    house.store.write_now(kept_before)
    assert posts(home, "confier", "ancien") == 422
    assert "Ce script a plus de 50 réponses." in home.text, "not that there is nothing to confirm"


def test_what_is_confirmed_is_what_would_be_sent(house: House, rose: Principal, home: Visitor) -> None:
    """The same characters say something else as an entity of MIME than as they stand."""
    hidden = b64encode(f"Mon IBAN : {IBAN}".encode()).decode()
    text = f"Content-Description: NIR {NIR}\r\nContent-Transfer-Encoding: base64\r\n\r\n{hidden}"
    plain, entity = f'require "vacation"; vacation "{text}";', f'require "vacation"; vacation :mime "{text}";'
    posts(home, "enregistrer", "principal", plain)
    assert "compte bancaire" not in home.text
    (code,) = re.findall(r'name="confie" value="([0-9a-f]+)"', home.text)
    assert posts(home, "confier", "principal", confie=code) == 200
    posts(home, "activer", "principal")
    write(house, rose, FIRST)
    assert len(answers(house, FIRST)) == 1
    posts(home, "enregistrer", "principal", entity)
    assert "compte bancaire" in home.text
    write(house, rose, SECOND)
    assert answers(house, SECOND) == []
    (code,) = re.findall(r'name="confie" value="([0-9a-f]+)"', home.text)
    assert posts(home, "confier", "principal", confie=code) == 200
    write(house, rose, SECOND)
    assert IBAN in answers(house, SECOND)[0].get_content()


def test_that_words_of_an_answer_were_not_compared_with_the_password_is_said_with_what_was_found(
    home: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "MAX_TRIES", 0)
    assert posts(home, "enregistrer", "principal", _answering(f"NIR {NIR}\r\nMon mot de passe : {PASSWORD}")) == 422
    assert re.search(r"des mots qui n’ont pas pu être comparés à votre mot de passe\s: 1\.", home.text)


def test_the_answers_of_a_script_are_looked_at_for_so_long(home: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may have documents in it. The script is kept, and nothing is said of what it gives away."""
    monkeypatch.setattr("mailserver.filters.answers.SECONDS", 0.0)
    assert posts(home, "enregistrer", "principal", f'require "vacation"; vacation "Mon NIR : {NIR}";') == 503
    assert posts(home, "confier", "principal") == 503


def test_what_is_made_of_variables_is_not_confirmed(
    house: House, rose: Principal, home: Visitor, scripts: Scripts
) -> None:
    made = f'require ["vacation", "variables"]; set "a" "{NIR}"; vacation "Voici : ${{a}}";'
    assert posts(home, "enregistrer", "principal", made) == 200
    assert posts(home, "confier", "principal") == 200
    assert "n’a besoin d’être confirmé" in home.text
    assert "sans variable" in house.run(scripts.check(rose.account_id, made.encode())).warnings[0].to("fr")


def test_the_password_is_asked_before_mail_goes_elsewhere(
    house: House, rose: Principal, home: Visitor, scripts: Scripts
) -> None:
    """As on the page of forwards: who found a session open must not read along."""
    away = 'redirect "loin@ailleurs.fr";'
    assert posts(home, "enregistrer", "principal", away) == 422
    assert "donnez votre mot de passe" in home.text
    assert "loin@ailleurs.fr" in home.text
    assert posts(home, "enregistrer", "principal", away, actuel="faux") == 422
    assert "Ce n’est pas votre mot de passe actuel." in home.text
    assert house.run(scripts.listing(rose.account_id)) == []
    assert posts(home, "enregistrer", "principal", away, actuel=PASSWORD) == 200
    for action in ("activer", "a-la-suite"):
        assert posts(home, action, "principal") == 422
        assert "donnez votre mot de passe" in home.text
    assert house.run(scripts.active(rose.account_id)) is None
    assert posts(home, "activer", "principal", actuel=PASSWORD) == 200
    assert posts(home, "enregistrer", "principal", f"{away} keep;") == 200  # mail goes there already
    assert posts(home, "enregistrer", "principal", away.replace("loin", "ailleurs")) == 422
    assert posts(home, "verifier", "principal", away.replace("loin", "ailleurs")) == 200
    assert house.run(scripts.octets(rose.account_id, "principal")) == f"{away} keep;".encode()


def test_the_password_is_asked_for_what_is_included_or_chosen_later(
    house: House, rose: Principal, home: Visitor, scripts: Scripts
) -> None:
    origin = Origin("x", "sieve")
    house.run(scripts.put(rose.account_id, "loin", b'redirect "loin@ailleurs.fr";', origin))
    assert posts(home, "enregistrer", "autre", 'require "include"; include "loin";') == 200
    assert posts(home, "activer", "autre") == 422
    chosen = ('require "variables"; set "a" "x"; redirect "${a}@x.fr";', 'require "extlists"; redirect :list "amis";')
    for text in chosen:
        assert posts(home, "enregistrer", "autre", text) == 422
    house.run(scripts.put(rose.account_id, "autre", chosen[0].encode(), origin, activate=True))
    assert posts(home, "enregistrer", "autre", chosen[0]) == 422  # it may choose another one
