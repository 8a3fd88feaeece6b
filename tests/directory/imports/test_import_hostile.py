"""Records that no academy writes: each is refused with its line, and stops nobody else's, on both engines."""

import random
from datetime import date
from pathlib import Path

import pytest

from directory.imports.intake import Options
from directory.imports.sources.aaf import AafExport, parts
from directory.imports.target import Outcome
from directory.people.embedded import EmbeddedDirectory
from mailserver.store.engine.transactions import Store
from tests.directory.imports.aaf_generator import add, document
from tests.directory.imports.importing import Heard, Importer, ignore


@pytest.fixture
def importer(embedded: EmbeddedDirectory, store: Store, tmp_path: Path) -> Importer:
    return Importer(embedded, store, tmp_path)


def noise(length: int) -> str:
    """What does not compress: an index row of PostgreSQL ends at 2,704 octets."""
    chosen = random.Random(length)
    return "".join(chosen.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(length))


def pupil(number: object, **values: str) -> str:
    said = {"sn": "Un", "givenName": "Deux", **values}
    return add("categoriePersonne", "Eleve", number, {name: (value,) for name, value in said.items()})  # type: ignore[arg-type]


def school(number: object, **values: str) -> str:
    said = {"ENTStructureUAI": "0210006T", "ENTStructureJointure": str(number), **values}
    return add("categorieStructure", "EtabEducNat", number, {name: (value,) for name, value in said.items()})  # type: ignore[arg-type]


HOSTILE = {
    "number of a person": (pupil(7, ENTPersonJointure=noise(9000)),),
    "unprintable number": (pupil(7, ENTPersonJointure="AC-X$5\u202e7"),),
    "number of a school": (school(noise(9000)),),
    "code of a class": (school(1, ENTStructureClasses=f"{noise(9000)}$x"),),
    "label of a class": (school(1, ENTStructureClasses=f"4B${noise(9000)}"),),
    "class of a pupil": (school(1), pupil(8, ENTPersonStructRattach="1", ENTEleveClasses=f"1${noise(9000)}")),
    "training": (school(1), pupil(8, ENTPersonStructRattach="1", ENTEleveMEF=noise(300))),
    "name": (pupil(9, sn=noise(9000)),),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_value_that_is_too_long_for_its_place(importer: Importer, tmp_path: Path, case: str) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    octets = b"".join(document([*HOSTILE[case], pupil(99, sn="Trois")], "utf-8"))
    (folder / "ENT_X_Delta_1_Eleve_0000.xml").write_bytes(octets)
    for created in (1, 0):
        with parts([folder]) as found:
            export = AafExport(found, {}, date(2026, 11, 25))
            intake, heard = importer.intake("aaf"), Heard()
            plan = intake.plan(export, Options(), heard, ignore)
            try:
                report = intake.apply(export, "export", plan, Options(), Heard(), ignore)
            finally:
                plan.close()
        counts = report.tally.counts
        assert (counts[Outcome.CREATED], counts[Outcome.CHANGED]) == (created, 0)
        assert [fault.number for fault in heard.refused] == [heard.refused[0].number]
        assert len(heard.refused[0].reason) < 200
    assert [entry.login for entry in importer.everybody()] == ["dtrois"]
