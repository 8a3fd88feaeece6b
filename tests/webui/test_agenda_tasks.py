"""Tasks on the pages and at a CalDAV client: one list, whoever changes it."""

import datetime
import re
from typing import Any
from zoneinfo import ZoneInfo

from mailserver.model.identity import Principal
from tests.webui.caldav_client import Client, written
from tests.webui.house import House, Visitor

DAY = datetime.timedelta(days=1)


def text(uid: str, title: str, more: str = "") -> str:
    return written("VTODO", uid, title, more)


def add(page: Visitor, title: str, day: datetime.date | str = "", **more: Any) -> None:
    page.get("/agenda/taches")
    answer = page.post("/agenda/taches", {"titre": title, "jour": str(day), **more})
    assert answer.status_code == 200, answer.text


def sections(html: str) -> dict[str, list[str]]:
    """The titles of tasks under each heading; those that are done under the empty one."""
    found: dict[str, list[str]] = {}
    name = ""
    for heading, done, title in re.findall(
        r"<h2>([^<]+)</h2>|(<details class=\"faites\")|<a href=\"/agenda/taches/[^\"]+\">([^<]*)</a>", html
    ):
        name = heading or ("" if done else name)
        if title:
            found.setdefault(name, []).append(title)
    return found


def act(page: Visitor, title: str, what: str, **fields: Any) -> Any:
    """Open a task and press one of its buttons."""
    page.get("/agenda/taches")
    found = re.search(rf'<a href="(/agenda/taches/[^"]+)">{title}<', page.text)
    assert found, page.text
    page.get(found.group(1))
    return page.post(found.group(1), {"etag": page.field("etag"), "faire": what, **fields})


def test_a_task_is_made_shown_changed_ticked_off_and_deleted(
    page: Visitor, client: Client, today: datetime.date
) -> None:
    assert "Rien à faire" in page.get("/agenda/taches").text
    add(page, "Corriger les copies", today + DAY)
    assert "Tâche ajoutée" in page.text
    assert sections(page.text) == {"À faire": ["Corriger les copies"]}
    assert "demain" in page.text
    assert client.tasks()["Corriger les copies"]["DUE"].dt == today + DAY
    assert "tâche à faire" in page.get(f"/agenda/jour/{today + DAY}").text
    assert "tâche à faire" not in page.get(f"/agenda/jour/{today}").text
    assert "Corriger les copies" in page.get(f"/agenda/mois/{today + DAY}").text
    assert "Corriger les copies" in page.get(f"/agenda/liste/{today}").text

    fields = {"titre": "Corriger", "jour": today, "heure": "18:30", "priorite": "1", "description": "4e B"}
    act(page, "Corriger les copies", "garder", complet="1", **fields)
    assert "Tâche modifiée" in page.text
    assert "priorité haute" in page.text
    task = client.tasks()["Corriger"]
    assert task["DUE"].dt == datetime.datetime.combine(today, datetime.time(18, 30), ZoneInfo("Europe/Paris"))
    assert (int(task["PRIORITY"]), str(task["DESCRIPTION"])) == (1, "4e B")

    act(page, "Corriger", "cocher")
    assert sections(page.text) == {"": ["Corriger"]}
    task = client.tasks()["Corriger"]
    assert str(task["STATUS"]) == "COMPLETED"
    assert "COMPLETED" in task
    page.post("/agenda/annuler", {"jeton": page.field("jeton"), "jour": today, "vue": "taches"})
    assert "annulée" in page.text
    assert "COMPLETED" not in client.tasks()["Corriger"]
    act(page, "Corriger", "cocher")
    act(page, "Corriger", "rouvrir")
    assert str(client.tasks()["Corriger"]["STATUS"]) == "NEEDS-ACTION"
    act(page, "Corriger", "supprimer")
    assert client.tasks() == {}
    assert "Rien à faire" in page.text


def test_what_a_client_writes_is_shown_and_what_it_says_beside_is_kept(
    page: Visitor, client: Client, today: datetime.date
) -> None:
    """Late ones first, by urgency; a client's change shows at once; its own properties survive ours."""
    client.list.save_todo(text("a", "Hier", f"DUE;VALUE=DATE:{today - DAY:%Y%m%d}\n"))
    client.list.save_todo(text("b", "Sans date", "X-ACADEMIE:gardé\nCATEGORIES:perso\n"))
    client.list.save_todo(text("c", "Demain", f"DUE;VALUE=DATE:{today + DAY:%Y%m%d}\nPRIORITY:2\n"))
    client.list.save_todo(text("d", "Finie", "STATUS:COMPLETED\nCOMPLETED:20261101T100000Z\n"))
    page.get("/agenda/taches")
    assert sections(page.text) == {"En retard": ["Hier"], "À faire": ["Demain", "Sans date"], "": ["Finie"]}
    act(page, "Sans date", "garder", complet="1", titre="Autre titre", jour="", heure="", priorite="0", description="")
    data = next(one.data for one in client.list.todos() if "Autre titre" in one.data)
    assert "X-ACADEMIE:gardé" in data
    assert "CATEGORIES:perso" in data
    item = next(one for one in client.list.todos() if "SUMMARY:Hier" in one.data)
    item.data = item.data.replace("SUMMARY:Hier", "SUMMARY:Avant-hier")
    item.save()
    assert "Avant-hier" in page.get("/agenda/taches").text


def test_a_task_with_an_address_that_is_none_hides_no_other(
    page: Visitor, client: Client, today: datetime.date
) -> None:
    """Whoever shares a list, or writes in one, writes what they like: a link is only looked at."""
    client.list.save_todo(text("a", "Adresse cassée", f"DUE;VALUE=DATE:{today:%Y%m%d}\nURL:https://[x/m/message/1\n"))
    assert sections(page.get("/agenda/taches").text) == {"À faire": ["Adresse cassée"]}
    for address in (f"/agenda/jour/{today}", f"/agenda/mois/{today}", "/agenda/a-rendre"):
        assert page.get(address).status_code == 200, address
    act(page, "Adresse cassée", "cocher")
    assert sections(page.text) == {"": ["Adresse cassée"]}


def test_a_task_that_recurs_is_there_once_and_goes_on(page: Visitor, client: Client, today: datetime.date) -> None:
    first = today - 2 * DAY
    rule = f"DTSTART;VALUE=DATE:{first:%Y%m%d}\nDUE;VALUE=DATE:{first:%Y%m%d}\nRRULE:FREQ=WEEKLY;COUNT=3\n"
    client.list.save_todo(text("a", "Cahier de textes", rule))
    page.get("/agenda/taches")
    assert sections(page.text) == {"En retard": ["Cahier de textes"]}
    act(page, "Cahier de textes", "cocher")
    assert sections(page.text) == {"À faire": ["Cahier de textes"]}
    task = client.tasks()["Cahier de textes"]
    assert (task["DUE"].dt, task["RRULE"]["COUNT"]) == (first + 7 * DAY, [2])
    # A client that ticks off single dates leaves the next one.
    moved = first + 7 * DAY
    item = client.list.todos()[0]
    override = (
        f"BEGIN:VTODO\r\nUID:a\r\nDTSTAMP:20260901T080000Z\r\nRECURRENCE-ID;VALUE=DATE:{moved:%Y%m%d}\r\n"
        f"DTSTART;VALUE=DATE:{moved:%Y%m%d}\r\nDUE;VALUE=DATE:{moved:%Y%m%d}\r\nSUMMARY:Cahier de textes\r\n"
        "STATUS:COMPLETED\r\nEND:VTODO\r\nEND:VCALENDAR"
    )
    item.data = item.data.replace("END:VCALENDAR", override)
    item.save()
    assert sections(page.get("/agenda/taches").text) == {"À faire": ["Cahier de textes"]}
    act(page, "Cahier de textes", "cocher")
    assert sections(page.text) == {"": ["Cahier de textes"]}
    assert str(client.tasks()["Cahier de textes"]["STATUS"]) == "COMPLETED"


def test_a_date_beside_the_rule_leaves_the_weekday_of_the_others(
    page: Visitor, client: Client, today: datetime.date
) -> None:
    dates = f"DUE;VALUE=DATE:{today:%Y%m%d}\nRRULE:FREQ=WEEKLY\nRDATE;VALUE=DATE:{today + 3 * DAY:%Y%m%d}\n"
    client.list.save_todo(text("c", "Relever les copies", dates))
    shown = []
    for _ in range(4):
        page.get("/agenda/taches")
        href = re.search(r'<a href="(/agenda/taches/[^"]+)">Relever les copies<', page.text)
        assert href, page.text
        page.get(href.group(1))
        shown.append(page.field("jour"))
        page.post(href.group(1), {"etag": page.field("etag"), "faire": "cocher"})
    assert shown == [str(today + days * DAY) for days in (0, 3, 7, 14)]


def test_a_task_about_a_letter_leads_to_it(page: Visitor, client: Client, today: datetime.date) -> None:
    add(page, "Rendre l’autorisation", today + DAY, lettre="4711")
    assert str(client.tasks()["Rendre l’autorisation"]["URL"]).endswith("/m/message/4711")
    assert 'href="/m/message/4711"' in page.text
    client.list.save_todo(text("b", "D’ailleurs", "URL:https://ailleurs.exemple/m/message/12\n"))
    assert "ailleurs.exemple" not in page.get("/agenda/taches").text


def test_bad_input_conflicts_and_others(page: Visitor, client: Client, house: House, marc: Principal) -> None:
    page.get("/agenda/taches")
    for fields in ({"titre": ""}, {"titre": "x" * 201}, {"titre": "x", "jour": "demain"}, {"titre": "x", "heure": "8"}):
        assert page.post("/agenda/taches", fields).status_code == 422, fields
    add(page, "À moi")
    address = page.links("/agenda/taches/")[0]
    assert page.post(address, {"etag": "vieux", "faire": "cocher"}).status_code == 409
    page.get(address)
    assert page.post(address, {"etag": page.field("etag"), "faire": "autre"}).status_code == 400
    other = house.visitor()
    other.log_in(marc.login, interface="complet")
    assert other.get(address).status_code == 404
    client.list.save_todo(text("b", "Cassée", "DTSTART:20261124T073000Z\nDUE;VALUE=DATE:20261125\nRRULE:FREQ=DAILY\n"))
    assert page.get("/agenda/taches").status_code == 200


def test_what_was_typed_is_kept_by_whichever_button_and_beside_another_program(
    page: Visitor, client: Client, today: datetime.date
) -> None:
    add(page, "Préparer", today)
    typed = {"complet": "1", "titre": "Préparer", "jour": str(today), "heure": "", "priorite": "0"}
    act(page, "Préparer", "cocher", **typed, description="Fait avec Marc.")
    task = client.tasks()["Préparer"]
    assert (str(task["STATUS"]), str(task["DESCRIPTION"])) == ("COMPLETED", "Fait avec Marc.")
    address = page.links("/agenda/taches/")[0]
    page.get(address)
    etag = page.field("etag")
    item = client.list.todos(include_completed=True)[0]
    item.data = item.data.replace("STATUS:COMPLETED", "STATUS:CANCELLED")
    item.save()
    fields = {**typed, "description": "Ce que j’ajoute longuement.", "faire": "garder"}
    assert page.post(address, {**fields, "etag": etag}).status_code == 422
    assert "modifiée ailleurs entre-temps" in page.text
    assert "Ce que j’ajoute longuement." in page.text
    page.post(address, {**fields, "etag": page.field("etag")})
    task = client.tasks()["Préparer"]
    assert (str(task["STATUS"]), str(task["DESCRIPTION"])) == ("CANCELLED", "Ce que j’ajoute longuement.")


def test_the_simplified_interface_has_the_same_tasks(
    visitor: Visitor, someone: Principal, client: Client, today: datetime.date
) -> None:
    visitor.log_in(someone.login)
    visitor.get("/s/agenda/taches")
    visitor.post("/s/agenda/taches", {"titre": "Rendre le livre", "jour": str(today)})
    assert "Tâche ajoutée" in visitor.text
    assert client.tasks()["Rendre le livre"]["DUE"].dt == today
    assert "Rendre le livre" in visitor.get(f"/s/agenda/{today}").text
