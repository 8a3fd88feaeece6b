"""What people choose: every field keeps its value, nothing that is none is ever kept."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.model.account import preferences
from mailserver.model.account.preferences import (
    MAX_LETTERS,
    NOTED_LETTERS,
    USUAL_TAGS,
    Preferences,
    Tag,
    read,
    revise,
    write,
)
from mailserver.model.errors import Reason, Refused


def test_defaults_take_no_room() -> None:
    assert json.loads(write(Preferences())) == {"version": 1}
    assert read(write(Preferences())) == read("{}") == Preferences()


@pytest.mark.parametrize("name", [field.name for field in fields(Preferences) if "values" in field.metadata])
def test_every_choice_comes_back(name: str) -> None:
    for value in {field.name: field for field in fields(Preferences)}[name].metadata["values"]:
        chosen = revise(Preferences(), {name: value})
        assert getattr(chosen, name) == value
        assert read(write(chosen)) == chosen


def test_what_is_none_changes_nothing() -> None:
    before = replace(Preferences(), theme="sombre", signature="Emma")
    forged = {"theme": "rose", "page_size": "50", "formatted": 1, "signature": "x" * 2001, "mark_read": True}
    assert revise(before, forged) == before
    with pytest.raises(KeyError):
        revise(before, {"admin": True})


def test_tags_are_kept_and_checked() -> None:
    mine = (*USUAL_TAGS, Tag("conseil", "Conseil de classe", "jaune"))
    chosen = revise(Preferences(), {"tags": mine})
    assert read(write(chosen)).tags == mine
    assert chosen.tag("CONSEIL") == mine[-1]
    for bad in (
        (Tag("\\Seen", "Lu", "rouge"),),
        (Tag("a b", "Deux mots", "rouge"),),
        (Tag("vide", " ", "rouge"),),
        (Tag("a", "A", "url(x)"),),
        (Tag("a", "A", "rouge"), Tag("A", "B", "vert")),
        tuple(Tag(f"t{number}", "T", "vert") for number in range(preferences.MAX_TAGS + 1)),
    ):
        assert revise(chosen, {"tags": bad}) == chosen


def test_what_could_not_be_read_again_is_refused() -> None:
    """Characters that JSON writes in six: nothing is dropped for them later."""
    long = {"signature": "\x01" * preferences.MAX_SIGNATURE, "hidden_agendas": "\x01" * 3000}
    large = revise(Preferences(), long)
    assert read(write(large)) == large
    noted = {"charter": "c" * 64, "spoken": "fr", "recent_folders": tuple(range(10**9, 10**9 + 5))}
    assert read(write(revise(large, noted))) == revise(large, noted)
    with pytest.raises(Refused) as refused:
        write(revise(large, {"hidden_agendas": "\x01" * 3600}))
    assert refused.value.reason is Reason.TOO_BIG


def test_a_class_has_a_name_that_can_be_read() -> None:
    assert revise(Preferences(), {"class_colours": (("3e\x07B", "bleu"),)}).class_colours == ()


@given(st.text(max_size=200) | st.just("[" * 5000) | st.just("x" * (MAX_LETTERS + NOTED_LETTERS + 1)))
def test_no_text_is_an_error(text: str) -> None:
    assert read(text) == Preferences() or text.lstrip().startswith("{")


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in fields(Preferences)]),
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5),
    )
)
def test_odd_values_are_left_out(kept: dict[str, object]) -> None:
    chosen = read(json.dumps(kept))
    assert read(write(chosen)) == chosen
