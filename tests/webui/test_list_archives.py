"""Archives of lists in the web: who opens them, what a page shows and hides, what an owner takes out."""

import itertools
import re

import pytest

from directory.lists import rosters
from directory.lists.rosters import ListChange
from mailserver.delivery import Envelope
from mailserver.model.identity import Archive, Principal
from mailserver.model.rules import Sender
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Wanted
from mailserver.store.web import archive_pages
from mailserver.store.web.archive_view import ArchiveView
from tests.webui.house import House, Visitor, mail
from tests.webui.test_list_members import AMIE, page_of
from tests.webui.test_lists import ORIGIN, make

HTML = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
    "Content-Type: text/html; charset=utf-8\r\n\r\n"
    '<p onclick="x()">Gras <b>oui</b><script>alert(1)</script>'
    '<img src="http://pisteur.example/1.png"><a href="http://mechant.example/">www.ac-exemple.fr</a></p>\r\n'
    "--a\r\nContent-Type: text/csv; name=notes.csv\r\nContent-Disposition: attachment; filename=notes.csv\r\n\r\n"
    "a;b\r\n--a--\r\n"
)


_made = itertools.count()


@pytest.fixture
def chorale(house: House, emma: Principal, marc: Principal) -> str:
    """Emma's, with Marc and a friend elsewhere; its archive is for its members, and empty."""
    members = (marc.address, AMIE)
    address = make(house, f"archives-{next(_made)}", name="Chorale", owners=(emma.address,), members=members)
    change(house, address, archive=Archive.MEMBERS)
    return address


def change(house: House, address: str, **values: object) -> None:
    wanted = ListChange(**values)  # type: ignore[arg-type]
    house.store.write_now(rosters.change, rosters.ListSettings.of(house.settings), address, wanted, ORIGIN)


def post(house: House, address: str, octets: bytes) -> archive_pages.Line:
    """What somebody outside writes to the list, as it is kept."""
    sender = Sender.outside("x@exemple.org")
    recipient = house.run(house.delivery.resolve(address, 0, sender))
    house.run(house.delivery.deliver(Envelope("x@exemple.org", (recipient,), sender), octets))
    return house.store.read_now(archive_pages.newest, ArchiveView(address), 1)[0]


@pytest.mark.parametrize("interface", ["simple", "complet"])
def test_a_member_reads_months_conversations_and_messages_and_no_address(
    house: House, visitor: Visitor, marc: Principal, chorale: str, interface: str
) -> None:
    body = "Voir aussi awa@secret.example\n"
    first = post(house, chorale, mail("Concert", "Awa Diallo <awa.diallo@exemple.org>", body, date=f"{interface}"))
    visitor.log_in(marc.login, interface=interface)
    base = "/s" if interface == "simple" else "/m"
    visitor.get(f"{base}/listes/recues")
    assert "ses membres et ses propriétaires" in visitor.text
    (page,) = set(visitor.links(rf"/liste/{chorale}/archives$"))
    visitor.get(page)
    assert "Concert" in visitor.text
    assert "Awa Diallo" in visitor.text
    assert "exemple.org" not in visitor.text
    visitor.get(f"{page}/{first.id}")
    assert "Voir aussi" in visitor.text
    assert "awa.diallo@exemple.org" not in visitor.text
    assert visitor.get(f"/archives/{chorale}").url.path == page, "the address of List-Archive"
    name = house.store.read_now(archive_pages.post, ArchiveView(chorale), first.id).name
    assert visitor.get(f"/archives/{chorale}/{name}").url.path == f"{page}/{first.id}", "that of Archived-At"
    visitor.get(f"{page}?q=secret")
    assert "1 message trouvé" in visitor.text
    visitor.get(f"{page}?q=introuvable")
    assert "0 message trouvé" in visitor.text


def test_owners_and_readers_are_told_how_much_is_kept(
    house: House, visitor: Visitor, emma: Principal, marc: Principal, chorale: str
) -> None:
    visitor.log_in(emma.login)
    assert "Ces archives occupent" not in visitor.get(f"/s/liste/{chorale}").text
    post(house, chorale, mail("Concert", body="x" * 2000))
    said = visitor.get(f"/s/liste/{chorale}").text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert re.search(r"Ces archives occupent [2-4].Ko sur 2.Go : au-delà, leurs plus anciens messages partent", said)
    visitor.log_in(marc.login)
    said = " ".join(visitor.get(f"/s/liste/{chorale}/archives").text.split())
    assert re.search(r"et 2.Go en tout.: au-delà, les plus anciens partent", said)


def test_who_is_not_in_it_finds_no_page_and_who_was_no_longer(
    house: House, visitor: Visitor, marc: Principal, rose: Principal, chorale: str
) -> None:
    line = post(house, chorale, mail("Réservé"))
    name = house.store.read_now(archive_pages.post, ArchiveView(chorale), line.id).name
    here = f"/s/liste/{chorale}/archives"
    everything = [here, f"{here}/{line.id}", f"{here}/{line.id}/corps", f"{here}/{line.id}/piece/1"]
    everything += [f"/archives/{chorale}/{name}"]
    visitor.log_in(rose.login)
    assert [visitor.get(one).status_code for one in everything] == [404] * 5
    visitor.get("/s/listes")
    assert visitor.post(f"{here}/{line.id}", {"confirme": "1"}).status_code == 404
    visitor.log_in(marc.login)
    assert visitor.get(everything[1]).status_code == 200
    assert visitor.post(everything[1], {"confirme": "1"}).status_code == 403, "no owner"
    house.store.write_now(lists.remove_members, chorale, [marc.address])
    assert visitor.get(everything[1]).status_code == 404
    house.store.write_now(lists.add_members, chorale, [marc.address])
    change(house, chorale, archive=Archive.NONE)
    assert visitor.get(everything[1]).status_code == 404


def test_a_formatted_message_runs_nothing_fetches_nothing_and_gives_its_files(
    house: House, visitor: Visitor, marc: Principal, chorale: str
) -> None:
    line = post(house, chorale, b"From: Awa <a@exemple.org>\r\nSubject: Notes\r\n" + HTML.encode())
    visitor.log_in(marc.login)
    here = f"/s/liste/{chorale}/archives/{line.id}"
    visitor.get(f"{here}?forme=1")
    assert f'src="{here}/corps' in visitor.text
    answer = visitor.get(f"{here}/corps")
    assert "sandbox" in answer.headers["content-security-policy"] or "default-src 'none'" in str(answer.headers)
    assert "<b>oui</b>" in answer.text
    assert not re.search("script|onclick|pisteur", answer.text)
    assert "mène à" in answer.text, "a link that lies is said"
    saved = visitor.get(f"{here}/piece/2")
    assert saved.headers["content-disposition"].startswith("attachment")
    assert saved.content == b"a;b"
    assert visitor.get(f"{here}/piece/9").status_code == 404


def test_an_owner_sets_who_reads_and_takes_a_message_out(
    house: House, visitor: Visitor, emma: Principal, chorale: str
) -> None:
    line = post(house, chorale, mail("À retirer"))
    visitor.log_in(emma.login)
    here = f"/s/liste/{chorale}/archives/{line.id}"
    visitor.get(f"/s/liste/{chorale}")
    assert visitor.links(r"/archives$")
    form = {"faire": "garder", "archives": "academy", "proprietaires": emma.address, "membres": AMIE}
    visitor.post(f"/s/liste/{chorale}", form)
    entry = house.store.read_now(lists.get, chorale)
    assert entry is not None
    assert entry.archive is Archive.ACADEMY
    visitor.get(here)
    assert visitor.post(here, {}).status_code == 422, "asks first"
    visitor.post(here, {"confirme": "1"})
    assert "retiré des archives" in visitor.text
    assert visitor.get(here).status_code == 404
    (event,) = house.store.read_now(audit.find, Wanted(action=Action.LIST_CHANGED), 1)
    assert (event.actor, event.detail.name) == (emma.login, "list-archive-removed")


def test_a_member_outside_reads_texts_without_addresses(house: House, visitor: Visitor, chorale: str) -> None:
    body = "Écrire à awa.diallo@secret.example, <mailto:.b%40secret.example> ou bien.\n"
    line = post(house, chorale, mail("Pour lea@secret.example", "Awa Diallo <awa@exemple.org>", body))
    page = page_of(house, chorale)
    visitor.get(page)
    assert f"{page}/archives" in visitor.text
    visitor.get(f"{page}/archives")
    assert "l…@secret.example" in visitor.text
    visitor.get(f"{page}/archives/{line.id}")
    assert "a…@secret.example" in visitor.text
    assert not re.search(r"diallo@|lea@|awa@|b(@|%40)secret", visitor.text)
    assert visitor.get(f"/abonnement/faux/archives/{line.id}").status_code == 404
    visitor.get(page)
    visitor.post(f"{page}/choix", {"faire": "quitter"})
    assert visitor.get(f"{page}/archives").status_code == 404, "who left reads no more"


def test_an_owner_opens_older_messages_knowing_how_many_and_members_are_told(
    house: House, visitor: Visitor, emma: Principal, marc: Principal, rose: Principal, chorale: str
) -> None:
    line = post(house, chorale, mail("Pour ses membres"))
    here = f"/s/liste/{chorale}/archives"
    form = {"faire": "garder", "archives": "academy", "proprietaires": emma.address}
    form["membres"] = "\n".join((marc.address, AMIE))
    visitor.log_in(emma.login)
    visitor.get(f"/s/liste/{chorale}")
    assert "ses membres et ses propriétaires (1)" in visitor.text
    visitor.post(f"/s/liste/{chorale}", form)
    assert "Liste enregistrée." in visitor.text
    visitor.log_in(rose.login)
    assert visitor.get(f"{here}/{line.id}").status_code == 404, "what was sent on before keeps its readers"
    visitor.get(here)
    assert "toute personne qui a un compte à l’académie, élèves compris. Les messages d’avant" in visitor.text
    assert "Les messages d’avant restent à leurs lecteurs d’alors" in visitor.text
    visitor.log_in(emma.login)
    visitor.get(f"/s/liste/{chorale}")
    visitor.post(f"/s/liste/{chorale}", {**form, "anciens": "1"})
    assert "1 message d’avant est ouvert à ces lecteurs" in visitor.text
    assert "Messages gardés pour" not in visitor.text.replace("\N{NO-BREAK SPACE}", " "), "nothing is left to open"
    visitor.log_in(rose.login)
    assert visitor.get(f"{here}/{line.id}").status_code == 200
    visitor.log_in(marc.login)
    visitor.get("/s/listes/recues")
    assert "1 message d’avant aussi." in visitor.text


WRITTEN = (
    'From: "awa.diallo@secret.example" <x@exemple.org>\r\n'
    "Subject: =?utf-8?q?=C3=89crire_=C3=A0_awa.diallo=40secret.example?="
    "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
    "Content-Type: text/html; charset=utf-8\r\n\r\n"
    '<p>awa.<b>diallo</b>&#64;secret.example, <a href="mailto:awa.diallo@secret.example">moi</a>, '
    "&quot;awa.diallo&quot;@secret.example, mailto:awa.diallo%40secret.example</p>\r\n"
    "--a\r\nContent-Type: text/vcard; name=awa.diallo@secret.example.vcf\r\n"
    "Content-Disposition: attachment; filename=awa.diallo@secret.example.vcf\r\n\r\nx\r\n--a--\r\n"
)


def test_no_way_of_writing_an_address_shows_it_to_a_member_outside(
    house: House, visitor: Visitor, chorale: str
) -> None:
    line = post(house, chorale, WRITTEN.encode())
    page = page_of(house, chorale)
    for address in (f"{page}/archives", f"{page}/archives/{line.id}"):
        visitor.get(address)
        assert "a…@secret.example" in visitor.text
        assert "diallo" not in visitor.text
    nameless = post(house, chorale, mail("Sans nom", "awa.diallo@secret.example"))
    visitor.get(f"{page}/archives/{nameless.id}")
    assert "diallo" not in visitor.text, "half an address stands for no name"
