"""The catalogue follows the code, chance repeats itself, a trial tells what became of a fault. No fault is tried."""

import subprocess
from pathlib import Path

import pytest

from tests.faults import mutations
from tests.faults.catalogue import FAULTS
from tests.faults.fault import ROOT, Fault, Lost
from tests.faults.trial import Outcome, workplace

MODULE = "smtp/wire/framing.py"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_still_applies(fault: Fault) -> None:
    """Whoever changes a line that a fault stands in gives the fault its new snippet, in tests/faults/catalogue."""
    spoilt = fault.applied((ROOT / fault.file).read_text(encoding="utf-8"))
    compile(spoilt, fault.file, "exec")
    assert fault.tests
    for test in fault.tests:
        assert (ROOT / test.partition("::")[0]).exists(), test


def test_names_are_of_one_fault() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) > 56


def test_chance_repeats_itself() -> None:
    some = mutations.chosen(ROOT, 30, seed=7)
    assert [fault.name for fault in mutations.chosen(ROOT, 30, seed=7)] == [fault.name for fault in some]
    assert [fault.name for fault in mutations.chosen(ROOT, 30, seed=8)] != [fault.name for fault in some]
    for fault in some:
        compile(fault.applied((ROOT / fault.file).read_text(encoding="utf-8")), fault.file, "exec")


def test_every_kind_of_change_is_there() -> None:
    kinds = {fault.name.rpartition(": ")[2] for fault in mutations.of_module(ROOT, MODULE)}
    assert {"condition negated", "comparison changed", "and, or exchanged", "statement dropped"} <= kinds


def test_what_tests_exist_for_chance() -> None:
    for module, tests in mutations.MODULES.items():
        assert (ROOT / module).is_file()
        for test in tests:
            assert (ROOT / test).exists(), test


def test_a_trial_tells_what_became_of_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # it starts five times
    (tmp_path / "adding.py").write_text("def add(a, b):\n    return a + b\n\n\nUNUSED = 1\n")
    (tmp_path / "test_adding.py").write_text("from adding import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n")
    (tmp_path / "test_ill.py").write_text("import adding\n\n\ndef test_ill():\n    assert False\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    tests, ill = ("test_adding.py",), ("test_ill.py",)
    wanted = {
        Outcome.CAUGHT: Fault("minus", "", "adding.py", "a + b", "a - b", tests),
        Outcome.MISSED: Fault("unused", "", "adding.py", "UNUSED = 1", "UNUSED = 2", tests),
        Outcome.LOST: Fault("gone", "", "adding.py", "a * b", "a - b", tests),
        Outcome.BROKEN: Fault("none", "", "adding.py", "a + b", "a - b", ("test_gone.py",)),
        Outcome.AILING: Fault("ill", "", "adding.py", "a + b", "a - b", ill),
    }
    with workplace(tmp_path, 120) as place:
        found = {outcome: place.run(fault).outcome for outcome, fault in wanted.items()}
        assert place.read("adding.py") == (tmp_path / "adding.py").read_text(), "a fault is taken out again"
    assert found == {outcome: outcome for outcome in wanted}


def test_a_snippet_that_stands_twice_is_no_fault() -> None:
    with pytest.raises(Lost):
        Fault("twice", "", MODULE, "x", "y", ()).applied("x and x")
