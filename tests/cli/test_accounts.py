"""`mailserver account`, `list` and `import`, as an operator types them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.operations.health import instance

HEADER = "given_name;surname;birth_date;role;numen;ine;uai;discipline;login;password"


class Console:
    """Runs commands on one instance."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        instance.create(folder, "ac-exemple.fr")
        self._runner = CliRunner()

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> Result:
        """The folder stands where DIR does; the command ends with `code`."""
        arguments = [str(self.folder) if word == "DIR" else word for word in words]
        result = self._runner.invoke(app, arguments, input=stdin, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code).stdout)

    def create(self, given_name: str = "Émilie", surname: str = "Dupont", *more: str) -> Any:
        named = ("--given-name", given_name, "--surname", surname, "--role", "teacher")
        return self.json("account", "create", "DIR", *named, *more)


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "instance")


def test_a_life(console: Console) -> None:
    made = console.create()
    assert (made["login"], made["address"]) == ("edupont", "emilie.dupont@ac-exemple.fr")
    assert len(made["code"]) == 19
    assert console.create("Éric")["login"] == "edupont1"
    shown = console.json("account", "show", "DIR", "emilie.dupont@ac-exemple.fr")
    assert (shown["state"], shown["activated"], shown["role"]) == ("not-activated", "", "teacher")
    console("account", "passwd", "DIR", "edupont", stdin="comme on veut\n")
    assert console.json("account", "show", "DIR", "edupont")["state"] == "active"
    suspended = console.json("account", "suspend", "DIR", "edupont", "--reason", "absence", "--may-receive")
    assert (suspended["state"], suspended["may_receive"], suspended["reason"]) == ("suspended", True, "absence")
    assert "active" in console("account", "resume", "DIR", "edupont").stdout
    assert len(console.json("account", "reset", "DIR", "edupont")["code"]) == 19
    assert console.json("account", "show", "DIR", "edupont")["state"] == "not-activated"
    assert console.json("account", "delete", "DIR", "edupont", "--reason", "retraite")["state"] == "closed"
    assert console.create()["login"] == "edupont2"


def test_listing(console: Console) -> None:
    console.create("Émilie", "Dupont", "--uai", "0210006T")
    console.create("Samir", "Kaci")
    console("account", "suspend", "DIR", "skaci")
    assert [one["login"] for one in console.json("account", "list", "DIR")] == ["edupont", "skaci"]
    for options, logins in (
        (("--search", "DUPON"), ["edupont"]),
        (("--state", "suspended"), ["skaci"]),
        (("--uai", "0210006t"), ["edupont"]),
        (("--role", "pupil"), []),
    ):
        assert [one["login"] for one in console.json("account", "list", "DIR", *options)] == logins
    assert "emilie.dupont@ac-exemple.fr" in console("account", "list", "DIR").stdout


def test_refusals_are_one_line(console: Console) -> None:
    for words in (
        ("account", "show", "DIR", "nobody"),
        ("account", "resume", "DIR", "nobody"),
        ("account", "create", "DIR", "--given-name", "A", "--surname", "B", "--role", "pupil", "--numen", "x"),
        ("list", "show", "DIR", "nothing"),
    ):
        result = console(*words, code=1)
        assert len(result.stderr.strip().splitlines()) == 1
    console("account", "passwd", "DIR", "nobody", code=2, stdin="\n")
    console("account", "suspend", "/nonexistent", "nobody", code=2)


def test_lists(console: Console) -> None:
    console.create()
    console("list", "create", "DIR", "profs", "--name", "Professeurs", "-m", "edupont", "-m", "dehors@example.org")
    console("list", "create", "DIR", "tous@ac-exemple.fr", "-m", "profs")
    shown = console.json("list", "show", "DIR", "tous")
    assert shown["members"] == ["profs@ac-exemple.fr"]
    assert shown["receivers"] == ["dehors@example.org", "edupont@ac-exemple.fr"]
    console("list", "members", "DIR", "profs", "--remove", "dehors@example.org", "--add", "postmaster")
    assert console.json("list", "show", "DIR", "profs")["members"] == [
        "edupont@ac-exemple.fr",
        "postmaster@ac-exemple.fr",
    ]
    assert [one["address"] for one in console.json("list", "show", "DIR")] == [
        "profs@ac-exemple.fr",
        "tous@ac-exemple.fr",
    ]
    console("list", "create", "DIR", "edupont", code=1)
    console("list", "create", "DIR", "a b", code=1)
    console("list", "delete", "DIR", "profs")
    console("list", "delete", "DIR", "profs", code=1)


def test_importing(console: Console, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    lines = (HEADER, "Émilie;Dupont;;teacher;;;0210006T;;;", "A;B;;king;;;;;;", "Zoé;Roy;;pupil;;;0450000A;;;Pass-1")
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    foreseen = console.json("import", "DIR", str(path), "--dry-run", code=1)
    assert (foreseen["created"], foreseen["refused"], foreseen["dry_run"]) == (2, 1, True)
    assert console.json("account", "list", "DIR") == []
    done = console.json("import", "DIR", str(path), "--accept-passwords", code=1)
    assert (done["created"], done["activated"], done["refused_lines"][0]["number"]) == (2, 1, 3)
    assert [one["number"] for one in done["warnings"]] == [4]
    text = console("import", "DIR", str(path), "--strict", code=1).stdout
    assert "line 3: refused: role" in text
    assert "line 4: refused: uai" in text
    path.write_text("\n".join(lines[:2]))
    assert console.json("import", "DIR", str(path))["unchanged"] == 1


@pytest.mark.parametrize("content", [None, b"", b"a,b,c\n", b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_imported(console: Console, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_bytes(content)
    result = console("import", "DIR", str(path), code=2)
    assert len(result.stderr.strip().splitlines()) == 1
    assert str(path) in result.stderr.replace("\n", "")


def test_an_external_directory_is_not_imported_into(console: Console, tmp_path: Path) -> None:
    settings = console.folder / "mailserver.toml"
    section = '\n[ldap]\nurl = "ldap://127.0.0.1:1"\nbase = "dc=x"\n'
    settings.write_text(settings.read_text() + section)
    assert "belongs to somebody else" in console("import", "DIR", str(tmp_path / "x.csv"), code=2).stderr
    assert "external" in console("list", "show", "DIR", code=2).stderr
    assert console.json("account", "list", "DIR") == []
