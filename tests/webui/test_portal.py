"""The portal: choice of interface, login, logout, throttling, suspended, sessions, cookies, forgery."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from starlette.routing import BaseRoute, Mount, Route

from mailserver.model.errors import Reason, Temporary
from mailserver.model.identity import Principal
from mailserver.notices.announcements import Announcements
from mailserver.operations.health import service_state, zone
from mailserver.operations.health.service_state import Health, State
from mailserver.store.account import accounts, sessions, stored_preferences
from tests.webui.house import PASSWORD, House, Visitor
from webui.page.faults import STATUS
from webui.public import pages


def test_portal_offers_both_interfaces_and_preselects_by_its_name(visitor: Visitor) -> None:
    """/login leads to the complete interface, /roundcube to the simplified one (printed guides keep working)."""
    checked = r'value="(\w+)" checked'
    assert re.findall(checked, visitor.get("/login").text) == ["complet"]
    assert re.findall(checked, visitor.get("/roundcube").text) == ["simple"]
    page = visitor.get("/").text
    assert ">Complet<" in page
    assert ">Simplifié<" in page


def test_login_leads_to_the_chosen_interface_which_is_remembered(visitor: Visitor, emma: Principal) -> None:
    assert visitor.log_in(emma.login, interface="simple").url.path == "/s/"
    visitor.post("/deconnexion", {})
    assert re.findall(r'value="(\w+)"\s+checked', visitor.get("/").text) == ["simple"]
    assert visitor.log_in(f"  {emma.address.upper()} ", interface="complet").url.path == "/m/"
    assert visitor.get("/").url.path == "/m/"


def test_shared_computer_gets_a_short_session_and_remembers_nothing(
    visitor: Visitor, house: House, emma: Principal
) -> None:
    visitor.get("/roundcube")
    data = {"identifiant": emma.login, "mot_de_passe": PASSWORD, "interface": "simple", "partage": "on"}
    visitor.post("/connexion", data)
    assert "interface" not in visitor.http.cookies
    found = _session(house, visitor)
    assert found is not None
    assert found.lifetime == 30 * 60


def test_wrong_pair_has_one_sentence_and_keeps_the_login(visitor: Visitor, emma: Principal) -> None:
    unknown = visitor.log_in("personne", "Faux#2026")
    wrong = visitor.log_in(emma.login, "Faux#2026")
    assert unknown.status_code == wrong.status_code == 401
    sentence = "L’identifiant et le mot de passe ne correspondent pas."
    assert sentence in unknown.text
    assert sentence in wrong.text
    assert f'value="{emma.login}"' in wrong.text
    assert "Faux#2026" not in wrong.text


def test_guessing_is_slowed_and_the_page_says_for_how_long(house: House, visitor: Visitor) -> None:
    target = house.person("Sarah", "Kaci")
    for _ in range(house.settings.limits.login_failures):
        visitor.log_in(target.login, "Faux#2026")
    answer = visitor.log_in(target.login, PASSWORD)
    assert answer.status_code == 429
    assert re.search(r"Patientez \d+ (secondes|minutes?) avant de recommencer", answer.text)
    assert int(answer.headers["retry-after"]) > 0


def test_suspended_person_is_told_only_after_the_right_password(house: House, visitor: Visitor) -> None:
    person = house.person("Gilles", "Parti")
    house.store.write_now(accounts.suspend, person.account_id, "départ", True)
    stranger = visitor.log_in(person.login, "Faux#2026")
    assert stranger.status_code == 401
    assert "suspendu" not in stranger.text
    answer = visitor.log_in(person.login)
    assert answer.status_code == 403
    assert "Votre compte est suspendu" in answer.text
    assert "départ" in answer.text
    assert "assistance@ac-exemple.fr" in answer.text
    assert "continuent d’arriver" in answer.text


def test_suspension_is_felt_at_the_next_request(house: House, visitor: Visitor) -> None:
    person = house.person("Alix", "Moulin")
    visitor.log_in(person.login)
    house.store.write_now(accounts.suspend, person.account_id, "", False)
    answer = visitor.get("/s/")
    assert answer.status_code == 403
    assert "Votre compte est suspendu" in answer.text


def test_session_ends_with_logout_and_with_time(house: House, visitor: Visitor, emma: Principal) -> None:
    visitor.log_in(emma.login)
    cookie = visitor.http.cookies["session"]
    answer = visitor.post("/deconnexion", {})
    assert "Vous êtes déconnecté" in answer.text
    assert answer.headers["clear-site-data"]
    visitor.http.cookies.set("session", cookie)
    assert visitor.get("/s/").url.path == "/"

    visitor.log_in(emma.login)
    house.clock.ahead += 13 * 3600
    try:
        answer = visitor.get("/s/reglages")
        assert answer.url.path == "/"
        assert answer.url.params["suite"] == "/s/reglages"
        assert visitor.field("suite") == "/s/reglages"
    finally:
        house.clock.ahead -= 13 * 3600


def test_use_renews_a_session(house: House, visitor: Visitor, emma: Principal) -> None:
    visitor.log_in(emma.login)
    try:
        for _ in range(3):
            house.clock.ahead += 8 * 3600
            assert visitor.get("/s/").url.path == "/s/"
    finally:
        house.clock.ahead -= 24 * 3600


def test_login_goes_on_to_our_own_addresses_only(visitor: Visitor, emma: Principal) -> None:
    """Open redirects: whatever the form says, the way on stays inside."""
    for wanted, path in (
        ("/s/reglages", "/s/reglages"),
        ("//evil.test/", "/s/"),
        ("https://evil.test/", "/s/"),
        ("/s//evil.test", "/s/"),
        ("/s/\\evil.test", "/s/"),
        ("/s/x\r\nSet-Cookie: a=b", "/s/"),
        ("/m/reglages", "/s/"),
        ("/contacts/carnets", "/contacts/carnets"),
        ("/listes", "/s/listes"),
        ("/listes/../admin\\x", "/s/"),
        ("/agendax", "/s/"),
    ):
        visitor.get("/roundcube")
        data = {"identifiant": emma.login, "mot_de_passe": PASSWORD, "interface": "simple", "suite": wanted}
        assert visitor.post("/connexion", data).url.path == path
        visitor.http.cookies.delete("session")


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/agenda/jour/2026-11-24", "/s/agenda/2026-11-24"),
        ("/agenda/taches?fait=1", "/s/agenda/taches"),
        ("/agenda/agendas", "/agenda/agendas"),
        ("/m/liste/nobody%40ac-exemple.fr/messages", "/s/liste/nobody@ac-exemple.fr/messages"),
    ],
)
def test_the_same_opens_in_the_simplified_interface(house: House, emma: Principal, address: str, path: str) -> None:
    """What it has no page for (agendas that others share, which one may leave there) opens in the complete one."""
    visitor = house.visitor()
    visitor.get(address)
    data = {"identifiant": emma.login, "mot_de_passe": PASSWORD, "interface": "simple"}
    assert visitor.post("/connexion", {**data, "suite": visitor.field("suite")}).url.path == path


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/listes", "/m/listes"),
        ("/envois-en-nombre", "/m/envois-en-nombre"),
        ("/agenda/jour/2026-11-24", "/agenda/jour/2026-11-24"),
        ("/contacts/carnets", "/contacts/carnets"),
        ("/archives/nobody%40ac-exemple.fr", "/archives/nobody@ac-exemple.fr"),
    ],
)
def test_what_mail_of_the_service_links_to_opens_after_logging_in(
    house: House, emma: Principal, address: str, path: str
) -> None:
    """Notices, List-Archive and reminders lead to pages without an interface in their address."""
    visitor = house.visitor()
    assert visitor.get(address).url.path == "/"
    data = {"identifiant": emma.login, "mot_de_passe": PASSWORD, "interface": "complet"}
    assert visitor.post("/connexion", {**data, "suite": visitor.field("suite")}).url.path == path


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_post_from_elsewhere_is_refused(at_home: Visitor, headers: dict[str, str]) -> None:
    assert at_home.post("/s/reglages/affichage", {"page_size": "25"}, headers=headers).status_code == 403


def test_post_needs_the_mark_of_its_own_session(house: House, at_home: Visitor, marc: Principal) -> None:
    """A mark of another person, of a guest, or none: nothing is done."""
    other, guest = house.visitor(), house.visitor()
    other.log_in(marc.login)
    for page in (other.text, guest.get("/").text, '<input name="m_" value="AAAA">', '<input name="m_" value="x">'):
        assert at_home.post("/s/reglages/affichage", {"page_size": "25"}, page=page).status_code == 403
    assert at_home.http.post("/s/reglages/affichage", data={"page_size": "25"}).status_code == 403
    marks = {re.findall(r'name="m_"\s+value="([^"]+)"', at_home.get("/s/").text)[0] for _ in range(3)}
    assert len(marks) == 3  # masked anew each time (BREACH)


AUTODISCOVER = ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml")


def posts(found: Iterable[BaseRoute], prefix: str = "") -> Iterator[str]:
    """Every address that may be posted to, its parameters filled in."""
    for one in found:
        if isinstance(one, Mount):
            yield from posts(one.routes, prefix + one.path)
        elif isinstance(one, Route) and "POST" in (one.methods or ()):
            yield prefix + re.sub(r"\{\w+(?::key)?\}", "1", one.path)


def test_nothing_is_posted_without_a_mark(house: House, at_home: Visitor) -> None:
    """Whatever may be posted: refused, but for what is named."""
    paths = list(posts(house.door.routes))
    assert len(paths) > 150
    assert not [path for path in paths if "{" in path]
    answers = {path: at_home.http.post(path, data={"x": "1"}, follow_redirects=False).status_code for path in paths}
    others = {path: code for path, code in answers.items() if code != 403}
    # The console is not there for others than administrators (test_admin). Three doors are for programs. Two change
    # nothing: browsers report what the policy stopped; mail programs ask in XML where our servers are. The third wants
    # the key of one member of a list (test_list_members).
    hidden = {path: 404 for path in paths if path.startswith("/admin/")}
    assert hidden
    programs = {"/csp-rapport": 204, **dict.fromkeys(AUTODISCOVER, 400), "/abonnement/1": 404}
    assert others == {**hidden, **programs}
    assert at_home.get("/s/").url.path == "/s/", "still logged in"


def test_cookies_have_their_prefix_on_the_tls_door_only(house: House, emma: Principal) -> None:
    for visitor, prefix in ((house.visitor(), ""), (house.visitor(secure=True), "__Host-")):
        answer = visitor.get("/roundcube")
        mark = re.search(r'name="m_"\s+value="([^"]+)"', answer.text)
        assert mark
        data = {"m_": mark[1], "identifiant": emma.login, "mot_de_passe": PASSWORD, "interface": "simple"}
        answer = visitor.http.post("/connexion", data=data, follow_redirects=False)
        assert answer.status_code == 303
        cookies = answer.headers.get_list("set-cookie")
        session = next(cookie for cookie in cookies if cookie.startswith(f"{prefix}session="))
        assert "HttpOnly" in session
        assert "SameSite=lax" in session
        assert "Path=/" in session
        assert ("Secure" in session) is bool(prefix)
        assert ("strict-transport-security" in answer.headers) is bool(prefix)


def test_token_is_not_in_the_store(house: House, at_home: Visitor) -> None:
    """A copy of the database opens no session."""
    token = at_home.http.cookies["session"]
    assert _session(house, at_home) is not None
    for path in house.settings.data.glob("mail.db*"):
        assert token.encode() not in path.read_bytes()


def test_language_is_chosen_and_kept(visitor: Visitor) -> None:
    assert 'lang="fr"' in visitor.get("/").text
    assert "Sign in" in visitor.get("/?lang=en").text
    assert "Sign in" in visitor.get("/").text
    visitor.get("/?lang=fr")
    assert "Me connecter" in visitor.get("/").text
    visitor.http.cookies.clear()
    assert "Sign in" in visitor.get("/", headers={"accept-language": "en-GB,en;q=0.9,fr;q=0.5"}).text


def test_the_language_that_somebody_chose_is_that_of_pages_without_a_session(house: House) -> None:
    """On a browser that prefers another: the help, a page that is none; but not on a shared computer."""
    person = house.person("Rosa", "Lectrice")
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"language": "en"})
    at_home, abroad = house.visitor(), house.visitor()
    at_home.log_in(person.login)
    assert "Page not found" in at_home.get("/s/nowhere").text
    assert 'lang="en"' in at_home.get("/aide").text.partition("<head")[0]
    abroad.get("/login")
    data = {"identifiant": person.login, "mot_de_passe": PASSWORD, "interface": "simple", "partage": "1"}
    assert 'lang="en"' in abroad.post("/connexion", data).text.partition("<head")[0]
    abroad.http.cookies.delete("session")
    assert 'lang="fr"' in abroad.get("/").text.partition("<head")[0]


def test_another_language_leads_no_less_to_what_was_asked_for(house: House, emma: Principal, visitor: Visitor) -> None:
    visitor.get("/agenda/jour/2026-11-24")
    (english,) = visitor.links(r"^\?.*lang=en")
    visitor.get(str(visitor.http.base_url.join(f"/{english}")))
    assert "Sign in" in visitor.text
    assert visitor.links(r"^\?") == ["?suite=%2Fagenda%2Fjour%2F2026-11-24&lang=fr"]
    data = {
        "identifiant": emma.login,
        "mot_de_passe": PASSWORD,
        "interface": "complet",
        "suite": visitor.field("suite"),
    }
    assert visitor.post("/connexion", data).url.path == "/agenda/jour/2026-11-24"


def test_the_language_of_the_pages_at_the_login_is_that_of_mail_to_the_person(house: House, visitor: Visitor) -> None:
    """Until one is chosen."""
    person = house.person("Rosa", "Parlante")
    visitor.get("/login?lang=en")
    visitor.log_in(person.login)
    assert house.store.read_now(stored_preferences.preferences, person.account_id).reads == "en"
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"language": "fr"})
    assert house.store.read_now(stored_preferences.preferences, person.account_id).reads == "fr"
    assert house.store.read_now(stored_preferences.preferences, 0).reads is None


def test_security_headers(visitor: Visitor) -> None:
    answer = visitor.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_faults_are_pages(visitor: Visitor) -> None:
    for path, status in (
        ("/nulle", 404),
        ("/s/nulle", 404),
        ("/m/m/nulle", 404),
        ("/static/dist/x.css", 404),
        ("/connexion/x", 404),
    ):
        assert visitor.get(path).status_code == status
    moved = (("/aide/", "/aide"), ("/s?a=b%20c", "/s/?a=b%20c"), ("/m/reglages/", "/m/reglages"))
    for path, meant in moved:
        answer = visitor.http.get(path, headers={"host": "elsewhere.example"}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (307, meant)
    refused = visitor.http.put("/")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert visitor.http.put("/m/ecrire").headers["allow"] == "GET, HEAD, POST"
    assert visitor.http.get("/autodiscover/autodiscover.xml").headers["allow"] == "POST"
    assert visitor.http.put("/connexion").headers["allow"] == "GET, HEAD, POST"
    assert "Demande incomprise" in visitor.http.put("/").text


def test_the_policy_of_mta_sts_is_served_under_its_name(house: House, visitor: Visitor) -> None:
    answer = visitor.get("/.well-known/mta-sts.txt", headers={"host": "mta-sts.ac-exemple.fr"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text == zone.mta_sts_policy(house.settings)
    assert visitor.get("/.well-known/mta-sts.txt", headers={"host": "ac-exemple.fr"}).status_code == 404


def test_whom_to_tell_of_a_weakness(house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/.well-known/security.txt"
    assert visitor.get(path).status_code == 404
    kept = house.settings.web.__dict__
    monkeypatch.setitem(kept, "url", "https://mail.ac-exemple.fr")
    for given, contact in (
        ("rssi+alerte@ac-exemple.fr", "mailto:rssi+alerte@ac-exemple.fr"),
        ("https://ac-exemple.fr/alerte", "https://ac-exemple.fr/alerte"),
    ):
        monkeypatch.setitem(kept, "security_contact", given)
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
        expires = datetime.fromisoformat(fields.pop("Expires"))
        assert timedelta(days=30) < expires - datetime.fromtimestamp(house.clock.now(), UTC) < timedelta(days=365)
        assert fields == {
            "Contact": contact,
            "Canonical": f"https://mail.ac-exemple.fr{path}",
            "Preferred-Languages": "fr, en",
        }
    monkeypatch.setitem(kept, "url", "http://127.0.0.1:8080")
    assert "Canonical" not in visitor.get(path).text, "RFC 9116 section 2.5.2: only of https"


def test_state(visitor: Visitor) -> None:
    assert "Tout fonctionne" in visitor.get("/etat").text
    assert visitor.get("/sante/vif").text == "vif\n"
    assert visitor.get("/sante/pret").json() == {"ready": True, "failing": []}


@pytest.mark.parametrize(
    "path", ["/aide", "/accessibilite", "/donnees-personnelles", "/mentions-legales", "/activation", "/initialiser"]
)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_pages_for_everybody(visitor: Visitor, path: str, language: str) -> None:
    answer = visitor.get(f"{path}?lang={language}")
    assert answer.status_code == 200
    assert f'<html lang="{language}"' in answer.text
    assert answer.num_bytes_downloaded < 10_000


def test_portal_is_light(visitor: Visitor) -> None:
    """At most 25 kB over the wire with all that it loads."""
    total = visitor.get("/").num_bytes_downloaded
    for path in set(re.findall(r'(?:src|href)="(/static/[^"#]+)', visitor.text)):
        answer = visitor.get(path)
        assert answer.headers["cache-control"].endswith("immutable")
        total += answer.num_bytes_downloaded
    assert total < 25_000


def _session(house: House, visitor: Visitor) -> sessions.Session | None:
    import hashlib
    import hmac

    key = hmac.digest(house.settings.secret("hmac"), b"web session", hashlib.sha256)
    stored = hmac.digest(key, visitor.http.cookies["session"].encode(), hashlib.sha256)
    found = house.store.read_now(sessions.find, stored)
    return found[0] if found else None


def test_oversized_and_malformed_forms(visitor: Visitor) -> None:
    """Bounds on a form: its size, its fields, its kind."""
    visitor.get("/")
    huge = {"identifiant": "x" * (5 * 1024 * 1024)}
    assert visitor.post("/connexion", huge).status_code in (413, 400)
    many = {f"champ{number}": "x" for number in range(400)}
    visitor.get("/")
    assert visitor.post("/connexion", many).status_code == 400
    answer = visitor.http.post("/connexion", content=b"{}", headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_out_of_reach_is_503_and_a_defect_is_500_with_its_number(
    house: House, at_home: Visitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def unreachable(account_id: int) -> Principal:
        raise Temporary("The database is out of reach")

    async def broken(account_id: int) -> Principal:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(house.directory, "by_account", unreachable)
    answer = at_home.get("/s/")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "Rien n’est perdu" in answer.text
    monkeypatch.setattr(house.directory, "by_account", broken)
    answer = at_home.get("/s/")
    assert answer.status_code == 500
    number = re.search(r"Numéro d’incident\u202f:</?[^>]*> *<b>([0-9A-F]{8})</b>|<b>([0-9A-F]{8})</b>", answer.text)
    assert number
    assert "secret detail" not in answer.text
    assert (number[1] or number[2]) in capsys.readouterr().out


@pytest.mark.parametrize("place", ["moderation", "transfert", "abonnement"])
def test_the_log_of_a_defect_has_no_key_of_a_link(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """Whoever has it lets a message out, agrees for somebody or leaves a list in somebody's place."""

    async def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Announcements, "refresh", broken)
    assert visitor.get(f"/{place}/CLE-SECRETE").status_code == 500
    # structlog's own stack, which has every variable, is not that of the service.
    (path,) = re.findall(r"(?m)path=(.*)$", capsys.readouterr().out.partition("Traceback")[0])
    assert place in path
    assert "CLE-SECRETE" not in path


def test_state_page_tells_when_something_is_broken(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(login: str) -> Principal:
        raise Temporary("out of reach")

    monkeypatch.setattr(service_state, "DIRECTORY_REMEMBERED", 0.0)  # another test may just have asked
    monkeypatch.setattr(house.directory, "find", unreachable)
    answer = visitor.get("/etat")
    assert answer.status_code == 503
    assert "ne répond pas" in answer.text
    assert "perturbé" in answer.text
    answer = visitor.get("/sante/pret")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "failing": ["directory"]})
    assert visitor.get("/sante/vif").status_code == 200


@pytest.mark.parametrize(
    ("found", "status", "failing"),
    [
        (State(room=False), 503, ["room"]),
        (State(reads=False, writes=False), 503, ["reads", "writes"]),
        (State(intact=False), 503, ["intact"]),
        (State(index=False, spare=False), 200, ["spare", "index"]),
        (State(certificate=False), 200, ["certificate"]),
        (State(octets=False), 200, ["octets"]),
    ],
)
def test_monitors_are_told_what_fails(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, found: State, status: int, failing: list[str]
) -> None:
    async def looked(_self: Health) -> State:
        return found

    monkeypatch.setattr(Health, "state", looked)
    answer = visitor.get("/sante/pret")
    assert (answer.status_code, answer.json()) == (status, {"ready": status == 200, "failing": failing})


def test_a_policy_report_leaves_no_address_in_the_log(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Addresses of pages have keys that let a message out, and what people search for."""
    monkeypatch.setattr(pages, "REPORTS_PER_MINUTE", 1_000_000)
    told = {
        "document-uri": "https://mail.ac-exemple.fr/moderation/CLE-SECRETE?x=1",
        "referrer": "https://mail.ac-exemple.fr/m/recherche?q=SALAIRE",
        "violated-directive": "script-src-elem 'self'",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://cdn.example/x.js?u=JETON",
        "source-file": "https://mail.ac-exemple.fr/moderation/CLE-SECRETE",
        "script-sample": "alert('CONTENU')",
    }
    for report in (
        {"csp-report": told},
        {"csp-report": {**told, "blocked-uri": "inline", "violated-directive": "CONTENU\n" * 9}},
        {"csp-report": {**told, "blocked-uri": "https://[CONTENU", "document-uri": "//[CONTENU"}},
        {"csp-report": {name: ["CONTENU"] for name in told}},
        {"csp-report": "CONTENU"},
        ["CONTENU"],
    ):
        assert visitor.http.post("/csp-rapport", json=report).status_code == 204
    for octets in (b"CONTENU", b"[" * 8000, b"\xff"):
        assert visitor.http.post("/csp-rapport", content=octets).status_code == 204
    said = capsys.readouterr().out
    assert said.count("content policy report") == 9
    assert re.search(r"blocked=\S*https://cdn.example\S* directive=script-src-elem page=/moderation\n", said)
    assert "blocked=inline" in said
    for secret in ("SECRETE", "SALAIRE", "JETON", "CONTENU"):
        assert secret not in said


def test_policy_reports_are_bounded(visitor: Visitor) -> None:
    for _ in range(40):
        assert visitor.http.post("/csp-rapport", content=b'{"csp-report": {}}').status_code == 204
    assert visitor.http.post("/csp-rapport", content=b"x" * 1_000_000).status_code == 204


def test_every_reason_has_its_status() -> None:
    assert set(STATUS) == set(Reason)
    assert all(400 <= status < 600 for status in STATUS.values())
