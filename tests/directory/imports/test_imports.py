"""The HR export: reading, recognising, merging; twice is once, and a faulty line spoils no other."""

import io
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.imports.recognition import Recogniser
from directory.imports.sources import rows
from directory.imports.sources.records import Fault, Item, PersonRecord, Remark
from directory.imports.sources.text_encoding import Encoding
from directory.imports.target import Candidate, Outcome
from directory.people.embedded import EmbeddedDirectory
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Role, State
from mailserver.store.account import accounts, recoveries
from mailserver.store.engine.transactions import Store
from mailserver.store.people import schools
from mailserver.store.record import audit
from tests.directory.conftest import DOMAIN
from tests.directory.imports.importing import HEADER, Importer

NUMEN, OTHER_NUMEN = "21E2600123ABC", "07G9912345XYZ"


@pytest.fixture
def importer(embedded: EmbeddedDirectory, store: Store, tmp_path: Path) -> Importer:
    return Importer(embedded, store, tmp_path)


# ---------------------------------------------------------------------- reading


PROOFS = Proofs(b"k" * 32)


def read(octets: bytes) -> list[Candidate | Fault]:
    text = io.TextIOWrapper(io.BytesIO(octets), encoding="utf-8-sig", errors="surrogateescape", newline="")
    recogniser = Recogniser(PROOFS)
    return [item if isinstance(item, Fault) else recogniser.candidate(item) for item in rows.read(text)]


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_dialects(delimiter: str, bom: bytes, newline: str) -> None:
    text = newline.join(("Surname,GIVEN_NAME, role ,birth_date", 'Dupont,"Émilie",teacher,31/12/1980', "", ",,,", ""))
    (line,) = read(bom + text.replace(",", delimiter).encode())
    assert isinstance(line, Candidate)
    assert line.record.line == 2
    assert (line.record.given_name, line.record.surname) == ("Émilie", "Dupont")
    assert (line.record.role, line.marks.birth_date) == (Role.TEACHER, PROOFS.birth_date("1980-12-31"))


@pytest.mark.parametrize(
    "header", ["", "\n", "given_name,surname", "given_name,surname,role,rolle", "role,role,given_name,surname", "\0"]
)
def test_a_header_that_is_none(header: str) -> None:
    with pytest.raises(BadSyntax):
        read(header.encode() + b"\nA,B,teacher\n")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"A,B,,king,,,,,,", "role"),
        (b"A,B,,,,,,,,", "role"),
        (b",,,teacher,,,,,,", "given_name"),
        (b" ,B,,teacher,,,,,,", "given_name"),
        (b"A,,,teacher,,,,,,", "surname"),
        (b"A", "surname"),
        (b"A,B,1980-02-30,teacher,,,,,,", "birth_date"),
        (b"A,B,,teacher,21E26,,,,,", "numen"),
        (b"A,B,,teacher,,12,,,,", "ine"),
        (b"A,B,,teacher,,,021,,,", "uai"),
        (b"A,B,,teacher,,,,,,,,x,", "cells"),
        (b"\xc9milie,B,,teacher,,,,,,", "not UTF-8"),
        ("Émilie".encode().decode("cp1252").encode() + b",B,,teacher,,,,,,", "saved again"),
        (b"A,B,,teacher,,,," + b"x" * 300 + b",,", "discipline"),
        (b"A,B,,teacher,,,," + b"x" * 20_000 + b",,", "CSV"),
        (b'"A"x,B,,teacher,,,,,,', "CSV"),
    ],
)
def test_a_faulty_line_says_why_and_spoils_no_other(line: bytes, reason: str) -> None:
    first, fault, last = read(b"\n".join((HEADER.encode(), b"A,B,,teacher,,,,,,", line, b"C,D,,pupil,,,,,,")))
    assert isinstance(fault, Fault)
    assert (fault.number, reason in fault.reason) == (3, True)
    assert isinstance(first, Candidate)
    assert isinstance(last, Candidate)
    assert last.record.line == 4


EXCEL = ("given_name;surname;role;discipline;;", "Émilie;Bœuf;teacher;Français;;", ";;;;;", "L’Éloïse;N’Dÿ;pupil;;;")


def of_file(path: Path, encoding: Encoding = Encoding.AUTO) -> list[Item]:
    return list(rows.CsvExport(path, encoding=encoding).items(lambda _: None))


@pytest.mark.parametrize(
    ("codec", "said", "told"),
    [
        ("utf-8", Encoding.AUTO, ""),
        ("utf-8-sig", Encoding.AUTO, ""),
        ("utf-8", Encoding.UTF_8, ""),
        ("cp1252", Encoding.AUTO, "read as windows-1252"),
        ("cp1252", Encoding.WINDOWS_1252, ""),
        ("iso-8859-15", Encoding.ISO_8859_15, ""),
    ],
)
def test_as_spreadsheets_save_it(tmp_path: Path, codec: str, said: Encoding, told: str) -> None:
    path = tmp_path / "people.csv"
    text = "\r\n".join((*EXCEL, ""))
    path.write_bytes((text.replace("’", "'") if codec == "iso-8859-15" else text).encode(codec))
    remarks = [item for item in of_file(path, said) if isinstance(item, Remark)]
    assert [(remark.number, told in remark.reason) for remark in remarks] == ([(0, True)] if told else [])
    one, two = (item for item in of_file(path, said) if isinstance(item, PersonRecord))
    assert (one.line, one.given_name, one.surname, one.discipline) == (2, "Émilie", "Bœuf", "Français")
    assert (two.line, (two.surname or "").replace("’", "'")) == (4, "N'Dÿ")


def test_a_line_of_another_encoding_decides_nothing(tmp_path: Path) -> None:
    """Names are issued for ever: what was read wrongly is refused rather than guessed."""
    path = tmp_path / "people.csv"
    lines = [line.encode() for line in EXCEL]
    path.write_bytes(b"\n".join((*lines, "Zoé;B;pupil;;;".encode("cp1252"))))
    *_, fault = of_file(path)
    assert isinstance(fault, Fault)
    assert (fault.number, fault.reason) == (5, "not UTF-8")
    path.write_bytes(
        b"\n".join((*(line.encode("cp1252") for line in EXCEL), "Zoé;B;pupil;;;".encode(), b"\x81;B;pupil"))
    )
    assert [(item.number, item.reason.split()[0]) for item in of_file(path) if isinstance(item, Fault)] == [
        (5, "UTF-8"),
        (6, "not"),
    ]


def test_utf_16_is_told(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("\r\n".join(EXCEL).encode("utf-16"))
    with pytest.raises(BadSyntax, match="UTF-16"):
        of_file(path)


def test_tabs(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("given_name\tsurname\trole\nAnne\tB,C\tpupil\n")
    (one,) = of_file(path)
    assert isinstance(one, PersonRecord)
    assert one.surname == "B,C"


def test_an_open_quote_does_not_swallow_the_file() -> None:
    body = b"".join(b"A%d,B,,teacher,,,,,,\n" % number for number in range(5000))
    found = read(HEADER.encode() + b'\n"open,B,,teacher,,,,,,\n' + body)
    assert isinstance(found[0], Fault)
    assert sum(isinstance(line, Candidate) for line in found) > 4000


def test_a_line_that_does_not_end_is_refused_and_not_kept_in_memory(tmp_path: Path) -> None:
    """A file of one line of 64 MB, between two people."""
    path = tmp_path / "people.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("given_name,surname,role\nA,B,staff\nX,")
        for _ in range(64):
            file.write("y" * (1 << 20))
        file.write(",staff\nC,D,staff\n")
    export = rows.CsvExport(path, encoding=Encoding.UTF_8)
    tracemalloc.start()
    try:
        found = list(export.items(lambda _: None))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
    assert [
        (type(one).__name__, one.number if isinstance(one, Fault) else getattr(one, "line", 0)) for one in found
    ] == [
        ("PersonRecord", 2),
        ("Fault", 3),
        ("PersonRecord", 4),
    ]


def test_a_line_of_several_lines_keeps_its_number() -> None:
    found = read(b'given_name,surname,role,discipline\nA,B,teacher,"one\ntwo"\nC,D,king,\n')
    assert [item.number if isinstance(item, Fault) else item.record.line for item in found] == [2, 4]
    assert isinstance(found[0], Candidate)
    assert found[0].record.discipline == "one two"


def test_passwords_do_not_show() -> None:
    text = io.StringIO("given_name,surname,role,password,numen\nA,B,teacher,Very-Secret-1,21E2600123ABC\n", newline="")
    (record,) = rows.read(text)
    assert not {"Very-Secret", "21E26"} & {word for word in ("Very-Secret", "21E26") if word in repr(record)}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_octets_are_lines_or_faults(octets: bytes) -> None:
    read(b"given_name,surname,role,numen\n" + octets)


# ---------------------------------------------------------------------- merging

FILE = (
    f"Émilie,Dupont,1980-02-29,teacher,{NUMEN},,0210006T,Mathématiques,,",
    "Samir,Kaci,31/12/2010,pupil,,1234567890A,0210006T,,,",
    "Florence,Durand,,teacher,,,,,,",
    "Florence,Durand,,teacher,,,,,,",
    "Florence,Durand,,teacher,,,,,fd,",
    "Jean,Martin,,admin,,,,,jean.martin,",
)


def test_people_as_the_file_says(importer: Importer) -> None:
    assert importer(*FILE).counts == (6, 0, 0, 0)
    entry = importer.entry("edupont")
    assert (entry.given_name, entry.surname, entry.address) == ("Émilie", "Dupont", f"emilie.dupont@{DOMAIN}")
    assert (entry.role, entry.uai, entry.discipline) == (Role.TEACHER, "0210006T", "Mathématiques")
    assert entry.state is State.PENDING
    assert {one.login for one in importer.everybody()} == {
        "edupont",
        "skaci",
        "fdurand",
        "fdurand1",
        "fd",
        "jean.martin",
    }
    assert [school.uai for school in importer.store.read_now(schools.listing)] == ["0210006T"]
    standing = importer.standing("edupont")
    proofs = importer.directory.academy.proofs
    assert standing.marks.numen == proofs.numen(NUMEN)
    assert standing.marks.birth_date == proofs.birth_date("1980-02-29")
    assert standing.code is None


def test_twice_is_once(importer: Importer) -> None:
    importer(*FILE)
    before = [(entry, importer.standing(entry.login)) for entry in importer.everybody()]
    assert importer(*FILE).counts == (0, 0, 6, 0)
    assert importer(*reversed(FILE)).counts == (0, 0, 6, 0)
    assert [(entry, importer.standing(entry.login)) for entry in importer.everybody()] == before
    for entry in importer.everybody():
        assert len(importer.store.read_now(audit.history, entry.account_id)) == 1


def test_a_dry_run_says_the_same_and_writes_nothing(importer: Importer) -> None:
    lines = (*FILE, FILE[0], f"Émilie,Petit,,teacher,{NUMEN},,,,,", "A,B,,king,,,,,,")
    foreseen = importer(*lines, dry_run=True)
    assert importer.everybody() == []
    assert importer.store.read_now(schools.listing) == []
    assert foreseen.counts == importer(*lines).counts == (6, 1, 1, 1)
    assert importer(*FILE[1:], dry_run=True).counts == (0, 0, 5, 0)


def test_what_changed_is_changed_and_empty_cells_change_nothing(importer: Importer) -> None:
    importer(*FILE)
    report = importer(f"Émilie,Durand,,staff,{NUMEN},,0751717J,,,", "Samir,Kaci,,pupil,,1234567890A,,,,")
    assert report.counts == (0, 1, 1, 0)
    entry = importer.entry("edupont")
    assert (entry.surname, entry.role, entry.uai) == ("Durand", Role.STAFF, "0751717J")
    assert entry.discipline == "Mathématiques"
    assert (entry.address, f"emilie.dupont@{DOMAIN}" in entry.aliases) == (f"emilie.durand@{DOMAIN}", True)
    assert len(importer.everybody()) == 6


def test_a_private_address_is_the_persons_once_they_decide(importer: Importer) -> None:
    header = f"{HEADER},recovery_address"

    def line(address: str) -> str:
        return f"Émilie,Dupont,,teacher,{NUMEN},,,,,,{address}"

    importer(line("old@exemple.org"), header=header)
    importer(line("new@exemple.org"), header=header)
    account = importer.standing("edupont")
    assert account.recovery_address == "new@exemple.org"
    for decided in ("own@exemple.org", ""):
        importer.store.write_now(recoveries.set_address, account.id, decided)
        assert importer(line("new@exemple.org"), header=header).counts == (0, 0, 1, 0)
        assert importer.standing("edupont").recovery_address == decided


def test_recognised_by_ine_then_numen_then_login(importer: Importer) -> None:
    importer("Émilie,Dupont,,teacher,,,,,edupont,")
    assert importer(f"Émilie,Dupont,,teacher,{NUMEN},,,,edupont,").counts == (0, 1, 0, 0)
    assert importer(f"Émilie,Dupont,,teacher,{NUMEN},1234567890A,,,,").counts == (0, 1, 0, 0)
    assert importer("Émilie,Dupont,,teacher,,1234567890A,,,,").counts == (0, 0, 1, 0)
    assert len(importer.everybody()) == 1


@pytest.mark.parametrize(
    "line",
    [
        f"Marc,Petit,,teacher,{OTHER_NUMEN},,,,edupont,",
        f"Marc,Petit,,teacher,{NUMEN},1234567890A,,,,",
        "Marc,Petit,,teacher,,,,,not@login,",
    ],
)
def test_contradictions_are_refused(importer: Importer, line: str) -> None:
    importer(*FILE)
    report = importer(line, "Anne,Roy,,teacher,,,,,,")
    assert report.counts == (1, 0, 0, 1)
    assert report.heard.refused[0].number == 2
    assert importer.entry("edupont").surname == "Dupont"


def test_a_closed_account_is_not_opened_by_a_file(importer: Importer) -> None:
    importer(*FILE)
    importer.store.write_now(accounts.close, importer.entry("edupont").account_id, "left")
    report = importer(*FILE)
    assert report.counts == (0, 0, 5, 1)
    assert "closed" in report.heard.refused[0].reason


def test_a_wrong_check_letter_refuses_only_when_strict(importer: Importer) -> None:
    line = "Anne,Roy,,teacher,,,0450000A,,,"
    report = importer(line, strict=True)
    assert report.counts == (0, 0, 0, 1)
    assert "end in F" in report.heard.refused[0].reason
    report = importer(line)
    assert (report.counts, len(report.heard.remarks)) == ((1, 0, 0, 0), 1)
    assert importer.entry("aroy").uai == "0450000A"


async def test_passwords_are_taken_only_when_asked_and_once(importer: Importer) -> None:
    line, other = "Anne,Roy,,teacher,,,,,aroy,Pass-1", "Anne,Roy,,teacher,,,,,aroy,Pass-2"
    directory = importer.directory
    assert importer(line).tally.activated == 0
    assert importer.standing("aroy").state is State.PENDING
    assert importer(line, accept_passwords=True, dry_run=True).tally.activated == 1
    report = importer(line, line, accept_passwords=True)
    assert (report.counts, report.tally.activated) == ((0, 1, 1, 0), 1)
    assert importer.standing("aroy").state is State.ACTIVE
    for again in (line, other):
        report = importer(again, accept_passwords=True)
        assert (report.counts, report.tally.activated) == ((0, 0, 1, 0), 0)

    assert await directory.authenticate("aroy", Secret("Pass-1")) is not None
    assert await directory.authenticate("aroy", Secret("Pass-2")) is None


def test_two_thousand_people_in_seconds(importer: Importer) -> None:
    """On SQLite; on PostgreSQL every statement is a round trip, and a quarter shows the same."""
    total = 2000 if importer.store.backend.dialect == "sqlite" else 500
    lines = [
        f"Prénom{number % 50},Nom{number % 300},,teacher,{number % 100:02}E26{number:05}ABC,,,,,"
        for number in range(total)
    ]
    began = time.process_time()
    assert importer(*lines).counts == (total, 0, 0, 0)
    assert time.process_time() - began < 60
    began = time.process_time()
    assert importer(*lines).counts == (0, 0, total, 0)
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    ("line", "unlike"),
    [
        ("Marc,Roy,,teacher,,,0210006T,,aroy,", "given_name"),
        ("Anne,Petit,,teacher,,,0210006T,,aroy,", "surname"),
        ("Anne,Roy,,pupil,,,0210006T,,aroy,", "role"),
        ("Anne,Roy,,teacher,,,0210007U,,aroy,", "uai"),
        ("Marc,Petit,03/04/1991,pupil,,123456789AB,0210007U,,aroy,", "birth_date"),
    ],
)
def test_an_identifier_of_somebody_else_is_not_inherited(importer: Importer, line: str, unlike: str) -> None:
    """The line of a new person with the identifier of another would have renamed that one, mailbox and all."""
    importer("Anne,Roy,12/05/1980,teacher,,,0210006T,,aroy,")
    before = importer.entry("aroy")
    for dry_run in (True, False):
        done = importer(line, dry_run=dry_run)
        assert done.tally.counts[Outcome.REFUSED] == 1
        (why,) = [str(one.reason) for one in done.heard.refused]
        assert "aroy is the identifier of Anne Roy" in why
        assert unlike in why
    assert importer.entry("aroy") == before
    confirmed = importer(line, confirm_logins=True)
    assert confirmed.counts == (0, 1, 0, 0)
    assert importer(line).counts == (0, 0, 1, 0), "the same file again changes nothing"


def test_a_column_that_was_sorted_alone_gives_nobody_the_mailbox_of_another(importer: Importer) -> None:
    """Every INE stands in another's line then: each of them would have been renamed, mailbox and all."""
    anne, luc = "Anne,Roy,12/05/2010,pupil,,{},0210006T,,,", "Luc,Sy,03/04/2011,pupil,,{},0210006T,,,"
    one, two = "123456789AB", "987654321AB"
    importer(anne.format(one), luc.format(two))
    sorted_alone = (anne.format(two), luc.format(one))
    done = importer(*sorted_alone)
    assert (done.counts, [str(why.reason).partition(" (")[0] for why in done.heard.refused]) == (
        (0, 0, 0, 2),
        ["this number is lsy's", "this number is aroy's"],
    )
    without_dates = [line.replace("12/05/2010", "").replace("03/04/2011", "") for line in sorted_alone]
    assert importer(*without_dates).counts == (0, 0, 0, 2)
    # Names the wrong way round, both others on the same day of birth, or one of them: that is the same person.
    for again in ("Roy,Anne,,pupil,,{},0210006T,,,", "Zoé,Diop,12/05/2010,pupil,,{},0210006T,,,"):
        assert importer(again.format(one)).tally.renamed == 1
    assert importer(f"Zoé,Petit,13/05/2010,pupil,,{one},0210006T,,,").tally.renamed == 1
    assert importer(f"Léo,Noir,01/01/2011,pupil,,{one},0210006T,,,", confirm_logins=True).tally.renamed == 1


@pytest.mark.parametrize(
    "lines",
    [
        ("Anne,Petit,,teacher,,,0210006T,,aroy,", "Luc,Sy,03/04/2011,pupil,,987654321AB,0210006T,,,"),
        ("Anne,Roy,,teacher,21E2600123ABC,,0210006T,,aroy,", "Léo,Noir,01/01/2012,pupil,,987654321AB,0210006T,,,"),
        ("Anne,Roy,,teacher,21E2600123ABC,987654321AB,0210006T,,,",),
    ],
)
def test_whom_a_refused_line_is_about_is_no_leaver(importer: Importer, lines: tuple[str, ...]) -> None:
    """The line is there: what it says is not believed, and neither is that its person is gone."""
    importer(
        "Anne,Roy,,teacher,21E2600123ABC,,0210006T,,aroy,",
        "Luc,Sy,03/04/2011,pupil,,987654321AB,0210006T,,,",
        full=True,
    )
    done = importer(*lines, full=True, allow_leavers=9)
    assert done.tally.counts[Outcome.REFUSED] == 1
    assert done.tally.counts[Outcome.LEAVING] == 0
    assert {importer.standing(login).close_at for login in ("aroy", "lsy")} == {0}


@pytest.mark.parametrize("where", ["{},Roy,,teacher,,,,,,", "Anne,Roy {},,teacher,,,,,,", "Anne,Roy,,teacher,,,,{},,"])
def test_a_secret_in_the_wrong_column_is_refused_and_not_repeated(importer: Importer, where: str) -> None:
    """A column that slipped: everybody would read it in the address book."""
    for secret in ("21E2600123ABC", "123456789AB"):
        done = importer(where.format(secret))
        assert done.counts == (0, 0, 0, 1)
        assert [str(why.reason).partition(": ")[2] for why in done.heard.refused] == [
            "this looks like a NUMEN or an INE, which are secrets"
        ]


def test_a_file_that_breaks_off_in_its_last_line(importer: Importer) -> None:
    """Half an identifier would be issued for ever; a line that is whole needs no end."""
    header = b"given_name,surname,role,uai,login,discipline\n"
    (whole,) = read(header + b"Anne,Roy,teacher,0210006T,aroy,L1300")
    assert isinstance(whole, Candidate)
    for cut in (b"Anne,Roy,teacher,0210006T,ar", b"Anne,Roy,tea", b"Ann"):
        (fault,) = read(header + cut)
        assert isinstance(fault, Fault)
        assert "breaks off" in str(fault.reason)
    (short,) = read(header + b"Anne,Roy,teacher\n")
    assert isinstance(short, Candidate), "some programs write no empty cells at the end"


def test_who_marries_or_moves_is_known_by_ine_numen_or_birth_date(importer: Importer) -> None:
    importer("Anne,Roy,12/05/1980,teacher,,,0210006T,,aroy,", "Luc,Sy,,teacher,21E2600123ABC,,0210006T,,lsy,")
    born = importer("Anne,Petit,12/05/1980,teacher,,,0210007U,,aroy,")
    assert (born.counts, born.tally.renamed, born.tally.moved) == ((0, 1, 0, 0), 1, 1)
    marked = importer("Luc,Diop,,staff,21E2600123ABC,,0210007U,,lsy,")
    assert (marked.counts, marked.tally.renamed) == ((0, 1, 0, 0), 1)
