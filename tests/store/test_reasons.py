"""Why an account is suspended or closed: whole as an operator wrote it, whatever it looks like."""

import pytest

from mailserver.store.account.accounts import kept_reason, read_reason
from mailserver.texts.causes import Cause

LEFT = Cause("left-export", source="aaf")


@pytest.mark.parametrize(
    "words",
    [
        "x" * 4000,
        "admin",
        "left code",
        "recovery code",
        "12 Tablette",
        '{"code":"left-export","values":{"source":"csv"}}',
        '{"code":',
        "{source}",
    ],
)
def test_words_stay_as_they_were_written(words: str) -> None:
    kept = kept_reason(words)
    for _ in range(3):  # a closing puts a suspension's reason aside, a restoration brings it back
        read = read_reason(kept)
        assert (read.name, str(read), read.to("fr")) == ("plain", words, words)
        kept = kept_reason(read)
    assert kept == kept_reason(words)


def test_reasons_of_imports_are_codes() -> None:
    kept = kept_reason(LEFT)
    assert read_reason(kept).facts == LEFT.facts
    assert kept_reason(read_reason(kept)) == kept
    assert read_reason("no longer in the export aaf").facts == LEFT.facts


@pytest.mark.parametrize(
    "kept", ['{"code":"left-export"', '{"code":' + "[" * 100_000, '{"code":"plain","values":{"text":5}}']
)
def test_damaged_rows_are_shown_as_they_stand(kept: str) -> None:
    assert str(read_reason(kept)) == kept
