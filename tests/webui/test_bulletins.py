"""Announcements and maintenance: what everybody is told, when, and what is then closed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mailserver.__main__ import app
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account import bulletins
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin, Wanted
from tests.webui.house import House, Visitor

ORIGIN = Origin("admin", "test")
HOUR = 3600


@pytest.fixture(autouse=True)
def clean(house: House) -> Iterator[None]:
    yield
    house.clock.ahead = 0
    for one in house.store.read_now(bulletins.listing):
        house.store.write_now(bulletins.withdraw, ORIGIN, one.id)


def post(house: House, kind: Kind, begins: float, ends: float, fr: str = "Ceci", en: str = "") -> int:
    now = int(house.clock.now())
    draft = Draft(kind, now + int(begins), now + int(ends) if ends else 0, fr, en)
    return house.store.write_now(bulletins.post, ORIGIN, draft)


def test_an_announcement_is_on_the_portal_and_above_the_mail(house: House, at_home: Visitor) -> None:
    number = post(house, Kind.ANNOUNCEMENT, 0, 0, "Les serveurs <b>neufs</b> arrivent.", "New servers are coming.")
    assert "Les serveurs &lt;b&gt;neufs&lt;/b&gt; arrivent." in at_home.get("/s/").text
    assert "New servers are coming." in house.visitor().get("/login?lang=en").text
    house.store.write_now(bulletins.withdraw, ORIGIN, number)
    assert "neufs" not in at_home.get("/s/").text


def close(visitor: Visitor, number: int, **more: str) -> str:
    """Press the button of an announcement that the page shows."""
    form = visitor.text.partition(f"/annonces/{number}/fermer")[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(ecrite|retour)" value="([^"]*)"', form))
    assert set(fields) == {"ecrite", "retour"}, "no button"
    visitor.post(f"/annonces/{number}/fermer", {**fields, **more})
    return visitor.text


def test_whoever_has_read_an_announcement_closes_it_in_every_interface(
    house: House, at_home: Visitor, marc: Principal
) -> None:
    number = post(house, Kind.ANNOUNCEMENT, 0, 0, "Panne vendredi.")
    assert "/fermer" not in house.visitor().get("/login").text
    at_home.get("/s/recherche?q=panne")
    assert "Panne vendredi." not in close(at_home, number)
    assert str(at_home.page and at_home.page.url).endswith("/s/recherche?q=panne")
    for path in ("/s/", "/m/", "/agenda", "/contacts", "/compte", "/s/reglages"):
        assert "Panne vendredi." not in at_home.get(path).text, path
    other = house.visitor()
    other.log_in(marc.login)
    assert "Panne vendredi." in other.get("/m/").text
    draft = Draft(Kind.ANNOUNCEMENT, int(house.clock.now()), 0, "Panne samedi.")
    house.store.write_now(bulletins.revise, ORIGIN, number, draft)
    assert "Panne samedi." in at_home.get("/s/").text
    assert "Panne samedi." not in close(at_home, number)


@pytest.mark.parametrize("base", ["/s", "/m"])
def test_what_was_closed_is_seen_again_and_comes_back(
    house: House, visitor: Visitor, emma: Principal, base: str
) -> None:
    visitor.log_in(emma.login)
    assert "Vous n’avez fermé aucune annonce en cours." in visitor.get(f"{base}/annonces").text
    ids = [post(house, Kind.ANNOUNCEMENT, 0, HOUR, text) for text in ("Cantine.", "<b>Bus</b>.", "Encore là.")]
    for number in ids[:2]:
        visitor.get(f"{base}/")
        close(visitor, number)
    assert f'href="{base}/annonces"' in visitor.get(f"{base}/").text
    shown = visitor.get(f"{base}/annonces").text
    assert re.findall(r"/annonces/(\d+)/rouvrir", shown) == [str(one) for one in ids[:2]]
    assert "&lt;b&gt;Bus&lt;/b&gt;." in shown
    assert shown.count("Encore là.") == 1, "above the page, as everywhere"
    shown = visitor.post(f"/annonces/{ids[0]}/rouvrir", {}).text
    assert "L’annonce est de nouveau en haut de vos pages." in shown
    assert "Cantine." in visitor.get(f"{base}/").text
    assert "Bus" not in visitor.text
    visitor.post(f"/annonces/{ids[0] + 99}/rouvrir", {})
    assert re.findall(r"/annonces/(\d+)/rouvrir", visitor.get(f"{base}/annonces").text) == [str(ids[1])]
    post(house, Kind.READ_ONLY, 0, HOUR, "Copie.")
    shown = visitor.get(f"{base}/annonces").text
    assert "&lt;b&gt;Bus&lt;/b&gt;." in shown
    assert "/rouvrir" not in shown, "nothing is written meanwhile"
    house.clock.ahead = 2 * HOUR
    visitor.log_in(emma.login)
    assert "Vous n’avez fermé aucune annonce en cours." in visitor.get(f"{base}/annonces").text, "its time is over"


def test_an_urgent_announcement_comes_back_with_the_next_session(house: House, emma: Principal) -> None:
    now = int(house.clock.now())
    draft = Draft(Kind.ANNOUNCEMENT, now, 0, "Hameçonnage en cours.", urgent=True)
    number = house.store.write_now(bulletins.post, ORIGIN, draft)
    house.clock.ahead += 60
    for _ in range(2):
        visitor = house.visitor()
        visitor.log_in(emma.login)
        assert "Hameçonnage en cours." in visitor.get("/s/").text
        assert "Hameçonnage en cours." not in close(visitor, number)
        house.clock.ahead += 60


def test_a_forged_closing_hides_nothing_and_leads_nowhere_else(house: House, at_home: Visitor) -> None:
    number = post(house, Kind.ANNOUNCEMENT, 0, 0, "Toujours là.")
    for retour in ("https://exemple.net/", "//exemple.net/", "/\\exemple.net/", "/s/\r\nX: y", "javascript:1"):
        at_home.get("/s/")
        assert "Toujours là." in close(at_home, number, ecrite="1", retour=retour)
        assert str(at_home.page and at_home.page.url).removeprefix(house.url) == "/s/", retour
    at_home.get("/s/")
    at_home.post(f"/annonces/{number + 1}/fermer", {"ecrite": "1"})
    assert "Toujours là." in at_home.text
    maintenance = post(house, Kind.READ_ONLY, 0, HOUR, "Copie.")
    at_home.get("/s/")
    assert "/fermer" not in at_home.text, "nothing is written meanwhile"
    assert f"/annonces/{maintenance}" not in at_home.text


def test_many_announcements_leave_room_for_the_mail(house: House, at_home: Visitor) -> None:
    for number in range(5):
        post(house, Kind.ANNOUNCEMENT, 0, 0, f"Avis n° {number}.")
    shown, _, folded = at_home.get("/s/").text.partition("2 autres annonces")
    assert shown.count("Avis n°") == 3
    assert folded.count("Avis n°") == 2


def test_what_was_closed_is_forgotten_once_it_is_over(house: House, at_home: Visitor, emma: Principal) -> None:
    first = post(house, Kind.ANNOUNCEMENT, 0, HOUR, "Une heure.")
    at_home.get("/s/")
    close(at_home, first)
    house.clock.ahead += 2 * HOUR
    second = post(house, Kind.ANNOUNCEMENT, 0, HOUR, "Une autre.")
    at_home.log_in(emma.login)
    at_home.get("/s/")
    close(at_home, second)
    assert set(house.store.read_now(bulletins.closed, emma.account_id)) == {second}


def test_planned_maintenance_is_announced_from_48_hours_before(house: House, visitor: Visitor) -> None:
    post(house, Kind.CLOSED, 49 * HOUR, 50 * HOUR, "Mise à jour.")
    assert "Maintenance prévue" not in visitor.get("/login").text
    house.clock.ahead = 2 * HOUR
    page = visitor.get("/login").text
    assert "Maintenance prévue du" in page
    assert "Mise à jour." in page
    assert "La messagerie sera fermée." in page


def test_closed_means_503_with_reason_and_end_but_for_the_state(house: House, at_home: Visitor) -> None:
    at_home.get("/s/ecrire")
    post(house, Kind.CLOSED, 0, 2 * HOUR, "Changement de disques.", "Disks are replaced.")
    sent = at_home.post("/s/ecrire", {"faire": "envoyer", "texte": "Mon long texte", "a": "x@exemple.org"})
    assert sent.status_code == 503
    assert "Mon long texte" in sent.text
    with_file = {"fichiers": ("note.txt", b"x" * 1000)}
    house.clock.ahead = 2 * HOUR
    at_home.get("/s/ecrire")
    house.clock.ahead = 0
    sent = at_home.post("/s/ecrire", {"faire": "envoyer", "texte": "Avec une pièce"}, files=with_file)
    assert sent.status_code == 503
    assert "Avec une pièce" in sent.text
    for path in ("/", "/s/", "/m/ecrire", "/compte", "/activation"):
        answer = at_home.get(path)
        assert answer.status_code == 503
        assert 60 <= int(answer.headers["retry-after"]) <= HOUR
        assert "Changement de disques." in answer.text
        assert "Fin prévue" in answer.text
    for path in ("/etat", "/sante/vif", "/sante/pret"):
        assert at_home.get(path).status_code == 200
    assert at_home.get("/accessibilite").status_code == 200
    assert "Disks are replaced." in at_home.get("/?lang=en").text
    house.clock.ahead = 2 * HOUR
    assert at_home.get("/s/").status_code == 200


def test_read_only_lets_people_read_write_and_send(house: House, at_home: Visitor, emma: Principal) -> None:
    post(house, Kind.READ_ONLY, 0, HOUR, "Copie des boîtes.")
    page = at_home.get("/s/")
    assert page.status_code == 200
    assert "Lecture seule jusqu’au" in page.text
    assert at_home.post("/s/dossiers", {"nom": "Zoologie"}).status_code == 503
    assert "Zoologie" not in at_home.get("/s/dossiers").text
    (folder,) = set(at_home.links(r"^/s/dossier/\d+$")[:1])
    for number in (1, 60):
        at_home.get(f"{folder}/modifier")
        files = {"fichiers": ("boite.mbox", b"From x\r\n" + b"x" * 1_000_000 * number)}
        assert at_home.post(f"{folder}/importer", {}, files=files).status_code == 503
    at_home.get(f"{folder}/modifier")
    assert at_home.post(f"{folder}/exporter", {}).headers["content-type"] == "application/zip"
    at_home.get("/s/ecrire")
    form = {"faire": "enregistrer", "a": emma.address, "objet": "Note", "texte": "Gardé"}
    assert at_home.post("/s/ecrire", form).status_code == 200
    assert house.subjects(emma, "Drafts") == ["Note"]


def test_what_may_be_posted(house: House) -> None:
    for kind, begins, ends, fr in (
        (Kind.CLOSED, 0, 0, "Sans fin"),
        (Kind.ANNOUNCEMENT, 0, -1, "Passé"),
        (Kind.ANNOUNCEMENT, HOUR, HOUR, "Sans durée"),
        (Kind.ANNOUNCEMENT, 0, HOUR, " "),
        (Kind.ANNOUNCEMENT, 0, HOUR, "x" * 501),
    ):
        with pytest.raises(Refused) as refusal:
            post(house, kind, begins, ends, fr)
        assert refusal.value.reason is Reason.INVALID
    number = post(house, Kind.ANNOUNCEMENT, 0, HOUR)
    with pytest.raises(Refused):
        house.store.write_now(bulletins.withdraw, ORIGIN, number + 1)
    events = house.store.read_now(audit.find, Wanted(action=Action.BULLETIN_CHANGED), 10)
    assert "posted" in events[0].detail


def test_the_command_line_closes_the_web_and_opens_it_again(tmp_path: Path) -> None:
    """Also when nobody can log in."""
    runner = CliRunner()
    where = str(tmp_path / "instance")
    assert runner.invoke(app, ["init", where, "--domain", "ac-exemple.fr"]).exit_code == 0
    assert runner.invoke(app, ["bulletins", "post", where, "closed", "Sans fin"]).exit_code == 2
    posted = runner.invoke(app, ["bulletins", "post", where, "closed", "Disques", "--until", "2h", "--json"])
    number = json.loads(posted.output)["id"]
    (shown,) = json.loads(runner.invoke(app, ["bulletins", "list", where, "--json"]).output)
    assert (shown["kind"], shown["fr"], shown["ends"] - shown["begins"]) == ("closed", "Disques", 7200)
    assert "Disques" in runner.invoke(app, ["bulletins", "list", where]).output
    assert runner.invoke(app, ["bulletins", "withdraw", where, str(number)]).exit_code == 0
    assert runner.invoke(app, ["bulletins", "withdraw", where, str(number)]).exit_code == 1
    assert json.loads(runner.invoke(app, ["bulletins", "list", where, "--json"]).output) == []
