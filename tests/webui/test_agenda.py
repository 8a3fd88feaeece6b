"""The agenda's pages beside a CalDAV client: one set of items, one set of ETags, and no change lost on either side."""

import datetime
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mailserver.calendars.school.school_holidays import Seasons
from mailserver.model.identity import Principal
from tests.webui.caldav_client import Client, components, written
from tests.webui.house import House, Visitor

PARIS = ZoneInfo("Europe/Paris")
MONDAY = "2026-11-23"


def text(uid: str, start: str, end: str, title: str = "Cours", more: str = "", zone: str = "") -> str:
    return written("VEVENT", uid, title, more, f"DTSTART{start}\nDTEND{end}\n", zone)


FIELDS = {
    "complet": "1",
    "titre": "Conseil de classe",
    "debut_jour": MONDAY,
    "debut_heure": "17:00",
    "fin_jour": MONDAY,
    "fin_heure": "18:30",
    "zone": "Europe/Paris",
    "lieu": "salle 204",
    "description": "Apporter les bulletins",
    "repeter": "",
    "rappel": "15",
    "visibilite": "PRIVATE",
    "categories": "réunion, 4e B",
}


def make(page: Visitor, **fields: Any) -> Visitor:
    page.get("/agenda/nouveau")
    answer = page.post("/agenda/nouveau", {**FIELDS, "agenda": page.field("agenda"), **fields})
    assert answer.status_code == 200, answer.text
    return page


def first_event(page: Visitor, view: str = f"/agenda/semaine/{MONDAY}", name: str = "") -> str:
    """The address of the first event a view shows."""
    page.get(view)
    found = [link for link in page.links("/evenement/") if not name or name in page.text]
    assert found, page.text
    return found[0]


def edit(page: Visitor, address: str, **fields: Any) -> Any:
    """Open the form of an event and save it with some fields changed, as a browser would."""
    path, _, query = address.partition("?")
    page.get(f"{path}/modifier?{query}")
    form = {name: page.field(name) for name in ("etag", "le", "vue", "agenda", "debut_jour", "debut_heure")}
    form |= {name: page.field(name) for name in ("fin_jour", "fin_heure", "titre", "lieu", "categories")}
    form |= {"complet": "1", "description": "", **selected(page.text), **fields}
    return page.post(f"{path}/modifier", form)


def selected(html: str) -> dict[str, Any]:
    """What selects, ticks and radio buttons of a form hold."""
    found: dict[str, Any] = {}
    for name, inside in re.findall(r'<select id="\w+" name="(\w+)"[^>]*>(.*?)</select>', html, re.S):
        options = re.findall(r'<option value="([^"]*)"( selected)?', inside)
        found[name] = next((value for value, chosen in options if chosen), options[0][0])
    found |= dict(re.findall(r'<input type="radio"[^>]*\sname="(\w+)"\s+value="(\w+)"\s+checked', html))
    found["jours"] = re.findall(r'name="jours"\s+value="(\d)"\s+checked', html)
    for name in ("chaque", "fois", "jusqu"):
        value = re.search(rf'<input type="\w+" id="{name}"\s+name="{name}"[^>]*\svalue="([^"]*)"', html)
        found[name] = value.group(1) if value else ""
    if re.search(r'name="journee"\s+value="1"\s+checked', html):
        found["journee"] = "1"
    return found


# ---------------------------------------------------------------------- both sides see one agenda


def test_what_the_page_makes_a_client_reads(page: Visitor, client: Client) -> None:
    make(page)
    assert "Événement créé" in page.text
    event = client.one("Conseil de classe")
    assert event["DTSTART"].dt == datetime.datetime(2026, 11, 23, 17, tzinfo=PARIS)
    assert event["DTEND"].dt == datetime.datetime(2026, 11, 23, 18, 30, tzinfo=PARIS)
    assert (str(event["LOCATION"]), str(event["CLASS"])) == ("salle 204", "PRIVATE")
    assert [str(name) for name in event.categories] == ["réunion", "4e B"]
    assert event.walk("VALARM")[0]["TRIGGER"].dt == datetime.timedelta(minutes=-15)
    assert "BEGIN:VTIMEZONE" in client.agenda.events()[0].data


def test_what_a_client_makes_the_page_shows_with_day_and_place(page: Visitor, client: Client) -> None:
    """Times in UTC are shown on the person's clock."""
    client.agenda.save_event(text("a", ":20261124T073000Z", ":20261124T090000Z", "Cours 4e B", "LOCATION:salle 204\n"))
    page.get(f"/agenda/semaine/{MONDAY}")
    shown = re.sub(r"<[^>]+>", "", re.search(r'<a class="ev .*?</a>', page.text, re.S).group())  # type: ignore[union-attr]
    assert " ".join(shown.split()).startswith("Cours 4e B, mardi 24 novembre, 08:30 – 10:00, salle 204")
    page.get(f"/agenda/liste/{MONDAY}?q=4E%20b")
    assert "1 événement" in page.text
    page.get(f"/agenda/mois/{MONDAY}")
    assert "Cours 4e B" in page.text


def test_unknown_properties_survive_an_edit(page: Visitor, client: Client) -> None:
    more = (
        'X-ACADEMIE;X-P="a,b":gardé\\, vraiment\nGEO:45.1;5.7\nBEGIN:VALARM\nACTION:EMAIL\nTRIGGER;RELATED=END:PT5M\n'
    )
    more += "DESCRIPTION:x\nSUMMARY:x\nATTENDEE:mailto:x@exemple.fr\nEND:VALARM\n"
    client.agenda.save_event(text("a", ":20261124T073000Z", ":20261124T090000Z", "Cours", more))
    before = client.agenda.events()[0].data
    answer = edit(page, first_event(page), titre="Cours déplacé")
    assert "Événement modifié" in answer.text
    after = client.agenda.events()[0].data
    for line in ("X-ACADEMIE;X-P=", "GEO:", "ACTION:EMAIL", "TRIGGER;RELATED=END:PT5M", "DTSTART:20261124T073000Z"):
        assert line in before, line
        assert line in after, line
    assert "SUMMARY:Cours déplacé" in after


def test_a_change_elsewhere_is_a_conflict_and_nothing_typed_is_lost(page: Visitor, client: Client) -> None:
    client.agenda.save_event(text("a", ":20261124T073000Z", ":20261124T090000Z"))
    address = first_event(page)
    path, _, query = address.partition("?")
    page.get(f"{path}/modifier?{query}")
    stale = page.field("etag")
    item = client.agenda.events()[0]
    item.data = item.data.replace("SUMMARY:Cours", "SUMMARY:Cours d’un autre")
    item.save()
    answer = edit(page, address, titre="Ma version", etag=stale)
    assert answer.status_code == 409
    assert "a changé entre-temps" in answer.text
    assert "Cours d’un autre" in answer.text
    assert client.one("Cours d’un autre")
    fields = dict(re.findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)">', answer.text.split("<main")[1]))
    fields.pop("m_")
    answer = page.post(f"{path}/modifier", fields, answer.text)
    assert "Événement modifié" in answer.text
    assert client.one("Ma version")


def test_an_event_deleted_elsewhere_can_be_saved_anew(page: Visitor, client: Client) -> None:
    client.agenda.save_event(text("a", ":20261124T073000Z", ":20261124T090000Z"))
    address = first_event(page)
    path, _, query = address.partition("?")
    page.get(f"{path}/modifier?{query}")
    form = {**FIELDS, "etag": page.field("etag"), "le": "", "agenda": page.field("agenda"), "titre": "Ma version"}
    client.agenda.events()[0].delete()
    answer = page.post(f"{path}/modifier", form)
    assert answer.status_code == 409
    assert "supprimé entre-temps" in answer.text
    assert 'value="Ma version"' in answer.text


def test_a_sync_token_tells_a_client_what_the_page_did(page: Visitor, client: Client) -> None:
    make(page)
    token = client.agenda.objects(load_objects=True)
    assert len(list(token)) == 1
    edit(page, first_event(page), titre="Autre titre")
    updated, deleted = token.sync()
    assert len(list(updated)) == 1
    assert not list(deleted)


def test_undo_of_change_and_deletion(page: Visitor, client: Client) -> None:
    make(page)
    before = client.agenda.events()[0].data
    edit(page, first_event(page), titre="Autre titre")
    page.post("/agenda/annuler", {"jeton": page.field("jeton"), "jour": MONDAY, "vue": "semaine"})
    assert "annulée" in page.text
    assert client.agenda.events()[0].data == before
    address = first_event(page)
    path, _, query = address.partition("?")
    page.get(f"{path}/supprimer?{query}")
    page.post(f"{path}/supprimer", {"etag": page.field("etag"), "le": page.field("le")})
    assert "supprimé" in page.text
    assert not client.events()
    undo = {"jeton": page.field("jeton"), "jour": MONDAY}
    page.post("/agenda/annuler", undo)
    assert client.agenda.events()[0].data == before
    page.post("/agenda/annuler", undo)
    assert "trop tard" in page.text


def test_another_persons_events_are_not_there(page: Visitor, house: House, someone: Principal, marc: Principal) -> None:
    make(page)
    address = first_event(page)
    other = house.visitor()
    other.log_in(marc.login, interface="complet")
    assert other.get(address).status_code == 404
    assert other.get(address.replace("?", "/modifier?")).status_code == 404
    shelf = re.search(r"/evenement/(\d+)-", address)
    assert shelf
    for path in ("", "/exporter"):
        assert other.get(f"/agenda/agendas/{shelf.group(1)}{path}").status_code == 404


# ---------------------------------------------------------------------- events that recur


@pytest.fixture
def weekly(page: Visitor, client: Client) -> Visitor:
    """Every Monday at 08:30, six times, from 2 November on."""
    make(
        page,
        titre="Cours 4e B",
        debut_jour="2026-11-02",
        fin_jour="2026-11-02",
        debut_heure="08:30",
        fin_heure="10:00",
        repeter="WEEKLY",
        jours=["0"],
        fin="fois",
        fois="6",
    )
    return page


def starts(client: Client, title: str = "") -> list[str]:
    """Every occurrence as a CalDAV server expands it, on the clock of Paris."""
    found = client.agenda.search(
        start=datetime.datetime(2026, 10, 1), end=datetime.datetime(2027, 3, 1), event=True, expand=True
    )
    events = components(found, "VEVENT")
    return sorted(
        f"{event['DTSTART'].dt.astimezone(PARIS):%m-%d %H:%M}"
        for event in events
        if not title or str(event["SUMMARY"]) == title
    )


def test_recurrence_is_told_in_words(weekly: Visitor) -> None:
    weekly.get(first_event(weekly))
    assert "Chaque semaine, le lundi, 6 fois" in weekly.text
    assert "15 minutes avant" in weekly.text


def test_only_this_occurrence(weekly: Visitor, client: Client) -> None:
    answer = edit(weekly, first_event(weekly), portee="cette", debut_heure="14:00", fin_heure="15:00", titre="Sortie")
    assert "Événement modifié" in answer.text
    assert starts(client, "Sortie") == ["11-23 14:00"]
    assert len(starts(client)) == 6
    assert len(client.agenda.events()) == 1


def test_this_and_the_following(weekly: Visitor, client: Client) -> None:
    """The series is cut: one ends before, another with its own UID goes on, and the count is kept."""
    edit(weekly, first_event(weekly), portee="suivantes", debut_heure="09:00", fin_heure="10:30")
    assert starts(client) == ["11-02 08:30", "11-09 08:30", "11-16 08:30", "11-23 09:00", "11-30 09:00", "12-07 09:00"]
    assert len({str(event["UID"]) for event in client.events()}) == 2
    weekly.post("/agenda/annuler", {"jeton": weekly.field("jeton"), "jour": MONDAY})
    assert len(client.events()) == 1
    assert len(starts(client)) == 6


def test_what_ends_before_a_cut_does_not_come_back_when_it_moves(weekly: Visitor, client: Client) -> None:
    """The first part ended a second before the cut, on its day: moved, it had happened on that day again."""
    edit(weekly, first_event(weekly), portee="suivantes", titre="Atelier")
    edit(
        weekly,
        first_event(weekly, "/agenda/semaine/2026-11-09"),
        portee="toutes",
        debut_heure="08:45",
        fin_heure="10:00",
    )
    assert starts(client, "Atelier") == ["11-23 08:30", "11-30 08:30", "12-07 08:30"]
    assert starts(client) == ["11-02 08:45", "11-09 08:45", "11-16 08:45", *starts(client, "Atelier")]
    weekly.get(first_event(weekly, "/agenda/semaine/2026-11-09"))
    assert "jusqu’au dimanche 22 novembre 2026" in weekly.text


def test_all_occurrences_move_with_their_exceptions(weekly: Visitor, client: Client) -> None:
    edit(weekly, first_event(weekly), portee="cette", titre="Sortie")
    path, _, query = first_event(weekly, "/agenda/semaine/2026-11-09").partition("?")
    weekly.get(f"{path}/supprimer?{query}")
    weekly.post(f"{path}/supprimer", {"etag": weekly.field("etag"), "le": weekly.field("le"), "portee": "cette"})
    assert len(starts(client)) == 5
    answer = edit(
        weekly,
        first_event(weekly, "/agenda/semaine/2026-11-30"),
        portee="toutes",
        debut_jour="2026-12-01",
        fin_jour="2026-12-01",
        debut_heure="10:00",
        fin_heure="11:30",
        lieu="CDI",
    )
    assert "Événement modifié" in answer.text
    assert starts(client) == ["11-03 10:00", "11-17 10:00", "11-24 10:00", "12-01 10:00", "12-08 10:00"]
    assert starts(client, "Sortie") == ["11-24 10:00"]
    assert {str(event["LOCATION"]) for event in client.events()} == {"CDI"}


def test_deleting_the_following_ends_the_series(weekly: Visitor, client: Client) -> None:
    path, _, query = first_event(weekly).partition("?")
    weekly.get(f"{path}/supprimer?{query}")
    weekly.post(f"{path}/supprimer", {"etag": weekly.field("etag"), "le": weekly.field("le"), "portee": "suivantes"})
    assert starts(client) == ["11-02 08:30", "11-09 08:30", "11-16 08:30"]


def test_moving_asks_which_occurrences(weekly: Visitor, client: Client) -> None:
    """What dragging posts: minutes. A series asks first; the rule moves to another weekday with all of it."""
    path, _, query = first_event(weekly).partition("?")
    key = query.split("le=")[1].split("&")[0]
    weekly.get(f"{path}/modifier?{query}")
    form = {"le": key, "etag": weekly.field("etag"), "minutes": str(24 * 60 + 30), "duree": "30", "vue": "semaine"}
    weekly.post(f"{path}/deplacer", form)
    assert "Déplacer un événement répété" in weekly.text
    assert starts(client)[0] == "11-02 08:30"
    weekly.post(f"{path}/deplacer", {**form, "portee": "toutes"})
    assert "déplacé" in weekly.text
    assert starts(client)[:2] == ["11-03 09:00", "11-10 09:00"]
    assert "BYDAY=TU" in client.agenda.events()[0].data


def test_one_occurrence_cannot_be_given_a_rule(weekly: Visitor) -> None:
    answer = edit(weekly, first_event(weekly), portee="cette", repeter="DAILY")
    assert answer.status_code == 422
    assert "Une seule occurrence ne se répète pas" in answer.text


def test_a_rule_of_another_client_is_kept(page: Visitor, client: Client) -> None:
    rule = "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1\n"
    client.agenda.save_event(text("a", ":20261130T073000Z", ":20261130T090000Z", "Paie", rule))
    address = first_event(page, "/agenda/semaine/2026-11-30")
    page.get(address)
    assert "personnalisée" in page.text
    edit(page, address, portee="toutes", titre="Paie du mois", repeter="autre")
    assert "BYSETPOS=-1" in client.agenda.events()[0].data


def test_the_last_day_of_a_rule_of_another_client_moves_along(page: Visitor, client: Client) -> None:
    """UNTIL is the moment of the last one: moved later, that one lay behind it."""
    rule = "RRULE:FREQ=MONTHLY;BYMONTHDAY=10,24;UNTIL=20261210T073000Z\n"
    client.agenda.save_event(text("a", ":20261124T073000Z", ":20261124T090000Z", "Paie", rule))
    edit(page, first_event(page), portee="toutes", debut_heure="10:00", fin_heure="11:30", repeter="autre")
    assert starts(client) == ["11-24 10:00", "12-10 10:00"]


def test_summer_time_leaves_the_clock_alone(page: Visitor, client: Client) -> None:
    make(page, debut_jour="2026-10-19", fin_jour="2026-10-19", repeter="WEEKLY", jours=["0"], fin="fois", fois="2")
    assert starts(client) == ["10-19 17:00", "10-26 17:00"]
    page.get("/agenda/semaine/2026-10-26")
    assert "17:00 – 18:30" in page.text


def test_all_day_floating_and_long_events(page: Visitor, client: Client) -> None:
    client.agenda.save_event(text("a", ";VALUE=DATE:20261124", ";VALUE=DATE:20261127", "Voyage"))
    client.agenda.save_event(text("b", ":20261124T073000", ":20261124T083000", "Réveil"))
    page.get(f"/agenda/semaine/{MONDAY}")
    assert page.text.count("<b>Voyage</b>") == 3
    assert "07:30 – 08:30" in page.text
    edit(page, first_event(page, "/agenda/jour/2026-11-25"), lieu="Rome")
    assert client.one("Voyage")["DTEND"].dt == datetime.date(2026, 11, 27)
    page.get("/agenda/jour/2026-11-24")
    links = page.links("/evenement/")
    edit(page, links[1], titre="Réveil tôt", debut_heure="07:00", fin_heure="08:00")
    assert client.one("Réveil tôt")["DTSTART"].to_ical() == b"20261124T070000"


def test_bad_input_is_told_by_field(page: Visitor) -> None:
    page.get("/agenda/nouveau")
    agenda = page.field("agenda")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"titre": ""}, "Donnez un titre"),
        ({"fin_heure": "16:00"}, "La fin vient avant le début"),
        ({"debut_jour": "hier"}, "heure de début"),
        ({"agenda": "999999"}, "Choisissez un agenda"),
        ({"repeter": "DAILY", "fin": "jour", "jusqu": "2020-01-01"}, "dernier jour"),
        ({"repeter": "SECONDLY"}, "Choisissez une répétition"),
    ]
    for fields, expected in wrong:
        answer = page.post("/agenda/nouveau", {**FIELDS, "agenda": agenda, **fields})
        assert answer.status_code == 422, fields
        assert expected in answer.text
    for path in ("/agenda/semaine/2026-13-01", "/agenda/siecle/2026-11-23", "/agenda/semaine/0001-01-01"):
        assert page.get(path).status_code == 404
    for item in ("1-", "x", "1-%F0", "99999999999999999999-YQ", "1-" + "A" * 3000):
        assert page.get(f"/agenda/evenement/{item}").status_code == 404


# ---------------------------------------------------------------------- agendas


def test_agendas_are_made_renamed_hidden_and_deleted(page: Visitor, client: Client) -> None:
    page.get("/agenda/agendas")
    page.post("/agenda/agendas", {"nom": "Collège", "couleur": "violet"})
    assert "Agenda créé" in page.text
    names = {str(calendar.get_display_name()) for calendar in client.http.principal().calendars()}
    assert "Collège" in names
    address = page.links(r"/agenda/agendas/\d+$")[-1]
    page.get(address)
    assert "/dav/" in page.text
    number = address.rpartition("/")[2]
    make(page, titre="Réunion", agenda=number)
    page.get(f"/agenda/semaine/{MONDAY}")
    assert "<b>Réunion</b>" in page.text
    page.post("/agenda/affichage", {"choix": "1", "montrer": ["1"], "retour": f"/agenda/semaine/{MONDAY}"})
    assert "<b>Réunion</b>" not in page.text
    page.get(address)
    page.post(address, {"faire": "garder", "nom": "Collège des Allobroges", "couleur": "brun"})
    assert "Collège des Allobroges" in page.text
    page.get(address)
    page.post(address, {"faire": "supprimer", "confirme": "non", "vu": page.field("vu")})
    assert "Recopiez le nom" in page.text
    page.post(address, {"faire": "supprimer", "confirme": "collège des allobroges", "vu": page.field("vu")})
    assert "Agenda supprimé" in page.text
    assert "Collège" not in "".join(
        str(calendar.get_display_name()) for calendar in client.http.principal().calendars()
    )


def test_export_and_import_with_duplicates(page: Visitor, client: Client, house: House) -> None:
    client.agenda.save_event(text("a", ":20261124T073000Z", ":20261124T090000Z", "Cours"))
    client.agenda.save_event(text("b", ":20261125T073000Z", ":20261125T090000Z", "Autre"))
    page.get("/agenda/agendas")
    address = page.links(r"/agenda/agendas/\d")[0]
    octets = page.get(f"{address}/exporter").content
    assert page.page is not None
    assert page.page.headers["content-type"].startswith("text/calendar")
    assert octets.count(b"BEGIN:VEVENT") == 2
    client.agenda.events()[0].delete()
    changed = octets.replace(b"SUMMARY:Cours", b"SUMMARY:Cours 2").replace(b"SUMMARY:Autre", b"SUMMARY:Autre 2")
    page.get(address)
    page.post(f"{address}/importer", {}, files={"fichier": ("a.ics", changed, "text/calendar")})
    assert re.search(r"Nouveaux événements\s*<dd>1", page.text)
    assert re.search(r"Déjà là, différents\s*<dd>1", page.text)
    assert len(client.events()) == 1
    body = {"contenu": changed.decode(), "faire": "importer", "doublons": "remplacer"}
    page.post(f"{address}/importer", body)
    assert "2 événements importés" in page.text
    assert sorted(str(event["SUMMARY"]) for event in client.events()) == ["Autre 2", "Cours 2"]
    page.get(address)
    page.post(f"{address}/importer", {}, files={"fichier": ("a.ics", b"MZ\0\1", "text/calendar")})
    assert "pas un agenda" in page.text


@pytest.mark.parametrize("written", ["cp1252", "folded"])
def test_a_file_keeps_its_accents_through_the_preview(page: Visitor, client: Client, written: str) -> None:
    """What Windows writes, and lines folded in the middle of a character (RFC 5545 section 3.1): what was looked at is
    what is stored."""
    page.get("/agenda/agendas")
    address = page.links(r"/agenda/agendas/\d")[0]
    title = "Réunion d’équipe à l’été"
    octets = text("a", ":20261124T073000Z", ":20261124T090000Z", title).encode()
    if written == "cp1252":
        octets = octets.decode().encode("cp1252")
    else:
        octets = octets.replace("à".encode(), b"\xc3\r\n \xa0")
    page.get(address)
    page.post(f"{address}/importer", {}, files={"fichier": ("a.ics", octets, "text/calendar")})
    assert title in page.text
    page.post(f"{address}/importer", {"contenu": page.field("contenu"), "faire": "importer"})
    assert "1 événement importé" in page.text
    assert [str(event["SUMMARY"]) for event in client.events()] == [title]


def test_view_choices_are_kept(page: Visitor) -> None:
    page.get(f"/agenda/semaine/{MONDAY}")
    assert "samedi 28 novembre" not in page.text
    fields = {"fin_de_semaine": "1", "debut": "7", "fin": "20", "vacances": "A", "semaine_a": "2"}
    page.post("/agenda/affichage", {**fields, "retour": f"/agenda/semaine/{MONDAY}"})
    assert "samedi 28 novembre" in page.text
    assert "semaine 48 · A" in page.text
    assert ">07:00<" in page.text
    page.get("/agenda/semaine/2027-02-15")
    assert "Vacances d’hiver" in page.text
    page.post("/agenda/affichage", {**fields, "retour": "https://ailleurs.exemple/"})
    assert page.page is not None
    assert page.page.url.host == "127.0.0.1"


def test_crowded_days_share_their_width_and_count_the_rest(page: Visitor, client: Client) -> None:
    for number in range(6):
        client.agenda.save_event(text(f"a{number}", ":20261124T073000Z", ":20261124T090000Z", f"Cours {number}"))
    page.get(f"/agenda/semaine/{MONDAY}")
    assert page.text.count('<a class="ev ') == 4
    (rest,) = re.findall(r'<a class="autres .*?</a>', page.text, re.S)
    assert "+2 autres, mardi 24 novembre" in rest
    page.get("/agenda/jour/2026-11-24")
    assert "autres" not in page.text
    assert page.text.count('<a class="ev ') == 6
    page.post("/agenda/affichage", {"fin_de_semaine": "1", "retour": f"/agenda/semaine/{MONDAY}"})
    assert page.text.count('<a class="ev ') == 3


def test_somebody_elses_event_is_read_only(page: Visitor, client: Client) -> None:
    more = "ORGANIZER;CN=Chef:mailto:chef@exemple.fr\nATTENDEE;CN=Claire;PARTSTAT=ACCEPTED:mailto:claire@exemple.fr\n"
    client.agenda.save_event(text("a", ":20261124T073000Z", ":20261124T090000Z", "Réunion", more))
    address = first_event(page)
    page.get(address)
    assert "chef@exemple.fr" in page.text
    assert "a accepté" in page.text
    assert "/modifier" not in page.text
    assert page.get(address.replace("?", "/modifier?")).status_code == 403


def test_the_simplified_interface_does_the_same(visitor: Visitor, someone: Principal, client: Client) -> None:
    visitor.log_in(someone.login)
    visitor.get(f"/s/agenda/{MONDAY}")
    assert "Aucun événement" in visitor.text
    visitor.get(f"/s/agenda/nouveau?jour={MONDAY}")
    fields = {name: FIELDS[name] for name in ("titre", "debut_jour", "debut_heure", "fin_jour", "fin_heure", "lieu")}
    visitor.post("/s/agenda/nouveau", {**fields, "agenda": visitor.field("agenda")})
    assert "Conseil de classe" in visitor.text
    assert client.one("Conseil de classe")["DTSTART"].dt.hour == 17
    address = visitor.links("/s/agenda/evenement/")[0]
    visitor.get(f"{address}/modifier")
    form = {**fields, "etag": visitor.field("etag"), "agenda": visitor.field("agenda"), "titre": "Conseil", "vue": ""}
    visitor.post(f"{address}/modifier", form)
    assert client.one("Conseil")
    visitor.get(f"{visitor.links('/s/agenda/evenement/')[0]}/supprimer")
    visitor.post(f"{address}/supprimer", {"etag": visitor.field("etag"), "le": ""})
    assert not client.events()


def test_holidays_of_the_instance(tmp_path: Path) -> None:
    """A file in the instance adds zones; one that cannot be read takes nothing away."""
    (tmp_path / "holidays.json").write_text('{"Corse": [["Vacances d’hiver", "2027-02-06", "2027-02-22"]]}')
    known = Seasons(tmp_path)
    assert known.zones == ("A", "B", "C", "Corse")
    day = datetime.date(2027, 2, 10)
    assert [known.on(zone, day) for zone in ("Corse", "A", "C", "")] == ["Vacances d’hiver", "", "Vacances d’hiver", ""]
    assert known.on("B", datetime.date(2026, 12, 25)) == "Vacances de Noël"
    (tmp_path / "holidays.json").write_text('{"Corse": [["x"')
    assert Seasons(tmp_path).zones == ("A", "B", "C")


def test_what_the_agenda_weighs(page: Visitor, client: Client) -> None:
    """A week of twenty lessons is light, and so is its module."""
    for number in range(20):
        day, hour = 23 + number % 5, 8 + number // 5
        text_of = text(f"l{number}", f":202611{day}T{hour:02}0000Z", f":202611{day}T{hour:02}5500Z", "Cours 4e B")
        client.agenda.save_event(text_of)
    answer = page.get(f"/agenda/semaine/{MONDAY}", headers={"accept-encoding": "gzip"})
    assert int(answer.headers["content-length"]) < 8 * 1024
    for link in re.findall(r'(?:href|src)="(/static/dist/agenda\.[^"]+)"', page.text):
        limit = 10 * 1024 if link.endswith(".js") else 6 * 1024
        assert int(page.get(link, headers={"accept-encoding": "gzip"}).headers["content-length"]) < limit
