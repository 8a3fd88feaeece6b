"""The layers and the folders that documents show are those of the code."""

from pathlib import Path

import pytest

from tests.documents.made import made, replaced
from tests.hatchery import ROOT

BLOCKS = list(made())


@pytest.mark.parametrize(
    ("path", "mark", "block"), BLOCKS, ids=lambda value: value.parent.name if isinstance(value, Path) else ""
)
def test_what_is_made_from_the_code_is_current(path: Path, mark: str, block: str) -> None:
    assert path.read_text() == replaced(path.read_text(), mark, block), "run `python -m tests.documents`"


def test_every_folder_of_tests_is_in_their_readme() -> None:
    said = (ROOT / "tests" / "README.md").read_text()
    folders = {path.parent.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").glob("*/__init__.py")}
    assert [name for name in sorted(folders) if f"`{name}/`" not in said] == []
