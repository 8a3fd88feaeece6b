"""The absence message: its page in both interfaces, what is answered to whom and when, the notice above every page."""

import asyncio
import re
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import pytest

from mailserver.delivery import Envelope
from mailserver.filters import Scripts
from mailserver.filters.absences import Absences
from mailserver.filters.documents import NAME, Documents
from mailserver.filters.rules import Blocked, Document
from mailserver.model.identity import Principal, Role
from mailserver.model.messages.provenance import Door
from mailserver.model.rules import Sender
from mailserver.policy.dlp import checker
from mailserver.store.account import stored_preferences
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from tests.webui.house import PASSWORD, House, Visitor, mail
from tests.webui.test_contacts_browser import put

PAGE = "/s/reglages/absence"
FRIEND = "amie@exemple.org"
PARIS = ZoneInfo("Europe/Paris")
FORM = {
    "active": "1",
    "jours": "autres",
    "du": "2026-12-19",
    "au": "2027-01-03",
    "dedans": "En congé jusqu’au {retour}.\nVoyez Awa.",
    "dehors": "Fermé.",
    "autres": "tous",
    "faire": "garder",
}


def at(house: House, moment: str) -> None:
    """The clock of the house tells this time of Paris."""
    house.clock.ahead += datetime.fromisoformat(moment).replace(tzinfo=PARIS).timestamp() - house.clock.now()


@pytest.fixture
def person(house: House, rose: Principal) -> Principal:
    at(house, "2026-12-01T09:00")
    house.store.write_now(stored_preferences.revise_preferences, rose.account_id, {"school_zone": "A"})
    return rose


@pytest.fixture
def browser(house: House, person: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(person.login)
    return made


def keep(browser: Visitor, page: str = PAGE, **changed: str | None) -> str:
    """What the page says after the form was posted."""
    browser.get(page)
    data = {name: value for name, value in {**FORM, "version": browser.field("version"), **changed}.items() if value}
    browser.post(page, data)
    return browser.text


def write(house: House, person: Principal, by: Principal | str, *more: str, subject: str = "Sortie") -> None:
    """A message comes: from somebody who has logged in, or from an address elsewhere."""
    address = by if isinstance(by, str) else by.address
    sender = Sender.outside(address) if isinstance(by, str) else Sender.person(by)
    door = Door.SMTP if isinstance(by, str) else Door.SUBMISSION
    recipient = house.run(house.delivery.resolve(person.address, sender=sender))
    octets = mail(subject, f"X <{address}>", to=person.address, more="".join(f"{one}\r\n" for one in more))
    house.run(house.delivery.deliver(Envelope(address, (recipient,), sender, door=door), octets))


def answers(house: House, to: Principal | str) -> list[EmailMessage]:
    """What was answered to somebody, oldest first."""
    if isinstance(to, str):
        found = [octets for address, octets in house.outgoing() if address == to]
    else:
        found = [house.octets(to, "INBOX", place) for place in range(len(house.subjects(to, "INBOX")))]
    parsed = [message_from_bytes(one, policy=policy.default) for one in found]
    return [one for one in parsed if one["Auto-Submitted"] == "auto-replied"]


def text_of(message: EmailMessage) -> str:
    return str(message.get_content()).replace("\r\n", "\n").rstrip("\n")


def test_proposed_are_the_holidays_of_the_zone(house: House, person: Principal, browser: Visitor) -> None:
    page = browser.get(PAGE).text
    tile = r'value="(\d{4}-\d\d-\d\d)" id="jours-\d"( checked)?>\s*<b>([^<]+)</b><span class="fin">([^<]+)'
    found = re.findall(tile, page)
    assert found == [
        ("2026-12-19", " checked", "Vacances de Noël", "19 déc. – 3 janv., zone A"),
        ("2027-02-13", "", "Vacances d’hiver", "13 févr. – 28 févr., zone A"),
        ("2027-04-10", "", "Vacances de printemps", "10 avr. – 25 avr., zone A"),
    ]
    said = keep(browser, jours="2027-02-13", du="", au="")
    assert "Réponse automatique enregistrée." in said
    assert "prévue, part dans 74 jours" in said
    assert "16 jours. Elle s’arrête seule le lundi 1er mars 2027 à 0 h." in said


def test_who_has_no_zone_chooses_one(house: House, rose: Principal) -> None:
    browser = house.visitor()
    browser.log_in(rose.login)
    assert "zone A" not in browser.get(PAGE).text
    browser.post(PAGE, {"faire": "zone", "zone": "C"})
    assert "zone C" in browser.text
    assert house.store.read_now(stored_preferences.preferences, rose.account_id).school_zone == "C"
    browser.post(PAGE, {"faire": "zone", "zone": "Z"})
    assert house.store.read_now(stored_preferences.preferences, rose.account_id).school_zone == "C"


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-12-18T23:55", 0),
        ("2026-12-19T00:00:00", 1),
        ("2027-01-03T23:55", 1),
        ("2027-01-04T00:00:00", 0),
    ],
)
def test_from_midnight_to_midnight_of_the_academy(
    house: House, person: Principal, browser: Visitor, moment: str, told: int
) -> None:
    keep(browser)
    at(house, moment)
    write(house, person, f"{person.login}-{told}-{moment[:10]}@exemple.org")
    assert len(answers(house, f"{person.login}-{told}-{moment[:10]}@exemple.org")) == told


def test_staff_and_others_are_told_different_things(house: House, person: Principal, browser: Visitor) -> None:
    """A pupil is told what strangers are, and so is somebody who only claims an address of the academy's."""
    keep(browser)
    at(house, "2026-12-20T10:00")
    colleague, pupil = (
        house.person("Paul", f"Prof-{person.login}"),
        house.person("Léo", f"El-{person.login}", Role.PUPIL),
    )
    for by in (colleague, pupil, f"x-{person.login}@exemple.org"):
        write(house, person, by)
        write(house, person, by, subject="Encore")  # once a week
    (inside,) = answers(house, colleague)
    assert text_of(inside) == "En congé jusqu’au lundi 4 janvier 2027.\nVoyez Awa."
    assert inside["Subject"] == "Réponse automatique : Sortie"
    assert person.address in str(inside["From"])
    assert inside["In-Reply-To"]
    assert [text_of(one) for one in answers(house, pupil)] == ["Fermé."]
    assert [text_of(one) for one in answers(house, f"x-{person.login}@exemple.org")] == ["Fermé."]
    impostor = house.person("Anne", f"Vraie-{person.login}")
    write(house, person, impostor.address)
    assert [text_of(one) for one in answers(house, impostor)] == ["Fermé."]
    at(house, "2026-12-27T10:30")
    write(house, person, colleague)
    assert len(answers(house, colleague)) == 2


def test_a_text_that_is_mended_in_the_holidays_is_told_to_nobody_twice(
    house: House, person: Principal, browser: Visitor
) -> None:
    """The days are those that were offered; they had begun anew with the day of the change."""
    keep(browser, jours="2026-12-19", du="", au="")
    at(house, "2026-12-21T10:00")
    browser.log_in(person.login)
    by = f"t-{person.login}@exemple.org"
    write(house, person, by)
    keep(browser, jours="2026-12-19", du="", au="", dehors="Fermé, appelez la loge.")
    assert "appelez la loge" in browser.get(PAGE).text
    write(house, person, by, subject="Encore")
    assert [text_of(one) for one in answers(house, by)] == ["Fermé."]


def test_nobody_outside_and_contacts_only(house: House, person: Principal, browser: Visitor) -> None:
    keep(browser, autres="personne", dehors=None, du="2026-12-01")
    stranger, known = f"s-{person.login}@exemple.org", f"k-{person.login}@exemple.org"
    write(house, person, stranger)
    assert answers(house, stranger) == []
    put(house, person, "amie", f"FN:Amie\nN:;Amie;;;\nEMAIL:{known}")
    keep(browser, autres="contacts", du="2026-12-01")
    write(house, person, stranger)
    write(house, person, known)
    assert answers(house, stranger) == []
    assert [text_of(one) for one in answers(house, known)] == ["Fermé."]


@pytest.mark.parametrize(
    "field",
    ["List-Id: <x.exemple.org>", "Auto-Submitted: auto-generated", "Precedence: bulk", "X-Auto-Response-Suppress: OOF"],
)
def test_lists_and_machines_are_told_nothing(house: House, person: Principal, browser: Visitor, field: str) -> None:
    keep(browser, du="2026-12-01")
    write(house, person, f"l-{person.login}@exemple.org", field)
    write(house, person, f"noreply@{person.login}.exemple.org")
    assert answers(house, f"l-{person.login}@exemple.org") == []
    assert answers(house, f"noreply@{person.login}.exemple.org") == []
    write(house, person, f"h-{person.login}@exemple.org")
    assert len(answers(house, f"h-{person.login}@exemple.org")) == 1


def test_what_people_write_is_no_script(house: House, person: Principal, browser: Visitor) -> None:
    text = 'Prix : ${1} "entre" \\ ${subject} ${hex:41}\n.\nkeep;\u202f😀'
    keep(browser, du="2026-12-01", dehors=text)
    write(house, person, f"c-{person.login}@exemple.org")
    (answer,) = answers(house, f"c-{person.login}@exemple.org")
    assert text_of(answer) == text
    assert "Prix : ${1} &#34;entre&#34; \\ ${subject} ${hex:41}\n.\nkeep;\u202f😀" in browser.get(PAGE).text


def test_a_look_before_it_is_kept(house: House, person: Principal, browser: Visitor) -> None:
    said = keep(browser, faire="apercu", dedans="Retour le {retour} <b>.")
    assert "Retour le lundi 4 janvier 2027 &lt;b&gt;." in said
    assert "Réponse automatique : Sortie au musée" in said
    assert "Retour le {retour} &lt;b&gt;." in said  # what was typed stays
    assert "Aucune réponse automatique n’est en service." in browser.get(PAGE).text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"au": "2026-12-18"}, "Le dernier jour vient avant le premier."),
        ({"du": ""}, "Donnez le premier jour de l’absence."),
        ({"du": "2026-11-01", "au": "2026-11-30"}, "Ce jour est passé."),
        ({"au": "2039-01-01"}, "Une absence dure trois ans au plus."),
        ({"au": "demain"}, "Ce n’est pas une date."),
        ({"dedans": " "}, "Écrivez la réponse."),
        ({"dehors": "é" * 4001}, "La réponse a plus de 4000 caractères."),
        ({"au": ""}, "Sans dernier jour, il n’y a pas de date de retour à écrire."),
        ({"version": "x"}, "L’absence a été changée ailleurs entre-temps."),
    ],
)
def test_what_cannot_be_kept_comes_back_as_typed(
    house: House, person: Principal, browser: Visitor, changed: dict[str, str], said: str
) -> None:
    found = keep(browser, **{"dedans": "Texte {retour} gardé", **changed})
    assert browser.page is not None
    assert browser.page.status_code == 422
    assert said in found
    assert ("Texte {retour} gardé" in found) == ("dedans" not in changed)
    assert house.run(Scripts(settings=house.settings, store=house.store).listing(person.account_id)) == []


@pytest.mark.parametrize("base", ["/s", "/m"])
def test_the_notice_above_every_page_ends_it(house: House, person: Principal, browser: Visitor, base: str) -> None:
    home = f"{base}/dossiers"
    assert "réponse automatique" not in browser.get(home).text.split('class="volet')[0].split("<main")[1][:1500]
    keep(browser, f"{base}/reglages/absence")
    assert "Votre réponse automatique commence le samedi 19 décembre." in browser.get(home).text
    at(house, "2027-01-03T12:00")
    browser.log_in(person.login)
    assert "Votre réponse automatique est en service jusqu’au dimanche 3 janvier." in browser.get(home).text
    browser.post(f"{base}/reglages/absence/fin", {})
    assert "Réponse automatique arrêtée. Vos textes sont gardés." in browser.text
    assert "Voyez Awa." in browser.text
    assert "Votre réponse automatique" not in browser.get(home).text
    write(house, person, f"f-{person.login}@exemple.org")
    assert answers(house, f"f-{person.login}@exemple.org") == []


def test_it_is_over_by_itself(house: House, person: Principal, browser: Visitor) -> None:
    keep(browser)
    at(house, "2027-01-04T00:00:00")
    browser.log_in(person.login)
    found = browser.get(PAGE).text
    assert "terminée" in found
    assert "Votre réponse automatique" not in browser.get("/s/dossiers").text
    assert "Voyez Awa." in found  # for the next time, with the next holidays
    assert 'value="2027-02-13" id="jours-1" checked' in found


NIR = "1 85 05 78 006 084 91"


@pytest.mark.parametrize("base", ["s", "m"])
def test_a_text_that_gives_something_away_is_confirmed_when_it_is_saved(
    house: House, person: Principal, browser: Visitor, base: str
) -> None:
    page = f"/{base}/reglages/absence"
    asked = keep(browser, page, dehors=f"Mon NIR : {NIR}")
    assert "1850•••••••••91" in asked
    assert "n’est pas enregistrée" in asked
    assert "Aucune réponse automatique" in browser.get(page).text
    again = keep(browser, page, dehors=f"Mon NIR : {NIR} 2 85 05 78 006 084 41", confie=code(asked))
    assert "n’est pas enregistrée" in again, "another number is another question"
    assert "Réponse automatique enregistrée" in keep(browser, page, dehors=f"Mon NIR : {NIR}", confie=code(asked))
    assert "Réponse automatique enregistrée" in keep(browser, page, dehors=f"Mon NIR : {NIR}"), "not asked twice"
    (row,) = house.store.read_now(audit.find, audit.Wanted(person.account_id, Action.LETTER_CONFIRMED), 9)
    assert "185" not in str(row.detail)
    at(house, "2026-12-20T09:00")
    write(house, person, FRIEND)
    assert NIR in answers(house, FRIEND)[-1].get_content()


def test_that_words_of_it_were_not_compared_with_the_password_is_said_with_what_was_found(
    browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "MAX_TRIES", 0)
    asked = keep(browser, dehors=f"Mon NIR : {NIR}. Mon mot de passe : {PASSWORD}")
    assert re.search(r"des mots qui n’ont pas pu être comparés à votre mot de passe\s: 1\.", asked)
    asked = keep(browser, dehors=f"Mon NIR : {NIR}. Mon mot de passe : Encre-Verte#2026", confie=code(asked))
    assert "n’est pas enregistrée" in asked


def code(text: str) -> str:
    found = re.search(r'name="confie" value="([0-9a-f]+)"', text)
    assert found
    return found.group(1)


def test_what_only_colleagues_are_told_is_not_asked_about(browser: Visitor) -> None:
    assert "enregistrée." in keep(browser, dedans=f"NIR {NIR}", dehors=f"NIR {NIR}", autres="personne")


def test_a_script_of_ones_own_is_said_and_kept(house: House, person: Principal, browser: Visitor) -> None:
    scripts = Scripts(settings=house.settings, store=house.store)
    own = b'require "fileinto"; if header :contains "subject" "sortie" { fileinto "Sorties"; }'
    house.run(scripts.put(person.account_id, "principal", own, Origin("x", "sieve"), activate=True))
    said = keep(browser, du="2026-12-01")
    assert "Vos messages passent par un script que vous avez écrit" in said
    assert "Votre réponse automatique" not in browser.get("/s/dossiers").text
    browser.get(PAGE)
    browser.post(PAGE, {"faire": "demarrer"})
    assert "Vos règles sont en service." in browser.text
    assert "Vos messages passent" not in browser.text
    write(house, person, f"o-{person.login}@exemple.org")
    assert len(answers(house, f"o-{person.login}@exemple.org")) == 1
    assert house.run(scripts.octets(person.account_id, "principal")) == own
    active = house.run(scripts.active(person.account_id))
    assert active is not None
    assert active[0].name == NAME


def test_other_changes_of_the_rules_are_not_lost(house: House, person: Principal, browser: Visitor) -> None:
    keep(browser)
    documents = Documents(settings=house.settings, store=house.store)
    absences = Absences(settings=house.settings, store=house.store, clock=house.clock, documents=documents)

    def blocked(document: Document) -> Document:
        return replace(document, blocked=Blocked(("@pub.exemple.org",)))

    async def together() -> None:
        origin = Origin("x", "web")
        await asyncio.gather(
            documents.revise(person.account_id, blocked, origin), absences.end(person.account_id, origin)
        )

    house.run(together())
    found = house.run(documents.read(person.account_id)).document
    assert found.blocked.senders == ("@pub.exemple.org",)
    assert found.absence is not None
    assert found.absence.off


def trials(house: House, person: Principal) -> list[EmailMessage]:
    """What the person sent themself to try it out, oldest first."""
    places = range(len(house.subjects(person, "INBOX")))
    found = [message_from_bytes(house.octets(person, "INBOX", place), policy=policy.default) for place in places]
    return [one for one in found if str(one["Subject"]).startswith("[Essai] ")]


def test_tried_out_on_oneself(house: House, person: Principal, browser: Visitor) -> None:
    """Both texts come as others would get them, marked; nothing is kept, and what was typed stays."""
    said = keep(browser, faire="essai", dehors="Fermé. <b>")
    assert "2 essais vous ont été envoyés" in said
    assert "Fermé. &lt;b&gt;" in said
    assert "Aucune réponse automatique n’est en service." in browser.get(PAGE).text
    inside, outside = trials(house, person)
    assert inside["Subject"] == outside["Subject"] == "[Essai] Réponse automatique : Sortie au musée"
    assert person.address in str(inside["From"])
    assert inside["To"] == inside["From"]
    assert inside["Auto-Submitted"] == "auto-generated"
    mark, _, text = text_of(inside).partition("\n\n")
    assert mark.startswith("[Essai : ")
    assert text == "En congé jusqu’au lundi 4 janvier 2027.\nVoyez Awa."
    mark, _, text = text_of(outside).partition("\n\n")
    assert mark.startswith("[Essai : ")
    assert text == "Fermé. <b>"


def test_trials_of_an_hour(house: House, person: Principal, browser: Visitor) -> None:
    """One that is off is tried out all the same; one that could not be on is not, and does not count."""
    assert "Écrivez la réponse." in keep(browser, faire="essai", active=None, dedans=None)
    for _ in range(5):
        assert "1 essai vous a été envoyé" in keep(browser, faire="essai", active=None, autres="personne")
    assert "Vous avez fait assez d’essais" in keep(browser, faire="essai")
    assert browser.page is not None
    assert browser.page.status_code == 422
    assert len(trials(house, person)) == 5
    at(house, "2026-12-01T10:30")
    assert "2 essais vous ont été envoyés" in keep(browser, faire="essai")


def test_a_trial_is_no_message_that_is_answered(house: House, person: Principal, browser: Visitor) -> None:
    keep(browser, du="2026-12-01")
    keep(browser, faire="essai", du="2026-12-01")
    assert answers(house, person) == []
    assert len(trials(house, person)) == 2
