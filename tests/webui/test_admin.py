"""The administration console through its own door: who enters, what each act does, and that the record has it."""

import csv
import io
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from directory.lists import rosters
from directory.lists.rosters import ListSettings, NewList
from mailserver.model.identity import ListKind, Principal, Role, State
from mailserver.store.account import accounts, jobs, rules
from mailserver.store.account.jobs import JobState
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import messages
from mailserver.store.people import imports, people, schools
from mailserver.store.people.imports import RunState
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import peer_counts, spool, waiting
from mailserver.store.queue.peer_counts import Window
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin, Wanted
from mailserver.store.schema.service.console import message_trace
from mailserver.store.upkeep import measures
from mailserver.texts.causes import Cause
from tests.clocks import PARIS
from tests.waiting import PATIENCE
from tests.webui.house import DOMAIN, PASSWORD, House, Visitor, mail
from tests.webui.secondstep import Phone, set_up
from webui.admin import access
from webui.admin.access import IDLE_SECONDS
from webui.admin.routes import routes
from webui.page.administrators import is_near
from webui.page.dispatch import Doors

UAI = "0210006T"
ORIGIN = Origin("tests", "console")


@pytest.fixture(scope="module")
def house(house: House) -> House:
    """With a school."""
    house.store.write_now(schools.upsert, [schools.Facts(UAI, "Lycée Carnot", "LYC", town="Dijon")])
    return house


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    """Somebody who has just logged in with both factors."""
    return entered(house, administrator, phone)


def entered(house: House, person: Principal, phone: Phone) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(person.login)
    house.clock.ahead += 30
    visitor.post("/connexion/code", {"etape": visitor.field("etape"), "code": phone.code()})
    house.clock.ahead += 30
    return visitor


def confirm(console: Visitor, phone: Phone, house: House) -> None:
    """Prove oneself again where the console asks for it."""
    assert "confirmer" in str(console.page and console.page.url)
    page = console.post("/admin/confirmer", {"suite": console.field("suite"), "actuel": PASSWORD, "code": phone.code()})
    assert page.status_code == 200, page.text
    house.clock.ahead += 30


def opened(console: Visitor, house: House, phone: Phone, path: str) -> str:
    """A page of the console, whatever time has passed in other tests."""
    page = console.get(path)
    if "/admin/confirmer" in str(page.url):
        confirm(console, phone, house)
        page = console.get(path)
    assert page.status_code == 200, page.text
    return page.text


def acts(house: House, action: Action, account_id: int | None = None) -> list[audit.Event]:
    return house.store.read_now(audit.find, Wanted(account_id=account_id, action=action), 100)


# ---------------------------------------------------------------------- who enters


def addresses(house: House) -> list[tuple[str, str]]:
    """Every address of the console with every method it takes."""
    found = []
    for route in routes(Doors(None, None)):  # type: ignore[arg-type]
        path = re.sub(r"\{[^}]*\}", "1", route.path)  # type: ignore[attr-defined]
        found += [(method, path) for method in sorted(route.methods - {"HEAD"})]  # type: ignore[attr-defined]
    assert len(found) > 30
    return found


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_for_anybody_else_the_console_does_not_exist(house: House, role: Role) -> None:
    person = house.person("Personne", f"Ordinaire-{role.value}", role)
    visitor = house.visitor()
    visitor.log_in(person.login)
    for method, path in addresses(house):
        answer = visitor.http.request(method, path, data={"m_": "x"} if method == "POST" else None)
        assert answer.status_code == 404, (method, path)


def test_strangers_are_led_to_the_portal(house: House) -> None:
    visitor = house.visitor()
    for method, path in addresses(house):
        answer = visitor.http.request(method, path)
        assert "identifiant" in answer.text, (method, path)
        assert answer.status_code in (200, 401, 403)


def test_nothing_is_posted_without_a_mark(house: House, console: Visitor, phone: Phone) -> None:
    """By an administrator who is inside: as everywhere (test_portal)."""
    opened(console, house, phone, "/admin")
    for method, path in addresses(house):
        if method == "POST":
            answer = console.http.post(path, data={"x": "1"}, follow_redirects=False)
            assert answer.status_code == 403, path
    opened(console, house, phone, "/admin")


DESK = (
    ("GET", f"/secretariat?etablissement={UAI}"),
    ("POST", "/secretariat/lettres"),
    ("GET", f"/secretariat/code/1?etablissement={UAI}"),
    ("POST", "/secretariat/code/1"),
    ("GET", f"/secretariat/journal?etablissement={UAI}"),
    ("GET", f"/secretariat/boites?etablissement={UAI}"),
    ("POST", "/secretariat/boites"),
    ("GET", f"/secretariat/mouvements?etablissement={UAI}"),
    ("GET", f"/secretariat/repos?etablissement={UAI}"),
    ("POST", "/secretariat/repos"),
)


def test_the_secretariats_pages_ask_an_administrator_for_the_same(
    house: House, administrator: Principal, phone: Phone
) -> None:
    """A session alone, left open or stolen, withdraws no password and prints no code."""
    visitor = entered(house, administrator, phone)
    assert visitor.get(DESK[0][1]).status_code == 200, "who has just logged in has just proven both"
    form = {"etablissement": UAI, "m_": visitor.field("m_")}
    house.clock.ahead += IDLE_SECONDS + 1
    for method, path in DESK:
        answer = visitor.http.request(method, path, data=form if method == "POST" else None, follow_redirects=False)
        if method == "POST":
            assert answer.status_code == 401, (method, path)
        else:
            assert answer.status_code == 303, (method, path)
            assert answer.headers["location"].startswith("/admin/confirmer?suite=%2Fsecretariat"), path
    visitor.get(DESK[0][1])
    page = visitor.post("/admin/confirmer", {"suite": visitor.field("suite"), "actuel": PASSWORD, "code": phone.code()})
    house.clock.ahead += 30
    assert page.status_code == 200
    assert page.url.path == "/secretariat"
    house.clock.ahead += IDLE_SECONDS - 60
    assert visitor.get(DESK[4][1]).url.path == "/secretariat/journal"
    house.clock.ahead += IDLE_SECONDS - 60
    assert visitor.get(DESK[4][1]).url.path == "/secretariat/journal", "each page keeps the proof fresh"


def test_the_secretariats_pages_are_closed_to_administrators_elsewhere(
    house: House, administrator: Principal, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = entered(house, administrator, phone)
    monkeypatch.setattr(access, "is_near", lambda _settings, _peer: False)
    for method, path in DESK:
        data = {"etablissement": UAI} if method == "POST" else None
        assert visitor.http.request(method, path, data=data).status_code == 404, (method, path)


def test_an_administrator_without_a_second_factor_prints_no_code(house: House) -> None:
    person = house.person("Admin", "Seul", Role.ADMIN)
    visitor = house.visitor()
    visitor.log_in(person.login)
    for method, path in DESK:
        answer = visitor.http.request(method, path, data={} if method == "POST" else None)
        assert answer.status_code in (303, 403) or "double-authentification" in str(answer.url), (method, path)


def test_a_large_upload_of_somebody_else_is_not_even_read(house: House) -> None:
    person = house.person("Gros", "Fichier", Role.PUPIL)
    visitor = house.visitor()
    visitor.log_in(person.login)
    answer = visitor.http.post("/admin/import", files={"fichier": ("a.csv", b"x" * 8_000_000)})
    assert answer.status_code == 404


def test_an_administrator_without_a_factor_is_led_to_set_one_up(tmp_path: Path, sqlite_template: Path) -> None:
    house = House(tmp_path / "instance", sqlite_template, passwords={"second_factor": []})
    try:
        person = house.person("Sans", "Facteur", Role.ADMIN)
        visitor = house.visitor()
        visitor.log_in(person.login)
        answer = visitor.get("/admin/comptes")
        assert answer.status_code == 403
        assert 'href="/compte/double-authentification"' in answer.text
    finally:
        house.close()


def test_idle_time_closes_the_console_and_both_proofs_open_it(
    house: House, administrator: Principal, phone: Phone
) -> None:
    visitor = entered(house, administrator, phone)
    assert visitor.get("/admin").status_code == 200
    assert acts(house, Action.CONSOLE_ENTERED, administrator.account_id)
    assert "frame-ancestors 'none'" in visitor.page.headers["content-security-policy"]  # type: ignore[union-attr]
    assert "script-src" not in visitor.page.headers["content-security-policy"]  # type: ignore[union-attr]
    assert visitor.page.headers["referrer-policy"] == "same-origin"  # type: ignore[union-attr]
    assert visitor.page.headers["cache-control"] == "no-store"  # type: ignore[union-attr]
    house.clock.ahead += IDLE_SECONDS - 60
    assert "Comptes" in visitor.get("/admin/comptes").text
    house.clock.ahead += IDLE_SECONDS - 60
    assert "/admin/comptes" in str(visitor.get("/admin/comptes").url)
    rules_page = visitor.get("/admin/regles").text
    house.clock.ahead += IDLE_SECONDS + 1
    late = visitor.post("/admin/regles", {"faire": "modele", "modele": "inside"}, rules_page)
    assert late.status_code == 401
    assert "rien n’a été fait" in late.text
    assert not house.store.read_now(rules.load).denied
    asked = visitor.get("/admin/journal?acte=login")
    assert "s’est refermée après 15 minutes" in asked.text
    wrong = visitor.post("/admin/confirmer", {"suite": visitor.field("suite"), "actuel": "Faux#2026", "code": "000000"})
    assert wrong.status_code == 422
    without = visitor.post("/admin/confirmer", {"suite": "", "actuel": PASSWORD, "code": "000000"})
    assert without.status_code == 422
    assert "Ce code n’est pas le bon" in without.text
    before = len(acts(house, Action.CONSOLE_ENTERED))
    right = visitor.post(
        "/admin/confirmer", {"suite": "/admin/journal?acte=login", "actuel": PASSWORD, "code": phone.code()}
    )
    house.clock.ahead += 30
    assert str(right.url).endswith("/admin/journal?acte=login")
    assert len(acts(house, Action.CONSOLE_ENTERED)) == before + 1


def test_a_password_that_was_changed_is_no_second_factor(house: House) -> None:
    """A session that was left open, and a password that somebody saw: the new session is no login with a code."""
    visitor = house.visitor()
    visitor.log_in(house.person("Iris", "Ouverte", Role.ADMIN).login)
    set_up(house, visitor)
    house.clock.ahead += 400
    assert "/admin/confirmer" in str(visitor.get("/admin").url)
    chosen = "Coquelicot-Fanfare#26"
    visitor.get("/compte/mot-de-passe")
    page = visitor.post("/compte/mot-de-passe", {"actuel": PASSWORD, "nouveau": chosen, "encore": chosen})
    assert "/reglages" in str(page.url), page.text
    assert "/admin/confirmer" in str(visitor.get("/admin").url)


def test_the_proof_belongs_to_one_session(house: House, administrator: Principal, phone: Phone) -> None:
    one, other = entered(house, administrator, phone), entered(house, administrator, phone)
    one.get("/admin")
    house.clock.ahead += 400
    other.http.cookies.set("console", one.http.cookies["console"])
    assert "/admin/confirmer" in str(other.get("/admin").url)
    del other.http.cookies["console"]
    for suite in ("//evil.example", "/admin/..//x", "https://evil.example", "/compte"):
        page = other.post("/admin/confirmer", {"suite": suite, "actuel": PASSWORD, "code": phone.code()})
        house.clock.ahead += 30
        assert str(page.url) == f"{house.url}/admin"


def test_the_console_opens_only_from_its_networks(house: House) -> None:
    settings = house.settings.model_copy(
        update={"web": house.settings.web.model_copy(update={"admin_networks": ("10.21.0.0/16", "2001:db8::/32")})}
    )
    assert is_near(settings, "10.21.3.4")
    assert is_near(settings, "::ffff:10.21.3.4")
    assert is_near(settings, "2001:db8::1")
    assert is_near(settings, "127.0.0.1")
    assert not is_near(settings, "10.22.0.1")
    assert not is_near(settings, "nowhere")
    with pytest.raises(ValueError, match="admin_networks"):
        type(settings).model_validate({"domain": DOMAIN, "web": {"admin_networks": ["here"]}})


# ---------------------------------------------------------------------- accounts


def test_accounts_are_found_a_page_at_a_time(house: House, console: Visitor, phone: Phone) -> None:
    house.run(_crowd(house, 60))
    numen = "21E2600123ABC"
    known = house.person("Jeanne", "Numérotée", Role.TEACHER, numen=numen, uai=UAI)
    text = opened(console, house, phone, "/admin/comptes?q=foule")
    assert text.count('scope="row"') == 50
    further = console.get(console.rel("next")).text
    assert further.count('scope="row"') == 10
    assert not console.rel("next")
    for query in (f"q={numen.lower()}", "q=numerotee+jea", f"q={known.address}", f"etablissement={UAI.lower()}&q=num"):
        assert f"/admin/comptes/{known.account_id}" in opened(console, house, phone, f"/admin/comptes?{query}")
    assert "Aucun compte" in opened(console, house, phone, "/admin/comptes?q=zzz&role=pupil")


async def _crowd(house: House, count: int) -> None:
    from mailserver.model.identity import NewPerson

    for number in range(count):
        await house.directory.add(NewPerson(f"N{number}", "Foule", Role.PUPIL))


def test_suspending_resuming_and_their_rows(house: House, console: Visitor, phone: Phone) -> None:
    person = house.person("Paul", "Suspendu")
    path = f"/admin/comptes/{person.account_id}"
    opened(console, house, phone, path)
    assert "Un motif est nécessaire" in console.post(path, {"faire": "suspendre"}).text
    console.post(path, {"faire": "suspendre", "motif": "Clé perdue", "fin": "2031-01-31", "recevoir": "oui"})
    assert "Compte suspendu" in console.text
    standing = house.store.read_now(accounts.get, person.account_id)
    assert standing is not None
    assert (standing.state, standing.reason, standing.may_receive) == (State.SUSPENDED, "Clé perdue", True)
    assert standing.suspend_until > house.clock.now()
    row = acts(house, Action.SUSPENDED, person.account_id)[0]
    assert (row.actor, row.service) == ("achef", "console")
    console.post(path, {"faire": "rouvrir"})
    assert "Compte rouvert" in console.text
    assert acts(house, Action.RESUMED, person.account_id)
    endless = console.post(path, {"faire": "suspendre", "motif": "Sans fin", "fin": "9999-12-31"})
    assert "Ce n’est pas un jour" in endless.text
    assert console.post(path, {"faire": "rouvrir"}).status_code == 422
    assert console.post(path, {"faire": "autre"}).status_code == 422


def test_a_code_is_shown_once_and_withdraws_the_password(house: House, console: Visitor, phone: Phone) -> None:
    person = house.person("Lise", "Oublieuse")
    path = f"/admin/comptes/{person.account_id}"
    opened(console, house, phone, path)
    assert console.post(path, {"faire": "code"}).status_code == 422
    console.post(path, {"faire": "code", "verifie": "oui"})
    code = re.search(r'class="secret"><code>([^<]+)', console.text)
    assert code
    assert acts(house, Action.CODE_ISSUED, person.account_id)[0].actor == "achef"
    assert code[1] not in opened(console, house, phone, path)
    assert house.visitor().log_in(person.login).status_code == 401


def test_closing_asks_for_the_identifier_and_is_restored(house: House, console: Visitor, phone: Phone) -> None:
    person = house.person("Gil", "Partant")
    path = f"/admin/comptes/{person.account_id}"
    opened(console, house, phone, path)
    form = {"faire": "fermer", "delai": "30", "motif": "retraite"}
    assert console.post(path, {**form, "identifiant": "autre"}).status_code == 422
    console.post(path, {**form, "identifiant": person.login, "jour": "2031-06-30"})
    assert "C’est prévu" in console.text
    console.post(path, {"faire": "garder"})
    assert "annulée" in console.text
    console.post(path, {**form, "identifiant": person.login})
    standing = house.store.read_now(accounts.get, person.account_id)
    assert standing is not None
    assert standing.state is State.CLOSED
    assert round((standing.erase_at - standing.since) / 86400) == 30
    console.post(path, {"faire": "restaurer"})
    restored = house.store.read_now(accounts.get, person.account_id)
    assert restored is not None
    assert restored.state is State.ACTIVE
    kinds = {row.action for row in house.store.read_now(audit.history, person.account_id) if row.actor == "achef"}
    assert {Action.CLOSED, Action.CLOSING_PLANNED, Action.CLOSING_CANCELLED, Action.RESUMED} <= kinds


def test_nobody_locks_themselves_out(house: House, console: Visitor, phone: Phone, administrator: Principal) -> None:
    path = f"/admin/comptes/{administrator.account_id}"
    opened(console, house, phone, path)
    for what in ("suspendre", "code", "fermer", "facteur"):
        refused = console.post(
            path, {"faire": what, "motif": "x", "verifie": "oui", "identifiant": administrator.login}
        )
        assert refused.status_code == 422
    assert house.run(house.login.factors.is_on(administrator.account_id))


def test_guesses_are_forgotten_and_sessions_closed(house: House, console: Visitor, phone: Phone) -> None:
    person = house.person("Rémi", "Bloqué")
    own = house.visitor()
    own.log_in(person.login)
    for _ in range(11):
        house.visitor().log_in(person.login, "Faux#2026")
    path = f"/admin/comptes/{person.account_id}"
    assert "bloquée pour un moment" in opened(console, house, phone, path)
    console.post(path, {"faire": "debloquer"})
    assert "bloquée" not in console.text
    assert acts(house, Action.UNLOCKED, person.account_id)
    assert "Boîte de réception" in house.visitor().log_in(person.login).text
    opened(console, house, phone, path)
    console.post(path, {"faire": "sessions"})
    assert "Aucune session web ouverte" in console.text
    assert "Boîte de réception" not in own.get("/s/").text
    console.post(path, {"faire": "quota", "quota": "12"})
    standing = house.store.read_now(accounts.get, person.account_id)
    assert standing is not None
    assert standing.quota == 12 << 20
    assert console.post(path, {"faire": "quota", "quota": "beaucoup"}).status_code == 422


def test_a_new_account_gets_its_code(house: House, console: Visitor, phone: Phone) -> None:
    opened(console, house, phone, "/admin/comptes/nouveau")
    assert console.post("/admin/comptes/nouveau", {"given_name": "Zoé"}).status_code == 422
    assert re.findall(r'id="(\w+)-faute"><svg[^>]*>(?:(?!</svg>).)*</svg><span>À remplir', console.text, re.DOTALL) == [
        "surname",
        "role",
    ]
    assert console.field("given_name") == "Zoé"
    form = {"given_name": "Zoé", "surname": "Nouvelle", "role": "teacher", "uai": UAI}
    console.post("/admin/comptes/nouveau", form)
    assert "znouvelle" in console.text
    made = house.store.read_now(people.find, "znouvelle")
    assert made is not None
    assert acts(house, Action.CODE_ISSUED, made.account_id)[0].actor == "achef"


# ---------------------------------------------------------------------- schools, lists, boxes


def test_schools_with_their_people_and_lists(house: House, console: Visitor, phone: Phone) -> None:
    house.person("Élève", "Carnot", Role.PUPIL, uai=UAI)
    wanted = NewList(f"carnot@{DOMAIN}", "Tout Carnot", uai=UAI)
    house.store.write_now(rosters.make, ListSettings.of(house.settings), wanted, ORIGIN)
    assert "Lycée Carnot" in opened(console, house, phone, "/admin/etablissements?q=dijon+carnot")
    text = opened(console, house, phone, f"/admin/etablissements/{UAI}")
    assert f"carnot@{DOMAIN}" in text
    assert f"/admin/comptes?etablissement={UAI}&amp;role=pupil" in text
    assert console.get("/admin/etablissements/0000000A").status_code == 404


def test_a_list_is_set_filled_and_deleted_by_its_number(house: House, console: Visitor, phone: Phone) -> None:
    owner = house.person("Odile", "Liste")
    address = f"console@{DOMAIN}"
    house.store.write_now(rosters.make, ListSettings.of(house.settings), NewList(address, "Console"), ORIGIN)
    path = f"/admin/listes/{address}"
    opened(console, house, phone, path)
    form = {"faire": "regler", "nom": "Console d’essai", "ecrire": "owners", "moderee": "oui"}
    console.post(path, {**form, "proprietaires": owner.address, "nommes": ""})
    entry = house.store.read_now(lists.get, address)
    assert entry is not None
    assert (entry.name, entry.writers.value, entry.moderated) == ("Console d’essai", "owners", True)
    console.post(path, {**form, "reponses": "list", "dernier_jour": "2026-07-03", "proprietaires": owner.address})
    entry = house.store.read_now(lists.get, address)
    assert entry is not None
    assert (entry.answers.value, entry.ends) == ("list", 1_783_116_000)
    assert console.post(path, {**form, "dernier_jour": "demain", "proprietaires": ""}).status_code == 422
    console.post(path, {**form, "proprietaires": owner.address})
    entry = house.store.read_now(lists.get, address)
    assert entry is not None
    assert (entry.answers.value, entry.ends) == ("list", 1_783_116_000), "what a form does not have stays"
    unknown = console.post(path, {**form, "proprietaires": f"nobody@{DOMAIN}"})
    assert unknown.status_code == 422
    assert f"nobody@{DOMAIN} ne mène à personne" in unknown.text
    console.post(path, {"faire": "membres", "ajouter": f"{owner.address}, x@exemple.org", "retirer": ""})
    assert len(house.store.read_now(lists.members, address)) == 2
    assert console.post(path, {"faire": "supprimer", "nombre": "3"}).status_code == 422
    console.post(path, {"faire": "supprimer", "nombre": "2"})
    assert house.store.read_now(lists.get, address) is None
    said = [row.detail for row in acts(house, Action.LIST_CHANGED) if row.actor == "achef"]
    assert any("deleted" in text for text in said)


def test_a_functional_box_and_its_holders(house: House, console: Visitor, phone: Phone) -> None:
    one, other = house.person("Rosa", "Accueil"), house.person("Noé", "Accueil")
    opened(console, house, phone, "/admin/boites")
    bad = console.post("/admin/boites", {"adresse": "accueil", "nom": "Accueil", "detenteurs": "x@exemple.org"})
    assert bad.status_code == 422
    console.post("/admin/boites", {"adresse": "accueil", "nom": "Accueil", "detenteurs": one.address})
    address = f"accueil@{DOMAIN}"
    entry = house.store.read_now(lists.get, address)
    assert entry is not None
    assert entry.kind is ListKind.FUNCTION
    path = f"/admin/boites/{address}"
    form = {"faire": "detenteurs", "detenteur": [one.address], "droits-0": ["read", "manage"]}
    console.post(path, {**form, "nouveau": other.login + f"@{DOMAIN}", "droits-nouveau": ["read"]})
    assert "Détenteurs enregistrés" in console.text
    held = dict(house.store.read_now(lists.holders, address))
    assert held[one.address] == "read manage"
    assert len(held) == 2
    console.post(path, {"faire": "detenteurs", "detenteur": [one.address], "droits-0": ["read"]})
    assert len(house.store.read_now(lists.holders, address)) == 1
    rows = [row for row in acts(house, Action.RIGHTS_CHANGED) if address in row.detail]
    assert [row.actor for row in rows] == ["achef"] * 5, "each who holds it otherwise has a row"
    assert console.post(path, {"faire": "supprimer", "nombre": "7"}).status_code == 422
    console.post(path, {"faire": "supprimer", "nombre": "1"})
    assert house.store.read_now(lists.get, address) is None


# ---------------------------------------------------------------------- the flow of messages


def test_the_queue_is_held_tried_again_and_thrown_away(house: House, console: Visitor, phone: Phone) -> None:
    sender = house.person("Éva", "Envoie")
    for number in range(3):
        house.run(
            house.submission.submit(sender, sender.address, (f"x{number}@exemple.org",), mail(sender=sender.address))
        )
    text = opened(console, house, phone, "/admin/file")
    rows = re.findall(r'name="envoi"\s+value="(\d+)"', text)
    assert len(rows) == 3
    first = opened(console, house, phone, "/admin").partition('id="t-file"')[2]
    assert re.search(r'exemple\.org\s*<td.*?>3\s*<td class="d">maintenant', first.replace("\n", " "))
    opened(console, house, phone, "/admin/file")
    assert "Cochez au moins un envoi" in console.post("/admin/file", {"faire": "retenir"}).text
    console.post("/admin/file", {"faire": "retenir", "envoi": rows[:2]})
    assert "2 envois retenus" in console.text
    assert house.store.read_now(waiting.state).held == 2
    console.post("/admin/file", {"faire": "tout"})
    assert house.store.read_now(waiting.state).held == 2
    console.post("/admin/file", {"faire": "relancer", "envoi": rows[:1]})
    assert house.store.read_now(waiting.state).held == 1
    assert "2 envois seront jetés" in console.post("/admin/file", {"faire": "jeter", "envoi": rows[1:]}).text
    assert console.post("/admin/file", {"faire": "jeter:oui", "envoi": rows[1:], "nombre": "3"}).status_code == 422
    console.post("/admin/file", {"faire": "jeter:oui", "envoi": rows[1:], "nombre": "2"})
    assert "2 envois jetés" in console.text
    assert [str(entry.id) for entry in house.store.read_now(spool.show)] == rows[:1]
    told = [row.detail.partition(":")[0] for row in acts(house, Action.QUEUE_CHANGED)]
    assert told == ["drop 2", "retry 1", "retry 1", "hold 2"]


def test_what_is_chosen_of_the_queue_is_counted_typed_and_drawn(house: House, console: Visitor, phone: Phone) -> None:
    sender = house.person("Ève", "Expédie")
    house.store.write_now(spool.drop, [entry.id for entry in house.store.read_now(spool.show)])
    for to in (("a@loin.example", "b@loin.example"), ("a@loin.example",), ("c@pres.example",)):
        house.run(house.submission.submit(sender, sender.address, to, mail(sender=sender.address)))
    house.store.write_now(measures.sample, *house.store.read_now(waiting.to_leave))
    text = opened(console, house, phone, "/admin/file?destinataire=A%40loin.example")
    assert "2 envois choisis" in text
    assert "c@pres.example" not in text.partition("Par destination")[0]
    assert 'href="/admin/file?domaine=loin.example"' in text
    assert re.search(r'aria-label="Envois qui attendent\. De 0 à 3', text)
    week = opened(console, house, phone, "/admin/file?duree=semaine")
    assert "Les valeurs en tableau" in week
    chosen = {"destinataire": "a@loin.example"}
    console.post("/admin/file", {"faire": "retenir", **chosen})
    assert "2 envois retenus" in console.text
    held = [entry.recipients for entry in house.store.read_now(spool.show) if entry.error.name == spool.HELD.name]
    assert held == [("a@loin.example",), ("a@loin.example",)]
    console.post("/admin/file", {"faire": "liberer", **chosen})
    assert "2 envois laissés partir" in console.text
    asked = console.post("/admin/file", {"faire": "abandonner", "domaine": "LOIN.example"}).text
    assert "3 envois, pour 3 destinataires" in asked
    assert (
        console.post("/admin/file", {"faire": "abandonner:oui", "domaine": "loin.example", "nombre": "1"}).status_code
        == 422
    )
    console.post("/admin/file", {"faire": "abandonner:oui", "domaine": "loin.example", "nombre": "3"})
    assert "3 envois abandonnés" in console.text
    codes = [entry.error.name for entry in house.store.read_now(spool.show)]
    assert sorted(codes) == [spool.GIVEN_UP, spool.GIVEN_UP, spool.GIVEN_UP, "plain"]
    # What asks for nothing, or for no act of ours, changes nothing.
    for form in ({"faire": "jeter:oui", "nombre": "4"}, {"faire": "tuer", "domaine": "loin.example"}):
        assert console.post("/admin/file", form).status_code == 422
    assert len(house.store.read_now(spool.show)) == 4
    house.store.write_now(spool.drop, [entry.id for entry in house.store.read_now(spool.show)])


def test_a_message_is_traced_by_its_envelope_alone(house: House, console: Visitor, phone: Phone) -> None:
    reader = house.person("Iris", "Lectrice")
    house.deliver(reader, mail("Très secret", sender="Bob <bob@exemple.net>"))
    name = house.run(
        house.submission.submit(
            reader, reader.address, ("ami@exemple.net", reader.address), mail("Secret aussi", sender=reader.address)
        )
    ).name
    text = opened(console, house, phone, f"/admin/suivi?de=x%40exemple&a={reader.address}")
    assert "Reçu et déposé" in text
    assert "ecret" not in text.replace("Secrétariat", "")
    sent = opened(console, house, phone, f"/admin/suivi?nom={name.lower()}")
    assert "ami@exemple.net" in sent
    assert sent.count('<th scope="row">Envoyé') == 1
    assert "Aucune étape" in opened(console, house, phone, "/admin/suivi?de=100%25&chercher=1")
    assert "Aucune étape" in opened(
        console, house, phone, f"/admin/suivi?nom={name}&depuis=2001-01-01&jusqua=2001-01-02"
    )
    assert any(row.detail == f"from x@exemple, to {reader.address}" for row in acts(house, Action.TRACED))
    # Whoever begins with the second page has looked, too.
    opened(console, house, phone, "/admin/suivi?de=seconde%40page&moment=99999999999&rang=1")
    assert any(row.detail == "from seconde@page" for row in acts(house, Action.TRACED))


def test_the_day_on_which_the_hour_changes_has_all_its_hours(house: House, console: Visitor, phone: Phone) -> None:
    """It has 25 in autumn: what happens in the last one is of that day, in traces and in the record."""
    reader, day = house.person("Nuit", "Longue"), "2026-10-25"
    with house.clock.at(datetime(2026, 10, 25, 23, 30, tzinfo=PARIS)):
        house.deliver(reader, mail("Tard"))
        house.store.write_now(audit.record, ORIGIN, Action.CHANGED, reader.account_id, Cause("plain", text="tard"))
    path = f"/admin/suivi?a={reader.address}&depuis={day}&jusqua="
    assert "Reçu et déposé" in opened(console, house, phone, path + day)
    assert "Reçu et déposé" not in opened(console, house, phone, path + "2026-10-24")
    path = f"/admin/journal?compte={reader.login}&acte=changed&depuis={day}&jusqua="
    assert opened(console, house, phone, path + day).count('<th scope="row">') == 1
    assert opened(console, house, phone, path + "2026-10-24").count('<th scope="row">') == 0


def test_rules_and_the_brake(house: House, console: Visitor, phone: Phone) -> None:
    opened(console, house, phone, "/admin/regles")
    console.post("/admin/regles", {"faire": "table", "interdit": ["pupil>outside", "outside>pupil"]})
    assert len(house.store.read_now(rules.load).denied) == 2
    console.post("/admin/regles", {"faire": "table", "interdit": ["pupil>outside"]})
    assert len(acts(house, Action.RULE_CHANGED)) == 3
    form = {"faire": "serrer", "population": "teacher", "heures": "4", "motif": "hameçonnage"}
    assert console.post("/admin/regles", {**form, "confirme": "oui"}).status_code == 422
    console.post("/admin/regles", {**form, "confirme": "frein"})
    brake = house.store.read_now(rules.brakes)[0]
    assert (brake.population.value, brake.actor, brake.reason) == ("teacher", "achef", "hameçonnage")
    text = opened(console, house, phone, "/admin")
    assert "Le frein d’urgence est serré." in text
    assert "Enseignants : rien ne part plus." in plain(text)
    opened(console, house, phone, "/admin/regles")
    console.post("/admin/regles", {"faire": "desserrer", "population": "teacher"})
    assert not house.store.read_now(rules.brakes)
    console.post("/admin/regles", {"faire": "modele", "modele": "open"})
    assert not house.store.read_now(rules.load).denied
    assert console.post("/admin/regles", {"faire": "desserrer", "population": "chats"}).status_code == 422


# ---------------------------------------------------------------------- imports


HEAD = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
ROWS = [
    f"Nina,Importée,1980-02-03,teacher,21E2600999XYZ,,{UAI},Anglais,,\n",
    f"Omar,Importé,1981-02-03,teacher,21E2600998XYZ,,{UAI},Allemand,,\n",
    "Sans,Rôle,1980-02-03,chanteur,,,,,,\n",
]


def plain(text: str) -> str:
    """Without the narrow spaces of French."""
    return text.replace("\u202f", " ")


def finished(console: Visitor, house: House, phone: Phone) -> str:
    """The page of the job that was begun, when it is over."""
    path = str(console.page and console.page.url).removeprefix(house.url)
    assert path.startswith("/admin/travaux/"), console.text
    deadline = time.monotonic() + 4 * PATIENCE  # a process of its own
    # The house's clock is ahead of the job's, which then looks as if it had died.
    while re.search(r'class="etiquette (?:bleu|rouge)">(en cours|interrompu)', opened(console, house, phone, path)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return console.text


def post_file(console: Visitor, house: House, phone: Phone, rows: list[str], **form: str) -> str:
    opened(console, house, phone, "/admin/import")
    octets = (HEAD + "".join(rows)).encode()
    console.post("/admin/import", form, files={"fichier": ("rentrée.csv", octets, "text/csv")})
    return finished(console, house, phone)


def test_an_import_is_compared_applied_and_taken_back(house: House, console: Visitor, phone: Phone) -> None:
    text = post_file(console, house, phone, ROWS)
    assert "1 ligne refusée" in text
    assert "« chanteur » n’est aucune de" in plain(text)
    assert "Importée" in text
    assert house.store.read_now(people.find, "nimportee") is None
    plan = str(console.page and console.page.url).removeprefix(house.url)
    assert console.post(f"{plan}/appliquer", {"nombre": "3"}).status_code == 422
    console.post(f"{plan}/appliquer", {"nombre": "2"})
    finished(console, house, phone)
    made = house.store.read_now(people.find, "nimportee")
    assert made is not None
    run = house.store.read_now(imports.listing, 1)[0]
    assert (run.actor, run.state) == ("achef", RunState.DONE)
    assert (
        not list((house.settings.data / "uploads").glob("*.csv"))
        or len(list((house.settings.data / "uploads").glob("*.csv"))) == 0
    )
    assert acts(house, Action.IMPORTED)[0].actor == "achef"

    changed = post_file(console, house, phone, [ROWS[0].replace("Anglais", "Espagnol")])
    assert re.search(r"discipline\s*<td>Anglais\s*<td>Espagnol", changed)

    opened(console, house, phone, "/admin/import")
    assert console.post(f"/admin/import/{run.id}/annuler", {"nombre": "1"}).status_code == 422
    console.post(f"/admin/import/{run.id}/annuler", {"nombre": "2"})
    finished(console, house, phone)
    assert house.store.read_now(people.find, "nimportee") is None
    assert acts(house, Action.IMPORT_UNDONE)[0].actor == "achef"
    journal = plain(opened(console, house, phone, "/admin/journal"))
    assert f"l’import {run.id} est terminé : 2 créés, 1 refusé" in journal
    assert f"import {run.id} is done" in console.get(f"{house.url}/admin/journal?lang=en").text


def test_what_is_applied_is_what_was_shown(house: House, console: Visitor, phone: Phone) -> None:
    """Between the differences and their applying somebody else may have imported."""
    both = [
        f"Lila,Montrée,1983-02-03,teacher,21E2600997XYZ,,{UAI},,,\n",
        f"Luca,Montré,1984-02-03,teacher,21E2600996XYZ,,{UAI},,,\n",
    ]
    post_file(console, house, phone, both)
    first = str(console.page and console.page.url).removeprefix(house.url)
    post_file(console, house, phone, both[:1])
    second = str(console.page and console.page.url).removeprefix(house.url)
    console.post(f"{second}/appliquer", {"nombre": "1"})
    finished(console, house, phone)
    opened(console, house, phone, first)
    console.post(f"{first}/appliquer", {"nombre": "2"})
    assert "n’est plus ce qui a été montré" in finished(console, house, phone)
    assert house.store.read_now(people.find, "lmontree") is not None
    assert house.store.read_now(people.find, "lmontre") is None
    post_file(console, house, phone, both)
    again = str(console.page and console.page.url).removeprefix(house.url)
    console.post(f"{again}/appliquer", {"nombre": "1"})
    finished(console, house, phone)
    assert house.store.read_now(people.find, "lmontre") is not None


def test_of_imports_that_are_begun_at_once_one_is(
    house: House, console: Visitor, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")  # the job stays under way
    opened(console, house, phone, "/admin/import")
    mark, octets = console.field("m_"), (HEAD + ROWS[0]).encode()

    def post(name: str) -> httpx.Response:
        return console.http.post("/admin/import", data={"m_": mark}, files={"fichier": (name, octets, "text/csv")})

    uploads = house.settings.data / "uploads"
    before = {*uploads.glob("*.csv")}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post, ("a.csv", "b.csv", "c.csv", "d.csv")))
    begun = [one for one in answers if one.status_code == 200]
    assert [one.status_code for one in answers if one not in begun] == [422] * 3
    assert all("Un autre travail d’import est en cours" in one.text for one in answers if one not in begun)
    (kept,) = {*uploads.glob("*.csv")} - before  # files of others are not
    kept.unlink()

    run, _ = house.store.write_now(imports.begin, "achef", imports.Plan("autre", "delta", "r.csv", b"autre", "{}"))
    answer = console.post(f"/admin/import/{run.id}/annuler", {"nombre": "0"})
    assert answer.status_code == 422
    assert "Un autre travail d’import est en cours" in answer.text
    house.store.write_now(imports.set_state, run.id, RunState.UNDONE)
    number = int(str(begun[0].url).rpartition("/")[2])
    house.store.write_now(jobs.end, number, JobState.FAILED, {})


def test_a_file_that_is_none_says_so(house: House, console: Visitor, phone: Phone) -> None:
    opened(console, house, phone, "/admin/import")
    assert console.post("/admin/import", {}).status_code == 422
    console.post("/admin/import", {}, files={"fichier": ("x.csv", b"a,b\n1,2\n", "text/csv")})
    text = finished(console, house, phone)
    assert "n’a pas pu aboutir : ligne 1 : la colonne « a » est inconnue" in plain(text)
    page = str(console.page and console.page.url)
    assert "unknown column &#39;a&#39;" in console.get(f"{page}?lang=en").text


def test_what_was_refused_is_taken_away_in_the_readers_language(house: House, console: Visitor, phone: Phone) -> None:
    wrong_letter = f"Ida,Lettre,1980-02-03,teacher,,,{UAI[:7]}{'A' if UAI[7] != 'A' else 'B'},,,\n"
    post_file(console, house, phone, ["=Sans,Rôle,1980-02-03,=chanteur,,,,,,\n", wrong_letter])
    path = str(console.page and console.page.url)
    french = plain(console.get(f"{path}/raisons.csv").content.decode("utf-8-sig")).splitlines()
    assert french[0] == "Ligne;Fichier;Nature;Raison"
    assert french[1].startswith("2;;refusée;role : « =chanteur » n’est aucune de")
    assert f"devrait finir par {UAI[7]}" in french[2]
    answer = console.get(f"{path}/raisons.csv?lang=en")
    assert "attachment" in answer.headers["content-disposition"]
    english = answer.content.decode("utf-8-sig").splitlines()
    assert english[1].startswith("2,,refused,\"role: '=chanteur' is none of")


# ---------------------------------------------------------------------- the record, the instance, what is told


def test_the_record_is_filtered_taken_away_and_verified(
    house: House, console: Visitor, phone: Phone, administrator: Principal
) -> None:
    odd, other = house.person("Jo", "Formule"), house.person("Jean", "Reste")
    many = [(Action.QUOTA_SET, other.account_id, Cause("quota-messages", count=count)) for count in range(101)]
    house.store.write_now(audit.record_many, ORIGIN, many)
    house.store.write_now(audit.record, ORIGIN, Action.CHANGED, odd.account_id, Cause("plain", text="=1+1"))
    text = opened(console, house, phone, f"/admin/journal?compte={odd.login}&acte=changed")
    assert "=1+1" in text
    assert text.count('<th scope="row">') == 1
    assert "Personne n’a cet identifiant" in opened(console, house, phone, "/admin/journal?compte=zzzz")
    whole = opened(console, house, phone, "/admin/journal")
    assert not re.search(r'<option value="([a-z-]+)">\1</option>', whole), "an act without words"
    assert whole.count('<th scope="row">') == 100
    assert console.rel("next")
    export = console.post(f"/admin/journal/export?compte={odd.login}&acte=changed", {})
    assert export.headers["content-type"].startswith("text/csv")
    assert export.text.splitlines()[1].endswith(""",'=1+1,plain,"{""text"":""=1+1""}\"""")
    assert len(export.text.splitlines()) == 2
    opened(console, house, phone, "/admin/journal")
    assert "Le journal est entier" in console.post("/admin/journal/verifier", {}).text
    assert {row.detail for row in acts(house, Action.AUDIT_READ, administrator.account_id)} <= {"exported", "verified"}
    assert {row.detail for row in acts(house, Action.AUDIT_READ)} == {"exported", "verified"}


def test_the_record_speaks_in_sentences(house: House, console: Visitor, phone: Phone) -> None:
    """Letters of rights, octets and names of doors are words."""
    someone = house.person("Dora", "Dite")
    rows = [
        (Action.QUOTA_SET, Cause("quota", octets=3 << 30), "3 Go"),
        (Action.QUOTA_SET, Cause("quota", octets=-1), "celui du réglage"),
        (Action.QUOTA_SET, Cause("quota", octets=0), "sans limite"),
        (Action.QUOTA_SET, Cause("quota", octets="abîmé"), "abîmé"),
        (
            Action.RIGHTS_CHANGED,
            Cause("box-holders", address="b@x", holders="a@x read send; c@x manage"),
            "b@x : a@x peut lire, écrire en son nom ; c@x peut gérer",
        ),
        (
            Action.RIGHTS_CHANGED,
            Cause("box-holder", address="b@x", who="a@x", before=("read",), after=("read", "send")),
            "b@x : a@x peut lire, écrire en son nom (avant : lire)",
        ),
        (
            Action.RIGHTS_CHANGED,
            Cause("box-holder", address="b@x", who="a@x", before=("manage",), after=("nothing",)),
            "b@x : a@x n’a plus de droit (avant : gérer)",
        ),
        (
            Action.LIST_CHANGED,
            Cause("list-people-added", address="l@x", what=("owners",), people=("a@x", "b@x")),
            "l@x : responsables, ajoutés : a@x, b@x",
        ),
        (
            Action.RIGHTS_CHANGED,
            Cause("mailbox-rights", mailbox="INBOX", who="emma", rights=("lrsi",)),
            "INBOX : emma peut lire, marquer, déposer",
        ),
        (
            Action.RIGHTS_CHANGED,
            Cause("mailbox-rights", mailbox="INBOX", who="-emma", rights=("lr",)),
            "INBOX : emma ne peut pas lire",
        ),
        (
            Action.RIGHTS_CHANGED,
            Cause("mailbox-rights", mailbox="/dav/ Cours", who="emma", rights=("write",)),
            "Cours : emma peut lire et modifier",
        ),
        (
            Action.RIGHTS_CHANGED,
            Cause("mailbox-rights", mailbox="INBOX", who="emma", rights=("nothing",)),
            "INBOX : emma n’a plus de droit",
        ),
    ]
    origin = Origin("directory", "internal")
    facts = [(action, someone.account_id, cause) for action, cause, _ in rows]
    house.store.write_now(audit.record_many, origin, facts)
    text = plain(opened(console, house, phone, f"/admin/journal?compte={someone.login}")).replace("\xa0", " ")
    for _action, _cause, words in rows:
        assert f"<td>{words}\n" in text, words
    assert "<td>le service\n" in text
    assert "internal" not in text


def test_measures_are_counted_from_the_traces_and_drawn(house: House, console: Visitor, phone: Phone) -> None:
    reader = house.person("Léa", "Mesure")
    for number in range(4):
        house.deliver(reader, mail(f"Mesure {number}"))

    def settle(tx: Tx) -> None:
        tx.execute(update(message_trace).values(at=message_trace.c.at - 120))

    house.store.write_now(settle)
    before = house.store.read_now(measures.since, ["received"], 0)
    assert sum(one.count for one in before) >= 4, "they are seen at once"
    counted = 0
    while done := house.store.write_now(measures.tally):
        counted += done
    assert counted >= 4
    assert house.store.write_now(measures.tally) == 0
    house.store.write_now(measures.keep, house.store.read_now(measures.gauges))
    assert house.store.read_now(measures.is_measured)
    rows = house.store.read_now(measures.since, ["received"], 0)
    assert rows == before, "and once"
    for span in ("jour", "semaine", "mois", "an", "siecle"):
        text = opened(console, house, phone, f"/admin/mesures?duree={span}")
        assert "<rect" in text
        assert "style=" not in text
        chart = text.partition('id="t-messages"')[2].partition("</figure>")[0]
        assert re.search(r'text-anchor="end">0</text>', chart), "a scale from 0"
        assert re.search(r'aria-label="Messages par (heure|jour|semaine)\. De 0 à ', chart)
        values = [int(count) for count in re.findall(r'<th scope="row">[^<]*<td class="d">(\d+)', chart)]
        assert sum(values) >= 4, "the same as a table"


def test_health_and_overview(house: House, console: Visitor, phone: Phone) -> None:
    text = opened(console, house, phone, "/admin/sante")
    assert "SQLite" in text
    assert "Serveurs les plus actifs" not in text
    now = int(house.clock.now())
    window = Window("2001:db8:1:2::/64", 3600, now - now % 3600)
    house.store.write_now(peer_counts.exchange, {window: (1234, 5, 6, 7, 0, 0)}, [])
    text = opened(console, house, phone, "/admin/sante")
    row = text.partition("2001:db8:1:2::/64")[2].partition("<tr>")[0]
    assert re.findall(r'<td class="d">([^<]*)', row) == ["1\u202f234", "5", "6", "7"]
    text = opened(console, house, phone, "/admin")
    assert "File d’attente" in text
    assert "le certificat vient de l’autorité de cette instance" in text
    assert "the certificate comes from the authority of this instance" in opened(
        console, house, phone, "/admin?lang=en"
    )
    opened(console, house, phone, "/admin?lang=fr")


def test_one_message_is_said_as_one(house: House, console: Visitor, phone: Phone) -> None:
    person = house.person("Léa", "Seule")
    house.deliver(person, mail("La seule"))
    path = f"/admin/comptes/{person.account_id}"
    assert ", 1 message</p>" in opened(console, house, phone, path)
    house.deliver(person, mail("La deuxième"))
    assert ", 2 messages</p>" in opened(console, house, phone, path)


def test_one_search_finds_accounts_schools_lists_and_boxes(house: House, console: Visitor, phone: Phone) -> None:
    house.person("Zoé", "Rechercheuse", uai=UAI)
    namesake = house.person("Zoé", "Rechercheuse", uai=UAI)
    wanted = NewList(f"rechercheuses@{DOMAIN}", "Rechercheuses", uai=UAI)
    house.store.write_now(rosters.make, ListSettings.of(house.settings), wanted, ORIGIN)
    text = opened(console, house, phone, "/admin/recherche?q=recherch")
    assert text.count("Zoé Rechercheuse") == 2
    assert f"/admin/listes/rechercheuses@{DOMAIN}" in text
    opened(console, house, phone, f"/admin/recherche?q={namesake.login}")
    assert str(console.page and console.page.url).endswith(f"/admin/comptes/{namesake.account_id}"), (
        "the only one opens"
    )
    house.store.write_now(schools.upsert, [schools.Facts("0580031U", "Collège Les Loges", "CLG", town="Nevers")])
    opened(console, house, phone, "/admin/recherche?q=loges+nevers")
    assert str(console.page and console.page.url).endswith("/admin/etablissements/0580031U"), "the only one opens"
    assert "Ni compte, ni établissement" in opened(console, house, phone, "/admin/recherche?q=zzz&lang=fr")
    opened(console, house, phone, "/admin/recherche?q=")
    assert "/admin/comptes" in str(console.page and console.page.url)


def test_a_running_job_is_watched_and_that_is_no_activity(
    house: House, console: Visitor, phone: Phone, administrator: Principal
) -> None:
    number = house.store.write_now(jobs.begin, "apply", administrator.account_id, "achef", "", {"original": "r.csv"})
    house.store.write_now(jobs.advance, number, 320, 1000)
    text = opened(console, house, phone, f"/admin/travaux/{number}")
    assert "32 %" in plain(text).replace("\xa0", " ")
    refresh = str(console.page and console.page.headers["refresh"])
    assert refresh == f"3; url=/admin/travaux/{number}?suivi=oui"
    before = console.http.cookies.get(access.PROOF)
    assert before
    console.get(f"/admin/travaux/{number}?suivi=oui")
    assert console.http.cookies.get(access.PROOF) == before, "who only watches is asked again after a while"
    assert "refresh" not in console.get(f"/admin/travaux/{number}?suivi=non").headers
    house.store.write_now(jobs.end, number, JobState.DONE, {})
    assert "refresh" not in console.get(f"/admin/travaux/{number}?suivi=oui").headers


def test_differences_are_said_in_plain_words(
    house: House, console: Visitor, phone: Phone, administrator: Principal
) -> None:
    person = {"line": 2, "file": "", "login": "lroux", "address": "", "name": "Léo Roux", "elder": "", "changed": []}
    details = [
        ["class", "0210006T:4B=4e B", "0210006T:3A=3e A|3C"],
        ["role", "pupil", "staff"],
        ["hidden", "False", "True"],
    ]
    found = [{**person, "details": details}, {**person, "details": [], "changed": ["recovery_address", "numen"]}]
    result = {"counts": {"changed": 2}, "kinds": {"moved": 2}, "people": {"moved": found}}
    number = house.store.write_now(jobs.begin, "plan", administrator.account_id, "achef", "", {"original": "r.csv"})
    house.store.write_now(jobs.end, number, JobState.DONE, result)
    text = re.sub(r"\s+", " ", opened(console, house, phone, f"/admin/travaux/{number}"))
    for words in (
        "<td>classe <td>4e B (0210006T) <td>3e A (0210006T), 3C",
        "<td>population <td>Élève <td>Personnel",
        "<td>caché dans l’annuaire <td>non <td>oui",
        '<td>adresse de secours, NUMEN <td class="rien">– <td>modifié',
    ):
        assert words in text


def led(house: House, person: Principal, phone: Phone) -> Visitor:
    """Somebody who opens the console without having logged in."""
    visitor = house.visitor()
    visitor.get("/admin")
    suite = visitor.field("suite")
    visitor.post(
        "/connexion", {"identifiant": person.login, "mot_de_passe": PASSWORD, "interface": "simple", "suite": suite}
    )
    visitor.post("/connexion/code", {"etape": visitor.field("etape"), "code": phone.code()})
    house.clock.ahead += 30
    return visitor


def test_announcements_and_maintenance(house: House, console: Visitor, phone: Phone, administrator: Principal) -> None:
    opened(console, house, phone, "/admin/annonces")
    assert console.post("/admin/annonces", {"nature": "closed", "fr": "Travaux"}).status_code == 422
    console.post("/admin/annonces", {"nature": "announcement", "fr": "Bonne rentrée à tous"})
    assert "Bonne rentrée" in house.visitor().get("/").text
    (number,) = re.findall(r"modifier=(\d+)", opened(console, house, phone, "/admin/annonces"))
    assert "Bonne rentrée à tous</textarea>" in opened(console, house, phone, f"/admin/annonces?modifier={number}")
    form = {"nature": "announcement", "fr": "Bonne fin d’année", "faire": "annoncer", "numero": number}
    assert console.post("/admin/annonces", {**form, "fr": ""}).status_code == 422
    console.post("/admin/annonces", form)
    assert "Bonne fin d’année" in house.visitor().get("/").text
    assert "Bonne rentrée" not in house.visitor().get("/").text
    opened(console, house, phone, "/admin/annonces")
    form = {"nature": "closed", "fr": "Mise à jour", "fin": "2035-01-01T00:00"}
    console.post("/admin/annonces", form)
    assert house.visitor().get("/").status_code == 503
    assert "Tableau de bord" in led(house, administrator, phone).text
    text = opened(console, house, phone, "/admin/annonces")
    for number in re.findall(r'name="numero"\s+value="(\d+)"', text):
        console.post("/admin/annonces", {"faire": "retirer", "numero": number})
    assert house.visitor().get("/").status_code == 200
    assert len(acts(house, Action.BULLETIN_CHANGED)) == 5


# ---------------------------------------------------------------------- storage


def test_what_is_held_by_population_and_school(console: Visitor, house: House, phone: Phone) -> None:
    person = house.person("Zoé", "Pleine", uai=UAI)
    for number in range(3):
        house.deliver(person, mail(f"Long {number}", "x" * 5000))
    octets, count = house.store.read_now(messages.usage, person.account_id)
    house.store.write_now(accounts.set_quota, person.account_id, octets)
    text = opened(console, house, phone, "/admin/stockage")
    assert "Lycée Carnot" in text
    assert person.login in text
    table = console.get("/admin/stockage/tableau.csv")
    assert table.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")), delimiter=";"))
    ours = next(row for row in rows if row["UAI"] == UAI and row["Population"] == "Enseignant")
    assert int(ours["Octets"]) >= octets
    assert int(ours["Messages"]) >= count
    assert ours["Pleins"] == "1"
    house.store.write_now(accounts.set_quota, person.account_id, -1)
