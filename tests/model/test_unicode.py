"""Normalisation: the same as Unicode's wherever people write, and bounded work everywhere else."""

import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.model.unicode import Form, normalize

FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.sampled_from(FORMS))
def test_short_texts_as_unicode_has_them(text: str, form: Form) -> None:
    assert normalize(form, text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", ["Élève ", "日本語", "กุ่", "각", "হো", "שָׁלוֹם"])
def test_long_texts_of_any_writing(unit: str, form: Form) -> None:
    assert normalize(form, unit * 1000) == unicodedata.normalize(form, unit * 1000)


def test_no_character_brings_more_marks_than_are_looked_for() -> None:
    """Every mark there is, and everything that decomposes into marks, ends a run."""
    marks = [one for one in map(chr, range(0x110000)) if unicodedata.combining(unicodedata.normalize("NFKD", one)[:1])]
    assert len(marks) > 800
    for mark in marks:
        folded = normalize("NFKD", "a" + mark * 100)
        runs = [index for index, char in enumerate(folded) if not unicodedata.combining(char)] + [len(folded)]
        assert max(after - before for before, after in pairwise(runs)) <= 4 * 30 + 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marks", ["\u0315\u0300", "\u0f75\u0f71", "\uff9e\u0300", "\u0344\u0345"])
def test_cost_is_linear(marks: str, form: Form) -> None:
    """80 KB of marks take 5 s when they are sorted as one run."""

    def measure(count: int) -> float:
        start = time.process_time()
        normalize(form, "a" + marks * count)
        return time.process_time() - start

    assert min(measure(40_000) for _ in range(3)) < 2
