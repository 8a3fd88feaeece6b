"""AAF files: what they say, in what order, and what hostile ones may not do."""

import io
import shutil
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.imports.import_setup import export_of
from directory.imports.sources.aaf import AafExport, parts, people, recognises
from directory.imports.sources.aaf import requests as wire
from directory.imports.sources.aaf.functions import role_of
from directory.imports.sources.aaf.people import Vocabulary
from directory.imports.sources.aaf.requests import Request, RequestReader, Unreadable, Verb
from directory.imports.sources.aaf.schools import Structures
from directory.imports.sources.records import Departure, Fault, Item, PersonRecord, Remark, SchoolRecord, TermRecord
from mailserver.foundation.settings import Settings
from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Role
from mailserver.texts.causes import Cause
from tests.clocks import PARIS
from tests.conftest import StoreMaker
from tests.directory.imports import aaf_generator
from tests.directory.imports.aaf_generator import Academy, add, delete, document, modify, write_files

SAMPLES = Path(__file__).parent / "aaf"
TODAY = date(2026, 11, 25)
SCHOOLS = {"1234": "0210006T", "1235": "0890001T"}
PERSON = "categoriePersonne"


def read(*paths: Path, known: Mapping[str, str] | None = None) -> list[Item]:
    with parts(paths) as found:
        return list(AafExport(found, known or {}, TODAY).items(lambda octets: None))


def lines(items: Iterable[Item]) -> list[str]:
    """Items as the golden files have them: one a line, nothing that is not said."""
    return [_line(item) for item in items]


def _line(item: Item) -> str:
    match item:
        case PersonRecord():
            ties = " ".join(
                f"{affiliation.kind}:{affiliation.uai}:{affiliation.code}:{affiliation.label}".replace(" ", "_")
                for affiliation in item.affiliations
            )
            said = [
                *(item.source_key, item.role, item.given_name, item.surname, item.title, item.birth_date, item.ine),
                *(item.uai, item.discipline, f"[{','.join(sorted(item.ties))}]", ties),
            ]
            return f"{item.line} person " + " | ".join("-" if value is None else str(value) for value in said)
        case SchoolRecord():
            said = [
                *(item.uai, item.name, item.kind, item.contract, item.address, item.postcode, item.town),
                *(item.telephone, item.source_key),
            ]
            return f"{item.line} school " + " | ".join("-" if value is None else str(value) for value in said)
        case TermRecord():
            return f"{item.line} term {item.kind} | {item.uai} | {item.code} | {item.label}"
        case Departure():
            return f"{item.line} departure {item.source_key}"
        case Fault():
            return f"{item.number} fault {item.about.source_key if item.about else '?'} | {item.reason}"
        case Remark():
            return f"{item.number} remark {item.reason}"


def requests_of(octets: bytes) -> list[Request | Unreadable]:
    reader = RequestReader()
    return [*reader.feed(octets), *reader.close()]


def file_of(*records: str, encoding: str = aaf_generator.ENCODING) -> bytes:
    return b"".join(document(records, encoding))


def person(number: int = 1, **values: str) -> str:
    return add(PERSON, "Eleve", number, {"sn": ("Un",), "givenName": ("Deux",), **{k: (v,) for k, v in values.items()}})


# ---------------------------------------------------------------------- what is read


@pytest.mark.parametrize(("at", "said"), [("2026-12-01T00:30", "departure 1"), ("2026-11-30T23:30", "person 1")])
@pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
def test_a_pupil_has_left_when_their_last_day_is_over_here(
    make_store: StoreMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, said: str
) -> None:
    """Half past midnight in Paris is yesterday in UTC."""
    store, moment = make_store(), datetime.fromisoformat(at).replace(tzinfo=PARIS).timestamp()
    monkeypatch.setattr(store.clock, "now", lambda: moment)
    files = write_files(tmp_path, "ENT_X_Complet_20261124_Eleve", [person(ENTEleveDateSortie="30/11/2026")])
    settings = Settings.model_validate({"domain": "ac-exemple.fr", "directory": tmp_path})
    with export_of(settings, store, files, "", full=True) as export:
        assert any(f" {said}" in line for line in lines(export.items(lambda octets: None)))


@pytest.mark.parametrize("name", ["full", "delta"])
def test_golden(name: str) -> None:
    expected = (SAMPLES / f"{name}.txt").read_text("utf-8").splitlines()
    assert lines(read(SAMPLES / name, known=SCHOOLS if name == "delta" else None)) == expected


def test_full_and_delta_are_told_apart() -> None:
    with parts([SAMPLES / "full"]) as found:
        assert AafExport(found, {}, TODAY).full
        without_pupils = [part for part in found if "Eleve" not in part.name]
        partial = AafExport(without_pupils, {}, TODAY)
        assert not partial.full
        assert "nobody is taken for a leaver" in lines(partial.items(lambda octets: None))[-1]
    with parts([SAMPLES / "delta"]) as found:
        assert not AafExport(found, {}, TODAY).full


@pytest.mark.parametrize("missing", ["0000", "0001"])
def test_an_export_of_which_a_file_is_missing_makes_no_leavers(tmp_path: Path, missing: str) -> None:
    """Files of a family are numbered: a transfer that lost one had its people leave."""
    for file in (SAMPLES / "full").iterdir():
        shutil.copy(file, tmp_path / file.name)
    pupils = tmp_path / "ENT_0210006T_Complet_20261124_Eleve_0000.xml"
    for number in range(1, 4):
        shutil.copy(pupils, tmp_path / pupils.name.replace("0000", f"{number:04d}"))
    with parts([tmp_path]) as found:
        assert AafExport(found, {}, TODAY).full
    (tmp_path / pupils.name.replace("0000", missing)).unlink()
    if missing == "0000":  # they may be numbered from one on
        (tmp_path / pupils.name.replace("0000", "0001")).unlink()
    with parts([tmp_path]) as found:
        export = AafExport(found, {}, TODAY)
        assert not export.full
        said = lines(export.items(lambda octets: None))[-1]
    assert "ENT_0210006T_Complet_20261124_Eleve_0001.xml is missing" in said


@pytest.mark.parametrize("form", ["files", "zip", "tar.gz", "tgz", "tar", "zip in a folder", "utf-8"])
def test_every_packing_says_the_same(tmp_path: Path, form: str) -> None:
    files = sorted((SAMPLES / "full").iterdir())
    match form:
        case "files":
            # In any order: schools are read first.
            paths = files[::-1]
        case "zip" | "zip in a folder":
            paths = [tmp_path / "ENT.zip"]
            with zipfile.ZipFile(paths[0], "w", zipfile.ZIP_DEFLATED) as archive:
                for file in files[::-1]:
                    archive.write(file, f"export/{file.name}")
                archive.writestr("export/ficAlimMENESR.dtd", "<!ELEMENT ficAlimMENESR ANY>")
            paths = [tmp_path] if form.endswith("folder") else paths
        case "utf-8":
            for file in files:
                text = file.read_bytes().decode("iso-8859-15").replace("ISO-8859-15", "UTF-8")
                (tmp_path / file.name).write_text("\ufeff" + text, "utf-8")
            paths = [tmp_path]
        case _:
            paths = [tmp_path / f"ENT.{form}"]
            with tarfile.open(paths[0], "w:gz" if "gz" in form else "w") as packed:
                for file in files[::-1]:
                    packed.add(file, f"../../{file.name}")
    assert all(recognises(path) for path in paths)
    assert lines(read(*paths)) == (SAMPLES / "full.txt").read_text("utf-8").splitlines()


def test_family_and_mode_by_content_where_the_name_says_nothing(tmp_path: Path) -> None:
    for number, file in enumerate(sorted((SAMPLES / "full").iterdir())):
        shutil.copy(file, tmp_path / f"{number}.xml")
    with parts([tmp_path]) as found:
        assert [part.family for part in found] == sorted(part.family for part in found)
        assert not AafExport(found, {}, TODAY).full, "without a name that says Complet nobody is a leaver"
    people = [line for line in lines(read(tmp_path)) if " person " in line]
    assert people == [line for line in (SAMPLES / "full.txt").read_text("utf-8").splitlines() if " person " in line]


def test_read_twice_and_digest_are_the_same(tmp_path: Path) -> None:
    with parts([SAMPLES / "full"]) as found:
        export = AafExport(found, {}, TODAY)
        read_octets: list[int] = []
        assert list(export.items(read_octets.append)) == list(export.items(lambda octets: None))
        assert sum(read_octets) == export.size
        again = AafExport(found, {}, TODAY)
        assert export.digest() == again.digest()
        assert len(export.digest()) == 32


def test_other_files_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("given_name,surname,role\nÉmile,Zola,staff\n", "utf-8")
    (tmp_path / "other.xml").write_text("<html>ficAlimMENESR</html>")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8b nothing")
    for path in tmp_path.iterdir():
        assert not recognises(path)
    with pytest.raises(BadSyntax, match="no AAF file"), parts([tmp_path / "people.csv"]):
        pass


@pytest.mark.parametrize(
    ("codes", "teaches", "has_school", "role"),
    [
        (["ENS"], True, True, Role.TEACHER),
        (["DOC"], False, True, Role.TEACHER),
        (["ENS", "DIR"], True, True, Role.SECRETARIAT),
        (["ADF"], False, True, Role.SECRETARIAT),
        (["ADF"], False, False, Role.STAFF),
        (["EDU"], True, True, Role.STAFF),
        (["XYZ"], True, True, Role.STAFF),
        ([], True, False, Role.TEACHER),
        ([], False, True, Role.STAFF),
    ],
)
def test_roles(codes: Sequence[str], teaches: bool, has_school: bool, role: Role) -> None:
    assert role_of(codes, teaches, has_school) is role


def test_a_modification_says_only_what_it_says() -> None:
    [one] = requests_of(file_of(modify(PERSON, "Eleve", 7, {"sn": ("Neuf",), "ENTEleveGroupes": ()})))
    assert one == Request(Verb.MODIFY, "Eleve", "7", {"sn": ("Neuf",), "ENTEleveGroupes": ()}, 4)


# ---------------------------------------------------------------------- hostile and broken files


def test_split_anywhere() -> None:
    octets = (SAMPLES / "full" / "ENT_0210006T_Complet_20261124_PersEducNat_0000.xml").read_bytes()
    whole = requests_of(octets)
    reader = RequestReader()
    pieces = [one for index in range(len(octets)) for one in reader.feed(octets[index : index + 1])]
    assert [*pieces, *reader.close()] == whole


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_octets_raise_nothing_else(octets: bytes) -> None:
    for beginning in (
        b"",
        b"<ficAlimMENESR>",
        b'<?xml version="1.0" encoding="ISO-8859-15"?><ficAlimMENESR><addRequest>',
    ):
        try:
            requests_of(beginning + octets)
        except BadSyntax:
            continue


LETTERS = st.characters(codec="iso-8859-15", categories=("L", "N", "P", "S", "Zs"), exclude_characters="&\u00ad\xa0")
TEXT = st.text(LETTERS, max_size=40).map(lambda text: " ".join(text.split()))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 1 << 40), st.dictionaries(TEXT.filter(bool), st.lists(TEXT.filter(bool), max_size=3))),
        max_size=4,
    )
)
def test_what_was_written_is_read(records: list[tuple[int, dict[str, list[str]]]]) -> None:
    octets = file_of(*(add(PERSON, "Eleve", number, values) for number, values in records))
    found = requests_of(octets)
    assert [(one.id, dict(one.values)) for one in found if isinstance(one, Request)] == [
        (str(number), {name: tuple(said) for name, said in values.items()}) for number, values in records
    ]


@pytest.mark.parametrize(
    "declaration",
    [
        '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">',
        '<!ENTITY secret SYSTEM "file:///etc/passwd">',
        '<!ENTITY % far SYSTEM "http://127.0.0.1:9/evil.dtd"> %far;',
    ],
    ids=["billion laughs", "external entity", "external parameter entity"],
)
def test_entities_are_refused(declaration: str) -> None:
    text = f"<!DOCTYPE ficAlimMENESR [{declaration}]><ficAlimMENESR>{person(sn='&c;&secret;')}</ficAlimMENESR>"
    with pytest.raises(BadSyntax, match="declares the entity"):
        requests_of(text.replace("&amp;", "&").encode())


def test_the_named_dtd_is_not_fetched_and_its_entities_are_unknown() -> None:
    text = file_of(person(1, sn="Caf@eacute;"), person(2)).replace(b"@", b"&")
    assert requests_of(text)[0] == Unreadable(4, Cause("unknown-entity", name="eacute"), "Eleve", "1")
    assert isinstance(requests_of(text)[1], Request)


def test_element_declarations_are_passed_over() -> None:
    text = f"<!DOCTYPE ficAlimMENESR [<!ELEMENT ficAlimMENESR ANY>]><ficAlimMENESR>{person()}</ficAlimMENESR>"
    assert isinstance(requests_of(text.encode())[0], Request)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!DOCTYPE html><ficAlimMENESR/>", "document type"),
        ("<html/>", "root is <html>"),
        ("<ficAlimMENESR>" + "<a>" * 20, "nested deeper"),
        ("<ficAlimMENESR><addRequest>", "not XML: no element found"),
        ("<ficAlimMENESR></addRequest>", "line 1: not XML: mismatched tag"),
        ('<?xml version="1.0" encoding="UTF-8"?><ficAlimMENESR>\xe9\xe9</ficAlimMENESR>', "not XML"),
        ('<?xml version="1.0" encoding="KLINGON"?><ficAlimMENESR/>', "not XML"),
        ('<?xml version="1.0" encoding="shift_jis"?><ficAlimMENESR/>', "not XML"),
    ],
)
def test_what_ends_a_file(text: str, reason: str) -> None:
    with pytest.raises(BadSyntax, match=reason):
        requests_of(text.encode("latin-1"))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("<addRequest/>", "without a category"),
        (person().replace("<id>1</id>", "<id/>"), "without an identifier"),
        (person().replace("addRequest", "burnRequest"), "unknown request <burnRequest>"),
        (person().replace("<attributes>", "<attributes><joke/>"), "<joke> in <attributes>"),
        (person().replace('name="sn"', 'nom="sn"'), "an attribute without a name"),
        (modify(PERSON, "Eleve", 1, {"sn": ("X",)}).replace("replace", "erase"), "sn: unknown operation 'erase'"),
        (person(sn="x" * 70_000), "a value longer than"),
        (add(PERSON, "Eleve", 1, {"sn": ["x"] * 20_001}), "more than 20000 values"),
    ],
)
def test_a_bad_record_is_refused_and_the_rest_goes_on(record: str, reason: str) -> None:
    bad, good = requests_of(file_of(record, person(2)))
    assert isinstance(bad, Unreadable)
    assert bad.line == 4
    assert bad.reason.startswith(reason)
    assert isinstance(good, Request)
    assert good.id == "2"


def endless(reader: RequestReader) -> None:
    reader.feed(b'<attr name="')
    for _ in range(200):
        reader.feed(b"x" * wire.BLOCK)


def test_a_record_without_end_takes_no_memory() -> None:
    reader = RequestReader()
    reader.feed(b"<ficAlimMENESR><addRequest>")
    tracemalloc.start()
    with pytest.raises(BadSyntax, match="a record longer than"):
        endless(reader)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * wire.MAX_RECORD


def test_a_file_that_breaks_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ENT_X_Complet_1_Eleve_0000.xml"
    path.write_bytes(file_of(person())[:-10])
    with pytest.raises(BadSyntax, match=r"ENT_X_Complet_1_Eleve_0000\.xml: line 12: not XML"):
        read(path)


def test_an_archive_bomb_is_refused(tmp_path: Path) -> None:
    bomb = file_of(person(1, sn="x")) + b" " * (64 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ENT_Complet_Eleve_0000.xml", bomb)
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as packed:
        member = tarfile.TarInfo("ENT_Complet_Eleve_0000.xml")
        member.size = len(bomb)
        packed.addfile(member, io.BytesIO(bomb))
    for name in ("bomb.zip", "bomb.tar.gz"):
        with pytest.raises(BadSyntax, match="grows more than"), parts([tmp_path / name]):
            pass


def test_an_archive_is_unpacked_into_nothing_that_a_kill_would_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(unpacked))
    with tarfile.open(tmp_path / "ENT.tar.gz", "w:gz") as packed:
        packed.add(SAMPLES / "full", "full")
    with parts([tmp_path / "ENT.tar.gz"]) as found:
        assert len(found) > 3
        assert list(unpacked.iterdir()) == []
        for part in found:
            with part.open() as file:
                assert file.read(1 << 20) == (SAMPLES / "full" / Path(part.name).name).read_bytes()


def test_numbers_with_the_prefix_of_a_directory_are_the_same_numbers() -> None:
    words = Vocabulary(Structures(SCHOOLS))
    said = {"sn": "Un", "givenName": "Deux", "ENTPersonStructRattach": "AC-DIJON$1234"}
    bare, prefixed = (
        [item for one in requests_of(octets) if isinstance(one, Request) for item in people.read(one, words, TODAY, "")]
        for octets in (
            file_of(person(7, **said, ENTPersonJointure="7"), delete(PERSON, "Eleve", 7)),
            file_of(person(7, **said, ENTPersonJointure="AC-DIJON$7"), delete(PERSON, "Eleve", "AC-DIJON$7")),
        )
    )
    assert lines(bare) == lines(prefixed)
    assert "person 7 " in lines(bare)[0]
    assert "0210006T" in lines(bare)[0]
    assert isinstance(bare[1], Departure)


def test_parents_are_counted_wherever_a_tag_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.imports.sources.aaf.export.READ", 17)
    path = tmp_path / "ENT_X_Complet_1_PersRelEleve_0000.xml"
    path.write_bytes(file_of(*(add(PERSON, "PersRelEleve", number, {"sn": ("P",)}) for number in range(40))))
    assert lines(read(path))[0] == "0 remark 40 parents counted, not imported: they have no accounts"


# ---------------------------------------------------------------------- the generator


def test_the_generator_says_the_same_twice(tmp_path: Path) -> None:
    academy = Academy(staff=40, pupils=200, schools=6)
    for folder in ("one", "two"):
        academy.write_full(tmp_path / folder / "full", parents=True)
        academy.write_delta(tmp_path / folder / "delta", 50)
    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.xml"))
    assert len(names) == 8
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)
    found = read(tmp_path / "one" / "full")
    people = [item for item in found if isinstance(item, PersonRecord)]
    assert len(people) == 240
    assert len({item.source_key for item in people}) == 240
    assert not [item for item in found if isinstance(item, Fault)]
    delta = read(tmp_path / "one" / "delta", known={str(1000 + number): academy.uai(number) for number in range(6)})
    assert sum(isinstance(item, PersonRecord | Departure) for item in delta) == 50
    assert not [item for item in delta if isinstance(item, Fault | Remark)]
