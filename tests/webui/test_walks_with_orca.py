"""What Orca says in Chromium: walks of somebody who does not see the screen, by keys of the screen and what is heard.

What was heard is kept beside this file (`heard/`) when it is asked for: `HEARD=1`.
"""

import datetime
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.model.identity import Principal, Role
from mailserver.store.people import schools
from tests.waiting import until
from tests.webui.house import PASSWORD, House, mail
from tests.webui.screen_reader import ScreenReader, listening

pytestmark = [
    pytest.mark.long,
    pytest.mark.needs("orca", "Xvfb", "xdotool", "openbox", "dbus-daemon", "chromium"),
    pytest.mark.timeout(900),  # beside others the screen reader falls behind the keys
]
HEARD = Path(__file__).parent / "heard"
TILLEULS = "0210006T"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScreenReader]:
    with listening(tmp_path_factory.mktemp("screen") / "reader") as made:
        yield made


@pytest.fixture(autouse=True)
def transcript(reader: ScreenReader, request: pytest.FixtureRequest) -> Iterator[None]:
    """What is heard in a walk, a line for each key."""
    began = len(reader.lines)
    yield
    if os.environ.get("HEARD"):
        HEARD.mkdir(exist_ok=True)
        name = request.node.name.removeprefix("test_")
        (HEARD / f"{name}.txt").write_text("\n".join([*reader.lines[began:], reader.line(), ""]))


@pytest.fixture(scope="module")
def teacher(house: House) -> Principal:
    """Somebody with three letters."""
    made = house.person("Lise", "Lemaire")
    house.person("Awa", "Diallo")
    for subject in ("Conseil de classe", "Sortie au musée", "Réunion de rentrée"):
        house.deliver(made, mail(subject, body="Rendez-vous jeudi à la salle B07.\n"))
    return made


def arrive(reader: ScreenReader, house: House, path: str) -> None:
    """Open a page, and hear something of it: its title, or where its focus is."""
    reader.mark(f"ouvre {path}")
    reader.page.goto(house.url + path)
    until(reader.since)


def log_in(reader: ScreenReader, house: House, person: Principal, interface: str = "complet") -> None:
    reader.page.context.clear_cookies()
    reader.page.goto(house.url + ("/login" if interface == "complet" else "/roundcube"))
    reader.page.fill("#identifiant", person.login)
    reader.page.fill("#mot_de_passe", PASSWORD)
    reader.page.press("#mot_de_passe", "Enter")
    reader.page.wait_for_url(re.compile("/[ms]/"))


def list_is_ready(reader: ScreenReader) -> None:
    """Letters open beside the list once its script has come; until then their links lead to pages."""
    reader.page.wait_for_selector("#cocher input", state="attached")


def test_who_comes_in_hears_fields_hints_and_why_not(reader: ScreenReader, house: House, teacher: Principal) -> None:
    arrive(reader, house, "/login")
    reader.hears("Identifiant académique", "requis", "Souvent l’initiale du prénom suivie du nom")
    reader.type(teacher.login)
    reader.press("Tab")
    reader.hears("Mot de passe", "requis")
    reader.type("faux")
    reader.press("Return")
    reader.hears("Mot de passe", "ne correspondent pas")


def test_a_pupil_reads_and_answers_a_letter(reader: ScreenReader, house: House) -> None:
    """The simplified interface, from the list to what was sent."""
    pupil = house.person("Sami", "Orel", Role.PUPIL, uai=TILLEULS)
    author = house.person("Inès", "Petit", uai=TILLEULS)
    subject, body = "Tournoi mercredi", "Apporte tes chaussures de sport.\n"
    house.deliver(pupil, mail(subject, f"Inès Petit <{author.address}>", body))
    log_in(reader, house, pupil, "simple")
    arrive(reader, house, "/s/")
    reader.seek("t", "du plus récent au plus ancien", "tableau avec")
    reader.seek("Down", "De", "Objet", "Date")
    reader.seek("Down", "Choix", "non cochée")
    reader.seek("k", "Non lu", subject)
    reader.press("Return")
    reader.page.wait_for_url("**/message/**")
    reader.seek("h", subject, "heading 1")
    reader.seek("Down", "De", "Inès Petit")
    reader.seek("Down", "Texte du message", "Apporte tes chaussures")
    reader.seek("k", "Répondre")
    reader.press("Return")
    reader.hears("Texte", "Mode focus")
    reader.type("Je viens avec Lucas.")
    reader.seek("Tab", "Envoyer")
    reader.press("Return")
    reader.hears("envoyé")
    until(lambda: house.subjects(author, "INBOX") == [f"Re: {subject}"])


def test_a_teacher_sweeps_by_keys(reader: ScreenReader, house: House, teacher: Principal) -> None:
    """List, letter, archive, the next letter, and back again; the page has the keys while Orca keeps its focus mode."""
    log_in(reader, house, teacher)
    arrive(reader, house, "/m/")
    list_is_ready(reader)
    reader.press("Insert+a", "Insert+a")
    reader.hears("permanent")
    reader.mark("va à la liste")
    reader.page.focus(".courriels li:first-child a")
    reader.hears("Réunion de rentrée")
    reader.press("Return")
    reader.hears("Message ouvert", "Réunion de rentrée", "heading 2")
    reader.press("e")
    reader.hears("1 message archivé")
    assert "choisi" not in reader.since()
    reader.hears("Sortie au musée")
    assert house.subjects(teacher, "INBOX") == ["Conseil de classe", "Sortie au musée"]
    reader.press("z")
    reader.hears("remis à sa place")
    reader.hears("Réunion de rentrée")
    assert sorted(house.subjects(teacher, "INBOX")) == ["Conseil de classe", "Réunion de rentrée", "Sortie au musée"]
    reader.press("Insert+a")
    reader.hears("Mode navigation")


def test_a_letter_is_found_read_and_archived_by_buttons(reader: ScreenReader, house: House, teacher: Principal) -> None:
    log_in(reader, house, teacher)
    arrive(reader, house, "/m/")
    list_is_ready(reader)
    reader.mark("va à la liste")
    reader.page.focus(".courriels li:first-child a")
    reader.hears("Réunion de rentrée")
    reader.press("Return")
    reader.hears("Message ouvert", "Réunion de rentrée", "heading 2")
    reader.seek("b", "Archiver")
    reader.press("Return")
    reader.hears("archivé")


def test_a_secretary_hands_over_a_first_letter(reader: ScreenReader, house: House) -> None:
    house.store.write_now(schools.upsert, [schools.Facts(TILLEULS, "Collège Les Tilleuls")])
    rose = house.person("Rose", "Leroy", Role.SECRETARIAT, uai=TILLEULS)
    house.person("Noé", "Arrivant", Role.TEACHER, "", uai=TILLEULS)
    log_in(reader, house, rose)
    arrive(reader, house, "/secretariat")
    reader.seek("h", "Collège Les Tilleuls", "heading 1")
    reader.seek("t", "Personnes de l’établissement", "tableau avec")
    reader.seek("k", "Noé Arrivant", "link")
    reader.press("Return")
    reader.page.wait_for_url("**/code/**")
    reader.seek("h", "Noé Arrivant", "heading 1")
    reader.seek("h", "Lettre de première connexion", "heading 2")
    reader.seek("b", "Imprimer la lettre (PDF)")
    reader.press("Return")
    reader.hears("Document enregistré (PDF)")


def test_the_next_event_is_read_and_one_is_made(reader: ScreenReader, house: House, teacher: Principal) -> None:
    now = datetime.datetime.now(datetime.UTC)
    put(house, teacher, "Conseil pédagogique", now.replace(hour=11, minute=0, second=0))
    log_in(reader, house, teacher)
    arrive(reader, house, f"/agenda/jour/{now:%Y-%m-%d}")
    reader.seek("h", f"{now.day}", "heading 2")
    reader.seek("k", "Conseil pédagogique", "Salle 4")
    assert "Arrow" not in reader.since()
    reader.press("Return")
    reader.hears("Conseil pédagogique", "heading 2")
    reader.seek("Tab", "Modifier")
    reader.press("Escape")
    reader.hears("Conseil pédagogique", "réduit")
    arrive(reader, house, f"/agenda/nouveau?jour={now:%Y-%m-%d}")
    reader.hears("Titre", "requis")
    reader.type("Rencontre parents")
    reader.seek("Tab", "Début", "Jour")
    reader.seek("Tab", "Enregistrer")
    reader.press("Return")
    reader.hears("Événement créé")


def put(house: House, person: Principal, title: str, start: datetime.datetime) -> None:
    """An event of an hour in the person's agenda, over CalDAV."""
    lines = (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:un\r\nDTSTAMP:20260101T000000Z\r\n"
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H\r\nLOCATION:Salle 4\r\nSUMMARY:{title}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    answer = house.visitor().http.put(
        f"/dav/{person.login}/agenda/un.ics",
        content=lines,
        headers={"content-type": "text/calendar"},
        auth=(person.login, PASSWORD),
    )
    assert answer.status_code == 201
