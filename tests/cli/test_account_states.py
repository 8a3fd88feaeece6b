"""The states of an account as an operator types them."""

import datetime
import json
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.operations.health import instance
from tests.hatchery import ROOT, search_path


class Console:
    """Runs `mailserver account` on one instance."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        instance.create(folder, "ac-exemple.fr")
        self._runner = CliRunner()

    def __call__(self, verb: str, *words: str, code: int = 0, stdin: str | None = None) -> Result:
        """The command ends with `code`; a fault is one line."""
        result = self._runner.invoke(
            app, ["account", verb, str(self.folder), *words], input=stdin, catch_exceptions=False
        )
        assert result.exit_code == code, result.output
        if code:
            assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        return result

    def json(self, verb: str, *words: str, code: int = 0) -> Any:
        return json.loads(self(verb, *words, "--json", code=code).stdout)


@pytest.fixture
def console(tmp_path: Path) -> Console:
    console = Console(tmp_path / "instance")
    console("create", "--given-name", "Émilie", "--surname", "Dupont", "--role", "teacher")
    console("passwd", "edupont", stdin="comme on veut\n")
    return console


def test_suspended_for_a_time(console: Console) -> None:
    words = ("edupont", "--from", "2098-03-01", "--until", "02/03/2098", "--reason", "absence", "--may-receive")
    shown = console.json("suspend", *words)
    assert shown["state"] == "active"
    assert shown["suspend_from"] == "2098-02-28T23:00:00+00:00", "midnight in the academy's zone"
    assert shown["suspend_until"] == "2098-03-02T23:00:00+00:00", "to the end of that day"
    assert (shown["reason"], shown["may_receive"]) == ("absence", True)
    assert "active" in console("resume", "edupont").stdout
    assert console.json("show", "edupont")["suspend_from"] == ""
    said = console("suspend", "edupont", "--until", "2098-03-01 08:30").stdout
    assert said == "edupont: suspended, until 2098-03-01T07:30:00+00:00\n"
    console("suspend", "edupont", "--until", "2001-01-01", code=1)
    console("suspend", "edupont", "--from", "tomorrow", code=2)
    console("suspend", "nobody", code=1)
    console("resume", "edupont")
    console("resume", "edupont", code=1)


def test_closed_on_a_day_and_kept(console: Console) -> None:
    shown = console.json("close", "edupont", "--at", "2098-07-01", "--reason", "retraite", "--grace", "10")
    assert (shown["state"], shown["close_reason"]) == ("active", "retraite")
    assert shown["close_at"] == "2098-06-30T22:00:00+00:00"
    assert shown["erase_at"] == "2098-07-10T22:00:00+00:00"
    assert console.json("keep", "edupont")["close_at"] == ""
    console("keep", "edupont", code=1)
    console("close", "edupont", "--at", "2001-01-01", code=1)


def test_closed_restored_erased(console: Console) -> None:
    shown = console.json("close", "edupont", "--reply", "Partie. / Gone.")
    assert (shown["state"], shown["auto_reply"]) == ("closed", "Partie. / Gone.")
    assert shown["reply_until"]
    assert shown["erase_at"]
    assert console.json("restore", "edupont")["state"] == "active"
    console("restore", "edupont", code=1)
    console("erase", "edupont", "--yes", code=1)
    shown = console.json("delete", "edupont", "--reason", "retraite")
    assert (shown["state"], shown["reply_until"], shown["reason"]) == ("closed", "", "retraite")
    console("suspend", "edupont", code=1)
    console("erase", "edupont", code=2)
    erased = console.json("erase", "edupont", "--yes")
    assert erased["erased"]
    assert console.json("show", "edupont")["erased"] == erased["erased"]
    console("erase", "edupont", "--yes", code=1)
    console("restore", "edupont", code=1)
    assert "edupont" not in [one["login"] for one in console.json("list")]
    again = console.json("create", "--given-name", "Émilie", "--surname", "Dupont", "--role", "teacher")
    assert (again["login"], again["address"]) == ("edupont1", "emilie.dupont1@ac-exemple.fr")


def test_when_a_password_expires(console: Console) -> None:
    shown = console.json("show", "edupont")
    set_on, ends = (datetime.datetime.fromisoformat(shown[name]) for name in ("password_set", "password_expires"))
    assert (ends - set_on).days == 365
    assert (shown["password_expired"], shown["renewal_notices"]) == (False, 0)
    with sqlite3.connect(console.folder / "data" / "mail.db") as database:
        database.execute("UPDATE account SET password_set = 1000, renewal_notice = 3, renew_by = 2000000")
    database.close()
    shown = console.json("show", "edupont")
    assert (shown["password_expired"], shown["renewal_notices"]) == (True, 3)
    settings = console.folder / "mailserver.toml"
    settings.write_text(settings.read_text() + "\n[passwords]\nrenewal_days = 0\n")
    shown = console.json("show", "edupont")
    assert (shown["password_expires"], shown["password_expired"]) == ("", False)


def test_quota_names_and_hiding(console: Console) -> None:
    assert console.json("quota", "edupont")["default"] is True
    assert console.json("quota", "edupont", "2G")["quota"] == 2 * 1024**3
    assert console.json("quota", "edupont", "none")["quota"] == 0
    assert console.json("quota", "edupont", "500 Mo")["quota"] == 500 * 1024**2
    assert console.json("quota", "edupont", "default")["default"] is True
    console("quota", "edupont", "much", code=2)
    assert "edupont" in console("quota", "edupont").stdout
    console("hide", "edupont")
    assert console.json("show", "edupont")["hidden"] is True
    console("unhide", "edupont")
    assert console.json("show", "edupont")["hidden"] is False
    shown = console.json("change", "edupont", "--surname", "Durand", "--role", "staff")
    assert (shown["address"], shown["role"], shown["login"]) == ("emilie.durand@ac-exemple.fr", "staff", "edupont")
    assert "emilie.dupont@ac-exemple.fr" in shown["aliases"]
    console("change", "edupont", code=2)


def test_exported(console: Console, tmp_path: Path) -> None:
    output = tmp_path / "out.zip"
    told = console.json("export", "edupont", str(output))
    assert (told["login"], told["file"], told["messages"]) == ("edupont", str(output), 0)
    assert output.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(output) as file:
        assert json.loads(file.read("profil.json"))["login"] == "edupont"
    console("export", "edupont", str(output), code=2)
    console("export", "nobody", str(tmp_path / "none.zip"), code=1)
    console("export", "edupont", str(tmp_path / "nowhere" / "out.zip"), code=2)
    also = CliRunner().invoke(app, ["export", str(console.folder), "edupont", str(tmp_path / "also.zip")])
    assert also.exit_code == 0, also.output
    assert (tmp_path / "also.zip").stat().st_size == output.stat().st_size
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "verb",
    ["suspend", "resume", "close", "delete", "keep", "restore", "erase", "export", "quota", "hide", "unhide", "change"],
)
def test_every_command_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(app, ["account", verb, "--help"])
    assert result.exit_code == 0
    assert "LOGIN" in result.output
    assert "--json" in result.output


def test_names_are_shown_whatever_the_terminal_can(console: Console) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mailserver", "account", "list", str(console.folder)],
        env={"PYTHONPATH": search_path(), "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "?milie Dupont" in done.stdout
