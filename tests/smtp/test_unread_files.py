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
from pypdf.annotations import FreeText

from mailserver.outbound.submission.departure import Outcome
from mailserver.policy.dlp.detectors import Kind
from mailserver.previews import zipped
from tests.previews.files import added, docx, odf, picture, pptx, word, xlsx
from tests.previews.old_files import DOC, XLS, XLS_UNSHOWN, rtf
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


def damaged(octets: bytes, at: int) -> bytes:
    """A container of which the first file no longer unpacks."""
    spoilt = bytearray(octets)
    start = 30 + spoilt[26] + spoilt[28] + at
    spoilt[start : start + 9] = b"\xff" * 9
    return bytes(spoilt)


def noted(text: str) -> bytes:
    """A PDF with a remark on an empty page."""
    made, out = pypdf.PdfWriter(), io.BytesIO()
    made.add_blank_page(200, 200)
    made.add_annotation(0, FreeText(text=text, rect=(10, 10, 190, 30)))
    made.write(out)
    return out.getvalue()


def saved(octets: bytes, name: str) -> bytes:
    """A saved message, with a file; its own words are in base64, too."""
    made = EmailMessage()
    made["Subject"] = "Ancien"
    made.set_content("Voir la pièce jointe." * 20, cte="base64")
    made.add_attachment(octets, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes(policy=policy.SMTP)


def spoken(text: str) -> bytes:
    """The same without a file: the text is in base64."""
    made = EmailMessage()
    made.set_content(text, cte="base64")
    return made.as_bytes(policy=policy.SMTP)


MICROSOFT = " ".join(
    f'xmlns:{short}="http://schemas.openxmlformats.org/{name}/2006/main"'
    for short, name in (("w", "wordprocessingml"), ("a", "drawingml"), ("p", "presentationml"), ("s", "spreadsheetml"))
)


def words(text: str) -> str:
    """What stands in a header, a footer or a remark, in two pieces as Word likes to write it."""
    runs = "".join(f"<w:r><w:rPr/><w:t>{one}</w:t></w:r>" for one in (text[:7], text[7:]))
    return f"<w:hdr {MICROSOFT}><w:p>{runs}</w:p></w:hdr>"


def drawn(text: str) -> str:
    return f"<p:notes {MICROSOFT}><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:notes>"


def remark(text: str) -> str:
    return f"<p:cmLst {MICROSOFT}><p:cm><p:text>{text}</p:text></p:cm></p:cmLst>"


def cell_remark(text: str) -> str:
    return f"<s:comments {MICROSOFT}><s:comment><s:text><s:r><s:t>{text}</s:t></s:r></s:text></s:comment></s:comments>"


def pivoted(text: str) -> str:
    return f'<s:pivotCacheRecords {MICROSOFT}><s:r><s:s v="{text}"/></s:r></s:pivotCacheRecords>'


def annotated(text: str) -> bytes:
    return odf("text", f"<text:p>a<office:annotation><text:p>{text}</text:p></office:annotation>b</text:p>")


def spoken_of(text: str) -> bytes:
    page = f"<draw:page><presentation:notes><text:p>{text}</text:p></presentation:notes></draw:page>"
    return odf("presentation", page)


def footed(text: str) -> bytes:
    name = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    return odf("text", "<text:p>a</text:p>", more={"styles.xml": f'<x xmlns:t="{name}"><t:p>{text}</t:p></x>'.encode()})


def sheet(text: str, value: float) -> bytes:
    cell = f'<table:table-cell office:value-type="float" office:value="{value}">{text}</table:table-cell>'
    return odf("spreadsheet", f'<table:table table:name="F"><table:table-row>{cell}</table:table-row></table:table>')


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
        lambda: {"ancien.eml": spoken(f"Élève : {NIR}")},
        lambda: {"ancien.eml": saved(docx(word(NIR)), "élève.docx")},
    ],
    ids=["text", "word", "sheet", "pdf", "name", "page", "message", "its-file"],
)
def test_what_stands_in_a_zip_file_is_read(house: House, files: Callable[[], Mapping[str, bytes]]) -> None:
    assert submit(house, packed(files()), "dossier.zip").asks


@pytest.mark.parametrize(
    ("how", "at"), [(zipfile.ZIP_DEFLATED, 0), (zipfile.ZIP_LZMA, 4), (zipfile.ZIP_LZMA, 9), (zipfile.ZIP_BZIP2, 0)]
)
def test_a_file_that_is_damaged_costs_no_other_file(house: House, how: int, at: int) -> None:
    files = {"cassé.txt": bytes(range(256)) * 9, "liste.csv": NIR.encode()}
    outcome = submit(house, damaged(packed(files, how), at), "dossier.zip")
    assert (outcome.asks, outcome.unread) == (True, ("dossier.zip",))


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
        lambda: packed({"lettre.rtf": rtf()}),
        lambda: packed({"deux.eml": saved(spoken(NIR), "un.eml")}),
        lambda: b"PK\x03\x04",
    ],
    ids=["zip-in-zip", "picture", "password", "bomb", "many", "damaged", "old", "rtf", "messages", "no-zip"],
)
def test_what_of_a_zip_file_is_not_read_is_told(house: House, octets: Callable[[], bytes]) -> None:
    outcome = submit(house, octets(), "dossier.zip")
    assert (outcome.waits, outcome.unread) == (False, ("dossier.zip",))


def test_a_zip_file_of_which_all_is_read_is_nothing_to_tell_of(house: House) -> None:
    files = {"a/": b"", "a/vide.txt": b"", "liste.csv": b"Notes ; 12", "mot.docx": docx(word("Bonjour"))}
    outcome = submit(house, packed(files), "dossier", "application/zip")
    assert (outcome.waits, outcome.unread) == (False, ())


# ---------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("octets", "name", "kind"),
    [
        (lambda: spoken(f"Élève : {NIR}"), "ancien.eml", "application/octet-stream"),
        (lambda: saved(docx(word(NIR)), "élève.docx"), "ancien.eml", "application/octet-stream"),
        (lambda: saved(packed({"a.csv": NIR.encode()}), "a.zip"), "ancien.eml", "text/plain"),
        (lambda: b"Subject: " + NIR.encode() + b"\r\n\r\nBonjour", "ancien.eml", "application/octet-stream"),
    ],
    ids=["words", "document", "zip", "subject"],
)
def test_a_saved_message_is_read_as_one(house: House, octets: Callable[[], bytes], name: str, kind: str) -> None:
    assert submit(house, octets(), name, kind).asks


def test_what_of_a_saved_message_is_not_read_is_told(house: House) -> None:
    assert submit(house, saved(b"Rar!", "tout.rar"), "ancien.eml").unread == ("tout.rar",)
    assert submit(house, saved(spoken(NIR), "un.eml"), "deux.eml").unread == ("un.eml",)
    assert submit(house, saved(b"Bonjour", "un.txt"), "ancien.eml").unread == ()


# ---------------------------------------------------------------------- documents


PLACES: Mapping[str, Callable[[str], bytes]] = {
    "nombres.xlsx": lambda nir: xlsx([[int(nir.replace(" ", ""))]]),
    "nombres.ods": lambda nir: sheet("", int(nir.replace(" ", ""))),
    "étroit.ods": lambda nir: sheet("<text:p>1,85E+14</text:p>", int(nir.replace(" ", ""))),
    "tête.docx": lambda nir: added(docx(word("Bonjour")), {"word/header2.xml": words(nir)}),
    "remarque.docx": lambda nir: added(docx(word("Bonjour")), {"word/comments.xml": words(nir)}),
    "effacé.docx": lambda nir: docx(f"<w:p><w:del><w:r><w:delText>{nir}</w:delText></w:r></w:del></w:p>"),
    "diagramme.docx": lambda nir: added(docx(word("a")), {"word/embeddings/a.xlsx": xlsx([[nir]])}),
    "notes.pptx": lambda nir: added(pptx(("Un", ["a"])), {"ppt/notesSlides/notesSlide1.xml": drawn(nir)}),
    "remarque.pptx": lambda nir: added(pptx(("Un", ["a"])), {"ppt/comments/comment1.xml": remark(nir)}),
    "remarque.xlsx": lambda nir: added(xlsx([["Notes"]]), {"xl/comments/comment1.xml": cell_remark(nir)}),
    "croisé.xlsx": lambda nir: added(xlsx([["Notes"]]), {"xl/pivotCache/pivotCacheRecords1.xml": pivoted(nir)}),
    "cachée.xlsx": lambda nir: xlsx([["Notes"]], hidden=nir),
    "remarque.odt": annotated,
    "notes.odp": spoken_of,
    "pied.odt": footed,
    "remarque.pdf": noted,
}
"""Documents that say a number where no page shows it."""


def numbered(number: int) -> str:
    """One of many."""
    digits = f"1850578006{number:03}"
    return f"1 85 05 78 006 {number:03} {97 - int(digits) % 97:02}"


def test_documents_are_read_where_nobody_looks(house: House) -> None:
    files = {name: make(numbered(number)) for number, (name, make) in enumerate(PLACES.items(), 1)}
    looked = house.run(house.submission.confirmation.look(house.people["ada"], letter(packed(files), "tout.zip")))
    found = {one.value for one in looked.found}
    assert [name for n, name in enumerate(files, 1) if numbered(n).replace(" ", "") not in found] == []
    assert looked.unread == ()


@pytest.mark.parametrize("name", ["nombres.xlsx", "tête.docx"])
def test_a_document_by_itself_is_read_as_in_a_zip_file(house: House, name: str) -> None:
    assert submit(house, PLACES[name](NIR), name).asks


def test_what_is_in_a_document_and_is_not_read_is_told(house: House) -> None:
    members: list[Mapping[str, str | bytes]] = [
        {"word/embeddings/a.bin": b"x", "word/vbaProject.bin": b"x"},
        {"word/afchunk.htm": NIR},
        {"word/header1.xml": "<x"},
        {"word/embeddings/a.docx": added(docx(word("a")), {"word/embeddings/b.docx": docx(word(NIR))})},
    ]
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ADA, OUTSIDE, "Quatre"
    for number, one in enumerate(members):
        octets = added(docx(word("Bonjour")), one)
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=f"{number}.docx")
    looked = house.run(house.submission.confirmation.look(house.people["ada"], message.as_bytes(policy=policy.SMTP)))
    assert looked.unread == ("0.docx", "1.docx", "2.docx", "3.docx")


def test_old_documents_are_told_of_where_there_is_no_libreoffice(house: House) -> None:
    assert submit(house, DOC, "vieux.doc").unread == ("vieux.doc",)
    assert submit(house, XLS, "vieux", "application/vnd.ms-excel").unread == ("vieux",)
    assert submit(house, rtf(), "lettre.rtf").unread == ("lettre.rtf",)
    assert submit(house, rtf(), "lettre", "text/rtf").unread == ("lettre",)


@pytest.mark.needs("soffice")
def test_old_documents_are_read_by_libreoffice(make_house: HouseMaker) -> None:
    office = make_house(previews={"libreoffice": PROGRAM})
    ada = office.people["ada"]
    look = office.submission.confirmation.look
    assert not office.run(look(ada, letter(DOC, "vieux.doc"))).unread
    sheets = office.run(look(ada, letter(XLS_UNSHOWN, "vieux.xls")))
    assert ({one.kind for one in sheets.found}, sheets.unread) == ({Kind.NIR, Kind.IBAN}, ())
    parted = rtf(NIR.replace(" 006", "{\\b  00}6"))
    assert [one.where for one in office.run(look(ada, letter(parted, "lettre.rtf"))).found] == ["lettre.rtf"]
    assert office.run(look(ada, letter(DOC[:600], "cassé.doc"))).unread == ("cassé.doc",)


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (lambda: f"<table><tr><td>{NIR}</table>".encode(), "export.xls"),
        (lambda: f"Élève\t{NIR}".encode("utf-16"), "export.xls"),
        (lambda: f"Note <b\t{NIR}".encode(), "export.xls"),
        (lambda: docx(word(NIR)), "nouveau.doc"),
        (lambda: docx(word(NIR)), "nouveau.rtf"),
        (lambda: docx(word(NIR)), "macros.docm"),
    ],
    ids=["page", "text", "stray", "word", "word-rtf", "macros"],
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


def slides(*pages: str) -> bytes:
    """A presentation of LibreOffice."""
    made = "".join(f"<draw:page>{page}</draw:page>" for page in pages)
    return odf("presentation", made, more={"Pictures/a.png": picture()})


DRAWN = '<draw:frame><draw:image xlink:href="Pictures/a.png"/></draw:frame>'
SAID = "<draw:frame><draw:text-box><text:p>Bonjour</text:p></draw:text-box></draw:frame>"
SHOWN = f"<p:sld {MICROSOFT}><p:cSld><p:spTree><p:pic><p:blipFill><a:blip/></p:blipFill></p:pic>"
NUMBER = '<p:sp><p:nvSpPr><p:nvPr><p:ph type="sldNum"/></p:nvPr></p:nvSpPr><a:p><a:r><a:t>2</a:t></a:r></a:p></p:sp>'
END = "</p:spTree></p:cSld></p:sld>"


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (lambda: added(pptx(("", []), ("", [])), {"ppt/slides/slide2.xml": SHOWN + NUMBER + END}), "scans.pptx"),
        (lambda: added(pptx(("Un", ["a"]), ("", [])), {"ppt/slides/slide2.xml": SHOWN + END}), "une-page.pptx"),
        (lambda: slides(DRAWN, DRAWN), "scans.odp"),
        (lambda: slides(SAID, DRAWN), "une-page.odp"),
        (lambda: added(xlsx([[None]]), {"xl/media/image1.png": picture()}), "scan.xlsx"),
        (lambda: added(docx("<w:p/>"), {"word/media/image1.emf": b"\x01\0\0\0"}), "scan.docx"),
    ],
    ids=["pptx", "page-pptx", "odp", "page-odp", "xlsx", "emf"],
)
def test_pages_of_nothing_but_pictures_are_told_of(house: House, octets: Callable[[], bytes], name: str) -> None:
    outcome = submit(house, octets(), name)
    assert (outcome.waits, outcome.unread) == (False, (name,))


def test_pictures_beside_words_are_not_told_of(house: House) -> None:
    beside = SHOWN + "<p:sp><a:p><a:r><a:t>La sortie</a:t></a:r></a:p></p:sp>" + END
    assert submit(house, added(pptx(("", [])), {"ppt/slides/slide1.xml": beside}), "sortie.pptx").unread == ()
    assert submit(house, slides(SAID + DRAWN, SAID), "sortie.odp").unread == ()
    assert submit(house, pptx(("", [])), "vide.pptx").unread == ()
    assert submit(house, added(xlsx([["Notes"]]), {"xl/media/image1.png": picture()}), "notes.xlsx").unread == ()


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
