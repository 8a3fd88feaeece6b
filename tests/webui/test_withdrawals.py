"""The console's pages of reports and of messages taken back, from the button in the reader to the undoing."""

import re
from html import unescape

import pytest

from mailserver.model.identity import Principal
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.withdrawal import rows
from tests.webui.house import House, Visitor, mail
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered, opened
from tests.webui.test_compose import send

REPORTS, WITHDRAWALS = "/admin/signalements", "/admin/retraits"
FORGED = AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL)
EVIL = "Support <support@evil.example>"


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


def worked(house: House) -> None:
    """What a worker does meanwhile."""

    async def look() -> None:
        await Withdrawals(settings=house.settings, store=house.store, clock=house.clock).look()

    house.run(look())


def inbox(house: House, person: Principal) -> list[str]:
    return house.subjects(person, "INBOX")


def test_from_the_report_to_the_undoing(
    house: House, console: Visitor, phone: Phone, emma: Principal, marc: Principal
) -> None:
    assert "Aucun signalement n’attend" in opened(console, house, phone, REPORTS)
    wave = [
        house.deliver(person, mail("<b>Urgent</b>", EVIL, body=body * 90), FORGED)
        for person, body in ((emma, "Un\n"), (marc, "Un\n"), (marc, "Deux\n"))
    ]
    reader = house.visitor()
    reader.log_in(emma.login)
    signal(reader, f"/s/message/{wave[0]}")
    assert (inbox(house, emma), house.subjects(emma, "Junk")) == ([], ["<b>Urgent</b>"])
    assert "1 signalement attend" in opened(console, house, phone, "/admin")
    text = opened(console, house, phone, REPORTS)
    assert "&lt;b&gt;Urgent&lt;/b&gt;" in text
    assert "SPF fail, DKIM none, DMARC fail" in text
    (link,) = console.links("campagne")
    page = opened(console, house, phone, link)
    assert re.search(r"messages\s: 2, personnes\s: 2", page)
    assert re.search(r"messages\s: 3, personnes\s: 2", page)
    assert emma.name in page
    (same, alike) = console.links("/admin/retraits/nouveau")
    opened(console, house, phone, same)
    assert console.field("vus") == "2"
    opened(console, house, phone, alike)
    form = {name: console.field(name) for name in ("c", "r", "portee", "vus")} | {"jours": "7"}
    assert form["vus"] == "3"
    assert console.post("/admin/retraits/nouveau", form | {"nombre": "2"}).status_code == 422
    assert console.post("/admin/retraits/nouveau", form | {"nombre": "3", "jours": "8"}).status_code == 422
    for days in ("", "sept"):
        late = console.post("/admin/retraits/nouveau", form | {"nombre": "3", "jours": days})
        assert (late.status_code, "Choisissez pendant combien de temps" in late.text) == (422, True)
    console.post("/admin/retraits/nouveau", form | {"nombre": "3"})
    assert "le message quitte toutes les boîtes" in console.text
    worked(house)
    assert (house.subjects(emma, "Junk"), inbox(house, marc)) == ([], [])
    assert reader.get("/s/").text.count("Urgent") == 0
    assert reader.get(f"/s/message/{wave[0]}").status_code == 404
    text = opened(console, house, phone, WITHDRAWALS)
    assert "1 message dont les nouvelles copies sont refusées" in text
    assert "toute la campagne" in text
    assert "Aucun signalement n’attend" in opened(console, house, phone, REPORTS)
    assert "retiré" in opened(console, house, phone, f"{REPORTS}?etat=decides")

    number = {"retrait": str(house.store.read_now(rows.listing)[0].id)}
    opened(console, house, phone, WITHDRAWALS)
    asked = console.post(WITHDRAWALS, number | {"faire": "remettre"}).text
    assert "tapez ce nombre\u202f: 3" in asked or re.search(r"tapez ce nombre\s: 3", asked)
    assert console.post(WITHDRAWALS, number | {"faire": "remettre-oui", "nombre": "4"}).status_code == 422
    console.post(WITHDRAWALS, number | {"faire": "remettre-oui", "nombre": "3"})
    assert "reviennent dans les boîtes" in console.text
    worked(house)
    assert (house.subjects(emma, "Junk"), inbox(house, marc)) == (["<b>Urgent</b>"], ["<b>Urgent</b>"] * 2)
    late = console.post(WITHDRAWALS, number | {"faire": "remettre-oui", "nombre": "3"})
    assert (late.status_code, "n’est plus possible" in late.text) == (422, True)
    assert console.post(WITHDRAWALS, number | {"faire": "admettre"}).status_code == 422


def signal(reader: Visitor, address: str) -> None:
    """Press "Signaler" on a message, as the page has it."""
    button = re.search(r'<button[^>]*formaction="([^"]*/hameconnage[^"]*)"', reader.get(address).text)
    assert button
    assert "le message est signalé à l’équipe informatique" in reader.post(unescape(button[1]), {}).text


def test_by_message_id_and_what_is_sent_again_from_the_web(
    house: House, console: Visitor, phone: Phone, emma: Principal, marc: Principal
) -> None:
    octets = mail("Sortie", f"Marc <{marc.address}>", to=emma.address)
    house.run(house.submission.submit(marc, marc.address, (emma.address,), octets, save_to_sent=True))
    message_id = re.findall(rb"Message-ID: <(.+)>", octets)[0].decode()
    assert "ne porte cet identifiant" in console.get("/admin/retraits/nouveau", params={"id": "nobody@x"}).text
    console.get("/admin/retraits/nouveau", params={"id": message_id, "portee": "campagne"})
    assert console.field("vus") == "1"
    form = {name: console.field(name) for name in ("id", "message", "vus", "portee")} | {"jours": "1", "nombre": "1"}
    console.post("/admin/retraits/nouveau", form)
    worked(house)
    assert "Sortie" not in inbox(house, emma)
    assert "Sortie" in house.subjects(marc, "Sent"), "the author keeps their own"
    writer = house.visitor()
    writer.log_in(marc.login)
    writer.get(f"/s/ecrire?a={emma.address}")
    refused = send(writer, a=emma.address, objet="RE: sortie", texte="Encore")
    assert "ce message a été retiré par l’académie" in refused.text
    assert "Sortie" not in inbox(house, emma)
    number = {"retrait": str(house.store.read_now(rows.listing)[0].id)}
    opened(console, house, phone, WITHDRAWALS)
    console.post(WITHDRAWALS, number | {"faire": "admettre"})
    assert "de nouveau acceptées" in console.text


def test_one_message_id_of_several_messages(
    house: House, console: Visitor, phone: Phone, emma: Principal, marc: Principal
) -> None:
    """Which is meant is asked; no number leads to what nobody asked for by name."""
    real = mail("Conseil", f"Marc <{marc.address}>", "Le conseil de classe.\n", to=emma.address)
    house.run(house.submission.submit(marc, marc.address, (emma.address,), real))
    forged = house.deliver(emma, real, FORGED)
    message_id = re.findall(rb"Message-ID: <(.+)>", real)[0].decode()
    opened(console, house, phone, "/admin/retraits/nouveau")
    asked = console.get("/admin/retraits/nouveau", params={"id": message_id}).text
    assert "Plusieurs messages portent cet identifiant" in asked
    assert "SPF fail, DKIM none, DMARC fail" in asked
    assert "envoyé par un compte d’ici" in asked
    assert "vus" not in re.findall(r'name="(\w+)"', asked)
    (_, chosen) = console.links("/admin/retraits/nouveau\\?id=")
    shown = console.get(chosen).text
    assert console.field("message") == str(forged)
    assert "DMARC fail" in shown
    form = {name: console.field(name) for name in ("id", "message", "vus")} | {"jours": "0", "nombre": "1"}
    other = house.deliver(marc, mail("Lettre privée", "Marie <marie@exemple.org>"))
    for number in (str(other), "0"):
        assert console.post("/admin/retraits/nouveau", form | {"message": number}, shown).status_code == 404
        looked = console.get("/admin/retraits/nouveau", params={"message": number})
        assert "Lettre privée" not in looked.text
    console.post("/admin/retraits/nouveau", form, shown)
    worked(house)
    assert inbox(house, emma).count("Conseil") == 1, "the genuine one stays"


def test_a_report_that_was_wrong_is_filed(house: House, console: Visitor, phone: Phone, emma: Principal) -> None:
    content_id = house.deliver(emma, mail("Bulletin", "Lettre <lettre@exemple.org>", body="Rien\n"))
    reader = house.visitor()
    reader.log_in(emma.login, interface="complet")
    signal(reader, f"/m/message/{content_id}")
    opened(console, house, phone, REPORTS)
    (link,) = console.links("campagne")
    page = opened(console, house, phone, link)
    assert "pas vérifié" in page
    console.post(REPORTS, {"c": console.field("c")})
    assert "1 signalement classé" in console.text
    assert "sans danger" in opened(console, house, phone, f"{REPORTS}?etat=decides")
    for address in (f"{REPORTS}/campagne?c=zz", f"{REPORTS}/campagne?c={'0' * 32}", f"{WITHDRAWALS}/nouveau?c=00"):
        assert console.get(address).status_code == 404


def test_whoever_is_no_administrator_sees_nothing(house: House, emma: Principal) -> None:
    visitor = house.visitor()
    visitor.log_in(emma.login)
    for path in (REPORTS, f"{REPORTS}/campagne?c=00", WITHDRAWALS, f"{WITHDRAWALS}/nouveau"):
        assert visitor.get(path).status_code in (403, 404)
