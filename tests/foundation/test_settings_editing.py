"""One setting changes in a file that somebody wrote, and nothing else does."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.foundation.settings import SettingsError
from mailserver.foundation.settings.editing import has_value, with_values, without

URL = {"url": "sqlite:////x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('domain = "a.fr"\n', 'domain = "a.fr"\n\n[database]\nurl = "sqlite:////x"\n'),
        (
            "[database]\nurl = 'y' # là\nreaders = 3\n[web]\n",
            '[database]\nurl = "sqlite:////x" # là\nreaders = 3\n[web]\n',
        ),
        ("[ database ] # base\n# url = 'z'\n", "[ database ] # base\n# url = 'z'\nurl = \"sqlite:////x\"\n"),
        ("[web]\nurl = 'w'\n[database]\n[web.b]\n", "[web]\nurl = 'w'\n[database]\nurl = \"sqlite:////x\"\n[web.b]\n"),
        ("[database]\nurl = 'sqlite:////x'", "[database]\nurl = 'sqlite:////x'"),
        ("database.readers = 3\n[web]\n", 'database.readers = 3\ndatabase.url = "sqlite:////x"\n[web]\n'),
        ("database = {readers = 3}\n", 'database = {readers = 3,url = "sqlite:////x"}\n'),
        ("[database]\nurl = '''\na'''\n", '[database]\nurl = "sqlite:////x"\n'),
    ],
)
def test_set_where_it_belongs(text: str, expected: str) -> None:
    assert with_values(text, "database", URL) == expected


def test_a_heading_within_a_text_is_none() -> None:
    text = 'x = """\n[database]\n"""\n'
    assert with_values(text, "database", URL) == text + '\n[database]\nurl = "sqlite:////x"\n'


@given(st.text(max_size=40))
def test_every_character_is_quoted(value: str) -> None:
    assert tomllib.loads(with_values("", "database", {"url": value}))["database"]["url"] == value


@pytest.mark.parametrize(
    "octets",
    [
        '[octets]\nurl = "/srv/x"\ncache = 5\n',
        '[ octets ] # see [hosts]\n# [a note]\n  url="s3://a/b"\nendpoint = "https://s3.a.fr"\n',
        'octets.url = "/srv/x"\n',
        'octets = { url = "/srv/x" }\n',
        '[octets]\n"url" = "/srv/x"\n',
        "[octets]\ncache = 5\n",
        "",
    ],
)
def test_taken_out(octets: str) -> None:
    written = f'domain = "a.fr" # here\n{octets}[web]\nurl = "https://a.fr"\n'
    changed = without(written, "octets", "url")
    left = {name: value for name, value in tomllib.loads(written).get("octets", {}).items() if name != "url"}
    assert tomllib.loads(changed).get("octets", {}) == left
    assert tomllib.loads(changed)["web"] == {"url": "https://a.fr"}
    assert "# here" in changed
    assert has_value(written, "octets", "url") is ("url" in octets)
    assert not has_value(changed, "octets", "url")
    assert without(changed, "octets", "url") == changed


@pytest.mark.parametrize("text", ["database = 3\n", "[database\n", "a = 1\na = 2\n", "[[database]]\nurl = 'x'\n"])
def test_what_a_program_cannot_change_is_said(text: str) -> None:
    with pytest.raises(SettingsError):
        with_values(text, "database", URL)
