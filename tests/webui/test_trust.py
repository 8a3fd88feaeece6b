"""A reader's word that a sender's messages are safe: what it settles, what it never settles, where it is taken back."""

import re

import pytest

from mailserver.mime import scan
from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.mail import access, blobs, known_senders, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.record.audit import Origin
from tests.webui.house import House, Visitor, mail, on_the_loop, opened, shown
from webui.reader.trust import cautions

ELSEWHERE = "Reply-To: retours@autre.example\r\n"
SAFE = "C’est un message sûr"


def trusts(house: House, person: Principal) -> list[str]:
    return [one.sender for one in house.store.read_now(known_senders.chosen, person.account_id) if one.trusted]


def trust(visitor: Visitor, text: str) -> str:
    """Press the button of the notice."""
    assert SAFE in text
    return visitor.post(f"/s/message/{opened(text)}/confiance", {"faire": "sur"}, text).text


def warns(text: str) -> bool:
    return 'class="avis mefiance' in text


def test_a_sender_is_trusted_by_one_reader_until_they_take_it_back(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    letter = mail("Lettre", sender="Lettre <Lettre@Exemple.org>", more=ELSEWHERE)
    text = shown(house, at_home, emma, letter)
    assert warns(text)
    assert "reponse-rapide" not in text
    said = trust(at_home, text)
    assert "Les messages de cet expéditeur sont sûrs" in said
    assert not warns(said)
    assert "reponse-rapide" in said
    text = shown(house, at_home, emma, mail("Suite", sender="LETTRE@exemple.org", more=ELSEWHERE))
    assert not warns(text), "the address is the same in other letters"
    other = house.visitor()
    other.log_in(marc.login)
    assert warns(shown(house, other, marc, mail("Lettre", sender="lettre@exemple.org", more=ELSEWHERE)))
    assert warns(shown(house, at_home, emma, mail("Autre", sender="autre@exemple.org", more=ELSEWHERE)))
    assert "lettre@exemple.org" in at_home.get("/s/contacts/expediteurs").text
    assert "messages sûrs, depuis le" in at_home.text
    at_home.post("/s/contacts/expediteurs", {"faire": "confiance", "expediteur": "lettre@exemple.org"})
    assert "Ce choix est oublié." in at_home.text
    assert "Vous n’avez rien choisi" in at_home.text
    assert warns(shown(house, at_home, emma, letter))


def test_it_is_taken_back_where_a_message_is_read(house: House, at_home: Visitor, emma: Principal) -> None:
    text = shown(house, at_home, emma, mail("Retour", sender="retour@exemple.org", more=ELSEWHERE))
    text = trust(at_home, text)
    assert "Ne plus faire confiance à l’expéditeur" in text
    at_home.post(f"/s/message/{opened(text)}/confiance", {"faire": "pas-sur"}, text)
    assert warns(at_home.text)
    assert "Vous serez de nouveau mis en garde" in at_home.text
    assert trusts(house, emma) == []


IMITATING = {
    "another's address": mail("Boîte", sender="Support <support@ac-exernple.fr>", more=ELSEWHERE),
    "another's name": mail("Nom", sender='"drh@ac-exemple.fr" <x@evil.test>', more=ELSEWHERE),
    "another alphabet": mail("Lettres", sender="x@раураl.test", more=ELSEWHERE),
    "an address of ours": mail("Chef", sender="Marc <marc.martin@ac-exemple.fr>", more=ELSEWHERE),
    "an own address": mail("Moi", sender="Emma <emma.dupont@ac-exemple.fr>", more=ELSEWHERE),
}


@pytest.mark.parametrize("kind", IMITATING)
def test_who_may_be_somebody_else_is_never_trusted(
    house: House, at_home: Visitor, emma: Principal, marc: Principal, kind: str
) -> None:
    """Neither by the page nor by a form that was forged; and a row that is there all the same settles nothing."""
    assert marc.address == "marc.martin@ac-exemple.fr"
    text = shown(house, at_home, emma, IMITATING[kind])
    assert warns(text)
    assert SAFE not in text
    forged = at_home.post(f"/s/message/{opened(text)}/confiance", {"faire": "sur"}, text)
    assert forged.status_code == 403
    assert trusts(house, emma) == []
    (sender,) = re.findall(r"[^<>\s]+@[^<>\s]+(?=>?\r\nTo)", IMITATING[kind].decode())
    house.store.write_now(known_senders.trust, emma.account_id, sender)
    assert warns(at_home.get(f"/s/message/{opened(text)}").text)
    house.store.write_now(known_senders.distrust, emma.account_id, sender)


GRAVE = {
    "asks for the password": {"body": "Votre mot de passe expire, cliquez : https://ailleurs.test/x\n"},
    "links to what imitates": {"body": "https://www.ac-exernple.fr/boite\n"},
    "brings what runs": {"more": 'Content-Disposition: attachment; filename="x.exe"\r\n'},
}


@pytest.mark.parametrize("kind", GRAVE)
def test_what_deceives_is_told_whoever_wrote(house: House, at_home: Visitor, emma: Principal, kind: str) -> None:
    sender = "connu@exemple.org"
    house.store.write_now(known_senders.trust, emma.account_id, sender)
    more = {**GRAVE[kind], "more": ELSEWHERE + GRAVE[kind].get("more", "")}
    text = shown(house, at_home, emma, mail(kind, sender=sender, **more))
    assert warns(text)
    assert SAFE not in text
    assert "Une réponse partira à retours@autre.example" in text, "all of it is told then"
    house.store.write_now(known_senders.distrust, emma.account_id, sender)


def test_trust_is_about_one_s_own_mail(house: House, at_home: Visitor, emma: Principal, marc: Principal) -> None:
    """Not about what others keep, or have put into one's mailbox."""
    write = house.store.write_now
    house.deliver(marc, mail("Chez Marc", sender="connu@exemple.org", more=ELSEWHERE))
    owner = Viewer.of(marc.account_id, marc.login)
    write(access.change, owner, "INBOX", emma.login, "=", frozenset("lr"), Origin("self", "web"), negative=False)
    write(known_senders.trust, emma.account_id, "connu@exemple.org")
    at_home.get(f"/s/dossier/{house.box(marc, 'INBOX').id}")
    (address,) = at_home.links(r"/s/partage/\d+/\d+")[:1]
    assert warns(at_home.get(address).text)
    assert SAFE not in at_home.text
    assert "Ne plus faire confiance" not in at_home.text
    octets = mail("Mis là", sender="connu@exemple.org", more=ELSEWHERE)
    prepared = blobs.prepare(octets, house.settings.data / "blobs", scan(octets))
    box = house.box(emma, "INBOX")
    put = Provenance(Door.APPENDED, marc.account_id)
    write(messages.append, emma.account_id, box.id, prepared, provenance=put)
    at_home.get("/s/")
    assert warns(at_home.get(at_home.links(r"/s/message/")[0]).text)
    assert SAFE not in at_home.text
    write(known_senders.distrust, emma.account_id, "connu@exemple.org")


def test_senders_of_one_account_are_bounded(
    house: House, at_home: Visitor, emma: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest gives way; the page turns, and takes back what it shows alone."""
    monkeypatch.setattr(known_senders, "MAX_SENDERS", 60)
    for number in range(61):
        house.clock.ahead += 1
        house.store.write_now(known_senders.trust, emma.account_id, f"s{number:02}@exemple.org")
        house.store.write_now(known_senders.show_pictures, emma.account_id, f"s{number:02}@exemple.org")
    assert trusts(house, emma) == [f"s{number:02}@exemple.org" for number in range(1, 61)]
    assert "Page 1 sur 2" in at_home.get("/s/contacts/expediteurs").text
    assert "s60@exemple.org" not in at_home.text
    at_home.get("/s/contacts/expediteurs?page=2")
    at_home.post("/s/contacts/expediteurs", {"faire": "images", "expediteur": "s60@exemple.org", "page": "2"})
    assert "Page 2 sur 2" in at_home.text
    last = house.store.read_now(known_senders.chosen, emma.account_id)[-1]
    assert (last.sender, last.pictures) == ("s60@exemple.org", 0)
    assert last.trusted
    at_home.post("/s/contacts/expediteurs", {"faire": "tout", "expediteur": "s59@exemple.org"})
    assert len(trusts(house, emma)) == 60


def test_a_letter_of_many_links_holds_nobody_up(
    house: House, at_home: Visitor, emma: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To compare five hundred hosts in other alphabets with ours took a third of a second on the event loop."""
    label = "xn--" + "абвгдежзиклмнопрстуфхцчшэ".encode("punycode").decode()
    text = "".join(f"https://{label}.{label}.{number}.com/\n" for number in range(500))
    calls = on_the_loop(monkeypatch, cautions, "findings")
    shown(house, at_home, emma, mail("Liens", body=text))
    shown(house, at_home, emma, mail("Un lien", body="https://exemple.org/\n"))
    assert calls == [False, True]
