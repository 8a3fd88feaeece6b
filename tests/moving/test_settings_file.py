"""Two settings change in a file that somebody wrote, and nothing else does."""

import tomllib
from pathlib import Path

import pytest

from mailserver.moving.settings_file import BEFORE, with_values, write
from mailserver.store.moving.ends import CannotMove

URL = 'postgresql://m:"\\@h/b'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('domain = "a.fr"\n', 'domain = "a.fr"\n\n[database]\nurl = "sqlite:////x"\n'),
        ("[database]\nurl = 'y' # là\nreaders = 3\n[web]\n", '[database]\nurl = "sqlite:////x"\nreaders = 3\n[web]\n'),
        ("[ database ] # base\n# url = 'z'\n", "[ database ] # base\nurl = \"sqlite:////x\"\n# url = 'z'\n"),
        (
            "[web]\nurl = 'w'\n[database]\n\n[octets]",
            "[web]\nurl = 'w'\n[database]\nurl = \"sqlite:////x\"\n\n[octets]\n",
        ),
        ("[database]\nurl = 'sqlite:////x'", "[database]\nurl = 'sqlite:////x'"),
    ],
)
def test_set_where_it_belongs(text: str, expected: str) -> None:
    assert with_values(text, "database", {"url": "sqlite:////x"}) == expected


def test_every_character_is_quoted() -> None:
    assert tomllib.loads(with_values("", "database", {"url": URL}))["database"]["url"] == URL


@pytest.mark.parametrize(
    "text",
    [
        "database = {readers = 3}\n",
        'x = """\n[database]\n"""\n',
        "database.readers = 3\n",
        "[database]\nurl = '''\na'''",
    ],
)
def test_what_a_program_cannot_change_is_said(text: str) -> None:
    with pytest.raises(CannotMove):
        with_values(text, "database", {"url": "sqlite:////x"})


def test_what_was_there_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "mailserver.toml"
    path.write_text("a = 1\n")
    path.chmod(0o640)
    write(tmp_path, "b = 2\n")
    write(tmp_path, "c = 3\n")
    assert path.read_text() == "c = 3\n"
    assert (tmp_path / BEFORE).read_text() == "b = 2\n"
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o640}
