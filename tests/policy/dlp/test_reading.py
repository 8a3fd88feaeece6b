"""What of a letter is read: whatever its programs call it, and however they write it."""

import asyncio
import base64
import time
from email import policy
from email.message import EmailMessage

import pytest
import typst

from mailserver.mime.body.text import MAX_TEXT
from mailserver.policy.dlp import reading
from mailserver.policy.dlp.detectors import Kind, numbers
from mailserver.policy.dlp.reading import MAX_DOCUMENTS
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.service import Previews
from tests.previews.files import docx, word

NIR = "1 85 05 78 006 084 91"
TEXT = f"Élève ; {NIR}\n"


def letter(*files: tuple[bytes, str, str]) -> bytes:
    """A message with files of a type and a name each."""
    message = EmailMessage()
    message["Subject"] = "Dossier"
    message.set_content("Bonjour")
    for octets, kind, name in files:
        maintype, _, subtype = kind.partition("/")
        message.add_attachment(octets, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes(policy=policy.SMTP)


def found(octets: bytes) -> list[tuple[Kind, str]]:
    return [(one.kind, one.where) for where, text in reading.read(octets).texts for one in numbers(text, where)]


@pytest.mark.parametrize(
    ("octets", "kind", "name"),
    [
        (TEXT.encode(), "application/octet-stream", "élèves.csv"),
        (TEXT.encode("cp1252"), "application/vnd.ms-excel", "liste.CSV"),
        (TEXT.encode("utf-16"), "application/octet-stream", "liste.txt"),
        (TEXT.encode("utf-16"), "text/plain", "liste.txt"),
        (f"<p>Élève <b>{NIR}</b></p>".encode(), "application/octet-stream", "liste.html"),
        (b"%PDF", "application/octet-stream", f"{NIR}.pdf"),
    ],
)
def test_text_is_read_whatever_its_program_calls_it(octets: bytes, kind: str, name: str) -> None:
    assert found(letter((octets, kind, name))) == [(Kind.NIR, name)]


def test_a_name_in_pieces_and_an_attached_message() -> None:
    """RFC 2231 section 3; a message in a message, one of them in base64, which no program opens."""
    pieces = "Content-Disposition: attachment;\r\n filename*0*=utf-8''%C3%A9l;\r\n filename*1=eves.csv\r\n"
    inner = f"Content-Type: application/octet-stream\r\n{pieces}\r\n{TEXT}".encode()
    assert found(inner) == [(Kind.NIR, "éleves.csv")]
    outer = b"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\n" + inner
    assert found(outer) == [(Kind.NIR, "éleves.csv")]
    packed = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(inner)
    assert [kind for kind, _ in found(packed)] == [Kind.NIR]


def test_documents_go_by_their_type_where_they_have_no_name() -> None:
    document = docx(word(NIR))
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    read = reading.read(letter((document, kind, "x.bin"), (b"%PDF", "application/pdf", "a")))
    assert [one.kind for one in read.documents] == ["docx", "pdf"]
    many = [(b"%PDF", "application/pdf", f"{number}.pdf") for number in range(MAX_DOCUMENTS + 2)]
    read = reading.read(letter(*many))
    assert len(read.documents) == MAX_DOCUMENTS
    assert read.left == [f"{MAX_DOCUMENTS}.pdf", f"{MAX_DOCUMENTS + 1}.pdf"]


def test_text_that_is_longer_than_what_is_read_is_named() -> None:
    long = b"x " * (MAX_TEXT // 2)
    read = reading.read(letter((long, "text/plain", "long.txt"), (TEXT.encode(), "text/csv", "suite.csv")))
    assert read.left == ["long.txt", "suite.csv"]
    assert (
        reading.read(letter((long[: MAX_TEXT // 2], "text/plain", "long.txt"), (b"x", "text/csv", "x.csv"))).left == []
    )


@pytest.mark.parametrize(
    "written",
    [
        "1 85 05 78\n006 084 91",
        "> 1 85 05 78\r\n> 006 084 91",
        "1\u200985\u200905\u200978\u2009006\u2009084\u200991",
        "1\u201185\u201105\u201178\u2011006\u2011084\u201191",
        "1 85 05\u00ad 78 006\u200b 084 91",
        "1  85  05  78  006  084  91",
        "1\t85\t05\t78\t006\t084\t91",
        "１８５０５７８００６０８４９１",
    ],
)
def test_a_number_is_found_however_it_is_written(written: str) -> None:
    assert [one.value for one in numbers(f"NIR : {written}.")] == ["185057800608491"]


def test_an_account_that_breaks_over_a_line() -> None:
    assert [one.kind for one in numbers("> FR76 3000 6000 0112\r\n> 3456 7890 189\r\nMerci")] == [Kind.IBAN]
    assert not list(numbers("FR76 3000 6000 0112\n\n\n\n\n3456 7890 189"))


@pytest.mark.parametrize("piece", ["1 85 05 ", "21E2600123", "> \n", "\ufdfa", "FR76 1 2 3 ", "1 - 8 - "])
def test_no_text_takes_long(piece: str) -> None:
    """Twenty times what is needed."""
    text = f"numen INE {piece * (400_000 // len(piece))}"
    began = time.process_time()
    assert len(list(numbers(text))) <= 20_000
    assert time.process_time() - began < 6


# ---------------------------------------------------------------------- PDF


def pdf(text: str) -> bytes:
    return bytes(typst.compile(text.encode(), format="pdf"))


def said(octets: bytes) -> str:
    async def take() -> bytes:
        return octets

    return asyncio.run(Previews().convert(1, "pdf", "fr", take)).html


def test_pdf_is_read_as_it_is_printed() -> None:
    text = said(pdf(f"Élève : {NIR}\n#pagebreak()\nCompte FR76 3000 6000 0112 3456 7890 189"))
    assert [one.kind for one in numbers(text)] == [Kind.NIR, Kind.IBAN]


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (b"", Fault.BROKEN),
        (b"%PDF-1.7\n" + b"0 0 obj<</Kids[0 0 R]>>" * 1000, Fault.BROKEN),
        (b"\x00" * 100_000, Fault.BROKEN),
    ],
)
def test_what_is_no_pdf_says_so(spoilt: bytes, why: Fault) -> None:
    with pytest.raises(Unreadable) as raised:
        said(spoilt)
    assert raised.value.fault is why
