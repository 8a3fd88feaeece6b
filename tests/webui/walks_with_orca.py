"""What Orca says in Chromium: walks of somebody who does not see the screen, by keys of the screen and what is heard.

Not collected by itself: on a busy machine the screen reader falls behind the keys. By hand, with nothing beside it:
`apt-get install orca xvfb xdotool openbox dbus`, then `.venv/bin/python -m pytest tests/webui/walks_with_orca.py`.
"""

from collections.abc import Iterator

import pytest

from tests.waiting import until
from tests.webui.house import PASSWORD, House, mail
from tests.webui.screen_reader import ScreenReader, listening


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScreenReader]:
    with listening(tmp_path_factory.mktemp("screen") / "reader") as made:
        yield made


@pytest.fixture(scope="module")
def login(house: House) -> str:
    """Somebody with two letters."""
    person = house.person("Lise", "Lemaire")
    house.person("Awa", "Diallo")
    for subject in ("Conseil de classe", "Sortie au musée"):
        house.deliver(person, mail(subject, body="Rendez-vous jeudi à la salle B07.\n"))
    return person.login


def arrive(reader: ScreenReader, house: House, path: str) -> None:
    """Open a page, and hear something of it: its title, or where its focus is."""
    reader.mark()
    reader.page.goto(house.url + path)
    until(reader.since)


def log_in(reader: ScreenReader, house: House, login: str) -> None:
    reader.page.goto(house.url + "/login")
    reader.page.fill("#identifiant", login)
    reader.page.fill("#mot_de_passe", PASSWORD)
    reader.page.press("#mot_de_passe", "Enter")
    reader.page.wait_for_url("**/m/**")


def test_who_comes_in_hears_fields_hints_and_why_not(reader: ScreenReader, house: House, login: str) -> None:
    arrive(reader, house, "/login")
    reader.hears("Identifiant académique", "requis", "Souvent l’initiale du prénom suivie du nom")
    reader.type(login)
    reader.press("Tab")
    reader.hears("Mot de passe", "requis")
    reader.type("faux")
    reader.press("Return")
    reader.hears("Mot de passe", "ne correspondent pas")


def test_a_letter_is_found_read_and_archived(reader: ScreenReader, house: House, login: str) -> None:
    log_in(reader, house, login)
    arrive(reader, house, "/m/")
    reader.mark()
    reader.page.focus(".courriels li:first-child a")
    reader.hears("Sortie au musée")
    reader.press("Return")
    reader.hears("Message ouvert", "Sortie au musée", "heading 2")
    reader.seek("b", "Archiver")
    reader.press("Return")
    reader.hears("archivé")


def test_the_list_without_a_script_is_a_table_that_names_its_columns(
    reader: ScreenReader, house: House, login: str
) -> None:
    log_in(reader, house, login)
    arrive(reader, house, "/s/")
    reader.seek("t", "tableau avec")
    reader.seek("Down", "De", "Objet", "Date")
    reader.seek("Down", "Choix", "non cochée")
    reader.seek("Down", "Awa Diallo", "Conseil de classe")


def test_a_week_is_told_day_by_day(reader: ScreenReader, house: House, login: str) -> None:
    log_in(reader, house, login)
    arrive(reader, house, "/agenda")
    reader.seek("h", "lundi")
    reader.seek("h", "mardi")
