"""What a letter to the outside has attached is read, or its author is told that it was not: never neither."""

import io
import smtplib
import zipfile
from collections.abc import Callable, Mapping
from email import policy
from email.message import EmailMessage

import pypdf
import pytest
import typst

from mailserver.previews import zipped
from mailserver.submission.departure import Outcome
from tests.previews.files import docx, picture, word, xlsx
from tests.previews.old_files import DOC, XLS, rtf
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.filtering import ADA
from tests.smtp.house import LIST, PASSWORD, House

OUTSIDE = "parent@ailleurs.fr"
NIR = "1 85 05 78 006 084 91"
PROGRAM = "/usr/bin/soffice"


def letter(octets: bytes, name: str, kind: str = "application/octet-stream") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ADA, OUTSIDE, "Dossier"
    message.set_content("Ci-joint.")
    maintype, _, subtype = kind.partition("/")
    message.add_attachment(octets, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes(policy=policy.SMTP)


def submit(house: House, octets: bytes, name: str, kind: str = "application/octet-stream") -> Outcome:
    return house.run(house.submission.submit(house.people["ada"], ADA, (OUTSIDE,), letter(octets, name, kind)))


def packed(files: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, octets in files.items():
            archive.writestr(name, octets)
    return out.getvalue()


def locked(octets: bytes) -> bytes:
    """A zip file whose one file claims to be under a password, in both places that say so."""
    flags = bytearray(octets)
    flags[6] |= 1
    flags[flags.find(b"PK\x01\x02") + 8] |= 1
    return bytes(flags)


def printed(text: str) -> bytes:
    return bytes(typst.compile(text.encode(), format="pdf"))


def scanned() -> bytes:
    """A page that is drawn: what stands on it is no text."""
    return printed("#rect(width: 4cm, height: 2cm, fill: black)")


# ---------------------------------------------------------------------- zip


@pytest.mark.parametrize(
    "files",
    [
        lambda: {"liste.csv": f"Élève ; {NIR}".encode()},
        lambda: {"dossier/": b"", "dossier/élève.docx": docx(word(NIR))},
        lambda: {"notes.xlsx": xlsx([[NIR]])},
        lambda: {"bulletin.pdf": printed(NIR)},
        lambda: {f"{NIR}.jpg": b"\xff\xd8\xff"},
        lambda: {"page.html": f"<!-- x --><p>Élève <b>{NIR}</b></p>".encode()},
    ],
    ids=["text", "word", "sheet", "pdf", "name", "page"],
)
def test_what_stands_in_a_zip_file_is_read(house: House, files: Callable[[], Mapping[str, bytes]]) -> None:
    assert submit(house, packed(files()), "dossier.zip").asks


@pytest.mark.parametrize(
    "octets",
    [
        lambda: packed({"dedans.zip": packed({"liste.csv": NIR.encode()})}),
        lambda: packed({"liste.csv": b"x", "photo.jpg": picture()}),
        lambda: locked(packed({"liste.csv": NIR.encode()})),
        lambda: packed({"bombe.txt": bytes(zipped.SMALL + 1)}),
        lambda: packed({f"{number}.txt": b"x" for number in range(zipped.MAX_FILES + 1)}, zipfile.ZIP_STORED),
        lambda: packed({"cassé.docx": b"PK\x03\x04"}),
        lambda: packed({"vieux.doc": DOC}),
        lambda: b"PK\x03\x04",
    ],
    ids=["zip-in-zip", "picture", "password", "bomb", "many", "damaged", "old", "no-zip"],
)
def test_what_of_a_zip_file_is_not_read_is_told(house: House, octets: Callable[[], bytes]) -> None:
    outcome = submit(house, octets(), "dossier.zip")
    assert (outcome.waits, outcome.unread) == (False, ("dossier.zip",))


def test_a_zip_file_of_which_all_is_read_is_nothing_to_tell_of(house: House) -> None:
    files = {"a/": b"", "a/vide.txt": b"", "liste.csv": b"Notes ; 12", "mot.docx": docx(word("Bonjour"))}
    outcome = submit(house, packed(files), "dossier", "application/zip")
    assert (outcome.waits, outcome.unread) == (False, ())


# ---------------------------------------------------------------------- documents


def test_old_documents_are_told_of_where_there_is_no_libreoffice(house: House) -> None:
    assert submit(house, DOC, "vieux.doc").unread == ("vieux.doc",)
    assert submit(house, XLS, "vieux", "application/vnd.ms-excel").unread == ("vieux",)


@pytest.mark.needs("soffice")
def test_old_documents_are_read_by_libreoffice(make_house: HouseMaker) -> None:
    office = make_house(previews={"libreoffice": PROGRAM})
    ada = office.people["ada"]
    look = office.submission.confirmation.look
    assert not office.run(look(ada, letter(DOC, "vieux.doc"))).unread
    found = office.run(look(ada, letter(rtf(NIR), "vieux.doc"))).found
    assert [one.where for one in found] == ["vieux.doc"]
    assert office.run(look(ada, letter(DOC[:600], "cassé.doc"))).unread == ("cassé.doc",)


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (lambda: f"<table><tr><td>{NIR}</table>".encode(), "export.xls"),
        (lambda: f"Élève\t{NIR}".encode("utf-16"), "export.xls"),
        (lambda: docx(word(NIR)), "nouveau.doc"),
        (lambda: docx(word(NIR)), "macros.docm"),
    ],
    ids=["page", "text", "word", "macros"],
)
def test_what_another_format_is_called_is_read_as_what_it_is(
    house: House, octets: Callable[[], bytes], name: str
) -> None:
    assert submit(house, octets(), name).asks


@pytest.mark.parametrize(
    ("octets", "name", "kind"),
    [
        (scanned, "scan.pdf", "application/pdf"),
        (lambda: b"Rar!\x1a\x07\x01\x00", "dossier.rar", "application/vnd.rar"),
        (lambda: b"7z\xbc\xaf\x27\x1c", "dossier.7z", "application/octet-stream"),
        (lambda: b"\x30\x80", "smime.p7m", "application/pkcs7-mime"),
    ],
    ids=["scan", "rar", "7z", "encrypted"],
)
def test_what_nobody_can_read_is_told(house: House, octets: Callable[[], bytes], name: str, kind: str) -> None:
    assert submit(house, octets(), name, kind).unread == (name,)


def test_what_says_nothing_is_not_told_of(house: House) -> None:
    blank = pypdf.PdfWriter()
    blank.add_blank_page(200, 200)
    out = io.BytesIO()
    blank.write(out)
    assert submit(house, out.getvalue(), "blanc.pdf", "application/pdf").unread == ()
    assert submit(house, b"ID3", "chant.mp3", "audio/mpeg").unread == ()
    assert submit(house, picture(), "sortie.png", "image/png").unread == ()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ADA, OUTSIDE, "Logo"
    message.set_content("<img src='cid:logo@x'>", subtype="html")
    message.add_related(picture(), maintype="image", subtype="png", cid="<logo@x>")
    octets = message.as_bytes(policy=policy.SMTP)
    assert house.run(house.submission.submit(house.people["ada"], ADA, (OUTSIDE,), octets)).unread == ()


# ---------------------------------------------------------------------- every door says it


def answered(house: House, octets: bytes, *to: str, options: tuple[str, ...] = ()) -> bytes:
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as door:
        door.starttls(context=tls_context())
        door.login("ada", PASSWORD)
        door.mail(ADA, list(options))
        for one in to:
            door.rcpt(one)
        code, said = door.data(octets)
    assert code == 250
    return said


def test_it_is_said_of_what_leaves_later_is_a_mailing_or_waits(house: House, make_house: HouseMaker) -> None:
    told = b"attached documents that could not be read: 1"
    unread = letter(b"Rar!\x1a\x07\x01\x00", "dossier.rar")
    later = answered(house, unread, OUTSIDE, options=("HOLDFOR=3600",))
    assert b" until " in later
    assert told in later
    busy = make_house(
        "busy",
        mailings={"teachers": 1, "approval_above": 1},
        sending={"teachers": {"minute": (1, 9), "ten_minutes": (1, 9), "hour": (1, 9), "ten_hours": (1, 9)}},
    )
    mailing = answered(busy, unread, OUTSIDE, LIST)
    assert b"second person" in mailing
    assert told in mailing
    answered(busy, unread, OUTSIDE)
    held = answered(busy, unread, OUTSIDE)
    assert b"held as" in held
    assert told in held


def test_the_mail_that_asks_names_what_could_not_be_read(house: House) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ADA, OUTSIDE, "Les deux"
    message.set_content(NIR)
    message.add_attachment(b"Rar!", maintype="application", subtype="vnd.rar", filename="tout.rar")
    octets = message.as_bytes(policy=policy.SMTP)
    assert house.run(house.submission.submit(house.people["ada"], ADA, (OUTSIDE,), octets)).asks
    assert b"tout.rar" in house.mail("ada")[-1]
