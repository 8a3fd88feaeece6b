"""The account's own pages: second factor, app passwords, sessions, last logins, as a browser posts their forms."""

import email
import email.policy
import re
from html import unescape

import pytest

from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal, Role
from mailserver.store.record.audit import Origin
from tests.webui.house import PASSWORD, House, Visitor
from tests.webui.secondstep import FACTOR, Phone, begin, set_up

DEVICES, SESSIONS = "/compte/appareils", "/compte/sessions"


def second(visitor: Visitor, **fields: str) -> int:
    """Answer the second step; the status."""
    return visitor.post("/connexion/code", {"etape": visitor.field("etape"), **fields}).status_code


def enters(house: House, person: Principal, secret: str, service: str = "imap") -> Reason | None:
    """Why a login at another door is refused; None when it is not."""
    try:
        house.run(house.login.login(person.login, Secret(secret), "192.0.2.9", service))
    except Refused as refused:
        return refused.reason
    return None


def test_setting_up_logging_in_and_switching_off(house: House, visitor: Visitor) -> None:
    person = house.person("Sacha", "Deux")
    other = house.visitor()
    other.log_in(person.login)
    visitor.log_in(person.login)
    before = visitor.http.cookies["session"]
    assert "votre mot de passe suffit" in visitor.get("/compte").text
    wrong = visitor.get(FACTOR) and visitor.post(FACTOR, {"faire": "commencer", "actuel": "Faux#2026"})
    assert wrong.status_code == 422
    assert 'class="qr"' not in wrong.text
    phone, codes = set_up(house, visitor)
    assert len(set(codes)) == 10
    assert visitor.http.cookies["session"] != before
    assert "Active depuis" in visitor.get("/compte").text
    assert other.get("/s/").url.path == "/", "the session that the password alone had opened is over"
    assert enters(house, person, PASSWORD) is Reason.APP_PASSWORD
    assert enters(house, person, "Faux#2026") is Reason.AUTHENTICATION

    other.log_in(person.login)
    assert "Je confirme que c’est moi" in other.text
    assert person.given_name not in other.text
    assert other.http.get("/s/").url.path == "/", "nothing is open after the first step"
    assert second(other, code=phone.code(3)) == 401
    assert second(other, code=phone.code()) == 200
    assert other.page is not None
    assert other.page.url.path == "/s/"

    visitor.get(FACTOR)
    house.clock.ahead += 30
    for fields in ({"actuel": "Faux#2026", "code": phone.code()}, {"actuel": PASSWORD, "code": "000000"}):
        assert visitor.post(FACTOR, {"faire": "arreter", **fields}).status_code == 422
    house.clock.ahead += 30
    assert (
        "Double authentification désactivée"
        in visitor.post(FACTOR, {"faire": "arreter", "actuel": PASSWORD, "code": phone.code()}).text
    )
    assert enters(house, person, PASSWORD) is None
    assert house.visitor().log_in(person.login).url.path == "/s/"


def test_recovery_codes_work_once_and_a_new_set_replaces_them(house: House, visitor: Visitor) -> None:
    person = house.person("Rose", "Secours")
    visitor.log_in(person.login)
    phone, codes = set_up(house, visitor)
    other = house.visitor()
    other.log_in(person.login)
    assert second(other, secours=codes[0].lower().replace("-", " ")) == 200
    assert "Il vous en reste 9" in other.text
    assert other.get("/compte").status_code == 200
    other.post("/deconnexion", {})
    other.log_in(person.login)
    assert second(other, secours=codes[0]) == 401
    visitor.get(FACTOR)
    visitor.post(FACTOR, {"faire": "codes", "actuel": PASSWORD, "code": phone.code()})
    fresh = re.findall(r"<li>\s*<code>([A-Z2-7-]+)", visitor.text)
    assert len(fresh) == 10
    assert second(other, secours=codes[1]) == 401
    assert second(other, secours=fresh[1]) == 200


def test_the_first_step_is_bound_to_its_browser_and_its_time(house: House, visitor: Visitor) -> None:
    person = house.person("Lou", "Lien")
    visitor.log_in(person.login)
    phone, _ = set_up(house, visitor)
    one, other = house.visitor(), house.visitor()
    one.log_in(person.login)
    sealed = one.field("etape")
    other.get("/login")
    assert other.post("/connexion/code", {"etape": sealed, "code": phone.code()}).status_code == 403
    assert other.post("/connexion/code", {"etape": "x", "code": phone.code()}).status_code == 400
    house.clock.ahead += 700
    assert second(one, code=phone.code()) == 403
    one.log_in(person.login)
    house.run(house.login.log_out_everywhere(person, Origin("self", "web")))
    assert second(one, code=phone.code()) == 403, "the account moved between the two steps"


def test_wrong_codes_are_throttled_and_the_page_says_for_how_long(house: House, visitor: Visitor) -> None:
    person = house.person("Théo", "Lent")
    visitor.log_in(person.login)
    phone, _ = set_up(house, visitor)
    other = house.visitor()
    other.log_in(person.login)
    answers = [second(other, code="000000") for _ in range(7)]
    assert answers[:5] == [401] * 5
    assert answers[-1] == 429
    assert "Patientez" in other.text
    assert second(other, code=phone.code()) == 429
    house.clock.ahead += 60
    assert second(other, code=phone.code()) == 200


def test_an_administrator_sets_it_up_before_anything_else(house: House, visitor: Visitor) -> None:
    person = house.person("Ada", "Chef", Role.ADMIN)
    visitor.log_in(person.login)
    assert visitor.page is not None
    assert visitor.page.url.path == FACTOR
    assert "Boîte de réception" not in visitor.text
    for path in ("/s/", "/m/ecrire", "/compte", DEVICES, SESSIONS, "/compte/mot-de-passe", "/secretariat"):
        assert visitor.get(path).url.path == FACTOR
    assert enters(house, person, PASSWORD) is None
    # The password was typed a moment ago and is not asked again; later it is.
    assert 'name="actuel"' not in visitor.text
    visitor.post(FACTOR, {"faire": "commencer"})
    phone = Phone(house, re.search(r'class="secret"><code>([^<]+)', visitor.text)[1])  # type: ignore[index]
    wrong = visitor.post(FACTOR, {"faire": "confirmer", "etape": visitor.field("etape"), "code": "123456"})
    assert wrong.status_code == 422
    visitor.post(FACTOR, {"faire": "confirmer", "etape": visitor.field("etape"), "code": phone.code()})
    assert "Mes codes de secours" in visitor.text
    assert visitor.get("/s/").url.path == "/s/"
    house.clock.ahead += 30
    visitor.get(FACTOR)
    visitor.post(FACTOR, {"faire": "arreter", "actuel": PASSWORD, "code": phone.code()})
    assert visitor.get("/s/").url.path == FACTOR


def test_a_session_of_others_cannot_see_a_secret_that_is_being_set_up(house: House, visitor: Visitor) -> None:
    """Whoever has the cookie but not the password is shown nothing."""
    person = house.person("Zoé", "Seule")
    visitor.log_in(person.login)
    secret = begin(visitor)
    visitor.get(FACTOR)
    assert secret not in visitor.post(FACTOR, {"faire": "confirmer", "etape": "", "code": "123456"}).text
    assert secret not in visitor.get(FACTOR).text


def test_an_app_password_is_shown_once_and_opens_what_it_says(house: House, visitor: Visitor) -> None:
    person = house.person("Marc", "Appareil")
    visitor.log_in(person.login)
    visitor.get(DEVICES)
    fields = {"faire": "creer", "nom": "Thunderbird <b>du bureau</b>", "usage": ["mail", "send"]}
    assert visitor.post(DEVICES, {**fields, "actuel": "Faux#2026"}).status_code == 422
    assert visitor.post(DEVICES, {**fields, "nom": " ", "actuel": PASSWORD}).status_code == 422
    made = visitor.post(DEVICES, {**fields, "actuel": PASSWORD})
    assert "993" in made.text or str(house.settings.listen.imaps) in made.text
    assert "<b>du bureau" not in made.text
    password = re.search(r'class="secret"><code>([^<]+)', made.text)[1]  # type: ignore[index]
    assert re.fullmatch(r"([a-z]{4}-){4}[a-z]{4}", password)
    assert enters(house, person, password) is None
    assert enters(house, person, password.upper().replace("-", " "), "submission") is None
    assert enters(house, person, password, "dav") is Reason.APP_PASSWORD
    assert enters(house, person, password, "web") is Reason.AUTHENTICATION
    page = visitor.get(DEVICES).text
    assert password not in page
    assert "192.0.2.9" in page
    device = re.search(r'name="appareil"\s+value="(\d+)"', page)[1]  # type: ignore[index]
    other = house.visitor()
    other.log_in(house.person("Luc", "Voisin").login)
    other.get(DEVICES)
    other.post(DEVICES, {"faire": "revoquer", "appareil": device})
    assert enters(house, person, password) is None, "somebody else's form revokes nothing"
    visitor.post(DEVICES, {"faire": "revoquer", "appareil": device})
    assert "révoqué" in visitor.text
    assert enters(house, person, password) is Reason.AUTHENTICATION


def test_with_a_second_factor_an_app_password_takes_a_code(house: House, visitor: Visitor) -> None:
    """It comes in without one ever after: who found a session open, and knows the password, must not make one."""
    person = house.person("Rose", "Appareil")
    visitor.log_in(person.login)
    phone, codes = set_up(house, visitor)
    fields = {"faire": "creer", "nom": "Téléphone", "usage": ["mail"], "actuel": PASSWORD}
    visitor.get(DEVICES)
    for code in ("", "000000"):
        assert visitor.post(DEVICES, {**fields, "code": code}).status_code == 422
        assert "Ce code n’est pas le bon" in visitor.text
    given = phone.code()
    assert visitor.post(DEVICES, {**fields, "nom": " ", "code": given}).status_code == 422
    assert "Donnez un nom" in visitor.text
    assert 'class="secret"' in visitor.post(DEVICES, {**fields, "code": given}).text, "no code was used up by a name"
    visitor.get(DEVICES)
    assert 'class="secret"' in visitor.post(DEVICES, {**fields, "code": codes[0]}).text


def test_the_owner_hears_of_every_change_of_protection(house: House, visitor: Visitor) -> None:
    """In the mailbox and at the private address; in French, then English, and without a secret."""
    private = "sarah@example.net"
    person = house.person("Sarah", "Avertie", recovery_address=private)
    visitor.log_in(person.login)
    phone, codes = set_up(house, visitor)
    secret = phone.secret
    visitor.get(FACTOR)
    visitor.post(FACTOR, {"faire": "codes", "actuel": "Faux#2026", "code": phone.code()})
    visitor.post(FACTOR, {"faire": "codes", "actuel": PASSWORD, "code": phone.code()})
    codes += re.findall(r"<li>\s*<code>([A-Z2-7-]+)", visitor.text)
    house.clock.ahead += 30
    visitor.get(DEVICES)
    device = {"faire": "creer", "nom": "Poste {login} 12", "usage": "mail", "actuel": PASSWORD}
    visitor.post(DEVICES, {**device, "nom": " ", "code": phone.code()})
    made = visitor.post(DEVICES, {**device, "code": phone.code()})
    house.clock.ahead += 30
    codes.append(re.search(r'class="secret"><code>([^<]+)', made.text)[1])  # type: ignore[index]
    visitor.get(FACTOR)
    visitor.post(FACTOR, {"faire": "arreter", "actuel": PASSWORD, "code": phone.code()})
    subjects = [
        "Double authentification activée",
        "Nouveaux codes de secours",
        "Nouveau mot de passe d'application",
        "Double authentification désactivée",
    ]
    assert house.subjects(person, "INBOX") == subjects
    kept = [house.octets(person, "INBOX", place) for place in range(4)]
    left = [octets for to, octets in house.outgoing() if to == private]
    for messages in (kept, left):
        read = [email.message_from_bytes(octets, policy=email.policy.default) for octets in messages]
        assert [one["Subject"] for one in read] == subjects
        for one in read:
            text = one.get_content()
            assert "Bonjour Sarah Avertie" in text
            assert "Hello" not in text, "her pages are French"
            assert "Appelez sans attendre" in text
            assert "03 00 00 00 00" in text
            assert not any(code in text for code in (secret, *codes))
        assert "Poste {login} 12" in read[2].get_content()


def test_sessions_are_listed_in_words_and_closed(house: House, visitor: Visitor) -> None:
    person = house.person("Nina", "Partout")
    agents = {
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox sous Windows",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1": "Safari sous iPhone",
        '"><script>alert(1)</script>': "Navigateur inconnu",
    }
    others = []
    for agent in agents:
        other = house.visitor()
        other.http.headers["user-agent"] = agent
        other.log_in(person.login)
        others.append(other)
    visitor.log_in(person.login)
    page = visitor.get(SESSIONS).text
    for words in agents.values():
        assert words in page
    assert "<script>alert" not in page
    assert page.count("cette session") == 1
    ids = re.findall(r'name="fermer"\s+value="([0-9a-f]+)"', page)
    assert len(ids) == 3
    visitor.post(SESSIONS, {"fermer": ids[0]})
    assert "Session fermée" in visitor.text
    assert sum(other.get("/s/").url.path == "/s/" for other in others) == 2
    stranger = house.visitor()
    stranger.log_in(house.person("Paul", "Autre").login)
    stranger.get(SESSIONS)
    stranger.post(SESSIONS, {"fermer": ids[1]})
    assert sum(other.get("/s/").url.path == "/s/" for other in others) == 2
    before = visitor.http.cookies["session"]
    visitor.get(SESSIONS)
    visitor.post(SESSIONS, {"toutes": "1"})
    assert visitor.http.cookies["session"] != before
    assert "Vos autres sessions sont fermées" in visitor.text
    assert all(other.get("/s/").url.path == "/" for other in others)
    assert visitor.get("/s/").url.path == "/s/"


def test_last_logins_are_the_persons_own_with_their_outcome(house: House, visitor: Visitor) -> None:
    person = house.person("Jeanne", "Journal")
    enters(house, person, "Faux#2026")
    house.visitor().log_in(house.person("Jean", "Voisin").login)
    visitor.log_in(person.login)
    rows = re.findall(r"<tr>\s*<td>.*?(?=<tr>|</tbody>)", visitor.get(SESSIONS).text, re.DOTALL)
    told = [unescape(re.sub(r"<[^>]+>", " ", row)) for row in rows]
    assert any("IMAP" in row and "192.0.2.9" in row and "Mot de passe refusé" in row for row in told)
    assert any("Réussie" in row for row in told)
    assert len(told) <= 4


@pytest.mark.parametrize("path", ["/compte", FACTOR, DEVICES, SESSIONS])
def test_account_pages_need_a_session_and_speak_english(house: House, path: str) -> None:
    visitor = house.visitor()
    assert visitor.get(path).url.path == "/"
    assert visitor.field("suite") == path
    person = house.person("Emily", f"English{len(path)}")
    visitor.log_in(person.login)
    visitor.http.headers["accept-language"] = "en"
    page = visitor.get(path).text
    assert "Two-step login" in page
    assert "authentification" not in page.replace(FACTOR, "")


def test_an_unusual_login_is_shown_on_the_account_s_page(house: House, visitor: Visitor) -> None:
    """A thief can remove the mail about it."""
    person = house.person("Usha", "Belle")
    visitor.log_in(person.login)
    assert enters(house, person, PASSWORD) is None
    assert "Connexion inhabituelle" not in visitor.get("/compte").text
    house.run(house.login.login(person.login, Secret(PASSWORD), "203.0.113.7", "web", "X Firefox/1 (Windows)<b>"))
    text = unescape(visitor.get("/compte").text)
    assert "d’un réseau nouveau, quelques minutes après un autre (adresse 203.0.113.7, Firefox Windows)" in text
    assert "Changez votre mot de passe, fermez vos sessions" in text
