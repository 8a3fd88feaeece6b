"""The states of an account in the web interface: suspended, to be closed, closed; and what one takes along."""

import io
import zipfile

import pytest

from mailserver.store.account import accounts
from mailserver.store.account.accounts import Farewell
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from tests.webui.house import PASSWORD, House, Visitor, mail

DAY = 86400


def test_the_end_of_a_suspension_is_told(house: House, visitor: Visitor) -> None:
    person = house.person("Gaston", "Absent")
    until = int(house.clock.now()) + 3 * DAY
    house.store.write_now(accounts.suspend, person.account_id, "", False, until=until)
    answer = visitor.log_in(person.login)
    assert "La suspension prend fin le" in answer.text
    assert str(house.settings.web.help_contact) in answer.text


def test_a_planned_closing_stands_on_every_page(house: House, visitor: Visitor) -> None:
    person = house.person("Paul", "Retraite")
    visitor.log_in(person.login)
    assert "sera fermé" not in visitor.get("/s/").text
    house.store.write_now(accounts.plan_closing, person.account_id, int(house.clock.now()) + 20 * DAY, "")
    for path in ("/s/", "/m/", "/compte/export"):
        answer = visitor.get(path)
        assert answer.status_code == 200, "a plan throws nobody out"
        assert "Votre compte sera fermé le" in answer.text
        assert 'href="/compte/export"' in answer.text
    assert "Your account will be closed on" in visitor.get("/s/?lang=en").text
    house.store.write_now(accounts.cancel_closing, person.account_id)
    assert "sera fermé" not in visitor.get("/s/").text


@pytest.mark.parametrize("at", ["login", "session"])
def test_closed(house: House, visitor: Visitor, at: str) -> None:
    """After a right password, and at the next request of an open session."""
    person = house.person("Odile", f"Close{at}")
    now = int(house.clock.now())
    if at == "session":
        visitor.log_in(person.login)
    house.store.write_now(accounts.close, person.account_id, "raison interne", Farewell(0, now + 90 * DAY))
    answer = visitor.get("/s/") if at == "session" else visitor.log_in(person.login)
    assert answer.status_code == 403
    assert "Votre compte est fermé" in answer.text
    assert "est conservé jusqu’au" in answer.text
    assert house.settings.web.help_contact in answer.text
    assert "raison interne" not in answer.text
    stranger = visitor.log_in(person.login, "Faux#2026")
    assert stranger.status_code == 401
    assert "fermé" not in stranger.text
    assert PASSWORD not in answer.text


def test_one_takes_everything_along(house: House, visitor: Visitor) -> None:
    person = house.person("Aline", "Exporte")
    visitor.log_in(person.login)
    house.deliver(person, mail("Un souvenir"))
    page = visitor.get("/compte/export")
    assert "Emporter mes données" in page.text
    answer = visitor.post("/compte/export", {})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert f"{person.login}-" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert file.testzip() is None
        assert b"Subject: Un souvenir" in file.read("messages/INBOX.mbox")
    events = house.store.read_now(audit.history, person.account_id)
    assert Action.EXPORTED in [event.action for event in events]


def test_nobody_takes_anything_without_a_form_of_ours(house: House, visitor: Visitor) -> None:
    person = house.person("Zoé", "Exporte")
    visitor.log_in(person.login)
    assert visitor.http.post("/compte/export", data={"m_": "forged"}).status_code == 403
    assert house.visitor().http.post("/compte/export", data={}).headers.get("content-type") != "application/zip"
