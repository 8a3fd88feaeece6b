"""Sealed letters: what stands on the page, in what form, for whom."""

import datetime
import io
from dataclasses import replace
from typing import Any

import pytest
from pypdf import PdfReader

from directory.issuing import letters
from directory.issuing.letters import Connection, Letter

CONNECTION = Connection(
    academy="Académie d’Exemple",
    domain="ac-exemple.fr",
    url="https://mail.ac-exemple.fr",
    imap="mail.ac-exemple.fr, port 993 (TLS)",
    submission="mail.ac-exemple.fr, port 465 (TLS)",
    help_contact="assistance@ac-exemple.fr, 03 80 00 00 00",
)
JULIE = Letter(
    name="Mme Julie Nouveau",
    detail="4e B",
    school="Collège Les Tilleuls (0210006T)\nDijon",
    login="jnouveau",
    address="julie.nouveau@ac-exemple.fr",
    code="ABCD-EFGH-IJKL-MNOP",
    expires=datetime.date(2027, 2, 1),
    has_numen=False,
    issue=1,
)
TODAY = datetime.date(2026, 11, 25)


def pages(*people: Letter) -> list[str]:
    """The text of each page, as a reader of screens gets it."""
    reader = PdfReader(io.BytesIO(letters.render(people, CONNECTION, "rleroy", TODAY)))
    return [page.extract_text() for page in reader.pages]


def test_a_letter_says_who_where_how_and_until_when() -> None:
    (text,) = pages(JULIE)
    for expected in (
        "Mme Julie Nouveau",
        "4e B",
        "Collège Les Tilleuls",
        "jnouveau",
        "julie.nouveau@ac-exemple.fr",
        "ABCD-EFGH-IJKL-MNOP",
        "1er février 2027",
        "https://mail.ac-exemple.fr/activation",
        "port 993",
        "port 465",
        "03 80 00 00 00",
        "Imprimé par rleroy le 25 novembre 2026",
        "code n° 1",
        "one-time code",
    ):
        assert expected in text, expected
    assert "NUMEN" not in text
    assert "NUMEN" in pages(replace(JULIE, has_numen=True))[0]


def test_a_page_for_each_person_with_their_own_reference() -> None:
    found = pages(*(replace(JULIE, login=f"j{number}", issue=number) for number in range(1, 31)))
    assert len(found) == 30
    for number, text in enumerate(found, 1):
        assert f"j{number}" in text
        assert f"code n° {number}" in text


@pytest.mark.parametrize(
    "name",
    [
        "Éloïse D’Œuvrard-Ñúñez",
        "#panic() *gras* _x_ $a$ @b <c> [d] `e` \\u{41} // z",
        '"); #read("/etc/passwd") ("',
        "Zoé " + "Très-Long-Nom " * 14,
        "李 明",
    ],
)
def test_names_are_text_and_never_markup(name: str) -> None:
    (text,) = pages(replace(JULIE, name=name, detail=name, school=name))
    if name.isascii():
        assert "".join(name.split()) in "".join(text.split())
    assert "ABCD-EFGH-IJKL-MNOP" in text


def test_the_document_is_tagged_and_in_french() -> None:
    reader = PdfReader(io.BytesIO(letters.render([JULIE], CONNECTION, "rleroy", TODAY)))
    root: Any = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"].startswith("fr")
    assert b"pdfuaid" in root["/Metadata"].get_data()


def test_the_code_stands_behind_the_hash_where_no_log_sees_it() -> None:
    address = letters.activation_address("https://mail.ac-exemple.fr", "a b&c", "ABCD")
    assert address == "https://mail.ac-exemple.fr/activation?identifiant=a%20b%26c#ABCD"


def test_none_or_too_many_are_refused() -> None:
    for people in ([], [JULIE] * (letters.MAX_LETTERS + 1)):
        with pytest.raises(ValueError, match="letters"):
            letters.render(people, CONNECTION, "rleroy", TODAY)
