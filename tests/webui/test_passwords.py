"""First connection, renewal, a forgotten password, the recovery address: as a browser posts their forms."""

import email
import email.policy
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mailserver.login import recovery
from mailserver.login.passwords import renewal
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account import accounts, renewals
from mailserver.store.record import audit
from tests.waiting import until
from tests.webui.house import PASSWORD, House, Visitor
from tests.webui.secondstep import set_up

BORN = "31/03/1980"
CHOSEN = "kT9#vbRe!mq"
ANOTHER = "wZ4&xqPl?nd"
CODE = re.compile(r"^    ((?:[A-Z2-7]{4}-){3}[A-Z2-7]{4})$", re.MULTILINE)
YEAR = 365 * 86400
FIRST_NOTICE = 29.5 * 86400
"""Seconds before the end at which the first notice has gone out."""
CHANGE, SECOURS, WELCOME = "/compte/mot-de-passe", "/compte/secours", "/bienvenue"


@pytest.fixture(scope="module", autouse=True)
def _at_once() -> Iterator[None]:
    """Questions are looked into at once: tests need not wait for what nobody is to foresee."""
    patch = pytest.MonkeyPatch()
    patch.setattr(recovery.Recovery.__init__, "__kwdefaults__", {"longest_delay": 0.0})
    yield
    patch.undo()


@pytest.fixture
def ahead(house: House) -> Iterator[Callable[[float], None]]:
    """Moves the house's clock for one test."""
    before = house.clock.ahead

    def step(seconds: float) -> None:
        house.clock.ahead += seconds

    yield step
    house.clock.ahead = before


@pytest.fixture
def aged(house: House, ahead: Callable[[float], None]) -> Callable[[float], None]:
    """Moves the house's clock to so many seconds after a year, everybody having been told in time."""

    def grow(seconds: float) -> None:
        ahead(YEAR - FIRST_NOTICE)
        tell_everybody(house)
        ahead(FIRST_NOTICE + seconds)

    return grow


def tell_everybody(house: House) -> None:
    """The notices that are due have gone out."""

    async def work() -> None:
        async for one, count in renewal.due(house.store, house.settings.passwords, house.clock.now()):
            await house.store.write(renewals.noticed, one, count)

    house.run(work())


_numbers = iter(range(100, 1000))


def newcomer(house: House, surname: str, **more: Any) -> tuple[Principal, str]:
    """Somebody who has not activated yet, and their NUMEN."""
    numen = f"21E2600{next(_numbers)}ABC"
    facts = {"numen": numen, "birth_date": "1980-03-31", **more}
    return house.person("Julie", surname, password="", **facts), numen


def member(house: House, surname: str, **more: Any) -> tuple[Principal, str]:
    """Somebody with PASSWORD and a recovery address."""
    numen = f"21E2600{next(_numbers)}ABC"
    facts = {"numen": numen, "birth_date": "1980-03-31", "recovery_address": f"{surname.lower()}@exemple.org", **more}
    return house.person("Julie", surname, **facts), numen


def letters(house: House, to: str, count: int = 1) -> list[str]:
    """The messages to an outside address, once there are so many."""

    def found() -> list[bytes]:
        return [octets for address, octets in house.outgoing() if address == to]

    until(lambda: len(found()) >= count)
    return [_text(octets) for octets in found()]


def _text(octets: bytes) -> str:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message["Auto-Submitted"] == "auto-generated"
    return str(message.get_content()).replace("\r\n", "\n")


def code_in(text: str) -> str:
    found = CODE.search(text)
    assert found, text
    return found[1]


def enters(house: House, person: Principal, secret: str, service: str = "imap") -> Reason | None:
    """Why a login at another door is refused; None when it is not."""
    try:
        house.run(house.login.login(person.login, Secret(secret), "192.0.2.9", service))
    except Refused as refused:
        return refused.reason
    return None


def ask(visitor: Visitor, login: str, born: str, number: str) -> httpx.Response:
    visitor.get("/initialiser")
    return visitor.post("/initialiser", {"identifiant": login, "naissance": born, "numero": number})


def choose(visitor: Visitor, path: str, new: str = CHOSEN, again: str = "") -> httpx.Response:
    sealed = visitor.field("preuve_scellee")
    return visitor.post(path, {"preuve_scellee": sealed, "nouveau": new, "encore": again or new})


# ---------------------------------------------------------------------- first connection


def test_numen_and_birth_date_open_together(house: House, visitor: Visitor) -> None:
    person, numen = newcomer(house, "Premier")
    visitor.get("/activation")
    answer = visitor.post("/activation", {"identifiant": person.login, "preuve": numen, "naissance": ""})
    assert "Ma date de naissance" in answer.text
    assert "Julie" not in answer.text
    assert numen not in answer.text
    sealed = visitor.field("preuve_scellee")
    answer = visitor.post("/activation", {"preuve_scellee": sealed, "nouveau": CHOSEN, "encore": CHOSEN})
    assert answer.status_code == 403, "the half proof sets no password"
    answer = visitor.post("/activation", {"preuve_scellee": sealed, "naissance": "30/03/1980"})
    assert answer.status_code == 403
    assert "ne permettent pas d’activer" in answer.text
    answer = visitor.post("/activation", {"preuve_scellee": sealed, "naissance": BORN})
    assert "Bonjour <b>Julie Premier</b>" in answer.text
    assert choose(visitor, "/activation", "court").status_code == 422
    answer = choose(visitor, "/activation")
    assert answer.url.path == "/bienvenue"
    assert visitor.links(r"/compte/secours\?etape=1")
    assert visitor.get("/m/").status_code == 200
    assert enters(house, person, numen) is Reason.AUTHENTICATION
    assert enters(house, person, CHOSEN) is None


def test_numen_typed_on_the_login_page(house: House, visitor: Visitor) -> None:
    person, numen = newcomer(house, "Portail")
    answer = visitor.log_in(person.login, numen)
    assert "Ma date de naissance" in answer.text
    answer = visitor.post("/activation", {"preuve_scellee": visitor.field("preuve_scellee"), "naissance": BORN})
    assert "Je choisis mon mot de passe" in answer.text
    assert choose(visitor, "/activation").url.path == WELCOME
    assert visitor.get("/").url.path == "/s/", "the interface that was chosen at the portal"


def test_everything_wrong_says_the_same(house: House, visitor: Visitor) -> None:
    person, numen = newcomer(house, "Pareil")
    active, other_numen = member(house, "Deja")
    pages = set()
    for login, proof, born in (
        (person.login, numen, "30/03/1980"),
        (person.login, "21E2699999ABC", BORN),
        (active.login, other_numen, BORN),
        (active.login, PASSWORD, ""),
        ("personne", numen, BORN),
    ):
        visitor.get("/activation")
        answer = visitor.post("/activation", {"identifiant": login, "preuve": proof, "naissance": born})
        assert answer.status_code == 403
        pages.add(_bare(answer.text, login, born))
    assert len(pages) == 1


def test_a_code_needs_no_birth_date_and_a_known_address_is_not_asked_for(house: House, visitor: Visitor) -> None:
    person, _ = newcomer(house, "Code", numen="", recovery_address="code@exemple.org")
    code = "ABCD-EFGH-IJKL-MNOP"
    hashed = house.directory.academy.proofs.code(code)
    house.store.write_now(accounts.set_code, person.account_id, hashed, int(house.clock.now()) + 600)
    visitor.get("/activation")
    answer = visitor.post("/activation", {"identifiant": person.login, "preuve": code, "naissance": ""})
    assert "Je choisis mon mot de passe" in answer.text
    assert choose(visitor, "/activation").url.path == WELCOME
    assert not visitor.links(r"etape=1")


def test_a_sealed_proof_is_of_one_browser_one_purpose_and_a_while(
    house: House, visitor: Visitor, ahead: Callable[[float], None]
) -> None:
    person, numen = newcomer(house, "Scelle")
    visitor.get("/activation")
    visitor.post("/activation", {"identifiant": person.login, "preuve": numen, "naissance": BORN})
    sealed = visitor.field("preuve_scellee")
    other = house.visitor()
    other.get("/activation")
    new = {"preuve_scellee": sealed, "nouveau": CHOSEN, "encore": CHOSEN}
    assert "ouverte trop longtemps" in other.post("/activation", new).text
    page = visitor.text
    assert "ouverte trop longtemps" in visitor.post("/initialiser/code", new, page=page).text
    ahead(21 * 60)
    assert "ouverte trop longtemps" in visitor.post("/activation", new, page=page).text
    assert visitor.post("/activation", {**new, "preuve_scellee": "x"}, page=page).status_code in (400, 403)


def test_guessing_birth_dates_is_slowed(house: House, visitor: Visitor) -> None:
    person, numen = newcomer(house, "Devine")
    for day in range(house.settings.limits.login_failures):
        visitor.get("/activation")
        fields = {"identifiant": person.login, "preuve": numen, "naissance": f"{day + 1:02}/01/1980"}
        assert visitor.post("/activation", fields).status_code == 403
    visitor.get("/activation")
    answer = visitor.post("/activation", {"identifiant": person.login, "preuve": numen, "naissance": BORN})
    assert answer.status_code == 429
    assert "Patientez" in answer.text


# ---------------------------------------------------------------------- renewal


def test_a_notice_stands_on_every_page_before_the_day(
    house: House, visitor: Visitor, aged: Callable[[float], None]
) -> None:
    person, _ = member(house, "Bientot")
    visitor.log_in(person.login)
    assert "à renouveler avant le" not in visitor.text
    aged(-29 * 86400)
    visitor.log_in(person.login)
    for path in ("/s/", "/m/", "/s/reglages", "/compte"):
        assert "Votre mot de passe est à renouveler avant le" in visitor.get(path).text
    visitor.get(CHANGE)
    visitor.post(CHANGE, {"actuel": PASSWORD, "nouveau": CHOSEN, "encore": CHOSEN})
    assert "à renouveler avant le" not in visitor.get("/s/").text


@pytest.mark.parametrize("interface", ["simple", "complet"])
def test_an_expired_password_leads_to_the_next_one(
    house: House, visitor: Visitor, aged: Callable[[float], None], interface: str
) -> None:
    person, _ = member(house, f"Perime{interface}")
    aged(60)
    assert enters(house, person, PASSWORD) is Reason.PASSWORD_EXPIRED
    answer = visitor.log_in(person.login, interface=interface)
    assert answer.url.path == CHANGE
    assert "Je renouvelle mon mot de passe" in answer.text
    for path in ("/s/", "/m/reglages", "/compte", SECOURS, "/compte/appareils"):
        assert visitor.get(path).url.path == CHANGE
    page = visitor.get(CHANGE).text
    for path, fields in (
        ("/s/reglages/affichage", {"page_size": "25"}),
        (SECOURS, {"faire": "proposer", "adresse": "x@y.zz"}),
    ):
        assert visitor.post(path, fields, page=page).url.path == CHANGE
    visitor.get(CHANGE)
    refused = visitor.post(CHANGE, {"actuel": PASSWORD, "nouveau": PASSWORD, "encore": PASSWORD})
    assert refused.status_code == 422
    assert "Je renouvelle mon mot de passe" in refused.text
    answer = visitor.post(CHANGE, {"actuel": PASSWORD, "nouveau": CHOSEN, "encore": CHOSEN})
    assert answer.url.path == ("/s/" if interface == "simple" else "/m/")
    assert "Mot de passe changé" in answer.text
    assert enters(house, person, CHOSEN) is None


def test_what_was_being_written_when_it_expired_is_not_lost(
    house: House, visitor: Visitor, ahead: Callable[[float], None], aged: Callable[[float], None]
) -> None:
    person, _ = member(house, "Ecrit")
    aged(-3600)
    visitor.log_in(person.login)
    page = visitor.get("/s/ecrire").text
    ahead(3700)
    fields = {"a": person.address, "objet": "Presque perdu", "texte": "…", "action": "envoyer"}
    visitor.post("/s/ecrire", fields, page=page)
    assert "Presque perdu" in house.subjects(person, "INBOX") + house.subjects(person, "Drafts")
    assert visitor.get("/s/").url.path == CHANGE


def test_an_expired_session_can_log_out(house: House, visitor: Visitor, aged: Callable[[float], None]) -> None:
    person, _ = member(house, "Sort")
    aged(60)
    visitor.log_in(person.login)
    assert "Vous êtes déconnecté" in visitor.post("/deconnexion", {}).text


def test_the_last_passwords_are_refused_by_name(house: House, visitor: Visitor) -> None:
    person, _ = member(house, "Encore")
    visitor.log_in(person.login)
    for old, new in ((PASSWORD, CHOSEN), (CHOSEN, ANOTHER)):
        visitor.get(CHANGE)
        assert "Mot de passe changé" in visitor.post(CHANGE, {"actuel": old, "nouveau": new, "encore": new}).text
    visitor.get(CHANGE)
    answer = visitor.post(CHANGE, {"actuel": ANOTHER, "nouveau": CHOSEN, "encore": CHOSEN})
    assert answer.status_code == 422
    assert re.search(r'data-regle="ancien" class=non', answer.text)
    too_long = "kT9#" * 40
    answer = visitor.post(CHANGE, {"actuel": ANOTHER, "nouveau": too_long, "encore": too_long})
    assert "trop long" in answer.text


# ---------------------------------------------------------------------- forgotten


def test_from_questions_to_a_new_password(house: House, visitor: Visitor) -> None:
    person, numen = member(house, "Oubli")
    at_work = house.visitor()
    at_work.log_in(person.login)
    answer = ask(visitor, person.login, BORN, numen)
    assert "Si vos réponses sont justes" in answer.text
    assert visitor.field("identifiant") == person.login
    code = code_in(letters(house, "oubli@exemple.org")[0])
    assert at_work.get("/s/").url.path == "/s/", "asking disturbs nobody"
    assert visitor.post("/initialiser/code", {"identifiant": person.login, "code": "AAAA"}).status_code == 403
    answer = visitor.post("/initialiser/code", {"identifiant": person.login, "code": code.lower()})
    assert "Je choisis mon mot de passe" in answer.text
    assert choose(visitor, "/initialiser/code", "court").status_code == 422
    assert choose(visitor, "/initialiser/code", CHOSEN, "autre").status_code == 422
    assert choose(visitor, "/initialiser/code").url.path == "/m/"
    assert at_work.get("/s/").url.path == "/"
    assert enters(house, person, PASSWORD) is Reason.AUTHENTICATION
    assert enters(house, person, CHOSEN) is None
    told = letters(house, "oubli@exemple.org", 2)[1]
    assert "Un nouveau mot de passe a été choisi" in told
    assert any(subject.startswith("Votre mot de passe a été changé") for subject in house.subjects(person, "INBOX"))
    visitor = house.visitor()
    visitor.get("/initialiser/code")
    assert visitor.post("/initialiser/code", {"identifiant": person.login, "code": code}).status_code == 403


def test_the_second_factor_is_still_asked_for(house: House, visitor: Visitor) -> None:
    """Whoever holds the private mailbox alone does not get in."""

    person, numen = member(house, "Facteur")
    visitor.log_in(person.login)
    set_up(house, visitor)
    other = house.visitor()
    ask(other, person.login, BORN, numen)
    code = code_in(letters(house, "facteur@exemple.org", 2)[1])
    other.post("/initialiser/code", {"identifiant": person.login, "code": code})
    answer = choose(other, "/initialiser/code")
    assert "Je confirme que c’est moi" in answer.text
    assert other.get("/s/").url.path == "/"


@pytest.mark.parametrize("path", ["/initialiser", "/identifiant"])
def test_a_birth_date_that_means_no_day_is_asked_for_again(visitor: Visitor, path: str) -> None:
    """It tells nothing of anybody, and waiting for a code that was never sent would."""
    visitor.get(path)
    fields = {"identifiant": "edupont", "numero": "21E2600123ABC", "naissance": "hier"}
    answer = visitor.post(path, fields)
    assert answer.status_code == 422
    fault = re.search(r'id="naissance-faute"><svg[^>]*>.*?</svg><span>([^<]*)</span></span>', answer.text, re.DOTALL)
    assert fault
    assert fault[1].startswith("Cette date n’a pas été comprise")
    assert visitor.field("naissance") == "hier"
    assert "21E2600123ABC" not in answer.text
    assert visitor.post(path, {**fields, "naissance": "1er avril 1980"}).status_code == 200


@pytest.mark.alone
def test_every_question_has_the_same_answer(house: House, ahead: Callable[[float], None]) -> None:
    """Enumeration by content and by time: known, unknown, wrong, without an address, waiting, suspended, closed, and
    throttled."""
    right, numen = member(house, "Juste")
    bare, bare_numen = member(house, "Sans", recovery_address="")
    waiting, waiting_numen = newcomer(house, "Attente", recovery_address="attente@exemple.org")
    suspended, suspended_numen = member(house, "Parti")
    house.store.write_now(accounts.suspend, suspended.account_id, "", False)
    closed, closed_numen = member(house, "Ferme")
    house.store.write_now(accounts.close, closed.account_id, "")
    throttled, throttled_numen = member(house, "Freine")
    slowed = house.visitor()
    for day in range(house.settings.limits.login_failures + 1):
        ask(slowed, throttled.login, f"{day + 1:02}/01/1980", throttled_numen)
    cases = {
        "right": (right.login, BORN, numen),
        "wrong": (right.login, "30/03/1980", numen),
        "unknown": ("personne", BORN, numen),
        "no address": (bare.login, BORN, bare_numen),
        "waiting": (waiting.login, BORN, waiting_numen),
        "suspended": (suspended.login, BORN, suspended_numen),
        "closed": (closed.login, BORN, closed_numen),
        "throttled": (throttled.login, BORN, throttled_numen),
        "empty": ("", "", ""),
    }
    visitor = house.visitor()
    pages, headers, times = set(), set(), {name: list[float]() for name in cases}
    page = visitor.get("/initialiser").text
    for _ in range(12):
        for name, (login, born, number) in cases.items():
            began = time.perf_counter()
            fields = {"identifiant": login, "naissance": born, "numero": number}
            answer = visitor.post("/initialiser", fields, page=page)
            times[name].append(time.perf_counter() - began)
            pages.add((answer.status_code, _bare(answer.text, login, born)))
            headers.add(tuple(sorted(set(answer.headers) - {"content-length"})))
            time.sleep(0.02)
        ahead(3700)
    assert len(pages) == 1
    assert len(headers) == 1
    least = {name: min(taken) for name, taken in times.items()}  # what a busy machine adds is in every other one
    assert max(least.values()) < 2 * min(least.values()), least
    assert not [to for to, _ in house.outgoing() if to in ("attente@exemple.org", "parti@exemple.org")]


def _bare(text: str, *typed: str) -> str:
    """A page without what its visitor typed and without what is random in every page."""
    text = re.sub(r'name="m_"\s+value="[^"]+"', "", text)
    for one in filter(None, typed):
        text = text.replace(f'value="{one}"', 'value=""')
    return text


def test_guessing_codes_is_slowed(house: House, visitor: Visitor) -> None:
    person, _ = member(house, "Cadence")
    page = visitor.get("/initialiser/code").text
    fields = {"identifiant": person.login, "code": "AAAA-AAAA-AAAA-AAAA"}
    statuses = [
        visitor.post("/initialiser/code", fields, page=page).status_code
        for _ in range(house.settings.limits.login_failures + 1)
    ]
    assert statuses == [403] * house.settings.limits.login_failures + [429]


def test_a_directory_of_somebody_else_says_where_to_go(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.directory, "read_only", True)
    page = visitor.get("/initialiser").text
    assert "géré ailleurs" in page
    assert "<form" not in page


# ---------------------------------------------------------------------- the recovery address


def test_an_address_is_set_confirmed_and_removed(house: House, visitor: Visitor) -> None:
    person, _ = member(house, "Adresse", recovery_address="")
    visitor.log_in(person.login)
    assert "aucune" in visitor.get(SECOURS).text
    wrong = visitor.post(SECOURS, {"faire": "proposer", "adresse": "moi@exemple.net", "actuel": "Faux#2026"})
    assert wrong.status_code == 422
    assert visitor.field("adresse") == "moi@exemple.net"
    for address, words in (
        (f"autre@{house.settings.domain}", "adresse extérieure"),
        ("moi", "adresse de courriel complète"),
        ("", "adresse de courriel complète"),
    ):
        answer = visitor.post(SECOURS, {"faire": "proposer", "adresse": address, "actuel": PASSWORD})
        assert answer.status_code == 422
        assert words in answer.text
    answer = visitor.post(SECOURS, {"faire": "proposer", "adresse": "moi@exemple.net", "actuel": PASSWORD})
    assert "Un code a été envoyé" in answer.text
    assert "À confirmer" in answer.text
    code = code_in(letters(house, "moi@exemple.net")[0])
    assert visitor.post(SECOURS, {"faire": "confirmer", "code": "AAAA-AAAA"}).status_code == 422
    answer = visitor.post(SECOURS, {"faire": "confirmer", "code": code})
    assert "Adresse de secours enregistrée" in answer.text
    assert "À confirmer" not in answer.text
    assert visitor.post(SECOURS, {"faire": "confirmer", "code": code}).status_code == 422
    assert visitor.post(SECOURS, {"faire": "retirer", "actuel": "Faux#2026"}).status_code == 422
    assert "Adresse de secours retirée" in visitor.post(SECOURS, {"faire": "retirer", "actuel": PASSWORD}).text
    assert "n'est plus l'adresse de secours" in letters(house, "moi@exemple.net", 2)[1]


def test_the_step_after_activation_leads_on(house: House, visitor: Visitor) -> None:
    person, _ = member(house, "Etape", recovery_address="")
    visitor.log_in(person.login)
    visitor.get(f"{SECOURS}?etape=1")
    fields = {"faire": "proposer", "adresse": "etape@exemple.net", "actuel": PASSWORD, "etape": "1"}
    answer = visitor.post(SECOURS, fields)
    assert "Plus tard" in answer.text
    code = code_in(letters(house, "etape@exemple.net")[0])
    answer = visitor.post(SECOURS, {"faire": "confirmer", "code": code, "etape": "1"})
    assert answer.url.path == "/bienvenue"
    assert "Adresse de secours enregistrée" in answer.text
    assert visitor.post("/bienvenue", {}).url.path == "/s/"


def test_the_charter_is_read_accepted_once_and_on_record(house: House, visitor: Visitor) -> None:
    person, _ = member(house, "Charte")
    file = house.settings.directory / "charter.txt"
    file.write_text("Premier point <b>.\r\n\r\nSecond point.\r\n", encoding="utf-8")
    try:
        visitor.log_in(person.login)
        page = visitor.get("/bienvenue").text
        assert "<p>Premier point &lt;b&gt;.</p>" in page
        assert "<p>Second point.</p>" in page
        refused = visitor.post("/bienvenue", {})
        assert refused.status_code == 422
        assert "Cochez la case" in refused.text
        assert visitor.post("/bienvenue", {"charte": "1"}).url.path == "/s/"
        assert "Premier point" not in visitor.get("/bienvenue").text
        rows = house.store.read_now(audit.find, audit.Wanted(person.account_id, audit.Action.CHARTER_ACCEPTED), 9)
        assert len(rows) == 1
        file.write_text("Une autre.", encoding="utf-8")
        assert "Une autre." in visitor.get("/bienvenue").text
    finally:
        file.unlink()
    taken = visitor.get("/bienvenue/informations")
    assert taken.headers["content-disposition"].startswith("attachment")
    assert person.login in taken.text
    assert PASSWORD not in taken.text
    assert visitor.post("/deconnexion", {}, visitor.get("/s/").text).status_code == 200
    assert visitor.get("/bienvenue").url.path == "/"


def test_a_forgotten_identifier_goes_to_the_recovery_address_only(house: House, visitor: Visitor) -> None:
    person, numen = member(house, "Oublieux")
    answers = set()
    for number, born in (("26X9999999ZZZ", BORN), (numen, "01/01/2001"), ("", ""), (numen.lower(), BORN)):
        visitor.get("/identifiant")
        answer = visitor.post("/identifiant", {"numero": number, "naissance": born})
        assert answer.status_code == 200
        answers.add(re.sub(r'name="m_"\s+value="[^"]*"', "", answer.text))
    assert len(answers) == 1
    assert person.login not in answers.pop()
    (letter,) = letters(house, "oublieux@exemple.org")
    assert f"    {person.login}\n" in letter


def test_guests_see_no_account_page(visitor: Visitor) -> None:
    assert visitor.get(SECOURS).url.path == "/"


# ---------------------------------------------------------------------- the other profile


def test_pages_show_the_rules_of_the_profile(tmp_path: Path, sqlite_template: Path) -> None:
    house = House(tmp_path, sqlite_template, passwords={"profile": "cnil", "renewal_days": 1})
    try:
        person, numen = newcomer(house, "Autre")
        visitor = house.visitor()
        visitor.get("/activation")
        visitor.post("/activation", {"identifiant": person.login, "preuve": numen, "naissance": BORN})
        assert re.findall(r'data-regle="(\w+)"', visitor.text) == ["force", "personnel", "connu"]
        for weak, rule in (
            (CHOSEN, "force"),
            ("M0tdep@sse2026", "connu"),
            ("Julie dort sur le toit rouge ce soir", "personnel"),
        ):
            answer = choose(visitor, "/activation", weak)
            assert answer.status_code == 422
            assert f'data-regle="{rule}" class=non' in answer.text
        assert choose(visitor, "/activation", "mon chat dort sur le toit rouge demain").url.path == WELCOME
        house.clock.ahead += 10 * YEAR
        assert visitor.log_in(person.login, "mon chat dort sur le toit rouge demain").url.path == "/s/"
        assert "à renouveler" not in visitor.text
    finally:
        house.close()


# ---------------------------------------------------------------------- judged while somebody types


def test_what_only_the_server_knows_is_told_to_nobody_else(
    house: House, capsys: pytest.CaptureFixture[str], visitor: Visitor
) -> None:
    """The question needs a page's mark, compares nothing of anybody's, is bounded, and leaves no trace."""
    visitor.get("/activation")

    def ask(text: str) -> httpx.Response:
        mark = re.search(r'name="m_"\s+value="([^"]+)"', visitor.text)
        assert mark
        return visitor.http.post("/mot-de-passe/verifier", data={"m_": mark[1], "nouveau": text})

    assert visitor.http.post("/mot-de-passe/verifier", data={"nouveau": "Soleil2026!"}).status_code == 403
    answer = ask("Soleil2026!")
    told = answer.json()["regles"]
    assert re.fullmatch(r"Le mot «\ssoleil\s» fait la moitié de ce mot de passe ou plus.", told.pop("dictionnaire"))
    assert told == {"devinable": ""}
    assert "no-store" in answer.headers["cache-control"]
    assert ask("Bretagne-Voilier-87-Bleu").json() == {"regles": {"dictionnaire": "", "devinable": ""}}
    assert ask("21E2600123ABC-31/03/1980#x").json()["regles"]["dictionnaire"] == ""
    assert ask("x" * 5000).status_code == 200
    logged = capsys.readouterr()
    assert "oleil" not in logged.out + logged.err
    answers = [ask("Soleil2026!").status_code for _ in range(90)]
    assert 429 in answers


def test_without_scripts_the_word_is_named_above_the_form(house: House) -> None:
    person = house.person("Sans", "Savoix")
    visitor = house.visitor()
    visitor.log_in(person.login)
    visitor.get("/compte/mot-de-passe")
    data = {"actuel": PASSWORD, "nouveau": "Soleil2026!", "encore": "Soleil2026!"}
    answer = visitor.post("/compte/mot-de-passe", data)
    assert answer.status_code == 422
    assert re.search(r"Le mot «\ssoleil\s» fait la moitié", answer.text)
    assert "Soleil2026!" not in answer.text
    data |= {"nouveau": "Bretagne-Voilier-87-Bleu", "encore": "Bretagne-Voilier-87-Bleu"}
    assert "Mot de passe changé" in visitor.post("/compte/mot-de-passe", data).text
