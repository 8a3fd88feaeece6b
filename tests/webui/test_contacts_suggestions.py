"""Who is suggested while a recipient is typed: everybody the person may write to, nobody they may not know of."""

import httpx
import pytest

from directory.lists import rosters
from directory.lists.rosters import NewList
from mailserver.addressbook.books import AddressBooks
from mailserver.addressbook.suggestions import Kind, Suggestion, Suggestions
from mailserver.model.identity import Affiliation, Principal, Role, Tie, Writers
from mailserver.store.people import schools, vocabulary_entries
from mailserver.store.people.mailing_lists import personal_lists
from mailserver.store.record.audit import Origin
from tests.webui.house import DOMAIN, PASSWORD, House, Visitor, mail

UAI = "0210006T"


def put_card(house: House, person: Principal, name: str, text: str) -> httpx.Response:
    """What a CardDAV client does."""
    lines = "\r\n".join(("BEGIN:VCARD", "VERSION:3.0", *text.strip().split("\n"), "END:VCARD", ""))
    return httpx.put(
        f"{house.url}/dav/{person.login}/contacts/{name}.vcf",
        content=lines.encode(),
        headers={"content-type": "text/vcard"},
        auth=(person.login, PASSWORD),
    )


@pytest.fixture(scope="module")
def town(house: House) -> None:
    house.store.write_now(schools.upsert, [schools.Facts(UAI, "Lycée Carnot", "LYC")])
    house.store.write_now(vocabulary_entries.ensure_many, {(Tie.CLASS, UAI, "4B"): "4e B"})


@pytest.fixture(scope="module")
def lise(house: House, town: None) -> Principal:
    tie = Affiliation(Tie.CLASS, "4B", UAI, "4e B")
    return house.person("Lise", "Prof", Role.TEACHER, uai=UAI, discipline="Lettres", affiliations=(tie,))


@pytest.fixture(scope="module")
def tom(house: House, town: None) -> Principal:
    return house.person("Tom", "Petit", Role.PUPIL, uai=UAI)


def asked(house: House, person: Principal, typed: str, limit: int = 8) -> list[Suggestion]:
    service = Suggestions(
        settings=house.settings, store=house.store, directory=house.directory, books=AddressBooks(house.store)
    )
    return house.run(service.people_matching(person, typed, limit))


def test_cards_that_a_client_put_are_suggested_at_once(house: House, lise: Principal) -> None:
    answer = put_card(
        house, lise, "a1", "UID:a1\nFN:Aïcha Benali\nN:Benali;Aïcha;;;\nORG:Parents\nEMAIL:aicha@exemple.org"
    )
    assert answer.status_code == 201
    (found,) = asked(house, lise, "aicha b")
    assert (found.kind, found.text, found.detail) == (Kind.CONTACT, "Aïcha Benali <aicha@exemple.org>", "Parents")
    assert not found.internal
    put_card(house, lise, "a1", "UID:a1\nFN:Aïcha Benali\nN:Benali;Aïcha;;;\nEMAIL:neuve@exemple.org")
    assert [one.address for one in asked(house, lise, "BENALI")] == ["neuve@exemple.org"]
    assert asked(house, lise, "enali") == []


def test_a_group_stands_for_its_contacts(house: House, lise: Principal) -> None:
    put_card(house, lise, "b1", "UID:b1\nFN:Jean Roux\nN:Roux;Jean;;;\nEMAIL:jean@exemple.org")
    put_card(house, lise, "b2", "UID:b2\nFN:Ana Roux\nN:Roux;Ana;;;\nEMAIL:ana@exemple.org")
    put_card(
        house,
        lise,
        "g",
        "UID:g\nFN:Famille\nN:Famille;;;;\nX-ADDRESSBOOKSERVER-KIND:group\n"
        "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:b1\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:b2",
    )
    (found,) = asked(house, lise, "famil")
    assert (found.kind, found.members, found.text) == (Kind.GROUP, 2, "jean@exemple.org, ana@exemple.org")


def test_whom_somebody_writes_to_comes_first(house: House, visitor: Visitor, lise: Principal, marc: Principal) -> None:
    house.person("Marcelle", "Aubry")
    assert {one.name for one in asked(house, lise, "marc")} == {"Marc Martin", "Marcelle Aubry"}
    visitor.log_in(lise.login)
    visitor.get("/s/ecrire")
    visitor.post(
        "/s/ecrire",
        {"a": marc.address, "objet": "Essai", "texte": "Bonjour.", "faire": "envoyer", "cle": visitor.field("cle")},
    )
    first, second = asked(house, lise, "marc")
    assert (first.kind, first.address, first.internal) == (Kind.RECENT, marc.address, True)
    assert (second.kind, second.name) == (Kind.PERSON, "Marcelle Aubry")
    assert [one.address for one in asked(house, lise, "")] == [marc.address]


def test_lists_are_suggested_to_those_who_may_write_to_them(house: House, lise: Principal, tom: Principal) -> None:
    for local, writers in (("ouverte", Writers.HOUSE), ("fermee", Writers.OWNERS), ("agents", Writers.PERSONNEL)):
        wanted = NewList(f"{local}@{DOMAIN}", f"Liste {local}", writers=writers)
        house.store.write_now(rosters.make, rosters.ListSettings.of(house.settings), wanted, Origin("test", "test"))
    house.store.write_now(personal_lists.create, lise.account_id, "Liste à moi", ["jean@exemple.org"])
    assert {one.name for one in asked(house, lise, "liste")} == {"Liste à moi", "Liste agents", "Liste ouverte"}
    assert [one.name for one in asked(house, tom, "liste")] == ["Liste ouverte"]
    named = {one.name: one.address for one in asked(house, lise, "4e")}
    assert named["Enseignants de 4e B, Lycée Carnot"] == f"enseignants.4e-b.{UAI.lower()}@{DOMAIN}"
    assert asked(house, tom, "enseignants 4e") == []


def test_the_directory_is_asked_as_far_as_one_sees_it(
    house: House, emma: Principal, lise: Principal, tom: Principal
) -> None:
    assert [one.kind for one in asked(house, lise, "tom pet")] == [Kind.PERSON]
    assert asked(house, emma, "tom pet") == []


def test_what_is_typed_is_bounded(house: House, lise: Principal) -> None:
    assert asked(house, lise, "x " * 100_000, 10**6) == []
    assert asked(house, lise, '%_\\\0"<') == []


# ---------------------------------------------------------------------- once, whatever says it


def test_somebody_is_suggested_once_and_it_says_from_where(house: House, lise: Principal) -> None:
    ana = house.person("Ana", "Doublet")
    put_card(house, lise, "d1", f"UID:d1\nFN:Ana Doublet\nN:Doublet;Ana;;;\nEMAIL:{ana.aliases[0]}")
    (found,) = asked(house, lise, "doublet")
    assert (found.kind, found.also) == (Kind.CONTACT, (Kind.PERSON,))
    visitor = house.visitor()
    visitor.log_in(lise.login)
    (line,) = visitor.get("/m/destinataires?q=doublet").json()["resultats"]
    assert line["quoi"] == "contact, annuaire"


def test_who_wrote_to_a_pupil_is_known_to_them_though_the_directory_hides_them(
    house: House, tom: Principal, lise: Principal
) -> None:
    friend = house.person("Lucas", "Camarade", Role.PUPIL, uai=UAI)
    assert asked(house, tom, "lucas") == []
    house.deliver(tom, mail("Exposé", sender=f"Lucas Camarade <{friend.address}>", to=tom.address))
    (found,) = asked(house, tom, "cam")
    assert (found.kind, found.name, found.address, found.internal) == (
        Kind.HEARD,
        "Lucas Camarade",
        friend.address,
        True,
    )
    visitor = house.visitor()
    visitor.log_in(tom.login)
    visitor.get("/s/ecrire")
    letter = {"a": "Lucas Camarade", "objet": "Re", "texte": "Oui.", "faire": "envoyer", "cle": visitor.field("cle")}
    assert "Message envoyé" in visitor.post("/s/ecrire", letter).text
    assert house.subjects(friend, "INBOX") == ["Re"]
    assert visitor.get(f"/s/contacts/annuaire/{friend.address}").status_code == 404


def test_a_stranger_who_wrote_is_suggested_as_such_and_never_taken_for_a_name(house: House, tom: Principal) -> None:
    house.deliver(tom, mail("Cadeau", sender="Lycée Truc <promo@exemple.test>", to=tom.address))
    (found,) = asked(house, tom, "truc")
    assert (found.kind, found.internal) == (Kind.HEARD, False)
    visitor = house.visitor()
    visitor.log_in(tom.login)
    visitor.get("/s/ecrire")
    letter = {"a": "Lycée Truc", "objet": "Re", "texte": "Oui.", "faire": "envoyer", "cle": visitor.field("cle")}
    assert "n’est pas dans l’annuaire" in visitor.post("/s/ecrire", letter).text
