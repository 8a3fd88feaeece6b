"""What fuzzing has found stays found; and every target, for a moment, on whatever hypothesis thinks of."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import seeds
from tests.fuzz.targets import TARGETS

CASES = sorted((Path(__file__).parent / "cases").glob("*/*"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_find_is_mended(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_fuzzing_starts_from(name: str) -> None:
    known = list(seeds.of(name))
    assert known
    for octets in known:
        TARGETS[name](octets)


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_anything(name: str, data: st.DataObject) -> None:
    words = st.sampled_from([*seeds.words(name), b""])
    octets = data.draw(st.lists(words | st.binary(max_size=6), max_size=30).map(b"".join))
    TARGETS[name](octets)
