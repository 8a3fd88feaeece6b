"""The command line speaks the language of the locale."""

import os
import subprocess
import sys

import pytest

from mailserver.texts.command_line import LANGUAGE, _, language_of


@pytest.mark.parametrize(
    ("environment", "encoding", "language"),
    [
        ({}, "utf-8", "en"),
        ({"LANG": "fr_FR.UTF-8"}, "utf-8", "fr"),
        ({"LANG": "fr"}, "UTF8", "fr"),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": "C.UTF-8"}, "utf-8", "en"),
        ({"LANG": "C", "LC_MESSAGES": "fr_BE@euro", "LC_ALL": ""}, "utf-8", "fr"),
        ({"LANG": "fr_FR.ISO-8859-1"}, "iso8859-1", "en"),
        ({"LANG": "fro_FR.UTF-8"}, "utf-8", "en"),
    ],
)
def test_the_language_is_that_of_the_locale(environment: dict[str, str], encoding: str, language: str) -> None:
    assert language_of(environment, encoding) == language


def test_values_are_filled_in() -> None:
    assert LANGUAGE == "en"
    assert _("{count} comptes.", count=3) == "3 accounts."


@pytest.mark.parametrize(
    ("locale", "said"), [("fr_FR.UTF-8", "Les comptes des personnes."), ("C.UTF-8", "People's accounts.")]
)
def test_help_is_in_one_language(locale: str, said: str) -> None:
    environment = {**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": "utf-8", "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-m", "mailserver", "--help"], env=environment, capture_output=True, text=True, check=True
    )
    assert said in done.stdout
