"""Office files through the process that reads them: what they say, and what hostile ones do not get."""

import asyncio
import datetime

import pytest

from mailserver.model.errors import Temporary
from mailserver.previews import service
from mailserver.previews.archives import MAX_UNPACKED
from mailserver.previews.cell_values import HABITS
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.service import Converted, Previews, Take
from tests.previews.files import docx, odf, packed, picture, pptx, word, xlsx

BOLD = '<style:style style:name="T1" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style>'
GRADES: list[list[object]] = [["Élève", "Note", "Jour"], ["Léa", 12.5, datetime.date(2026, 11, 30)], [None, True, None]]


def given(octets: bytes) -> Take:
    async def take() -> bytes:
        return octets

    return take


def converted(kind: str, octets: bytes, language: str = "fr") -> Converted:
    return asyncio.run(Previews().convert(1, kind, language, given(octets)))


def fault_of(kind: str, octets: bytes) -> Fault:
    with pytest.raises(Unreadable) as raised:
        converted(kind, octets)
    return raised.value.fault


def test_documents_keep_their_structure() -> None:
    table = f"<w:tbl><w:tr><w:tc>{word('case')}</w:tc></w:tr></w:tbl>"
    made = converted("docx", docx(word("Titre", "<w:b/>") + word("Texte &amp; suite") + table))
    assert "<strong>Titre</strong>" in made.html
    assert "<p>Texte &amp; suite</p>" in made.html
    assert "<td><p>case</p></td>" in made.html
    body = (
        '<text:h text:outline-level="2">Plan</text:h><text:p>Un <text:span text:style-name="T1">gras</text:span>'
        '<text:s text:c="2"/>fin</text:p><text:list><text:list-item><text:p>point</text:p></text:list-item></text:list>'
        '<text:p>lien <text:a xlink:href="https://a.example/?x=1&amp;y=2">ici</text:a>&lt;b&gt;</text:p>'
        '<draw:image xlink:href="Pictures/a.png"/><draw:image xlink:href="../etc/passwd"/>'
    )
    made = converted("odf", odf("text", body, BOLD, {"Pictures/a.png": picture()}))
    assert "<h2>Plan</h2><p>Un <b>gras</b>\u00a0\u00a0fin</p><ul><li><p>point</p></li></ul>" in made.html
    assert '<a href="https://a.example/?x=1&amp;y=2">ici</a>&lt;b&gt;' in made.html
    assert made.html.count("<img") == 1


def test_sheets_are_written_as_people_write_them() -> None:
    french, english = converted("xlsx", xlsx(GRADES)), converted("xlsx", xlsx(GRADES), "en")
    assert '<td>Léa</td><td align="right">12,5</td><td align="right">30/11/2026</td>' in french.html
    assert "<td>VRAI</td>" in french.html
    assert '12.5</td><td align="right">2026-11-30' in english.html
    rows = (
        '<table:table-row><table:table-cell office:value-type="float" office:value="3.5"><text:p>3,50</text:p>'
        '</table:table-cell><table:table-cell table:number-columns-repeated="16000"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    )
    made = converted("odf", odf("spreadsheet", f'<table:table table:name="F">{rows}</table:table>'))
    assert made.html == '<table border="1"><tr><td align="right">3,50</td></tr></table>'
    assert "<td>a</td>" in converted("csv", b"a;b\n1,5;2\n").html


@pytest.mark.parametrize(
    ("value", "code", "written"),
    [
        (0.125, "0.0%", "12,5 %"),
        (1234.5, "#,##0.00", "1234,50"),
        (3, "General", "3"),
        (1 / 3, "General", "0,3333333333"),
        (185057800608491, "General", "185057800608491"),
        (-185057800608491.0, "0", "-185057800608491"),
        (1e15, "General", "1e+15"),
        (0.1 + 0.2, "General", "0,3"),
    ],
)
def test_numbers(value: float, code: str, written: str) -> None:
    assert HABITS["fr"].number(value, code) == written


def test_slides_are_told_in_their_order() -> None:
    made = converted("pptx", pptx(("Un", ["a", "b"]), ("Deux", [])))
    assert made.html == "<section><h2>1. Un</h2><p>a</p><p>b</p></section><section><h2>2. Deux</h2></section>"
    slide = "<draw:page><draw:frame><draw:text-box><text:p>Bonjour</text:p></draw:text-box></draw:frame></draw:page>"
    assert converted("odf", odf("presentation", slide)).html == "<section><h2>1</h2><p>Bonjour</p></section>"


def test_what_goes_on_is_cut_and_says_so() -> None:
    made = converted("csv", b"x;y\n" * 5000)
    assert made.cut
    assert made.html.count("<tr>") == 1000
    assert made.html.endswith("</tr></table>")
    assert not converted("xlsx", xlsx([["a"] * 60])).cut
    assert converted("xlsx", xlsx([["a"] * 61])).cut, "a column more than is shown"
    assert converted("xlsx", xlsx([["a"]], hidden="b")).cut
    long = converted("odf", odf("text", "".join(f"<text:p>{'mot ' * 5000}</text:p>" for _ in range(100))))
    assert long.cut
    assert len(long.html) < 1_600_000


ENTITY = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("kind", "octets", "fault"),
    [
        ("docx", b"not a zip", Fault.BROKEN),
        ("docx", packed({"word/document.xml": "<x/>"}), Fault.BROKEN),
        ("odf", packed({"content.xml": "<x"}), Fault.BROKEN),
        ("docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, Fault.ENCRYPTED),
        ("odf", odf("text", "", manifest="<m><encryption-data/></m>"), Fault.ENCRYPTED),
        ("xlsx", packed({f"{n}": b"" for n in range(6000)}), Fault.TOO_BIG),
        ("odf", packed({"content.xml": ENTITY + "<x>&e;</x>"}), Fault.BROKEN),
        ("docx", docx(word("&e;"), ENTITY), Fault.BROKEN),
        ("pptx", packed({"ppt/presentation.xml": ENTITY + "<x/>"}), Fault.BROKEN),
    ],
)
def test_what_cannot_be_shown_has_its_reason(kind: str, octets: bytes, fault: Fault) -> None:
    """Damaged, under a password, a bomb, or one that names files of ours."""
    assert fault_of(kind, octets) is fault


def test_a_bomb_is_not_unpacked() -> None:
    assert fault_of("odf", packed({"Pictures/a": b"\0" * (MAX_UNPACKED + 1)})) is Fault.TOO_BIG


def test_a_process_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def noted(*command: str, **more: object) -> asyncio.subprocess.Process:
        begun.append(await create(*command, **more))  # type: ignore[arg-type]
        return begun[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    monkeypatch.setattr(service, "SECONDS", 0)
    assert fault_of("csv", b"a;b") is Fault.TOO_BIG
    assert [child.returncode for child in begun] == [-9]


def test_one_at_a_time_of_an_account_and_few_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crowd() -> list[object]:
        previews, let_go = Previews(), asyncio.Event()

        async def slow(*_: object) -> Converted:
            await let_go.wait()
            return Converted("<p>x</p>", cut=False)

        monkeypatch.setattr(service, "_converted", slow)
        asked = [asyncio.ensure_future(previews.convert(1, "csv", "fr", given(b"%d" % n))) for n in range(12)]
        other = asyncio.ensure_future(previews.convert(2, "csv", "fr", given(b"other")))
        await asyncio.sleep(0)
        let_go.set()
        return await asyncio.gather(*asked, other, return_exceptions=True)

    found = asyncio.run(crowd())
    assert sum(isinstance(one, Temporary) for one in found) == 2
    assert sum(isinstance(one, Converted) for one in found) == 11
