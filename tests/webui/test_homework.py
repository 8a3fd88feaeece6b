"""What is to be handed in: a letter is followed until a day, stands in a list by date, and is ticked off."""

import re

import pytest

from mailserver.model.identity import Principal, Role
from tests.webui.house import House, Visitor, mail


@pytest.fixture
def pupil(house: House, request: pytest.FixtureRequest) -> Principal:
    return house.person("Sami", f"E{abs(hash(request.node.name)) % 10**8}", Role.PUPIL, uai="0210006T")


def home(house: House, pupil: Principal, interface: str) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(pupil.login, interface=interface)
    return visitor


def titles(page: str) -> list[str]:
    return re.findall(r'<div>\s*<a href="[^"]*/agenda/taches/[^"]*">([^<]+)</a>', page)


@pytest.mark.parametrize(("interface", "base", "agenda"), [("simple", "/s", "/s/agenda"), ("complet", "/m", "/agenda")])
def test_a_letter_is_handed_in_by_a_day(house: House, pupil: Principal, interface: str, base: str, agenda: str) -> None:
    letters = [house.deliver(pupil, mail(subject)) for subject in ("Exposé", "Devoir\x07 maison", "Rappel")]
    visitor = home(house, pupil, interface)
    for letter, day in zip(letters[:2], ("2031-05-20", "2031-05-13"), strict=True):
        visitor.get(f"{base}/message/{letter}")
        box = visitor.field("d")
        page = visitor.post(f"{agenda}/a-rendre", {"m": letter, "d": box, "jour": day}).text
        assert "La date est notée" in page
        assert visitor.page is not None
        assert visitor.page.url.path == f"{base}/message/{letter}"
    assert "Ne plus suivre" in visitor.text
    page = visitor.get(f"{agenda}/a-rendre").text
    assert titles(page) == ["Devoir maison", "Exposé"]
    assert f'href="{base}/message/{letters[1]}"' in page
    form = re.search(r'action="([^"]*/agenda/taches/[^"]+)">.*?name="etag" value="([^"]+)"', page, re.DOTALL)
    assert form
    page = visitor.post(form[1], {"etag": form[2], "liste": "a-rendre", "faire": "cocher"}).text
    assert visitor.page is not None
    assert visitor.page.url.path == f"{agenda}/a-rendre"
    assert titles(page) == ["Exposé", "Devoir maison"], "what is done stands below"
    assert "1 travail rendu" in page


def test_what_is_late_is_said_and_nothing_is_there_twice(house: House, pupil: Principal) -> None:
    letter = house.deliver(pupil, mail("Vieux devoir"))
    visitor = home(house, pupil, "simple")
    visitor.get(f"/s/message/{letter}")
    visitor.post("/s/agenda/a-rendre", {"m": letter, "jour": "2020-01-06"})
    assert "En retard" in visitor.get("/s/agenda/a-rendre").text
    visitor.get(f"/s/message/{letter}")
    assert "déjà parmi" in visitor.post("/s/agenda/a-rendre", {"m": letter, "jour": "2031-01-06"}).text
    assert titles(visitor.get("/s/agenda/a-rendre").text) == ["Vieux devoir"]


def test_a_day_that_is_none_and_letters_of_others(house: House, pupil: Principal, emma: Principal) -> None:
    mine, foreign = house.deliver(pupil, mail("À moi")), house.deliver(emma, mail("À Emma"))
    visitor = home(house, pupil, "simple")
    for day in ("", "demain", "9999-12-31", "0001-01-01", "2031-02-30"):
        visitor.get(f"/s/message/{mine}")
        assert "Choisissez le jour" in visitor.post("/s/agenda/a-rendre", {"m": mine, "jour": day}).text
    visitor.get(f"/s/message/{mine}")
    assert visitor.post("/s/agenda/a-rendre", {"m": foreign, "jour": "2031-01-06"}).status_code == 404
    assert "Rien à rendre" in visitor.get("/s/agenda/a-rendre").text
