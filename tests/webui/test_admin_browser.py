"""The console in a real Chromium: a day of an administrator by keyboard, every screen with axe, its policy."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from directory.lists import rosters
from directory.lists.rosters import ListSettings, NewList
from mailserver.model.account.quiet_hours import Hours
from mailserver.model.clock import HOUR
from mailserver.model.identity import ListKind, Principal, Role
from mailserver.model.reports import Kind as ReportKind
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.reports import dmarc_xml, tls_json
from mailserver.store.account import bulletins, jobs, rules
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.store.account.jobs import JobState
from mailserver.store.people import school_hours, schools
from mailserver.store.record.audit import Origin
from mailserver.store.reports import received
from mailserver.store.upkeep import measures
from mailserver.store.upkeep.measures import Measure
from mailserver.store.web import academy_models, signatures
from mailserver.store.web.academy_models import AcademyDraft
from mailserver.store.web.signatures import Model
from mailserver.store.withdrawal import reports
from mailserver.texts.causes import Cause
from tests.outbound.mailings.rows import keep
from tests.reports.samples import dmarc, record, tls
from tests.webui.browser import ALL_LOOKS, LOOKS, faults_in_looks, overflow, visiting
from tests.webui.house import DOMAIN, PASSWORD, House, mail
from tests.webui.secondstep import Phone
from tests.webui.test_every_route import patterns
from tests.webui.test_held_submissions import hold

pytestmark = pytest.mark.needs("chromium")

UAI = "0210006T"
ORIGIN = Origin("achef", "console")


@pytest.fixture(scope="module")
def academy(house: House, administrator: Principal) -> dict[str, str]:
    """Something on every screen; the addresses of the screens by name."""
    write = house.store.write_now
    facts = [
        schools.Facts(UAI, "Lycée Carnot", "LYC", "PU", "16 boulevard Thiers", "21000", "Dijon", "03 80 00 00 00"),
        schools.Facts("0580031U", "Collège Les Loges", "CLG", town="Nevers"),
    ]
    write(schools.upsert, facts)
    person = house.person("Emma", "Dupont-Vaillant", uai=UAI, discipline="Histoire-géographie", numen="21E2600123ABC")
    other = house.person("Marc", "Leblanc", Role.STAFF, uai=UAI)
    for number in range(12):
        house.person(f"Élève{number}", "Ordinaire", Role.PUPIL, password="", uai=UAI)
    our = ListSettings.of(house.settings)
    listed = f"profs-carnot@{DOMAIN}"
    write(
        rosters.make,
        our,
        NewList(listed, "Professeurs de Carnot", (person.address,), (other.address,), uai=UAI),
        ORIGIN,
    )
    box = f"accueil@{DOMAIN}"
    write(
        rosters.make, our, NewList(box, "Accueil", members=(person.address,), uai=UAI, kind=ListKind.FUNCTION), ORIGIN
    )
    for number in range(6):
        house.deliver(person, mail(f"Sujet {number}"))
        recipients = (f"famille{number}@exemple.org", other.address)
        house.run(house.submission.submit(person, person.address, recipients, mail(sender=person.address)))
    write(hold, person, "Sortie au musée", "famille@exemple.org", other.address)
    now = int(house.clock.now())
    hour = now - now % HOUR
    for back in range(24 * 8):
        for name, count in (("received", 40 + back * 7 % 61), ("submitted", 11 + back * 5 % 23), ("failed", back % 4)):
            write(measures.keep, [Measure(name, hour - back * HOUR, count, count * 5000)])
    write(measures.keep, house.store.read_now(measures.gauges))
    write(
        bulletins.post, ORIGIN, Draft(Kind.ANNOUNCEMENT, now, 0, "Campagne de mutations : les serveurs seront chargés.")
    )
    text = "Madame, Monsieur,\nla classe sort le {date}.\n{prenom} {nom}, {etablissement}"
    model = write(academy_models.save, ORIGIN, 0, AcademyDraft("Sortie scolaire", frozenset(Role), "Sortie", text))
    own = Model(0, administrator.account_id, "Convocation", "", "Vous êtes convoqué.", "<b>Vous êtes convoqué.</b>")
    write(signatures.save_model, administrator.account_id, own)
    job = write(jobs.begin, "plan", administrator.account_id, "achef", "", {"original": "rentrée.csv", "file": "x.csv"})
    write(jobs.end, job, JobState.DONE, _plan())
    forged = record("2001:db8:85a3::8a2e:370:7334", 2000, dkim="fail", spf="fail", envelope="promotion.exemple.org")
    write(received.keep, dmarc_xml.read(dmarc(record(count=9000), forged)), received.Origin("", b"1"))
    write(received.keep, tls_json.read(tls()), received.Origin("", b"2"))
    write(received.refuse, ReportKind.TLS, Cause("report-malformed", why="policies"), received.Origin("x.fr", b"3"))
    write(school_hours.decide, ORIGIN, UAI, Hours(begins=19, holidays=True))
    campaign = _phishing(house, person)
    running = write(jobs.begin, "apply", administrator.account_id, "achef", "", {"original": "rentrée.csv"})
    write(jobs.advance, running, 320, 1000)
    return {
        "accueil": "/admin",
        "mesures": "/admin/mesures",
        "stockage": "/admin/stockage",
        "sante": "/admin/sante",
        "annonces": "/admin/annonces",
        "modeles": f"/admin/modeles?modifier={model}",
        "comptes": "/admin/comptes",
        "compte": f"/admin/comptes/{person.account_id}",
        "nouveau": "/admin/comptes/nouveau",
        "etablissements": "/admin/etablissements",
        "etablissement": f"/admin/etablissements/{UAI}",
        "listes": "/admin/listes",
        "liste": f"/admin/listes/{listed}",
        "boites": "/admin/boites",
        "boite": f"/admin/boites/{box}",
        "import": "/admin/import",
        "travail": f"/admin/travaux/{job}",
        "en-cours": f"/admin/travaux/{running}",
        "file": "/admin/file",
        "suivi": "/admin/suivi?chercher=1",
        "retenus": "/admin/envois-retenus",
        "nombre": "/admin/envois-en-nombre",
        "nombre-un": f"/admin/envois-en-nombre/{keep(house.store, person, mail('Rentrée'))}",
        "piratage": f"/admin/comptes/{person.account_id}/piratage",
        "virus": "/admin/virus",
        "signalements": "/admin/signalements",
        "campagne": f"/admin/signalements/campagne?c={campaign}",
        "retraits": "/admin/retraits",
        "retrait-nouveau": "/admin/retraits/nouveau",
        "retrait-montre": f"/admin/retraits/nouveau?c={campaign}&portee=campagne",
        "rapports": "/admin/rapports",
        "rapports-recus": "/admin/rapports/recus",
        "transferts": "/admin/transferts",
        "regles": "/admin/regles",
        "repos": "/admin/repos",
        "journal": "/admin/journal",
        "recherche": "/admin/recherche?q=carnot",
        "recherche-vide": "/admin/recherche?q=introuvable",
        "comptes-aucun": "/admin/comptes?q=introuvable",
    }


def _phishing(house: House, person: Principal) -> str:
    """One message that was reported and taken back, another that waits for a decision; its campaign."""
    service = Withdrawals(settings=house.settings, store=house.store, clock=house.clock)

    async def report(content_id: int, *, taken: bool) -> None:
        await service.report(person.account_id, content_id)
        if taken:
            number = await service.begin(await service.preview(content_id, alike=True), 7, ORIGIN)
            await service.work(number)

    for subject, taken in (("Votre colis", True), ("Mise à jour de votre messagerie académique", False)):
        octets = mail(subject, "Support <support@messagerie-academique.exemple.org>", body=subject * 20)
        house.run(report(house.deliver(person, octets), taken=taken))
    return house.store.read_now(reports.campaigns, decided=False)[0].key.hex()


def _plan() -> dict[str, object]:
    person = {"line": 2, "file": "", "login": "nduval", "address": f"nina.duval@{DOMAIN}", "name": "Nina Duval"}
    moved = {**person, "line": 7, "login": "emmad", "details": [["uai", "0580031U", UAI]], "elder": "", "changed": []}
    return {
        "counts": {"created": 1, "changed": 1, "leaving": 2, "unchanged": 1540, "refused": 1, "places": 0},
        "kinds": {"arrives": 1, "moved": 1},
        "people": {"arrives": [{**person, "details": [], "elder": "", "changed": []}], "moved": [moved]},
        "refused": [
            {"line": 12, "file": "", **Cause("uai-letter", uai="0210006X", letter="E").facts},
            {"line": 14, "file": "", "reason": "a result of before reasons were values"},
        ],
        "refused_count": 2,
        "remarks": [{"line": 3, "file": "", **Cause("read-as", encoding="windows-1252").facts}],
        "remark_count": 1,
    }


def test_every_screen_of_the_console_is_looked_at_below(house: House, academy: dict[str, str]) -> None:
    """But for files, and for the question that stands before the first of them."""
    known = [(prefix, route) for prefix, route in patterns(house.door.routes) if route.path.startswith("/admin")]
    paths = {address.split("?")[0] for address in academy.values()}
    looked_at = {route.path for _, route in known for path in paths if route.path_regex.match(path)}
    assert {route.path for _, route in known} - looked_at == {
        "/admin/confirmer",
        "/admin/travaux/{job:key}/raisons.csv",
        "/admin/stockage/tableau.csv",
    }


def enter(page: Page, house: House, administrator: Principal, phone: Phone) -> None:
    """Log in with both factors, by keyboard."""
    house.clock.ahead += 30
    page.goto(f"{house.url}/admin")
    page.fill("#identifiant", administrator.login)
    page.fill("#mot_de_passe", PASSWORD)
    page.keyboard.press("Enter")
    page.fill("#code", phone.code())
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Tableau de bord")
    house.clock.ahead += 30


def test_a_day_in_the_console(
    house: House, chromium: Browser, administrator: Principal, phone: Phone, academy: dict[str, str]
) -> None:
    """Look somebody up, suspend and reopen them, hold and drop mail, put the brake on: without JavaScript."""
    with visiting(chromium) as watched:
        page = watched.page
        enter(page, house, administrator, phone)
        page.get_by_role("link", name="Comptes", exact=True).click()
        page.get_by_label("Nom, identifiant, adresse ou NUMEN").fill("dupont emma")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Emma Dupont-Vaillant").click()
        page.get_by_text("Suspendre", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_label("Motif", exact=True).fill("Mot de passe divulgué")
        page.get_by_role("button", name="Suspendre le compte").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#annonce")).to_have_text("Compte suspendu.")
        page.get_by_role("button", name="Rouvrir le compte").click()
        expect(page.locator("#annonce")).to_have_text("Compte rouvert.")
        expect(page.get_by_role("table", name="Historique du compte")).to_contain_text("Mot de passe divulgué")

        page.get_by_role("link", name="File d’attente").click()
        boxes = page.get_by_role("checkbox")
        boxes.nth(0).check()
        boxes.nth(1).check()
        page.get_by_role("button", name="Retenir").click()
        expect(page.locator("#annonce")).to_contain_text("2 envois retenus")
        page.get_by_role("checkbox").nth(0).check()
        page.get_by_role("button", name="Jeter…").click()
        page.get_by_label("Pour confirmer, tapez ce nombre").fill("1")
        page.get_by_role("button", name="Jeter", exact=True).click()
        expect(page.locator("#annonce")).to_contain_text("1 envoi jeté")

        page.get_by_role("link", name="Règles et frein").click()
        page.get_by_text("Serrer le frein", exact=True).first.click()
        page.select_option("#population", label="Élèves")
        page.get_by_label("Pour confirmer, tapez le mot").fill("frein")
        page.get_by_role("button", name="Serrer le frein").click()
        expect(page.locator(".avis.erreur")).to_contain_text("Élèves")
        watched.picture("console-frein")
        page.get_by_role("button", name="Desserrer").click()
        assert not house.store.read_now(rules.brakes)

        page.get_by_role("button", name="Retour au courrier").click()
        expect(page.locator("h1")).to_have_text("Boîte de réception")
        assert watched.complaints == []
        assert all(url.startswith((house.url, "data:")) for url in watched.requests)


def test_every_screen_is_accessible(
    house: House, chromium: Browser, administrator: Principal, phone: Phone, academy: dict[str, str]
) -> None:
    """axe finds nothing and nothing overflows; all screens in two of the four looks, the most coloured in every one."""
    coloured = {"accueil", "mesures", "sante", "compte", "travail", "regles"}
    with visiting(chromium, script=True, bypass_csp=True) as watched:
        page = watched.page
        enter(page, house, administrator, phone)
        found: dict[str, list[str]] = {}
        for name, path in academy.items():
            page.goto(f"{house.url}{path}")
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            found[name] = faults_in_looks(watched, f"console-{name}", ALL_LOOKS if name in coloured else LOOKS)
        house.clock.ahead += 1000
        page.goto(f"{house.url}/admin/comptes")
        found["confirmer"] = faults_in_looks(watched, "console-confirmer")
        assert {name: faults for name, faults in found.items() if faults} == {}


def test_no_screen_needs_more_than_its_policy_allows(
    house: House, chromium: Browser, administrator: Principal, phone: Phone, academy: dict[str, str]
) -> None:
    """With scripts on, the browser has nothing to complain of; and a narrow window scrolls no page sideways."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, administrator, phone)
        page.set_viewport_size({"width": 320, "height": 640})
        for name, path in academy.items():
            answer = page.goto(f"{house.url}{path}")
            assert answer is not None
            assert "script-src" not in answer.headers["content-security-policy"]
            wide = overflow(page)
            assert wide <= 0, name
            assert not re.search(r"<script|style=| on[a-z]+=", answer.text()), name
        assert watched.complaints == []
