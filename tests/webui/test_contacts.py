"""Contacts in the browser: the same cards as CardDAV, in both interfaces; the directory as far as one sees it."""

import base64
import io
import re
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from mailserver.model.identity import Principal, Role
from mailserver.store.people import schools
from tests.webui.house import PASSWORD, House, Visitor, mail, on_the_loop
from webui.contacts import cards, contact_list, page_context

UAI = "0210006T"


class Phone:
    """A CardDAV client of somebody."""

    def __init__(self, house: House, person: Principal, book: str = "contacts") -> None:
        self._base = f"{house.url}/dav/{person.login}/{book}"
        self._auth = (person.login, PASSWORD)

    def put(self, name: str, text: str, etag: str = "") -> httpx.Response:
        lines = "\r\n".join(("BEGIN:VCARD", *text.strip().split("\n"), "END:VCARD", ""))
        fields = {"content-type": "text/vcard", **({"if-match": etag} if etag else {})}
        return httpx.put(f"{self._base}/{name}.vcf", content=lines.encode(), headers=fields, auth=self._auth)

    def get(self, href: str) -> httpx.Response:
        return httpx.get(f"{self._base}/{href}", auth=self._auth)

    def delete(self, name: str) -> httpx.Response:
        return httpx.delete(f"{self._base}/{name}.vcf", auth=self._auth)

    def names(self) -> list[str]:
        body = '<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
        answer = httpx.request("PROPFIND", f"{self._base}/", content=body, headers={"depth": "1"}, auth=self._auth)
        assert answer.status_code == 207
        return re.findall(r"/([^/<]+\.vcf)</", answer.text)

    def query(self) -> str:
        """Every card by a REPORT, which parses each of them."""
        body = (
            '<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><C:address-data/></prop>'
            '<C:filter><C:prop-filter name="FN"/></C:filter></C:addressbook-query>'
        )
        answer = httpx.request("REPORT", f"{self._base}/", content=body, headers={"depth": "1"}, auth=self._auth)
        assert answer.status_code == 207, answer.text
        return answer.text


@pytest.fixture(scope="module")
def clara(house: House) -> Principal:
    return house.person("Clara", "Noël")


@pytest.fixture
def phone(house: House, clara: Principal) -> Phone:
    return Phone(house, clara)


@pytest.fixture
def browser(house: House, clara: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(clara.login, interface="complet")
    return made


def fields(visitor: Visitor, **more: object) -> dict[str, object]:
    """A form of a card as it stands on the page, with some fields typed anew."""
    inputs = re.findall(r'<input id="[^"]*" name="(\w+)"\s+type="(?:text|tel|url)"\s+value="([^"]*)"', visitor.text)
    return {"etag": visitor.field("etag"), "compose": visitor.field("compose"), **dict(inputs), **more}


# ---------------------------------------------------------------------- one card


def test_a_card_made_here_is_on_the_phone_and_the_other_way_round(browser: Visitor, phone: Phone) -> None:
    browser.get("/contacts")
    assert "pas encore de contact" in browser.text
    browser.get("/contacts/nouveau?nom=Awa+Diallo&adresse=awa.diallo@exemple.org")
    assert browser.field("given") == "Awa"
    assert browser.field("email") == "awa.diallo@exemple.org"
    browser.post(
        "/contacts/nouveau",
        {
            "given": "Awa",
            "family": "Diallo",
            "email": ["awa.diallo@exemple.org", "awa@maison.fr"],
            "email_pour": ["work", "home"],
            "phone": "06 39 98 20 14",
            "phone_pour": "cell",
            "rue": "3, rue des Lilas\nBât. B",
            "ville": "Dijon",
            "code": "21000",
            "pays": "France",
            "lieu_pour": "home",
            "birthday": "17/03/1984",
            "categories": "Parents, Chorale",
            "note": "Délégué; à rappeler",
            "site": "https://exemple.org/awa",
            "site_pour": "",
        },
    )
    assert "Fiche enregistrée" in browser.text
    (name,) = phone.names()
    text = phone.get(name).text
    for line in ("FN:Awa Diallo", "N:Diallo;Awa;;;", "TEL;TYPE=CELL:06 39 98 20 14", "BDAY:1984-03-17"):
        assert line in text
    assert "ADR;TYPE=HOME:;;3\\, rue des Lilas\\nBât. B;Dijon;;21000;France" in text
    assert "Awa Diallo" in phone.query()
    phone.put(name.removesuffix(".vcf"), f"VERSION:3.0\nUID:{name[:-4]}\nFN:Awa Sow\nN:Sow;Awa;;;\nEMAIL:awa@sow.fr")
    browser.get("/contacts")
    assert "Awa Sow" in browser.text
    assert "Awa Diallo" not in browser.text
    phone.delete(name.removesuffix(".vcf"))
    assert "Awa Sow" not in browser.get("/s/contacts").text


def test_what_the_page_does_not_know_stays_as_the_client_wrote_it(browser: Visitor, phone: Phone) -> None:
    phone.put(
        "apple",
        "VERSION:3.0\nUID:apple\nFN:Léa Roy\nN:Roy;Léa;;;\nitem1.EMAIL;TYPE=INTERNET,PREF:lea@exemple.org\n"
        "item1.X-ABLabel:Bureau\nitem2.TEL:01 23\nitem2.X-ABLabel:Loge\nX-SOCIALPROFILE;TYPE=mastodon:https://m.fr/@lea\n"
        "IMPP:xmpp:lea@exemple.org\nORG:Lycée\\, Dijon;Lettres",
    )
    browser.get("/contacts/fiche/contacts/apple.vcf/modifier")
    assert browser.field("organisation") == "Lycée, Dijon"
    typed = fields(browser, email="lea@exemple.org", phone="", title="Proviseure")
    browser.post("/contacts/fiche/contacts/apple.vcf/modifier", typed)
    assert "Fiche enregistrée" in browser.text
    text = phone.get("apple.vcf").text.replace("\r\n ", "")
    for kept in (
        "item1.EMAIL;TYPE=INTERNET,PREF:lea@exemple.org",
        "item1.X-ABLABEL:Bureau",
        "X-SOCIALPROFILE;TYPE=mastodon:https://m.fr/@lea",
        "IMPP:xmpp:lea@exemple.org",
        "ORG:Lycée\\, Dijon;Lettres",
        "TITLE:Proviseure",
    ):
        assert kept in text
    assert "01 23" not in text
    assert "Loge" not in text


def test_who_was_overtaken_sees_both_versions_and_chooses(browser: Visitor, phone: Phone) -> None:
    phone.put("course", "VERSION:3.0\nUID:course\nFN:Paul Petit\nN:Petit;Paul;;;\nTEL:01")
    browser.get("/contacts/fiche/contacts/course.vcf/modifier")
    mine = fields(browser, phone="02 mine")
    phone.put("course", "VERSION:3.0\nUID:course\nFN:Paul Petit\nN:Petit;Paul;;;\nTEL:03 theirs\nNOTE:neuf")
    answer = browser.post("/contacts/fiche/contacts/course.vcf/modifier", mine)
    assert answer.status_code == 409
    assert "modifiée ailleurs" in browser.text
    assert "02 mine" in browser.text
    assert "03 theirs" in browser.text
    assert "03 theirs" in phone.get("course.vcf").text
    browser.post("/contacts/fiche/contacts/course.vcf/modifier", fields(browser, phone="02 mine"))
    assert "02 mine" in phone.get("course.vcf").text
    browser.get("/contacts/fiche/contacts/course.vcf/modifier")
    mine = fields(browser, given="Paulin")
    phone.delete("course")
    answer = browser.post("/contacts/fiche/contacts/course.vcf/modifier", mine)
    assert answer.status_code == 409
    assert "supprimée ailleurs" in browser.text
    browser.post("/contacts/fiche/contacts/course.vcf/modifier", fields(browser, given="Paulin"))
    assert "FN:Paulin Petit" in phone.get("course.vcf").text


def test_what_does_not_fit_is_said_at_its_field_and_kept(browser: Visitor, phone: Phone) -> None:
    before = phone.names()
    browser.get("/s/contacts/nouveau")
    for typed, said in (
        ({"given": ""}, "au moins un nom"),
        ({"given": "Zoé", "email": "zoe@@x"}, "pas une adresse"),
        ({"given": "Zoé", "birthday": "31/31/2000"}, "17/03/1984"),
        ({"given": "Zoé", "site": "javascript:alert(1)"}, "https://"),
    ):
        answer = browser.post("/s/contacts/nouveau", typed)
        assert answer.status_code == 422
        assert said in browser.text
        assert browser.field("given") == typed["given"]
    assert phone.names() == before


def test_a_hostile_card_does_no_harm(browser: Visitor, phone: Phone) -> None:
    phone.put(
        "mal",
        'VERSION:3.0\nUID:mal\nFN:<script>alert(1)</script>\nN:"><img src=x>;;;;\nURL:javascript:alert(1)\n'
        "NOTE:</textarea><script>\nEMAIL:a@b.fr?bcc=x&y=<z>\nPHOTO;ENCODING=b;TYPE=PNG:bm90IGEgcGljdHVyZQ==",
    )
    for path in ("", "/modifier"):
        browser.get(f"/contacts/fiche/contacts/mal.vcf{path}")
        assert "<script>" not in browser.text.replace('<script type="module"', "")
        assert "<img src=x>" not in browser.text
        assert 'href="javascript:' not in browser.text
    assert browser.get("/contacts/fiche/contacts/mal.vcf/photo").status_code == 404
    assert browser.get("/contacts/fiche/contacts/..%2f..%2fx").status_code == 404
    assert browser.get(f"/contacts/fiche/{quote('x' * 900)}/y").status_code == 404


def test_a_photo_is_drawn_anew(browser: Visitor, phone: Phone) -> None:
    picture = Image.new("RGB", (900, 600), "red")
    exif = Image.Exif()
    exif[0x010E] = "rue secrète"
    octets = io.BytesIO()
    picture.save(octets, "JPEG", exif=exif)
    browser.get("/contacts/nouveau")
    browser.post(
        "/contacts/nouveau",
        {"given": "Iris"},
        files={"photo": ("p.jpg", octets.getvalue() + b"<script>", "image/jpeg")},
    )
    assert "Fiche enregistrée" in browser.text
    (link,) = re.findall(r'src="([^"]+/photo)"', browser.text)
    answer = browser.get(link)
    assert answer.headers["content-type"] == "image/jpeg"
    assert "sandbox" in answer.headers["content-security-policy"]
    with Image.open(io.BytesIO(answer.content)) as small:
        assert small.size == (320, 213)
    stored = phone.get(link.split("/")[-2]).text
    line = re.search(r"PHOTO;ENCODING=b;TYPE=JPEG:(.*?)\r\n[A-Z]", stored, re.DOTALL)
    assert line
    kept = base64.b64decode(line[1])
    assert b"secr" not in kept
    assert b"<script>" not in kept
    browser.get(link.removesuffix("/photo") + "/modifier")
    browser.post("/contacts/nouveau", {"given": "Faux"}, files={"photo": ("p.jpg", b"GIF89a", "image/gif")})
    assert "pas pu être lue" in browser.text


def test_a_card_is_deleted_by_who_saw_it(browser: Visitor, phone: Phone) -> None:
    phone.put("fin", "VERSION:3.0\nUID:fin\nFN:Fin\nN:Fin;;;;")
    browser.get("/contacts/fiche/contacts/fin.vcf")
    browser.post("/contacts/fiche/contacts/fin.vcf", {"faire": "supprimer", "etag": browser.field("etag")})
    assert "Cochez la case" in browser.text
    old = browser.field("etag")
    phone.put("fin", "VERSION:3.0\nUID:fin\nFN:Finale\nN:Finale;;;;")
    browser.post("/contacts/fiche/contacts/fin.vcf", {"faire": "supprimer", "confirme": "1", "etag": old})
    assert "a changé entre-temps" in browser.text
    browser.post(
        "/contacts/fiche/contacts/fin.vcf", {"faire": "supprimer", "confirme": "1", "etag": browser.field("etag")}
    )
    assert "Fiche supprimée" in browser.text
    assert phone.get("fin.vcf").status_code == 404


def test_nobody_reaches_the_cards_of_another(house: House, clara: Principal, phone: Phone, emma: Principal) -> None:
    phone.put("secret", "VERSION:3.0\nUID:secret\nFN:Secret Ami\nN:Ami;Secret;;;")
    other = house.visitor()
    other.log_in(emma.login)
    other.get("/s/contacts")
    assert "Secret Ami" not in other.text
    for path in ("", "/modifier", "/photo"):
        assert other.get(f"/contacts/fiche/contacts/secret.vcf{path}").status_code == 404
    other.get("/contacts/nouveau")
    other.post("/contacts/fiche/contacts/secret.vcf", {"faire": "supprimer", "confirme": "1", "etag": "x"})
    assert phone.get("secret.vcf").status_code == 200
    house.visitor().get("/contacts")


# ---------------------------------------------------------------------- lists, groups, books


def test_a_long_book_is_shown_by_pages_and_searched(house: House, browser: Visitor, clara: Principal) -> None:
    browser.get("/contacts/carnets")
    browser.post("/contacts/carnets", {"faire": "creer", "titre": "Grand carnet"})
    assert "Grand carnet" in browser.text
    (book,) = set(re.findall(r"carnet=(contacts-\w+)", browser.text))
    big = Phone(house, clara, book)
    for number in range(60):
        big.put(f"n{number:02}", f"VERSION:3.0\nUID:n{number:02}\nFN:Nom {number:02}\nN:Nom {number:02};;;;")
    browser.get(f"/contacts?carnet={book}")
    assert "60 contacts" in browser.text
    assert "Nom 49" in browser.text
    assert "Nom 50" not in browser.text
    browser.get(browser.rel("next"))
    assert "Nom 50" in browser.text
    assert "Nom 49" not in browser.text
    browser.get(f"/contacts?carnet={book}&q=nom+07")
    assert "1 contact<" in browser.text
    browser.get("/contacts/carnets")
    browser.post("/contacts/carnets", {"faire": "renommer", "carnet": book, "titre": "Autre nom"})
    assert "Autre nom" in browser.text
    version = re.search(rf'value="{book}">\s*<input type="hidden"\s+name="version"\s+value="(\d+)"', browser.text)
    assert version
    big.put("n99", "VERSION:3.0\nUID:n99\nFN:N\nN:N;;;;")
    removal = {"faire": "supprimer", "carnet": book, "confirme": "1", "version": version[1]}
    assert browser.post("/contacts/carnets", removal).status_code == 422
    removal["version"] = str(int(version[1]) + 1)
    browser.post("/contacts/carnets", removal)
    assert "Carnet supprimé" in browser.text


def test_groups_are_those_of_the_phone(browser: Visitor, phone: Phone) -> None:
    for name in ("Ada", "Bob"):
        phone.put(name, f"VERSION:3.0\nUID:{name}\nFN:{name} Groupe\nN:Groupe;{name};;;\nEMAIL:{name}@exemple.org")
    browser.get("/contacts/groupe")
    answer = browser.post("/contacts/groupe", {"full_name": "Chorale", "ajouter": "Ada Groupe\ninconnu"})
    assert answer.status_code == 422
    browser.post("/contacts/groupe", {"full_name": "Chorale", "ajouter": "Ada Groupe\nbob@exemple.org"})
    assert "Groupe enregistré" in browser.text
    assert "Bob Groupe" in browser.text
    group = browser.page.url.path if browser.page else ""
    text = phone.get(group.rpartition("/")[2]).text
    assert "X-ADDRESSBOOKSERVER-KIND:group" in text
    assert "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:Bob" in text
    browser.post(group, {"retirer": "Bob"})
    assert "MEMBER:urn:uuid:Bob" not in phone.get(group.rpartition("/")[2]).text
    browser.get("/contacts/fiche/contacts/Bob.vcf")
    uid = re.search(r'name="groupe"\s+value="([^"]+)"', browser.text)
    assert uid
    browser.post("/contacts/fiche/contacts/Bob.vcf", {"faire": "groupes", "groupe": uid[1]})
    assert "MEMBER:urn:uuid:Bob" in phone.get(group.rpartition("/")[2]).text
    browser.get(f"/contacts?groupe=g:{uid[1]}")
    assert "2 contacts" in browser.text
    browser.get(browser.links("cci=")[0])
    assert sorted(browser.field("cci").split(", ")) == ["Ada@exemple.org", "Bob@exemple.org"]


# ---------------------------------------------------------------------- duplicates, files


def test_duplicates_become_one_card_with_all_that_they_knew(browser: Visitor, phone: Phone) -> None:
    phone.put("d1", "VERSION:3.0\nUID:d1\nFN:Jeanne Dubois\nN:Dubois;Jeanne;;;\nEMAIL:j@dubois.fr\nX-A:un")
    phone.put("d2", "VERSION:3.0\nUID:d2\nFN:Jeanne DUBOIS\nN:DUBOIS;Jeanne;;;\nTEL:0123\nNOTE:bis\nX-B:deux")
    browser.get("/contacts/doublons")
    values = re.findall(r'name="fiche"\s+value="([^"]+\|d[12]\.vcf)"', browser.text)
    assert len(values) == 2
    browser.post("/contacts/doublons", {"fiche": values})
    assert "réunies" in browser.text
    assert phone.get("d2.vcf").status_code == 404
    text = phone.get("d1.vcf").text
    for line in ("EMAIL:j@dubois.fr", "TEL:0123", "NOTE:bis", "X-A:un", "X-B:deux", "UID:d1"):
        assert line in text
    assert (
        browser.post("/contacts/doublons", {"fiche": values}, page=browser.get("/contacts/doublons").text).status_code
        == 422
    )


def test_who_becomes_one_card_stays_in_their_groups(browser: Visitor, phone: Phone) -> None:
    """A group is written to by the addresses of its members: one whose card is gone would not be among them."""
    phone.put("g1", "VERSION:3.0\nUID:g1\nFN:Marius Blanc\nN:Blanc;Marius;;;\nEMAIL:m@blanc.fr")
    phone.put("g2", "VERSION:3.0\nUID:g2\nFN:Marius BLANC\nN:BLANC;Marius;;;\nEMAIL:marius@blanc.fr")
    phone.put("g3", "VERSION:3.0\nUID:g3\nFN:Lucie Noir\nN:Noir;Lucie;;;\nEMAIL:lucie@noir.fr")
    kind, member = "X-ADDRESSBOOKSERVER-KIND", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:"
    phone.put("gg", f"VERSION:3.0\nUID:gg\nFN:Voisins\nN:Voisins;;;;\n{kind}:group\n{member}g2\n{member}g3")
    browser.get("/contacts/doublons")
    values = re.findall(r'name="fiche"\s+value="([^"]+\|g[12]\.vcf)"', browser.text)
    browser.post("/contacts/doublons", {"fiche": values})
    assert "réunies" in browser.text
    kept = next(uid for uid in ("g1", "g2") if phone.get(f"{uid}.vcf").status_code == 200)
    group = phone.get("gg.vcf").text
    assert re.findall("MEMBER:urn:uuid:(.+)\r", group) == [kept, "g3"]
    browser.get("/contacts/fiche/contacts/gg.vcf")
    assert "Marius Blanc" in browser.text or "Marius BLANC" in browser.text
    for name in (kept, "g3", "gg"):
        phone.delete(name)


CHOIR = (
    "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:c1\r\nFN:Noé Choriste\r\nEMAIL:noe@choeur.fr\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:c2\r\nFN:Ève Choriste\r\nEMAIL:eve@choeur.fr\r\nEND:VCARD\r\n"
    "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:urn:uuid:c3\r\nKIND:group\r\nFN:Chœur\r\nMEMBER:urn:uuid:c1\r\n"
    "MEMBER:urn:uuid:c2\r\nEND:VCARD\r\n"
)


def test_a_group_of_a_file_has_all_its_members(browser: Visitor, phone: Phone) -> None:
    """Those who are in the book already, under another UID, and those that vCard 4 names by a URN."""
    phone.put("here", "VERSION:3.0\nUID:here\nFN:Noé C.\nN:C.;Noé;;;\nEMAIL:noe@choeur.fr")
    browser.get("/contacts/importer")
    browser.post("/contacts/importer", {}, files={"fichier": ("f.vcf", CHOIR.encode(), "text/vcard")})
    assert "1 déjà connu" in browser.text
    packed = browser.field("fichier")
    browser.post("/contacts/importer/confirmer", {"carnet": "contacts", "fichier": packed})
    assert "2 contacts ajoutés" in browser.text
    group = next(card for card in phone.query().split("BEGIN:VCARD") if "FN:Chœur" in card)
    assert re.findall(r"MEMBER:urn:uuid:(\w+)", group) == ["here", "c2"]


GOOGLE = (
    "First Name,Last Name,Organization Name,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Labels\n"
    "Inès,Garnier,Musée,Work,ines@musee.fr,Mobile,+33 6 39 98 00 01,Sorties ::: * myContacts\n"
    ",,,,,,,\n"
    "Sans,Adresse,,Work,pas une adresse,,,\n"
)
OUTLOOK = (
    "Prénom;Nom;Adresse de messagerie;Téléphone mobile;Rue (bureau);Ville (bureau)\n"
    "Max;Outlook;max@outlook.fr;06;1 rue A;Dijon\n"
)
BIRD = "Prénom\tNom de famille\tNom à afficher\tPremière adresse électronique\nLou\tOiseau\tLou Oiseau\tlou@bird.fr\n"


@pytest.mark.parametrize(
    ("octets", "shown", "refused"),
    [
        (GOOGLE.encode(), ("Inès Garnier", "ines@musee.fr"), 1),
        (OUTLOOK.encode("windows-1252"), ("Max Outlook", "max@outlook.fr"), 0),
        (BIRD.encode("utf-16"), ("Lou Oiseau", "lou@bird.fr"), 0),
        (
            b"BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:L=C3=A9vy;Ana=\n;;;\n"
            b"TEL;CELL;VOICE:07 00\nEND:VCARD\n",
            ("Ana Lévy", "07 00"),
            0,
        ),
    ],
)
def test_files_of_others_are_read(browser: Visitor, octets: bytes, shown: tuple[str, ...], refused: int) -> None:
    browser.get("/contacts/importer")
    browser.post("/contacts/importer", {}, files={"fichier": ("f.csv", octets, "text/csv")})
    assert "Rien n’est encore enregistré" in browser.text, browser.text
    for text in shown:
        assert text in browser.text
    assert f"{refused} ligne" in browser.text


def test_a_file_is_looked_at_then_taken_and_comes_out_again(browser: Visitor, phone: Phone) -> None:
    phone.put("ines", "VERSION:3.0\nUID:ines\nFN:Inès Garnier\nN:Garnier;Inès;;;\nEMAIL:ines@musee.fr")
    table = GOOGLE + "Nouveau,Venu,,,nouveau@venu.fr,,,\nNouveau,Venu,,,nouveau@venu.fr,,,\n"
    browser.get("/contacts/importer")
    browser.post("/contacts/importer", {}, files={"fichier": ("f.csv", table.encode(), "text/csv")})
    assert "1 nouveau contact" in browser.text
    assert "1 déjà connu" in browser.text
    packed = browser.field("fichier")
    browser.post("/contacts/importer/confirmer", {"carnet": "contacts", "fichier": packed, "doublons": "completer"})
    assert "1 contact ajouté" in browser.text
    assert "1 complété" in browser.text
    assert "+33 6 39 98 00 01" in phone.get("ines.vcf").text
    assert "nouveau@venu.fr" in phone.query()
    out = browser.get("/contacts/exporter?format=csv")
    assert out.headers["content-disposition"].startswith("attachment")
    assert "Inès;Garnier;Inès Garnier" in out.content.decode("utf-8-sig")
    whole = browser.get("/contacts/exporter?format=vcf&carnet=contacts").text
    assert whole.count("BEGIN:VCARD") == len(phone.names())
    browser.get("/contacts/importer")
    browser.post("/contacts/importer", {}, files={"fichier": ("f.vcf", whole.encode(), "text/vcard")})
    assert "0 nouveau contact" in browser.text


def test_namesakes_are_two_people(browser: Visitor, phone: Phone) -> None:
    """Of the same name and other addresses: nobody's card is completed with somebody else's, nor left out for it; a
    card without an address says nothing against it."""
    phone.put("paul", "VERSION:3.0\nUID:paul\nFN:Paul Martin\nN:Martin;Paul;;;\nEMAIL:paul@un.fr")
    cards = "".join(
        f"BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nN:;;;;\n{more}\nEND:VCARD\n"
        for name, more in (
            ("Paul Martin", "EMAIL:martin@deux.fr\nTEL:01"),
            ("Martin Paul", "EMAIL:paul@trois.fr"),
            ("Paul Martin", "EMAIL:Martin@deux.fr\nTEL:03"),
            ("Paul Martin", "TEL:04"),
        )
    )
    browser.get("/contacts/importer")
    browser.post("/contacts/importer", {}, files={"fichier": ("f.vcf", cards.encode(), "text/vcard")})
    assert "2 nouveaux contacts" in browser.text
    assert "1 déjà connu" in browser.text
    packed = browser.field("fichier")
    browser.post("/contacts/importer/confirmer", {"carnet": "contacts", "fichier": packed, "doublons": "completer"})
    assert "2 contacts ajoutés" in browser.text
    held = phone.get("paul.vcf").text
    assert "deux.fr" not in held
    assert "trois.fr" not in held
    assert "TEL" in held
    assert phone.query().count("Paul") >= 2


def test_a_hostile_file_is_refused_or_bounded(browser: Visitor, phone: Phone) -> None:
    before = phone.names()
    for octets in (b"", b"\x00\xff" * 500, b"a;b\n1;2\n", b"x" * (5 * 1024 * 1024 + 2), b'"' * 200_000):
        browser.get("/contacts/importer")
        answer = browser.post("/contacts/importer", {}, files={"fichier": ("f", octets or b" ", "text/csv")})
        assert answer.status_code == 422
    for packed in ("!!!", "AAAA", base64.urlsafe_b64encode(b"x" * 50).decode()):
        browser.get("/contacts/importer")
        assert browser.post("/contacts/importer/confirmer", {"fichier": packed}).status_code == 400
    assert phone.names() == before


def test_a_table_runs_nothing_in_a_spreadsheet(browser: Visitor, phone: Phone) -> None:
    phone.put("f", 'VERSION:3.0\nUID:f\nFN:=HYPERLINK("http://x")\nN:=1+1;;;;\nTEL:+33 1 02')
    text = browser.get("/contacts/exporter?format=csv").content.decode("utf-8-sig")
    assert "'=1+1" in text
    assert "+33 1 02" in text
    assert ";=" not in text
    phone.delete("f")


# ---------------------------------------------------------------------- the directory, recent mail


def test_the_directory_shows_whom_one_may_see(house: House, browser: Visitor) -> None:
    house.store.write_now(schools.upsert, [schools.Facts(UAI, "Lycée Carnot", "LYC", town="Dijon")])
    house.person("Lise", "Prof", Role.TEACHER, uai=UAI, discipline="Lettres modernes")
    house.person("Tom", "Petit", Role.PUPIL, uai=UAI)
    house.person("Cachée", "Prof", Role.TEACHER, hidden=True)
    browser.get("/contacts/annuaire?q=prof")
    assert "Lise Prof" in browser.text
    assert "Cachée" not in browser.text
    assert "Tom Petit" not in browser.get("/contacts/annuaire?q=petit").text
    assert "Lise Prof" in browser.get("/s/contacts/annuaire?etablissement=carnot+dijon&discipline=lettres").text
    assert "Lise Prof" not in browser.get("/contacts/annuaire?discipline=maths").text
    assert "Lise Prof" in browser.get("/contacts/annuaire?lettre=p").text
    found = browser.get("/contacts/annuaire?lettre=p").text.partition("<main")[2]
    assert found
    assert "Clara Noël" not in found
    browser.get("/contacts/annuaire/lise.prof@ac-exemple.fr")
    assert "Lycée Carnot" in browser.text
    (link,) = browser.links(r"/contacts/nouveau\?")
    browser.get(link)
    assert browser.field("organisation") == "Lycée Carnot"
    for hidden in ("tom.petit", "cachee.prof", "personne"):
        assert browser.get(f"/contacts/annuaire/{hidden}@ac-exemple.fr").status_code == 404


def test_people_come_by_pages_in_the_order_of_the_alphabet(house: House, browser: Visitor) -> None:
    for number in range(55):
        house.person("Ama", f"Zz{'abcdefghijk'[number % 11]}{'abcde'[number // 11]}", password="")
    browser.get("/contacts/annuaire?q=ama")
    first = re.findall(r"<b>Ama (\w+)</b>", browser.text)
    browser.get(browser.rel("next"))
    second = re.findall(r"<b>Ama (\w+)</b>", browser.text)
    assert (len(first), len(second)) == (50, 5)
    assert first + second == sorted(first + second)


def test_recent_correspondents_are_those_of_the_mail(house: House, browser: Visitor, clara: Principal) -> None:
    house.deliver(clara, mail("Bonjour", sender='"Roux, Jean" <jean.roux@exemple.org>', to=clara.address))
    browser.get("/s/contacts/recents")
    assert "Roux, Jean" in browser.text
    assert "adresse=jean.roux%40exemple.org" in browser.text


def test_many_contacts_hold_nobody_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of thousands was put together on the event loop, and offered all their categories."""
    person = house.person("Rita", "Mille")
    browser = house.visitor()
    browser.log_in(person.login, interface="complet")
    browser.get("/contacts")
    phone = Phone(house, person)
    for number in range(3):
        card = f"VERSION:3.0\nUID:r{number}\nFN:Rita {number}\nN:{number};Rita;;;\nCATEGORIES:c{number},d{number}"
        assert phone.put(f"r{number}", card).status_code == 201
    monkeypatch.setattr(page_context, "ENTRY_WORK", 1_000_000)
    monkeypatch.setattr(contact_list, "CHOICES", 2)
    calls = on_the_loop(monkeypatch, contact_list, "merge")
    near = on_the_loop(monkeypatch, cards, "_near")
    text = browser.get("/contacts?groupe=c:d1").text
    assert re.findall(r'<option value="c:(\w+)"( selected)?', text) == [("c0", ""), ("c1", ""), ("d1", " selected")]
    assert "Rita 1" in text
    assert "Rita 0" not in text
    assert browser.get("/contacts/fiche/contacts/r1.vcf").status_code == 200
    assert calls == [False]
    assert near == [False]
